"""gRPC servers of grpcio with grpcio-health-checking, one port for each way to answer.

Arguments: a folder with server.pem, server.key and root.pem, where grpc.sock is made. Prints
`NAME PORT` lines and an empty one, and ends with its standard input.
"""

import socket
import ssl
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

FOLDER = Path(sys.argv[1])
STATUS = health_pb2.HealthCheckResponse


class Guarded(health_pb2_grpc.HealthServicer):
    """Wants a token, and says what it was sent when there is none."""

    def Check(self, request, context):
        sent = dict(context.invocation_metadata())
        if sent.get("authorization") == "Bearer t0k3n":
            return STATUS(status=STATUS.SERVING)
        left = context.time_remaining()
        seen = f"{sent['user-agent']} x={sent.get('x')} 1s<{1 < left < 3} {request.service!r}"
        context.abort(grpc.StatusCode.UNAUTHENTICATED, f"no token – {seen}")


class Slow(health_pb2_grpc.HealthServicer):
    """Answers when the caller has given up."""

    def Check(self, request, context):
        gone = threading.Event()
        context.add_callback(gone.set)
        gone.wait(30)
        return STATUS(status=STATUS.SERVING)


def overall(status):
    servicer = health.HealthServicer()
    servicer.set("", status)
    servicer.set("up.Service", STATUS.SERVING)
    servicer.set("down.Service", STATUS.NOT_SERVING)
    servicer.set("odd.Service", STATUS.UNKNOWN)
    servicer.set("ä/b c", STATUS.SERVING)
    return servicer


def serve(name, servicer, bind):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    if servicer:
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = bind(server)
    server.start()
    print(name, port, flush=True)
    return server


def plain(server):
    return server.add_insecure_port("127.0.0.1:0")


def unix(server):
    return server.add_insecure_port(f"unix:{FOLDER}/grpc.sock")


def tls(clients):
    key = (FOLDER / "server.key").read_bytes()
    chain = (FOLDER / "server.pem").read_bytes()
    root = (FOLDER / "root.pem").read_bytes() if clients else None
    credentials = grpc.ssl_server_credentials([(key, chain)], root, clients)
    return lambda server: server.add_secure_port("127.0.0.1:0", credentials)


def without_alpn(name):
    """A TLS server that knows of no application protocol."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "server.pem", FOLDER / "server.key")
    listener = socket.create_server(("127.0.0.1", 0))

    def handshakes():
        while True:
            peer, _ = listener.accept()
            try:
                with context.wrap_socket(peer, server_side=True) as stream:
                    stream.recv(4096)
            except OSError:
                pass

    threading.Thread(target=handshakes, daemon=True).start()
    print(name, listener.getsockname()[1], flush=True)


SERVERS = [
    serve("up", overall(STATUS.SERVING), plain),
    serve("down", overall(STATUS.NOT_SERVING), plain),
    serve("none", None, plain),
    serve("guarded", Guarded(), plain),
    serve("slow", Slow(), plain),
    serve("unix", overall(STATUS.SERVING), unix),
    serve("tls", overall(STATUS.SERVING), tls(False)),
    serve("mtls", overall(STATUS.SERVING), tls(True)),
]
without_alpn("noalpn")
print(flush=True)
sys.stdin.read()
for server in SERVERS:
    server.stop(0)
