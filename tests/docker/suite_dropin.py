"""Probes that were written for a shell and curl, unchanged, in an image that has neither: the executable has their names."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

import engine
from engine import Container, base, docker, image

URL = "http://localhost:8080/healthz"
PROBE = f"curl -fsS {URL} || exit 1"
SERVER = ("ENV PORT=8080", 'CMD ["/demo-server"]')


def setUpModule():
    base()


def named(*lines):
    """The base with the executable called /bin/sh as well; what it starts is nothing."""
    return image(f"COPY --from={base()} /healthcheck /bin/sh", *SERVER, *lines)


class DropIn(unittest.TestCase):
    def turns(self, container):
        """Healthy; and unhealthy once the service says that it is."""
        entry = container.until("healthy")
        self.assertEqual(entry["ExitCode"], 0, entry)
        self.assertIn(f"healthy: {URL}: 200 OK in ", entry["Output"])
        self.assertEqual(container.exec("/healthcheck", "-X", "POST", "http://localhost:8080/sick").returncode, 0)
        entry = container.until("unhealthy")
        self.assertEqual(entry["ExitCode"], 1, entry)
        self.assertIn(f"unhealthy: {URL}: status 503, want 200-399", entry["Output"])

    def test_health_cmd_of_docker_run(self):
        timing = ["--health-interval", "500ms", "--health-retries", "1", "--health-cmd", PROBE]
        with Container(named(), options=timing) as container:
            self.turns(container)

    def test_the_shell_form_of_a_dockerfile(self):
        made = named(f"HEALTHCHECK --interval=500ms --retries=1 CMD {PROBE}")
        with Container(made) as container:
            # As Docker calls it: through the shell.
            self.assertEqual(container.inspect()["Config"]["Healthcheck"]["Test"], ["CMD-SHELL", PROBE])
            self.turns(container)

    def test_curl_by_name_in_the_exec_form(self):
        made = image(
            f"COPY --from={base()} /healthcheck /usr/bin/curl",
            *SERVER,
            f'HEALTHCHECK --interval=500ms --retries=1 CMD ["/usr/bin/curl", "-f", "{URL}"]',
        )
        with Container(made) as container:
            self.turns(container)

    def test_the_string_form_of_compose(self):
        project = engine.name()
        check = {"test": PROBE, "interval": "500ms", "retries": 1}
        service = {"image": named(), "container_name": project, "healthcheck": check, "network_mode": "none"}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "compose.yaml")
            file.write_text(json.dumps({"services": {"app": service}}))
            newer = [engine.ROOT / "scripts/newer", "/usr/libexec/docker/cli-plugins/docker-compose", "docker-compose"]
            program = subprocess.run(newer, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

            def compose(*words):
                subprocess.run([program, "-p", project, "-f", file, *words], check=True, capture_output=True, timeout=60)

            self.addCleanup(docker, "rm", "-f", project, ok=False)
            compose("up", "--detach", "--no-build", "--pull", "never")
            container = Container.__new__(Container)
            container.name = project
            self.turns(container)
            compose("down", "--timeout", "1")

    def test_what_is_not_read_is_said_and_nothing_starts(self):
        made = named("HEALTHCHECK --interval=500ms --retries=1 CMD /demo-server; exit 0")
        with Container(made) as container:
            entry = container.until("unhealthy")
            self.assertEqual(entry["ExitCode"], 1, entry)
            self.assertIn("'/demo-server' is not read here", entry["Output"])
