"""The project's own Dockerfile: each flavour is built, holds one file, and runs; for the other architecture too."""

import contextlib
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

import engine
import measure
from engine import NOTHING, ROOT, Container, docker

# What is not this machine's: as Docker calls it, as rustc does, and the emulator that runs it here.
FOREIGN = {"x86_64": ("arm64", "aarch64", "qemu-aarch64-static"), "aarch64": ("amd64", "x86_64", "qemu-x86_64-static")}[platform.machine()]


def setUpModule():
    subprocess.run([ROOT / "scripts/rust-image"], check=True)


def build(target, name=None, context=ROOT, options=()):
    """The image's tag, and what the builder printed."""
    tag = f"{engine.PREFIX}:{name or target}"
    command = ["build", "--network", "host", "--target", target, "--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc123",
               "--progress", "plain", *options, "-t", tag, context]  # fmt: skip
    done = docker(*command, ok=False, timeout=900, env=os.environ | {"DOCKER_BUILDKIT": "1"})
    if "buildx" in done.stderr and done.returncode != 0:
        # A client without that plug-in still has the builder of old.
        command = [part for part in command if part not in ("--progress", "plain")]
        done = docker(*command, ok=False, timeout=900, env=os.environ | {"DOCKER_BUILDKIT": "0"})
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return tag, done.stdout + done.stderr


def small(arch, flavour):
    """The executable by the same recipe outside of containers."""
    command = [ROOT / "scripts/build-small", arch, flavour]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@contextlib.contextmanager
