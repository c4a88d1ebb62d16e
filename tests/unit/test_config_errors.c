/* SPDX-License-Identifier: ISC */
/* What is wrong with a configuration, word for word. */
#include "tests/unit/unit.h"

#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/config_fixture.h"

#define ACCOUNT "accounts: {main: {directory: letsencrypt, agree-tos: true}}\n"
#define F       "acmed.yaml:"
#define C       "certs.d/c.yaml:"

struct told {
	const char *text;
	const char *told;
};

static const struct told main_cases[] = {
	{ "acounts: {}\n", F "1:1: unknown key \"acounts\"; did you mean \"accounts\"?\n" },
	{ "colour: red\n", F "1:1: unknown key \"colour\"\n" },
	{ "control: {sokcet: /x}\n",
	    F "1:11: unknown key \"sokcet\"; did you mean \"socket\"?\n" },
	{ "- a\n", F "1:1: this file has to be a map of keys and values\n" },
	{ "control: 7\n", F "1:10: \"control\" has to be a map of keys and values\n" },
	{ "state-dir: [a]\n", F "1:12: \"state-dir\" has to be one value, not a list\n" },
	{ "state-dir: {a: b}\n", F "1:12: \"state-dir\" has to be one value, not a map\n" },
	{ "state-dir:\n", F "1:11: \"state-dir\" has no value\n" },
	{ "state-dir: null\n", F "1:12: \"state-dir\" has no value\n" },
	{ "state-dir: ''\n", F "1:12: \"state-dir\" must not be empty\n" },
	{ "state-dir: \"/a\\nb\"\n", F "1:12: \"state-dir\" must not hold line breaks "
				       "or control characters\n" },
	{ "log: {level: loud}\n", F "1:14: \"level\" is \"loud\", but can be error, "
				    "warn, info, debug or trace only\n" },
	{ "log: {target: file}\n", F "1:15: \"target\" is \"file\", but can be auto, "
				     "journal, syslog or stderr only\n" },
	{ "http-01: {answer: all}\n",
	    F "1:19: \"answer\" is \"all\", but can be any or live only\n" },
	{ "http-01: {listen: 80}\n", F "1:19: \"80\" is no address with a port, such as "
				       "\"0.0.0.0:80\" or \"[::]:80\"\n" },
	{ "http-01: {listen: ['0.0.0.0:80', '::1:80', '[::]:99999', "
	  "'localhost:80']}\n",
	    F "1:34: \"::1:80\" is no address with a port, such as \"0.0.0.0:80\" or "
	      "\"[::]:80\"\n" F "1:44: \"[::]:99999\" is no address with a port, "
	      "such as \"0.0.0.0:80\" "
	      "or \"[::]:80\"\n" F
	      "1:58: \"localhost:80\" is no address with a port, such as "
	      "\"0.0.0.0:80\" or \"[::]:80\"\n" },
	{ "http-01: {listen: {a: b}}\n",
	    F "1:19: \"listen\" has to be a list of values, not a map\n" },
	{ "limits: {concurrent-orders: 0}\n",
	    F "1:29: \"concurrent-orders\" has to be from 1 to 1000\n" },
	{ "limits: {concurrent-orders: 1001}\n",
	    F "1:29: \"concurrent-orders\" has to be from 1 to 1000\n" },
	{ "limits: {concurrent-orders: many}\n",
	    F "1:29: \"concurrent-orders\" has to be a number\n" },
	{ "limits: {concurrent-orders: -1}\n",
	    F "1:29: \"concurrent-orders\" has to be a number\n" },
	{ "limits: {concurrent-orders: '5'}\n",
	    F "1:29: \"concurrent-orders\" has to be a number, without quotes\n" },
	{ "limits: {ari-poll: {min: 2d}}\n",
	    F "1:26: \"min\" of \"ari-poll\" is greater than \"max\"\n" },
	{ "limits: {ari-poll: {max: 1s}}\n",
	    F "1:26: \"min\" of \"ari-poll\" is greater than \"max\"\n" },
	{ "limits: {ari-poll: {min: soon}}\n",
	    F "1:26: \"min\" is \"soon\", which is no duration such as 90s, 15m, 12h "
	      "or 30d\n" },
	{ "limits: {ari-poll: {min: 0}}\n",
	    F "1:26: \"min\" has to be from 1 s to 366 d\n" },
	{ "certificates: none.d\n", F "1:15: \"certificates\": cannot read none.d: No "
				      "such file or directory\n" },
	{ "include: none.yaml\n", F "1:10: \"include\": there is no file none.yaml\n" },
	{ "defaults: {names: [a.example]}\n",
	    F "1:12: \"names\" cannot stand in \"defaults\"; it is a certificate's "
	      "own\n" },
	{ "defaults: {account: main}\n",
	    F "1:21: no account \"main\" under \"accounts\"\n" },
	{ "defaults: {challenge: {a.example: http}}\n",
	    F "1:35: unknown challenge \"http\"\n" },
	{ "a: 1\na: 2\nlog: {level: x}\n",
	    F "1:1: unknown key \"a\"\n" F
	      "2:1: duplicate key \"a\"; the first is in line 1\n" F
	      "2:1: unknown key \"a\"\n" F "3:14: \"level\" is \"x\", but can be "
	      "error, warn, info, debug or trace "
	      "only\n" },
};

