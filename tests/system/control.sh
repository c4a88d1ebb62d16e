#!/bin/sh
# SPDX-License-Identifier: ISC
# The control socket: raw Varlink against the interface file, messages that are none,
# clients that are many, slow or not permitted, and acmectl when things go wrong.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

cert=site

varlink() { # STEP [WORD...]: of control.py
	python3 "$source_dir/tests/system/control.py" "$socket" "$@"
}

start_ca --no-validate
write_config
write_cert $cert a.example
start_acmed

# ---- what it says of itself, and all that can be asked ----

check "GetInfo and the descriptions are as Varlink wants them" varlink info
check "the interface file is returned verbatim" \
	varlink description "$source_dir/common/io.acmed.varlink"
check "every method answers as the interface file says" varlink methods $cert
check "Issue, Renew and Watch tell of events as they happen" varlink streams $cert

# ---- messages ----

check "three messages in one packet are answered in turn" varlink two_at_once
check "a call without an answer gets none" varlink oneway
check "a message may come byte by byte" varlink byte_by_byte
check "who has said all still hears the answer" varlink half_closed
check "half a message holds up nobody" varlink half_a_message
check "what is no message ends its connection, and only that" varlink broken_frames
check "a message of 1 MiB is heard, a longer one is not" varlink too_long
check "calls that make no sense are told so" varlink wrong_calls $cert

# ---- many, and slow ones ----

status_works() {
	ctl status
}

check "64 connections are served, others hear that there are too many" varlink hundred 64
check "then there is room again" status_works
check "acmectl says that there is none" varlink acmectl_is_told "$acmectl" 64
check "a watcher that does not read is dropped, others do not notice" varlink slow_reader
contains "the log says so" "$(acmed_log)" "control: a client does not read, dropped"
check "who asks and never reads is asked to wait" varlink never_reads
check "acmed is in good health" status_works

# ---- acmectl ----

refuse "no daemon: exit status 3" 3 "$acmectl" -s "$scratch/none.sock" status
contains "it says what to do" "$(cat "$scratch/check.out")" \
	"$scratch/none.sock: no such socket, acmed is not running; start it"
refuse "no such certificate: exit status 5" 5 ctl show other

refuse "watch goes on while nothing happens" 124 timeout 3 "$acmectl" -s "$socket" watch

closed_output() { # COMMAND...: that nobody reads
	# shellcheck disable=SC2016 # the inner shell expands
	timeout 20 sh -c '{ "$@"; echo $? >"$0"; } | true' "$scratch/closed.status" "$@" || return
	[ "$(cat "$scratch/closed.status")" -ne 124 ] && [ "$(cat "$scratch/closed.status")" -le 1 ]
}
check "a reader of its output that went away ends a stream" \
	closed_output "$acmectl" -s "$socket" watch
check "and is no trouble to a table" closed_output "$acmectl" -s "$socket" status

check "40 columns are enough for status" \
	varlink table_fits 40 "$acmectl" -s "$socket" status
check "20 columns are enough for what issue is doing" \
	varlink progress_fits 20 "$acmectl" -s "$socket" issue $cert

# ---- hold, rollback, plan ----

held() {
	ctl hold $cert --until "$1" && ctl --json status $cert >"$scratch/held.json" &&
		[ "$(json certificates.0.state <"$scratch/held.json")" = held ]
}
check "a certificate is held for a while" held 12h
check "until a day of local time" held 2100-01-31
contains "what it may lead to is said" "$(ctl hold $cert)" "unless it is renewed before"
refuse "no instant to come: exit status 2" 2 ctl hold $cert --until 2020-01-01
refuse "a held one is not issued" 1 ctl issue $cert
contains "it says what to do" "$(cat "$scratch/check.out")" "acmectl resume $cert"
contains "why, too" "$(ctl why $cert)" "acmectl resume $cert"
check "until it is let go" ctl resume $cert
check "then it is issued" ctl issue $cert

before=$(ctl --json show $cert | json certificate.version)
check "it is put back" ctl rollback $cert
contains "it says to which version" "$(cat "$scratch/check.out")" \
	"version $((before - 1)) is in force again"
