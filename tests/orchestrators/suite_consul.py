"""A real Consul agent with script checks: what it makes of the exit code, and whether its DNS still hands the instance out."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import images

URL = "http://127.0.0.1:8080/healthz"


class Agent:
    """In namespaces of its own with the service that it watches, so every port is free."""

    def __init__(self, program, services):
        self.folder = Path(tempfile.mkdtemp(prefix="hc-consul.", dir="/tmp"))
        (self.folder / "services.json").write_text(json.dumps({"services": services}))
        agent = [program, "agent", "-dev", "-bind", "127.0.0.1", "-enable-local-script-checks", "-config-file", self.folder / "services.json"]
        script = 'ip link set lo up; "$1" & shift; exec "$@"'
        command = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script, "agent", images.programs()["demo-server"], *agent]
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]})

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)

    def healthcheck(self, *args):
        """Runs the executable beside the agent; its exit code and what it printed."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children:
            return 1, "the agent has not begun"
        enter = ["nsenter", "-t", children[0], "-n", "--", images.programs()["healthcheck"], *args]
        done = subprocess.run(enter, capture_output=True, text=True, timeout=30, env={})
        return done.returncode, done.stdout + done.stderr

    def until(self, seconds, *args):
        """Waits until that check is healthy."""
        code, output = self.healthcheck("--wait", f"{seconds}s", "--interval", "100ms", *args)
        assert code == 0, output + (self.folder / "log").read_text()[-3000:]

    def is_seen_as(self, name, status, output):
        """Waits until the agent says that of the service's check."""
        api = f"http://127.0.0.1:8500/v1/health/checks/{name}"
        self.until(20, api, "--expect-json", f"/0/Status={status}", "--expect", output)


def service(name, *options):
    check = {"args": [str(images.programs()["healthcheck"]), *options, "-t", "2s", URL], "interval": "1s", "timeout": "3s"}
    return {"name": name, "port": 8080, "address": "127.0.0.1", "check": check}


@pytest.fixture(scope="module")
def agent():
    find = [images.ROOT / "scripts/newer", "/usr/bin/consul", "consul", "bullseye"]
    program = subprocess.run(find, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    made = Agent(program, [service("web", "--fail-code", "2"), service("plain")])
    try:
        end = time.monotonic() + 20
        while "has not begun" in made.healthcheck("tcp://127.0.0.1:1")[1] and time.monotonic() < end:
            time.sleep(0.05)
        made.until(60, "http://127.0.0.1:8500/v1/status/leader", "--expect", ":8300")
        yield made
    finally:
        made.stop()


def in_dns(agent, name):
    return agent.healthcheck("dns://127.0.0.1:8600/" + f"{name}.service.consul")


def test_critical_is_what_takes_an_instance_out(agent):
    for name in ("web", "plain"):
        agent.is_seen_as(name, "passing", "200 OK")
        code, output = in_dns(agent, name)
        assert code == 0 and "127.0.0.1" in output, output
    assert agent.healthcheck("-X", "POST", "http://127.0.0.1:8080/sick")[0] == 0
    agent.is_seen_as("web", "critical", "status 503, want 200-399")
    code, output = in_dns(agent, "web")
    assert code == 1 and "NXDOMAIN" in output, output
    # With the exit code of everything else it is only a warning, and the instance stays.
    agent.is_seen_as("plain", "warning", "status 503, want 200-399")
    code, output = in_dns(agent, "plain")
    assert code == 0 and "127.0.0.1" in output, output
    assert agent.healthcheck("-X", "POST", "http://127.0.0.1:8080/well")[0] == 0
    agent.is_seen_as("web", "passing", "200 OK")
    assert in_dns(agent, "web")[0] == 0
