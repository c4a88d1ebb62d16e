#!/bin/sh
# SPDX-License-Identifier: ISC
# Certificates are obtained: at start without a word from anybody, and by `acmectl issue`.
# What then lies in the state directory and how it is protected, how often the CA is asked
# for it, what a refusal looks like, and how acmectl ends.
#
#	sh tests/system/issue.sh BUILD-DIR
#
# Debian packages: pebble (or see tests/lib/pebble.sh), openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

pebble_posts() { # [PATH]: ACME requests so far
	grep -c "POST /${1-}" "$scratch/pebble.log"
}

issued() { # CERTIFICATE...
	for issued in "$@"; do
		[ -s "$(live "$issued")" ] || return 1
	done
}

key_of() { # CERTIFICATE: as OpenSSL names it
	openssl x509 -in "$(live "$1")" -noout -text |
		sed -n 's/ *Public Key Algorithm: //p; s/ *NIST CURVE: //p; s/ *Public-Key: //p' |
		tr '\n' ' '
}

names_of() { # CERTIFICATE
	openssl x509 -in "$(live "$1")" -noout -ext subjectAltName |
		tr ',' '\n' | sed -n 's/.*DNS://p' | sort | tr '\n' ' '
}

members() { # PATH NAME...: of an object of the JSON on standard input; what is missing
	python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[int(key)] if isinstance(value, list) else value[key]
print(" ".join(name for name in sys.argv[2:] if name not in value), end="")' "$@"
}

json_lines() { # how many JSON values of one line each standard input is
	python3 -c '
import json, sys
print(len([json.loads(line) for line in sys.stdin]))'
}

wide_open() { # what is below the state directory and not for its owner alone
	find "$state" ! -type l \( -type d ! -perm 0700 -o -type f ! -perm 0600 -o \
		! -type d ! -type f \) -printf '%M %P '
}

umask 022
start_pebble PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0
config_extra="  second:
    directory: $directory
    agree-tos: true
    key-type: rsa:2048
    trust: $trust"
write_config
write_cert one one.example
write_cert two two.example www.two.example
cert_extra='key-type: ec:P-384'
write_cert p384 p384.example
cert_extra='key-type: rsa:2048
account: second'
write_cert rsa rsa.example
cert_extra=

echo "== at start, without a command"
# The worst umask there is: what is written must not depend on it.
umask 000
start_acmed
umask 022
check "four certificates are issued" wait_for 30 issued one two p384 rsa
for name in one two p384 rsa; do
	check "$name: its chain leads to the CA's root and its key is its own" verifies $name
done
equal "one: the name is in it" "$(names_of one)" "one.example "
equal "two: both names are in it" "$(names_of two)" "two.example www.two.example "
contains "a key is P-256 where nothing else is said" "$(key_of one)" P-256
contains "P-384 where that is asked for" "$(key_of p384)" P-384
contains "RSA of 2048 bits where that is" "$(key_of rsa)" "rsaEncryption (2048 bit)"

echo "== the state directory"
equal "live/one leads to the first version" "$(readlink "$state/live/one")" \
	../archive/one/0001
equal "it has the four files" "$(cd "$state/live/one/" && echo *)" \
	"cert.pem chain.pem fullchain.pem privkey.pem"
cat "$(live one cert.pem)" "$(live one chain.pem)" >"$scratch/joined.pem"
check "fullchain.pem is cert.pem and chain.pem" cmp "$scratch/joined.pem" "$(live one)"
equal "all is for its owner alone, whatever the umask" "$(wide_open)" ""
equal "nothing is left of the work" "$(find "$state/staging" -mindepth 1)" ""
check "the state of one has been written" wait_for 5 grep -q drawn "$state/state/one.json"
state_one() { # MEMBER
	json "$1" <"$state/state/one.json"
}
equal "it names the CA" "$(state_one issued_by)" "$directory"
equal "and the serial number" "$(state_one serial | tr a-f A-F)" \
	"$(serial one)"
equal "no failure and no order are left in it" \
	"$(grep -oE '"(order|failure)"' "$state/state/one.json")" ""
