"""Everything that the documents' commands ask, on the ports that they name: run in a container that has the network to itself.

    peers.py ROOT        prints `ready` and stays

Real servers where Debian has them and they start quickly; the peers of tests/peers; a few lines for the rest.
"""

import glob
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

ROOT = Path(sys.argv[1])
HOME = Path("/tmp/peers")
SECRET = "s3cret"
NAMES = "localhost db cache cache.internal api app config broker broker-1 mq.internal app.internal app.example.org mail.example.org directory db-1 db-2 db-3".split()


def start(*command, **options):
    STARTED.append(subprocess.Popen(list(map(str, command)), **{"stdin": subprocess.DEVNULL, **options}))
    return STARTED[-1]


STARTED = []


def done(*command, **options):
    subprocess.run(list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)


def write(path, text, mode=0o644, owner=None):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    if owner:
        import pwd

        os.chown(path, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid)
    return path


# ------------------------------------------------------------------------------------ files


def certificates():
    def openssl(*args):
        done("openssl", *args, cwd=HOME, stderr=subprocess.DEVNULL)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "60", "-subj", "/CN=test CA")
    write(HOME / "ext", "subjectAltName=IP:127.0.0.1," + ",".join(f"DNS:{name}" for name in NAMES) + "\nbasicConstraints=CA:FALSE\n")
    for name in ("server", "client"):
        openssl("req", "-new", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
                "-days", "30", "-extfile", "ext")  # fmt: skip
    for name in ("ca.pem", "client.pem", "client.key"):
        for folder in ("/etc/tls", "/"):
            write(f"{folder}/{name}", (HOME / name).read_text())


def files():
    with open("/etc/hosts", "a") as hosts:
        hosts.write(f"127.0.0.1 {' '.join(NAMES)}\n")
    for name in ("redis", "pw", "mqtt", "nats", "token"):
        write(f"/run/secrets/{name}", f"{SECRET}\n")
    write("/var/lib/app/index", "x" * (2 << 20))
    write("/run/app.state", "running\n")
    write("/tmp/ready", "")
    Path("/probe").mkdir()
    Path("/data").mkdir()

    def beat():
        while True:
            write("/tmp/heartbeat", "")
            time.sleep(1)

    threading.Thread(target=beat, daemon=True).start()
    workers = [start("worker", "infinity", executable="/usr/bin/sleep") for _ in range(4)]
    write("/run/app.pid", f"{workers[0].pid}\n")


# ------------------------------------------------------------------------- servers of our own


def listen(where):
    if isinstance(where, int):
        return socket.create_server(("127.0.0.1", where), backlog=64)
    Path(where).parent.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(where)
    listener.listen(64)
    return listener


def serve(where, handle):
    listener = listen(where)

    def accept():
        while True:
            client, _ = listener.accept()
            client.settimeout(10)
            threading.Thread(target=one, args=(client,), daemon=True).start()

    def one(client):
        try:
            handle(client)
        except OSError:
            pass
        finally:
            client.close()

    threading.Thread(target=accept, daemon=True).start()


def scripted(where, greeting=b"", answers=(), tls=False):
    """Greets, and answers what begins with one of the questions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HOME / "server.pem", HOME / "server.key")

    def handle(client):
        if tls:
            client = context.wrap_socket(client, server_side=True)
        client.sendall(greeting)
        while data := client.recv(4096):
            for question, answer in answers:
                if data.startswith(question):
                    client.sendall(answer)

    serve(where, handle)


def connected(where):
    if isinstance(where, int):
        return socket.create_connection(("127.0.0.1", where), timeout=10)
    server = socket.socket(socket.AF_UNIX)
    server.connect(where)
    return server


def fork(where, plain, tls=None, h2=None):
    """One port for several servers, as the client's first bytes tell: TLS, HTTP/2, or anything else."""

    def handle(client):
        first = client.recv(4, socket.MSG_PEEK)
        to = tls if tls and first[:1] == b"\x16" else h2 if h2 and first == b"PRI " else plain
        server = connected(to)
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()
        server.close()

    serve(where, handle)