static void
test_main_file_is_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(main_cases); i++) {
		fixture_write("acmed.yaml", main_cases[i].text);
		assert_told(main_cases[i].told);
	}
}

/* `text` is what stands in the braces of the account. */
static void
account_is_told(const char *text, const char *told)
{
	CLEAN(string) char *all = xasprintf("accounts:\n a:\n  %s\n", text);

	fixture_write("acmed.yaml", all);
	assert_told(told);
}

static const struct told account_cases[] = {
	{ "contact: mailto:a@b.example", F "2:2: \"directory\" is missing\n" },
	{ "directory: letsencript", F "3:14: unknown directory \"letsencript\"; did you "
				      "mean \"letsencrypt\"?\n" },
	{ "directory: xy", F "3:14: unknown directory \"xy\"; write the https:// URL of "
			     "the CA's directory, or a keyword such as letsencrypt\n" },
	{ "directory: buypass", F "3:14: Buypass has ended its ACME service on "
				  "2025-10-31; use another CA\n" },
	{ "directory: https://api.buypass.com/acme/directory",
	    F "3:14: Buypass has ended its ACME service on 2025-10-31; use another "
	      "CA\n" },
	{ "directory: http://ca.example/dir",
	    F "3:14: \"http://ca.example/dir\" cannot be a directory: plain "
	      "http:// is "
	      "for loopback addresses only; use https://\n" },
	{ "directory: http://127.example/dir",
	    F "3:14: \"http://127.example/dir\" cannot be a directory: plain "
	      "http:// is "
	      "for loopback addresses only; use https://\n" },
	{ "directory: ftp://ca.example/", F "3:14: \"ftp://ca.example/\" cannot be a "
					    "directory: it does not start with "
					    "https://\n" },
	{ "directory: https://a:b@ca.example/",
	    F "3:14: \"https://a:b@ca.example/\" cannot be a directory: it must not "
	      "name a user\n" },
	{ "directory: https:///dir", F "3:14: \"https:///dir\" cannot be a directory: it "
				       "needs a host, in ASCII\n" },
	{ "directory: https://ca.example:0/", F "3:14: \"https://ca.example:0/\" cannot "
						"be a directory: its port is none\n" },
	{ "directory: 'https://ca.example/a#b'",
	    F "3:14: \"https://ca.example/a#b\" cannot be a directory: it must not "
	      "have "
	      "a fragment (#)\n" },
	{ "directory: 'https://ca.example/a b'",
	    F "3:14: \"https://ca.example/a b\" cannot be a directory: it holds a "
	      "character that a URL may not have\n" },
	{ "directory: http+unix://run/ca.sock",
	    F "3:14: \"http+unix://run/ca.sock\" cannot be a directory: http+unix:// "
	      "needs the absolute path of a socket, with %2F for /\n" },
	{ "{directory: zerossl, agree-tos: maybe}",
	    F "3:35: \"agree-tos\" has to be true or false\n" },
	{ "{directory: zerossl, agree-tos: 'true'}",
	    F "3:35: \"agree-tos\" has to be true or false, without quotes\n" },
	{ "{directory: zerossl, contact: [a@b.example, 'mailto:a', x]}",
	    F "3:34: contact \"a@b.example\" is no URL; write mailto:a@b.example\n" F
	      "3:47: contact \"mailto:a\" has to be one address and nothing else\n" F
	      "3:59: contact \"x\" is no URL such as mailto:admin@example.com\n" },
	{ "{directory: zerossl, key-type: ec:p-256}",
	    F "3:34: \"key-type\" is \"ec:p-256\", but can be ec:P-256, ec:P-384, "
	      "ec:P-521, rsa:2048, rsa:3072, rsa:4096 or ed25519 only\n" },
	{ "{directory: zerossl, key-type: ml-dsa-65}",
	    F "3:34: key type ml-dsa-65 comes with OpenSSL 3.5, and is not available "
	      "in this version\n" },
	{ "{directory: zerossl, key: none.pem}",
	    F "3:29: \"key\": cannot read none.pem: No such file or directory\n" },
	{ "{directory: zerossl, trust: certs.d}",
	    F "3:31: \"trust\": certs.d is no file\n" },
	{ "{directory: zerossl, key: 'credential:x'}",
	    F "3:29: \"credential:x\" needs $CREDENTIALS_DIRECTORY, which systemd "
	      "sets "
	      "where the unit has LoadCredential=x\n" },
	{ "{directory: zerossl, key: 'credential:../x'}",
	    F "3:29: \"credential:../x\" cannot name a credential: it starts with "
	      "\".\" "
	      "or \"-\"\n" },
	{ "{directory: zerossl, eab: {kid: x}}", F "3:24: \"eab.key\" is missing\n" },
	{ "{directory: zerossl, eab: {kid: x, key: '!!'}}",
	    F "3:43: the key of \"eab\" is not base64url, as CAs give it\n" },
	{ "{directory: zerossl, eab: {kid: x, key: Zm9v, alg: none}}",
	    F "3:54: \"alg\" is \"none\", but can be HS256, HS384 or HS512 only\n" },
	{ "{directory: zerossl, proxy: 'proxy:3128'}",
	    F "3:31: \"proxy\" has to be a URL that starts with http://, https:// or "
	      "socks5h://\n" },
	{ "{directory: zerossl, proxy: 'http://u:p@'}",
	    F "3:31: \"proxy\" needs a host, and a port\n" },
	{ "{directory: zerossl, timeout: 1h}",
	    F "3:33: \"timeout\" has to be from 1 s to 10 min\n" },
	{ "{directory: zerossl, url: nowhere}",
	    F "3:29: \"url\": \"nowhere\" is not good: it does not start with "
	      "https://\n" },
};

