#!/bin/sh
# SPDX-License-Identifier: ISC
# Many certificates at once, two accounts: within the limits of the configuration, each
# ordered once, over one connection an account, and a name that is refused stands in
# nobody's way.
. "$(dirname "$0")/../lib/system.sh"

many=60
start_ca --latency-ms 20
config_extra="  other:
    directory: $directory
    agree-tos: true
    trust: $trust
limits:
  concurrent-orders: 16
  concurrent-orders-per-account: 12"
write_config
i=0
while [ "$i" -lt "$many" ]; do
	i=$((i + 1))
	cert_extra=
	[ $((i % 3)) -ne 0 ] || cert_extra="account: other"
	write_cert "many$i" "many$i.example"
done
faults '{"at": "newOrder", "name": "many7.example", "do": "status", "status": 403, "type": "rejectedIdentifier", "detail": "policy forbids it"}'
start_acmed

valid() {
	ctl --json status | python3 -c '
import json, sys
states = [c["state"] for c in json.load(sys.stdin)["certificates"]]
print(states.count("valid"))'
}

all_but_one() {
	[ "$(valid)" -eq $((many - 1)) ]
}

check "all but the refused one are issued" wait_for 60 all_but_one
check "the refused one says why" sh -c "'$acmectl' -s '$socket' why many7 | grep rejectedIdentifier"
equal "each was ordered once" "$(ca_count newOrder)" "$many"
equal "each account was registered once" "$(ca_count newAccount)" 2

# At no time more orders than allowed: between its newOrder and its certificate one counts.
ca_get /log >"$scratch/log.json"
most=$(python3 - "$scratch/log.json" <<'END'
import json, sys
open_orders = most = 0
for entry in json.load(open(sys.argv[1])):
    what = entry.get("endpoint") or entry.get("at")
    if what == "newOrder":
        open_orders += 1
        most = max(most, open_orders)
    elif what == "certificate":
        open_orders -= 1
print(most)
END
)
check "many run side by side ($most)" test "$most" -gt 8
check "and never more than 16, but for the one that was refused" test "$most" -le 17
