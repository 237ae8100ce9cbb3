"""The Compose files of examples/, brought up by Docker Compose as they are; an override names stand-ins for their images.

The servers are real: Debian's, in containers into which this machine's folders are mounted.
"""

import functools
import json
import os
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import engine
import standin
from engine import docker

EXAMPLES = engine.ROOT / "examples"


DATABASES = {
    # Each as its official image does it: first the data, while nobody can connect over TCP.
    "postgres": """
as() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
bin=$(echo /usr/lib/postgresql/*/bin) data=/var/lib/postgresql/data
install -d -o postgres $data
as $bin/initdb -D $data --auth-host=scram-sha-256 --pwfile "$POSTGRES_PASSWORD_FILE"
as $bin/pg_ctl -D $data -o "-c listen_addresses='' -k /tmp" -w start
as $bin/pg_ctl -D $data -m fast -w stop
exec setpriv --reuid postgres --regid postgres --clear-groups $bin/postgres -D $data -c listen_addresses='*' -k /tmp
""",
    "redis": 'cd /tmp; exec "$@"\n',
    "mariadb": """
install -d -o mysql /var/lib/mysql /run/mysqld
mariadb-install-db --no-defaults --user=mysql --datadir=/var/lib/mysql --skip-test-db >/dev/null
exec mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --socket=/run/mysqld/s --host-cache-size=0 --skip-name-resolve \\
    --log-warnings=2 --init-file=/docker-entrypoint-initdb.d/healthcheck.sql
""",
    "rabbitmq": """
export HOME=/var/lib/rabbitmq RABBITMQ_MNESIA_BASE=/var/lib/rabbitmq/mnesia RABBITMQ_LOGS=- RABBITMQ_PID_FILE=/tmp/pid
mkdir -p $HOME
exec /usr/lib/rabbitmq/bin/rabbitmq-server
""",
}

PHP = """
mkdir -p /run/php
printf '[global]\\ndaemonize = no\\nerror_log = /proc/self/fd/2\\ninclude = /usr/local/etc/php-fpm.d/*.conf\\n' >/tmp/fpm.conf
printf '[www]\\nuser = www-data\\nlisten = 9000\\npm = static\\npm.max_children = 2\\naccess.log = /proc/self/fd/2\\n' >/usr/local/etc/php-fpm.d/www.conf
exec /usr/sbin/php-fpm8* --nodaemonize --fpm-config /tmp/fpm.conf
"""

NGINX = """
mkdir -p /var/lib/nginx /var/log/nginx
exec nginx -g 'daemon off;'
"""
NGINX_CONF = """
user www-data;
pid /run/nginx.pid;
error_log stderr;
events {}
http {
    access_log /dev/stdout;
    include /etc/nginx/conf.d/*.conf;
}
"""

CART = 'exec python3 /app/cart.py\n'


@functools.cache
def program():
    return subprocess.run([engine.ROOT / "scripts/newer", "/usr/libexec/docker/cli-plugins/docker-compose", "docker-compose"],
                          check=True, stdout=subprocess.PIPE, text=True).stdout.strip()  # fmt: skip


def setUpModule():
    program()
    standin.release()
    standin.busybox()


def on_host(image, **rest):
    """A service in the override: that skeleton, with this machine's folders in it."""
    return {"image": image, "volumes": standin.MOUNTS, **rest}


class Project:
    """An example, from up to down."""

    def __init__(self, file, services, env=None, **rest):
        self.name = engine.name()
        self.env = os.environ | (env or {})
        self.file = file
        self.folder = tempfile.TemporaryDirectory()
        self.use(services, **rest)

    def use(self, services, **rest):
        """This instead of what the example says. Its ports would be added, and are those of the whole machine: they are replaced."""
        text = json.dumps({"services": services, **rest}).replace('"ports": [', '"ports": !override [')
        Path(self.folder.name, "override.yaml").write_text(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.compose("down", "--volumes", "--timeout", "1")
        self.folder.cleanup()

    def compose(self, *args, timeout=180):
        command = [program(), "--project-name", self.name, "--project-directory", EXAMPLES, "--file", EXAMPLES / self.file,
                   "--file", f"{self.folder.name}/override.yaml", *args]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=self.env)

    def up(self, ok=True):
        """Ends when every `depends_on` was met, or cannot be."""
        done = self.compose("up", "--detach", "--no-build", "--quiet-pull", "--pull", "never")
        if ok != (done.returncode == 0):
            raise AssertionError(f"exit code {done.returncode}: {done.stdout}{done.stderr}{self.compose('logs').stdout[-8000:]}")
        return done.stderr

    def container(self, service):
        """What `docker inspect` says of the service's container."""
        return json.loads(docker("inspect", f"{self.name}-{service}-1").stdout)[0]

    def until(self, service, status, seconds=60):
        """The newest output in the health log, once Docker says so; without a word about waiting, which a busy machine causes."""
        end = time.monotonic() + seconds
        while True:
            health = self.container(service)["State"]["Health"]
            if health["Status"] == status and health["Log"]:
                return re.sub("^waiting: .*\n", "", health["Log"][-1]["Output"])
            if time.monotonic() > end:
                raise AssertionError(f"{service} {status} wanted: {health}\n{self.compose('logs', service).stdout}")
            time.sleep(0.2)

    def logs(self, service):
        done = docker("logs", f"{self.name}-{service}-1")
        return done.stdout + done.stderr