static void
test_accounts_are_checked(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < COUNT(account_cases); i++)
		account_is_told(account_cases[i].text, account_cases[i].told);
	fixture_write("acmed.yaml", "accounts: {../x: {directory: goog}}\n");
	assert_told(
	    F "1:12: \"../x\" cannot be the name of an account: it starts with \".\" or "
	      "\"-\"\n");
	fixture_write("acmed.yaml", "accounts: [a]\n");
	assert_told(F "1:11: \"accounts\" has to be a map from names to accounts\n");
}

static void
test_eab_excludes_gssapi(void **state)
{
	(void)state;
	fixture_write("keytab", "x");
	account_is_told(
	    "{directory: zerossl, gssapi-keytab: keytab, eab: {kid: x, key: Zm9v}}",
	    F "3:24: warning: gssapi-keytab has no effect in this version\n" F
	      "3:24: \"gssapi-keytab\" and \"eab\" exclude each other\n");
}

static const struct told cert_cases[] = {
	{ "", C "1:1: \"names\" is missing\n" },
	{ "text\n", C "1:1: this has to be a map of keys and values\n" },
	{ "- text\n", C "1:3: this has to be a map of keys and values\n" },
	{ "nmaes: [a.example]\n",
	    C "1:1: unknown key \"nmaes\"; did you mean \"names\"?\n" C
	      "1:1: \"names\" is missing\n" },
	{ "names: []\n", C "1:8: \"names\" must not be empty\n" },
	{ "names: [a.example, A.example.]\n",
	    C "1:20: \"a.example\" is among the names twice\n" },
	{ "names: a.example\naccount: mian\n",
	    C "2:10: no account \"mian\"; did you mean \"main\"?\n" },
	{ "names: a.example\naccount: [main, main]\n",
	    C "2:10: \"account\" has \"main\" twice\n" },
	{ "names: a.example\naccount: []\n", C "2:10: \"account\" must not be empty\n" },
	{ "names: [a.example, '*.example.com']\n",
	    C "1:20: challenge http-01 cannot prove \"*.example.com\"; use "
	      "dns-01\n" },
	{ "names: '*.example.com'\nchallenge: tls-alpn-01\n",
	    C "1:8: challenge tls-alpn-01 cannot prove \"*.example.com\"; use "
	      "dns-01\n" },
	{ "names: 192.0.2.7\nchallenge: dns-01\n",
	    C "1:8: challenge dns-01 cannot prove \"192.0.2.7\"; use http-01\n" C
	      "2:12: warning: challenge dns-01 is not available in this version; c "
	      "cannot be issued\n" },
	{ "names: a.example\nchallenge: http01\n",
	    C "2:12: unknown challenge \"http01\"; did you mean \"http-01\"?\n" },
	{ "names: a.example\nchallenge: {b.example: http-01}\n",
	    C "1:8: no pattern of \"challenge\" is for \"a.example\"; add one, or "
	      "\"*\"\n" },
	{ "names: a.example\nchallenge: {'a/b': http-01}\n",
	    C "2:13: \"a/b\" is no pattern of names\n" },
	{ "names: a.example\nname: ../x\n",
	    C "2:7: \"../x\" cannot be a name of a file: it starts with \".\" or "
	      "\"-\"\n" },
	{ "names: a.example\nname: '*.example'\n",
	    C "2:7: \"*.example\" cannot be a name of a file: only letters, digits, "
	      "\".\", \"_\" and \"-\" may be in it\n" },
	{ "- names: '2001:db8::7'\n",
	    C "1:3: \"2001:db8::7\" cannot name the certificate: only letters, "
	      "digits, "
	      "\".\", \"_\" and \"-\" may be in it; set \"name\"\n" },
	{ "- names: a.example\n- names: [b.example]\n  name: a.example\n",
	    C "3:9: certificate \"a.example\" is defined already, in certs.d/c.yaml "
	      "line 1\n" },
	{ "names: a.example\nkey-type: ml-dsa-44\n",
	    C "2:11: key type ml-dsa-44 comes with OpenSSL 3.5, and is not available "
	      "in this version\n" },
	{ "names: a.example\nkeep-versions: 0\n",
	    C "2:16: \"keep-versions\" has to be from 1 to 1000\n" },
	{ "names: a.example\nrenew: {before: 100%}\n",
	    C "2:17: \"before\" has to be from 1% to 99%\n" },
	{ "names: a.example\nrenew: {before: soon}\n",
	    C "2:17: \"before\" is \"soon\", which is no duration such as 90s, "
	      "15m, 12h "
	      "or 30d, nor a share such as 33%\n" },
	{ "names: a.example\nnot-after: 33%\n",
	    C "2:12: \"not-after\" is \"33%\", which is no duration such as 90s, "
	      "15m, "
	      "12h or 30d\n" },
	{ "names: a.example\nhttp-01: {mode: nginx}\n",
	    C "2:11: warning: http-01.mode has no effect in this version\n" C
	      "2:17: \"mode\" is \"nginx\", but can be listen, external, webroot or "
	      "hook only\n" },
};

