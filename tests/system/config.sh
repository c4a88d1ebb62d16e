#!/bin/sh
# SPDX-License-Identifier: ISC
# The configuration: what is wrong with it is told with file, line and column, all at once
# and quickly; a reload takes all of it or nothing, and disturbs nothing that runs; what is
# added is issued, what is removed stays on disk, what is changed is issued anew.
#
#	sh tests/system/config.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

umask 022
log_level=info
dir=$scratch/certs.d

# ---- files that are wrong, and what is said of them ----

break_file() { # NAME TEXT
	printf '%b' "$2" >"$dir/$1.yaml"
}

break_all() {
	break_file bad1 'names: [a.example, "*.b.example"]\nchallange: http-01\n'
	break_file bad2 'names: [a.example\nkey-type: rsa:1\n'
	break_file bad3 'names: [c.example]\nnames: [d.example]\naccount: nobody\nkeep-versions: many\n'
	break_file bad4 'names:\n\t- tab.example\n'
	break_file bad5 'names: &a [x.example]\n'
	break_file bad6 'name: good\nnames: [x.example]\n'
	break_file bad7 'names: [x.example]\nkey: none.pem\n'
	cat <<-END
	$dir/bad1.yaml:1:20: challenge http-01 cannot prove "*.b.example"; use dns-01
	$dir/bad1.yaml:2:1: unknown key "challange"; did you mean "challenge"?
	$dir/bad2.yaml:2:9: "," or "]" is missing
	$dir/bad3.yaml:2:1: duplicate key "names"; the first is in line 1
	$dir/bad3.yaml:3:10: no account "nobody" under "accounts"
	$dir/bad3.yaml:4:16: "keep-versions" has to be a number
	$dir/bad4.yaml:2:1: a tab cannot indent; use blanks
	$dir/bad5.yaml:1:8: anchors (&name) are not supported; write the value out, or quote it
	$dir/bad7.yaml:2:1: warning: key has no effect in this version
	$dir/bad7.yaml:2:6: "key": cannot read $dir/none.pem: No such file or directory
	$dir/good.yaml:1:1: certificate "good" is defined already, in $dir/bad6.yaml line 1
	END
}

positions() { # of the problems in JSON on standard input, and which are warnings
	python3 -c '
import json, sys
answer = json.load(sys.stdin)
print(answer["error"])
for p in answer["parameters"]["problems"]:
    print("{file}:{line}:{column}: ".format(**p) + "warning: " * p["warning"] + p["text"])'
}

run() { # COMMAND...: $out, $err, $status
	"$@" >"$scratch/run.out" 2>"$scratch/run.err"
	status=$?
	out=$(cat "$scratch/run.out")
	err=$(cat "$scratch/run.err")
}

start_ca --no-validate
write_config
write_cert good good.example

echo "== what is wrong"
run "$acmed" --check -c "$config"
equal "without an error the check ends with 0" $status 0
contains "and says so" "$out" "$config: 1 certificate, 1 account, no errors"
wanted=$(break_all)
run "$acmed" --check -c "$config"
equal "with errors it ends with 1" $status 1
equal "all of them are told, with file, line and column" "$out" "$wanted"
run timeout 20 "$acmed" -c "$config"
equal "a start ends with 78" $status 78
equal "and tells them, too" "$err" "$wanted"
check "nothing was made by that" [ ! -e "$state" ]
run "$acmectl" config check "$config"
equal "acmectl config check ends with 1" $status 1
equal "and tells them as well" "$out" "$wanted"
run "$acmectl" --json config check "$config"
equal "with --json it ends with 1" $status 1
equal "and tells them as JSON" "$(echo "$out" | positions)" "io.acmed.InvalidConfig
$wanted"
rm "$dir"/bad*
run "$acmectl" config check "$config"
equal "without errors acmectl config check ends with 0" $status 0
run "$acmectl" --json config check "$config"
equal "and with --json as well" "$status $out" '0 {"problems":[]}'
sed 's/^accounts:/metrics: {listen: 127.0.0.1:9402}\n&/' "$config" >"$scratch/more.yaml"
run "$acmed" --check -c "$scratch/more.yaml"
contains "a key that does nothing yet is a warning" "$status $out" \
	"0 $scratch/more.yaml:8:1: warning: metrics has no effect"
