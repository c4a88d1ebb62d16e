# SPDX-License-Identifier: ISC
"""A Varlink client without a library, for control.sh.

python3 control.py SOCKET STEP [WORD...]: each step is one of the functions at the
end; it fails with a sentence.
"""
import fcntl
import json
import os
import pty
import re
import select
import socket
import struct
import subprocess
import sys
import termios
import time

SERVICE = "org.varlink.service"
SECONDS = 30  # for any answer


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)  # it would not wait for its turn with a timeout
        self.socket.settimeout(SECONDS)
        self.bytes = b""

    def send(self, raw):
        self.socket.sendall(raw)

    def call(self, method, parameters=None, **rest):
        message = {"method": method, **rest}
        if parameters is not None:
            message["parameters"] = parameters
        self.send(json.dumps(message).encode() + b"\0")

    def reply(self):
        """The next message; None: the daemon has closed the connection."""
        while b"\0" not in self.bytes:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if more == b"":
                assert self.bytes == b"", f"it ends in a message: {self.bytes!r}"
                return None
            self.bytes += more
        message, self.bytes = self.bytes.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, parameters=None, **rest):
        self.call(method, parameters, **rest)
        reply = self.reply()
        assert reply is not None, f"{method}: the connection was closed"
        assert "error" not in reply, f"{method}: {reply}"
        return reply.get("parameters", {})

    def refused(self, method, parameters, error):
        self.call(method, parameters)
        reply = self.reply()
        assert reply is not None, f"{method}: the connection was closed"
        assert reply.get("error") == error, f"{method}({parameters}): {reply}, not {error}"
        return reply["parameters"]

    def is_closed(self):
        reply = self.reply()
        assert reply is None, f"a message instead of the end: {reply}"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()


# ---- an interface, as far as it takes to hold answers against it ----

class Interface:
    def __init__(self, text):
        self.text = re.sub(r"#.*", "", text)
        self.tokens = re.findall(r"->|\[\]|\[string\]|[\w.]+|[?():,]", self.text)
        self.types, self.methods, self.errors = {}, {}, {}
        self.expect("interface")
        self.name = self.take()
        while self.tokens:
            kind, name = self.take(), self.take()
            shape = self.shape()
            if kind == "type":
                self.types[name] = shape
            elif kind == "error":
                self.errors[name] = shape
            else:
                assert kind == "method", f"what is a {kind}?"
                self.expect("->")
                self.methods[name] = (shape, self.shape())

    def take(self):
        return self.tokens.pop(0)

    def expect(self, token):
        found = self.take()
        assert found == token, f'"{token}" is wanted, not "{found}"'

    def shape(self):
        token = self.take()
        if token in ("?", "[]", "[string]"):
            return (token, self.shape())
        if token != "(":
            return token
        members = {}
        while self.tokens[0] != ")":
            name = self.take()
            self.expect(":")
            members[name] = self.shape()
            if self.tokens[0] == ",":
                self.take()
        self.expect(")")
        return members

    def check(self, value, shape, where):
        """The value is what the interface says."""
        scalars = {"string": str, "int": int, "bool": bool, "object": dict}
        if isinstance(shape, dict):
            assert isinstance(value, dict), f"{where}: no object: {value!r}"
            for name, part in value.items():
                assert name in shape, f'{where}: no "{name}" in the interface'
                self.check(part, shape[name], f"{where}.{name}")
            for name, part in shape.items():
                optional = isinstance(part, tuple) and part[0] == "?"
                assert optional or name in value, f'{where}: "{name}" is missing'
        elif isinstance(shape, tuple) and shape[0] == "?":
            if value is not None:
                self.check(value, shape[1], where)
        elif isinstance(shape, tuple):
            wanted = list if shape[0] == "[]" else dict
            assert isinstance(value, wanted), f"{where}: not a {wanted.__name__}: {value!r}"
            for one in value if wanted is list else value.values():
                self.check(one, shape[1], where)
        elif shape in scalars:
            right = isinstance(value, scalars[shape])
            if shape == "int":
                right = right and not isinstance(value, bool)
            assert right, f"{where}: no {shape}: {value!r}"
        else:
            self.check(value, self.types[shape], where)

    def check_reply(self, method, reply):
        self.check(reply.get("parameters", {}), self.methods[method][1], method)


