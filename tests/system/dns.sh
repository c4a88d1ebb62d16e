#!/bin/sh
# SPDX-License-Identifier: ISC
# A name server that never answers: libcurl's resolver threads hang for many seconds, and
# nobody notices: the loop goes on, the daemon stops when it is told to, and the error says
# which name it is about. Runs in network and mount namespaces of its own.

if [ "${ACMED_APART-}" != yes ]; then
	options="-n -m"
	[ "$(id -u)" -eq 0 ] || options="-r $options"
	# shellcheck disable=SC2086 # words
	if unshare $options true 2>/dev/null; then
		ACMED_APART=yes exec unshare $options sh "$0" "$@"
	fi
	echo "note: no namespaces here: what a dead name server does is not looked at"
	exit 0
fi

# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

echo "nameserver 127.0.0.1" >"$scratch/resolv.conf"
echo "hosts: files dns" >"$scratch/nsswitch.conf"
ip link set lo up &&
	mount --bind "$scratch/resolv.conf" "$(readlink -f /etc/resolv.conf)" &&
	mount --bind "$scratch/nsswitch.conf" "$(readlink -f /etc/nsswitch.conf)" || exit 1

# Says how many questions it did not answer.
spawn hole python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("listening", flush=True)
while True:
    s.recv(4096)
    print("asked", flush=True)'
wait_for 5 grep -q listening "$scratch/hole.log" || fail "a name server is there"

# One account waits as long as curl does, others end while their thread still hangs.
directory=https://ca.example/dir
trust=$scratch/none.pem
: >"$trust"
config_extra="  quick:
    directory: https://quick.example/dir
    agree-tos: true
    timeout: 1s
  slow:
    directory: https://slow.example/dir
    agree-tos: true
    timeout: 3s"
write_config
sed -i '/^    trust: /d' "$config"
write_cert site a.example
cert_extra="account: quick" write_cert second b.example
cert_extra="account: slow" write_cert third c.example

# The longest of many; fails where one is not answered or takes more than half a second.
pings() { # SECONDS
	python3 - "$1" "$acmectl" "$socket" <<-'END'
	import subprocess, sys, time
	seconds, acmectl, path = float(sys.argv[1]), sys.argv[2], sys.argv[3]
	begun, longest, n = time.monotonic(), 0, 0
	while time.monotonic() < begun + seconds:
	    asked = time.monotonic()
	    subprocess.run([acmectl, "-s", path, "ping"], check=True, timeout=10,
	                   stdout=subprocess.DEVNULL)
	    longest = max(longest, time.monotonic() - asked)
	    n += 1
	    time.sleep(0.02)
	print(f"{n} pings, the longest took {longest * 1000:.0f} ms")
	sys.exit(longest > 0.5)
	END
}

stops_within() { # SECONDS
	begun=$(date +%s%N)
	stop_acmed || return
	took=$((($(date +%s%N) - begun) / 1000000))
	echo "it took $took ms"
	[ $took -le $(($1 * 1000)) ]
}

start_acmed
check "the name server is asked" wait_for 5 grep -q asked "$scratch/hole.log"
check "for 15 s every ping is answered within half a second" pings 15
sed 's/^/      /' "$scratch/check.out"
check "the loop was quick while a request ran out of time" \
	grep -q "its name is not resolved within 1 s" "$scratch/acmed.log"

error_of() { # CERTIFICATE
	ctl --json status "$1" | json certificates.0.last_error 2>&1
}
contains "the error names the host" "$(error_of second)" \
	"cannot reach quick.example:443: its name is not resolved within 1 s"
contains "each its own" "$(error_of third)" \
	"cannot reach slow.example:443: its name is not resolved within 3 s"
contains "it does not take longer than a connection may" "$(acmed_log)" \
	"cannot reach ca.example:443: its name is not resolved within 10 s"
contains "status tells of the failure" "$(ctl status)" "failed"

ctl issue second >"$scratch/issue.log" 2>&1 &
asked() {
	[ "$(grep -c asked "$scratch/hole.log")" -gt "$1" ]
}
wait_for 5 asked "$(grep -c asked "$scratch/hole.log")" || fail "the name server is asked again"
check "SIGTERM ends it within 2 s while threads hang" stops_within 2
sed 's/^/      /' "$scratch/check.out"
