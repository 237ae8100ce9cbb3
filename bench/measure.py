"""What one run of a command costs, and the nginx that all are run against. Standard library and Linux only."""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Nothing of this machine's settings (proxies, certificates, preloads) may be part of a measurement.
ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def need(*tools):
    missing = [tool for tool in tools if not shutil.which(tool, path=ENV["PATH"])]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; .ci/run installs them on Debian")


def build(arch, flavour):
    """The path of the small executable, built now."""
    command = [ROOT / "scripts/build-small", arch, flavour]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


# Bytes of the bodies that nginx serves below /body/.
BODIES = [1_024, 65_536, 1_048_576]


class Nginx:
    """nginx on two ports of 127.0.0.1: `http` and `https` are its URLs, `ca` signs the second."""

    def __enter__(self):
        need("nginx", "openssl")
        self.dir = Path(tempfile.mkdtemp(prefix="healthcheck-nginx."))
        self._certificate()
        (self.dir / "body").mkdir()
        for length in BODIES:
            (self.dir / f"body/{length}").write_bytes(b"healthy\n" * (length // 8 - 1) + b"the end\n")
        # nginx takes over listening sockets that NGINX names, as in an upgrade of its executable. So the kernel picks the
        # ports, nobody can take them in between, and the first client waits in the queue instead of being refused. (With
        # master_process off nginx 1.22 crashes on them.)
        listeners = [socket.create_server(("127.0.0.1", 0), backlog=511) for _ in range(2)]
        plain, tls = (f"127.0.0.1:{s.getsockname()[1]}" for s in listeners)
        (self.dir / "nginx.conf").write_text(f"""
            daemon off; user root; pid {self.dir}/pid; error_log {self.dir}/error.log;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; server_tokens off;
                client_body_temp_path {self.dir}; proxy_temp_path {self.dir}; fastcgi_temp_path {self.dir};
                uwsgi_temp_path {self.dir}; scgi_temp_path {self.dir};
                server {{
                    listen {plain}; root {self.dir};
                    location / {{ return 200 "ok\\n"; }} location /sick {{ return 503 "sick\\n"; }} location /body/ {{ }}
                }}
                server {{
                    listen {tls} ssl;
                    ssl_certificate {self.dir}/cert.pem; ssl_certificate_key {self.dir}/key.pem;
                    location / {{ return 200 "ok\\n"; }} location /sick {{ return 503 "sick\\n"; }} location /body/ {{ root {self.dir}; }}
                }}
            }}
        """)
        fds = [s.fileno() for s in listeners]
        self.process = subprocess.Popen(
            ["nginx", "-p", self.dir, "-c", self.dir / "nginx.conf", "-e", self.dir / "error.log"],
            env=ENV | {"NGINX": "".join(f"{fd};" for fd in fds)},
            pass_fds=fds,
            stderr=subprocess.DEVNULL,
        )
        for listener in listeners:
            listener.close()
        self.http, self.https = f"http://{plain}/", f"https://{tls}/"
        self.ca = f"{self.dir}/ca.pem"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir)

    def _certificate(self):
        def openssl(*args):
            subprocess.run(["openssl", *args], cwd=self.dir, check=True, capture_output=True, env=ENV)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
        openssl("req", "-new", *key, "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost")
        (self.dir / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", "cert.pem", "-days", "1", "-extfile", "ext")  # fmt: skip


def _run(command, pass_fds=()):
    done = subprocess.run(command, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          pass_fds=pass_fds)  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def bytes_of(executable):
    """The file and every shared library that it loads."""
    files = {os.path.realpath(shutil.which(executable, path=ENV["PATH"]) or executable)}
    listed = subprocess.run(["ldd", *files], env=ENV, capture_output=True, text=True).stdout
    files |= {os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", listed)}
    return sum(os.path.getsize(path) for path in files), len(files) - 1


def instructions(command):
    """User-mode instructions of the command and what it starts, by callgrind."""
    # What it starts may end after it (busybox leaves its TLS client behind): the pipe ends when the last one has gone.
    with tempfile.TemporaryDirectory() as logs:
        alive, held = os.pipe()
        options = ["--trace-children=yes", "--callgrind-out-file=/dev/null", f"--log-file={logs}/%p"]
        _run(["valgrind", "--tool=callgrind", *options, *command], pass_fds=[held])
        os.close(held)
        os.read(alive, 1)
        os.close(alive)
        return sum(int(n) for log in Path(logs).iterdir() for n in re.findall(r"Collected : (\d+)", log.read_text()))


def syscalls(command):
    """System calls of the command and what it starts, from its execve to its exit_group, both counted."""
    with tempfile.NamedTemporaryFile("r") as log:
        _run(["strace", "-f", "-qq", "-e", "signal=none", "-o", log.name, *command])
        return sum(bool(re.match(r"\d+ +\w+\(", line)) for line in log)


def peak_kib(command):
    """Median of the peak resident memory in KiB: of each process at its end, added up.

    It varies with the address that the kernel picks and with how the executable came into the page cache, since
    pages around a fault are mapped with it: a file just written comes in large pieces. So it is dropped from the cache first.
    """
    command = [shutil.which(command[0], path=ENV["PATH"]) or command[0], *command[1:]]
    with open(command[0], "rb") as executable:
        os.fsync(executable)
        os.posix_fadvise(executable.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return statistics.median_low(_peak_kib(command) for _ in range(15))


def _peak_kib(command):
    """One run of peak_kib.

    getrusage would add the process that forked: it keeps the highest mark across execve. So the kernel is asked to stop
    each process at its exit (PTRACE_O_TRACEEXIT), while its own mark can still be read.
    """
    traceme, cont, setoptions = 0, 7, 0x4200
    options = 0x02 | 0x04 | 0x08 | 0x40 | 0x100000  # fork, vfork, clone, exit; kill all if we die
    exit_event = 6
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    null = os.open(os.devnull, os.O_RDWR)
    child = os.fork()
    if child == 0:
        for fd in range(3):
            os.dup2(null, fd)
        ptrace(traceme, 0, None, None)
        os.execve(command[0], command, ENV)
    os.close(null)
    os.waitpid(child, 0)
    ptrace(setoptions, child, None, options)
    ptrace(cont, child, None, None)
    living, total = {child}, 0
    code = None
    while living:
        pid, status = os.waitpid(-1, 0x40000000)  # __WALL: threads too
        living.add(pid)
        if not os.WIFSTOPPED(status):
            living.discard(pid)
            code = status if pid == child else code
            continue
        deliver = os.WSTOPSIG(status)
        if deliver == signal.SIGTRAP or deliver == signal.SIGSTOP:
            deliver = 0
        if status >> 16 == exit_event:
            state = Path(f"/proc/{pid}/status").read_text()
            if re.search(rf"^Tgid:\s+{pid}$", state, re.M):  # not for each of its threads
                total += int(re.search(r"^VmHWM:\s+(\d+) kB", state, re.M)[1])
        ptrace(cont, pid, None, deliver)
    if code != 0:
        sys.exit(f"{' '.join(command)}: status {code:#x}")
    return total


def wall_ms(commands):
    """Median wall time of each command in milliseconds, by one hyperfine run, so that all meet the same machine; what
    else the machine did meanwhile makes some runs longer, none shorter."""
    with tempfile.NamedTemporaryFile("r") as out:
        _run(["hyperfine", "--shell=none", "--warmup", "20", "--runs", "200", "--export-json", out.name,
              *(" ".join(map(str, command)) for command in commands)])  # fmt: skip
        return [result["median"] * 1000 for result in json.load(out)["results"]]