class Databases(unittest.TestCase):
    """Four servers, and an app that starts when all are healthy."""

    def project(self, **changes):
        standin.needs("/usr/lib/postgresql/*/bin/postgres", "/usr/bin/redis-server", "/usr/sbin/mariadbd", "/usr/sbin/rabbitmq-server",
                      "/bin/busybox")  # fmt: skip
        services = {name: on_host(skeletons(name)) | changes.get(name, {}) for name in DATABASES}
        services |= {"probe": {"image": standin.release()}, "app": {"image": standin.busybox()}}
        return Project("compose-databases.yaml", services, {"PASSWORD": "s3cret"})

    def test_the_app_starts_when_all_are_healthy(self):
        with self.project() as project:
            project.up()
            wanted = {
                "postgres": r"\Ahealthy: postgres://localhost: .+\n\Z",
                "redis": r"\Ahealthy: redis://\*\*\*@localhost: PONG in [\d.]+ m?s\n\Z",
                "mariadb": r"\Ahealthy: mysql://localhost: .+\n\Z",
                "rabbitmq": r"\Ahealthy: amqp://localhost: .+\n\Z",
            }
            for service, output in wanted.items():
                with self.subTest(service):
                    self.assertRegex(project.until(service, "healthy"), output)
            self.assertEqual(int(docker("wait", f"{project.name}-app-1").stdout), 0)
            self.assertEqual(project.logs("app"), "all of them are there\n")
            # Compose says the order: nothing of the app before the last was healthy.
            started = project.container("app")["State"]["StartedAt"]
            for service in wanted:
                log = project.container(service)["State"]["Health"]["Log"]
                self.assertLess(next(entry["End"] for entry in log if entry["ExitCode"] == 0), started, service)
            # The account that may do nothing keeps the log clean.
            self.assertNotIn("Access denied", project.logs("mariadb"))
            self.assertNotIn("Aborted", project.logs("mariadb"))

    def test_the_app_does_not_start_when_one_is_unhealthy(self):
        # Redis that has another password than the secret says; the rest is as above.
        with self.project(redis={"command": ["redis-server", "--requirepass", "another"]}) as project:
            said = project.up(ok=False)
            self.assertRegex(said, r"dependency failed to start: container \S+-redis-1 is unhealthy")
            app = project.container("app")["State"]
            self.assertEqual((app["Status"], app["StartedAt"]), ("created", "0001-01-01T00:00:00Z"))
            output = project.until("redis", "unhealthy")
            self.assertRegex(output, r'\Aunhealthy: redis://\*\*\*@localhost: AUTH answered "WRONGPASS .*", want OK\n\Z')
            self.assertNotIn("s3cret", output)


@functools.cache
def skeletons(name):
    return standin.skeleton(name, DATABASES[name])