contains "the window that the CA suggests is in it" "$(state_one ari.start)" T
kid=$(json url <"$state/accounts/main/account.json")
contains "the account's URL is kept" "$kid" "https://127.0.0.1:$pebble_port/my-account/"
contains "its key is P-256 where nothing else is said" \
	"$(openssl pkey -in "$state/accounts/main/account.key" -noout -text)" P-256
contains "an account's key may be RSA" \
	"$(openssl pkey -in "$state/accounts/second/account.key" -noout -text)" "2048 bit"
equal "each account was registered once" "$(pebble_posts sign-me-up)" 2

echo "== how often the CA is asked"
posts_by_path() {
	for path in order-plz authZ/ chalZ/ finalize-order/ my-order/ certZ/; do
		pebble_posts "$path"
	done
}
before=$(posts_by_path)
check "one is issued again by command" ctl issue one
# Both polls may find a CA that is not done yet: the exact number is asked of the other CA below.
asked=$(posts_by_path | paste - /dev/fd/3 3<<-END | awk '{ print $1 - $2 }' | paste -s -d " "
	$before
	END
)
check "each is asked once, and polled as often as it takes: $asked" \
	expr "$asked" : '1 [2-9] 1 1 [1-9] 1$'
equal "its state has a second version" "$(readlink "$state/live/one")" \
	../archive/one/0002
check "and that is a whole one" verifies one

echo "== a new certificate from the command line"
ctl issue --dry-run -d new.example -d www.new.example >"$scratch/plan" 2>&1
equal "--dry-run ends well" $? 0
contains "it shows the file" "$(cat "$scratch/plan")" "certs.d/new.example.yaml"
check "but does not write it" test ! -e "$scratch/certs.d/new.example.yaml"
(umask 000 && ctl issue -d new.example -d www.new.example) >"$scratch/issue.out" 2>&1
equal "issue -d ends well, whatever the umask" $? 0
said=$(cat "$scratch/issue.out")
contains "it says what it wrote" "$said" "certs.d/new.example.yaml: written"
for step in validate finalize download publish; do
	contains "it shows the step $step" "$said" "new.example: $step"
done
contains "and the result" "$said" "new.example: issued, valid until"
equal "both names are in the certificate" "$(names_of new.example)" \
	"new.example www.new.example "
check "which is a whole one" verifies new.example
cp "$scratch/certs.d/new.example.yaml" "$scratch/written.yaml"
refuse "a second time it is refused" 1 ctl issue -d new.example
contains "with what to do instead" "$(cat "$scratch/check.out")" "acmectl reload"
check "the file is as it was" cmp "$scratch/written.yaml" "$scratch/certs.d/new.example.yaml"
check "the configuration is valid as it stands" "$acmed" -n -c "$config"

echo "== what the CA refuses"
refuse "a blocked name fails" 1 ctl issue -d blocked.example
said=$(cat "$scratch/check.out")
contains "with the CA's sentence" "$said" "issuance is forbidden by policy"
contains "with its type" "$said" "(rejectedIdentifier)"
contains "with the name" "$said" "acmectl: blocked.example: "
contains "with what to do" "$said" "take the name out, or use another CA"
contains "it is in status" "$(ctl status)" "forbidden by policy"
contains "it is in why" "$(ctl why blocked.example)" "forbidden by policy"
contains "and nothing of it is cut off there" "$(ctl why blocked.example)" \
	"blocked.example is a forbidden domain (rejectedIdentifier)"
ctl --json status blocked.example >"$scratch/blocked.json"
equal "the state is failed" "$(json certificates.0.state <"$scratch/blocked.json")" failed
refuse "status --check complains" 1 ctl status --check
contains "about that one" "$(cat "$scratch/check.out")" \
	"CRITICAL: 1 of 6: blocked.example failed: "
refuse "a key that the CA does not take fails" 1 \
	ctl issue -d ed.example --cert-key-type ed25519
contains "with a sentence that says so" "$(cat "$scratch/check.out")" "badCSR"
contains "and what to do" "$(cat "$scratch/check.out")" "key-type"

echo "== JSON"
equal "status: nothing that is documented is missing" "$(ctl --json status one |
	members certificates.0 name names state not_before not_after next_renewal \
		last_result)" ""
