#!/bin/sh
# SPDX-License-Identifier: ISC
# A certificate with two accounts at two CAs: where the first CA is down, or does not want
# the names, the second one issues; when the first is well it has its turn again; and no CA
# is told of a certificate that the other one issued. All programs have clocks of their own.
#
#	sh tests/system/failover.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

day=86400

# The CAs have their time first: acmed would doubt its own. With $lively, pauses between
# the tries of a request pass, too, and what is on its way then is late.
pass() { # SECONDS
	if [ -n "${lively-}" ]; then
		let_pass "$1" ca other acmed
		return
	fi
	ahead=$((ahead + $1))
	set_clock "$ahead" ca other acmed
}

of_first() {
	manage=$first_manage
}

of_second() {
	manage=$second_manage
}

issued_by() { # CERTIFICATE DIRECTORY
	[ "$(ctl --json show "$1" | json certificate.issued_by)" = "$2" ]
}

orders() { # of the CA of now: "plain" or "replaces" for each that was taken
	ca_get '/log?at=newOrder' | python3 -c '
import json, sys
print(*("replaces" if "replaces" in entry else "plain"
    for entry in json.load(sys.stdin) if entry["status"] == 201))'
}

# Pauses grow; after each there has to be time for what begins then.
pass_until() { # WAIT STEP STEPS COMMAND...
	wait=$1 step=$2 steps=$3
	shift 3
	while [ "$steps" -gt 0 ]; do
		if wait_for "$wait" "$@"; then
			return 0
		fi
		pass "$step"
		steps=$((steps - 1))
	done
	return 1
}

ahead=0
set_clock 0 ca other acmed
start_ca --no-validate
first=$directory first_manage=$manage first_trust=$trust first_root=$root
ca_name=other
start_ca --no-validate
second=$directory second_manage=$manage second_trust=$trust second_root=$root
of_first
directory=$first trust=$first_trust
config_extra="  other:
    directory: $second
    agree-tos: true
    trust: $second_trust"
write_config
cert_extra='account: [main, other]'
write_cert site site.example
write_cert twin twin.example
cert_extra='account: main'
write_cert loyal loyal.example
start_acmed
for name in site twin loyal; do
	check "$name is issued by the first" wait_for 20 issued_by "$name" "$first"
done
have_windows() {
	[ -n "$(reason site window)" ] && [ -n "$(reason twin window)" ] &&
		[ -n "$(reason loyal window)" ]
}
check "which says when to renew them" wait_for 20 have_windows
of_second
equal "the second was not asked" "$(ca_count newOrder)" 0

echo "== the first is down when they are due"
of_first
ca_post /reset >"$scratch/reset.out"
faults '{"at": "any", "do": "status", "status": 503}'
pass $((62 * day))
check "site is renewed by the second" pass_until 2 150 20 issued_by site "$second"
check "so is twin" pass_until 2 150 20 issued_by twin "$second"
root=$second_root
check "site is whole" verifies site
check "twin is whole" verifies twin
of_second
equal "the second was not told of certificates of the first" "$(orders)" "plain plain"
equal "and asked for each once" "$(ca_count newOrder)" 2
of_first
n=$(ca_count)
check "the first was asked $n times" [ "$n" -le 30 ]
equal "never for an order" "$(ca_count newOrder)" 0
contains "the log tells of it" "$(acmed_log)" "$first fails, nothing more is asked of it until"
check "site is well" is_state site valid
loyal_waits() {
	case $(reason loyal breaker) in
	"$first failed "*) true ;;
	*) false ;;
	esac
}
check "what has no second account waits, and says why" wait_for 30 loyal_waits
check "by the first" issued_by loyal "$first"

echo "== it is well again"
serial_of_loyal=$(serial loyal)
faults
pass 4500
is_renewed() {
	[ "$(serial loyal)" != "$serial_of_loyal" ]
}
check "what waited for it is renewed" wait_for 30 is_renewed
equal "as what it issued" "$(orders)" "replaces"
ca_post /reset >"$scratch/reset.out"
check "by hand, the others go back to it" ctl renew --force twin
check "at once" issued_by twin "$first"
equal "without a word of the other's certificate" "$(orders)" "plain"
pass $((62 * day))
check "when it is due, site goes back, too" wait_for 30 issued_by site "$first"
root=$first_root
check "site is whole" verifies site
both_ordered() {
	[ "$(ca_count newOrder)" -ge 4 ]
}
check "all three are" wait_for 30 both_ordered
sorted=$(orders | tr ' ' '\n' | sort | tr '\n' ' ')
equal "each tells of a certificate of its own only" "$sorted" "plain plain replaces replaces "

echo "== the first does not want the names"
ca_post /reset >"$scratch/reset.out"
faults '{"at": "newOrder", "name": "picky.example", "do": "status", "status": 403,
	"type": "rejectedIdentifier", "detail": "not these"}'
cert_extra='account: [main, other]'
write_cert picky picky.example
check "one more is loaded" ctl reload
check "it fails" wait_for 20 is_state picky failed
contains "with the reason" "$(ctl status picky)" "not these"
check "the second issues it in the end" pass_until 1 400 30 issued_by picky "$second"
equal "after three tries at the first" "$(ca_count newOrder)" 3
root=$second_root
check "it is whole" verifies picky
check "it is well" is_state picky valid
contains "the log tells of it" "$(acmed_log)" \
	"picky: main has failed often enough, the next order goes to other"
faults

echo "== restarted while the first is down"
of_first
faults '{"at": "any", "do": "close"}'
stop_acmed || fail "acmed stops cleanly" "exit status $status"
cert_extra='account: [main, other]'
write_cert late late.example
start_acmed
lively=1
check "one that was never issued is, by the second" pass_until 1 150 40 issued_by late "$second"
check "it is whole" verifies late