contains "and that there are no orders now" "$(cat "$scratch/check.out")" "no orders until"
check "and forth" ctl rollback $cert "$before"
refuse "a version that is in force already" 1 ctl rollback $cert "$before"
refuse "one that never was" 1 ctl rollback $cert 9999
refuse "no number: exit status 2" 2 ctl rollback $cert last
check "and let go again" ctl resume $cert

contains "no change in the configuration, no plan" "$(ctl plan)" "nothing would change"
write_cert second b.example
contains "what is new is to be issued" "$(ctl plan)" "second       issue"
echo "namse: []" >"$scratch/certs.d/second.yaml"
refuse "an invalid one has no plan" 1 ctl plan
contains "it says what is wrong, and where" "$(cat "$scratch/check.out")" \
	'second.yaml:1:1: unknown key "namse"'
rm "$scratch/certs.d/second.yaml"

# ---- who may ----

daemon_gid=$(getent group daemon | cut -d : -f 3)
games_gid=$(getent group games | cut -d : -f 3)
nobody=65534
run_as() { # GROUPS COMMAND...: as nobody, in these groups
	groups=$1
	shift
	varlink run_as $nobody $nobody "$groups" "$scratch/acmectl" -s "$socket" "$@"
}

in_groups() {
	chmod 0755 "$scratch"
	cp "$acmectl" "$scratch/acmectl"
	refuse "nobody may not even look: exit status 4" 4 run_as "" status
	contains "it says how to be permitted" "$(cat "$scratch/check.out")" "become root"
	lacks "acmed has nobody's word for it" "$(acmed_log)" "NotPermitted"

	# A reload is enough: the socket is for those whom the configuration names.
	sed -i 's/^control:/control:\n  group: daemon/' "$config"
	check "a group is given by a reload" ctl reload
	equal "its socket is for that group" "$(stat -c '%a %G' "$socket")" "660 daemon"
	check "a member of the group may look" run_as "$daemon_gid" status
	check "a member of the group may reload" run_as "1234,$daemon_gid" reload
	refuse "others still may not" 4 run_as "$games_gid" status

	sed -i 's/^control:/control:\n  read-group: games/' "$config"
	check "a read-group is given by a reload" ctl reload
	equal "its socket is for all: what they may is in who they are" \
		"$(stat -c '%a %G' "$socket")" "666 daemon"
	check "a member of the read-group may look" run_as "$games_gid" status
	refuse "but not reload" 4 run_as "$games_gid" reload
	contains "it says how to be permitted" "$(cat "$scratch/check.out")" "become root"
	refuse "nor issue" 4 run_as "$games_gid" issue $cert
	refuse "nor hold" 4 run_as "$games_gid" hold $cert
	refuse "nor put back what was" 4 run_as "$games_gid" rollback $cert
	check "but see what a reload would do" run_as "$games_gid" plan
	check "a member of the group may still reload" run_as "$daemon_gid" reload
	refuse "nobody may not look" 4 run_as "1234" status
	check "nobody, however often, keeps nobody out" varlink strangers $nobody

	stop_acmed
	start_acmed
	equal "all that holds after a restart" "$(stat -c '%a %G' "$socket")" "666 daemon"
	check "for the read-group, too" run_as "$games_gid" status
}

if [ "$(id -u)" -eq 0 ]; then
	in_groups
else
	fail "who may do what needs root to look at: run it with sudo"
fi

# ---- the daemon ends under it ----

ends_in_stream() { # NAME COMMAND...: its exit status when acmed is killed meanwhile
	spawn "$@"
	wait_for 10 grep -q . "$scratch/$1.log"
	kill -s KILL "$acmed_pid"
	wait "$spawned"
}

faults '{"at": "newOrder", "do": "hang"}'
refuse "the daemon ends in mid-stream: exit status 3" 3 \
	ends_in_stream stream "$acmectl" -s "$socket" issue $cert
contains "it says so" "$(cat "$scratch/stream.log")" "the daemon ended the connection"
stop_acmed
refuse "a socket that nobody listens at: exit status 3" 3 ctl ping
contains "it says so" "$(cat "$scratch/check.out")" "nobody listens, acmed is not running"
start_acmed
check "a dead daemon's socket is replaced" status_works
