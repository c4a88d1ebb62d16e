# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2119,SC2120
# For tests/system/*.sh, which run as `sh tests/system/X.sh BUILD-DIR`:
#
#	. "$(dirname "$0")/../lib/system.sh"
#	start_pebble			# or: start_ca --no-validate
#	write_config
#	write_cert site a.example b.example
#	start_acmed
#	check "a certificate is issued" ctl issue site
#	contains "the log tells of it" "$(acmed_log)" "site: issued"
#
# Functions that start something must not be called in a subshell or a $(...): what they
# start would not be ended. The end of the script ends all of it, fails the test where
# acmed did not stop as it should or a sanitizer complained, and prints the summary.
# ACMED_KEEP=1 keeps the scratch directory.

source_dir=${source_dir:-$(cd "$(dirname "$0")/../.." && pwd)}
build_dir=$(cd "${1:?BUILD-DIR}" && pwd) || exit 2
test_name=$(basename "$0" .sh)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/acmed-$test_name.XXXXXX") || exit 2
acmed=$build_dir/acmed
acmectl=$build_dir/acmectl
socket=$scratch/acmed.sock
config=$scratch/acmed.yaml
state=$scratch/state
passed=0
failed=0
children=
acmed_pid=
export LC_ALL=C TZ=UTC
# Loopback is all there is to reach here.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY

# ---- what a test says ----

ok() { # DESCRIPTION
	passed=$((passed + 1))
	echo "ok    $1"
}

fail() { # DESCRIPTION [DETAIL]
	failed=$((failed + 1))
	echo "FAIL  $1"
	if [ -n "${2-}" ]; then
		echo "$2" | tail -n 20 | sed 's/^/      > /'
	fi
	if [ -s "$scratch/acmed.log" ]; then
		tail -n "${ACMED_TAIL:-25}" "$scratch/acmed.log" | sed 's/^/      | /'
	fi
}

check() { # DESCRIPTION COMMAND...
	described=$1
	shift
	if "$@" >"$scratch/check.out" 2>&1; then
		ok "$described"
	else
		fail "$described" "$(echo "\"$*\" gave $?:" && cat "$scratch/check.out")"
	fi
}

refuse() { # DESCRIPTION STATUS COMMAND...: it fails, with this exit status
	described=$1 wanted=$2
	shift 2
	"$@" >"$scratch/check.out" 2>&1
	status=$?
	if [ "$status" -eq "$wanted" ]; then
		ok "$described"
	else
		fail "$described" "$(echo "\"$*\" gave $status:" && cat "$scratch/check.out")"
	fi
}

equal() { # DESCRIPTION GOT WANTED
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		fail "$1" "got \"$2\", wanted \"$3\""
	fi
}

contains() { # DESCRIPTION TEXT PART: literally
	case $2 in
	*"$3"*) ok "$1" ;;
	*) fail "$1" "no \"$3\" in: $2" ;;
	esac
}

lacks() { # DESCRIPTION TEXT PART
	case $2 in
	*"$3"*) fail "$1" "\"$3\" is in: $2" ;;
	*) ok "$1" ;;
	esac
}

wait_for() { # SECONDS COMMAND...: until it succeeds
	until_at=$(($(date +%s) + $1))
	shift
	until "$@" >"$scratch/wait.out" 2>&1; do
		[ "$(date +%s)" -lt "$until_at" ] || return 1
		sleep 0.1
	done
}

json() { # PATH: a.b.0.c of the JSON on standard input; true, false, null as such
	python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[int(key)] if isinstance(value, list) else value[key]
print(value if isinstance(value, str) else json.dumps(value))' "$1"
}

# ---- what runs beside it ----

