# SPDX-License-Identifier: GPL-2.0-only
"""Clients that are slow, greedy, rude or many: clients.py SOCKET"""

import socket
import sys
import time

PATH = sys.argv[1]
MIB = 1 << 20
failures = 0


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(PATH)
    return s


def receive(s, size):
    data = b""
    while len(data) < size:
        more = s.recv(min(size - len(data), MIB))
        if not more:
            break
        data += more
    return data


def ask(s, request, reply):
    s.sendall(request)
    got = receive(s, len(reply))
    if got != reply:
        raise AssertionError(f"{request[:60]!r}: expected {reply[:60]!r}, got {got[:60]!r}")


def check(what, function):
    global failures
    try:
        function()
        print(f"# {what}: good")
    except (AssertionError, OSError) as error:
        failures += 1
        print(f"# {what}: {error}")


def alive():
    with connect() as s:
        ask(s, b"get nothing\r\n", b"END\r\n")


def greedy():
    value = bytes(range(256)) * 4096
    with connect() as s, connect() as other:
        ask(s, b"set big 1 0 %d\r\n%s\r\n" % (len(value), value), b"STORED\r\n")
        # 200 MiB, and nobody reads them for a while.
        s.sendall(b"get" + b" big" * 200 + b"\r\n")
        time.sleep(0.3)
        start = time.monotonic()
        for _ in range(100):
            ask(other, b"get nothing\r\n", b"END\r\n")
        assert time.monotonic() - start < 5, "another client has to wait"
        one = b"VALUE big 1 %d\r\n%s\r\n" % (len(value), value)
        for i in range(200):
            assert receive(s, len(one)) == one, f"value {i} is wrong"
        assert receive(s, 5) == b"END\r\n", "no end"
        ask(s, b"delete big\r\n", b"DELETED\r\n")


def flood():
    """Sends and never reads: the server must stop taking it in, and survive."""
    with connect() as s:
        s.setblocking(False)
        sent = 0
        try:
            while sent < 64 * MIB:
                sent += s.send(b"version\r\n" * 10000)
        except BlockingIOError:
            time.sleep(0.2)
        assert sent < 64 * MIB, "the server took in 64 MiB without having its replies read"
        alive()


def half_closed():
    with connect() as s:
        s.sendall(b"set half 0 0 1\r\n1\r\nget half\r\ndelete half")
        s.shutdown(socket.SHUT_WR)
        reply = b"STORED\r\nVALUE half 0 1\r\n1\r\nEND\r\n"
        assert receive(s, 100) == reply, "replies are lost when the client has sent all"


def too_large():
    with connect() as s:
        s.sendall(b"set large 0 0 %d\r\n" % (3 * MIB))
        for _ in range(48):
            s.sendall(b"x" * 65536)
        ask(s, b"\r\nget large\r\n", b"SERVER_ERROR object too large for cache\r\nEND\r\n")


def slowly():
    with connect() as s:
        for byte in b"set slow 0 0 3\r\nabc\r\n":
            s.sendall(bytes([byte]))
        assert receive(s, 8) == b"STORED\r\n"


def rude():
    for data in (b"\x80" * 24, b"get", b"set a 0 0 100\r\n", b"\0" * 70000, b"quit\r\n" * 1000):
        with connect() as s:
            s.sendall(data)
    alive()


def many():
    clients = [connect() for _ in range(300)]
    for i, s in enumerate(clients):
        ask(s, b"set many%d 0 0 1\r\n1\r\n" % i, b"STORED\r\n")
    for s in clients:
        s.close()
    alive()


check("greedy", greedy)
check("flood", flood)
check("half closed", half_closed)
check("too large", too_large)
check("slowly", slowly)
check("rude", rude)
check("many", many)
sys.exit(1 if failures else 0)