def interface_of(client):
    text = client.ask(SERVICE + ".GetInterfaceDescription", {"interface": "io.acmed"})
    return Interface(text["description"])


# ---- what the service says of itself ----

def info(path):
    with Client(path) as c:
        said = c.ask(SERVICE + ".GetInfo")
        assert set(said) == {"vendor", "product", "version", "url", "interfaces"}, said
        assert sorted(said["interfaces"]) == ["io.acmed", SERVICE], said
        own = c.ask(SERVICE + ".GetInterfaceDescription", {"interface": SERVICE})
        assert Interface(own["description"]).methods.keys() == {
            "GetInfo", "GetInterfaceDescription"}
        c.refused(SERVICE + ".GetInterfaceDescription", {"interface": "io.other"},
                  SERVICE + ".InterfaceNotFound")
        for wrong in ({}, {"interface": 1}):
            c.refused(SERVICE + ".GetInterfaceDescription", wrong,
                      SERVICE + ".InvalidParameter")


def description(path, file):
    with Client(path) as c:
        said = c.ask(SERVICE + ".GetInterfaceDescription", {"interface": "io.acmed"})
        with open(file, encoding="utf-8") as f:
            assert said == {"description": f.read()}


# ---- every method ----

def methods(path, name):
    """Once each, and that is all there are; needs a certificate of that name."""
    calls = {
        "Status": {}, "Show": {"name": name}, "Why": {"name": name},
        "Issue": {"name": name}, "Renew": {"names": [name]}, "ConfigShow": {"name": name},
        "Rollback": {"name": name}, "Hold": {"name": name, "until": "2100-01-01T00:00:00Z"},
        "Resume": {"name": name}, "Plan": {},
        "Reload": {}, "SetLogLevel": {"level": "debug"}, "Ping": {}, "Watch": {},
    }
    with Client(path) as c:
        interface = interface_of(c)
        assert interface.methods.keys() == calls.keys(), interface.methods.keys()
        for method, parameters in calls.items():
            if method == "Watch":
                c.refused("io.acmed.Watch", parameters, SERVICE + ".ExpectedMore")
                continue
            interface.check(parameters, interface.methods[method][0], method)
            c.call("io.acmed." + method, parameters)
            reply = c.reply()
            assert "error" not in reply and "continues" not in reply, f"{method}: {reply}"
            interface.check_reply(method, reply)
            assert method not in ("Issue", "Rollback") or "event" not in reply["parameters"]


def streams(path, name):
    """Issue and Renew with "more" tell what happens, and so does Watch meanwhile."""
    with Client(path) as watcher, Client(path) as c:
        interface = interface_of(c)
        watcher.call("io.acmed.Watch", {"names": [name]}, more=True)
        for method, parameters in (("Issue", {"name": name}),
                                   ("Renew", {"names": [name], "force": True})):
            c.call("io.acmed." + method, parameters, more=True)
            n = 0
            while (reply := c.reply()).get("continues"):
                interface.check_reply(method, reply)
                assert reply["parameters"]["event"]["name"] == name, reply
                n += 1
            assert n >= 3, f"{method}: {n} events before the result"
            assert "error" not in reply, reply
            interface.check_reply(method, reply)
            ended = set()
            while "renewed" not in ended and "issued" not in ended:
                reply = watcher.reply()
                assert reply.get("continues") is True, reply
                interface.check_reply("Watch", reply)
                ended.add(reply["parameters"]["event"]["event"])


# ---- framing ----

PING = b'{"method":"io.acmed.Ping"}\0'


def two_at_once(path):
    with Client(path) as c:
        c.send(PING + b'{"method":"io.acmed.Status"}\0' + PING)
        assert "pid" in c.reply()["parameters"]
        assert "certificates" in c.reply()["parameters"]
        assert "pid" in c.reply()["parameters"]


