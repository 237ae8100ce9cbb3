"""Answers PRELOGIN as SQL Server does and packs OpenSSL's handshake into TDS ([MS-TDS] 2.2.6.5), by itself: stands in for
SQL Server, of which there is none. Prints a name and a port for each way to behave, then an empty line; what became of each
handshake stands on the port `log`, over HTTP. Ends with its stdin.

    tds_server.py CERT KEY
"""

import ssl
import struct
import sys

from answers import exactly, offer

# As SQL Server before 2022, and as TDS 7 has it since: TLS 1.3 is of TDS 8 alone.
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.maximum_version = ssl.TLSVersion.TLSv1_2

PRELOGIN, RESULT = 0x12, 0x04
seen = []


def packet(client):
    head = exactly(client, 8)
    if head is None:
        return None
    kind, status, length = struct.unpack(">BBH4x", head)
    return kind, status, exactly(client, length - 8)


def message(client, kind):
    """All packets of a message."""
    whole = b""
    while got := packet(client):
        assert got[0] == kind and len(got[2]) <= 4096 - 8, got
        whole += got[2]
        if got[1] & 1:
            return whole
    return None


def options(data):
    found, at = {}, 0
    while data[at] != 0xFF:
        kind, offset, length = struct.unpack_from(">BHH", data, at)
        found[kind] = data[offset : offset + length]
        at += 5
    return found


def say(client, kind, data, size=4096):
    for at in range(0, len(data), size - 8):
        piece = data[at : at + size - 8]
        last = at + size - 8 >= len(data)
        client.sendall(struct.pack(">BBHHBB", kind, last, len(piece) + 8, 0, 1, 0) + piece)


def handshake(client, size):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            if outgoing.pending:
                say(client, PRELOGIN, outgoing.read(), size)
            data = message(client, PRELOGIN)
            if data is None:
                raise OSError("the client left in the middle") from None
            incoming.write(data)
    say(client, PRELOGIN, outgoing.read(), size)
    # From here on TLS stands alone.
    while data := client.recv(4096):
        incoming.write(data)
    incoming.write_eof()
    try:
        return "bytes" if tls.read(1) else "close_notify"
    except ssl.SSLZeroReturnError:
        return "close_notify"


def serve(client, how):
    with client:
        if how["name"] == "log":
            client.recv(4096)
            text = "\n".join([*seen, "."]).encode()
            client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + text)
            return
        asked = options(message(client, PRELOGIN))
        # ON is answered with what the server has; OFF is the login's alone.
        answer = how["encryption"] if asked[1] == b"\x01" else b"\0"
        say(client, RESULT, b"\0\0\x0b\0\x06\x01\0\x11\0\x01\xff" + b"\x10\0\x03\xe8\0\0" + answer)
        if asked[1] != b"\x01" or how["encryption"] == b"\x02" or how["then"] == "closes":
            return
        if how["then"] == "hangs":
            client.recv(4096)
            client.recv(4096)
            return
        if how["then"] == "speaks":
            client.recv(4096)
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        try:
            seen.append(f"{how['name']} {handshake(client, how['size'])}")
        except (ssl.SSLError, OSError) as error:
            seen.append(f"{how['name']} error {error}")


def way(name, encryption=b"\x01", then="", size=4096):
    return {"name": name, "encryption": encryption, "then": then, "size": size}


ways = [way("on"), way("required", b"\x03"), way("pieces", size=40), way("none", b"\x02")]
ways += [way("hung", then="hangs"), way("closing", then="closes"), way("web", then="speaks"), way("log")]
offer({one["name"]: one for one in ways}, serve)
