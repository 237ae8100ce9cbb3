"""What peers share that answer one question by the byte: a port for each of their answers."""

import socket
import sys
import threading


def exactly(client, n):
    """As many bytes; None where the client ends before."""
    data = b""
    while len(data) < n:
        more = client.recv(n - len(data))
        if not more:
            return None
        data += more
    return data


def offer(answers, serve):
    """Prints each answer's name and port, then an empty line; `serve` gets each client and the answer. Ends with stdin."""
    for name, answer in answers.items():
        print(name, _listen(serve, answer))
    print(flush=True)
    sys.stdin.read()


def _listen(serve, answer):
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, answer), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]
