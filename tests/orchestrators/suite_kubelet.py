"""The pods of examples/ and others under a real kubelet: what it makes of each exit code, and what it keeps of the reason.

The images have the names that the examples give them. The examples run as they are, but for what takes an API server or a
younger kubelet than this one: the image volume and the secret of kubernetes-probes.yaml are folders of the node with the
same content, and the native sidecar is one of the containers.
"""

import glob
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

import images
import node as nodes

HERE = Path(__file__).resolve().parent
URL = "http://localhost:8080/healthz"


def probe(*command, period=1, timeout=3, failures=1, delay=0):
    return {"exec": {"command": ["/healthcheck", *command]}, "periodSeconds": period, "timeoutSeconds": timeout,
            "failureThreshold": failures, "initialDelaySeconds": delay}  # fmt: skip


def pod(name, init=(), image="localhost/app:1", command=("/demo-server",), **container):
    """A pod of one container, `web`; nothing of it is ever pulled."""
    web = {"name": "web", "image": image, "command": list(command), **container}
    spec = {"dnsPolicy": "Default", "terminationGracePeriodSeconds": 1, "initContainers": list(init), "containers": [web]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def sick():
    """The service is sick as soon as it runs, after each start."""
    command = ["/healthcheck", "--wait", "30s", "--interval", "50ms", "-X", "POST", "http://localhost:8080/sick"]
    return {"postStart": {"exec": {"command": command}}}


def hardened():
    context = {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "readOnlyRootFilesystem": True,
               "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}  # fmt: skip
    return {"securityContext": context, "resources": {"limits": {"memory": "16Mi"}}}


def init(name, *args, **more):
    return {"name": name, "image": "ghcr.io/x/healthcheck:1", "args": list(args), **more}


def waits(*args):
    """A pod whose init container waits, and does not try again."""
    made = pod("waits", init=[init("wait", *args, terminationMessagePolicy="FallbackToLogsOnError")])
    made["spec"]["restartPolicy"] = "Never"
    return made


# All of them start at once; each test looks at what became of its own.
PODS = [
    pod("liveness", lifecycle=sick(), livenessProbe=probe("-t", "2s", URL, failures=2)),
    pod("readiness", lifecycle=sick(), readinessProbe=probe("-t", "2s", URL)),
    pod("startup", command=("/part", "late", "8080", "5"), startupProbe=probe("listen:8080", failures=60),
        livenessProbe=probe("tcp://localhost:8080"), readinessProbe=probe("tcp://localhost:8080")),
    pod("hardened", **hardened(), livenessProbe=probe("-t", "2s", URL), readinessProbe=probe("-t", "2s", URL, "listen:8080", "memory:")),
    pod("hangs-below", livenessProbe=probe("-t", "800ms", "http://localhost:8080/hang", timeout=1, delay=2)),
    pod("hangs-above", livenessProbe=probe("-t", "30s", "http://localhost:8080/hang", timeout=2, delay=2)),
    pod("expands", env=[{"name": "PORT", "value": "8080"}], startupProbe=probe("http://localhost:$(PORT)/healthz", failures=60),
        readinessProbe=probe("http://localhost:$${PORT}/healthz", "http://localhost:${PORT}/healthz", "listen:$(PORT)")),
    pod("expands-no-more", readinessProbe=probe("http://localhost:$$${PORT}/healthz")),
    pod("unset", readinessProbe=probe("http://localhost:$${NOWHERE}/healthz")),
    waits("--wait", "1s", "--interval", "200ms", "tcp://localhost:9"),
]  # fmt: skip


def example(name):
    made = yaml.safe_load((images.EXAMPLES / f"kubernetes-{name}.yaml").read_text())
    # A pod's name is its node's, so one of the examples at most could be called "shop".
    made["metadata"]["namespace"] = name
    return made


def certificates(folder):
    """What the secret of the example has: a certificate for localhost, its key, and the one who signed it."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    ca = ["-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt", "-subj", "/CN=shop CA"]
    leaf = ["-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]  # fmt: skip
    for command in ([*new, *ca], [*new, *leaf]):
        subprocess.run(command, check=True, capture_output=True)


def python(layer):
    """This machine's Python and the packages of the tests, and what both load."""
    (library,) = glob.glob("/usr/lib/python3.[0-9]*")
    (site,) = glob.glob(f"{images.ROOT}/target/venv/lib/python3*/site-packages")
    layer.file(os.path.realpath("/usr/bin/python3"), "/usr/bin/python3")
    layer.tree(library, without=("test", "dist-packages", "idlelib", "tkinter", "ensurepip", "pydoc_data"))
    for package in ("grpc", "grpc_health", "google"):
        layer.tree(f"{site}/{package}", f"/site/{package}")
    for module in glob.glob(f"{site}/*.py"):
        layer.file(module, f"/site/{Path(module).name}")
    loaded = [*glob.glob(f"{library}/lib-dynload/*.so"), *glob.glob(f"{site}/grpc/_cython/*.so")]
    layer.loaded_by(os.path.realpath("/usr/bin/python3"), *loaded)


def make_images(folder):
    images.archive(folder / "pause.tar", "localhost/pause:1", images.Layer("part"), Entrypoint=["/part", "idle"])
    images.archive(folder / "app.tar", "localhost/app:1", images.Layer("healthcheck", "demo-server", "part"), Env=["PORT=8080"])
    images.archive(folder / "probe.tar", "ghcr.io/x/healthcheck:1", images.Layer("healthcheck"), Entrypoint=["/healthcheck"])
    images.archive(folder / "cart.tar", "registry.example.org/shop/cart:1", images.Layer("demo-server"), Entrypoint=["/demo-server"], Env=["PORT=8080"])
    images.archive(folder / "third.tar", "docker.io/third/party:1", images.Layer("part"), Entrypoint=["/part", "socket", "/run/app.sock"])
    worker = "trap exit TERM; while :; do [ -e /tmp/stuck ] || date >/tmp/heartbeat; sleep 1; done"
    images.archive(folder / "worker.tar", "registry.example.org/shop/worker:1", images.Layer("busybox"), Entrypoint=["/busybox", "sh", "-c", worker])
    layer = images.Layer()
    python(layer)
    layer.file(HERE / "web.py", "/web.py")
    images.archive(folder / "web.tar", "registry.example.org/shop/web:1", layer, Entrypoint=["/usr/bin/python3", "-S", "/web.py"], Env=["PYTHONPATH=/site"])


@pytest.fixture(scope="module")
def node():
    kubelet = subprocess.run([HERE / "kubelet"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    made = nodes.Node(kubelet)
    sysctls = [Path("/proc/sys", name) for name in ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")]
    before = [file.read_text() for file in sysctls]
    try:
        make_images(made.images)
        (made.folder / "tls").mkdir()
        certificates(made.folder / "tls")
        (made.folder / "probe").mkdir()
        shutil.copy(images.programs()["healthcheck"], made.folder / "probe")
        for one in PODS:
            made.run(one)
        made.start()
        yield made
    finally:
        made.stop()
    assert [file.read_text() for file in sysctls] == before, "the kubelet changed this machine"


def test_an_unhealthy_container_is_killed_and_started_again(node):
    node.until("a restart", lambda: node.container("liveness", "web").get("restartCount", 0) >= 1)
    message = node.event("liveness", "Unhealthy", "Liveness")
    assert re.fullmatch(r'Liveness probe failed: unhealthy: http://localhost:8080/healthz: status 503, want 200-399: \{"db":"timeout"\}(\\n)?\n?', message), message
    assert node.event("liveness", "Killing", "failed liveness probe") == "Container web failed liveness probe, will be restarted"


def test_an_unhealthy_pod_is_not_ready_until_it_is_well(node):
    message = node.event("readiness", "Unhealthy", "status 503")
    assert message.startswith("Readiness probe failed: unhealthy: http://localhost:8080/healthz: status 503"), message
    assert node.ready("readiness", want=False)
    code, output = node.exec("readiness", "web", "/healthcheck", "-X", "POST", "http://localhost:8080/well")
    assert code == 0, output
    node.until("ready", lambda: node.ready("readiness"))
    assert node.container("readiness", "web")["restartCount"] == 0


def test_startup_shields_from_liveness(node):
    node.until("ready", lambda: node.ready("startup"))
    container = node.container("startup", "web")
    # Its liveness would have killed it at the first refusal.
    assert (container["started"], container["restartCount"]) == (True, 0)
    message = node.event("startup", "Unhealthy", "Startup")
    assert re.match(r"Startup probe failed: unhealthy: listen:8080: ", message), message
    assert not [one for one in node.events("startup", "Unhealthy") if "Liveness" in one]


def test_a_container_that_may_do_nothing(node):
    node.until("ready", lambda: node.ready("hardened"))
    status = node.process_status("hardened", "web")
    allowed = {name: status[name] for name in ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}
    none = "0000000000000000"
    assert allowed == {"Uid": "65532\t65532\t65532\t65532", "CapEff": none, "CapBnd": none, "NoNewPrivs": "1", "Seccomp": "2"}
    # Its limit is what `memory:` reads.
    code, output = node.exec("hardened", "web", "/healthcheck", "memory:")
    assert code == 0 and re.search(r"of 16\.?0? ?MiB", output), output
    assert (node.container("hardened", "web")["restartCount"], node.events("hardened", "Killing")) == (0, [])


def test_a_timeout_below_the_kubelets_is_explained(node):
    message = node.event("hangs-below", "Unhealthy", "Liveness")
    assert re.fullmatch(r"Liveness probe failed: unhealthy: http://localhost:8080/hang: timed out after 800 ms.*\n?", message), message
    node.until("a restart", lambda: node.container("hangs-below", "web").get("restartCount", 0) >= 1)


def test_a_timeout_above_the_kubelets_is_not(node):
    said = node.until("a word", lambda: node.events("hangs-above", "Unhealthy"))
    # Not even the line that says what it is waiting for.
    assert said[0] == "Liveness probe failed: ", said
    node.until("a restart", lambda: node.container("hangs-above", "web").get("restartCount", 0) >= 1)


def test_variables(node):
    node.until("ready", lambda: node.ready("expands"))
    message = node.event("expands-no-more", "Unhealthy", "Readiness")
    # `$$$` is a dollar and one more, which with the next makes the brace a text.
    assert "${PORT}" in message, message
    message = node.event("unset", "Unhealthy", "Readiness")
    assert message.startswith("Readiness probe failed: healthcheck: ") and "NOWHERE" in message, message


def test_an_init_container_that_waits_in_vain_says_for_what(node):
    node.until("failed", lambda: node.pod("waits").get("status", {}).get("phase") == "Failed")
    ended = node.container("waits", "wait")["state"]["terminated"]
    assert ended["exitCode"] == 1
    assert re.search(r"unhealthy: tcp://localhost:9: .*Connection refused \(os error 111\)", ended["message"]), ended


def test_the_probes_of_the_examples(node):
    example_pod = example("probes")
    for volume in example_pod["spec"]["volumes"]:
        name = volume["name"]
        volume.clear()
        volume.update(name=name, hostPath={"path": str(node.folder / name)})
    node.run(example_pod)
    at = {"namespace": "probes"}
    node.until("ready", lambda: node.ready("shop", **at), 90)
    assert node.container("shop", "web", **at)["started"]
    # The worker first, since its heart is asked for every 20 seconds.
    code, output = node.exec("shop", "worker", "/busybox", "sh", "-c", "touch /tmp/stuck; sleep 2; touch -d '2020-01-01 00:00' /tmp/heartbeat", **at)
    assert code == 0, output
    assert node.exec("shop", "web", "/probe/healthcheck", "-X", "POST", "http://localhost:8080/down", **at)[0] == 0
    node.until("not ready", lambda: node.ready("shop", want=False, **at))
    message = node.event("shop", "Unhealthy", "Readiness", **at)
    assert re.match(r"Readiness probe failed: unhealthy: http://localhost:\$\{PORT\}/ready: .*/status.*DOWN.*UP", message), message
    assert node.exec("shop", "web", "/probe/healthcheck", "-X", "POST", "http://localhost:8080/up", **at)[0] == 0
    node.until("ready", lambda: node.ready("shop", **at))
    assert node.exec("shop", "web", "/probe/healthcheck", "-X", "POST", "http://localhost:8080/wedge", **at)[0] == 0
    for container in ("web", "worker"):
        node.until(f"{container} again", lambda: node.container("shop", container, **at).get("restartCount", 0) >= 1, 120)
    node.event("shop", "Unhealthy", r"\ALiveness probe failed: unhealthy: grpcs://localhost:50051: .*NOT_SERVING", **at)
    node.event("shop", "Unhealthy", r"\ALiveness probe failed: unhealthy: file:///tmp/heartbeat: ", **at)


def test_the_sidecar_of_the_examples(node):
    sidecar = example("sidecar")
    (probe_container,) = sidecar["spec"].pop("initContainers")
    assert probe_container.pop("restartPolicy") == "Always"
    sidecar["spec"]["containers"].append(probe_container)
    node.run(sidecar)
    at = {"namespace": "sidecar"}
    node.until("ready", lambda: node.ready("shop", **at))
    assert node.exec("shop", "probe", "/healthcheck", "-X", "POST", "http://localhost:8080/sick", **at)[0] == 0
    node.until("not ready", lambda: node.ready("shop", want=False, **at))
    message = node.event("shop", "Unhealthy", "Readiness", **at)
    assert message.startswith("Readiness probe failed: unhealthy: http://localhost:8080/healthz: status 503"), message
    restarts = [node.container("shop", name, **at)["restartCount"] for name in ("probe", "cart")]
    assert restarts == [0, 0]


@pytest.fixture
def services(node):
    """Starts what the example's pod waits for, on the node's address, one after the other."""
    started = []
    folder = node.folder / "services"
    folder.mkdir(mode=0o755)
    os.chmod(node.folder, 0o711)

    def start(name):
        commands = {
            "names": ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=", f"--listen-address={nodes.ADDRESS}",
                      "--bind-interfaces", f"--address=/db/{nodes.ADDRESS}", f"--address=/cache/{nodes.ADDRESS}"],
            "cache": ["redis-server", "--bind", nodes.ADDRESS, "--protected-mode", "no", "--save", "", "--dir", folder],
            "db": postgres(folder),
        }  # fmt: skip
        log = open(folder / f"{name}.log", "w")
        enter = ["nsenter", "-t", node.init(), "-n", "--", "setpriv", "--pdeathsig", "KILL", "--"]
        started.append(subprocess.Popen([*enter, *map(str, commands[name])], stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


def postgres(folder):
    (program,) = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:]
    data = folder / "db"
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    if not data.exists():
        data.mkdir()
        shutil.chown(data, "postgres", "postgres")
        initdb = [f"{program}/initdb", "-D", data, "--auth=trust", "--no-sync", "-U", "postgres"]
        subprocess.run([*as_postgres, *map(str, initdb)], check=True, capture_output=True)
    return [*as_postgres, f"{program}/postgres", "-D", data, "-h", nodes.ADDRESS, "-k", data, "-c", "fsync=off"]


def test_install_and_wait_of_the_examples(node, services):
    node.run(example("install"))
    at = {"namespace": "install"}
    node.until("installed", lambda: "terminated" in node.container("shop", "install", **at).get("state", {}))
    ended = node.container("shop", "install", **at)["state"]["terminated"]
    assert ended["exitCode"] == 0, ended
    for service in ("names", "cache"):
        services(service)
    # It waits for the other.
    time.sleep(3)
    assert "running" in node.container("shop", "wait", **at)["state"], node.container("shop", "wait", **at)
    assert not node.ready("shop", **at)
    services("db")
    node.until("ready", lambda: node.ready("shop", **at))
    assert node.container("shop", "wait", **at)["state"]["terminated"]["exitCode"] == 0
    code, output = node.exec("shop", "web", "/probe/healthcheck", "file:///probe/healthcheck", **at)
    assert code == 0, output
    # What a pod may not do, its probe may not either.
    status = node.process_status("shop", "web", **at)
    assert status["Uid"].split()[0] == "65532"
