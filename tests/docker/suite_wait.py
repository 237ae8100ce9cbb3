"""Waiting, and the installed copy: what init containers do."""

import time
import unittest

from engine import NOTHING, Container, base, docker, healthcheck, image, name


def setUpModule():
    base()


class Wait(unittest.TestCase):
    """`--wait` as the main process of an init container."""

    def test_ends_when_the_port_of_the_other_container_opens(self):
        with Container(base(), "/part", "late", "7000", "8") as other:
            init = [f"container:{other.name}" if word == "none" else word for word in NOTHING]
            with Container(base(), "/healthcheck", "--wait", "60s", "--interval", "200ms", "tcp://:7000", limits=init) as container:
                self.assertEqual(container.wait(), 0, container.logs())
                self.assertRegex(container.logs(), r"connected to 127\.0\.0\.1:7000")
                self.assertIn("Connection refused", container.logs())

    def test_ends_unhealthy_when_the_time_is_up(self):
        with Container(base(), "/healthcheck", "--wait", "1s", "--interval", "100ms", "tcp://:7000") as container:
            self.assertEqual(container.wait(), 1, container.logs())

    def test_sigterm_ends_it_at_once(self):
        # As process 1, to which the default action of a signal does not apply: between tries, and within one.
        for args in (["tcp://:7000"], ["--interval", "60s", "tcp://:7000"], ["-t", "60s", "dns://127.0.0.1:7001/name"]):
            with self.subTest(args), Container(base(), "/healthcheck", "--wait", "120s", *args) as container:
                time.sleep(1)
                started = time.monotonic()
                docker("stop", "-t", "15", container.name)
                self.assertLess(time.monotonic() - started, 8)
                self.assertEqual(container.inspect()["State"]["ExitCode"], 1)


class Install(unittest.TestCase):
    """`--install` into a volume that an image which nobody touched then uses."""

    def test_a_volume_for_an_image_that_one_does_not_own(self):
        volume = name()
        docker("volume", "create", volume)
        try:
            done = docker("run", "--rm", *NOTHING, "-v", f"{volume}:/shared", base(), "/healthcheck", "--install", "/shared/healthcheck")
            self.assertEqual(done.stderr, "")
            untouched = image('CMD ["/demo-server"]', healthcheck("http://localhost:8080/healthz", program="/shared/healthcheck"))
            with Container(untouched, options=["-v", f"{volume}:/shared:ro"]) as container:
                self.assertEqual(container.until("healthy")["ExitCode"], 0)
        finally:
            docker("volume", "rm", "-f", volume)