chmod g+w "$dir/good.yaml"
run "$acmed" --check -c "$config"
equal "a file that others may write is an error" "$status $out" "1 $dir/good.yaml:1:1: \
others than its owner may write this file; run: chmod go-w $dir/good.yaml"
chmod g-w "$dir/good.yaml"
run "$acmed" --check -c "$scratch/none.yaml"
equal "so is a missing file" "$status $out" \
	"1 $scratch/none.yaml:1:1: cannot read this file: No such file or directory"

echo "== bombs"
python3 - "$scratch" <<'END'
import sys
def bomb(name, text):
    with open(f"{sys.argv[1]}/bomb-{name}.yaml", "wb") as f:
        f.write(text)
bomb("brackets", b"[" * 400000)
bomb("braces", b"{a: " * 50000)
bomb("dashes", b"- " * 400000)
bomb("questions", b"? " * 400000)
bomb("depth", b"".join(b" " * i + b"a:\n" for i in range(1000)))
bomb("10-MB", b"#" + b"x" * 10000000)
bomb("aliases", b"a: &a [x,x]\n" + b"".join(b"%c: &%c [%s]\n" %
    (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(20)))
bomb("tabs", b"names:\n\t- x\n" * 10000)
bomb("duplicates", b"names: [x.example]\n" * 30000)
bomb("keys", b"".join(b"acount%d: 1\n" % i for i in range(49900)))
bomb("list", b"- x\n" * 90000)
bomb("quotes", b'state-dir: "' + b"x" * 900000)
bomb("documents", b"---\na: 1\n" * 50000)
bomb("NUL", b"state-dir: /x\0y\n")
bomb("tags", b"state-dir: !!python/object x\n" * 20000)
bomb("Latin", b"state-dir: /\xe4\xf6\xfc\n")
END
milliseconds() {
	echo $(($(date +%s%N) / 1000000))
}
for bomb in "$scratch"/bomb-*; do
	name=$(basename "$bomb" .yaml)
	began=$(milliseconds)
	run "$acmed" --check -c "$bomb"
	took=$(($(milliseconds) - began))
	told=$(echo "$out" | head -n 1)
	if [ $status -eq 1 ] && [ $took -lt 500 ] && [ "${told#"$bomb":[0-9]}" != "$told" ]; then
		ok "$name is refused in $took ms: ${told#"$bomb":}"
	else
		fail "$name is refused in $took ms" "exit status $status: $out"
	fi
	rm "$bomb"
done

echo "== the examples"
mkdir -p "$scratch/conf/certs.d"
cp "$source_dir/conf/acmed.yaml" "$scratch/conf"
cp "$source_dir/conf/certs.d"/*.yaml "$scratch/conf/certs.d"
chmod go-w "$scratch/conf"/*.yaml "$scratch/conf/certs.d"/*.yaml
check "conf/acmed.yaml and its certificate are right" \
	"$acmed" --check -c "$scratch/conf/acmed.yaml"
echo c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I >"$scratch/zerossl"
for example in "$source_dir"/conf/examples/*.yaml; do
	name=$(basename "$example")
	rm -f "$scratch/conf/certs.d"/*.yaml "$scratch/conf"/included*
	cp "$source_dir/conf/acmed.yaml" "$scratch/conf"
	if grep -q '^accounts:' "$example"; then
		cp "$example" "$scratch/conf/included.yaml"
		echo 'include: included*.yaml' >>"$scratch/conf/acmed.yaml"
	else
		cp "$example" "$scratch/conf/certs.d"
	fi
	chmod go-w "$scratch/conf"/*.yaml "$scratch/conf/certs.d"/*.yaml 2>/dev/null
	check "conf/examples/$name is right" env CREDENTIALS_DIRECTORY="$scratch" \
		"$acmed" --check -c "$scratch/conf/acmed.yaml"
done

echo "== a reload that fails"
write_cert second second.example
start_acmed
issued() { # NAME...
	for name in "$@"; do
		[ -s "$(live "$name")" ] || return 1
	done
}
logged() { # TEXT
	grep -qF "$1" "$scratch/acmed.log"
}
check "two certificates are issued" wait_for 20 issued good second
wanted=$(break_all)
before=$(ctl --json status)
kill -s HUP "$acmed_pid"
check "SIGHUP: the log says what follows" wait_for 10 \
	logged "the configuration has 10 errors, the old one stays in force"
equal "and what is wrong" "$(echo "$wanted" | while read -r line; do
	logged "$line" || echo "$line"
done)" ""
run ctl reload
equal "acmectl reload ends with 1" $status 1
equal "it prints nothing" "$out" ""
contains "it tells what is wrong on standard error" "$err" \
	"$(echo "$wanted" | grep -v warning)"
contains "and what follows" "$err" \
	"acmectl: the configuration has 10 problems; correct them, the old one stays in force"
run ctl --json reload
equal "with --json it ends with 1" $status 1
equal "and tells it as JSON" "$(echo "$out" | positions)" "io.acmed.InvalidConfig
$(echo "$wanted" | grep -v warning)"
rm "$dir"/bad*
equal "nothing has changed for that" "$(ctl --json status)" "$before"

echo "== a reload that works"
run ctl reload
equal "nothing new" "$status $out" "0 reloaded, no certificate has changed"
write_cert third third.example
run ctl reload
equal "an added certificate is named" "$status $out" "0 added: third"
check "and issued by itself" wait_for 20 issued third
rm "$dir/second.yaml"
write_cert good good.example more.example
write_cert fourth fourth.example
write_cert fifth fifth.example
old=$(serial good)
run ctl --json reload
equal "all that is new is told" "$status $out" '0 {"added":["fifth","fourth"],'\
'"changed":["good"],"removed":["second"],"warnings":[]}'
check "what was added is issued" wait_for 20 issued fourth fifth
renewed() {
	[ "$(serial good)" != "$old" ]
}
check "what has another name is issued anew" wait_for 20 renewed
contains "with that name" "$(openssl x509 -in "$(live good)" -noout -ext subjectAltName)" \
	"DNS:good.example, DNS:more.example"
lacks "what was removed is not in status" "$(ctl status)" second
refuse "nor known" 5 ctl show second
check "its files stay" verifies second
contains "the log says so in one line" "$(acmed_log)" \
	"configuration reloaded: 2 added, 1 changed, 1 removed"
cert_extra='keep-versions: 7'
write_cert third third.example
cert_extra=
old=$(serial third)
equal "what makes no other certificate is told" "$(ctl reload)" "changed: third"
contains "is in force" "$(ctl --json config show third)" '"keep-versions":7'
cp "$config" "$scratch/kept.yaml"
sed -i 's|acmed.sock|other.sock|' "$config"
run ctl reload
equal "what takes effect at the next start is a warning" "$status $err" \
	"0 $config:1:1: warning: one of state-dir, control.socket, http-01.listen, tls-alpn-01.listen and log.target has changed: that takes effect at the next start"
cp "$scratch/kept.yaml" "$config"
check "taken back" ctl reload
equal "and the one with other settings was not issued anew" "$(serial third)" "$old"

echo "== config show"
run ctl config show
contains "all that is in force" "$out" "$state"
contains "with the defaults" "$out" "concurrent-orders"
run ctl config show good
contains "or what holds for one certificate" "$out" more.example
equal "as JSON" "$(ctl --json config show good | json config.names)" \
	'["good.example", "more.example"]'
refuse "of one that is not there" 5 ctl config show second
cert_extra="outputs: [{path: $scratch/fifth.p12, format: pkcs12, password: well-hidden}]"
write_cert fifth fifth.example
cert_extra=
chmod o-r "$dir/fifth.yaml"
old=$(serial fifth)
equal "another output is a change" "$(ctl reload)" "changed: fifth"
equal "it is shown without its password" \
	"$(ctl --json config show fifth | json config.outputs)" \
	"[{\"path\": \"$scratch/fifth.p12\", \"format\": \"pkcs12\"}]"
run ctl config show fifth
contains "to people, too" "$out" "$scratch/fifth.p12"
lacks "and they do not see it either" "$out" well-hidden
lacks "nor does the log" "$(acmed_log)" well-hidden
equal "no certificate is issued anew for that" "$(serial fifth)" "$old"

echo "== the level of the log"
lacks "info has no debug messages" "$(acmed_log)" "http: POST"
equal "it is set" "$(ctl log-level debug)" "log level: debug"
check "a renewal" ctl renew --force third
contains "has them now" "$(acmed_log)" "third: finalize"
check "a reload leaves the level alone" ctl reload
lines=$(grep -c 'http: POST' "$scratch/acmed.log")
check "a renewal" ctl renew --force third
check "still has them" [ "$(grep -c 'http: POST' "$scratch/acmed.log")" -gt "$lines" ]
sed -i 's/level: info/level: warn/' "$config"
check "another level in the configuration" ctl reload
lines=$(acmed_log | wc -l)
check "holds at once" ctl renew --force third
equal "for a renewal says nothing" "$(acmed_log | wc -l)" "$lines"
equal "as JSON" "$(ctl --json log-level info)" '{"level":"info"}'
refuse "there are five levels" 2 ctl log-level loud

echo "== a hundred reloads while an order runs"
descriptors() { # where they cannot be counted: for how many there is room
	if [ -r "/proc/$acmed_pid/fd" ]; then
		find "/proc/$acmed_pid/fd" -type l | wc -l
	else
		sed -n 's/^FDSize:[[:space:]]*//p' "/proc/$acmed_pid/status"
	fi
}
faults '{"at":"finalize","do":"processing","polls":1}' \
	'{"at":"order","do":"order-status","value":"processing","headers":{"Retry-After":"1"}}'
