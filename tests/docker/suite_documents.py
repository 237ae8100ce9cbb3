"""What README.md and docs/ say is done: their shell blocks, the table of replacements, Dockerfile lines, what `docker inspect` shows.

The commands run as they stand, against the peers of peers.py on the ports that they name, in a container with a network of its
own. Its /usr is this machine's, where the servers are installed.
"""

import io
import json
import os
import re
import shlex
import subprocess
import tarfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import engine
from engine import ROOT, Container, base, docker, image

# What is not run here: how the line begins, and where it is run instead, or why it cannot be.
ELSEWHERE = {
    "make demo": "CI runs it",
    "make test": "CI runs it, and so this",
    "docker build -t healthcheck https://github.com/x/healthcheck.git#v1.0.0": "needs a published repository; suite_image builds it from here",
    "docker build -t healthcheck:plain --target plain https://github.com/x/healthcheck.git#v1.0.0": "needs a published repository; suite_image builds it from here",
    "sha256sum --check --ignore-missing SHA256SUMS": "scripts/release runs this very line",
    "cargo install healthcheck-static": "needs a published crate; scripts/crate installs the one that would be",
    "cargo binstall healthcheck-static": "needs a published release; tests/it/readme looks at the name of the file",
    "cosign verify-blob SHA256SUMS": "needs a published release",
    "cosign verify ghcr.io/x/healthcheck:": "needs a published image",
    "gh attestation verify healthcheck-": "needs a published release",
    "gh attestation verify oci://ghcr.io/x/healthcheck:": "needs a published image",
}

# Variables that the documents name.
ENV = {"PATH": "/:/usr/bin:/usr/sbin", "SSL_CERT_FILE": "/etc/tls/ca.pem", "TOKEN": "s3cret", "PASSWORD": "s3cret"}


def documents():
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "examples/README.md"]


def blocks(kind):
    """All fenced blocks of a kind: (file, text)."""
    for path in documents():
        for text in re.findall(rf"^```{kind}\n(.*?)^```", path.read_text(), re.M | re.S):
            yield path.relative_to(ROOT), text


