#!/bin/sh
# SPDX-License-Identifier: ISC
# The disk is full, has no inodes left, is read-only: the pair in force stays whole, the
# error says what to do, and what the CA has issued is not lost. And only one acmed works
# on a state directory, and on a control socket.
#
#	sh tests/system/disk.sh BUILD-DIR
#
# Wants root: what it mounts is in a mount namespace of its own.
# Debian packages: util-linux, openssl, curl, python3.
if [ "$(id -u)" -ne 0 ]; then
	echo "disk: this test mounts small file systems and has to run as root" >&2
	exit 1
fi
if [ -z "${ACMED_OWN_MOUNTS-}" ]; then
	exec unshare --mount env ACMED_OWN_MOUNTS=1 sh "$0" "$@"
fi
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

end() {
	ended=$?
	stop_acmed >/dev/null 2>&1
	for place in "$scratch/seal" "$state/archive/site" "$state" "$scratch/small"; do
		umount -l "$place" 2>/dev/null
	done
	(exit $ended)
	finish
}

whole() { # what is in force is the old pair still, to the byte
	[ "$(cat "$state/live/site"/*.pem | sha256sum)" = "$old" ] && verifies site
}

remember() {
	old=$(cat "$state/live/site"/*.pem | sha256sum)
	orders=$(ca_count newOrder)
}

# Takes all room of the small disk, or gives it back.
fill() {
	dd if=/dev/zero of="$scratch/small/filler" bs=4096 2>/dev/null
	! sh -c 'echo x >"$1"' sh "$scratch/small/more" 2>/dev/null
}
# The state that was replaced last is kept to be written over, full disk or not.
fill_all() {
	rm -f "$state/state"/.*.new
	fill
}
use_up_inodes() {
	mkdir "$scratch/small/many"
	python3 -c '
import itertools, sys
try:
    for n in itertools.count():
        open(f"{sys.argv[1]}/{n}", "x").close()
except OSError:
    pass' "$scratch/small/many"
	! touch "$scratch/small/more" 2>/dev/null
}
clear_up() {
	rm -rf "$scratch/small/filler" "$scratch/small/more" "$scratch/small/many"
}

# A renewal during which COMMAND is run, while the CA is asked for the certificate.
renew_while() { # COMMAND
	faults '{"at":"certificate","delay_ms":1500}'
	certificates=$(ca_count certificate)
	ctl renew --force site >"$scratch/renew.out" 2>&1 &
	renewal=$!
	wait_for 10 ca_asked certificate $((certificates + 1)) && "$@"
	prepared=$?
	wait $renewal
	status=$?
	faults
	equal "(the order was under way, and then: $*)" $prepared 0
	equal "acmectl ends with 1" $status 1
}

mkdir "$scratch/small"
mount -t tmpfs -o size=1m,nr_inodes=500,mode=700 tmpfs "$scratch/small" || exit 1
trap end EXIT
state=$scratch/small/state
start_ca --no-validate
write_config
write_cert site site.example
start_acmed
issued() {
	[ -s "$(live site)" ]
}
check "a certificate is issued" wait_for 20 issued

echo "== full before the order"
remember
check "the disk is filled" fill
refuse "a renewal fails" 1 ctl renew --force site
contains "for lack of space" "$(ctl status site)" \
	"failed: $state/staging: cannot write site.pem: no space left on the device (see df and df -i)"
check "what is in force is whole" whole
equal "nothing was ordered" "$(ca_count newOrder)" "$orders"
check "the daemon lives on" ctl ping
clear_up
check "with space again, it is renewed" ctl renew --force site

echo "== full when the certificate comes"
remember
renew_while fill_all
contains "it is for lack of space" "$(cat "$scratch/renew.out")" \
	"failed site: publish: $state/archive/site: .next: cannot write "
contains "(see above)" "$(cat "$scratch/renew.out")" "no space left on the device"
check "what is in force is whole" whole
contains "that the state cannot be saved is an error in the log" "$(acmed_log)" \
	"site: $state/state: cannot write site.json: no space left on the device"
refuse "the next attempt fails, too" 1 ctl renew --force site
equal "without another order" "$(ca_count newOrder)" $((orders + 1))
clear_up
check "with space again, it is renewed" ctl renew --force site
equal "from the order of before" "$(ca_count newOrder)" $((orders + 1))
check "it is a new one" [ "$(cat "$state/live/site"/*.pem | sha256sum)" != "$old" ]
check "and whole" verifies site
equal "nothing was left lying about" \
	"$(find "$state" -name '.*' ! -path "$state" ! -path "$state/state/.[0-3].new")" ""

echo "== full, and killed"
remember
renew_while fill
end_child "$acmed_pid" KILL
start_acmed
check "on a full disk acmed starts" ctl ping
check "what is in force is whole" whole
clear_up
check "with space again, it is renewed" ctl renew --force site
equal "from the order of before" "$(ca_count newOrder)" $((orders + 1))
check "and whole" verifies site

echo "== no inodes"
remember
renew_while use_up_inodes
contains "it is for lack of inodes" "$(cat "$scratch/renew.out")" \
	"no space left on the device (see df and df -i)"
check "what is in force is whole" whole
clear_up
check "with inodes again, it is renewed" ctl renew --force site
equal "from the order of before" "$(ca_count newOrder)" $((orders + 1))
check "and whole" verifies site

echo "== read-only while it runs"
remember
seal() { # PLACE
	mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"
}
renew_while seal "$state/archive/site"
contains "it says how to mend that" "$(cat "$scratch/renew.out")" \
	"the file system is read-only (where a systemd unit makes it so, add the directory to its ReadWritePaths=)"
check "what is in force is whole" whole
umount "$state/archive/site"
check "writable again, it is renewed" ctl renew --force site
equal "from the order of before" "$(ca_count newOrder)" $((orders + 1))

echo "== a second acmed"
sed "s|$socket|$scratch/second.sock|" "$config" >"$scratch/second.yaml"
refuse "on the same state directory it does not start" 1 timeout 20 "$acmed" -c "$scratch/second.yaml"
contains "and says who is there" "$(cat "$scratch/check.out")" \
	"$state/lock: another acmed (pid $acmed_pid) uses this state directory"
check "no socket of its is left" [ ! -e "$scratch/second.sock" ]
sed "s|$state|$scratch/other|; s|:$http_port|:0|g" "$config" >"$scratch/second.yaml"
refuse "with a state directory of its own, but the same control socket, neither" 1 \
	timeout 20 "$acmed" -c "$scratch/second.yaml"
contains "and says why" "$(cat "$scratch/check.out")" \
	"control.socket: $socket: another process listens there"
check "the first does not mind" ctl renew --force site

echo "== what lies at the path of the control socket"
end_child "$acmed_pid" KILL
check "a daemon that was killed leaves its socket" [ -S "$socket" ]
refuse "at which nobody is" 3 ctl ping
start_acmed
check "the next daemon replaces it" ctl ping
check "it stops cleanly" stop_acmed
rm -f "$socket"
echo precious >"$socket"
refuse "where a file is, it does not start" 1 timeout 20 "$acmed" -c "$config"
contains "and says why" "$(cat "$scratch/check.out")" \
	"control.socket: $socket: something that is no socket is there"
equal "and leaves it alone" "$(cat "$socket")" precious
rm "$socket"
mkdir "$socket"
refuse "nor where a directory is" 1 timeout 20 "$acmed" -c "$config"
check "which stays, too" rmdir "$socket"

echo "== read-only at the start"
check "the state directory is sealed" seal "$state"
refuse "acmed does not start" 1 timeout 20 "$acmed" -c "$config"
contains "and says how to mend that" "$(cat "$scratch/check.out")" \
	"cannot write to $state: the file system is read-only (where a systemd unit makes it so, add the directory to its ReadWritePaths=)"
umount "$state"
mkdir "$scratch/seal"
check "so is another place" seal "$scratch/seal"
sed "s|$state|$scratch/seal/state|" "$config" >"$scratch/second.yaml"
refuse "it does not start where it cannot make its directory" 1 timeout 20 "$acmed" -c "$scratch/second.yaml"
contains "and says how to mend that" "$(cat "$scratch/check.out")" \
	"cannot make $scratch/seal/state: the file system is read-only"
start_acmed
check "writable again, it starts" ctl ping
check "and what is in force is whole" verifies site
