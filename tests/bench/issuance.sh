#!/bin/sh
# SPDX-License-Identifier: ISC
# What an issuance costs: acmed and acmectl beside a bare driver that makes the same
# requests and nothing else, and beside a careful one that also keeps what it gets, on a
# fresh Pebble each, in one run. Prints a table; fails only where something could not be
# measured.
#
#	sh tests/bench/issuance.sh BUILD-DIR [COUNT]
. "$(dirname "$0")/../lib/system.sh"
count=${2:-100}

cpu_ms() { # PID: user + system so far
	awk -v tick="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000 / tick }' "/proc/$1/stat"
}

now_ms() {
	date +%s%3N
}

quiet="PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0"
# No Retry-After of whole seconds: what is measured is the client, not a pause.
pebble_retry=0

# ---- the driver: bare, and as careful as one has to be ----

# Sets $driver_wall, $driver_cpu (ms) and $driver_requests.
measure_driver() { # [KEEP-DIR]
	# shellcheck disable=SC2086 # a list of words
	start_pebble $quiet
	measured=$("$build_dir/tests/bench/driver" "$directory" "$trust" "$http_port" \
		bench.example "$count" "$@")
	check "the driver ran${1:+, and kept what it got}" test -n "$measured"
	read -r _ driver_wall driver_cpu driver_requests <<-END
		$measured
	END
	end_child "$pebble_pid"
}

measure_driver
bare="$driver_wall $driver_cpu $driver_requests"
mkdir "$scratch/kept"
measure_driver "$scratch/kept"
careful="$driver_wall $driver_cpu $driver_requests"

# ---- acmed ----

# shellcheck disable=SC2086 # a list of words
start_pebble $quiet
log_level=warn
config_extra="limits: {ari-poll: {min: 1d, max: 1d}}"
write_config
write_cert bench.example bench.example
start_acmed
wait_for 20 test -e "$(live bench.example)"
requests_before=$(grep -c 'POST .*calling handler' "$scratch/pebble.log")
cpu_before=$(cpu_ms "$acmed_pid")
begun=$(now_ms)
i=0
while [ "$i" -lt "$count" ]; do
	ctl -q issue bench.example >"$scratch/issue.out" 2>&1 || {
		fail "issuance $i" "$(cat "$scratch/issue.out")"
		exit 1
	}
	i=$((i + 1))
done
ended=$(now_ms)
cpu_after=$(cpu_ms "$acmed_pid")
requests_after=$(grep -c 'POST .*calling handler' "$scratch/pebble.log")
sleep 4
rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$acmed_pid/status")
check "all were issued" verifies bench.example

own="$((ended - begun)) $((cpu_after - cpu_before)) $((requests_after - requests_before))"
echo "$bare $careful $own" | awk -v n="$count" -v rss="$rss" '
function row(what, bare, careful, own) {
	printf "%-26s %9.2f %9.2f %9.2f %9.2f %9.2f\n", what, bare, careful, own, \
		own / bare, own / careful
}
{
	printf "\n%-26s %9s %9s %9s %9s %9s\n", "per issuance, of " n, "bare", "careful", \
		"acmed", "/ bare", "/ careful"
	row("wall, ms (with acmectl)", $1, $4, $7 / n)
	row("CPU of the client, ms", $2, $5, $8 / n)
	row("signed requests", $3 / n, $6 / n, $9 / n)
	printf "%-26s %9s %9s %9.1f\n\n", "resident when idle, MiB", "", "", rss / 1024
	print "bare: the requests, and nothing else. careful: key and chain are on disk as well,"
	print "synced, the chain checked against the key, and the CA asked when to renew."
	print "acmed: also the order on disk, a switch from the old pair to the new, and a client."
}'
