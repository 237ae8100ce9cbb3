"""Checks that connect to nothing, each in a scratch container."""

import unittest

from engine import NOTHING, Container, base, healthcheck, image


def setUpModule():
    base()


class Local(unittest.TestCase):
    maxDiff = None

    def test_process_1_its_name_and_its_port(self):
        made = image('CMD ["/demo-server"]', healthcheck("pid:1", "process:demo-server", "listen:8080", "listen:127.0.0.1:8080"))
        with Container(made) as container:
            entry = container.until("healthy")
            self.assertEqual(entry["ExitCode"], 0)
            self.assertRegex(
                entry["Output"],
                r"\Ahealthy: pid:1: .*\nhealthy: process:demo-server: 1 alive in \d+ ms\n"
                r"healthy: listen:8080: .*\nhealthy: listen:127\.0\.0\.1:8080: .*\n\Z",
            )

    def test_what_is_not_there_is_named(self):
        made = image('CMD ["/demo-server"]', healthcheck("pid:4000", "process:nginx", "listen:9", "listen:192.0.2.1:8080"))
        with Container(made) as container:
            entry = container.until("unhealthy")
            self.assertEqual(entry["ExitCode"], 1)
            lines = entry["Output"].splitlines()
            self.assertEqual([line.split(": ")[:2] for line in lines], [
                ["unhealthy", "pid:4000"], ["unhealthy", "process:nginx"], ["unhealthy", "listen:9"], ["unhealthy", "listen:192.0.2.1:8080"],
            ])  # fmt: skip
            self.assertRegex(lines[1], r"0 alive among \d+ processes, want at least 1")

    def test_a_zombie_is_not_alive(self):
        made = image('CMD ["/part", "zombie", "/demo-server"]', "ENV PORT=none", healthcheck("process:demo-server"))
        with Container(made) as container:
            entry = container.until("unhealthy")
            self.assertRegex(entry["Output"], r"\Aunhealthy: process:demo-server: .*0 alive and 1 zombie\(s\) among \d+ processes, want at least 1\n\Z")

    def test_a_port_that_opens_late(self):
        made = image('CMD ["/part", "late", "7000", "8"]', healthcheck("listen:7000"))
        with Container(made) as container:
            self.assertEqual(container.until("unhealthy")["ExitCode"], 1)
            self.assertEqual(container.until("healthy")["ExitCode"], 0)

    def test_a_heartbeat_goes_stale(self):
        made = image('CMD ["/part", "beat", "/run/beat", "8"]', healthcheck("file:///run/beat", "--max-age", "2s"))
        with Container(made, options=["--tmpfs", "/run:mode=1777"]) as container:
            self.assertRegex(container.until("healthy")["Output"], r"\Ahealthy: file:///run/beat: [05] bytes, modified .* ago in \d+ ms\n\Z")
            entry = container.until("unhealthy")
            self.assertEqual(entry["ExitCode"], 1)
            self.assertRegex(entry["Output"], r"\Aunhealthy: file:///run/beat: modified .* ago, want at most 2 s ago\n\Z")

    def test_memory_that_fills_up(self):
        # Docker's own start of a probe needs some of the memory too, so it is not filled to the brim.
        made = image('CMD ["/part", "fill", "26", "8"]', healthcheck("memory:", "--max-used", "70%"))
        with Container(made, options=["--memory-swap", "32m"], limits=[*NOTHING[:-1], "32m"]) as container:
            self.assertRegex(container.until("healthy")["Output"], r"\Ahealthy: memory:+ .* of 32 MiB \(.*%\) used, of the cgroup's limit in \d+ ms\n\Z")
            entry = container.until("unhealthy")
            self.assertEqual(entry["ExitCode"], 1)
            self.assertRegex(entry["Output"], r"\Aunhealthy: memory:+ used .* of 32 MiB \(.*%\), want at most 70 ?%: of the cgroup's limit\n\Z")
