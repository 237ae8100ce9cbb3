"""Less than a container has: no /proc, /etc or /dev, no descriptors, and little of anything else."""

import os
import resource
import shutil
import subprocess
import tempfile
import unittest

import engine


def setUpModule():
    engine.server("examples/demo-server.rs")


class Bare(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        os.chmod(self.root, 0o755)
        shutil.copy(engine.exe(), f"{self.root}/healthcheck")
        # A quarter of an hour at most, even if this process is killed and cannot end it.
        server = subprocess.Popen(["timeout", "900", engine.server("examples/demo-server.rs"), "--port", "0"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.url = server.stdout.readline().strip()

        def end():
            server.terminate()
            server.wait()
            server.stdout.close()

        self.addCleanup(end)

    def check(self, *args, closed=False, limits=(), wanted=0):
        """Runs /healthcheck with that root, as a user that nobody knows; stdout and stderr."""
        chroot = ["chroot", "--userspec=65532:65532", "--groups=", self.root] if os.geteuid() == 0 else ["unshare", "-r", "chroot", self.root]
        if closed:
            # The shell closes what the executable then has not got.
            chroot = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *chroot]

        def limit():
            for kind, most in limits:
                resource.setrlimit(kind, (most, most))

        done = subprocess.run([*chroot, "/healthcheck", *args], env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, preexec_fn=limit)  # fmt: skip
        self.assertEqual(done.returncode, wanted, done)
        return done.stdout + done.stderr

    def test_http_and_tcp_without_proc_etc_and_dev(self):
        tcp = self.url.replace("http", "tcp")
        self.assertIn(": 200 OK in ", self.check(f"{self.url}/healthz"))
        self.assertIn(": connected to 127.0.0.1", self.check(tcp))
        self.assertEqual(self.check(f"{self.url}/healthz", tcp).count("healthy: "), 2)

    def test_and_with_all_descriptors_closed(self):
        # Nor is there a /dev/null that could take their place.
        tcp = self.url.replace("http", "tcp")
        for args, code in [([f"{self.url}/healthz"], 0), ([tcp], 0), ([f"{self.url}/healthz", tcp], 0),
                           ([f"{self.url}/none"], 1), (["tcp://:1"], 1), (["--help"], 0), ([], 1), (["--no-such"], 1)]:  # fmt: skip
            with self.subTest(args):
                self.assertEqual(self.check(*args, closed=True, wanted=code), "")

    def test_localhost_is_known_without_etc_hosts(self):
        port = self.url.rpartition(":")[2]
        self.assertIn(": 200 OK in ", self.check(f"http://localhost:{port}/healthz"))
        self.assertIn(": 200 OK in ", self.check(f":{port}/healthz"))

    def test_a_name_without_resolv_conf_asks_this_machine_and_ends(self):
        self.assertIn("resolving api.test by 127.0.0.1: ", self.check("-t", "2s", "tcp://api.test:1", wanted=1))

    def test_8_mib_of_address_space_and_4_descriptors(self):
        limits = [(resource.RLIMIT_AS, 8 << 20), (resource.RLIMIT_NOFILE, 4), (resource.RLIMIT_CORE, 0)]
        # The limit counts before the executable starts: chroot itself is dynamic, and may need more.
        exe = engine.exe()
        done = subprocess.run([exe, f"{self.url}/healthz"], env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              preexec_fn=lambda: [resource.setrlimit(kind, (most, most)) for kind, most in limits])  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)

    def test_local_checks_without_proc_say_so(self):
        # The kernel is asked for what listens, and needs no /proc for that.
        self.assertEqual(self.check("listen:80", wanted=1), "unhealthy: listen:80: listening: nobody, want port 80\n")
        for target in ("pid:1", "process:init", "memory:"):
            with self.subTest(target):
                self.assertRegex(self.check(target, wanted=1), rf"\Ahealthcheck: {target.rstrip(':')}: .*/proc.*\n\Z")
