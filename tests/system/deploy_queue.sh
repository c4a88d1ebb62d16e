#!/bin/sh
# SPDX-License-Identifier: ISC
# What root does for acmed: acmed-run-deploy-queue runs the scripts of deploy.d for the
# entries of the queue. No update is lost, what fails is tried again, and nothing that lies
# in the queue makes it touch or run what it should not. Also: the systemd units as they
# are installed.
#
#	sh tests/system/deploy_queue.sh BUILD-DIR
#
# Debian packages: systemd, for systemd-analyze.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

queue=$scratch/state/deploy-queue
scripts=$scratch/deploy.d
record=$scratch/record
helper=$source_dir/systemd/acmed-run-deploy-queue

run() { # [OPTION...]: its exit status; what it says in $scratch/run.log
	timeout 100 sh "$helper" --queue "$queue" --scripts "$scripts" "$@" \
		>"$scratch/run.log" 2>&1
}

said() {
	cat "$scratch/run.log"
}

# As store_queue_deploy() does it: whole from the first moment.
queue_entry() { # ENTRY CERTIFICATE...
	entry=$1
	shift
	printf '%s\n' "$@" >"$scratch/state/staged.$entry" &&
		mv "$scratch/state/staged.$entry" "$queue/$entry"
}

write_script() { # NAME LINE...: a script that says who it is, then runs the lines
	name=$1
	shift
	{
		echo '#!/bin/sh'
		echo "record=$record"
		printf '%s\n' "$@"
	} >"$scripts/$name.new"
	chmod 755 "$scripts/$name.new"
	mv "$scripts/$name.new" "$scripts/$name"
}

in_queue() { # all of it, hidden or not
	find "$queue" -mindepth 1 -printf '%f\n' | LC_ALL=C sort | tr '\n' ' '
}

begin() {
	rm -rf "$queue" "$scripts" "$record"
	mkdir -m 700 "$queue"
	mkdir -m 755 "$scripts"
	: >"$record"
}

mkdir "$scratch/state"

echo "== what is delivered"
begin
# shellcheck disable=SC2016 # for the script
write_script postfix 'echo "postfix:$*" >>"$record"'
# shellcheck disable=SC2016
write_script nginx 'echo "nginx:$*" >>"$record"'
check "an empty queue is nothing to do" run
rmdir "$queue"
check "neither is one that is missing" run
mkdir -m 700 "$queue"
queue_entry postfix b.example a.example
queue_entry nginx site
check "two entries are delivered" run
equal "each to its script, with its certificates" "$(sort "$record")" \
	"nginx:site
postfix:a.example b.example"
equal "the queue is empty" "$(in_queue)" ""
: >"$record"
: >"$queue/postfix"
check "an entry without certificates is delivered" run
equal "without arguments" "$(cat "$record")" "postfix:"

echo "== many certificates"
: >"$record"
seq -f 'name-%g.example' 1200 >"$scratch/state/many"
cp "$scratch/state/many" "$queue/nginx"
check "all are delivered" run
equal "500 at most at a time" "$(awk '{ print NF }' "$record" | tr '\n' ' ')" "500 500 200 "
equal "none was left out" "$(sed 's/^nginx://' "$record" | tr ' ' '\n' | sort)" \
	"$(sort "$scratch/state/many")"

echo "== a burst while it runs"
begin
# shellcheck disable=SC2016
write_script slow 'sleep 0.2; printf "%s\n" "$@" >>"$record"'
queue_entry slow cert-0
spawn helper sh "$helper" --queue "$queue" --scripts "$scripts"
helper_pid=$spawned
for n in $(seq 39); do
	# An entry that waits still gets one more line, as acmed does it.
	(cat "$queue/slow" 2>/dev/null; echo "cert-$n") >"$scratch/state/staged"
	mv "$scratch/state/staged" "$queue/slow"
	sleep 0.05
done
wait_for 60 gone "$helper_pid"
check "what came after its end is left for the next run" run
equal "all 40 were delivered" "$(sort -u "$record")" "$(seq -f 'cert-%g' 0 39 | sort)"
equal "the queue is empty" "$(in_queue)" ""