static void
test_certificates_are_checked(void **state)
{
	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	for (size_t i = 0; i < COUNT(cert_cases); i++) {
		fixture_write("certs.d/c.yaml", cert_cases[i].text);
		assert_told(cert_cases[i].told);
	}
}

/* What this version only looks at is wrong all the same where it is wrong. */
static void
test_keys_without_effect_are_checked(void **state)
{
	static const struct told cases[] = {
		{ "dns-01: {hook: {command: [nsupdate]}}",
		    "26: \"command\" has to start with the absolute path of a program, not "
		    "with "
		    "\"nsupdate\"\n" },
		{ "dns-01: {hook: {protocol: acmed}}",
		    "10: \"dns-01.hook.command\" is missing\n" },
		{ "dns-01: {propagation: {wait: long}}",
		    "30: \"wait\" is \"long\", which is no duration such as 90s, 15m, 12h "
		    "or "
		    "30d, nor one of authoritative, resolver, none\n" },
		{ "dns-persist-01: {persist-until: never}",
		    "33: \"persist-until\" is \"never\", which is no time such as "
		    "2027-01-01T00:00:00Z\n" },
		{ "csr: none.csr", "6: \"csr\": cannot read certs.d/none.csr: No such file "
				   "or directory\n" },
		{ "tkauth: {url: 'https://ta.example', jwtcc: 'a+b'}",
		    "44: \"jwtcc\" has to be base64url: letters, digits, \"-\" and "
		    "\"_\"\n" },
	};

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *text = xasprintf("names: a.example\n%s\n", cases[i].text);
		CLEAN(string) char *told = NULL;
		CLEAN(config) struct config *c = NULL;
		const char *error;

		fixture_write("certs.d/c.yaml", text);
		c = fixture_load(&told);
		assert_null(c);
		error = strstr(told, "version\n"); /* the warning, first or last */
		error = error != NULL && error[8] != '\0' ? error + 8 : told;
		assert_memory_equal(error, C "2:", strlen(C "2:"));
		assert_memory_equal(error + strlen(C "2:"), cases[i].told,
		    strlen(cases[i].told));
	}
}

