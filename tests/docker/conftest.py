"""The order of the suites, an engine that answers, and what is removed at the end of each process."""

import subprocess

import pytest

import engine

# Those behind the middle mostly wait for swarms, servers and compilers.
ORDER = ["bare", "verdicts", "names", "local", "dropin", "wait", "examples", "documents", "swarm", "compose", "distroless", "podman", "proxies", "image"]


def pytest_sessionstart():
    try:
        engine.docker("info")
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        pytest.exit(f"no engine answers: {error}", 1)
    for flavour in ("default", "plain"):
        engine.exe(flavour)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: ORDER.index(item.path.stem.removeprefix("suite_")))


def pytest_sessionfinish():
    engine.clean_up()