echo "== two at a time"
begin
# shellcheck disable=SC2016
write_script once 'mkdir "$record.lock" || echo overlap >>"$record"
sleep 0.3; rmdir "$record.lock"; printf "%s\n" "$@" >>"$record"'
queue_entry once a
spawn first sh "$helper" --queue "$queue" --scripts "$scripts"
first_pid=$spawned
check "the first one runs" wait_for 10 [ -e "$record.lock" ]
queue_entry once b
check "the second one waits" run
wait_for 20 gone "$first_pid"
equal "nothing overlaps, nothing is lost" "$(sort -u "$record")" "a
b"

echo "== a script that fails"
begin
# shellcheck disable=SC2016
write_script flaky 'echo "flaky:$*" >>"$record"; [ -e "$record.good" ]'
# shellcheck disable=SC2016
write_script other 'echo "other:$*" >>"$record"'
queue_entry flaky a
queue_entry other x
refuse "is told of" 1 run
contains "by name" "$(said)" "$scripts/flaky failed, and will be run again"
equal "the entry stays, hidden" "$(in_queue)" ".flaky:1 "
equal "the others are delivered" "$(sort "$record")" "flaky:a
other:x"
queue_entry flaky b
refuse "it is run again" 1 run
equal "for what is new as well" "$(tail -n 1 "$record")" "flaky:a b"
equal "which stays, too" "$(in_queue)" ".flaky:1 .flaky:2 "
touch "$record.good"
check "when it succeeds" run
equal "all has been delivered" "$(tail -n 1 "$record")" "flaky:a b"
equal "and nothing stays" "$(in_queue)" ""

begin
# shellcheck disable=SC2016
write_script hangs 'echo begun >>"$record"; sleep 600'
# shellcheck disable=SC2016
write_script other 'echo "other:$*" >>"$record"'
queue_entry hangs a
queue_entry other x
refuse "one that hangs is ended" 1 run --timeout 1
equal "the others are delivered" "$(sort "$record")" "begun
other:x"
equal "its entry stays" "$(in_queue)" ".hangs:1 "

begin
# shellcheck disable=SC2016
write_script dies 'kill -9 $PPID $$'
queue_entry dies a
refuse "one that kills is a failure, too" 1 run
equal "its entry stays" "$(in_queue)" ".dies:1 "

echo "== killed in the middle"
begin
# shellcheck disable=SC2016
write_script long 'echo "long:$*" >>"$record"; exec sleep 5'
queue_entry long a
spawn killed timeout 60 sh "$helper" --queue "$queue" --scripts "$scripts"
killed_pid=$spawned
check "it has begun" wait_for 10 grep -q 'long:a' "$record"
end_child "$killed_pid"
# shellcheck disable=SC2016
write_script long 'echo "again:$*" >>"$record"'
check "the next run" run
equal "begins with what was not finished" "$(tail -n 1 "$record")" "again:a"

echo "== scripts that are not run"
begin
queue_entry missing a
refuse "one that is not there" 1 run
contains "it says which" "$(said)" "there is no script $scripts/missing"
equal "the entry waits for it" "$(in_queue)" ".missing:1 "
# shellcheck disable=SC2016
write_script missing 'echo "missing:$*" >>"$record"'
check "and gets it" run
equal "what it waited for" "$(cat "$record")" "missing:a"

not_run() { # WHAT WHY
	queue_entry bad a
	refuse "$1" 1 run
	contains "it says why" "$(said)" "$2"
	equal "it was not run" "$(cat "$record")" ""
	rm -rf "$scripts/bad" "$queue/.bad:1"
}
begin
# shellcheck disable=SC2016
write_script good 'echo run >>"$record"'
ln -s good "$scripts/bad"
not_run "a symbolic link" "$scripts/bad is a symbolic link"
for mode in 775 757 777; do
	cp "$scripts/good" "$scripts/bad"
	chmod $mode "$scripts/bad"
	not_run "one with mode $mode" "and to be writable by nobody else"
done
cp "$scripts/good" "$scripts/bad"
chmod 644 "$scripts/bad"
not_run "one that is not executable" "$scripts/bad is not executable"
mkdir "$scripts/bad"
not_run "a directory" "there is no script $scripts/bad"
mkfifo "$scripts/bad"
not_run "a named pipe" "there is no script $scripts/bad"
if [ "$(id -u)" -eq 0 ]; then
	cp "$scripts/good" "$scripts/bad"
	chown 65534 "$scripts/bad"
	not_run "one of another user" "$scripts/bad is not run: it has to belong to user 0"
