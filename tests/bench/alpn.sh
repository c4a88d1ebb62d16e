#!/bin/sh
# SPDX-License-Identifier: ISC
# Whole TLS handshakes a second on the port of tls-alpn-01: acmed beside `openssl s_server`
# with a key of the same type, and beside ualpn of uacme where that is here, with the same
# client, in turns, in one run. Prints a table; fails only where something could not be
# measured.
#
#	sh tests/bench/alpn.sh BUILD-DIR [COUNT [ROUNDS]]
#
# Debian packages: openssl, uacme.
. "$(dirname "$0")/../lib/system.sh"
count=${2:-4000}
rounds=${3:-5}
clients=4
name=a.example
openssl_port=$(free_port) ualpn_port=$(free_port)

cpu_ms() { # PID: user + system so far, with its children
	# shellcheck disable=SC2046 # a list of words
	cat "/proc/$1/stat" $(pgrep -P "$1" | sed 's|.*|/proc/&/stat|') |
		awk -v tick="$(getconf CLK_TCK)" '{ n += ($14 + $15) * 1000 / tick } END { print n }'
}

# ---- acmed, with an order that stands still at the CA ----

start_ca
faults '{"at": "challenge", "do": "hang"}'
log_level=info account_extra="timeout: 10m"
config_extra="tls-alpn-01: {listen: [\"127.0.0.1:$tls_port\"]}"
write_config
cert_extra="challenge: tls-alpn-01"
write_cert bench $name
start_acmed
wait_for 20 ca_asked challenge 1 || fail "an order gets as far as its challenge"

# ---- the others ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
	-keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>"$scratch/openssl.log"
spawn s_server openssl s_server -quiet -www -accept "127.0.0.1:$openssl_port" -no_cache \
	-num_tickets 0 -cert "$scratch/cert.pem" -key "$scratch/key.pem" -alpn acme-tls/1
openssl_pid=$spawned

ualpn_pid=
if command -v ualpn >/dev/null; then
	spawn ualpn ualpn -4 -b "127.0.0.1@$ualpn_port" -c "127.0.0.1@$openssl_port" -P 0 \
		-s "$scratch/ualpn.sock" -p "$scratch/ualpn.pid"
	ualpn_pid=$spawned
	wait_for 10 test -S "$scratch/ualpn.sock" || fail "ualpn starts" "$(cat "$scratch/ualpn.log")"
	said=$(echo "auth $name $(printf '%043d' 0)" | ualpn -s "$scratch/ualpn.sock")
	contains "ualpn takes a challenge" "$said" OK
fi

# ---- in turns ----

measure() { # WHAT PORT PID: a line of $scratch/results
	before=$(cpu_ms "$3")
	rate=$("$build_dir/tests/bench/handshakes" "$2" $name "$count" $clients \
		2>"$scratch/handshakes.err") || {
		fail "$1 was measured" "$(cat "$scratch/handshakes.err")"
		return
	}
	echo "$1 $rate $before $(cpu_ms "$3")" >>"$scratch/results"
}

: >"$scratch/results"
round=0
while [ "$round" -lt "$rounds" ]; do
	measure acmed "$tls_port" "$acmed_pid"
	measure s_server "$openssl_port" "$openssl_pid"
	[ -z "$ualpn_pid" ] || measure ualpn "$ualpn_port" "$ualpn_pid"
	round=$((round + 1))
done
check "all were measured" test -s "$scratch/results"

# The median of the rounds; what acmed has for one of the other's.
python3 - "$count" "$scratch/results" <<'END'
import statistics, sys
count, rates, loads = int(sys.argv[1]), {}, {}
for line in open(sys.argv[2]):
    what, rate, before, after = line.split()
    rates.setdefault(what, []).append(float(rate))
    loads.setdefault(what, []).append((float(after) - float(before)) * 1000 / count)
own = statistics.median(rates["acmed"]), statistics.median(loads["acmed"])
print(f"\n{'whole handshakes':18}{'a second':>12}{'acmed has':>12}"
      f"{'a CPU second':>15}{'acmed has':>12}")
for what in rates:
    rate, load = statistics.median(rates[what]), statistics.median(loads[what])
    print(f"{what:18}{rate:12.0f}{own[0] / rate:11.2f}x{1e6 / load:15.0f}{load / own[1]:11.2f}x")
print(f"\nMedians of {len(rates['acmed'])} rounds of {count}; P-256, TLS 1.3. The clients are on the "
      "same cores and need\nmore of them than acmed; a CPU second is one of the server's.\n")
END
