#!/bin/sh
# SPDX-License-Identifier: ISC
# What an issuance costs: acmed and acmectl beside a bare driver that makes the same
# requests and nothing else, on a fresh Pebble each, in one run. Prints a table; fails only
# where something could not be measured.
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

# ---- the bare driver ----

# shellcheck disable=SC2086 # a list of words
start_pebble $quiet
driver=$("$build_dir/tests/bench/driver" "$directory" "$trust" "$http_port" bench.example "$count")
check "the bare driver ran" test -n "$driver"
# shellcheck disable=SC2086 # four numbers
set -- $driver
driver_wall=$2 driver_cpu=$3 driver_requests=$4
end_child "$pebble_pid"

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

awk -v n="$count" -v dw="$driver_wall" -v dc="$driver_cpu" -v dr="$driver_requests" \
	-v aw="$((ended - begun))" -v ac="$cpu_after" -v ab="$cpu_before" \
	-v ar="$((requests_after - requests_before))" -v rss="$rss" 'BEGIN {
	printf "\n%-28s %12s %12s %8s\n", "per issuance, of " n, "bare driver", "acmed", "ratio"
	printf "%-28s %12.2f %12.2f %8.2f\n", "wall, ms (with acmectl)", dw, aw / n, aw / n / dw
	printf "%-28s %12.2f %12.2f %8.2f\n", "CPU of the client, ms", dc, (ac - ab) / n, (ac - ab) / n / dc
	printf "%-28s %12.2f %12.2f %8.2f\n", "signed requests", dr / n, ar / n, ar / dr
	printf "%-28s %12s %12.1f\n\n", "resident when idle, MiB", "", rss / 1024
}'
