# SPDX-License-Identifier: ISC
"""What year.sh needs beside a shell: python3 year.py STEP [WORD...]

clock FILE                      makes the clock of tests/lib/fastclock.c: it stands
until FILE SECONDS              lets it leap so far, counted from the true time
there FILE                      fails while it has not got there
usage PID                       KiB of its own that are resident (of the program's file more
                                or less is, as the system likes), and descriptors, but
                                for connections to a CA
renewals LOG DAYS LIFE SLACK    of acmed's log: each certificate was renewed when it was to
                                be, within SLACK seconds, in all the days of its life (in
                                days). Says how many orders that were
"""
import datetime
import math
import os
import re
import struct
import sys
import time

DAY = 86400


def read(file):
    with open(file, "rb") as clock:
        return struct.unpack("=qq", clock.read(16))


def write(file, at, value):
    with open(file, "r+b", buffering=0) as clock:
        clock.seek(at)
        clock.write(struct.pack("=q", value))


def clock(file):
    with open(file, "wb") as new:
        new.write(bytes(16))


def until(file, seconds):
    write(file, 8, int(time.time()) + int(seconds))


def there(file):
    ahead, end = read(file)
    sys.exit(time.time() + ahead < end)


def usage(pid):
    with open(f"/proc/{pid}/status") as status:
        resident = re.search(r"RssAnon:\s+(\d+)", status.read()).group(1)
    with open(f"/proc/{pid}/net/tcp") as table:
        connections = {line.split()[9] for line in table if line.split()[3] == "01"}
    names = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    kept = [name for name in names
            if not (name.startswith("socket:[") and name[8:-1] in connections)]
    print(resident, len(kept))


# ---- what acmed did ----

def seconds(text):
    instant = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return int(instant.replace(tzinfo=datetime.timezone.utc).timestamp())


EVENT = re.compile(r"(?P<name>c\d+): (?:(?:issued|renewed), valid until (?P<until>\S+)|"
                   r"the CA suggests renewal from (?P<start>\S+) to (?P<end>\S+), "
                   r"drawn: (?P<drawn>\S+))$")


def events(log):
    """(name, when it began) of each certificate, (name, window, drawn) of each window."""
    with open(log) as lines:
        for line in lines:
            match = EVENT.search(line.rstrip())
            if match:
                yield match


def check_one(name, begins, window, slack, faults):
    start, end, drawn = window
    if not start <= drawn <= end:
        faults.append(f"{name}: drawn outside of the window that begins at {start}")
    if not drawn <= begins <= drawn + slack:
        faults.append(f"{name}: renewed {begins - drawn} s after the instant drawn")
    if begins > end + slack:
        faults.append(f"{name}: renewed {begins - end} s after the end of its window")


def expected(days, life):
    """The fewest and the most certificates: a window is two thirds of the life, and a
    hundredth to each side."""
    return (1 + math.floor(days / (life * (2 / 3 + 1 / 100))),
            1 + math.floor(days / (life * (2 / 3 - 1 / 100))))


def renewals(log, days, life, slack):
    days, life, slack = float(days), float(life), int(slack)
    windows, counts, faults = {}, {}, []
    for event in events(log):
        name = event["name"]
        if event["start"]:
            windows[name] = [seconds(event[key]) for key in ("start", "end", "drawn")]
            continue
        begins = seconds(event["until"]) - int(life * DAY)
        counts[name] = counts.get(name, 0) + 1
        if name in windows:
            check_one(name, begins, windows.pop(name), slack, faults)
        elif counts[name] > 1:
            faults.append(f"{name}: renewed before the CA had said when")
    least, most = expected(days, life)
    faults += [f"{name}: {n} certificates, not {least} to {most}"
               for name, n in counts.items() if not least <= n <= most]
    if faults:
        sys.exit("\n".join(faults[:20]))
    print(sum(counts.values()), len(counts))


if __name__ == "__main__":
    steps = {"clock": clock, "until": until, "there": there, "usage": usage,
             "renewals": renewals}
    steps[sys.argv[1]](*sys.argv[2:])
