#!/bin/sh
# SPDX-License-Identifier: ISC
# A thousand times SIGHUP, with every second configuration broken in one of many ways,
# while orders are under way: after each broken one the old one is in force, no certificate
# is lost, no order of an unchanged one is cancelled, and nothing grows.
#
#	sh tests/system/reload_storm.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

ten="c0 c1 c2 c3 c4 c5 c6 c7 c8 c9"

memory() { # KiB of acmed
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$acmed_pid/status"
}

descriptors() {
	find "/proc/$acmed_pid/fd" -mindepth 1 | wc -l
}

all_issued() { # CERTIFICATE...
	for name in "$@"; do
		[ -s "$(live "$name")" ] || return 1
	done
}

all_wait() { # for the CA, with their orders
	for name in $ten; do
		is_state "$name" issuing || return 1
	done
}

start_ca --no-validate
log_level=info
config_extra="limits: {concurrent-orders: 20, concurrent-orders-per-account: 20}"
write_config
write_cert old old.example
start_acmed
check "one is issued" wait_for 30 all_issued old
faults '{"at": "finalize", "do": "order-status", "value": "processing"}' \
	'{"at": "order", "do": "order-status", "value": "processing"}'
orders=$(ca_count newOrder) finalized=$(ca_count finalize)
for name in $ten; do
	write_cert "$name" "$name.example"
done
check "ten more are loaded" ctl reload
check "their orders are under way" wait_for 30 all_wait
check "the CA has all of them" wait_for 30 ca_asked finalize $((finalized + 10))

# Each is waited for: signals that come at once are one.
cat >"$scratch/storm.py" <<'END'
import itertools, os, signal, sys, time

scratch, pid, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
config, certs = scratch + "/acmed.yaml", scratch + "/certs.d"
good = open(config).read()
bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 12))

def put(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)

def main(text):
    return (lambda: put(config, text)), (lambda: put(config, good))

def beside(name, text):
    path = f"{certs}/{name}.yaml"
    was = open(path).read() if os.path.exists(path) else None
    return (lambda: put(path, text)), \
        (lambda: put(path, was) if was is not None else os.unlink(path))

def missing():
    return (lambda: os.unlink(config)), (lambda: put(config, good))

broken = [
    main(good[:len(good) // 2] + "\n  : ["), main(""), main("just a text\n"),
    main(good + "\nunheard-of: 1\n"), main(good + "\naccounts: {}\n"),
    main(good.replace("agree-tos: true", "agree-tos: perhaps")), main(good + bomb),
    main(good + "\nlimits: {concurrent-orders: 0}\n"), main(good + "\0"),
    main("[" * 5000), main(good + "x: " + "y" * 2000000 + "\n"), missing(),
    main(good + "\ndefaults: *nobody\n"), main(good + "\xff\xfe"),
    beside("c3", "names: [c3.example"), beside("c4", "names: []\n"),
    beside("c5", "names: [c5.example]\naccount: nobody\n"),
    beside("c6", "names: [c6.example]\nnames: [other.example]\n"),
    beside("more", "names: [c7..example]\n"), beside("twin", "name: c8\nnames: [x.example]\n"),
    beside("c9", "names: [c9.example]\nkeep-versions: 0\n"),
]
# What a good one may change without a word about the ten.
changes = [
    lambda n: put(certs + "/old.yaml", f"names: [old.example]\nkeep-versions: {n % 7 + 2}\n"),
    lambda n: put(config, good + f"# {n}\n"),
    lambda n: put(config, good.replace("agree-tos: true", f"agree-tos: true # {n}")),
]

log = open(scratch + "/acmed.log")
log.seek(0, os.SEEK_END)

def hang_up(wanted):
    os.kill(pid, signal.SIGHUP)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        line = log.readline()
        if not line:
            time.sleep(0.0005)
        elif "the old one stays in force" in line:
            return wanted == "broken"
        elif "configuration reloaded" in line:
            return wanted == "good"
    return False

wrong = 0
ways = itertools.cycle(broken)
for n in range(rounds):
    if n % 2 == 0:
        number = n // 2 % len(broken)
        break_it, mend_it = next(ways)
        break_it()
        if not hang_up("broken"):
            print(f"broken one {number} was taken in round {n}, or nothing was said")
            wrong += 1
        mend_it()
    else:
        changes[n // 2 % len(changes)](n)
        if not hang_up("good"):
            print(f"a good one was refused in round {n}, or nothing was said")
            wrong += 1
put(config, good)
sys.exit(wrong != 0)
END

storm() { # ROUNDS
	python3 "$scratch/storm.py" "$scratch" "$acmed_pid" "$1"
}

same_orders() {
	for name in $ten; do
		ctl --json show "$name" | json certificate.order || return 1
	done
}

echo "== the storm"
check "the first hundred" storm 100
before=$(memory) open_before=$(descriptors)
under_way=$(same_orders)
check "a thousand times SIGHUP, every second one broken" storm 1000
after=$(memory) open_after=$(descriptors)
does_not_grow() {
	[ "$after" -le $((before + 2048)) ] || is_sanitized
}
check "memory: $before KiB before, $after KiB after" does_not_grow
# Connections to the CA come and go.
check "descriptors: $open_before before, $open_after after" \
	[ "$open_after" -le $((open_before + 10)) ]
equal "all certificates are there" "$(ctl --json ping | json certificates)" 11
equal "the ten orders are those of before" "$(same_orders)" "$under_way"
check "and still under way" all_wait
equal "none was placed again" "$(($(ca_count newOrder) - orders))" 10
equal "or finalized again" "$(($(ca_count finalize) - finalized))" 10
lacks "none was cancelled" "$(acmed_log)" "the configuration has changed"
check "what is in force is whole" verifies old

echo "== when the CA has come to its end"
faults
# shellcheck disable=SC2086
check "all ten are issued" wait_for 60 all_issued $ten
for name in $ten; do
	verifies "$name" >"$scratch/verifies.out" 2>&1 || fail "$name is whole"
done
equal "with an order each" "$(($(ca_count newOrder) - orders))" 10
equal "the one of before is as it was" "$(readlink "$state/live/old")" ../archive/old/0001
