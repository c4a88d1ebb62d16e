# SPDX-License-Identifier: ISC
"""Clients of the http-01 responder, for http01.sh: python3 http01.py PORT STEP [WORD...]

A step fails with a sentence.
"""
import base64
import hashlib
import json
import os
import selectors
import socket
import subprocess
import sys
import time

SECONDS = 20
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
PATH = "/.well-known/acme-challenge/"


def thumbprint(file):
    """RFC 7638, of a key on P-256, by way of openssl."""
    der = subprocess.run(["openssl", "pkey", "-in", file, "-pubout", "-outform", "DER"],
                         check=True, capture_output=True).stdout
    point = der[-64:]

    def encode(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    jwk = {"crv": "P-256", "kty": "EC", "x": encode(point[:32]), "y": encode(point[32:])}
    return encode(hashlib.sha256(json.dumps(jwk, separators=(",", ":")).encode()).digest())


def exchange(port, request, host="127.0.0.1", source=None):
    """What comes back until the connection ends."""
    with socket.create_connection((host, int(port)), SECONDS,
                                  (source, 0) if source else None) as s:
        s.sendall(request)
        reply = b""
        while more := s.recv(65536):
            reply += more
        return reply


def get(port, token=TOKEN, host="127.0.0.1", source=None):
    """(status, body) of the request as a CA makes it."""
    reply = exchange(port, f"GET {PATH}{token} HTTP/1.1\r\nHost: a.example\r\n"
                     f"User-Agent: CA\r\nConnection: close\r\n\r\n".encode(), host, source)
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body.decode()


def is_answered(port, host, token, body):
    status, said = get(port, token, host)
    assert (status, said) == (200, body), f"{status} {said!r}, wanted {body!r}"
    assert len(said) < 128, f"{len(said)} bytes"


def bad_requests(port):
    whole = f"GET {PATH}{TOKEN} HTTP/1.1\r\n"
    host = "Host: a.example\r\n"
    end = "Connection: close\r\n\r\n"
    cases = [
        # what is right, so that it is known what the others lack
        (200, whole + host + end),
        (200, f"GET {PATH}{TOKEN} HTTP/1.0\r\n\r\n"),
        (200, f"HEAD {PATH}{TOKEN} HTTP/1.1\r\n" + host + end),
        (200, f"GET {PATH}{TOKEN}?x=1 HTTP/1.1\r\n" + host + end),
        # other paths
        (404, "GET / HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH} HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH}{TOKEN}/ HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH}{TOKEN[:21]} HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH}{TOKEN * 3} HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH}../{TOKEN} HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH}%2e%2e%2f{TOKEN} HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH}{TOKEN}%00 HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH}{TOKEN[:-1]}. HTTP/1.1\r\n" + host + end),
        (404, f"GET /{PATH}{TOKEN} HTTP/1.1\r\n" + host + end),
        (404, f"GET {PATH.upper()}{TOKEN} HTTP/1.1\r\n" + host + end),
        (404, "GET /metrics HTTP/1.1\r\n" + host + end),
        # other methods and versions
        (400, f"POST {PATH}{TOKEN} HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n{}"),
        (400, f"PUT {PATH}{TOKEN} HTTP/1.1\r\n" + host + end),
        (400, f"get {PATH}{TOKEN} HTTP/1.1\r\n" + host + end),
        (400, f"GET {PATH}{TOKEN} HTTP/1.2\r\n" + host + end),
        (400, f"GET {PATH}{TOKEN} HTTP/2.0\r\n" + host + end),
        (400, f"GET {PATH}{TOKEN}\r\n\r\n"),
        (400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, f"GET http://a.example{PATH}{TOKEN} HTTP/1.1\r\n" + host + end),
        (400, "CONNECT a.example:443 HTTP/1.1\r\n" + host + end),
        (400, "OPTIONS * HTTP/1.1\r\n" + host + end),
        (400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        # other headers
        (400, whole + end),
        (400, whole + host + host + end),
        (400, whole + "Host:\r\n" + end),
        (400, whole + "Host: a example\r\n" + end),
        (400, whole + host + "Content-Length: 5\r\n" + end),
        (400, whole + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, whole + host + "X-Y : 1\r\n" + end),
        (400, whole + host + "X-Y\r\n" + end),
        (400, whole + host + "X-Y: 1\r\n folded\r\n" + end),
        (400, whole + host + "X-Y: a\0b\r\n" + end),
        (400, whole.replace("\r\n", "\n") + host.replace("\r\n", "\n") + "\n"),
        (400, whole + host + "X-Y: " + "y" * 8192 + "\r\n" + end),
        (400, "GET /" + "y" * 9000),
    ]
    for status, request in cases:
        reply = exchange(port, request.encode("latin-1"))
        line = reply.split(b"\r\n")[0].decode()
        assert line.startswith(f"HTTP/1.1 {status} "), f"{request[:120]!r}: {line!r}"
        body = reply.split(b"\r\n\r\n", 1)[1]
        if status != 200 or request.startswith("HEAD"):
            assert body == b"", f"{request[:120]!r}: {body!r}"
        assert b"nosniff" in reply, reply


def keeps_alive(port, body):
    """Two requests in one packet on one connection, then it ends on our word."""
    request = f"GET {PATH}{TOKEN} HTTP/1.1\r\nHost: a.example\r\n"
    reply = exchange(port, f"{request}\r\n{request}Connection: close\r\n\r\n".encode())
    assert reply.count(body.encode()) == 2, reply
    assert reply.count(b"HTTP/1.1 200 OK") == 2, reply


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def slow_clients(port, pid, body):
    """300 connections that send a byte a second: each is closed 10 s after it came, and
    meanwhile an honest request takes less than a second."""
    before = descriptors(pid)
    slow = {}
    selector = selectors.DefaultSelector()
    request = f"GET {PATH}{TOKEN} HTTP/1.1\r\nHost: a.example\r\nX-Slow: ".encode()
    for i in range(300):
        s = socket.create_connection(("127.0.0.1", int(port)), SECONDS,
                                     (f"127.0.1.{1 + i % 6}", 0))
        s.setblocking(False)
        s.send(request)
        slow[s] = time.monotonic()
        selector.register(s, selectors.EVENT_READ)
    begun = next_round = time.monotonic()
    while descriptors(pid) < before + 300:
        assert time.monotonic() < begun + 3, f"{descriptors(pid) - before} of 300 are kept"
        time.sleep(0.01)
    longest, shortest_life, longest_life, honest = 0.0, 99.0, 0.0, 0
    while slow and time.monotonic() < begun + 15:
        for key, _ in selector.select(0.1):
            s = key.fileobj
            life = time.monotonic() - slow.pop(s)
            shortest_life, longest_life = min(shortest_life, life), max(longest_life, life)
            selector.unregister(s)
            s.close()
        if time.monotonic() < next_round:
            continue
        next_round += 1
        for s in slow:
            try:
                s.send(b"y")
            except OSError:
                pass
        asked = time.monotonic()
        assert get(port) == (200, body)
        longest = max(longest, time.monotonic() - asked)
        honest += 1
    assert not slow, f"{len(slow)} are still connected after 15 s"
    assert shortest_life > 9, f"one was dropped after {shortest_life:.1f} s"
    assert longest_life < 12.5, f"one was dropped after {longest_life:.1f} s only"
    assert honest >= 9 and longest < 1, f"{honest} honest requests, up to {longest:.2f} s"
    print(f"dropped after {shortest_life:.1f} to {longest_life:.1f} s; "
          f"the longest of {honest} honest requests took {longest * 1000:.0f} ms")
    time.sleep(0.2)
    after = descriptors(pid)
    assert after <= before + 1, f"{before} descriptors before, {after} afterwards"


def one_address(port, body):
    """300 from one address push out each other, not who comes next."""
    kept = []
    for _ in range(300):
        s = socket.create_connection(("127.0.0.1", int(port)), SECONDS)
        s.send(b"GET /")
        kept.append(s)
    asked = time.monotonic()
    assert get(port) == (200, body)
    assert get(port, source="127.0.1.1") == (200, body)
    took = time.monotonic() - asked
    assert took < 1, f"{took:.2f} s"
    ended = 0
    for s in kept:
        s.setblocking(False)
        try:
            ended += s.recv(1) == b""
        except BlockingIOError:
            pass
        except ConnectionResetError:
            ended += 1
        s.close()
    assert 300 - 64 <= ended < 300, f"{ended} of 300 were pushed out"


def never_fails(port, file, body):
    """Asks on and on until the file is gone; every answer is as it should be."""
    n = 0
    print("begun", flush=True)
    while os.path.exists(file):
        assert get(port) == (200, body), f"request {n}"
        n += 1
    print(f"{n} requests")
    assert n >= 50, f"{n} requests only"


def main():
    port, step, *words = sys.argv[1:]
    if step == "thumbprint":
        print(thumbprint(port))
        return
    try:
        globals()[step](port, *words)
    except AssertionError as e:
        sys.exit(f"{step}: {e}")


if __name__ == "__main__":
    main()