def oneway(path):
    with Client(path) as c:
        c.call("io.acmed.Status", {}, oneway=True)
        assert "pid" in c.ask("io.acmed.Ping")


def byte_by_byte(path):
    with Client(path) as c:
        for i in range(len(PING)):
            c.send(PING[i:i + 1])
            time.sleep(0.002)
        assert "pid" in c.reply()["parameters"]


def half_closed(path):
    """Who has said all may still hear the answer."""
    with Client(path) as c:
        c.send(PING)
        c.socket.shutdown(socket.SHUT_WR)
        assert "pid" in c.reply()["parameters"]
        c.is_closed()


def others_are_served(path, seconds=1.0):
    begun = time.monotonic()
    with Client(path) as c:
        assert "pid" in c.ask("io.acmed.Ping")
    took = time.monotonic() - begun
    assert took < seconds, f"others wait for {took:.2f} s"


def half_a_message(path):
    with Client(path) as c:
        c.send(PING[:10])
        others_are_served(path)
        c.send(PING[10:])
        assert "pid" in c.reply()["parameters"]


def broken_frames(path):
    """Beyond repair: the connection ends, and nobody else notices."""
    frames = {
        "NULs only": b"\0\0\0\0",
        "no JSON": b"hello\0",
        "an array": b"[]\0",
        "a string": b'"io.acmed.Ping"\0',
        "null": b"null\0",
        "invalid UTF-8": b'{"method":"io.acmed.Ping\xff\xfe"}\0',
        "an overlong NUL": b'{"method":"io.acmed.Ping\xc0\x80"}\0',
        "half a surrogate pair": b'{"method":"io.acmed.\\ud800"}\0',
        "two members of one name": b'{"method":"io.acmed.Ping","method":"io.acmed.Ping"}\0',
        "single quotes": b"{'method':'io.acmed.Ping'}\0",
        "too deep": b'{"method":"io.acmed.Ping","parameters":' + b'{"a":' * 2000 + b"1" +
                    b"}" * 2001 + b"\0",
        "something behind it": b'{"method":"io.acmed.Ping"} {}\0',
    }
    for what, frame in frames.items():
        with Client(path) as c:
            c.send(frame + PING)
            reply = c.reply()
            assert reply is None, f"{what}: {reply}"
    others_are_served(path)


def send_as_taken(client, raw):
    """True: all of it was taken."""
    try:
        client.send(raw)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def too_long(path):
    """More than 1 MiB, with and without an end; as much as that is heard."""
    with Client(path) as c:
        filled = b'{"method":"io.acmed.Ping","parameters":{},"x":"%s"}\0'
        room = (1 << 20) - len(filled) + 3
        c.send(filled % (b"x" * room))
        assert "pid" in c.reply()["parameters"]
        send_as_taken(c, filled % (b"x" * (room + 1)))
        c.is_closed()
    with Client(path) as c:
        send_as_taken(c, b'{"method":"' + b"x" * (2 << 20))
        c.is_closed()
    others_are_served(path)