def pump(source, sink):
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def ntp():
    """Answers a client of version 3 as a server of stratum 1."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 123))
    while True:
        data, peer = udp.recvfrom(1024)
        if len(data) == 48 and data[0] == 0x1B:
            udp.sendto(b"\x1c\x01" + bytes(46), peer)


class Cart(health.HealthServicer):
    """Knows who asks for a service's health."""

    def Check(self, request, context):
        if request.service == "shop.Cart" and dict(context.invocation_metadata()).get("authorization") != f"Bearer {SECRET}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
        return super().Check(request, context)


def grpc_server():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    servicer = Cart()
    for service in ("", "app", "shop.Cart"):
        servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    pair = ((HOME / "server.key").read_bytes(), (HOME / "server.pem").read_bytes())
    credentials = grpc.ssl_server_credentials([pair], (HOME / "ca.pem").read_bytes(), require_client_auth=True)
    plain, tls = server.add_insecure_port("127.0.0.1:0"), server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, plain, tls


def peer(script, name, *args):
    """The port of one of the answers of a peer in tests/peers."""
    process = start(sys.executable, ROOT / "tests/peers" / script, *args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return int(dict(line.split() for line in iter(process.stdout.readline, "\n"))[name])


# ------------------------------------------------------------------------------ real servers


def nginx():
    tls = f"ssl_certificate {HOME}/server.pem; ssl_certificate_key {HOME}/server.key;"
    temp = " ".join(f"{kind}_temp_path {HOME}/nginx;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    locations = f"""
        default_type application/json;
        if ($http_authorization !~ "^(|Basic cHJvYmU6{SECRET_BASE64}|Bearer {SECRET})$") {{ return 401; }}
        location / {{ return 200 '{{"status":"UP","ok":true}}'; }}
        location /healthz {{ return 200 '{{"status":"ok"}}'; }}
        location /actuator/health {{ return 200 '{{"status":"UP","components":{{"db":{{"status":"UP"}}}}}}'; }}
        location /socket {{
            proxy_pass http://127.0.0.1:{peer("ws_server.py", "up")}; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
        }}
        location /events {{ default_type text/event-stream; return 200 "data: x\\n\\n"; }}
        location /rpc {{
            if ($request_method != POST) {{ return 405; }}
            if ($content_type != application/json) {{ return 415; }}
            return 200 pong;
        }}
    """
    write(HOME / "nginx.conf", f"""
        daemon off; user root; pid /run/nginx.pid; error_log {HOME}/nginx.log;
        events {{ worker_connections 256; }}
        http {{
            access_log off; {temp}
            server {{
                listen 127.0.0.1:80; listen 127.0.0.1:8080; listen 127.0.0.1:3000; listen unix:/run/docker.sock; listen unix:{HOME}/http.sock;
                {locations}
            }}
            server {{
                listen 127.0.0.1:443 ssl; listen 127.0.0.1:8443 ssl; listen 127.0.0.1:9443 ssl proxy_protocol; {tls}
                {locations}
            }}
        }}
    """)  # fmt: skip
    start("nginx", "-p", HOME, "-c", HOME / "nginx.conf", "-e", HOME / "nginx.log")


SECRET_BASE64 = "czNjcmV0"


def redis():
    Path("/run/redis").mkdir()
    start("redis-server", "--port", 16379, "--tls-port", 16380, "--tls-cert-file", HOME / "server.pem", "--tls-key-file", HOME / "server.key",
          "--tls-ca-cert-file", HOME / "ca.pem", "--tls-auth-clients", "no", "--requirepass", SECRET, "--save", "", "--dir", HOME,
          "--bind", "127.0.0.1", "--unixsocket", "/run/redis/redis.sock", "--unixsocketperm", "777", stdout=subprocess.DEVNULL)  # fmt: skip
    fork(6379, 16379, tls=16380)


def postgres():
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    who = {"user": "postgres", "group": "postgres", "extra_groups": [], "env": {"PATH": "/usr/bin", "LC_ALL": "C"}, "cwd": "/tmp"}
    data = Path("/var/lib/postgres")
    for folder in (data, Path("/run/postgresql")):
        folder.mkdir(mode=0o700 if folder == data else 0o755)
        done("chown", "postgres:", folder)
    done(f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", **who)
    for name in ("server.pem", "server.key"):
        write(data / name, (HOME / name).read_text(), 0o600, "postgres")
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "/run/postgresql", "fsync": "off", "shared_buffers": "1MB",
                "ssl": "on", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}  # fmt: skip
    with open(data / "postgresql.conf", "a") as conf:
        conf.writelines(f"{key} = '{value}'\n" for key, value in settings.items())
    start(f"{programs}/postgres", "-D", data, stderr=open(HOME / "postgres.log", "w"), **who)


def mariadb():
    data = Path("/var/lib/maria")
    for folder in (data, Path("/run/mysqld")):
        folder.mkdir()
        done("chown", "mysql:", folder)
    for name in ("server.pem", "server.key"):
        write(f"/run/mysqld/{name}", (HOME / name).read_text(), 0o600, "mysql")
    done("mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--user=mysql",
         f"--datadir={data}", "--innodb-use-native-aio=0", stderr=subprocess.DEVNULL)  # fmt: skip
    start("mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", "--bind-address=127.0.0.1", "--socket=/run/mysqld/mysqld.sock",
          "--pid-file=/run/mysqld/pid", "--innodb-buffer-pool-size=8M", "--innodb-use-native-aio=0", "--ssl-cert=/run/mysqld/server.pem",
          "--ssl-key=/run/mysqld/server.key", f"--init-file={write('/run/mysqld/init', SQL)}",
          stdout=subprocess.DEVNULL, stderr=open(HOME / "mariadb.log", "w"))  # fmt: skip


# The account as the documents make it.
SQL = re.search(r"^```sql\n(.*?)^```", (ROOT / "docs/mysql.md").read_text(), re.M | re.S)[1]


def mosquitto():
    done("mosquitto_passwd", "-b", "-c", HOME / "mqtt", "probe", SECRET)
    conf = f"""user root
per_listener_settings true
listener 1883 127.0.0.1
allow_anonymous true
listener 8883 127.0.0.1
allow_anonymous false
password_file {HOME}/mqtt
certfile {HOME}/server.pem
keyfile {HOME}/server.key
"""
    start("mosquitto", "-c", write(HOME / "mosquitto.conf", conf), stderr=subprocess.DEVNULL)


def nats():
    conf = f"""listen: 127.0.0.1:4222
authorization {{ token: "{SECRET}" }}
tls {{ cert_file: "{HOME}/server.pem", key_file: "{HOME}/server.key" }}
allow_non_tls: true
"""
    start("nats-server", "-c", write(HOME / "nats.conf", conf), stderr=subprocess.DEVNULL)


def php_fpm():
    Path("/run/php").mkdir()
    pools = "".join(
        f"[{name}]\nuser = nobody\ngroup = nogroup\nlisten = {where}\npm = static\npm.max_children = 2\nping.path = /ping\npm.status_path = /status\n"
        for name, where in (("www", "127.0.0.1:9000"), ("socket", "/run/php/php-fpm.sock"))
    )
    conf = write(HOME / "php.conf", f"[global]\nerror_log = {HOME}/php.log\ndaemonize = no\n{pools}")
    start(sorted(glob.glob("/usr/sbin/php-fpm*"))[0], "-n", "-y", conf, stderr=subprocess.DEVNULL)


def dnsmasq():
    for port in (53, 5353):
        start("dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", f"--port={port}", "--listen-address=127.0.0.1",
              "--bind-interfaces", "--user=root", "--pid-file=", "--address=/example.org/192.0.2.1",
              "--srv-host=_app._tcp.example.org,app.example.org,8080")  # fmt: skip


def memcached():
    start("memcached", "-u", "root", "-l", "127.0.0.1", "-p", 11211)
    start("memcached", "-u", "root", "-s", "/run/memcached.sock")


def amqp():
    """Connection.Start of a broker with a name, in answer to the protocol header (AMQP 0-9-1, 4.2.2)."""
    text = lambda of, name, value: bytes([len(name)]) + name + b"S" + len(value).to_bytes(4, "big") + value  # noqa: E731, ARG005
    table = text(0, b"product", b"Stand-in") + text(0, b"version", b"1")
    payload = b"\0\x0a\0\x0a\0\x09" + len(table).to_bytes(4, "big") + table + b"\0\0\0\x05PLAIN\0\0\0\x05en_US"
    frame = b"\x01\0\0" + len(payload).to_bytes(4, "big") + payload + b"\xce"
    for port, tls in ((5672, False), (5671, True)):
        scripted(port, answers=[(b"AMQP\0\0\x09\x01", frame)], tls=tls)


def directories():
    """A success for an anonymous bind (RFC 4511, 4.2.2), SUPPORTED for OPTIONS (CQL v4, 4.2.4), SQL Server's part."""
    bound = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0"
    for port, tls in ((389, False), (636, True)):
        scripted(port, answers=[(b"\x30\x0c\x02\x01\x01\x60", bound)], tls=tls)
    supported = b"\x84\0hc\x06\0\0\0\x16\0\x01\0\x0bCOMPRESSION\0\x01\0\x03lz4"
    scripted(9042, answers=[(b"\x04\0hc\x05", supported)])
    fork(1433, peer("tds_server.py", "on", HOME / "server.pem", HOME / "server.key"))


def up(where):
    try:
        connected(where).close()
    except OSError:
        return False
    return True


def main():
    HOME.mkdir(parents=True)
    (HOME / "nginx").mkdir()
    certificates()
    files()
    # The slow ones at the same time.
    with futures.ThreadPoolExecutor() as pool:
        slow = [pool.submit(step) for step in (postgres, mariadb)]
        for step in (nginx, redis, mosquitto, nats, php_fpm, dnsmasq, memcached, amqp):
            step()
        threading.Thread(target=ntp, daemon=True).start()
        scripted(2181, answers=[(b"srvr", b"Zookeeper version: 3.8.0\nMode: standalone\n")])
        scripted(25, b"220 mail.example.org ESMTP\r\n")
        scripted(993, b"* OK ready\r\n", tls=True)
        scripted(143, b"* OK ready\r\n")
        scripted(21, b"220 ready\r\n")
        scripted(22, b"SSH-2.0-server\r\n")
        scripted(11300, answers=[(b"stats\r\n", b"OK 29\r\n---\ncurrent-jobs-ready: 0\n\r\n")])
        directories()
        broker = peer("kafka_peer.py", "broker")
        fork(9092, broker)
        fork(9093, broker)
        fork(27017, peer("mongodb_peer.py", "primary"))
        for step in slow:
            step.result()
    # After all that forks: gRPC starts threads in the child, and these abort once its descriptors are closed, before it executes.
    server, plain, tls = grpc_server()
    fork(50051, plain, tls=tls)
    fork("/run/app.sock", f"{HOME}/http.sock", h2=plain)
    wanted = [53, 80, 1883, 3306, 4222, 5432, 8080, 8443, 9443, 8883, 9000, 11211, 16379, "/run/memcached.sock", "/run/php/php-fpm.sock", "/run/mysqld/mysqld.sock",
              "/run/postgresql/.s.PGSQL.5432", 5353]  # fmt: skip
    end = time.monotonic() + 60
    while missing := [where for where in wanted if not up(where)]:
        if time.monotonic() > end:
            logs = "".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in sorted(HOME.glob("*.log")))
            ended = {" ".join(process.args[:2]): process.returncode for process in STARTED if process.poll() is not None}
            sys.exit(f"not up: {missing}, ended: {ended}\n{logs}")
        time.sleep(0.1)
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
