#!/bin/sh
# SPDX-License-Identifier: ISC
# The CA wants certificates replaced at once, as after an incident of its own: it moves
# their windows into the past. One is found out by chance, the others that it issued are
# asked about within a minute, and what it wants replaced is renewed within minutes, and
# once; what it does not is left alone. Both programs have a clock of their own.
#
#	sh tests/system/incident.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

affected="c0 c1 c2 c3 c4"
usual="c5 c6 c7 c8 c9"
page=https://ca.example/incidents/2027-01

# The CA has its time first: the other one would doubt its own.
pass() { # SECONDS
	ahead=$((ahead + $1))
	set_clock "$ahead" ca acmed
}

have_windows() { # CERTIFICATE...
	for name in "$@"; do
		[ -n "$(reason "$name" window)" ] || return 1
	done
}

serials() { # CERTIFICATE...
	for name in "$@"; do
		serial "$name"
	done
}

all_renewed() { # SERIALS CERTIFICATE...
	old=$1
	shift
	for one in $(serials "$@"); do
		case $old in
		*$one*) return 1 ;;
		esac
	done
}

move() { # CERTIFICATE: into the past
	ca_post /ari "{\"name\": \"$1.example\", \"start\": -7200, \"end\": -3600,
		\"explanationURL\": \"$page\"}" >"$scratch/ari.out" || fail "the window of $1 is moved"
}

incidents() {
	grep -c '"event":"incident"' "$scratch/watch.log"
}

seen() { # EVENT CERTIFICATE
	grep -q "\"event\":\"$1\",\"name\":\"$2\"" "$scratch/watch.log"
}

ahead=0
set_clock 0 ca acmed
start_ca --no-validate
write_config
for name in $affected $usual; do
	write_cert "$name" "$name.example"
done
start_acmed
# shellcheck disable=SC2086
check "ten are issued, and have windows" wait_for 30 have_windows $affected $usual
spawn watch "$acmectl" -s "$socket" --json watch
pass 90000 # a day later
sleep 1
# shellcheck disable=SC2086
old=$(serials $affected) left=$(serials $usual)
orders=$(ca_count newOrder)

echo "== the CA moves half of the windows"
for name in $affected; do
	move "$name"
done
check "one of them is on hold" ctl hold c4
asked=$(ca_count renewalInfo)
ctl renew c0 >"$scratch/renew.out" 2>&1
check "by chance it is asked about one" wait_for 20 seen incident c0
contains "the event has the page that explains it" \
	"$(grep '"event":"incident"' "$scratch/watch.log")" "$page"
contains "and how many are asked about" \
	"$(grep '"event":"incident"' "$scratch/watch.log")" "all 9 others"
contains "so has the log" "$(acmed_log)" "c0: incident: $directory moved a renewal window forward, see $page"
pass 61
all_asked() { # and what is renewed meanwhile
	[ $(($(ca_count renewalInfo) - asked)) -ge $((10 + $(ca_count newOrder) - orders)) ]
}
check "within a minute all ten have been asked about" wait_for 20 all_asked
sleep 1
equal "and what is new once more" "$(($(ca_count renewalInfo) - asked))" \
	$((10 + $(ca_count newOrder) - orders))
equal "it is one incident" "$(incidents)" 1
contains "why tells of it" "$(ctl why c4)" "the CA moved the window forward"
contains "and of the page" "$(ctl why c4)" "$page"
contains "and that it is on hold" "$(ctl why c4)" "on hold until"
pass 301
# shellcheck disable=SC2086
check "all that the CA wants replaced are renewed" wait_for 30 all_renewed "$old" ${affected% c4}
equal "but the one on hold" "$(($(ca_count newOrder) - orders))" 4
check "which is resumed" ctl resume c4
check "and renewed" wait_for 30 all_renewed "$old" c4

# shellcheck disable=SC2086
equal "the others are not" "$(serials $usual)" "$left"
equal "with an order each" "$(($(ca_count newOrder) - orders))" 5
for name in $affected; do
	verifies "$name" >"$scratch/verifies.out" 2>&1 || fail "$name is whole"
	is_state "$name" valid || fail "$name is valid" "$(ctl status)"
	seen renewed "$name" || fail "watch tells of $name"
done
equal "each tells the CA what it replaces" \
	"$(ca_get '/log?at=newOrder' | tr '{' '\n' | grep -c '"replaces":"')" 5
pass 4000
sleep 1
equal "an hour later nothing more was ordered" "$(($(ca_count newOrder) - orders))" 5

echo "== it moves one while that is being renewed"
faults '{"at": "newOrder", "do": "alter", "delay_ms": 4000}'
orders=$(ca_count newOrder)
old=$(serial c5)
ctl renew --force c5 >"$scratch/renew.out" 2>&1 &
asker=$!
check "an order is under way" wait_for 20 ca_asked newOrder $((orders + 1))
move c5
asked=$(ca_count renewalInfo)
pass 30000
check "the others are asked about, as always" wait_for 20 ca_asked renewalInfo $((asked + 9))
contains "it goes on meanwhile" "$(ctl status c5)" renewing
wait "$asker"
equal "it ends well" $? 0
check "there is a new one" all_renewed "$old" c5
equal "it cost one order" "$(($(ca_count newOrder) - orders))" 1
check "the new one has a window of its own" wait_for 20 have_windows c5
pass 600
sleep 1
equal "and is not ordered again" "$(($(ca_count newOrder) - orders))" 1
equal "it is no other incident" "$(incidents)" 1

echo "== it moves one into the past that nobody has asked about yet"
faults
stop_acmed || fail "acmed stops cleanly" "exit status $status"
move c6
pass 30000
orders=$(ca_count newOrder)
old=$(serial c6)
start_acmed
pass 361
check "after a start it is renewed, too" wait_for 30 all_renewed "$old" c6
equal "that one alone" "$(($(ca_count newOrder) - orders))" 1
