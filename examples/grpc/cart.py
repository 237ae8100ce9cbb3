"""A cart that can say only how it is: grpc.health.v1 on 127.0.0.1:50051; with TLS=FOLDER on port 50052, for clients with a
certificate that the folder's ca.pem signed."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

server = grpc.server(ThreadPoolExecutor(max_workers=4))
state = health.HealthServicer()
state.set("shop.Cart", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(state, server)
if "TLS" in os.environ:
    key, chain, ca = (Path(os.environ["TLS"], name).read_bytes() for name in ("server.key", "server.pem", "ca.pem"))
    server.add_secure_port("0.0.0.0:50052", grpc.ssl_server_credentials([(key, chain)], ca, require_client_auth=True))
else:
    server.add_insecure_port("127.0.0.1:50051")
server.start()
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
server.wait_for_termination()
