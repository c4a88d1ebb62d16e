#!/bin/sh
# SPDX-License-Identifier: ISC
# Deploy hooks that misbehave: one never ends, one leaves processes behind, one writes and
# writes, one is killed, one takes no signal. Each gives a clear reason, the other
# certificates go into use meanwhile, the daemon stays quick, and nothing is left behind.
#
#	sh tests/system/hooks.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3, procps.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

mkdir "$scratch/hooks"
# Nobody else sleeps for so long: what is left behind is found by it.
mark=9$(free_port)

hook() { # NAME: the rest is its text
	{
		echo "#!/bin/sh"
		echo "mark=$mark here=$scratch/hooks"
		cat
	} >"$scratch/hooks/$1"
	chmod 755 "$scratch/hooks/$1"
}

certificate() { # NAME HOOK...: that is put into use by these
	site=$1
	shift
	cert_extra="deploy:"
	for name in "$@"; do
		cert_extra="$cert_extra
  - run: [$scratch/hooks/$name]"
	done
	write_cert "$site" "$site.example"
}

left_behind() {
	pgrep -fa "sleep $mark"
}

nothing_is_left() {
	! left_behind
}

failed_for() { # CERTIFICATE REASON
	check "$1: the state says so" wait_for 30 is_state "$1" not-deployed
	contains "$1: status has the reason" "$(ctl status "$1")" "$2"
	contains "$1: why has it, too" "$(ctl why "$1")" "$2"
}

is_in_use() { # CERTIFICATE
	[ -n "$(reason "$1" deployed)" ]
}

memory() { # KiB of acmed
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$acmed_pid/status"
}

longest() { # ms for which its loop had others wait
	ctl --json ping | json loop_longest_ms
}

hook good <<'END'
echo "$ACMED_CERT" >>"$here/good.log"
END
hook orphans <<'END'
for n in 1 2 3 4 5 6 7 8; do
	setsid sh -c "sleep $mark & setsid sleep $mark & exec sleep $mark" &
done
(setsid sh -c 'trap "" TERM HUP INT; while :; do sleep '"$mark"'; done' >/dev/null 2>&1 &)
sleep 0.3
END
hook flood <<'END'
head -c 200000000 /dev/zero | tr '\0' x
END
hook flood_and_fail <<'END'
yes "all is lost" | head -c 20000000
echo "the end: no space in the attic" >&2
exit 3
END
hook killed <<'END'
kill -SEGV $$
END
hook hangs <<'END'
sleep $mark
END
hook deaf <<'END'
trap '' TERM INT HUP QUIT
while :; do sleep $mark; done
END
hook no_such <<'END'
/nowhere/at/all
END
printf '#!/nowhere/sh\n' >"$scratch/hooks/no_interpreter"
chmod 755 "$scratch/hooks/no_interpreter"

run_them() {
	start_ca --no-validate
	log_level=info
	write_config
	certificate ok good
	certificate orphans orphans good
	certificate flood flood good
	certificate loud flood_and_fail
	certificate killed killed good
	certificate hangs hangs
	certificate deaf deaf
	certificate nosuch no_such
	certificate nointerpreter no_interpreter
	start_acmed
}

echo "== all at once"
run_them
for name in ok orphans flood; do
	check "$name goes into use" wait_for 60 is_in_use $name
	is_state $name valid || fail "$name is valid" "$(ctl status $name)"
done
failed_for loud "exit status 3: the end: no space in the attic"
failed_for killed "ended by SIGSEGV"
failed_for nosuch "exit status 127: a command in it was not found"
failed_for nointerpreter "cannot run"
equal "what came after a hook that failed was not run" \
	"$(sort "$scratch/hooks/good.log" | tr '\n' ' ')" "flood ok orphans "
for name in hangs deaf; do
	equal "$name is still at it" "$(state_of $name)" deploying
	contains "$name: status says at what" "$(ctl status $name)" "run"
done
only_those_two() {
	[ "$(left_behind | wc -l)" -eq 2 ]
}
check "nothing is left of the orphans" wait_for 10 only_those_two
is_small() {
	[ "$(memory)" -lt 40000 ] || is_sanitized
}
check "after 220 MB of output acmed has $(memory) KiB" is_small
check "its log has $(wc -c <"$scratch/acmed.log") octets" \
	[ "$(wc -c <"$scratch/acmed.log")" -lt 200000 ]
certificate later good
check "one more is loaded" ctl reload
check "and goes into use" wait_for 30 is_in_use later
orders=$(ca_count newOrder)
equal "each was ordered once" "$orders" 10

echo "== acmed is stopped meanwhile"
begun=$(date +%s)
check "it stops" stop_acmed
check "after $(($(date +%s) - begun)) s" [ $(($(date +%s) - begun)) -le 12 ]
check "nothing is left behind" wait_for 5 nothing_is_left

echo "== acmed is killed meanwhile"
start_acmed
check "a hook runs again" wait_for 20 left_behind
contains "what failed before the stop still says why" "$(ctl status loud)" "exit status 3"
stop_acmed KILL
check "nothing is left behind" wait_for 10 nothing_is_left
start_acmed
check "what was not done is begun again" wait_for 20 left_behind
equal "nothing was ordered for that" "$(ca_count newOrder)" "$orders"
check "it stops" stop_acmed

echo "== how quick it stays"
# Whatever else runs on this machine may keep it from running at times.
tries=1
while :; do
	rm -rf "$state"
	run_them
	for name in ok orphans flood; do
		wait_for 60 is_in_use $name || fail "$name goes into use"
	done
	ms=$(longest)
	check "it stops" stop_acmed
	if [ "$ms" -le 50 ] || [ "$tries" -ge 3 ] || is_sanitized; then
		break
	fi
	tries=$((tries + 1))
done
is_quick() {
	[ "$ms" -le 50 ] || is_sanitized
}
check "nobody had to wait for more than $ms ms" is_quick

echo "== a hook that exceeds its time"
rm -rf "$state" "$scratch/certs.d"
set_clock 0 ca acmed
start_ca --no-validate
write_config
certificate hangs hangs
certificate deaf deaf
start_acmed
both_run() {
	[ "$(left_behind | wc -l)" -eq 2 ]
}
check "two hang" wait_for 30 both_run
let_pass 310 ca acmed
failed_for hangs "exceeded its time limit of 300 s, ended by SIGTERM"
let_pass 10 ca acmed
failed_for deaf "exceeded its time limit of 300 s, ended by SIGKILL"
check "nothing is left behind" wait_for 10 nothing_is_left
contains "it is tried again, and why says when" "$(ctl why hangs)" "another try"
let_pass 100 ca acmed
check "they are" wait_for 20 left_behind
