#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A server that serves a certificate, for tests of who looks at what is served.

    starttls_server.py PORT DIALECT CERT KEY [--reload-after SECONDS]

On 127.0.0.1 and, where there is one, on ::1. DIALECT: tls (at once), or one of smtp lmtp
imap pop3 ftp ldap postgres xmpp nntp sieve (after its STARTTLS). SIGHUP reads CERT and KEY
again, or SECONDS later: there are servers like that. Says "ready" when it listens,
"reloaded" or "not reloaded: ..." after each SIGHUP, and a line for each handshake.
"""
import argparse
import selectors
import signal
import socket
import ssl
import threading

PATIENCE = 20
LINE_MOST = 1024

# The greeting, then each command and the answer to it; after the last one TLS begins.
LINES = {
    "smtp": ("220 mail.test ESMTP", [
        ("EHLO ", "250-mail.test\r\n250-8BITMIME\r\n250 STARTTLS"),
        ("STARTTLS", "220 2.0.0 go ahead")]),
    "lmtp": ("220 mail.test LMTP", [
        ("LHLO ", "250-mail.test\r\n250 STARTTLS"), ("STARTTLS", "220 2.0.0 go ahead")]),
    "imap": ("* OK [CAPABILITY IMAP4rev1 STARTTLS] hello", [
        ("{tag} STARTTLS", "{tag} OK go ahead")]),
    "pop3": ("+OK hello", [("STLS", "+OK go ahead")]),
    "ftp": ("220-This server has\r\nmuch to say\r\n220 hello", [
        ("AUTH TLS", "234 go ahead")]),
    "nntp": ("201 hello, no posting", [("STARTTLS", "382 go ahead")]),
    "sieve": ("\"IMPLEMENTATION\" \"test\"\r\n\"SIEVE\" \"fileinto\"\r\n\"STARTTLS\"\r\nOK", [
        ("STARTTLS", "OK \"go ahead\"")]),
}

UNKNOWN = {"imap": "{tag} BAD unknown", "pop3": "-ERR unknown", "sieve": "NO \"unknown\""}


class Gone(Exception):
    """The client is, or makes no sense."""


def read_exactly(connection, length):
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise Gone("the connection ends")
        data += piece
    return data


def read_until(connection, end):
    """Byte by byte: what follows belongs to TLS."""
    data = b""
    while not data.endswith(end):
        if len(data) >= LINE_MOST:
            raise Gone("too long a line")
        data += read_exactly(connection, 1)
    return data


def say(connection, text):
    connection.sendall(text.encode() + b"\r\n")


def talk_lines(connection, dialect):
    greeting, steps = LINES[dialect]
    say(connection, greeting)
    steps = list(steps)
    while steps:
        line = read_until(connection, b"\n").decode("ascii", "replace").rstrip("\r\n")
        tag = line.split(" ")[0]
        command, answer = steps[0]
        if line.upper().startswith(command.replace("{tag}", tag).upper()):
            steps.pop(0)
        else:
            answer = UNKNOWN.get(dialect, "500 unknown")
        say(connection, answer.replace("{tag}", tag))


def talk_ldap(connection):
    head = read_exactly(connection, 2)
    if head[0] != 0x30 or head[1] > 127:
        raise Gone("not an LDAP message")
    message = read_exactly(connection, head[1])
    if b"1.3.6.1.4.1.1466.20037" not in message or message[:2] != b"\x02\x01":
        raise Gone("not a StartTLS request")
    response = b"\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
    body = message[:3] + response
    connection.sendall(bytes([0x30, len(body)]) + body)


def talk_postgres(connection):
    if read_exactly(connection, 8) != b"\x00\x00\x00\x08\x04\xd2\x16\x2f":
        raise Gone("not an SSLRequest")
    connection.sendall(b"S")


def talk_xmpp(connection):
    while b"<stream:stream" not in read_until(connection, b">"):
        pass
    connection.sendall(
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='1' version='1.0' "
        b"xmlns:stream='http://etherx.jabber.org/streams'><stream:features>"
        b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
    while b"<starttls" not in read_until(connection, b">"):
        pass
    connection.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")


OTHERS = {"tls": lambda connection: None, "ldap": talk_ldap, "postgres": talk_postgres,
          "xmpp": talk_xmpp}


class Server:
    def __init__(self, arguments):
        self.arguments = arguments
        self.context = self.load()

    def load(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.arguments.cert, self.arguments.key)
        context.sni_callback = self.note_name
        return context

    def note_name(self, connection, name, context):
        print(f"handshake name={name or ''}", flush=True)

    def reload(self):
        try:
            self.context = self.load()
            print("reloaded", flush=True)
        except (OSError, ssl.SSLError) as error:
            print(f"not reloaded: {error}", flush=True)

    def on_hangup(self, number, frame):
        timer = threading.Timer(self.arguments.reload_after, self.reload)
        timer.daemon = True
        timer.start()

    def serve(self, connection):
        dialect = self.arguments.dialect
        context = self.context
        try:
            with connection:
                connection.settimeout(PATIENCE)
                if dialect in LINES:
                    talk_lines(connection, dialect)
                else:
                    OTHERS[dialect](connection)
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    while wrapped.recv(4096):
                        pass
        except (OSError, Gone) as error:
            print(f"connection: {error}", flush=True)

    def listen(self):
        selector = selectors.DefaultSelector()
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                listener = socket.create_server((address, self.arguments.port),
                                                family=family, backlog=64)
            except OSError:
                if family == socket.AF_INET:
                    raise
                continue
            selector.register(listener, selectors.EVENT_READ)
        return selector

    def run(self):
        selector = self.listen()
        signal.signal(signal.SIGHUP, self.on_hangup)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                connection, _ = key.fileobj.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("dialect", choices=sorted([*LINES, *OTHERS]))
    parser.add_argument("cert")
    parser.add_argument("key")
    parser.add_argument("--reload-after", type=float, default=0, metavar="SECONDS")
    Server(parser.parse_args()).run()


if __name__ == "__main__":
    main()
