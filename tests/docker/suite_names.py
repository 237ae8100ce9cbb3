"""Names inside containers: what `/etc/resolv.conf`, `/etc/hosts` and Docker's own name server say."""

import os
import tempfile
import unittest
from pathlib import Path

from engine import NOTHING, Container, base, docker, healthcheck, image, name


def setUpModule():
    base()


class Names(unittest.TestCase):
    def test_a_name_server_that_never_answers_meets_our_timeout(self):
        made = image('CMD ["/part", "silent", "53"]', healthcheck("--timeout", "1s", "tcp://api.test:5432"))
        # The engine's own folder may be elsewhere: a mount wants a path that it sees too.
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            Path(folder, "resolv.conf").write_text("nameserver 127.0.0.1\n")
            options = ["-v", f"{folder}/resolv.conf:/etc/resolv.conf:ro"]
            with Container(made, options=options) as container:
                entry = container.until("unhealthy")
                self.assertEqual(entry["ExitCode"], 1)
                wanted = "unhealthy: tcp://api.test:5432: timed out after 1 s while resolving api.test by 127.0.0.1\n"
                self.assertEqual(entry["Output"], wanted)

    def test_no_name_server_there_is_said_at_once(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            Path(folder, "resolv.conf").write_text("nameserver 127.0.0.1\n")
            options = ["-v", f"{folder}/resolv.conf:/etc/resolv.conf:ro"]
            with Container(base(), "/part", "idle", options=options) as container:
                done = container.exec("/healthcheck", "tcp://api.test:5432")
                wanted = "unhealthy: tcp://api.test:5432: resolving api.test by 127.0.0.1: Connection refused (os error 111)\n"
                self.assertEqual((done.returncode, done.stdout, done.stderr), (1, wanted, ""))

    def test_a_name_of_etc_hosts(self):
        made = image('CMD ["/demo-server"]', healthcheck("http://api.test:8080/healthz"))
        with Container(made, options=["--add-host", "api.test:127.0.0.1"]) as container:
            self.assertIn(": 200 OK in ", container.until("healthy")["Output"])

    def test_a_container_is_found_by_its_name(self):
        network = name()
        made = docker("network", "create", network, ok=False)
        if made.returncode != 0:
            # An engine without a bridge (scripts/docker-engine starts one where it must) has only the host's network and none.
            if os.environ.get("CI"):
                self.fail(made.stderr)
            self.skipTest("this engine has no networks")
        limits = [network if word == "none" else word for word in NOTHING]
        try:
            with Container(base(), "/part", "idle", limits=limits) as api:
                with Container(base(), "/part", "idle", limits=limits) as container:
                    done = container.exec("/healthcheck", f"tcp://{api.name}:5432")
                    self.assertRegex(done.stdout, r"\Aunhealthy: .*: connecting to 1[0-9.]+:5432: Connection refused \(os error 111\)\n\Z")
                    done = container.exec("/healthcheck", "--timeout", "20s", f"tcp://{name()}:5432")
                    self.assertRegex(done.stdout, r"\Aunhealthy: .*: resolving \S+ by 127\.0\.0\.11: ")
        finally:
            docker("network", "rm", network)