def wrong_calls(path, name):
    """What is JSON but no call gets an error, and the connection goes on."""
    invalid, argument = SERVICE + ".InvalidParameter", "io.acmed.InvalidArgument"
    cases = [
        ({}, SERVICE + ".MethodNotFound"),
        ({"method": 5}, SERVICE + ".MethodNotFound"),
        ({"method": ""}, SERVICE + ".MethodNotFound"),
        ({"method": "io.acmed.Nothing"}, SERVICE + ".MethodNotFound"),
        ({"method": "io.acmed."}, SERVICE + ".MethodNotFound"),
        ({"method": "io.acmed.ping"}, SERVICE + ".MethodNotFound"),
        ({"method": "Ping"}, SERVICE + ".MethodNotFound"),
        ({"method": "x" * 1000}, SERVICE + ".MethodNotFound"),
        ({"method": "io.acmed.Ping", "parameters": 5}, invalid),
        ({"method": "io.acmed.Ping", "parameters": []}, invalid),
        ({"method": "io.acmed.Watch", "more": "yes"}, invalid),
        ({"method": "io.acmed.Ping", "oneway": 1}, invalid),
    ]
    calls = [
        ("Status", {"names": 5}), ("Status", {"names": name}), ("Status", {"names": [5]}),
        ("Status", {"names": [None]}), ("Status", {"names": [name, {}]}),
        ("Show", {}), ("Show", {"name": 5}), ("Show", {"name": None}),
        ("Show", {"name": [name]}), ("Show", {"name": name + "\0"}),
        ("Why", {}), ("Why", {"name": True}), ("Issue", {}), ("Issue", {"name": 1.5}),
        ("Renew", {"names": name}), ("Renew", {"force": "yes"}), ("Renew", {"force": 1}),
        ("Rollback", {}), ("Rollback", {"name": name, "version": "1"}),
        ("Rollback", {"name": name, "version": -1}), ("Hold", {"until": None}),
        ("Hold", {"name": name, "until": "tomorrow"}), ("Hold", {"name": name, "until": 5}),
        ("Resume", {}), ("Resume", {"name": [name]}),
        ("ConfigShow", {"name": 5}), ("SetLogLevel", {}), ("SetLogLevel", {"level": 3}),
        ("SetLogLevel", {"level": "loud"}),
    ]
    cases += [({"method": "io.acmed." + m, "parameters": p}, argument) for m, p in calls]
    cases += [({"method": "io.acmed." + m, "parameters": p}, "io.acmed.NoSuchCertificate")
              for m, p in (("Show", {"name": "other"}), ("Show", {"name": ""}),
                           ("Why", {"name": "../" + name}), ("Issue", {"name": "other"}),
                           ("Status", {"names": [name, "other"]}),
                           ("Renew", {"names": ["other"]}),
                           ("Rollback", {"name": "other"}), ("Hold", {"name": "other"}),
                           ("Resume", {"name": "other"}),
                           ("ConfigShow", {"name": "other"}))]
    cases += [({"method": "io.acmed." + m, "parameters": p}, "io.acmed.Failed")
              for m, p in (("Rollback", {"name": name, "version": 9999}),
                           ("Hold", {"name": name, "until": "2000-01-01T00:00:00Z"}))]
    with Client(path) as c:
        interface = interface_of(c)
        for call, error in cases:
            c.send(json.dumps(call).encode() + b"\0")
            reply = c.reply()
            assert reply is not None, f"{call}: closed"
            assert reply.get("error") == error, f"{call}: {reply}, wanted {error}"
            if error.startswith("io.acmed."):
                interface.check(reply["parameters"], interface.errors[error[9:]], error)
        for nothing in ({"names": None}, None):
            assert len(c.ask("io.acmed.Status", nothing)["certificates"]) == 1
        assert c.ask("io.acmed.Status", {"names": []})["certificates"] == []
        assert c.ask("io.acmed.ConfigShow", {"name": None})["config"]


# ---- many, and slow ones ----

def hundred(path, limit):
    """So many connections are served, the others are told why not."""
    clients = [Client(path) for _ in range(100)]
    refusals = 0
    for c in clients:
        send_as_taken(c, PING)
        reply = c.reply()
        assert reply is not None, "closed without a word"
        if "error" not in reply:
            continue
        refusals += 1
        assert reply["error"] == "io.acmed.Failed", reply
        assert limit in reply["parameters"]["detail"], reply
        c.is_closed()
    assert refusals == 100 - int(limit), f"{refusals} of 100 are refused"


