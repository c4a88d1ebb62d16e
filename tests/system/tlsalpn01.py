# SPDX-License-Identifier: ISC
"""Clients of the tls-alpn-01 responder, for tlsalpn01.sh: python3 tlsalpn01.py PORT STEP [WORD...]

A step fails with a sentence.
"""
import hashlib
import ipaddress
import selectors
import socket
import ssl
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # beside the sources
from http01 import descriptors  # noqa: E402

SECONDS = 20
PROTOCOL = "acme-tls/1"
# acmeIdentifier, critical, an OCTET STRING of 32 bytes within that of any extension
EXTENSION = bytes.fromhex("303106082b0601050507011f0101ff04220420")
SUBJECT_ALT_NAME = bytes.fromhex("0603551d11")


def server_name(identifier):
    try:
        return ipaddress.ip_address(identifier).reverse_pointer
    except ValueError:
        return identifier


def make_context(protocols=(PROTOCOL,), version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = version or ssl.TLSVersion.TLSv1_2
    if version:
        context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def make_hello(name, **how):
    """The bytes that a client says first."""
    out = ssl.MemoryBIO()
    client = make_context(**how).wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def connect(port, host="127.0.0.1", source=None):
    return socket.create_connection((host, int(port)), SECONDS, (source, 0) if source else None)


def read_to_end(s):
    said = b""
    try:
        while more := s.recv(65536):
            said += more
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    return said


def handshake(port, name, protocols=(PROTOCOL,), version=None, host="127.0.0.1", ends=True):
    """(certificate, protocol) of a whole one; where it ends then, not a byte follows."""
    with connect(port, host) as plain:
        with make_context(protocols, version).wrap_socket(
                plain, server_hostname=name, suppress_ragged_eofs=False) as s:
            shown = s.getpeercert(True), s.selected_alpn_protocol()
            assert not ends or read_to_end(s) == b"", "something follows"
            return shown


def show(der, *what):
    return subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", *what], input=der,
                          check=True, capture_output=True).stdout.decode()


def wrap(tag, content):
    return bytes([tag, len(content)]) + content


def check_answer(der, identifier, key_authorization):
    digest = hashlib.sha256(key_authorization.encode()).digest()
    assert der.count(EXTENSION + digest) == 1, "no acmeIdentifier with this key authorization"
    try:
        name = wrap(0x87, ipaddress.ip_address(identifier).packed)
    except ValueError:
        name = wrap(0x82, identifier.encode())
    assert der.count(SUBJECT_ALT_NAME) == 1, "more than one subjectAltName"
    assert SUBJECT_ALT_NAME + wrap(0x04, wrap(0x30, name)) in der, \
        show(der, "-ext", "subjectAltName")


def is_answered(port, host, identifier, key_authorization):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        der, protocol = handshake(port, server_name(identifier), version=version, host=host)
        assert protocol == PROTOCOL, protocol
        check_answer(der, identifier, key_authorization)


def ask(port, identifier):
    """The seconds that a right request takes, as a CA makes it."""
    begun = time.monotonic()
    _, protocol = handshake(port, server_name(identifier))
    assert protocol == PROTOCOL, protocol
    return time.monotonic() - begun


def others_are_closed(port, identifier):
    """At once, and without a byte."""
    name = server_name(identifier)
    cases = {
        "another name": make_hello("not-" + name),
        "no name": make_hello(None),
        "no protocol": make_hello(name, protocols=()),
        "another protocol": make_hello(name, protocols=["h2"]),
        "two protocols": make_hello(name, protocols=[PROTOCOL, "h2"]),
        "two protocols, ours the second": make_hello(name, protocols=["http/1.1", PROTOCOL]),
        "TLS 1.1": make_hello(name, version=ssl.TLSVersion.TLSv1_1),
        "HTTP": b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "noughts": bytes(100),
        "a hello of 64 kB": b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(16380),
        "a hello of nothing": b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
        "data without a handshake": b"\x17\x03\x03\x00\x10" + bytes(16),
    }
    for what, hello in cases.items():
        with connect(port) as s:
            begun = time.monotonic()
            s.sendall(hello)
            said = read_to_end(s)
            took = time.monotonic() - begun
        assert said == b"", f"{what}: {said!r}"
        assert took < 5, f"{what}: closed after {took:.1f} s"


