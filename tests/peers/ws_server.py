"""A WebSocket server of the package websockets, which shares no code with Node's. Prints a name and a port
for each, then an empty line; what it logged stands on the port `log`, over HTTP. Ends with its stdin.
"""

import asyncio
import logging
import sys

from websockets.asyncio.server import serve

seen = []


class Keep(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.WARNING or record.exc_info:
            seen.append("error " + record.getMessage())


logging.getLogger("websockets").addHandler(Keep())
logging.getLogger("websockets").setLevel(logging.DEBUG)


async def echo(socket):
    async for message in socket:
        await socket.send(message)
    seen.append(f"closed {socket.close_code}")


async def raises(_):
    raise RuntimeError("no database")


async def log(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    text = "\n".join([*seen, "."]).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    await writer.drain()
    writer.close()


async def main():
    servers = {"up": await serve(echo, "127.0.0.1", 0), "raises": await serve(raises, "127.0.0.1", 0)}
    servers["log"] = await asyncio.start_server(log, "127.0.0.1", 0)
    for name, server in servers.items():
        print(name, list(server.sockets)[0].getsockname()[1])
    print(flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    sys.stdout.flush()


asyncio.run(main())