def acmectl_is_told(path, acmectl, limit):
    """What an administrator sees when there is no room."""
    clients = [Client(path) for _ in range(int(limit))]
    clients[-1].ask("io.acmed.Ping")
    done = subprocess.run([acmectl, "-s", path, "status"], capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    assert done.returncode == 1, done
    assert "try again later" in done.stderr and limit in done.stderr, done


def slow_reader(path):
    """Asks for events, and never reads one while more than a MiB of them happens."""
    with Client(path) as slow, Client(path) as fast, Client(path) as c:
        slow.call("io.acmed.Watch", {}, more=True)
        fast.call("io.acmed.Watch", {}, more=True)
        many, heard, length = 100, 0, 0
        longest = 0.0
        while length < (3 << 19):
            c.send(b'{"method":"io.acmed.Reload"}\0' * many)
            for _ in range(many):
                begun = time.monotonic()
                assert "error" not in c.reply()
                longest = max(longest, time.monotonic() - begun)
            for _ in range(many):
                length += len(json.dumps(fast.reply(), separators=(",", ":"))) + 1
                heard += 1
        taken = 0
        slow.socket.settimeout(SECONDS)
        while True:
            try:
                more = slow.socket.recv(1 << 20)
            except ConnectionResetError:
                break
            if more == b"":
                break
            taken += len(more)
        assert taken < length, f"{taken} of {length} bytes were kept for it"
        others_are_served(path)
        print(f"{heard} events, {length} bytes; {taken} had left before it was dropped; "
              f"the longest answer to others took {longest * 1000:.0f} ms")


def never_reads(path):
    """Asks a hundred thousand times and reads no answer: asking comes to a stop."""
    with Client(path) as c:
        c.socket.settimeout(2)
        sent = 0
        question = (b'{"method":"org.varlink.service.GetInterfaceDescription",'
                    b'"parameters":{"interface":"io.acmed"}}\0') * 100
        try:
            for _ in range(1000):
                c.send(question)
                sent += len(question)
        except TimeoutError:
            pass
        assert sent < 1000 * len(question), "all of it was taken"
        others_are_served(path)


# ---- who is there ----

def run_as(path, uid, gid, groups, *command):
    """Runs a command as another; its exit status is ours."""
    del path
    os.setgroups([int(g) for g in groups.split(",") if g])
    os.setresgid(int(gid), int(gid), int(gid))
    os.setresuid(int(uid), int(uid), int(uid))
    os.execv(command[0], command)


def strangers(path, uid):
    """One who may do nothing holds as many connections as there are: those who may have
    something to say are let in all the same."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(int(uid), int(uid), int(uid))
        os.setresuid(int(uid), int(uid), int(uid))
        kept = [Client(path) for _ in range(64)]
        refused = 0
        for c in kept:
            c.call("io.acmed.Watch", {}, more=True)
            refused += c.reply().get("error") == "io.acmed.NotPermitted"
        os.write(writing, b"%d" % refused)
        time.sleep(60)
        os._exit(0)
    os.close(writing)
    try:
        held = os.read(reading, 10).decode()
        assert held == "64", f"{held} of 64 connections are held by nobody"
        for _ in range(10):
            others_are_served(path)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


# ---- a terminal ----

def output_on_terminal(columns, command):
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(command, stdout=follower, stderr=follower,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}) as p:
        os.close(follower)
        output = b""
        while select.select([leader], [], [], SECONDS)[0]:
            try:
                output += os.read(leader, 65536)
            except OSError:
                break
    os.close(leader)
    assert p.returncode == 0, f"exit status {p.returncode}: {output}"
    return output.decode()


def without_sequences(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def table_fits(path, columns, *command):
    """On a terminal of that width no line of the output is longer."""
    del path
    lines = without_sequences(output_on_terminal(int(columns), command)).split("\r\n")
    assert len(lines) >= 3, lines
    for line in lines:
        assert len(line) <= int(columns), f"{len(line)} columns: {line!r}"


def progress_fits(path, columns, *command):
    """What is to be written over leaves the last column free, or it would wrap."""
    del path
    output = without_sequences(output_on_terminal(int(columns), command))
    steps = [step for line in output.split("\r\n") for step in line.split("\r")[:-1]]
    assert len(steps) >= 3, output
    for step in steps:
        assert len(step) < int(columns), f"{len(step)} columns: {step!r}"


def main():
    path, step, *words = sys.argv[1:]
    try:
        globals()[step](path, *words)
    except AssertionError as e:
        sys.exit(f"{step}: {e}")


main()
