"""Images of one layer, written by hand in the format of `docker save`: no registry and no engine is needed to make them."""

import functools
import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


@functools.cache
def server(source):
    """A single Rust file, built statically."""
    return subprocess.run([ROOT / "scripts/build-server", source], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@functools.cache
def programs():
    """What stands in for the programs of the images: the one that is tested, a service, other parts; by the file's name."""
    healthcheck = ROOT / "target/dist/healthcheck"
    assert healthcheck.is_file(), f"{healthcheck} is missing: run `make dist`"
    return {
        "healthcheck": healthcheck,
        "demo-server": server("examples/demo-server.rs"),
        "part": server("tests/docker/part.rs"),
        "busybox": "/bin/busybox",
    }


def libraries(program):
    """What the dynamic linker loads for it, itself included."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return [word for word in listed.split() if word.startswith("/") and not word.endswith(":")]


class Layer:
    """The file system of an image: files of this machine, folders."""

    def __init__(self, *names):
        self.bytes = io.BytesIO()
        # A link becomes what it leads to.
        self.tar = tarfile.open(fileobj=self.bytes, mode="w", dereference=True)
        self.seen = set()
        for folder in ("tmp", "run"):
            self.folder(folder, 0o1777)
        for name in names:
            self.file(programs()[name], name)

    def folder(self, name, mode):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self.tar.addfile(entry)

    def file(self, path, name=None):
        name = os.path.normpath(name or str(path)).lstrip("/")
        if name not in self.seen:
            self.seen.add(name)
            self.tar.add(path, name, recursive=False)

    def tree(self, path, name=None, without=()):
        for folder, folders, files in os.walk(path):
            folders[:] = [child for child in folders if child not in {"__pycache__", *without}]
            for file in files:
                if os.path.exists(f"{folder}/{file}"):
                    inside = os.path.relpath(f"{folder}/{file}", path)
                    self.file(f"{folder}/{file}", f"{name or path}/{inside}")

    def loaded_by(self, *programs):
        for program in programs:
            for library in libraries(program):
                self.file(library)

    def done(self):
        self.tar.close()
        return self.bytes.getvalue()


def archive(path, image, layer, **config):
    """Writes the image of that name; `config` are OCI's words: Entrypoint, Cmd, Env, User."""
    layer = layer.done()
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    described = json.dumps({"architecture": ARCH, "os": "linux", "config": config, "rootfs": rootfs}).encode()
    name = f"{hashlib.sha256(described).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [image], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for file, content in ((name, described), ("layer.tar", layer), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path