fi
chmod 777 "$scripts"
queue_entry good a
refuse "none in a directory of everybody" 2 run
contains "it says why" "$(said)" "$scripts has to belong to user $(id -u), and to be writable by nobody else"
equal "the entry stays" "$(in_queue)" "good "
chmod 755 "$scripts"

echo "== what a hostile acmed could put there"
begin
# shellcheck disable=SC2016
write_script x 'echo "x:$*:$(pwd)" >>"$record"'
echo precious >"$scratch/precious"
cd "$queue" || exit 1
echo a >'-rf'
echo a >'x y'
echo a >"$(printf 'new\nline')"
# shellcheck disable=SC2016
echo a >'$(touch pwned)'
echo a >';touch pwned;'
mkdir '..x' directory
ln -s "$scratch/precious" link
mkfifo pipe
# shellcheck disable=SC2016
printf '%s\n' good -rf '../../x' 'a b' '$(id)' ';id' "$(printf '\033[31m')" '' >x
echo b >'.x:1 x'
ln -s "$scratch/precious" .x:7
cd "$scratch" || exit 1
for name in link pipe directory; do
	# shellcheck disable=SC2016
	write_script $name 'echo "odd:$0 $*" >>"$record"'
done
refuse "it goes on" 1 run
equal "with what is right alone, and elsewhere" "$(cat "$record")" "x:good:/"
lacks "what it reads is not told" "$(said)" precious
lacks "control characters are not, either" "$(said)" "$(printf '\033')"
equal "nothing else is touched" "$(cat "$scratch/precious")" precious
lacks "nothing was run" "$(find "$scratch" -name pwned)" pwned
equal "what is visible is put aside" "$(find "$queue" -mindepth 1 ! -name '.*')" ""
contains "what has no right name stays" "$(in_queue)" ".x:1 x "
check "and is in nobody's way" run
rm -rf "$queue"
mkdir "$scratch/elsewhere"
echo a >"$scratch/elsewhere/x"
if [ "$(id -u)" -eq 0 ]; then
	chown 65534 "$scratch/state"
	ln -s "$scratch/elsewhere" "$queue"
	refuse "a queue that is a link to root's files is refused" 2 run
	contains "it says why" "$(said)" "does not belong to the user"
	equal "nothing is taken there" "$(ls -A "$scratch/elsewhere")" x
	rm "$queue"
	chown 0 "$scratch/state"
fi

echo "== how it is called"
refuse "without options" 2 timeout 20 sh "$helper"
refuse "with paths that depend on where one is" 2 timeout 20 sh "$helper" --queue q --scripts s
refuse "with an option that there is not" 2 run --verbose yes

echo "== units"
check "make install has them" make -s -C "$build_dir" DESTDIR="$scratch/root" \
	install-dist_pkglibexecSCRIPTS install-systemdsystemunitDATA
service=$(find "$scratch/root" -name acmed-deploy.service)
path=$(find "$scratch/root" -name acmed-deploy.path)
command=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$service")
check "the service starts what was installed" cmp "$scratch/root/$command" "$helper"
equal "nothing is left to be filled in" "$(grep -h '@.*@' "$service" "$path")" ""
equal "path and service name the same queue" \
	"$(sed -n 's/^DirectoryNotEmpty=//p' "$path")" \
	"$(sed -n 's/^ExecStart=.*--queue \([^ ]*\) .*/\1/p' "$service")"
sed "s|^ExecStart=[^ ]*|ExecStart=/bin/true|; s|^Documentation=.*||" "$service" \
	>"$scratch/acmed-deploy.service"
sed 's|^Documentation=.*||' "$path" >"$scratch/acmed-deploy.path"
check "systemd understands them" systemd-analyze verify \
	"$scratch/acmed-deploy.service" "$scratch/acmed-deploy.path"
equal "without a word" "$(cat "$scratch/check.out")" ""
check "what the service may do is at most 1.8 on systemd's scale" systemd-analyze security \
	--offline=true --threshold=18 "$scratch/acmed-deploy.service"
