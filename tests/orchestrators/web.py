"""The service of examples/kubernetes-probes.yaml: HTTP on 8080 with its status as JSON, gRPC over TLS on 50051.

`POST /down` and `/up` set what `GET /ready` says, `POST /wedge` what gRPC says: NOT_SERVING from then on.
"""

import signal
import sys
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

STATUS = health_pb2.HealthCheckResponse
state = {"status": "UP"}
servicer = health.HealthServicer()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f'{{"status":"{state["status"]}"}}\n'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        if self.path == "/wedge":
            servicer.set("", STATUS.NOT_SERVING)
        else:
            state["status"] = self.path.removeprefix("/").upper()
        self.do_GET()

    def log_message(self, *_):
        pass


def main():
    # The first process of a container has no defaults; it would be waited for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server = grpc.server(futures.ThreadPoolExecutor(4))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    servicer.set("", STATUS.SERVING)
    pair = [(Path("/tls/tls.key").read_bytes(), Path("/tls/tls.crt").read_bytes())]
    server.add_secure_port("127.0.0.1:50051", grpc.ssl_server_credentials(pair))
    server.start()
    ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()


main()
