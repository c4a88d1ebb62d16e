#!/bin/sh
# SPDX-License-Identifier: ISC
# A CA that refuses every other nonce, with and without authorizations that it still holds
# valid: certificates are issued all the same, and nobody has to be told.
#
#	sh tests/system/nonce.sh BUILD-DIR
#
# Debian packages: pebble (or see tests/lib/pebble.sh), openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

names="a b c d e"

in_force() { # VERSION: of all
	for name in $names; do
		[ "$(readlink "$state/live/$name")" = "../archive/$name/$1" ] || return 1
	done
}

# How many the CA has made. Not ten in every run: Pebble uses one in a hundred again,
# whatever it was told.
authorizations() {
	grep -c 'There are now [0-9]* authorizations in the db' "$scratch/pebble.log"
}

for reuse in 0 100; do
	echo "== refused nonces, and $reuse % of the authorizations are used again"
	state=$scratch/state-$reuse
	touch "$scratch/pebble.log"
	wanted_before=$(authorizations)
	start_pebble PEBBLE_WFE_NONCEREJECT=50 PEBBLE_AUTHZREUSE=$reuse
	write_config
	for name in $names; do
		write_cert "$name" "$name.example"
	done
	start_acmed
	check "five certificates are issued" wait_for 60 in_force 0001
	check "and renewed at once" ctl renew --all --force
	check "all five are new" in_force 0002
	for name in $names; do
		check "$name is a whole one" verifies "$name"
	done
	check "nonces have been refused" grep -q 'refuses a nonce' "$scratch/acmed.log"
	equal "but nothing failed" "$(acmed_log | grep -c 'failed')" 0
	wanted=$(($(authorizations) - wanted_before))
	check "the CA wants new proofs, but for 100 %" \
		test "$wanted" "$([ $reuse -eq 0 ] && echo -gt || echo -eq)" 5
	equal "each name was proved as often as the CA wants it: $wanted times in all" \
		"$(acmed_log | grep -c ': respond ')" "$wanted"
	check "acmed stops cleanly" stop_acmed
	end_child "$pebble_pid"
	mv "$scratch/acmed.log" "$scratch/acmed-$reuse.log"
done
