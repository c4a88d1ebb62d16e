#!/bin/sh
# SPDX-License-Identifier: ISC
# From issued to in use: outputs, units, the queue, hooks, and seen to be served.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

served=$scratch/served
mkdir -p "$served" "$scratch/hooks"

state_of() { # CERTIFICATE
	ctl --json status "$1" | json certificates.0.state
}

is_state() { # CERTIFICATE STATE
	[ "$(state_of "$1")" = "$2" ]
}

leaf_of() { # FILE
	openssl x509 -in "$1" -noout -fingerprint -sha256
}

hook() { # NAME: the rest is its text
	cat >"$scratch/hooks/$1"
	chmod 755 "$scratch/hooks/$1"
}

start_ca --no-validate
start_systemd "nginx.service active" "other.service active"
write_config

echo "== outputs"
cert_extra="outputs:
  - {path: $served/full.pem, format: fullchain, mode: \"0640\"}
  - {path: $served/leaf.pem, format: cert}
  - {path: $served/chain.pem, format: chain}
  - {path: $served/key.pem, format: key}
  - {path: $served/all.pem, format: combined}
  - {path: $served/site.p12, format: pkcs12, password: s3cret}
  - {path: $served/leaf.der, format: der}
deploy:
  - reload: nginx.service
  - queue: postfix
  - run: [$scratch/hooks/after, one argument]"
hook after <<'END'
#!/bin/sh
{ echo "argument: $1"; env | grep -E '^(ACMED|RENEWED)_' | sort; } >>"$(dirname "$0")/after.log"
END
write_cert site site.example www.site.example
start_acmed
check "issued and put into use" wait_for 30 is_state site valid
check "it says so" wait_for 20 grep -q "site: in use" "$scratch/acmed.log"
equal "the unit was reloaded once" "$(systemd_jobs)" "reload nginx.service"
equal "the queue has its entry" "$(cat "$state/deploy-queue/postfix")" site
equal "fullchain" "$(cat "$served/full.pem")" "$(cat "$(live site)")"
equal "its mode" "$(stat -c %a "$served/full.pem")" 640
equal "the key's mode" "$(stat -c %a "$served/key.pem")" 600
equal "cert" "$(cat "$served/leaf.pem")" "$(cat "$(live site cert.pem)")"
equal "chain" "$(cat "$served/chain.pem")" "$(cat "$(live site chain.pem)")"
equal "key" "$(cat "$served/key.pem")" "$(cat "$(live site privkey.pem)")"
equal "combined" "$(cat "$served/all.pem")" \
	"$(cat "$(live site privkey.pem)" "$(live site)")"
equal "der" "$(openssl x509 -inform DER -in "$served/leaf.der")" \
	"$(openssl x509 -in "$(live site cert.pem)")"
equal "pkcs12 has the leaf" \
	"$(openssl pkcs12 -in "$served/site.p12" -passin pass:s3cret -nokeys -clcerts |
		openssl x509)" "$(openssl x509 -in "$(live site cert.pem)")"
equal "and the key" \
	"$(openssl pkcs12 -in "$served/site.p12" -passin pass:s3cret -nocerts -nodes |
		openssl pkey)" "$(openssl pkey -in "$(live site privkey.pem)")"
told=$(cat "$scratch/hooks/after.log")
contains "the hook has its argument" "$told" "argument: one argument"
contains "and the certificate" "$told" "ACMED_CERT=site"
contains "and what happened" "$told" "ACMED_EVENT=issued"
contains "and where it lies" "$told" "ACMED_FULLCHAIN=$state/live/site/fullchain.pem"
contains "and the names" "$told" "ACMED_NAMES=site.example www.site.example"
contains "and what certbot's hooks want" "$told" "RENEWED_LINEAGE=$state/live/site"
contains "why tells that it is in use" "$(ctl why site)" "in use"

echo "== renewed"
check "renewed by hand" ctl renew --force site
equal "the unit was reloaded again" "$(systemd_jobs | grep -c nginx)" 2
contains "the hook is told" "$(cat "$scratch/hooks/after.log")" "ACMED_EVENT=renewed"
equal "the outputs are new" "$(cat "$served/full.pem")" "$(cat "$(live site)")"

echo "== what is as it should be is left alone"
check "acmed stops" stop_acmed
start_acmed
sleep 1
equal "nothing was reloaded" "$(systemd_jobs | grep -c nginx)" 2
rm "$served/leaf.der"
cert_extra="$cert_extra
keep-versions: 4"
write_cert site site.example www.site.example
check "a changed configuration is taken" ctl reload
check "an output that was missing is written" wait_for 20 test -s "$served/leaf.der"
check "and the server told" wait_for 20 sh -c "[ \$(grep -c nginx '$scratch/jobs') -eq 3 ]"

echo "== many at once, one reload"
cert_extra="deploy: [{reload: other.service}]"
for n in 1 2 3 4 5 6 7 8; do
	write_cert "burst$n" "burst$n.example"
done
check "eight are loaded" ctl reload
for n in 1 2 3 4 5 6 7 8; do
	check "burst$n is in use" wait_for 30 grep -q "burst$n: in use" "$scratch/acmed.log"
done
jobs=$(systemd_jobs | grep -c other)
check "other.service was reloaded $jobs times for eight" test "$jobs" -le 2

echo "== a unit that fails to reload twice"
systemd_units "nginx.service active" "other.service active" "weak.service active fail=1"
cert_extra="deploy: [{reload: weak.service}]"
write_cert weak weak.example
check "loaded" ctl reload
check "the state says so" wait_for 20 is_state weak not-deployed
contains "status has the reason" "$(ctl status weak)" "weak.service"
contains "why says when it is tried again" "$(ctl why weak)" "putting it into use failed"
refuse "status --check complains" 1 ctl status --check weak
orders=$(ca_count newOrder)
check "after a minute it is in use" wait_for 100 is_state weak valid
equal "and no other one was ordered for that" "$(ca_count newOrder)" "$orders"

echo "== an output that is written, and a unit that could not be told of it"
in_use() { # N: times so far
	[ "$(grep -c "late: in use" "$scratch/acmed.log")" -ge "$1" ]
}
late() { # OUTPUT UNIT
	cert_extra="outputs: [{path: $served/$1, format: fullchain}]
deploy: [{reload: $2}]"
	write_cert late late.example
}
systemd_units "late.service active"
late late1.pem late.service
check "loaded" ctl reload
check "it is in use" wait_for 30 in_use 1
late late2.pem misspelt.service
check "another path, and a unit that there is not" ctl reload
check "the state says so" wait_for 20 is_state late not-deployed
check "but the output was written" test -s "$served/late2.pem"
late late2.pem late.service
check "the unit's name is mended" ctl reload
check "it is in use again" wait_for 30 in_use 2
equal "and the server was told of the new output" "$(systemd_jobs | grep -c late)" 2
