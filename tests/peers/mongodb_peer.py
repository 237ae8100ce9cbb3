"""Answers `hello` as MongoDB servers do, by the bson of pymongo. Prints a name and a port for each of
its answers, then an empty line; ends with its stdin. Stands in for a server, of which there was none.
"""

import datetime
import struct

import bson
from bson import Int64, ObjectId, Timestamp

from answers import exactly, offer

OP_REPLY, OP_MSG = 1, 2013
HELLO = {
    "topologyVersion": {"processId": ObjectId(), "counter": Int64(6)},
    "maxBsonObjectSize": 16777216,
    "localTime": datetime.datetime(2024, 1, 1),
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "readOnly": False,
    "ok": 1.0,
}
SET = {"hosts": ["m1:27017", "m2:27017"], "setName": "rs0", "primary": "m1:27017",
       "$clusterTime": {"clusterTime": Timestamp(1, 1), "signature": {"hash": b"\0" * 20}}}
PRIMARY = HELLO | SET | {"isWritablePrimary": True, "secondary": False}
SECONDARY = HELLO | SET | {"isWritablePrimary": False, "secondary": True}
UNKNOWN = {"ok": 0.0, "errmsg": "no such command: 'hello'", "code": 59,
           "codeName": "CommandNotFound"}
FORMER = {"ismaster": True, "maxWireVersion": 8, "ok": 1.0}
QUIESCE = {"ok": 0.0, "errmsg": "The server is in quiesce mode and will shut down", "code": 91}


def message(request, document, flags=0, opcode=OP_MSG, checksum=b""):
    body = struct.pack("<Ib", flags, 0) + bson.encode(document) + checksum
    return struct.pack("<iiii", 16 + len(body), 1, request, opcode) + body


def former(request, command):
    return message(request, FORMER if "isMaster" in command else UNKNOWN)


ANSWERS = {
    "primary": lambda request, _: message(request, PRIMARY),
    "secondary": lambda request, _: message(request, SECONDARY),
    "alone": lambda request, _: message(
        request, HELLO | {"isWritablePrimary": True, "maxWireVersion": 25}),
    "mongos": lambda request, _: message(
        request, HELLO | {"isWritablePrimary": True, "msg": "isdbgrid"}),
    "starting": lambda request, _: message(
        request, SECONDARY | {"secondary": False}),
    "checksum": lambda request, _: message(request, PRIMARY, flags=1, checksum=b"crc4"),
    "former": former,
    "error": lambda request, _: message(request, QUIESCE),
    "op_reply": lambda request, _: message(request, PRIMARY, opcode=OP_REPLY),
    "hangs_up": lambda *_: b"",
    "huge": lambda *_: struct.pack("<I", 1 << 31) + b"x" * 60,
    "another": lambda request, _: message(request + 1, PRIMARY),
    "short": lambda request, _: message(request, PRIMARY)[:40],
}


def serve(client, answer):
    with client:
        while head := exactly(client, 16):
            length, request, response_to, opcode = struct.unpack("<iiii", head)
            body = exactly(client, length - 16)
            command = bson.decode(body[5:])
            name = "isMaster" if "isMaster" in command else "hello"
            assert (response_to, opcode, body[:5]) == (0, OP_MSG, b"\0" * 5)
            assert command == {name: 1, "$db": "admin"}, command
            reply = answer(request, command)
            client.sendall(reply)
            if len(reply) <= 40:
                return


offer(ANSWERS, serve)
