"""examples/podman.container as it is, under a real systemd with Podman 5, which asks by systemd's timers and kills.

The image has the name that the unit gives it: the service of the demo and the executable.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

import images
import machine as machines

HERE = Path(__file__).resolve().parent
IMAGE = "registry.example.org/shop/web:1"
CONTAINER = "systemd-web"


@pytest.fixture(scope="module")
def machine():
    tree = subprocess.run([HERE / "trixie"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    made = machines.Machine(tree)
    try:
        layer = images.Layer("healthcheck", "demo-server")
        images.archive(made.root / "web.tar", IMAGE, layer, Entrypoint=["/demo-server"], Env=["PORT=8080"])
        made.start()
        made.run("podman", "load", "-q", "-i", "/web.tar")
        # A young machine would have started it before the image was there.
        made.write("etc/containers/systemd/web.container", (images.EXAMPLES / "podman.container").read_text())
        made.run("systemctl", "daemon-reload")
        yield made
    finally:
        made.stop()


def state(machine, container):
    return json.loads(machine.run("podman", "inspect", "--type", "container", container).stdout)[0]["State"]


def asked(machine, name, *command):
    """One check of a container of that name: its exit code and what the log of health has."""
    machine.run("podman", "run", "-d", "--name", name, "--network", "none", "--health-cmd", json.dumps(command), "--health-interval", "disable", IMAGE)
    code = machine.run("podman", "healthcheck", "run", name, ok=False).returncode
    return code, state(machine, name)["Health"]["Log"][-1]["Output"]


def test_the_unit(machine):
    # `Notify=healthy`: it is started when the first check says so.
    machine.run("systemctl", "start", "web.service")
    assert machine.run("systemctl", "is-active", "web.service").stdout == "active\n"
    first = state(machine, CONTAINER)
    assert first["Health"]["Status"] == "healthy"
    assert re.fullmatch(r"healthy: http://localhost:8080/healthz: 200 OK in [\d.]+ m?s\n?", first["Health"]["Log"][-1]["Output"])
    machine.run("podman", "exec", CONTAINER, "/healthcheck", "-X", "POST", "http://localhost:8080/sick")

    def failing():
        health = state(machine, CONTAINER)["Health"]
        return health["FailingStreak"] and health["Log"][-1]["Output"]

    said = machine.until("a failure", failing)
    assert re.fullmatch(r'unhealthy: http://localhost:8080/healthz: status 503, want 200-399: \{"db":"timeout"\}(\\n)?\n?', said), said

    def again():
        return int(machine.run("systemctl", "show", "-P", "NRestarts", "web.service").stdout) >= 1

    machine.until("a restart", again)
    journal = machine.run("journalctl", "--no-pager", "-u", "web.service").stdout
    assert re.search(r"Main process exited, code=exited, status=137", journal), journal
    machine.until("healthy again", lambda: machine.run("systemctl", "is-active", "web.service", ok=False).stdout == "active\n")
    second = json.loads(machine.run("podman", "inspect", CONTAINER).stdout)[0]
    assert (second["State"]["Health"]["Status"], second["State"]["Health"]["FailingStreak"]) == ("healthy", 0)
    assert second["State"]["StartedAt"] != first["StartedAt"]


def test_what_is_kept_of_a_long_output_has_the_reason(machine):
    """Podman 5 keeps 500 characters: those that fail come first."""
    healthy = [word for number in range(8) for word in ("tcp://localhost:8080", "--name", f"{'x' * 90}{number}")]
    code, kept = asked(machine, "long", "/healthcheck", *healthy, "http://localhost:8080/nowhere")
    assert (code, len(kept)) == (1, 500), kept
    assert re.match(r"unhealthy: http://localhost:8080/nowhere: status 404, want 200-399.*\nhealthy: x", kept), kept


def test_variables_are_systemds_first(machine):
    """What the README says of `HealthCmd=`: systemd expands ${X} of its own, `$${X}` reaches the executable."""
    unit = (images.EXAMPLES / "podman.container").read_text()
    unit = unit.replace("http://localhost:8080/healthz", "http://localhost:$${PORT}/healthz")
    machine.write("etc/containers/systemd/port.container", unit)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "port.service")
    said = state(machine, "systemd-port")["Health"]["Log"][-1]["Output"]
    assert re.match(r"healthy: http://localhost:\$\{PORT\}/healthz: 200 OK", said), said
