"""A Docker engine in the hands of the tests: scratch images, containers that may do nothing, and what Docker says of them."""

import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DIST = ROOT / "target/dist"
CLIENT = os.environ.get("DOCKER", "docker")

# What every container of the tests must live with.
NOTHING = "--read-only --cap-drop ALL --security-opt no-new-privileges --network none --user 65532 --memory 8m".split()

# Names of this process's own; what bears one is removed at the end.
PREFIX = f"healthcheck-test-{os.getpid()}"
_number = itertools.count(1)

# Names of others' images that this run has given to stand-ins: removed at the end too.
lent = []


def name():
    return f"{PREFIX}-{next(_number)}"


def docker(*args, ok=True, timeout=60, **options):
    """Runs the client to its end; with `ok` its failure is the test's."""
    done = subprocess.run([CLIENT, *map(str, args)], capture_output=True, text=True, timeout=timeout, **options)
    if ok and done.returncode != 0:
        raise AssertionError(f"docker {' '.join(map(str, args))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def exe(flavour="default"):
    path = DIST / ("healthcheck" if flavour == "default" else f"healthcheck-{flavour}")
    if not path.is_file():
        sys.exit(f"{path} is missing: run `make dist`")
    return path


@functools.cache
def server(source):
    """A single Rust file, built statically."""
    command = [ROOT / "scripts/build-server", source]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@functools.cache
def python():
    """The Python of target/venv with the packages that the peers of tests/peers are made of."""
    done = subprocess.run([ROOT / "scripts/venv"], check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip())


@functools.cache
def base(flavour="default"):
    """Scratch with the executable, the demo's server and the tests' other part; an empty folder."""
    tag = f"{PREFIX}:base-{flavour}"
    with tempfile.TemporaryDirectory() as context:
        files = {"healthcheck": exe(flavour), "demo-server": server("examples/demo-server.rs"), "part": server("tests/docker/part.rs")}
        for file, source in files.items():
            shutil.copy(source, f"{context}/{file}")
        # A volume that is new takes its owner from the folder that it is mounted on.
        Path(context, "shared").mkdir()
        Path(context, "Dockerfile").write_text(f"FROM scratch\nCOPY {' '.join(files)} /\nCOPY --chown=65532:65532 shared /shared\n")
        docker("build", "-q", "-t", tag, context)
    return tag


def image(*lines, flavour="default"):
    """The base with these Dockerfile lines on top."""
    tag = f"{PREFIX}:{next(_number)}"
    docker("build", "-q", "-t", tag, "-", input="\n".join([f"FROM {base(flavour)}", *lines]) + "\n")
    return tag


def healthcheck(*args, interval="500ms", timeout="20s", program="/healthcheck"):
    """The HEALTHCHECK line in exec form; unhealthy at the first failure."""
    return f"HEALTHCHECK --interval={interval} --timeout={timeout} --retries=1 CMD {json.dumps([program, *args])}"


class Container:
    """A container from its start to its removal."""

    def __init__(self, image, *command, options=(), limits=NOTHING):
        self.name = name()
        docker("run", "-d", "--name", self.name, *limits, *options, image, *command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        docker("rm", "-f", "-v", self.name)

    def inspect(self):
        return json.loads(docker("inspect", self.name).stdout)[0]

    def until(self, status, seconds=40):
        """The newest entry of the health log, once Docker says so."""
        end = time.monotonic() + seconds
        while True:
            state = self.inspect()["State"]
            health = state["Health"]
            if health["Status"] == status and health["Log"]:
                return health["Log"][-1]
            if time.monotonic() > end or not state["Running"]:
                raise AssertionError(f"{status} wanted: {json.dumps(state, indent=1)}\n{self.logs()}")
            time.sleep(0.1)

    def ready(self, target):
        """Waits until its service answers: it has been started, and on a busy machine that is all."""
        done = self.exec("/healthcheck", "--wait", "30s", "--interval", "100ms", target)
        if done.returncode != 0:
            raise AssertionError(f"{done.stdout}{done.stderr}{self.logs()}")

    def exec(self, *command, **options):
        return docker("exec", self.name, *command, ok=False, **options)

    def wait(self, seconds=40):
        """The exit code, once it has ended."""
        return int(docker("wait", self.name, timeout=seconds).stdout)

    def logs(self):
        done = docker("logs", self.name)
        return done.stdout + done.stderr


def clean_up():
    """Removes what bears this run's name, whatever became of the tests."""
    for kind, remove in (("container", "rm -f -v"), ("volume", "volume rm -f"), ("network", "network rm")):
        key = "{{.Names}}" if kind == "container" else "{{.Name}}"
        listed = docker(kind, "ls", *(["-a"] if kind == "container" else []), "--filter", f"name={PREFIX}-", "--format", key, ok=False)
        for found in listed.stdout.split():
            docker(*remove.split(), found, ok=False)
    tags = docker("image", "ls", PREFIX, "--format", "{{.Repository}}:{{.Tag}}", ok=False).stdout.split()
    # The newest first: the base last.
    for tag in tags + lent:
        docker("rmi", "-f", tag, ok=False)