polls=$(ca_count order)
orders=$(ca_count newOrder)
old=$(serial good)
ctl renew --force good >"$scratch/renew.out" 2>&1 &
renewal=$!
check "the order is under way" wait_for 10 ca_asked order $((polls + 1))
had=$(descriptors)
good_reload() { # N: with another setting each time, and one certificate more or less
	printf 'names: [third.example]\nkeep-versions: %d\n' $((10 + $1)) >"$dir/third.yaml"
	if [ $(($1 % 4)) -eq 0 ]; then
		rm -f "$dir/fourth.yaml"
	else
		echo 'names: [fourth.example]' >"$dir/fourth.yaml"
	fi
	ctl -q reload
}
broken_reload() { # N
	case $(($1 / 2 % 5)) in
	0) break_file bad 'names: [x.exa' ;;
	1) break_file bad 'names: [x.example]\nnames: [y.example]\n' ;;
	2) break_file bad 'a: &a [*a]\n' ;;
	3) mkdir "$dir/bad.yaml" ;;
	4) break_file bad "$(printf '%05000d' 0 | tr 0 '[')" ;;
	esac
	ctl -q reload >"$scratch/broken.out" 2>&1
	[ $? -eq 1 ] && grep -q 'bad.yaml:[0-9]*:[0-9]*: ' "$scratch/broken.out"
	answer=$?
	rm -rf "$dir/bad.yaml"
	return $answer
}
n=0 wrong=""
while [ $n -lt 100 ]; do
	if [ $((n % 2)) -eq 0 ]; then
		good_reload $n || wrong="$wrong $n"
	else
		broken_reload $n || wrong="$wrong $n"
	fi
	n=$((n + 1))
done
equal "each ends as it should" "$wrong" ""
equal "the last good one is in force" \
	"$(ctl --json config show third | json config.keep-versions)" 108
equal "no certificate is lost" "$(ctl --json status | python3 -c '
import json, sys
print(*(c["name"] for c in json.load(sys.stdin)["certificates"]))')" "fifth fourth good third"
now_has() { # connections that acmectl has closed may take a moment
	[ "$(descriptors)" -le "$had" ]
}
check "the daemon has no more descriptors than before: $had" wait_for 5 now_has
contains "the order still runs" "$(ctl status good)" "now: refresh"
faults
wait $renewal
equal "and completes" "$? $(tail -n 1 "$scratch/renew.out")" "0 renewed good"
check "as a new certificate" [ "$(serial good)" != "$old" ]
check "a whole one" verifies good
equal "from one order, and nobody has placed another" \
	$(($(ca_count newOrder) - orders)) 1
