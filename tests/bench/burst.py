# SPDX-License-Identifier: ISC
"""What burst.sh needs beside a shell: python3 burst.py STEP [WORD...]

certs DIR COUNT SLOW    configurations of so many certificates, SLOW of them in the middle
                        with a key that takes seconds to make
figures                 of the CA's log on standard input: seconds from the first order to
                        the last certificate, seconds from order to order, orders, most of
                        them at once
ping SOCKET             asks acmed how it is, again and again until it is gone, and then
                        says how long the answers took: half of them at most, and the
                        longest, in ms
"""
import json
import socket
import sys
import time

PAUSE = 0.02
REQUEST = b'{"method":"io.acmed.Ping"}\0'


def certs(directory, count, slow):
    count, slow = int(count), int(slow)
    first = (count - slow) // 2
    for i in range(count):
        with open(f"{directory}/c{i:05d}.yaml", "w") as file:
            file.write(f"names: [c{i:05d}.example]\n")
            if first <= i < first + slow:
                file.write("key-type: rsa:4096\n")


def figures():
    log = [(entry["endpoint"], entry["at_ms"] / 1000) for entry in json.load(sys.stdin)]
    orders = [at for endpoint, at in log if endpoint == "newOrder"]
    ends = [at for endpoint, at in log if endpoint == "certificate"]
    under_way = most = 0
    for endpoint, _ in log:
        under_way += (endpoint == "newOrder") - (endpoint == "certificate")
        most = max(most, under_way)
    spacing = (orders[-1] - orders[0]) / max(1, len(orders) - 1)
    print(f"{ends[-1] - orders[0]:.3f} {spacing:.4f} {len(orders)} {most}")


def answered(connection):
    """False: the daemon has gone."""
    connection.sendall(REQUEST)
    answer = b""
    while not answer.endswith(b"\0"):
        more = connection.recv(65536)
        if not more:
            return False
        answer += more
    return True


def ping(path):
    took = []
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        try:
            began = time.monotonic()
            while answered(connection):
                took.append((time.monotonic() - began) * 1000)
                time.sleep(PAUSE)
                began = time.monotonic()
        except OSError:
            pass
    took.sort()
    print(f"{took[len(took) // 2]:.1f} {took[-1]:.1f}")


if __name__ == "__main__":
    {"certs": certs, "figures": figures, "ping": ping}[sys.argv[1]](*sys.argv[2:])
