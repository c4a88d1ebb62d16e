#!/bin/sh
# SPDX-License-Identifier: ISC
# What acmed does, in half a minute: installs what it needs to build, builds, and shows a
# certificate obtained and renewed, with a real ACME server (Pebble) on this machine's
# loopback. Nothing outside build/ and a scratch directory is written.
#
#	sh tests/demo.sh
source_dir=$(cd "$(dirname "$0")/.." && pwd)
cd "$source_dir" || exit 2
# shellcheck source=tests/lib/build.sh
. tests/lib/build.sh

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
	bold='' dim='' plain=''
fi

heading() { # TEXT
	printf '\n%s== %s%s\n\n' "$bold" "$1" "$plain"
}

indented() {
	sed 's/^/    /'
}

shown() { # DESCRIPTION COMMAND...: the command, and what it says
	what=$1
	shift
	case $1 in
	ctl) words="acmectl $(echo "$*" | cut -d ' ' -f 2-)" ;;
	*) words=$* ;;
	esac
	printf '%s    $ %s%s\n' "$dim" "$words" "$plain" | sed "s|$scratch/||g"
	"$@" >"$scratch/shown.out" 2>&1
	status=$?
	sed "s|$scratch/||g; s/^/    /" "$scratch/shown.out"
	if [ "$status" -eq 0 ]; then
		ok "$what"
	else
		fail "$what" "exit status $status"
	fi
}

heading "Building"
build=$source_dir/build/demo
log=$source_dir/build/demo.log
mkdir -p "$source_dir/build"
sh tests/packages.sh build || exit 2
if ! build_in "$build" >"$log" 2>&1; then
	tail -n 40 "$log"
	echo "demo: the build failed; $log has all of it"
	exit 1
fi
"$build/acmed" -V | head -n 1 | indented

set -- "$build"
ACMED_PEBBLE=$source_dir/build/pebble
export ACMED_PEBBLE
# shellcheck source=tests/lib/system.sh
. tests/lib/system.sh
name=demo.example

heading "A CA on loopback"
start_pebble
printf '    %s\n    directory %s\n' "$pebble_version" "$directory"

heading "acmed's configuration, and acmed"
log_level=info
config_extra='limits:
  ari-poll: {min: 1s, max: 2s}'
write_config
sed "s|$scratch/||g; s/^/    /" "$config"
echo
start_acmed
shown "acmed answers" ctl ping

heading "A certificate for two names"
spawn watch "$acmectl" -s "$socket" watch
watch_pid=$spawned
shown "issued" ctl issue -d "$name" -d "www.$name"
end_child "$watch_pid"
printf '\n%s    $ acmectl watch   (begun before)%s\n' "$dim" "$plain"
indented <"$scratch/watch.log"

heading "Does its chain lead to the CA's root?"
shown "verified" openssl verify -CAfile "$root" -untrusted "$(live "$name" chain.pem)" \
	"$(live "$name" cert.pem)"
shown "both names are in it" openssl x509 -in "$(live "$name" cert.pem)" -noout \
	-issuer -enddate -ext subjectAltName

heading "The CA wants it renewed now: acmed hears of it and renews by itself"
old=$(serial "$name")
echo "    old serial number $old"
pebble_ari "$(live "$name" cert.pem)" -60 -30
renewed() {
	[ "$(serial "$name")" != "$old" ]
}
if wait_for 20 renewed; then
	echo "    new serial number $(serial "$name")"
	ok "renewed"
else
	fail "renewed"
fi
shown "the new one is verified, too" openssl verify -CAfile "$root" \
	-untrusted "$(live "$name" chain.pem)" "$(live "$name" cert.pem)"

heading "What acmed says of it"
shown "status" ctl status
echo
shown "why" ctl why "$name"

heading "acmed's log"
acmed_log | sed "s|$scratch/||g" | indented

heading "Taking it all down"