def grpc_peers(nginx):
    """The servers of tests/peers/grpc_server.py, with nginx's certificate: name to port."""
    with tempfile.TemporaryDirectory() as folder:
        for ours, its in (("server.pem", "cert.pem"), ("server.key", "key.pem"), ("root.pem", "ca.pem")):
            shutil.copy(nginx.dir / its, f"{folder}/{ours}")
        command = [engine.python(), ROOT / "tests/peers/grpc_server.py", folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            ports = dict(line.split() for line in iter(server.stdout.readline, "\n"))
            yield ports
            server.stdin.close()


class Image(unittest.TestCase):
    def image(self, target, exe, name=None, options=()):
        """Builds it; everything that holds for each flavour and architecture."""
        tag, _ = build(target, name, options=options)
        saved = subprocess.run([engine.CLIENT, "save", tag], check=True, capture_output=True, timeout=120).stdout
        with tarfile.open(fileobj=io.BytesIO(saved)) as outer:
            layers = json.load(outer.extractfile("manifest.json"))[0]["Layers"]
            self.assertEqual(len(layers), 1)
            with tarfile.open(fileobj=outer.extractfile(layers[0])) as layer:
                found = [(f.name, f.type, oct(f.mode & 0o7777), f.uid, f.gid, f.mtime) for f in layer.getmembers()]
                self.assertEqual(found, [("healthcheck", tarfile.REGTYPE, "0o755", 0, 0, 0)])
                content = layer.extractfile("healthcheck").read()
        # One recipe, wherever it is followed.
        self.assertEqual(hashlib.sha256(content).hexdigest(), hashlib.sha256(exe.read_bytes()).hexdigest(), "not what `make dist` makes")
        inspected = json.loads(docker("inspect", tag).stdout)[0]
        config = inspected["Config"]
        self.assertEqual(config["Entrypoint"], ["/healthcheck"])
        self.assertIn(config["Cmd"], (None, []))
        labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
        self.assertGreater(len(labels.pop("description")), 20)
        self.assertEqual(labels, {
            "title": "healthcheck", "url": "https://github.com/x/healthcheck", "source": "https://github.com/x/healthcheck",
            "documentation": "https://github.com/x/healthcheck/blob/main/README.md", "licenses": "MIT OR Apache-2.0", "version": "1.2.3",
            "revision": "abc123",
        })  # fmt: skip
        return tag, inspected

    def runs(self, tag):
        """What --version prints in a container that may do nothing."""
        version = docker("run", "--rm", *NOTHING, tag, "--version")
        self.assertRegex(version.stdout, r"\Ahealthcheck \d+\.\d+\.\d+\b")
        self.assertEqual(version.stderr, "")
        usage = docker("run", "--rm", *NOTHING, tag, ok=False)
        self.assertEqual((usage.returncode, usage.stdout), (1, ""))
        self.assertRegex(usage.stderr, r"\Ahealthcheck: .+\n\Z")
        return version.stdout

    def test_default(self):
        tag, _ = self.image("default", engine.exe())
        self.assertIn("tls", self.runs(tag))
        # As people use it: copied into an image of their own.
        made = engine.image(f"COPY --from={tag} /healthcheck /hc", 'CMD ["/demo-server"]',
                            engine.healthcheck("http://localhost:8080/healthz", program="/hc"))  # fmt: skip
        with Container(made) as container:
            self.assertEqual(container.until("healthy")["ExitCode"], 0)

    def test_plain(self):
        tag, _ = self.image("plain", engine.exe("plain"))
        self.runs(tag)
        refused = docker("run", "--rm", *NOTHING, tag, "https://localhost/", ok=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("TLS", refused.stderr)

    def test_those_that_talk_to_loopback_only(self):
        for target, flavour in [("loopback-only", "loopback"), ("plain-loopback", "plain-loopback")]:
            with self.subTest(target):
                tag, _ = self.image(target, small(platform.machine(), flavour))
                self.assertIn("loopback-only", self.runs(tag))
                out = docker("run", "--rm", *NOTHING, tag, "tcp://192.0.2.1:80", ok=False)
                self.assertEqual(out.returncode, 1)
                self.assertIn("loopback addresses only", out.stdout + out.stderr)
                own = docker("run", "--rm", *NOTHING, tag, "tcp://127.0.0.1:80", ok=False)
                self.assertIn("Connection refused", own.stdout)

    def test_without_a_target_it_is_the_default(self):
        # Nothing is built for it that test_default has not built.
        tag, _ = build("default")
        bare = f"{engine.PREFIX}:bare"
        build_args = ["--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc123"]
        docker("build", "--network", "host", *build_args, "-t", bare, ROOT, timeout=900, env=os.environ | {"DOCKER_BUILDKIT": "1"})
        layers = [json.loads(docker("inspect", name).stdout)[0]["RootFS"]["Layers"] for name in (tag, bare)]
        self.assertEqual(layers[0], layers[1])

    def test_built_again_it_is_the_same_layer(self):
        tag, _ = build("plain")
        with tempfile.TemporaryDirectory() as context:
            # What .dockerignore lets through. One comment more: the stages that hold our code are built anew.
            for name in ("Dockerfile", ".dockerignore", "Cargo.toml", "Cargo.lock", "build.rs", "scripts/build-small"):
                Path(context, name).parent.mkdir(exist_ok=True)
                shutil.copy(ROOT / name, f"{context}/{name}")
            for name in ("alloc", "ring", "src"):
                shutil.copytree(ROOT / name, f"{context}/{name}")
            with open(f"{context}/src/main.rs", "a") as source:
                source.write(f"// Built again by {engine.PREFIX}.\n")
            again, said = build("plain", "again", context)
        self.assertIn("Compiling healthcheck-static ", said)
        first, second = (json.loads(docker("inspect", name).stdout)[0] for name in (tag, again))
        self.assertEqual(first["RootFS"]["Layers"], second["RootFS"]["Layers"])
        self.assertEqual(len(first["RootFS"]["Layers"]), 1)
        self.assertEqual((first["Size"], second["Size"]), (engine.exe("plain").stat().st_size,) * 2)

    def test_the_other_architecture_runs(self):
        """Cross-compiled, and what is in the image is run: emulated, without anything else in the container."""
        docker_arch, rust_arch, qemu = FOREIGN
        measure.need(qemu)
        option = ["--platform", f"linux/{docker_arch}"]
        tag, inspected = self.image("default", small(rust_arch, "default"), docker_arch, option)
        self.assertEqual(inspected["Architecture"], docker_arch)

        limits = "--read-only --cap-drop ALL --security-opt no-new-privileges --network host --pid host --user 65532".split()
        with measure.Nginx() as nginx, grpc_peers(nginx) as grpc:
            mounts = ["-v", f"{shutil.which(qemu)}:/qemu:ro", "-v", f"{nginx.ca}:/ca.pem:ro", "--entrypoint", "/qemu"]

            def check(*args):
                run = docker("run", "--rm", *option, *limits, *mounts, tag, "/healthcheck", "-t", "60s", *args, ok=False, timeout=120)
                return run.returncode, run.stdout

            for args, code, said in [
                ([nginx.http], 0, ": 200 OK in "),
                ([f"{nginx.http}sick"], 1, ": status 503, want 200-399: sick"),
                (["--cacert", "/ca.pem", nginx.https], 0, ": 200 OK in "),
                ([nginx.https], 1, "is not trusted; name its CA with --cacert FILE (PEM)"),
                ([f"grpc://localhost:{grpc['up']}/up.Service"], 0, ": SERVING in "),
                ([f"grpc://localhost:{grpc['up']}/down.Service"], 1, ": status NOT_SERVING, want SERVING"),
                (["--cacert", "/ca.pem", f"grpcs://localhost:{grpc['tls']}"], 0, ": SERVING in "),
                (["pid:1", "file:///ca.pem", "-e", "CERTIFICATE", "disk:///", "--min-free", "1"], 0, "healthy: disk:///: "),
                (["file:///none"], 1, ": No such file or directory (os error 2)"),
            ]:
                with self.subTest(args):
                    got, out = check(*args)
                    self.assertEqual(got, code, out)
                    self.assertIn(said, out)
