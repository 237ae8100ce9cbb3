"""The commands of the examples whose platforms are not here, in containers of Docker's: pods, a task of ECS, a job of Nomad.

What a pod is to its containers is made of Docker's parts: one network, one volume, the init containers before the others.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import engine
import standin
import suite_compose
from engine import NOTHING, Container, docker

EXAMPLES = engine.ROOT / "examples"

SHOP = """
import json, os, threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
import grpc
from grpc_health.v1 import health, health_pb2_grpc


class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "UP"} if self.path == "/ready" else {}).encode())

server = grpc.server(ThreadPoolExecutor(max_workers=4))
health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
pair = [open(f"/tls/server.{end}", "rb").read() for end in ("key", "pem")]
server.add_secure_port("127.0.0.1:50051", grpc.ssl_server_credentials([pair]))
server.start()
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Ready).serve_forever()
"""


def arrays(file, key):
    """Each array behind that key of a YAML file, in its order; they are written on one line, as JSON."""
    return [json.loads(found) for found in re.findall(rf"\b{key}: (\[.*?\])", (EXAMPLES / file).read_text())]


def setUpModule():
    engine.base()
    standin.release()


class Pods(unittest.TestCase):
    def folder(self):
        """An empty one of the pod's user: what `emptyDir` is with `fsGroup`."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        os.chown(folder, 65532, 65532)
        os.chmod(folder, 0o755)
        return folder

    def installed(self):
        """The volume once the init container of the example has ended."""
        folder = self.folder()
        install, _ = arrays("kubernetes-install.yaml", "args")
        done = docker("run", "--rm", *NOTHING, "-v", f"{folder}:/probe", standin.release(), *install)
        self.assertRegex(done.stdout, r"\Ainstalled: /probe/healthcheck: \d+ bytes\n\Z")
        return f"{folder}:/probe:ro"

    def test_install_and_readiness_of_a_socket(self):
        (readiness,) = arrays("kubernetes-install.yaml", "command")
        limits = [*NOTHING, "--tmpfs", "/run:mode=1777", "-v", self.installed()]
        with Container(engine.base(), "/part", "socket", "/run/app.sock", limits=limits) as app:
            app.ready("unix:///run/app.sock")
            done = app.exec(*readiness)
            self.assertEqual(done.returncode, 0, done)
            self.assertRegex(done.stdout, r"\Ahealthy: unix:///run/app.sock: .+\n\Z")
        with Container(engine.base(), "/part", "idle", limits=limits) as app:
            done = app.exec(*readiness)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"\Aunhealthy: unix:///run/app.sock: .*No such file or directory \(os error 2\): its folder is there\n\Z")

    def test_without_the_volume_there_is_no_probe(self):
        (readiness,) = arrays("kubernetes-install.yaml", "command")
        with Container(engine.base(), "/part", "idle") as app:
            self.assertNotEqual(app.exec(*readiness).returncode, 0)

    def test_the_init_container_waits_for_both(self):
        standin.needs("/usr/lib/postgresql/*/bin/postgres", "/usr/bin/redis-server")
        _, wait = arrays("kubernetes-install.yaml", "args")
        network = engine.name()
        docker("network", "create", network)
        self.addCleanup(docker, "network", "rm", network)
        limits = [network if word == "none" else word for word in NOTHING]
        mounts = [word for mount in standin.MOUNTS for word in ("-v", mount)]
        with Container(standin.release(), *wait, limits=limits) as init:
            redis = [*mounts, "--network", network, "--network-alias", "cache"]
            with Container(suite_compose.skeletons("redis"), "redis-server", "--protected-mode", "no", limits=redis) as cache:
                docker("exec", cache.name, "/usr/bin/redis-cli", "PING")
                # One of the two is not enough.
                time.sleep(2)
                self.assertTrue(init.inspect()["State"]["Running"], init.logs())
                postgres = [*mounts, "--network", network, "--network-alias", "db", "-e", "POSTGRES_PASSWORD_FILE=/etc/hostname"]
                with Container(suite_compose.skeletons("postgres"), limits=postgres):
                    self.assertEqual(init.wait(), 0, init.logs())
            said = init.logs()
            self.assertRegex(said, r"healthy: postgres://db: .+\nhealthy: redis://cache: PONG in [\d.]+ m?s\n")
            # Each reason once, when it changed.
            self.assertIn("resolving db by 127.0.0.11: ", said)

    def test_it_gives_up_when_the_time_is_over(self):
        _, wait = arrays("kubernetes-install.yaml", "args")
        self.assertEqual(wait[:2], ["--wait", "2m"])
        done = docker("run", "--rm", *NOTHING, standin.release(), "--wait", "1s", *wait[2:], ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"\Aunhealthy: postgres://db: .+\nunhealthy: redis://cache: .+\n\Z")

    def test_startup_readiness_and_liveness(self):
        standin.needs("/usr/bin/openssl")
        startup, readiness, liveness, worker = arrays("kubernetes-probes.yaml", "command")
        site = next(engine.python().parents[1].glob("lib/python3*/site-packages"))
        tls = self.folder()
        # The certificate has to be for the name that the probe asks for.
        script = (EXAMPLES / "grpc/certificates").read_text().replace("cart.internal", "localhost")
        subprocess.run(["bash", "-c", script, "certificates", tls], check=True)
        os.rename(f"{tls}/ca.pem", f"{tls}/ca.crt")
        image = standin.skeleton("shop", "exec python3 /shop.py\n", {"shop.py": SHOP})
        options = [word for mount in standin.MOUNTS for word in ("-v", mount)]
        options += ["-v", f"{site}:/site:ro", "-e", "PYTHONPATH=/site", "-v", f"{tls}:/tls:ro", "-v", self.installed(), "-e", "PORT=8080", "--network", "none"]
        with Container(image, limits=options) as web:
            # As the kubelet does: again and again until the program is up, within the bound of the example.
            for _ in range(60):
                done = web.exec(*startup)
                if done.returncode == 0:
                    break
                self.assertRegex(done.stdout, r"\Aunhealthy: listen:8080: .+\n\Z")
                time.sleep(0.5)
            self.assertRegex(done.stdout, r"\Ahealthy: listen:8080: .+\n\Z")
            for probe, output in (readiness, r"\Ahealthy: http://localhost:\$\{PORT\}/ready: 200 OK in [\d.]+ m?s\n\Z"), (liveness, r"\Ahealthy: grpcs://localhost:50051: SERVING.*\n\Z"):  # fmt: skip
                with self.subTest(probe):
                    done = web.exec(*probe)
                    self.assertEqual(done.returncode, 0, done)
                    self.assertRegex(done.stdout, output)
            stale = web.exec(*worker)
            self.assertRegex(stale.stdout, r"\Aunhealthy: file:///tmp/heartbeat: .*\(os error 2\): its folder is there\n\Z")
            docker("exec", web.name, "/usr/bin/touch", "/tmp/heartbeat")
            self.assertEqual(web.exec(*worker).returncode, 0)
        with Container(engine.base(), "/part", "idle", limits=[*NOTHING, "-e", "PORT=8080", "-v", f"{tls}:/tls:ro", "-v", self.installed()]) as idle:
            for probe in (startup, readiness, liveness, worker):
                self.assertEqual(idle.exec(*probe).returncode, 1, probe)