spawn() { # NAME COMMAND...: output to $scratch/NAME.log, its pid in $spawned
	spawned_log=$scratch/$1.log
	clock=$scratch/$1.clock spawned_pid=$scratch/$1.pid
	shift
	if [ -e "$clock" ]; then
		# Sanitizers want to be the first library, but need not.
		set -- env "LD_PRELOAD=$build_dir/tests/lib/set_clock.so" "ACMED_CLOCK=$clock" \
			"ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0" "$@"
	fi
	"$@" >>"$spawned_log" 2>&1 </dev/null &
	spawned=$!
	[ ! -e "$clock" ] || echo "$spawned" >"$spawned_pid"
	children="$spawned $children"
}

# What needs much more time and memory in such a build.
is_sanitized() {
	grep -q __asan_init "$acmed"
}

alive() { # PID
	[ -r "/proc/$1/status" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}

gone() { # PID
	! alive "$1"
}

# Ends a child, at the latest after 15 s by SIGKILL; its exit status.
end_child() { # PID [SIGNAL]
	kill -s "${2:-TERM}" "$1" 2>/dev/null
	wait_for 15 gone "$1" || kill -s KILL "$1" 2>/dev/null
	rest=
	for child in $children; do
		[ "$child" = "$1" ] || rest="$rest $child"
	done
	children=$rest
	wait "$1" 2>/dev/null
}

# Not one of those that connections get as their own, lest one takes it before we do.
free_port() {
	python3 -c '
import random, socket
while True:
    port = random.randrange(10000, 32000)
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as s:
                s.bind(("127.0.0.1", port))
        break
    except OSError:
        pass
print(port)'
}

# What spawn and start_... start by these names ("acmed", "ca") has a clock that is so much
# ahead of the true one, see tests/lib/set_clock.c. What runs by then has it, too, in this
# order, where it was started with one.
set_clock() { # SECONDS NAME...
	ahead=$1
	shift
	for name in "$@"; do
		echo "$ahead ${lived:=0}" >"$scratch/$name.clock.new"
		mv "$scratch/$name.clock.new" "$scratch/$name.clock"
		wait_for 20 clock_is_set "$name" "$ahead $lived" || {
			fail "the clock of $name is set"
			exit 1
		}
	done
}

# Time passes for them, also by the clocks that nobody sets.
let_pass() { # SECONDS NAME...
	lived=$((${lived:-0} + $1)) ahead=$((${ahead:-0} + $1))
	shift
	set_clock "$ahead" "$@"
}

clock_is_set() { # NAME SECONDS: or it does not run, or has none
	[ "$(cat "$scratch/$1.clock.seen" 2>/dev/null)" = "$2" ] ||
		[ ! -e "$scratch/$1.pid" ] || gone "$(cat "$scratch/$1.pid")"
}

has_ipv6() {
	grep -q '^00000000000000000000000000000001' /proc/net/if_inet6 2>/dev/null
}

http_port=$(free_port)
tls_port=$(free_port)

# ---- CAs: each sets $directory, $trust (for TLS), $root (of what it issues), $manage ----

make_tls() { # DIRECTORY: ca.pem, and cert.pem with key.pem for loopback below it
	mkdir -p "$1" && (
		cd "$1" || exit 1
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
			-subj "/CN=Test TLS CA" -keyout ca.key -out ca.pem
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
			-CA ca.pem -CAkey ca.key -subj "/CN=localhost" \
			-addext "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1" \
			-addext "basicConstraints=critical,CA:FALSE" \
			-keyout key.pem -out cert.pem
	) >"$1/openssl.log" 2>&1
}

write_pebble_config() {
	cat >"$scratch/pebble.json" <<-END
	{"pebble": {
		"listenAddress": "127.0.0.1:$pebble_port",
		"managementListenAddress": "127.0.0.1:$pebble_manage_port",
		"certificate": "$scratch/pebble/cert.pem",
		"privateKey": "$scratch/pebble/key.pem",
		"httpPort": $http_port,
		"tlsPort": $tls_port,
		"ocspResponderURL": "",
		"retryAfter": {"authz": ${pebble_retry:-1}, "order": ${pebble_retry:-1}},
		"keyAlgorithm": "ecdsa",
		"domainBlocklist": ["blocked.example"],
		"profiles": {"default": {"description": "for tests", "validityPeriod": 7776000}}
		${pebble_extra:+, $pebble_extra}
	}}
	END
}

# Names resolve to loopback. Pebble's environment may be given as NAME=VALUE; members for
# its configuration in $pebble_extra, the seconds of its Retry-After in $pebble_retry (1).
# DNS can be changed through $dns_manage.
start_pebble() { # [NAME=VALUE...]
	pebble_dir=${ACMED_PEBBLE:-$build_dir/pebble}
	pebble_version=$(sh "$source_dir/tests/lib/pebble.sh" "$pebble_dir") || exit 2
	pebble_port=$(free_port) pebble_manage_port=$(free_port)
	dns_port=$(free_port) dns_manage=http://127.0.0.1:$(free_port)
	[ -e "$scratch/pebble/cert.pem" ] || make_tls "$scratch/pebble"
	write_pebble_config
	ipv6=
	! has_ipv6 || ipv6=::1
	spawn challtestsrv "$pebble_dir/bin/pebble-challtestsrv" -http01 "" -https01 "" \
		-tlsalpn01 "" -doh "" -dnsserver "127.0.0.1:$dns_port" \
		-management "${dns_manage#http://}" -defaultIPv4 127.0.0.1 -defaultIPv6 "$ipv6"
	spawn pebble env PEBBLE_VA_NOSLEEP=1 "$@" "$pebble_dir/bin/pebble" \
		-config "$scratch/pebble.json" -strict -dnsserver "127.0.0.1:$dns_port"
	pebble_pid=$spawned
	directory=https://127.0.0.1:$pebble_port/dir
	manage=https://127.0.0.1:$pebble_manage_port
	trust=$scratch/pebble/ca.pem
	root=$scratch/pebble/root.pem
	if ! wait_for 20 curl -sf --cacert "$trust" -o "$root" "$manage/roots/0" ||
		! wait_for 20 curl -sf --cacert "$trust" -o /dev/null "$directory" ||
		! wait_for 20 dns_tell set-default-ipv4 '{"ip": "127.0.0.1"}'; then
		fail "Pebble starts" "$(cat "$scratch/pebble.log" "$scratch/challtestsrv.log")"
		exit 1
	fi
}

dns_tell() { # PATH JSON: what pebble-challtestsrv is to answer
	curl -sS --fail-with-body --max-time 10 -d "$2" "$dns_manage/$1"
}

# The window of a certificate: instants, or seconds from now.
pebble_ari() { # CERTIFICATE-FILE START END
	python3 - "$@" <<-'END' | curl -sf --cacert "$trust" --data-binary @- "$manage/set-renewal-info/"
	import datetime, json, subprocess, sys
	def instant(text):
	    try:
	        now = datetime.datetime.now(datetime.timezone.utc)
	        return (now + datetime.timedelta(seconds=int(text))).strftime("%Y-%m-%dT%H:%M:%SZ")
	    except ValueError:
	        return text
	leaf = subprocess.run(["openssl", "x509", "-in", sys.argv[1]], check=True,
	    capture_output=True, text=True).stdout
	window = {"start": instant(sys.argv[2]), "end": instant(sys.argv[3])}
	print(json.dumps({"Certificate": leaf,
	    "ARIResponse": json.dumps({"suggestedWindow": window})}))
	END
}

# The scripted CA; options as in tests/ca/ca.c. A second one beside it has a $ca_name.
start_ca() { # [OPTION...]
	ca_dir=$scratch/${ca_name:=ca}
	mkdir -p "$ca_dir"
	: >"$ca_dir.log"
	spawn "$ca_name" "$build_dir/tests/ca/scripted_ca" --dir "$ca_dir" \
		--http-port "$http_port" "$@"
	ca_pid=$spawned
	wait_for 20 grep -q ^ready "$ca_dir.log" || {
		fail "the scripted CA starts" "$(cat "$ca_dir.log")"
		exit 1
	}
	directory=$(sed -n 's/^ready directory=\([^ ]*\).*/\1/p' "$ca_dir.log")
	manage=$(sed -n 's/^ready .*management=//p' "$ca_dir.log")
	trust=$ca_dir/tls.pem
	root=$ca_dir/root.pem
}

ca_get() { # PATH, see tests/ca/manage.h
	curl -sS --max-time 10 "$manage$1"
}

ca_post() { # PATH [JSON]
	curl -sS --fail-with-body --max-time 10 --data-binary "${2-}" "$manage$1"
}

faults() { # [RULE...]: JSON objects, see tests/ca/faults.h; none: no more faults
	rules=
	for rule in "$@"; do
		rules="$rules${rules:+,}$rule"
	done
	ca_post /faults "[$rules]" >"$scratch/faults.out" || {
		fail "the scripted CA takes the rules $rules" "$(cat "$scratch/faults.out")"
		exit 1
	}
}

ca_count() { # [ENDPOINT]: how many requests so far
	ca_get "/count${1:+?at=$1}"
}

ca_asked() { # ENDPOINT N: at least so many, for wait_for
	[ "$(ca_count "$1")" -ge "$2" ]
}

# ---- acmed ----

# $account_extra: lines for the account, $config_extra: lines for the top level; $log_level.
write_config() {
	mkdir -p "$scratch/certs.d"
	ipv6=
	! has_ipv6 || ipv6=", \"[::1]:$http_port\""
	cat >"$config" <<-END
	state-dir: $state
	certificates: certs.d
	control:
	  socket: $socket
	log: {level: ${log_level:-debug}, target: stderr}
	http-01:
	  listen: ["127.0.0.1:$http_port"$ipv6]
	accounts:
	  main:
	    directory: $directory
	    contact: [mailto:admin@example.com]
	    agree-tos: true
	    trust: $trust
	END
	if [ -n "${account_extra-}" ]; then
		echo "$account_extra" | sed 's/^/    /' >>"$config"
	fi
	if [ -n "${config_extra-}" ]; then
		echo "$config_extra" >>"$config"
	fi
}

# $cert_extra: more lines.
write_cert() { # CERTIFICATE NAME...
	cert_file=$scratch/certs.d/$1.yaml
	shift
	{
		list=
		for name in "$@"; do
			list="$list${list:+, }\"$name\""
		done
		echo "names: [$list]"
		[ -z "${cert_extra-}" ] || echo "$cert_extra"
	} >"$cert_file"
}

ctl() { # ARGUMENTS...
	"$acmectl" -s "$socket" "$@"
}

start_acmed() { # [OPTION...]
	spawn acmed "$acmed" -c "$config" "$@"
	acmed_pid=$spawned
	if ! wait_for 20 acmed_is_up_or_gone || ! ctl ping >"$scratch/ping.out" 2>&1; then
		stop_acmed
		fail "acmed starts" "exit status $status; $(cat "$scratch/ping.out")"
		exit 1
	fi
}

acmed_is_up_or_gone() {
	gone "$acmed_pid" || ctl ping
}

# Its exit status; 137 where it had to be killed.
stop_acmed() { # [SIGNAL]
	end_child "$acmed_pid" "${1:-TERM}"
	status=$?
	acmed_pid=
	return $status
}

acmed_log() {
	cat "$scratch/acmed.log"
}

state_of() { # CERTIFICATE
	ctl --json status "$1" | sed -n 's/.*"state":"\([a-z-]*\)".*/\1/p'
}

is_state() { # CERTIFICATE STATE
	[ "$(state_of "$1")" = "$2" ]
}

reason() { # CERTIFICATE CODE: what why says of that, nothing where it does not
	ctl --json why "$1" | sed -n "s/.*{\"code\":\"$2\",\"text\":\"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p"
}

live() { # CERTIFICATE [FILE]: where it lies
	echo "$state/live/$1/${2:-fullchain.pem}"
}

serial() { # CERTIFICATE: of what is live
	openssl x509 -in "$(live "$1")" -noout -serial 2>/dev/null | sed 's/.*=//'
}

verifies() { # CERTIFICATE: the live chain leads to the CA's root, and the key is its own
	openssl verify -attime $(($(date +%s) + ${ahead:-0})) -CAfile "$root" \
		-untrusted "$(live "$1" chain.pem)" "$(live "$1" cert.pem)" &&
		[ "$(openssl pkey -in "$(live "$1" privkey.pem)" -pubout)" = \
			"$(openssl x509 -in "$(live "$1" cert.pem)" -noout -pubkey)" ]
}

# ---- systemd ----

# A bus of its own, with a systemd on it that has these units: lines as in
# tests/lib/fake_systemd.c. Before start_acmed, which finds it by the environment.
start_systemd() { # [UNIT-LINE...]
	command -v dbus-daemon >/dev/null || {
		fail "dbus-daemon is here" "Debian package: dbus-daemon"
		exit 1
	}
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=$scratch/bus
	export DBUS_SYSTEM_BUS_ADDRESS
	systemd_units "$@"
	: >"$scratch/jobs"
	: >"$scratch/systemd.log"
	rm -f "$scratch/bus"
	spawn dbus dbus-daemon --session --nofork --nopidfile \
		--address="$DBUS_SYSTEM_BUS_ADDRESS"
	dbus_pid=$spawned
	wait_for 20 test -S "$scratch/bus" || {
		fail "dbus-daemon starts" "$(cat "$scratch/dbus.log")"
		exit 1
	}
	spawn systemd "$build_dir/tests/lib/fake_systemd" "$scratch/units" "$scratch/jobs"
	systemd_pid=$spawned
	wait_for 20 grep -q ^ready "$scratch/systemd.log" || {
		fail "the stand-in for systemd starts" "$(cat "$scratch/systemd.log")"
		exit 1
	}
}

systemd_units() { # [UNIT-LINE...]: other ones from now on
	: >"$scratch/units.new"
	for line in "$@"; do
		echo "$line" >>"$scratch/units.new"
	done
	mv "$scratch/units.new" "$scratch/units"
}

systemd_jobs() { # "reload nginx.service", a line each, in the order in which they began
	cat "$scratch/jobs"
}

# ---- the end of it ----

finish() {
	finished=$?
	trap '' EXIT INT TERM HUP PIPE
	if [ -n "$acmed_pid" ]; then
		stop_acmed || fail "acmed stops cleanly" "exit status $status"
	fi
	for child in $children; do
		end_child "$child"
	done
	if grep -lE 'ERROR: [A-Za-z]*Sanitizer|runtime error: ' "$scratch"/*.log \
		>"$scratch/sanitizer.out" 2>/dev/null; then
		fail "no sanitizer complains" "$(xargs cat <"$scratch/sanitizer.out" |
			grep -A 18 -E 'ERROR: [A-Za-z]*Sanitizer|runtime error: ')"
	fi
	if [ "$finished" -ne 0 ] && [ "$failed" -eq 0 ]; then
		fail "the script ends as it should" "exit status $finished"
	elif [ $((passed + failed)) -eq 0 ]; then
		fail "something is checked"
	fi
	if [ -n "${ACMED_KEEP-}" ]; then
		echo "kept: $scratch"
	else
		rm -rf "$scratch"
	fi
	echo "$test_name: $passed passed, $failed failed"
	# Without a number, exit would give what was before the trap.
	[ "$failed" -eq 0 ] && exit 0
	exit 1
}
trap finish EXIT
trap 'exit 1' INT TERM HUP PIPE
