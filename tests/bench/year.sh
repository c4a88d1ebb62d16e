#!/bin/sh
# SPDX-License-Identifier: ISC
# More than a year of acmed's life in a minute: acmed, as it is, and the scripted CA, under
# one clock that leaps to the next instant as soon as there is nothing to do
# (tests/lib/fastclock.c). Each certificate is renewed in its window in every cycle, none
# expires, and acmed needs as much memory, and as many descriptors, at the end as after its
# second cycle.
#
#	sh tests/bench/year.sh BUILD-DIR
#
# YEAR_CERTS (30), YEAR_DAYS (400), YEAR_LIFE (of a certificate: 90 days) and YEAR_MINUTES
# that it may take (10).
. "$(dirname "$0")/../lib/system.sh"
certs=${YEAR_CERTS:-30}
days=${YEAR_DAYS:-400}
life=${YEAR_LIFE:-90}
minutes=${YEAR_MINUTES:-10}
helper=$(dirname "$0")/year.py
log_level=info
FASTCLOCK=$scratch/clock

# All within the same hundredth of the life, so that this is after the second cycle.
second=$(awk "BEGIN { print int($life * 1.5) }")

by_its_clock() { # FUNCTION...: what it starts
	export LD_PRELOAD="$build_dir/tests/lib/fastclock.so"
	"$@"
	unset LD_PRELOAD
}

live_until() { # DAYS
	python3 "$helper" until "$FASTCLOCK" $(($1 * 86400))
	wait_for $((minutes * 60)) python3 "$helper" there "$FASTCLOCK" || {
		fail "$1 days are over within $minutes minutes"
		exit 1
	}
	# The clock goes on at its usual speed: what quiet there is comes now.
	sleep 4
}

# ---- a year ----

python3 "$helper" clock "$FASTCLOCK"
export FASTCLOCK
by_its_clock start_ca --no-validate --validity $((life * 86400)) \
	--ari-retry-after 86400
write_config
i=0
while [ "$i" -lt "$certs" ]; do
	i=$((i + 1))
	write_cert "c$i" "c$i.example"
done
begun=$(date +%s)
by_its_clock start_acmed

live_until "$second"
# shellcheck disable=SC2046 # two words
set -- $(python3 "$helper" usage "$acmed_pid")
own_early=$1 fds_early=$2
live_until "$days"
# shellcheck disable=SC2046 # two words
set -- $(python3 "$helper" usage "$acmed_pid")
own_late=$1 fds_late=$2
ended=$(date +%s)

# ---- what became of it ----

check "each was renewed in its window, in every cycle" \
	python3 "$helper" renewals "$scratch/acmed.log" "$days" "$life" 120
read -r renewed found <"$scratch/check.out"
equal "all of them" "$found" "$certs"
equal "the CA saw as many orders, and no other" "$(ca_get /state | json orders)" "$renewed"
valid=$(ctl --json status | grep -o '"state":"valid"' | wc -l)
equal "all are valid at the end" "$valid" "$certs"
equal "nothing failed" "$(grep -c -E 'failed|cannot|doubt|WARN|ERROR' "$scratch/acmed.log")" 0
check "no memory is lost: of its own $own_early, then $own_late KiB" \
	test "$own_late" -le $((own_early + own_early / 50 + 64))
check "nor descriptors: $fds_early, then $fds_late" test "$fds_late" -le "$fds_early"
ctl --json ping >"$scratch/ping.out"
printf '\n%s days, %s certificates, %s orders in %s s; longest round of the loop %s ms\n\n' \
	"$days" "$certs" "$renewed" "$((ended - begun))" \
	"$(json loop_longest_ms <"$scratch/ping.out")"