static void
test_everything_is_told_at_once_and_in_order(void **state)
{
	(void)state;
	fixture_write("acmed.yaml", "include: more/*.yaml\n"
				    "accounts: {main: {directory: letsencript}}\n"
				    "log: {level: 7}\n"
				    "defaults: {keep-versions: x}\n"
				    "colour: red\n");
	CLEAN(string) char *more = fixture_path("more");
	assert_int_equal(mkdir(more, 0755), 0);
	fixture_write("more/a.yaml", "accounts:\n main: {directory: goog}\n"
				     " other: {}\nlog: {level: info}\n");
	fixture_write("more/b.yaml", "a: [\n");
	fixture_write("certs.d/a.yaml", "names: [a.example]\naccount: other\n");
	fixture_write("certs.d/b.yaml", "names: [b.example]\nkeep: 1\nname: a\n");
	fixture_write("certs.d/c.yml", "ignored: true\n");
	fixture_write("certs.d/.d.yaml", "ignored: true\n");
	assert_told(
	    F "2:30: unknown directory \"letsencript\"; did you mean \"letsencrypt\"?\n" F
	      "3:14: \"level\" is \"7\", but can be error, warn, info, debug or trace "
	      "only\n" F "4:27: \"keep-versions\" has to be a number\n" F
	      "5:1: unknown key \"colour\"\n"
	      "more/a.yaml:2:2: account \"main\" is defined already, in acmed.yaml line "
	      "2\n"
	      "more/a.yaml:3:2: \"directory\" is missing\n"
	      "more/a.yaml:4:7: \"log.level\" is set already, in acmed.yaml line 3\n"
	      "more/b.yaml:2:1: a value is missing\n"
	      "certs.d/b.yaml:2:1: unknown key \"keep\"\n"
	      "certs.d/b.yaml:3:7: certificate \"a\" is defined already, in "
	      "certs.d/a.yaml line 1\n");
}

static void
test_a_certificate_needs_an_account(void **state)
{
	(void)state;
	fixture_write("acmed.yaml", "log: {level: info}\n");
	fixture_write("certs.d/a.yaml", "names: [a.example]\n");
	fixture_write("certs.d/b.yaml", "names: [b.example]\n");
	assert_told(
	    "certs.d/a.yaml:1:1: no account to get a certificate with; add one under "
	    "\"accounts\" in acmed.yaml\n");
}

static void
test_more_than_a_hundred_names_are_refused(void **state)
{
	struct text t = { 0 };
	CLEAN(string) char *text = NULL;
	CLEAN(config) struct config *c = NULL;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	text_add(&t, "names:\n");
	for (int i = 0; i < 100; i++)
		text_add(&t, "- n%d.example\n", i);
	fixture_write("certs.d/c.yaml", t.s);
	c = fixture_load(NULL);
	assert_non_null(c);
	text_add(&t, "- one.too.many.example\n");
	text = text_take(&t);
	fixture_write("certs.d/c.yaml", text);
	assert_told(C "2:1: 101 names in one certificate; CAs take no more than 100\n");
}

static void
test_includes_stand_in_the_main_file_only(void **state)
{
	(void)state;
	fixture_write("acmed.yaml", "include: [x.yaml, x.yaml]\n");
	fixture_write("x.yaml", "include: y.yaml\n");
	assert_told(F "1:19: \"include\": x.yaml is included already\n"
		      "x.yaml:1:1: \"include\" cannot stand in a file that is included "
		      "itself\n");
}

static void
test_files_that_others_may_write_are_refused(void **state)
{
	(void)state;
	fixture_write_mode("acmed.yaml", ACCOUNT, 0664);
	fixture_write_mode("certs.d/c.yaml", "names: [a.example]\nx: y\n", 0666);
	assert_told(
	    F "1:1: others than its owner may write this file; run: chmod go-w "
	      "acmed.yaml\n" C "1:1: others than its owner may write this file; run: "
	      "chmod go-w certs.d/c.yaml\n" C "2:1: unknown key \"x\"\n");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_main_file_is_checked),
		TEST(test_accounts_are_checked),
		TEST(test_eab_excludes_gssapi),
		TEST(test_certificates_are_checked),
		TEST(test_keys_without_effect_are_checked),
		TEST(test_everything_is_told_at_once_and_in_order),
		TEST(test_a_certificate_needs_an_account),
		TEST(test_more_than_a_hundred_names_are_refused),
		TEST(test_includes_stand_in_the_main_file_only),
		TEST(test_files_that_others_may_write_are_refused),
	};

	return cmocka_run_group_tests_name("config errors", tests, NULL, NULL);
}
