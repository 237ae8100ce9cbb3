"""The executables for other architectures under qemu's user emulation: one check, several at once in threads, TLS."""

import subprocess
import threading
import unittest

from websockets.sync.server import serve

import measure

# The second architecture of all flavours; of the others what a run of minutes can build: one each, and TLS where a number has
# 32 bits, where its first byte is the greatest, and where musl's threads have to be helped. `make qemu` has the rest.
QEMU = {
    "aarch64": ("qemu-aarch64-static", ["default", "plain", "loopback", "plain-loopback"]),
    "armv7": ("qemu-arm-static", ["plain", "default"]),
    "i686": ("qemu-i386-static", ["plain"]),
    "ppc64le": ("qemu-ppc64le-static", ["plain"]),
    "s390x": ("qemu-s390x-static", ["plain", "default"]),
    "riscv64": ("qemu-riscv64-static", ["plain", "default"]),
}


def emulated(qemu, *command):
    """The exit code, stdout and stderr of a command under `qemu`."""
    measure.need(qemu)
    done = subprocess.run([qemu, *command], env=measure.ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


class Qemu(unittest.TestCase):
    def check(self, arch, flavour, *args):
        qemu, _ = QEMU[arch]
        return emulated(qemu, measure.build(arch, flavour), *args)

    def each(self):
        for arch, (_, flavours) in QEMU.items():
            for flavour in flavours:
                with self.subTest(f"{arch} {flavour}"):
                    yield arch, flavour

    def test_one_check_and_its_exit_code(self):
        with measure.Nginx() as nginx:
            for which in self.each():
                code, out, err = self.check(*which, nginx.http)
                self.assertEqual((code, err), (0, ""), out)
                self.assertRegex(out, r"\Ahealthy: \S+: 200 OK in ")
                code, out, err = self.check(*which, "tcp://127.0.0.1:1")
                self.assertEqual((code, err), (1, ""), out)
                self.assertIn("Connection refused (os error 111)", out)

    def test_many_checks_in_threads(self):
        # Each has a thread, and std gives each thread a name: a call that the small build links away.
        with measure.Nginx() as nginx:
            for which in self.each():
                code, out, err = self.check(*which, *[nginx.http, "tcp://127.0.0.1:1"] * 8, "--any")
                self.assertEqual((code, err, out.count(": 200 OK in ")), (0, "", 8), out)

    def test_tls_is_verified(self):
        with measure.Nginx() as nginx:
            for arch, (_, flavours) in QEMU.items():
                if "default" in flavours:
                    with self.subTest(arch):
                        code, out, err = self.check(arch, "default", "--cacert", nginx.ca, "-t", "60s", nginx.https)
                        self.assertEqual((code, err), (0, ""), out)
                        code, out, err = self.check(arch, "default", "-t", "60s", nginx.https)
                        self.assertEqual((code, err), (1, ""), out)
                        self.assertIn("issuer", out)

    def test_tls_on_each_kind_of_processor(self):
        """ring has roads of its own for each of these (ring/src/lib.rs): without SSSE3, without AES, without AVX, with all that qemu has."""
        exe = measure.build("x86_64", "default")
        with measure.Nginx() as nginx:
            for model in ("qemu64", "Nehalem", "Westmere", "Haswell", "max"):
                with self.subTest(model):
                    body = [f"{nginx.https}body/{measure.BODIES[-1]}", "-e", "the end"]
                    code, out, err = emulated("qemu-x86_64-static", "-cpu", model, exe, "--cacert", nginx.ca, "-t", "60s", *body)
                    self.assertEqual(code, 0, out + err)

    def test_each_handshake(self):
        """All keys, curves, suites and versions, of servers and of clients, against OpenSSL."""
        for arch in ("armv7", "riscv64", "s390x"):
            with self.subTest(arch):
                command = [measure.ROOT / "scripts/qemu", "--default", arch, "tls::each_handshake"]
                done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("test result: ok. 1 passed", done.stdout)

    def test_websockets(self):
        """SHA-1 over what came and masked frames, in each byte order; the server is Python's `websockets`."""
        with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            target = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
            for which in self.each():
                code, out, err = self.check(*which, "-t", "60s", target)
                self.assertEqual((code, err), (0, ""), out)
                self.assertIn("a WebSocket, closed with 1000 in ", out)

    def test_local_checks(self):
        for which in self.each():
            code, out, err = self.check(*which, "pid:1", "file:///etc/passwd", "disk:///", "--min-free", "1")
            self.assertEqual((code, err), (0, ""), out)
            # Numbers of the kernel's tables, in its byte order.
            code, out, err = self.check(*which, "memory:", "listen:127.0.0.1:1", "process:none-such")
            self.assertEqual((code, err), (1, ""), out)
            self.assertEqual(out.count("\n"), 3, out)
            self.assertNotIn("unhealthy: memory:", out)
