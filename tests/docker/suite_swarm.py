"""The stack of examples/ under the engine's own swarm mode: updates that wait for health, and one that is rolled back."""

import json
import os
import time
import unittest

import pytest

import engine
from engine import docker, image

STACK = engine.ROOT / "examples/swarm-stack.yaml"
WEB = "registry.example.org/shop/web"

# Whether the engine got into its swarm by us, and has to leave it.
joined = []

# One swarm for all of them.
pytestmark = pytest.mark.xdist_group("swarm")


def setUpModule():
    state = docker("info", "--format", "{{.Swarm.LocalNodeState}}").stdout.strip()
    if state != "active":
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        joined.append(True)
    for version, lines in {
        "1": [],
        "2": ['LABEL version="2"'],
        # It comes up, and listens elsewhere.
        "3": ["ENV PORT=9090"],
    }.items():
        docker("tag", image('CMD ["/demo-server"]', *lines), f"{WEB}:{version}")
        engine.lent.append(f"{WEB}:{version}")


def tearDownModule():
    if joined:
        docker("swarm", "leave", "--force")
        docker("network", "rm", "docker_gwbridge", ok=False)


class Stack:
    """The stack from its first deployment to its removal."""

    def __enter__(self):
        self.name = engine.name()
        self.deploy("1")
        self.until(lambda: [task["CurrentState"].split()[0] for task in self.tasks()] == ["Running"] * 2, "two tasks of the first version")
        return self

    def __exit__(self, *_):
        docker("stack", "rm", self.name)

    def deploy(self, version):
        docker("stack", "deploy", "--resolve-image", "never", "-c", STACK, self.name, env=os.environ | {"VERSION": version})

    def tasks(self):
        lines = docker("service", "ps", "--no-trunc", "--format", "{{json .}}", f"{self.name}_web").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def service(self):
        return json.loads(docker("service", "inspect", f"{self.name}_web").stdout)[0]

    def until(self, met, what, seconds=180):
        end = time.monotonic() + seconds
        while not met():
            if time.monotonic() > end:
                raise AssertionError(f"{what} wanted: {self.service().get('UpdateStatus')}\n{self.tasks()}")
            time.sleep(0.2)

    def update(self):
        """How far the last update is, in the engine's word."""
        return self.service().get("UpdateStatus", {}).get("State")

    def healthy(self):
        """The versions that run in healthy containers of this stack."""
        found = docker("ps", "--filter", f"name={self.name}_web", "--filter", "health=healthy", "--format", "{{.Image}}").stdout.split()
        return [name.removeprefix(f"{WEB}:") for name in found]


class Swarm(unittest.TestCase):
    def test_an_update_waits_for_health(self):
        with Stack() as stack:
            stack.deploy("2")
            counts = []

            def completed():
                counts.append(len(stack.healthy()))
                return stack.update() == "completed"

            stack.until(completed, "an update that is completed")
            # No old one went before a new one was healthy.
            self.assertEqual(min(counts), 2, counts)
            stack.until(lambda: stack.healthy() == ["2", "2"], "two of the second version and no other")

    def test_an_unhealthy_version_is_rolled_back(self):
        with Stack() as stack:
            stack.deploy("3")
            stack.until(lambda: stack.update() == "rollback_completed", "a rollback that is completed")
            stack.until(lambda: stack.healthy() == ["1", "1"], "two of the first version and no other")
            self.assertTrue(stack.service()["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"].startswith(f"{WEB}:1"))
            failed = [task for task in stack.tasks() if task["CurrentState"].startswith("Failed")]
            self.assertEqual({task["Image"] for task in failed}, {f"{WEB}:3"})
            self.assertIn("unhealthy container", failed[0]["Error"])
            # What the container's owner finds in its log.
            container = docker("ps", "-aq", "--filter", f"name={stack.name}_web", "--filter", f"ancestor={WEB}:3").stdout.split()[0]
            log = json.loads(docker("inspect", container).stdout)[0]["State"]["Health"]["Log"]
            # The last one may have been killed with its container, before it said anything.
            refused = "unhealthy: http://localhost:8080/healthz: connecting to 127.0.0.1:8080: Connection refused (os error 111): "
            said = [entry["Output"] for entry in log]
            self.assertTrue(any(one.startswith(refused + "listening here: ") for one in said), said)
