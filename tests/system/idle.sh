#!/bin/sh
# SPDX-License-Identifier: ISC
# A daemon that waits for weeks does nothing meanwhile: no system call before the next
# instant that is due, one wake-up a watchdog's interval where there is a watchdog, no
# thread but the first, and not much memory. ACMED_IDLE_SECONDS (20) says how long to look.
#
# Debian packages: strace. Not for a build with sanitizers: they have threads of their own.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

seconds=${ACMED_IDLE_SECONDS:-20}
# A connection to the CA is kept for a minute after its last request. Who looks for longer
# would see how it ends.
settle=10
[ "$seconds" -le 40 ] || settle=70
interval=4

start_ca --no-validate
write_config
for n in 1 2 3; do
	write_cert "site$n" "a$n.example" "b$n.example"
done

all_issued() {
	for issued in 1 2 3; do
		verifies site$issued || return
	done
}

start_acmed
wait_for 20 all_issued || fail "certificates are issued" "$(ctl status)"
# Somebody is there, and silent.
spawn watch "$acmectl" -s "$socket" watch

# Another one, with a watchdog.
cat >"$scratch/manager.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(65536).decode().replace("\n", " "), flush=True)
END
spawn manager python3 "$scratch/manager.py" "$scratch/notify"
wait_for 5 [ -e "$scratch/notify" ] || fail "a service manager is there"
watched_port=$(free_port)
sed "s|^state-dir:.*|state-dir: $scratch/watched|; s|socket: .*|socket: $scratch/watched.sock|
	s|$http_port|$watched_port|g" "$config" >"$scratch/watched.yaml"
spawn watched env "NOTIFY_SOCKET=$scratch/notify" "WATCHDOG_USEC=$((interval * 2))000000" \
	"$acmed" -c "$scratch/watched.yaml"
watched_pid=$spawned
wait_for 20 grep -q "READY=1" "$scratch/manager.log" || fail "it is ready" \
	"$(cat "$scratch/watched.log")"
watched_issued() {
	[ "$(grep -c ": issued, valid" "$scratch/watched.log")" -eq 3 ]
}
wait_for 20 watched_issued || fail "it has its certificates" "$(cat "$scratch/watched.log")"

sleep $settle

# ---- looking ----

look() { # NAME PID: every system call of all threads goes to NAME.strace
	spawn "$1.look" strace -f -tt -o "$scratch/$1.strace" -p "$2"
	wait_for 10 grep -q attached "$scratch/$1.look.log" || fail "strace sees $1" \
		"$(cat "$scratch/$1.look.log")"
}

threads() { # PID
	find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l
}

resident() { # PID: KiB
	sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

look plain "$acmed_pid"
plain_look=$spawned
look watched "$watched_pid"
watched_look=$spawned
beats_before=$(grep -c WATCHDOG=1 "$scratch/manager.log")
equal "no thread but the first is left" "$(threads "$acmed_pid")" 1
sleep "$seconds"
beats=$(($(grep -c WATCHDOG=1 "$scratch/manager.log") - beats_before))
end_child "$plain_look" INT
end_child "$watched_look" INT

# What it was waiting in when strace came is all there is; it has not returned.
returned() { # NAME: calls that ended
	grep -v -e 'detached' -e 'strace:' "$scratch/$1.strace" | grep -c ' = '
}
equal "no system call in $seconds s" "$(returned plain)" 0
check "it is waiting" grep -q 'epoll_p*wait\|restart_syscall' "$scratch/plain.strace"
if [ "$(returned plain)" -ne 0 ]; then
	head -n 40 "$scratch/plain.strace"
fi

least=$((seconds / interval - 1)) most=$((seconds / interval + 1))
check "a watchdog of $((interval * 2)) s is told every $interval s ($beats times)" \
	[ "$beats" -ge $least -a "$beats" -le $most ]
wakes=$(grep -c 'epoll_p*wait.* = \|epoll_p*wait resumed' "$scratch/watched.strace")
check "and wakes it up no more often than that ($wakes times)" \
	[ "$wakes" -ge "$beats" -a "$wakes" -le $((beats + 1)) ]
equal "for nothing but to tell it" "$(sed 's/^[0-9]* *[0-9:.]* *//; s/<... \([a-z_0-9]*\) resumed.*/\1(/' \
	"$scratch/watched.strace" | sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' |
	grep -vx -e epoll_wait -e epoll_pwait -e restart_syscall -e socket -e sendmsg -e sendto -e connect \
		-e close -e getsockopt -e setsockopt -e getpid -e getuid -e geteuid \
		-e getgid -e getegid | sort | uniq -c)" ""

# ---- its size ----

kib=$(resident "$acmed_pid")
echo "      VmRSS: $kib KiB; $(ctl ping)"
check "it is not large ($kib KiB of 24 MiB)" [ "$kib" -le $((24 * 1024)) ]
check "it is as quick as ever" ctl status
end_child "$watched_pid"
equal "the one with the watchdog stops" "$?" 0
