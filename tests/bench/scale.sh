#!/bin/sh
# SPDX-License-Identifier: ISC
# acmed with 10, 1,000 and 100,000 certificates: how long it takes to start, what it needs
# of memory and CPU, how long a reload takes; and many of them over so many days that each
# is renewed several times. tests/bench/scale.h says what of it is real. Prints tables;
# fails where a figure is missed. Memory and counts are as they are; what takes time is
# compared with itself, but for the seconds of a start.
#
#	sh tests/bench/scale.sh BUILD-DIR
#
# SCALE_CERTS (20000), SCALE_DAYS (60) and SCALE_LIFETIME_DAYS (15) are of the long run;
# 100000, 400 and 90 take half an hour. SCALE_MOST (100000) is the largest of the table.

# In memory where there is room for it: what a disk is like is not the question.
room_kib() { # DIRECTORY
	df -Pk "$1" 2>/dev/null | awk 'NR == 2 { room = $4 } END { print room + 0 }'
}

free_kib=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
if [ "$(room_kib /dev/shm)" -gt 4000000 ] && [ "$free_kib" -gt 5000000 ]; then
	TMPDIR=/dev/shm
	export TMPDIR
fi
. "$(dirname "$0")/../lib/system.sh"
scale=$build_dir/tests/bench/scale
disk=$scratch
most=${SCALE_MOST:-100000}
certs=${SCALE_CERTS:-20000}
days=${SCALE_DAYS:-60}
lifetime=${SCALE_LIFETIME_DAYS:-15}
echo "state and configuration are in $disk, fsync() does nothing"

run() { # NAME MODE COUNT [DAYS]: what it prints becomes NAME_x=y
	made=$disk/$3
	if ! "$scale" "$2" "$made" "${4-}" >"$scratch/scale.out" 2>"$scratch/scale.err"; then
		fail "scale $2 with $3 certificates" "$(cat "$scratch/scale.err")"
		exit 1
	fi
	eval "$(tr ' ' '\n' <"$scratch/scale.out" | sed "s/^/$1_/")"
}

make() { # COUNT
	rm -rf "${disk:?}/$1" && mkdir "$disk/$1" || exit 2
	"$scale" make "$disk/$1" "$1" || exit 2
}

clean() { # COUNT
	rm -rf "${disk:?}/$1"
}

holds() { # EXPRESSION: of awk
	awk "BEGIN { exit !($1) }"
}

# ---- starts, reloads, days ----

for n in 1 10 1000 "$most"; do
	make "$n"
	run "first_$n" first "$n"
	run "start_$n" start "$n"
	clean "$n"
done

value() { # NAME: of a variable
	eval "echo \"\${$1-}\""
}

row() { # TITLE FORMAT PREFIX NAME: of each count
	printf '%-34s' "$1"
	for n in 10 1000 "$most"; do
		# shellcheck disable=SC2059 # a format
		printf " $2" "$(value "$3_${n}_$4")"
	done
	echo
}

per_cert() { # N: KiB of memory for each beyond the first
	awk -v n="$1" -v all="$(value "start_$1_rss_kib")" -v one="$(value start_1_rss_kib)" \
		'BEGIN { print (all - one) / (n - 1) }'
}

each() { # N NAME [FORMAT]: of one certificate
	awk -v n="$1" -v all="$(value "start_$1_$2")" 'BEGIN { printf "%.3f", all * 1000 / n }'
}

for n in 10 1000 "$most"; do
	eval "start_${n}_per_cert=$(per_cert "$n")"
	eval "start_${n}_day_us=$(each "$n" day_cpu_ms)"
	eval "start_${n}_start_us=$(awk "BEGIN { print $(each "$n" start_cpu_s) * 1000 }")"
	eval "start_${n}_reload_us=$(each "$n" reload_cpu_ms)"
done

printf '\n%-34s %12s %12s %12s\n' certificates 10 1000 "$most"
row "first start, pairs read, s" %12.3f first start_s
row "start, s" %12.3f start start_s
row "  CPU of each, us" %12.1f start start_us
row "resident, KiB" %12d start rss_kib
row "  of each beyond the first, KiB" %12.2f start per_cert
row "  after a reload, KiB" %12d start reload_rss_kib
row "a simulated day: CPU, ms" %12.2f start day_cpu_ms
row "  of each, us" %12.1f start day_us
row "reload, nothing changed: read, ms" %12.1f start reload_read_ms
row "  swap on the loop, ms" %12.1f start reload_swap_ms
row "  CPU of each, us" %12.1f start reload_us
echo

linear() { # WHAT NAME: what one of the most costs is at most twice that of one of 1000
	check "$1 does not grow for each of them" \
		holds "$(value "start_${most}_$2") <= 2 * $(value "start_1000_$2")"
}

check "$most start in 10 s" holds "$(value "start_${most}_start_s") <= 10"
check "and take 250 MB at most" holds \
	"$(value "start_${most}_rss_kib") <= 250000 && $(value "start_${most}_reload_rss_kib") <= 250000"
check "2 KiB for each of 1,000" holds "$(value start_1000_per_cert) <= 2"
check "2 KiB for each of $most" holds "$(value "start_${most}_per_cert") <= 2"
linear "the CPU of a start" start_us
linear "the CPU of a day" day_us
linear "the CPU of a reload" reload_us

# ---- the long run ----

LIFETIME_DAYS=$lifetime
export LIFETIME_DAYS
make "$certs"
run ignored first "$certs"
run long run "$certs" "$days"
clean "$certs"

show() { # TITLE VALUE
	printf '%-46s %s\n' "$1" "$2"
}

printf '\n%s\n' "$days days of $certs certificates of $lifetime days, each asked about 4 times a day"
show "orders, certificates" "$long_orders, $long_issued"
show "cycles" "$long_cycles"
show "ordered before, after the window" "$long_early, $long_late"
show "most orders at once" "$long_most_orders"
show "questions a minute: mean, most" "$long_polls_mean, $long_polls_most"
show "writes to files of the state" "$long_syncs"
show "longest callback, ms (over 10 ms)" "$long_longest_ms ($long_over_10ms)"
show "resident, KiB: 2nd cycle, last" "$long_second_rss_kib, $long_last_rss_kib"
show "allocated, octets: 2nd cycle, last" "$long_second_allocated, $long_last_allocated"
show "wall, CPU, s" "$long_wall_s, $long_cpu_s"
echo

check "each was renewed as often as there are cycles" \
	holds "$long_issued >= int($days / ($lifetime * 2 / 3 + 2)) * $certs"
check "all inside their windows" test "$long_early-$long_late-$long_expired" = 0-0-0
check "never more orders than concurrent-orders-per-account" test "$long_most_orders" -le 8
check "the most questions in a minute are 3 times the mean at most" \
	holds "$long_polls_most <= 3 * $long_polls_mean"
check "memory does not grow from the 2nd cycle to the last" \
	holds "$long_last_rss_kib <= 1.02 * $long_second_rss_kib + 1024"

# ---- with orders that fail ----

FAIL_PERCENT=20
export FAIL_PERCENT
make 2000
run ignored first 2000
run failing run 2000 40
clean 2000
show "40 days of 2000, one order of five fails" \
	"$failing_orders orders, $failing_failed failed, $failing_issued certificates"
check "orders failed" test "$failing_failed" -gt 1000
check "none expires" test "$failing_expired" -eq 0
check "each was renewed all the same" holds "$failing_issued >= 3 * 2000"
check "never more at once with failures" test "$failing_most_orders" -le 8