equal "a failed one has its error" "$(members certificates.0 last_error \
	next_renewal last_result <"$scratch/blocked.json")" ""
equal "show: nothing is missing" "$(ctl --json show one | members certificate name names \
	names_in_certificate serial issuer key_type fingerprint_sha256 ari_id version \
	files accounts configured_in issued_by issued_at ari not_before not_after)" ""
equal "why: nothing is missing" "$(ctl --json why one |
	members decision name action next due_at act_at poll_at reasons ari)" ""
equal "status, show and why are one value each" "$({
	ctl --json status && ctl --json show one && ctl --json why one
} | json_lines)" 3
ctl --json issue one >"$scratch/issue.json"
equal "issue --json ends well" $? 0
check "and prints a value a line" json_lines <"$scratch/issue.json"
equal "the last of which is the certificate" \
	"$(tail -n 1 "$scratch/issue.json" | json certificate.state)" valid

echo "== how acmectl ends"
refuse "0: done" 0 ctl ping
refuse "1: failed" 1 ctl issue blocked.example
refuse "2: usage" 2 ctl issue --no-such-option
refuse "3: no daemon" 3 "$acmectl" -s "$scratch/nowhere.sock" status
contains "with what to do" "$(cat "$scratch/check.out")" "name its socket with -s"
refuse "5: no such certificate" 5 ctl show nosuch
contains "with what to do" "$(cat "$scratch/check.out")" "acmectl status"

echo "== after a restart"
retry_at() {
	json failure.retry_at <"$state/state/blocked.example.json"
}
failed_for=$(json failure.count <"$state/state/blocked.example.json")
until_then=$(retry_at)
find "$state" -type d -exec chmod 0777 {} +
find "$state" -type f -exec chmod 0666 {} +
orders=$(pebble_posts order-plz)
check "it stops cleanly" stop_acmed
start_acmed
write_cert later later.example
check "a certificate that is added is issued" ctl reload
check "without another command" wait_for 20 issued later
check "it is a whole one" verifies later
equal "no account was registered for it" "$(pebble_posts sign-me-up)" 2
equal "its account is the same" "$(json url <"$state/accounts/main/account.json")" "$kid"
equal "only that one was ordered" $(($(pebble_posts order-plz) - orders)) 1
equal "the failure is remembered" "$(retry_at)" "$until_then"
equal "as often as it failed" "$(json failure.count \
	<"$state/state/blocked.example.json")" "$failed_for"
contains "why says when it is tried again" "$(ctl why blocked.example)" "$until_then"
contains "and what the CA said" "$(ctl why blocked.example)" "forbidden by policy"
contains "so does status" "$(ctl status)" "$until_then"
equal "what was open to others is closed again" "$(wide_open)" ""
check "it stops cleanly once more" stop_acmed

echo "== a CA that does much while we wait"
state=$scratch/state2
rm "$scratch/certs.d"/*
config_extra=
start_ca --no-validate
write_config
write_cert quick quick.example
umask 000
start_acmed
check "issued" wait_for 20 issued quick
check "a whole one" verifies quick
acme_requests() { # and over how many connections; then the log is cleared
	ca_get /log | python3 -c '
import json, sys
asked = [entry for entry in json.load(sys.stdin) if entry["method"] == "POST" and
    entry["endpoint"] != "newAccount"]
print(*(entry["endpoint"] for entry in asked), len({entry["connection"] for entry in asked}))'
	ca_post /reset >/dev/null
}
equal "validating and issuing at once it is asked 5 times, over one connection" \
	"$(acme_requests)" "newOrder authz challenge finalize certificate 1"
faults '{"at": "finalize", "do": "order-status", "value": "processing"}'
check "issued again" ctl issue quick
equal "validating at once it is asked 6 times" \
	"$(acme_requests)" "newOrder authz challenge finalize order certificate 1"
faults '{"at": "challenge", "set": {"status": "processing"}}' \
	'{"at": "finalize", "do": "order-status", "value": "processing"}'
check "issued once more" ctl issue quick
equal "doing neither at once it is asked 7 times" "$(acme_requests)" \
	"newOrder authz challenge authz finalize order certificate 1"
equal "all is for its owner alone, whatever the umask" "$(wide_open)" ""