class Others(unittest.TestCase):
    def check(self, command, options=(), wanted=1, code=1):
        """The command's output beside the demo's server, healthy; and beside nothing, unhealthy with that exit code."""
        with Container(engine.base(), "/demo-server", options=options) as app:
            app.ready("http://localhost:8080/healthz")
            done = app.exec(*command)
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual(done.stdout.count("healthy: "), wanted, done.stdout)
        with Container(engine.base(), "/part", "idle", options=options) as app:
            self.assertEqual(app.exec(*command).returncode, code)

    def probe(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        shutil.copy(engine.exe(), f"{folder}/healthcheck")
        return folder

    def test_the_task_of_ecs(self):
        web = json.loads((EXAMPLES / "ecs-task.json").read_text())["containerDefinitions"][1]
        kind, *command = web["healthCheck"]["command"]
        self.assertEqual(kind, "CMD")
        self.check(command, ["-v", f"{self.probe()}:/probe:ro"])

    def test_the_job_of_nomad(self):
        text = (EXAMPLES / "nomad.hcl").read_text()
        command = [re.search(r'command += "(.*)"', text)[1], *json.loads(re.search(r"args += (\[.*\])", text)[1])]
        folder = self.probe()
        Path(folder, "heartbeat").touch()
        self.check(command, ["-v", f"{folder}:/tmp:ro"], wanted=2, code=2)
