"""Podman: the HEALTHCHECK of an image in Docker's format, and the unit of examples/ as Quadlet hands it to Podman."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import engine
import standin

UNIT = engine.ROOT / "examples/podman.container"
IMAGE = "registry.example.org/shop/web:1"

# Ours alone, and without systemd, which has the timers; so each check is asked for.
GLOBAL = ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]
# Podman's first choice, crun, refuses a machine that has both versions of cgroups; Docker's own does not.
GLOBAL += ["--runtime", "runc"] if shutil.which("runc") else []
LIMITS = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--stop-timeout", "0"]


class Podman(unittest.TestCase):
    def setUp(self):
        standin.needs("/usr/bin/podman")
        self.folder = tempfile.mkdtemp()
        self.addCleanup(self.drop)
        self.addCleanup(self.podman, "rm", "-af", ok=False)
        context = Path(self.folder, "context")
        context.mkdir()
        for file in (engine.exe(), engine.server("examples/demo-server.rs")):
            shutil.copy(file, context)
        lines = ["FROM scratch", "COPY healthcheck demo-server /", engine.healthcheck("-t", "2s", "http://localhost:8080/healthz", interval="10s"),
                 'CMD ["/demo-server"]']  # fmt: skip
        Path(context, "Dockerfile").write_text("\n".join(lines) + "\n")

    def drop(self):
        # Podman's own clean-up of a container goes on in the background for a moment, and writes there.
        for _ in range(100):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not os.path.exists(self.folder):
                return
            time.sleep(0.1)
        shutil.rmtree(self.folder)

    def podman(self, *args, ok=True):
        done = subprocess.run(["podman", "--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run", *GLOBAL, *args],
                              capture_output=True, text=True, timeout=120)  # fmt: skip
        if ok and done.returncode != 0:
            raise AssertionError(f"podman {args}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, name, image, *options):
        """A container of that image, once its service answers."""
        self.podman("run", "-d", "--name", name, *LIMITS, *options, image)
        self.podman("exec", name, "/healthcheck", "--wait", "30s", "http://localhost:8080/healthz")

    def asked(self, name):
        """One check; its exit code and the last entry of the health log."""
        code = self.podman("healthcheck", "run", name, ok=False).returncode
        health = json.loads(self.podman("inspect", "--type", "container", name).stdout)[0]["State"]["Health"]
        return code, health["Log"][-1]["Output"]

    def test_the_image_keeps_its_healthcheck_in_dockers_format_only(self):
        self.podman("build", "--format", "docker", "-t", "localhost/docker", f"{self.folder}/context")
        lost = self.podman("build", "--format", "oci", "-t", "localhost/oci", f"{self.folder}/context")
        self.assertIn("HEALTHCHECK is not supported for OCI image format", lost.stdout + lost.stderr)
        for image in ("docker", "oci"):
            self.start(image, f"localhost/{image}")
        self.assertEqual(self.asked("docker")[0], 0)
        self.assertRegex(self.asked("docker")[1], r"\Ahealthy: http://localhost:8080/healthz: 200 OK in [\d.]+ m?s\n?\Z")
        # More than it keeps: what comes first stays.
        targets = ["http://localhost:8080/healthz", *[f"http://localhost:8080/{'x' * 200}"] * 3]
        command = json.dumps(["/healthcheck", *targets, "--any"])
        self.start("long", "localhost/docker", "--health-cmd", command)
        code, output = self.asked("long")
        self.assertEqual((code, len(output)), (0, 500), output)
        self.assertRegex(output, r"\Aunhealthy: http://localhost:8080/x+")
        none = self.podman("healthcheck", "run", "oci", ok=False)
        self.assertIn("has no defined healthcheck", none.stdout + none.stderr)

    def test_an_image_mounted_into_one_that_lacks_it(self):
        context = f"{self.folder}/context"
        for name, lines in (("probe", "COPY healthcheck /\n"), ("app", 'COPY demo-server /\nCMD ["/demo-server"]\n')):
            Path(context, f"{name}.Dockerfile").write_text(f"FROM scratch\n{lines}")
            self.podman("build", "-f", f"{context}/{name}.Dockerfile", "-t", f"localhost/{name}", context)
        mount = "type=image,source=localhost/probe,destination=/probe"
        command = json.dumps(["/probe/healthcheck", "-t", "2s", "http://localhost:8080/healthz"])
        self.podman("run", "-d", "--name", "app", *LIMITS, "--mount", mount, "--health-cmd", command, "localhost/app")
        self.podman("exec", "app", "/probe/healthcheck", "--wait", "30s", "http://localhost:8080/healthz")
        code, output = self.asked("app")
        self.assertEqual(code, 0, output)
        self.assertRegex(output, r"\Ahealthy: http://localhost:8080/healthz: 200 OK in [\d.]+ m?s\n?\Z")
        self.assertNotEqual(self.podman("exec", "app", "/healthcheck", ok=False).returncode, 0)

    def test_the_unit(self):
        quadlet = subprocess.run([engine.ROOT / "scripts/newer", "/usr/libexec/podman/quadlet", "podman"],
                                 check=True, stdout=subprocess.PIPE, text=True).stdout.strip()  # fmt: skip
        units = Path(self.folder, "units")
        units.mkdir()
        shutil.copy(UNIT, units / "web.container")
        done = subprocess.run([quadlet, "-dryrun", "-user"], env={"QUADLET_UNIT_DIRS": str(units), "HOME": self.folder}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        command = next(line for line in done.stdout.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
        words = shlex.split(command)
        self.assertEqual((words[1], words[-1]), ("run", IMAGE))
        # What health is about, as the generator wrote it; the rest is for systemd.
        health = []
        for option, value in zip(words, words[1:]):
            if option.startswith("--health-"):
                health += [option, value]
        self.assertEqual(health[health.index("--health-on-failure") + 1], "kill")
        self.assertIn("--sdnotify=healthy", words)
        self.podman("build", "-t", IMAGE, f"{self.folder}/context")
        self.start("web", IMAGE, *health)
        self.assertEqual(self.asked("web")[0], 0)
        self.assertRegex(self.asked("web")[1], r"\Ahealthy: http://localhost:8080/healthz: 200 OK in [\d.]+ m?s\n?\Z")
        # The service says that it is sick: three times, and it is killed.
        self.podman("exec", "web", "/healthcheck", "-X", "POST", "http://localhost:8080/sick")
        code, output = self.asked("web")
        self.assertEqual(code, 1)
        self.assertRegex(output, r'\Aunhealthy: http://localhost:8080/healthz: status 503, want 200-399: \{"db":"timeout"\}(\\n)?\n?\Z')
        for _ in range(2):
            self.podman("healthcheck", "run", "web", ok=False)
        state = json.loads(self.podman("inspect", "--type", "container", "web").stdout)[0]["State"]
        self.assertEqual((state["Running"], state["ExitCode"]), (False, 137), state)
