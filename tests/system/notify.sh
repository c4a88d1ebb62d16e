#!/bin/sh
# SPDX-License-Identifier: ISC
# Whoever wants to be told of trouble is told, once for each change, and in words: an order
# fails, a certificate is about to expire, putting it into use fails, the CA wants it
# replaced at once; and once when all is well again. Restarts and reloads tell nobody
# anything. Both programs have a clock of their own.
#
#	sh tests/system/notify.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

day=86400
told=$scratch/hooks/told
mkdir "$scratch/hooks"
: >"$told"

hook() { # NAME: the rest is its text
	cat >"$scratch/hooks/$1.new"
	chmod 755 "$scratch/hooks/$1.new"
	mv "$scratch/hooks/$1.new" "$scratch/hooks/$1"
}

# The CA has its time first: the other one would doubt its own.
pass() { # SECONDS
	ahead=$((ahead + $1))
	set_clock "$ahead" ca acmed
}

how_often() { # EVENT [CERTIFICATE]
	grep -c "^$1|${2:-site}|" "$told"
}

is_told() { # EVENT N [CERTIFICATE]
	[ "$(how_often "$1" "${3:-site}")" -eq "$2" ]
}

last() { # EVENT: what was said
	grep "^$1|" "$told" | tail -n 1
}

events() { # all so far of site, in a line
	grep '|site|' "$told" | sed 's/|.*//' | tr '\n' ' '
}

renewed() { # it is not $old that is in force
	[ "$(serial site)" != "$old" ]
}

hook note <<'END'
#!/bin/sh
line=$(echo "$ACMED_EVENT|$ACMED_CERT|$ACMED_NAMES|$ACMED_NOT_AFTER|$ACMED_TEXT|$1" |
	tr '\n' ' ')
echo "$line" >>"$(dirname "$0")/told"
END
hook broken <<'END'
#!/bin/sh
exit 1
END
hook use <<'END'
#!/bin/sh
exit 0
END

ahead=0
set_clock 0 ca acmed
start_ca --no-validate
write_config
cert_extra="notify:
  - run: [$scratch/hooks/broken]
  - run: [$scratch/hooks/note, an argument]
deploy: [{run: [$scratch/hooks/use]}]"
write_cert site site.example www.site.example
start_acmed
is_used() {
	[ -n "$(reason site deployed)" ]
}
check "a certificate is issued, and in use" wait_for 30 is_used
check "renewed" ctl renew --force site
sleep 1
equal "that is nothing to be told" "$(cat "$told")" ""

echo "== an order fails"
faults '{"at": "newOrder", "do": "status", "status": 403, "type": "unauthorized",
	"detail": "your account is odd"}'
refuse "a renewal fails" 1 ctl renew --force site
check "that is told" wait_for 20 is_told failed 1
contains "of which certificate, for which names" "$(last failed)" \
	"failed|site|site.example www.site.example|$(ctl --json show site | json certificate.not_after)|"
contains "with the reason" "$(last failed)" "|create: your account is odd (unauthorized)|an argument"
refuse "it fails again" 1 ctl renew --force site
stop_acmed || fail "acmed stops cleanly" "exit status $status"
start_acmed
check "a reload" ctl reload
refuse "and once more" 1 ctl renew --force site
sleep 1
equal "nobody is told again" "$(events)" "failed "
contains "a notify hook that fails is in the log" "$(acmed_log)" "notify hook $scratch/hooks/broken: exit status 1"

echo "== it is about to expire"
pass $((80 * day))
sleep 1
equal "80 days later it is renewed no more than before" "$(events)" "failed "
pass $((day * 3 / 2))
check "with little of its life left that is told" wait_for 20 is_told expiring 1
contains "when it ends" "$(last expiring)" "it expires "
pass $((day * 2))
sleep 1
equal "once" "$(events)" "failed expiring "
pass $((day * 10))
check "it expires" wait_for 20 is_state site expired
sleep 1
equal "which was told" "$(events)" "failed expiring "
old=$(serial site)
faults
pass $((day * 2))
check "when the CA takes orders again, it is renewed" wait_for 30 renewed
check "all is well, and that is told" wait_for 20 is_told recovered 1
contains "in words" "$(last recovered)" "it is well again"

echo "== it cannot be put into use"
hook use <<'END'
#!/bin/sh
echo "no room at the inn" >&2
exit 2
END
: >"$told"
refuse "a renewal does not get into use" 1 ctl renew --force site
check "that is told" wait_for 20 is_told deploy-failed 1
contains "with the reason" "$(last deploy-failed)" "no room at the inn"
pass 80
pass 200
sleep 1
equal "once, however often it is tried" "$(events)" "deploy-failed "
contains "as often as why says" "$(reason site deploy-failed)" "times, last"
hook use <<'END'
#!/bin/sh
exit 0
END
pass 3600
check "then it is" wait_for 30 is_used
check "which is told" wait_for 20 is_told recovered 1

echo "== the CA wants it replaced"
: >"$told"
old=$(serial site)
check "it is on hold" ctl hold site
ca_post /ari '{"name": "site.example", "start": -7200, "end": -3600,
	"explanationURL": "https://ca.example/why"}' >"$scratch/ari.out"
ctl renew site >"$scratch/renew.out" 2>&1
check "that is told" wait_for 20 is_told incident 1
contains "with the page" "$(last incident)" "see https://ca.example/why"
pass 30000
sleep 1
equal "once" "$(events)" "incident "
check "it may be renewed" ctl resume site
pass 400
check "and is" wait_for 30 renewed
check "which is told" wait_for 20 is_told recovered 1
equal "and that is all" "$(events)" "incident recovered "

echo "== many at once"
: >"$told"
faults '{"at": "newOrder", "do": "status", "status": 403, "type": "unauthorized"}'
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
	write_cert "many$n" "many$n.example"
done
check "a dozen more are loaded" ctl reload
all_told() {
	[ "$(grep -c '^failed|many' "$told")" -eq 12 ]
}
check "of each that fails somebody is told" wait_for 30 all_told
faults
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
	rm "$scratch/certs.d/many$n.yaml"
done
check "they are taken out" ctl reload