def is_deaf(port):
    """Closed before anything is said."""
    with connect(port) as s:
        begun = time.monotonic()
        assert read_to_end(s) == b""
        assert time.monotonic() - begun < 5


def is_routed(port, host, name, protocol, subject):
    """An ordinary client comes to the web server."""
    der, chosen = handshake(port, name, protocols=[protocol] if protocol else (), host=host,
                            ends=False)
    assert subject in show(der, "-subject"), show(der, "-subject")
    assert chosen != PROTOCOL, chosen


def flood(port, pid, identifier):
    """900 connections: 300 are silent, 300 say half a hello, 300 a whole one and no more.
    512 of them are kept, for 10 s, and meanwhile a right request takes less than a second."""
    name = server_name(identifier)
    hello = make_hello(name)
    says = [b"", hello[:len(hello) // 2], hello]
    before = descriptors(pid)
    selector = selectors.DefaultSelector()
    lives = {}
    longest, asked = 0.0, 0
    for i in range(900):
        s = connect(port, source=f"127.0.{1 + i % 3}.{1 + i // 3 % 6}")
        s.sendall(says[i % 3])
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ)
        lives[s] = time.monotonic()
        if i % 100 == 99:
            longest = max(longest, ask(port, identifier))
            asked += 1
    most = descriptors(pid) - before
    assert 450 < most <= 520, f"{most} are kept"
    begun = next_request = time.monotonic()
    ended = []
    while lives and time.monotonic() < begun + 20:
        for key, _ in selector.select(0.1):
            s = key.fileobj
            try:
                if s.recv(65536):
                    continue
            except ConnectionResetError:
                pass
            ended.append(time.monotonic() - lives.pop(s))
            selector.unregister(s)
            s.close()
        if time.monotonic() >= next_request:
            next_request += 1
            longest = max(longest, ask(port, identifier))
            asked += 1
    assert not lives, f"{len(lives)} are still connected after 20 s"
    stayed = sorted(life for life in ended if life > 9)
    assert 400 < len(stayed) <= 512, f"{len(stayed)} stayed for 10 s"
    assert stayed[-1] < 14, f"one stayed for {stayed[-1]:.1f} s"
    assert longest < 1, f"a right request took {longest:.2f} s"
    print(f"{most} kept at once, the last for {stayed[-1]:.1f} s; the longest of {asked} "
          f"right requests took {longest * 1000:.0f} ms")
    wait_for_descriptors(pid, before)


def wait_for_descriptors(pid, before):
    until = time.monotonic() + 5
    while descriptors(pid) > before + 1:
        assert time.monotonic() < until, f"{before} before, {descriptors(pid)} afterwards"
        time.sleep(0.05)


def churn(port, pid, identifier, count):
    """Very many that come and go, whatever they say."""
    name = server_name(identifier)
    says = [b"", b"GET / HTTP/1.1\r\n\r\n", make_hello(name)[:100], make_hello(name),
            make_hello("x.example"), bytes(1000)]
    before = descriptors(pid)
    longest = 0.0
    begun = time.monotonic()
    for i in range(int(count)):
        with connect(port) as s:
            s.sendall(says[i % len(says)])
        if i % 500 == 499:
            longest = max(longest, ask(port, identifier))
    took = time.monotonic() - begun
    assert longest < 1, f"a right request took {longest:.2f} s"
    print(f"{int(count) / took:.0f} a second; the longest of {int(count) // 500} right "
          f"requests took {longest * 1000:.0f} ms")
    wait_for_descriptors(pid, before)


def main():
    port, step, *words = sys.argv[1:]
    try:
        globals()[step](port, *words)
    except AssertionError as e:
        sys.exit(f"{step}: {e}")


if __name__ == "__main__":
    main()
