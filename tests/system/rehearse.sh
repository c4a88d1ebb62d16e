#!/bin/sh
# SPDX-License-Identifier: ISC
# After a validation has failed, the next attempts are made at the CA's test directory, up
# to where a certificate would be issued; only when one goes well the real one is asked
# again. A test directory that is down stands in nobody's way. All programs have clocks of
# their own.
#
#	sh tests/system/rehearse.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

# The CAs have their time first: acmed would doubt its own.
pass() { # SECONDS
	ahead=$((ahead + $1))
	set_clock "$ahead" ca staging acmed
}

real() { # ENDPOINT: how many requests so far
	manage=$real_manage
	ca_count "$1"
}

tried() { # ENDPOINT
	manage=$staging_manage
	ca_count "$1"
}

real_is() { # ENDPOINT N
	[ "$(real "$1")" -eq "$2" ]
}

tried_is() { # ENDPOINT N
	[ "$(tried "$1")" -eq "$2" ]
}

failed_times() { # N
	[ "$(ctl --json show site | json certificate.failure.count)" = "$1" ]
}

is_issued() { # CERTIFICATE
	[ -s "$(live "$1")" ]
}

# The firewall is open from there on: PORT leads to acmed.
open_port() { # NAME PORT
	spawn "$1" python3 -c '
import socket, sys, threading
def relay(connection):
    with connection, socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as acmed:
        acmed.sendall(connection.recv(8192))
        connection.sendall(acmed.recv(8192))
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
while True:
    threading.Thread(target=relay, args=(listener.accept()[0],), daemon=True).start()
' "$2" "$http_port"
	wait_for 20 grep -q ready "$scratch/$1.log" || fail "port $2 is open"
}

ahead=0
acmed_port=$http_port real_port=$(free_port) staging_port=$(free_port)
set_clock 0 ca staging acmed
http_port=$real_port
start_ca
real_directory=$directory real_manage=$manage real_trust=$trust real_root=$root
ca_name=staging
http_port=$staging_port
start_ca
staging_manage=$manage
http_port=$acmed_port
cat "$real_trust" "$trust" >"$scratch/both.pem"
account_extra="staging: $directory"
directory=$real_directory trust=$scratch/both.pem root=$real_root
write_config
write_cert site site.example

echo "== the CA cannot reach us"
start_acmed
check "it fails at the real CA" wait_for 20 is_state site failed
equal "with one order" "$(real newOrder)" 1
equal "the test directory was not asked" "$(tried newOrder)" 0
lacks "it is no rehearsal" "$(ctl status site)" rehearsal
pass 90
check "the next attempt is at the test directory" wait_for 20 tried_is newOrder 1
check "it fails, too" wait_for 20 failed_times 2
contains "status says which it was" "$(ctl status site)" "rehearsal at the CA's test directory: "
contains "and what" "$(ctl status site)" "site.example"
contains "so does why" "$(ctl why site)" "rehearsal at the CA's test directory: "
stop_acmed || fail "acmed stops cleanly" "exit status $status"
start_acmed
pass 900
check "so is the one after that, over a restart" wait_for 20 tried_is newOrder 2
check "it fails, too" wait_for 20 failed_times 3
equal "the real CA has seen one order in all" "$(real newOrder)" 1

echo "== it can again"
open_port real-firewall "$real_port"
open_port staging-firewall "$staging_port"
pass 8000
check "it is issued" wait_for 30 is_issued site
check "by the real CA" verifies site
equal "after a third attempt at the test directory" "$(tried newOrder)" 3
equal "and a second at the real one" "$(real newOrder)" 2
equal "at the test directory nothing was finalized" "$(tried finalize)" 0
equal "at the real one once" "$(real finalize)" 1
check "it is well" is_state site valid
contains "the log tells of it" "$(acmed_log)" \
	"site: the rehearsal at the CA's test directory went well"
check "a renewal needs no rehearsal" ctl renew --force site
equal "it is not asked" "$(tried newOrder)" 3

echo "== the test directory is down"
manage=$real_manage
faults '{"at": "authz", "name": "other.example", "do": "alter", "set": {"status": "invalid"}}'
write_cert other other.example
check "another one is loaded" ctl reload
check "it fails at the real CA" wait_for 20 is_state other failed
faults
manage=$staging_manage
faults '{"at": "any", "do": "status", "status": 503}'
orders=$(real newOrder)
pass 90
check "it is issued all the same" wait_for 60 is_issued other
equal "by the real CA" "$(($(real newOrder) - orders))" 1
faults

echo "== who asks for it is not kept by rehearsals"
manage=$real_manage
faults '{"at": "authz", "name": "third.example", "do": "alter", "set": {"status": "invalid"}}'
write_cert third third.example
check "a third one is loaded" ctl reload
check "it fails at the real CA" wait_for 20 is_state third failed
faults
tries=$(tried newOrder)
check "renewed by force, it is issued" ctl renew --force third
equal "the test directory was not asked" "$(tried newOrder)" "$tries"