class Compose(unittest.TestCase):
    def test_php_fpm_behind_nginx(self):
        standin.needs("/usr/sbin/php-fpm8*", "/usr/sbin/nginx")
        php = standin.skeleton("php", PHP)
        files = {"etc/nginx/nginx.conf": NGINX_CONF, "etc/nginx/fastcgi_params": Path("/etc/nginx/fastcgi_params").read_text()}
        services = {
            "probe": {"image": standin.release()},
            "php": on_host(php, volumes=[*standin.MOUNTS, "/etc/php:/etc/php:ro"]),
            "nginx": on_host(standin.skeleton("nginx", NGINX, files)),
        }
        with Project("compose-php-fpm.yaml", services) as project:
            project.up()
            self.assertRegex(project.until("php", "healthy"), r"\Ahealthy: fcgi://localhost/ping: .+\n\Z")
            output = project.until("nginx", "healthy")
            self.assertRegex(output, r"\Ahealthy: listen:80: .+\nhealthy: pid:///var/run/nginx.pid: process \d+ \(nginx\) lives in [\d.]+ m?s\n\Z")
            # No line of the check in its log; the request of a visitor is one.
            self.assertNotIn("GET", project.logs("nginx"))
            done = docker("exec", f"{project.name}-nginx-1", "/probe/healthcheck", "http://localhost/", "-e", "Hello from php-fpm")
            self.assertRegex(done.stdout, r"\Ahealthy: http://localhost/: 200 OK")
            self.assertIn("GET", project.logs("nginx"))
            self.assertNotRegex(project.logs("php"), "ERROR|WARNING")

    def test_nginx_does_not_start_without_php_fpm(self):
        standin.needs("/usr/sbin/php-fpm8*")
        # It listens elsewhere.
        php = standin.skeleton("php-elsewhere", PHP.replace("listen = 9000", "listen = 9001"))
        services = {
            "probe": {"image": standin.release()},
            "php": on_host(php, volumes=[*standin.MOUNTS, "/etc/php:/etc/php:ro"]),
            "nginx": {"image": standin.busybox()},
        }
        with Project("compose-php-fpm.yaml", services) as project:
            self.assertRegex(project.up(ok=False), r"dependency failed to start: container \S+-php-1 is unhealthy")
            self.assertEqual(project.container("nginx")["State"]["Status"], "created")
            output = project.until("php", "unhealthy")
            self.assertRegex(output, r"\Aunhealthy: fcgi://localhost/ping: connecting to 127.0.0.1:9000: Connection refused \(os error 111\): listening here: .*\[::\]:9001\n\Z")

    def test_a_worker_and_its_heartbeat(self):
        services = {"probe": {"image": standin.release()}, "worker": {"image": standin.busybox()}}
        with Project("compose-worker.yaml", services) as project:
            project.up()
            output = project.until("worker", "healthy")
            self.assertRegex(output, r"\Ahealthy: file:///tmp/heartbeat: 0 bytes, modified [\d.]+ m?s ago in [\d.]+ m?s\nhealthy: memory: \S+ [KM]iB of 32 MiB ")
            # A worker that hangs: stopped, it lives and touches nothing.
            docker("kill", "--signal", "STOP", f"{project.name}-worker-1")
            output = project.until("worker", "unhealthy")
            self.assertRegex(output, r"\Aunhealthy: file:///tmp/heartbeat: .*10 s.*\nhealthy: memory:")
            docker("kill", "--signal", "CONT", f"{project.name}-worker-1")
            project.until("worker", "healthy")

    def test_an_image_one_does_not_own(self):
        standin.needs("/usr/sbin/nats-server")
        # As the official one: the server alone, not even a shell.
        nats = f"{engine.PREFIX}:nats"
        with standin.Archive(nats, 'ENTRYPOINT ["/nats-server"]') as archive:
            archive.program("/usr/sbin/nats-server", "nats-server")
        with Project("compose-install.yaml", {"probe": {"image": standin.release()}, "nats": {"image": nats}}) as project:
            project.up()
            output = project.until("nats", "healthy")
            self.assertRegex(output, r"\Ahealthy: nats://localhost: .+\nhealthy: http://localhost:8222/healthz: 200 OK in [\d.]+ m?s\n\Z")
            self.assertRegex(project.logs("probe"), r"\Ainstalled: /probe/healthcheck: \d+ bytes\n\Z")
            none = docker("exec", f"{project.name}-nats-1", "/bin/sh", "-c", "exit", ok=False)
            self.assertNotEqual(none.returncode, 0, "the image has no shell")

    def test_grpc_plain_and_with_mutual_tls(self):
        standin.needs("/usr/bin/openssl")
        tls = tempfile.TemporaryDirectory()
        self.addCleanup(tls.cleanup)
        subprocess.run([EXAMPLES / "grpc/certificates", tls.name], check=True)
        os.chmod(tls.name, 0o755)
        site = next(engine.python().parents[1].glob("lib/python3*/site-packages"))
        cart = standin.skeleton("cart", CART)
        service = on_host(cart, user="65532", environment={"PYTHONPATH": "/site"}, volumes=[
            *standin.MOUNTS, f"{site}:/site:ro", f"{EXAMPLES}/grpc/cart.py:/app/cart.py:ro", f"{standin.engine.exe()}:/healthcheck:ro"])  # fmt: skip
        secrets = {name: {"file": f"{tls.name}/{name}"} for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")}
        with Project("compose-grpc-mtls.yaml", {"plain": service, "mutual": service}, secrets=secrets) as project:
            project.up()
            self.assertRegex(project.until("plain", "healthy"), r"\Ahealthy: grpc://localhost:50051/shop.Cart: SERVING in [\d.]+ m?s\n\Z")
            self.assertRegex(project.until("mutual", "healthy"), r"\Ahealthy: grpcs://localhost:50052/shop.Cart: SERVING.* in [\d.]+ m?s\n\Z")
            # Without the client's certificate the same question is turned away, and a service that is none is said to be none.
            mutual, ca = f"{project.name}-mutual-1", ["--cacert", "/run/secrets/ca.pem", "--server-name", "cart.internal"]
            refused = docker("exec", mutual, "/healthcheck", *ca, "grpcs://localhost:50052/shop.Cart", ok=False)
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertRegex(refused.stdout, r"\Aunhealthy: grpcs://localhost:50052/shop.Cart: .*the server asked for a client certificate \(--cert, --key\)\n\Z")
            unknown = docker("exec", f"{project.name}-plain-1", "/healthcheck", "grpc://localhost:50051/shop.Till", ok=False)
            self.assertRegex(unknown.stdout, r"\Aunhealthy: grpc://localhost:50051/shop.Till: .*NOT_FOUND.*\n\Z")
