"""The executables for aarch64 under qemu's user emulation: one check, several at once in threads, TLS."""

import subprocess
import unittest

import measure

QEMU = "qemu-aarch64-static"


class Aarch64(unittest.TestCase):
    def check(self, flavour, *args):
        measure.need(QEMU)
        exe = measure.build("aarch64", flavour)
        done = subprocess.run([QEMU, exe, *args], env=measure.ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    def test_one_check_and_its_exit_code(self):
        with measure.Nginx() as nginx:
            for flavour in ("default", "plain", "loopback", "plain-loopback"):
                code, out, err = self.check(flavour, nginx.http)
                self.assertEqual((code, err), (0, ""), out)
                self.assertRegex(out, r"\Ahealthy: \S+: 200 OK in ")
                code, out, err = self.check(flavour, "tcp://127.0.0.1:1")
                self.assertEqual((code, err), (1, ""), out)
                self.assertIn("Connection refused (os error 111)", out)

    def test_many_checks_in_threads(self):
        # Each has a thread, and std gives each thread a name: a call that the small build links away.
        with measure.Nginx() as nginx:
            for flavour in ("default", "plain"):
                code, out, err = self.check(flavour, *[nginx.http, "tcp://127.0.0.1:1"] * 8, "--any")
                self.assertEqual((code, err, out.count(": 200 OK in ")), (0, "", 8), out)

    def test_tls_is_verified(self):
        with measure.Nginx() as nginx:
            code, out, err = self.check("default", "--cacert", nginx.ca, "-t", "60s", nginx.https)
            self.assertEqual((code, err), (0, ""), out)
            code, out, err = self.check("default", "-t", "60s", nginx.https)
            self.assertEqual((code, err), (1, ""), out)
            self.assertIn("issuer", out)

    def test_local_checks(self):
        code, out, err = self.check("plain", "pid:1", "file:///etc/passwd", "disk:///", "--min-free", "1")
        self.assertEqual((code, err), (0, ""), out)
