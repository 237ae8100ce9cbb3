"""A node of its own: a kubelet without an API server, containerd and runc, in namespaces that end with the tests.

The kubelet takes its pods from a folder and says what became of them on its read-only port; its events stand in its log.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
NAME = "hcnode"
# Where a pod finds what its cluster would have: a name server and whatever a test starts.
ADDRESS = "192.0.2.1"

MOUNTED = [Path(folder) for folder in ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers")]

CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "{folder}/state"
[grpc]
address = "{folder}/c.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
disable_apparmor = true
# Without CAP_SYS_RESOURCE nobody may lower the score of a process.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""

NETWORK = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {"type": "bridge", "bridge": "pods0", "isGateway": True, "ipam": {
            "type": "host-local", "subnet": "198.51.100.0/24", "routes": [{"dst": "0.0.0.0/0"}]}}],  # fmt: skip
}

KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "fileCheckFrequency": "1s",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "readOnlyPort": 10255,
    "cgroupDriver": "cgroupfs",
    "cgroupRoot": "/kubehc",
    "enforceNodeAllocatable": [],
    "failSwapOn": False,
    # This machine's disk is none of its business.
    "evictionHard": {},
    "imageGCHighThresholdPercent": 100,
    "makeIPTablesUtilChains": False,
    # As if the images were this young: those that no pod uses stay.
    "imageMinimumGCAge": "1h",
}

EVENT = re.compile(r'"Event occurred" object="(.*?)".* reason="(.*?)" message=(".*")$')


class Node:
    def __init__(self, kubelet):
        self.folder = Path(tempfile.mkdtemp(prefix="hc-node.", dir="/tmp"))
        self.manifests = self.folder / "manifests"
        self.images = self.folder / "images"
        self.process = None
        # The folders that are mounted on; where they were not, they are not in the end.
        self.absent = [folder for folder in MOUNTED if not folder.exists()]
        for folder in ("manifests", "images", "cni", "var"):
            (self.folder / folder).mkdir()
        (self.folder / "containerd.toml").write_text(CONTAINERD.format(folder=self.folder))
        (self.folder / "cni/pods.conflist").write_text(json.dumps(NETWORK))
        (self.folder / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")
        # Without the second line each turn of the kubelet waits for a name server.
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n")
        config = KUBELET | {"staticPodPath": str(self.manifests), "resolvConf": str(self.folder / "resolv.conf")}
        (self.folder / "kubelet.yaml").write_text(yaml.safe_dump(config))
        self.kubelet = kubelet

    def start(self):
        """Namespaces, containerd with the images that are in the folder, the kubelet; returns when it answers."""
        with open(self.folder / "node.log", "w") as log:
            command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
                       HERE / "in-node", self.folder, self.kubelet, NAME, ADDRESS, *MOUNTED]  # fmt: skip
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until("the kubelet answers", lambda: self.answers("healthz") == "ok", 120)

    def stop(self):
        if self.process:
            # With the first process of the namespace all the others end.
            self.process.kill()
            self.process.wait()
        end = time.monotonic() + 20
        while (left := leave()) and time.monotonic() < end:
            time.sleep(0.1)
        shutil.rmtree(self.folder)
        for folder in self.absent:
            if folder.exists():
                folder.rmdir()
        assert not left, f"groups of processes are left: {left}"

    def inside(self, *command, **options):
        """Runs this machine's program in the namespaces of the node."""
        enter = ["nsenter", "-t", self.init(), "-m", "-n", "-p"]
        return subprocess.run([*enter, *map(str, command)], capture_output=True, text=True, timeout=60, **options)

    def init(self):
        """The first process of the namespaces."""
        while self.process.poll() is None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children:
                return children[0]
        raise AssertionError(f"the node has ended\n{self.last_words()}")

    def answers(self, path):
        port = 10248 if path == "healthz" else 10255
        return self.inside("curl", "-sf", "--max-time", "5", f"http://127.0.0.1:{port}/{path}").stdout

    def until(self, what, judge, seconds=60):
        """What the judge says as soon as it is anything; the node's last words if it never is."""
        end = time.monotonic() + seconds
        while not (said := judge()):
            ended = self.process.poll() is not None
            if ended or time.monotonic() > end:
                raise AssertionError(f"{what}: not within {seconds} s\n{self.last_words()}")
            time.sleep(0.25)
        return said

    def last_words(self):
        log = (self.folder / "node.log").read_text()
        return "\n".join(line for line in log.splitlines() if re.match(r"[EF]\d|[^IW]\w*:", line))[-6000:] or log[-6000:]

    def run(self, pod):
        (self.manifests / f"{pod['metadata'].get('namespace', 'default')}-{pod['metadata']['name']}.yaml").write_text(yaml.safe_dump(pod))

    def pod(self, name, namespace="default"):
        """A pod as the kubelet sees it; {} before it does."""
        for pod in json.loads(self.answers("pods") or "{}").get("items") or []:
            if (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, f"{name}-{NAME}"):
                return pod
        return {}

    def container(self, pod, name, namespace="default"):
        """The status of a container, of an init container too; {} as long as there is none."""
        status = self.pod(pod, namespace).get("status", {})
        listed = status.get("containerStatuses", []) + status.get("initContainerStatuses", [])
        return next((found for found in listed if found["name"] == name), {})

    def ready(self, pod, namespace="default", want=True):
        conditions = self.pod(pod, namespace).get("status", {}).get("conditions", [])
        return any((one["type"], one["status"]) == ("Ready", str(want)) for one in conditions)

    def events(self, pod, reason, namespace="default"):
        """The messages of a pod's events of one kind, in their order."""
        found = []
        with open(self.folder / "node.log") as log:
            for line in log:
                match = EVENT.search(line)
                if match and (match[1], match[2]) == (f"{namespace}/{pod}-{NAME}", reason):
                    found.append(json.loads(match[3]))
        return found

    def event(self, pod, reason, pattern, namespace="default", seconds=60):
        """The first message of such events that the pattern is found in."""

        def judge():
            return next((one for one in self.events(pod, reason, namespace) if re.search(pattern, one)), None)

        try:
            return self.until(f"{pod}: {reason}: {pattern}", judge, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.events(pod, reason, namespace)}") from None

    def ctr(self, *arguments):
        return self.inside("ctr", "-a", f"{self.folder}/c.sock", "-n", "k8s.io", *arguments)

    def exec(self, pod, container, *command, namespace="default"):
        """Runs a command in a running container; its exit code and what it printed."""
        identity = self.container(pod, container, namespace)["containerID"].removeprefix("containerd://")
        done = self.ctr("tasks", "exec", "--exec-id", f"test-{time.monotonic_ns()}", identity, *command)
        return done.returncode, done.stdout + done.stderr

    def process_status(self, pod, container, namespace="default"):
        """The lines of /proc/PID/status of a container's first process, by their names."""
        identity = self.container(pod, container, namespace)["containerID"].removeprefix("containerd://")
        for line in self.ctr("tasks", "ls").stdout.splitlines():
            if line.startswith(identity):
                text = self.inside("cat", f"/proc/{line.split()[1]}/status").stdout
                return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
        raise AssertionError(f"{pod}: {container} does not run")


def groups():
    """The folders of this node in each hierarchy of cgroups."""
    return [*Path("/sys/fs/cgroup").glob("*/kubehc"), *Path("/sys/fs/cgroup").glob("kubehc")]


def leave():
    """Removes the groups, the innermost first; those that somebody is still in."""
    left = []
    for group in groups():
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                left.append(folder)
    return left