def section(heading):
    """The rows of the first table below a heading of README.md: their cells, without the backquotes."""
    text = (ROOT / "README.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\|(.*)\|$", text, re.M)[2:]
    return [[cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", row)] for row in rows]


def codes(cell):
    return re.findall(r"`(.*?)`", cell)


def rootfs():
    """Nothing but folders, the executable, and links to where Debian has its programs."""
    tag = f"{engine.PREFIX}:documents"
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, mode in [("usr", 0o755), ("tmp", 0o1777), ("run", 0o755), ("root", 0o700), ("var/lib", 0o755), ("var/log", 0o755), ("etc/tls", 0o755)]:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for name, to in [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"), ("var/run", "/run")]:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, to
            tar.addfile(entry)
        tar.add(engine.exe(), "healthcheck")
    subprocess.run([engine.CLIENT, "import", "-", tag], input=made.getvalue(), check=True, capture_output=True)
    return tag


class Peers(Container):
    """The container of the documents' commands; without peers it is empty."""

    def __init__(self, peers=True):
        python = engine.python()
        options = ["--entrypoint", ""]
        for path in {"/usr", "/etc/passwd", "/etc/group", "/etc/ssl", "/etc/alternatives", str(ROOT), os.path.dirname(os.path.realpath(python))}:
            if os.path.exists(path):
                options += ["-v", f"{path}:{path}:ro"]
        for name, value in ENV.items():
            options += ["-e", f"{name}={value}"]
        command = [python, ROOT / "tests/docker/peers.py", ROOT] if peers else ["/usr/bin/sleep", "600"]
        super().__init__(rootfs(), *command, options=options, limits=["--network", "none"])
        end = time.monotonic() + 120
        while peers and "ready\n" not in self.logs():
            if time.monotonic() > end or not self.inspect()["State"]["Running"]:
                logs = self.logs()
                self.__exit__()
                raise AssertionError(f"the peers are not ready:\n{logs}")
            time.sleep(0.2)

    def shell(self, text):
        return self.exec("/usr/bin/bash", "-euc", text)

    def each(self, texts):
        """What each piece of shell printed, and its exit code. In one call: the engine takes longer for one than they do."""
        script = "".join(f"bash -euc {shlex.quote(text)} 2>&1 && code=0 || code=$?; printf '\\036%d\\037' $code\n" for text in texts)
        pieces = self.shell(script).stdout.split("\x1f")[:-1]
        return [(out, int(code)) for out, code in (piece.split("\x1e") for piece in pieces)]


def commands():
    """Every piece of shell that is run, and where it stands."""
    for path, block in blocks("sh"):
        lines = [line for line in block.splitlines() if not any(line.startswith(begin) for begin in ELSEWHERE)]
        if lines:
            yield path, "\n".join(lines)
    for row in section("Instead of …"):
        yield "README.md, Instead of", codes(row[1])[0]


def setUpModule():
    base()


class Documents(unittest.TestCase):
    maxDiff = None

    def test_what_is_run_elsewhere_is_still_there(self):
        text = "\n".join(block for _, block in blocks("sh"))
        for begin in ELSEWHERE:
            self.assertRegex(text, rf"(?m)^{re.escape(begin)}")

    def test_shell_blocks_and_replacements(self):
        ran = 0
        pieces = list(commands())
        with Peers() as peers:
            said = peers.each(text for _, text in pieces)
            for (path, text), (out, code) in zip(pieces, said, strict=True):
                with self.subTest(path, text=text):
                    self.assertEqual(code, 0, out)
                    # Each line of the block is one of ours, and says that it went well.
                    wanted = len(text.splitlines())
                    self.assertGreaterEqual(sum(line.startswith(("healthy: ", "installed: ")) for line in out.splitlines()), wanted, out)
                    ran += wanted
            # By the account that the documents make; without it the server refuses, which is healthy too.
            self.assertIn(", accepts healthcheck", peers.shell("healthcheck mysql://localhost").stdout)
        self.assertGreater(ran, 100)

    def test_without_its_peers_no_command_is_healthy(self):
        """The same commands: none of those that ask somebody is healthy by itself."""
        local = re.compile(r"--wait|--install|--absent|--max-count 0|memory:|pid:1|disk:")
        lines = [line for _, text in commands() for line in text.splitlines() if not local.search(line)]
        self.assertGreater(len(lines), 80)
        with Peers(peers=False) as nobody:
            said = nobody.each(lines)
        self.assertEqual([(line, out) for line, (out, code) in zip(lines, said, strict=True) if code != 1], [])

    # ---------------------------------------------------------------------- Dockerfile blocks

    def test_dockerfile_blocks(self):
        """Each is built on top of a program that it fits, and Docker calls the container healthy."""
        for published in ("ghcr.io/x/healthcheck:1", "ghcr.io/x/healthcheck:1.0.0"):
            had = docker("image", "inspect", published, ok=False).returncode == 0
            if not had:
                docker("tag", base(), published)
                self.addCleanup(docker, "rmi", published, ok=False)
        program = {"process:worker": ["COPY --from={base} /part /worker", 'CMD ["/worker", "beat", "/tmp/heartbeat", "600"]']}
        built = 0
        for path, block in blocks("dockerfile"):
            with self.subTest(path, block=block):
                lines = next((lines for part, lines in program.items() if part in block), ['CMD ["/demo-server"]'])
                lines = [line.replace("{base}", base()) for line in lines]
                made = image(*lines, *staged(block.splitlines(), lines))
                # Docker's own interval, half a minute, would be waited for.
                with Container(made, options=["--tmpfs", "/tmp:mode=1777", "--health-interval", "500ms"]) as container:
                    entry = container.until("healthy")
                    self.assertEqual(entry["ExitCode"], 0)
                    self.assertRegex(entry["Output"], r"\Ahealthy: ")
            built += 1
        self.assertGreaterEqual(built, 3)

    # ----------------------------------------------------------------- what docker inspect shows

    def test_what_docker_inspect_shows(self):
        limits = "--read-only --cap-drop ALL --network none --user 65532".split()
        said = re.search(r"^From real runs: `FROM scratch`, `(.*?)`", (ROOT / "README.md").read_text(), re.M)[1]
        self.assertEqual(said.split(), limits)
        rows = section("What `docker inspect` shows")
        self.assertGreater(len(rows), 8)
        # Docker is waited for, mostly.
        with ThreadPoolExecutor(4) as pool:
            logged = pool.map(lambda row: self.shown(row[0], codes(row[1])[0].split(), limits), rows)
            for (what, _, shown), output in zip(rows, logged, strict=True):
                with self.subTest(what):
                    want = "".join(f"{line}\n" for line in codes(shown))
                    self.assertEqual(timeless(output), timeless(want))

    def shown(self, what, args, limits):
        """The health log's last entry for these arguments, in the state that the row speaks of."""
        options = list(limits)
        if memory := re.search(r"--memory (\w+)", what):
            options += ["--memory", memory[1]]
        line = f"HEALTHCHECK --interval=500ms --timeout=20s --retries=1 CMD {json.dumps(['/healthcheck', *args])}"
        made = image("ENV PORT=8080", 'CMD ["/demo-server"]', line)
        # Which name server a container without a network would have asked is the machine's.
        with Container(made, options=["--dns", "10.0.0.2"], limits=options) as container:
            if what == "the service says so":
                container.until("healthy")
                container.exec("/healthcheck", "-X", "POST", "http://localhost:8080/sick")
            return container.until("healthy" if what.startswith("nothing") else "unhealthy")["Output"]


def staged(lines, program):
    """A block with stages of its own, the last of them upon the program's image: no registry and no digest of one is here."""
    last = max((n for n, line in enumerate(lines) if line.startswith("FROM ")), default=None)
    if last is None:
        return lines
    return [line.replace("@sha256:…", "") for line in lines[:last]] + [f"FROM {base()}", *program, *lines[last + 1 :]]


def timeless(text):
    """Without what differs from run to run: durations, and how much memory is in use."""
    text = re.sub(r"\b\d+ ms\b", "N ms", text)
    return re.sub(r"[\d.]+ [KM]iB of (\d+ MiB) \([\d.]+%\)", r"N of \1", text)


