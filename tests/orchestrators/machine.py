"""A Debian 13 whose first process is systemd, in namespaces that end with the tests: systemd's own timers, Podman 5."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Machine:
    def __init__(self, archive):
        self.folder = Path(tempfile.mkdtemp(prefix="hc-machine.", dir="/tmp"))
        self.root = self.folder / "root"
        self.root.mkdir()
        subprocess.run(["tar", "-x", "-C", self.root, "-f", archive], check=True)
        self.root.chmod(0o755)
        self.process = None
        # Nothing leaves the machine, so nothing is filtered. No limit on processes: the controller may be in another hierarchy than the one that the machine has.
        self.write("etc/containers/containers.conf", "[containers]\npids_limit = 0\n[network]\nfirewall_driver = \"none\"\n")
        self.write("etc/hostname", "hcmachine\n")
        self.write("etc/machine-id", "")

    def write(self, name, text):
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(self):
        """Returns when systemd has started what it starts."""
        with open(self.folder / "log", "w") as log:
            command = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child",
                       "--propagation", "private", HERE / "in-machine", self.root]  # fmt: skip
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while (said := self.run("systemctl", "is-system-running", ok=False).stdout.strip()) not in ("running", "degraded"):
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"systemd does not come up: {said}\n{(self.folder / 'log').read_text()}")
            time.sleep(0.25)

    def stop(self):
        if self.process:
            # With the first process of the namespace all the others end.
            self.process.kill()
            self.process.wait()
        remove_groups()
        shutil.rmtree(self.folder)

    def run(self, *command, ok=True, timeout=60):
        """Runs a command in the machine."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children:
            return subprocess.CompletedProcess(command, 1, "", "")
        enter = ["nsenter", "-t", children[0], "-a", "-r", "-w", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin", "HOME=/root"]
        done = subprocess.run([*enter, *map(str, command)], capture_output=True, text=True, timeout=timeout)
        if ok and done.returncode != 0:
            raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def until(self, what, judge, seconds=60):
        """What the judge says as soon as it is anything."""
        end = time.monotonic() + seconds
        while not (said := judge()):
            if time.monotonic() > end:
                journal = self.run("journalctl", "--no-pager", "-n", "60", ok=False).stdout
                raise AssertionError(f"{what}: not within {seconds} s\n{journal}")
            time.sleep(0.25)
        return said


def remove_groups():
    """Removes the machine's groups, the innermost first."""
    end = time.monotonic() + 20
    for top in Path("/sys/fs/cgroup").glob("**/hcmachine"):
        while top.exists() and time.monotonic() < end:
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    time.sleep(0.1)
