"""A QUIC server of aioquic's, and a socket that never answers. Prints a name and a port for each, then an empty
line; ends with its stdin.

    quic_server.py CERT KEY
"""

import asyncio
import socket
import sys

from aioquic.asyncio import serve
from aioquic.quic.configuration import QuicConfiguration


async def main():
    configuration = QuicConfiguration(is_client=False)
    configuration.load_cert_chain(sys.argv[1], sys.argv[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await serve("127.0.0.1", port, configuration=configuration)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    print("quic", port)
    print("silent", silent.getsockname()[1])
    print(flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
