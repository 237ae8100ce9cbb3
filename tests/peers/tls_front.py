"""TLS in front of servers that know none: the last two bytes of the address that a client connects
to, 127.0.x.y, are the port of the server that it is handed to. Ends with its stdin.

    tls_front.py CERT KEY        prints `front` and its port
"""

import os
import select
import socket
import ssl
import sys
import threading

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.set_alpn_protocols(["h2", "http/1.1"])


def secure(client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.settimeout(10)
    return context.wrap_socket(client, server_side=True, suppress_ragged_eofs=False)


def behind(client):
    net, _, high, low = socket.inet_aton(client.getsockname()[0])
    if net != 127:
        raise OSError("nobody else's business")
    return socket.create_connection(("127.0.0.1", high << 8 | low), timeout=10)


def pump(client, server):
    """Hands on what either says. One thread for both ways, since OpenSSL wants it so."""
    sources = [client, server]
    while server in sources:
        ready = select.select(sources, [], [], 10)[0]
        if not ready:
            return
        if server in ready:
            if data := server.recv(16_384):
                client.sendall(data)
            else:
                sources.remove(server)
        if client in ready:
            client.settimeout(0)
            try:
                data = client.recv(16_384)
            except ssl.SSLWantReadError:
                continue
            finally:
                client.settimeout(10)
            if data:
                server.sendall(data)
            else:
                server.shutdown(socket.SHUT_WR)
                sources.remove(client)
    # close_notify; the answer is waited for by the way only.
    client.settimeout(0.2)
    client.unwrap()


def serve(client):
    server = None
    try:
        client = secure(client)
        server = behind(client)
        pump(client, server)
    except OSError:
        pass
    for end in (client, server):
        if end:
            end.close()


listener = socket.create_server(("0.0.0.0", 0), backlog=200)
print("front", listener.getsockname()[1], flush=True)
print(flush=True)


def accept():
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
os._exit(0)
