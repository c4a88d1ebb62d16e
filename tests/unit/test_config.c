/* SPDX-License-Identifier: ISC */
/* What a configuration says once it is loaded. */
#include "tests/unit/unit.h"

#include <string.h>
#include <sys/stat.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/config_fixture.h"

#define ACCOUNT "accounts: {main: {directory: letsencrypt, agree-tos: true}}\n"

static void
test_an_empty_file_is_all_defaults(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *certs = fixture_path("certs.d");

	(void)state;
	fixture_write("acmed.yaml", "# nothing yet\n");
	c = fixture_load(NULL);
	assert_string_equal(c->state_dir, LOCALSTATEDIR "/lib/acmed");
	assert_string_equal(c->cert_dir, certs);
	assert_string_equal(c->control_socket, RUNSTATEDIR "/acmed/acmed.sock");
	assert_null(c->control_group);
	assert_null(c->control_read_group);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_string_equal(c->log_target, "auto");
	assert_int_equal(strv_length((const char *const *)c->http01_listen), 2);
	assert_string_equal(c->http01_listen[0], "0.0.0.0:80");
	assert_string_equal(c->http01_listen[1], "[::]:80");
	assert_false(c->http01_live_only);
	assert_null(c->tls_alpn01_listen);
	assert_null(c->metrics_listen);
	assert_int_equal(c->concurrent_orders, 32);
	assert_int_equal(c->concurrent_orders_per_account, 8);
	assert_int_equal(c->failed_validations_per_name, 4);
	assert_int_equal(c->ari_poll_min, 60);
	assert_int_equal(c->ari_poll_max, 86400);
	assert_int_equal(c->n_accounts, 0);
	assert_int_equal(c->n_certs, 0);
}

static void
test_a_certificate_has_the_defaults_it_does_not_set(void **state)
{
	CLEAN(config) struct config *c = NULL;
	const struct cert_options *o;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT "defaults:\n"
					    "  key-type: rsa:3072\n"
					    "  keep-versions: 3\n"
					    "  renew: {before: 10d}\n");
	fixture_write("certs.d/a.example.yaml",
	    "names: [B\xC3\xBC"
	    "cher.Example., 192.0.2.7]\nkeep-versions: 9\n"
	    "renew: {ari: no}\nprofile: shortlived\nnot-after: 12h\nmust-staple: on\n");
	c = fixture_load(NULL);
	assert_int_equal(c->n_certs, 1);
	assert_string_equal(c->certs[0]->name, "a.example");
	assert_string_equal(c->certs[0]->names[0], "xn--bcher-kva.example");
	assert_string_equal(c->certs[0]->names[1], "192.0.2.7");
	assert_null(c->certs[0]->names[2]);
	assert_int_equal(c->certs[0]->line, 1);
	o = c->certs[0]->options;
	assert_string_equal(o->accounts[0], "main");
	assert_null(o->accounts[1]);
	assert_int_equal(o->key_type, KEY_RSA_3072);
	assert_int_equal(o->keep_versions, 9);
	assert_false(o->renew_ari);
	assert_int_equal(o->renew_before.seconds, 10 * 86400);
	assert_int_equal(o->renew_before.percent, 0);
	assert_string_equal(o->profile, "shortlived");
	assert_int_equal(o->not_after.seconds, 12 * 3600);
	assert_true(o->must_staple);
	assert_false(o->reuse_key);
	assert_false(o->bootstrap_self_signed);
	assert_int_equal(config_challenge(c->certs[0], "192.0.2.7"), CHALLENGE_HTTP_01);
}

static void
test_names_come_from_files_and_from_lists(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *told = NULL;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	fixture_write("certs.d/single.yaml", "names: z.example\n");
	fixture_write("certs.d/many.yaml", "- names: ['*.wild.example', wild.example]\n"
					   "  challenge: dns-01\n"
					   "- {names: [x.example], name: called}\n");
	c = fixture_load(&told);
	assert_string_equal(told,
	    "certs.d/many.yaml:2:14: warning: challenge dns-01 is not available in this "
	    "version; wild.example cannot be issued\n");
	assert_int_equal(c->n_certs, 3);
	assert_string_equal(c->certs[0]->name, "called");
	assert_string_equal(c->certs[1]->name, "single");
	assert_string_equal(c->certs[2]->name, "wild.example");
	assert_true(str_ends(c->certs[2]->file, "/certs.d/many.yaml"));
	assert_int_equal(c->certs[0]->line, 3);
	assert_ptr_equal(config_cert(c, "single"), c->certs[1]);
	assert_null(config_cert(c, "none"));
	assert_null(config_account(c, "none"));
	assert_string_equal(config_account(c, "main")->directory,
	    "https://acme-v02.api.letsencrypt.org/directory");
}

static void
test_the_first_pattern_that_matches_wins(void **state)
{
	static const struct {
		const char *name;
		enum challenge_type type;
	} cases[] = {
		{ "*.a.example", CHALLENGE_DNS_01 },
		{ "x.a.example", CHALLENGE_DNS_01 },
		{ "x.y.a.example", CHALLENGE_DNS_01 },
		{ "a.example", CHALLENGE_HTTP_01 },
		{ "xa.example", CHALLENGE_HTTP_01 },
		{ "xn--bcher-kva.example", CHALLENGE_AUTO },
		{ "192.0.2.1", CHALLENGE_TLS_ALPN_01 },
	};
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *told = NULL;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	fixture_write("certs.d/c.yaml", "names: [a.example]\n"
					"challenge:\n"
					"  '*.A.example': dns-01\n"
					"  B\xC3\xBC"
					"cher.example: auto\n"
					"  '192.*': tls-alpn-01\n"
					"  '*': http-01\n"
					"  a.example: dns-01\n");
	c = fixture_load(&told);
	assert_string_equal(told, "");
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(config_challenge(c->certs[0], cases[i].name),
		    cases[i].type);
}

static void
test_it_is_known_which_challenges_are_in_use(void **state)
{
	CLEAN(config) struct config *c = NULL;

	(void)state;
	fixture_write("acmed.yaml",
	    ACCOUNT "tls-alpn-01: {listen: ['0.0.0.0:443', '[::]:8443']}\n");
	fixture_write("certs.d/a.yaml", "names: a.example\n");
	c = fixture_load(NULL);
	assert_string_equal(c->tls_alpn01_listen[1], "[::]:8443");
	assert_true(config_uses(c, CHALLENGE_HTTP_01));
	assert_false(config_uses(c, CHALLENGE_TLS_ALPN_01));
	config_free(c);

	fixture_write("certs.d/b.yaml",
	    "names: [b.example, c.example]\n"
	    "challenge: {b.example: auto, c.example: tls-alpn-01}\n");
	fixture_write("acmed.yaml", ACCOUNT "tls-alpn-01: {listen: []}\n");
	c = fixture_load(NULL);
	assert_true(config_uses(c, CHALLENGE_TLS_ALPN_01));
	assert_non_null(c->tls_alpn01_listen); /* what is passed, and nothing else */
	assert_null(c->tls_alpn01_listen[0]);
}

static void
test_what_has_no_effect_is_told_once(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *told = NULL;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT "metrics: {listen: /run/x}\n");
	fixture_write("certs.d/a.yaml", "names: a.example\nrehearse: 7d\n"
					"http-01: {mode: listen}\nbootstrap: none\n"
					"on-name-failure: fail\n");
	fixture_write("certs.d/b.yaml",
	    "names: b.example\nrehearse: 7d\n"
	    "http-01: {mode: webroot}\nbootstrap: self-signed\n"
	    "on-name-failure: drop\nrollback-on-failure: true\n"
	    "deploy-window: 02:00-05:00\nverify: [{connect: 'b.example:443'}]\n");
	fixture_write("certs.d/c.yaml", "names: '*.c.example'\nchallenge: auto\n");
	c = fixture_load(&told);
	assert_string_equal(told,
	    "acmed.yaml:2:1: warning: metrics has no effect in this version\n"
	    "certs.d/a.yaml:2:1: warning: rehearse has no effect in this version\n"
	    "certs.d/b.yaml:3:11: warning: http-01.mode has no effect in this version\n"
	    "certs.d/b.yaml:4:1: warning: bootstrap has no effect in this version\n"
	    "certs.d/b.yaml:5:1: warning: on-name-failure has no effect in this version\n"
	    "certs.d/c.yaml:2:12: warning: challenge auto has nothing for a wildcard in "
	    "this "
	    "version; c cannot be issued\n");
	assert_string_equal(c->metrics_listen, "/run/x");
	assert_true(c->certs[1]->options->bootstrap_self_signed);
}

static void
test_a_missing_default_directory_is_a_warning(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *told = NULL;

	(void)state;
	fixture_remove("certs.d");
	fixture_write("acmed.yaml", ACCOUNT);
	c = fixture_load(&told);
	assert_string_equal(told, "acmed.yaml:1:1: warning: no certificates: cannot read "
				  "certs.d: No such file or directory\n");
	assert_non_null(c);
}

static void
test_includes_are_relative_and_add_to_each_other(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *more = fixture_path("more"), *key = fixture_path("more/a.pem");
	CLEAN(string) char *told = NULL;

	(void)state;
	assert_int_equal(mkdir(more, 0755), 0);
	fixture_write("acmed.yaml",
	    "include: [more/*.yaml, none/*.yaml]\n"
	    "accounts: {z: {directory: goog}}\n"
	    "control: {socket: run/s}\ndefaults: {renew: {ari: no}}\n");
	fixture_write("more/1.yaml", "accounts: {a: {directory: actalis, key: a.pem}}\n"
				     "log: {level: debug}\n");
	fixture_write("more/2.yaml",
	    "accounts: {b: {directory: 'http://[::1]:14000/dir'}}\n"
	    "log: {target: stderr}\ndefaults: {renew: {before: 1d}, "
	    "account: [b, z]}\n");
	fixture_write("more/a.pem", "key");
	fixture_write("certs.d/c.yaml", "names: c.example\n");
	c = fixture_load(&told);
	assert_string_equal(told, "");
	assert_int_equal(c->n_accounts, 3);
	assert_string_equal(c->accounts[0]->name, "z");
	assert_string_equal(c->accounts[1]->name, "a");
	assert_string_equal(c->accounts[1]->key, key);
	assert_int_equal(c->accounts[1]->timeout_ms, 30000);
	assert_string_equal(c->accounts[2]->directory, "http://[::1]:14000/dir");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(c->log_target, "stderr");
	assert_true(str_ends(c->control_socket, "/run/s"));
	assert_string_equal(c->certs[0]->options->accounts[0], "b");
	assert_string_equal(c->certs[0]->options->accounts[1], "z");
	assert_false(c->certs[0]->options->renew_ari);
	assert_int_equal(c->certs[0]->options->renew_before.seconds, 86400);
}

static void
test_credentials_are_read_and_never_shown(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(string) char *text = NULL;

	(void)state;
	setenv("CREDENTIALS_DIRECTORY", fixture_directory, 1);
	fixture_write("hmac", "c2VjcmV0LXNlY3JldA\n");
	fixture_write("acmed.yaml", "accounts:\n"
				    "  main:\n"
				    "    directory: zerossl\n"
				    "    key: credential:hmac\n"
				    "    proxy: http://user:hidden@proxy:3128\n"
				    "    eab: {kid: someone, key: 'credential:hmac'}\n");
	c = fixture_load(NULL);
	assert_string_equal(c->accounts[0]->eab_key, "c2VjcmV0LXNlY3JldA");
	assert_string_equal(c->accounts[0]->eab_alg, "HS256");
	doc = config_to_json(c, NULL);
	text = json_print(doc);
	assert_non_null(strstr(text, "\"eab\":{\"kid\":\"someone\",\"alg\":\"HS256\"}"));
	assert_non_null(strstr(text, "\"proxy\":\"http://***@proxy:3128\""));
	assert_null(strstr(text, "c2VjcmV0"));
	assert_null(strstr(text, "hidden"));
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void
test_a_secret_that_everybody_may_read_is_warned_of(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *told = NULL;

	(void)state;
	fixture_write_mode("acmed.yaml",
	    "accounts: {a: {directory: zerossl, eab: {kid: x, key: Zm9v}}}\n", 0644);
	c = fixture_load(&told);
	assert_string_equal(told, "acmed.yaml:1:55: warning: everybody may read this file, "
				  "and \"key\" is a secret; "
				  "run: chmod o-r acmed.yaml, or write credential:NAME\n");
	assert_string_equal(c->accounts[0]->eab_key, "Zm9v");
}

static void
test_a_certificate_is_printed_as_it_is_written(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(string) char *text = NULL, *told = NULL;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	fixture_write("certs.d/c.yaml", "names: [c.example]\nnot-after: 36h\n"
					"challenge: {'x*': dns-01, '*': http-01}\n");
	c = fixture_load(&told);
	doc = config_to_json(c, config_cert(c, "c"));
	text = json_print(doc);
	assert_string_equal(text,
	    "{\"name\":\"c\",\"names\":[\"c.example\"],\"account\":[\"main\"],"
	    "\"challenge\":{\"x*\":\"dns-01\",\"*\":\"http-01\"},\"key-type\":\"ec:P-256\","
	    "\"reuse-key\":false,\"not-after\":\"36h\",\"must-staple\":false,"
	    "\"renew\":{\"ari\":true,\"before\":\"33%\"},\"bootstrap\":\"none\","
	    "\"keep-versions\":5,\"rollback-on-failure\":false}");
}

static void
test_a_reload_knows_what_is_new_changed_and_gone(void **state)
{
	CLEAN(config) struct config *old = NULL, *next = NULL;
	struct config_diff diff = { 0 };

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	fixture_write("certs.d/a.yaml", "names: [a.example]\n");
	fixture_write("certs.d/b.yaml", "names: [b.example]\n");
	fixture_write("certs.d/c.yaml", "names: [c.example, d.example]\n");
	fixture_write("certs.d/z.yaml", "names: [z.example]\n");
	old = fixture_load(NULL);
	config_compare(NULL, old, &diff);
	assert_int_equal(strv_length((const char *const *)diff.added), 4);
	assert_null(diff.changed);
	assert_null(diff.removed);
	config_diff_clear(&diff);

	fixture_remove("certs.d/a.yaml");
	fixture_remove("certs.d/z.yaml");
	fixture_write("certs.d/b.yaml",
	    "# as before\nkeep-versions: 5\nnames: b.example\n");
	fixture_write("certs.d/c.yaml", "names: [d.example, c.example]\n");
	fixture_write("certs.d/d.yaml", "names: [d.example]\n");
	next = fixture_load(NULL);
	config_compare(old, next, &diff);
	assert_string_equal(diff.added[0], "d");
	assert_null(diff.added[1]);
	assert_string_equal(diff.changed[0], "c");
	assert_null(diff.changed[1]);
	assert_string_equal(diff.removed[0], "a");
	assert_string_equal(diff.removed[1], "z");
	assert_null(diff.removed[2]);
	config_diff_clear(&diff);
	config_compare(next, next, &diff);
	assert_null(diff.added);
	assert_null(diff.changed);
	assert_null(diff.removed);
}

/* Every option makes another certificate of it, and only of the one that sets it. */
static void
test_each_setting_counts_as_a_change(void **state)
{
	/* clang-format off */
	static const char *const settings[] = { "key-type: rsa:2048", "reuse-key: true",
		"profile: x", "preferred-chain: x", "not-after: 1d", "must-staple: true",
		"renew: {ari: false}", "renew: {before: 1d}", "renew: {before: 1%}",
		"keep-versions: 6", "bootstrap: self-signed", "account: [other]",
		"challenge: auto", "challenge: {a.example: http-01}",
		"outputs: [{path: /x, format: der}]", "outputs: [{path: /y, format: der}]",
		"outputs: [{path: /x, format: key}]",
		"outputs: [{path: /x, format: der}, {path: /y, format: der}]",
		"outputs: [{path: /x, format: der, owner: a}]",
		"outputs: [{path: /x, format: der, group: a}]",
		"outputs: [{path: /x, format: der, mode: '0640'}]",
		"outputs: [{path: /x, format: pkcs12, password: a}]",
		"outputs: [{path: /x, format: pkcs12, password: b}]",
		"deploy: [{reload: a.service}]", "deploy: [{restart: a.service}]",
		"deploy: [{start: a.service}]", "deploy: [{queue: a.service}]",
		"deploy: [{run: /bin/sh}]", "deploy: [{run: [/bin/sh, x]}]",
		"deploy: [{queue: a}, {queue: b}]", "deploy: [{queue: b}, {queue: a}]",
		"deploy-window: 02:00-05:00", "verify: [{connect: 'a:1'}]",
		"verify: [{connect: 'a:1', starttls: smtp}]",
		"verify: [{connect: 'a:1', sni: smtp}]", "rollback-on-failure: true",
		"notify: [{run: /bin/sh}]", "notify: [{run: /bin/sh}, {run: /bin/sh}]" };
	/* clang-format on */
	CLEAN(config) struct config *plain = NULL;
	CLEAN(strv) char **hashes = NULL;

	(void)state;
	fixture_write("acmed.yaml",
	    "accounts: {main: {directory: goog}, other: {directory: goog}}\n");
	fixture_write("certs.d/a.yaml", "names: a.example\n");
	plain = fixture_load(NULL);
	strv_add(&hashes, plain->certs[0]->hash);
	for (size_t i = 0; i < COUNT(settings); i++) {
		CLEAN(string) char *text = xasprintf("names: a.example\n%s\n", settings[i]);
		CLEAN(string) char *told = NULL;
		CLEAN(config) struct config *c = NULL;

		fixture_write("certs.d/a.yaml", text);
		c = fixture_load(&told);
		assert_non_null(c);
		assert_false(strv_contains((const char *const *)hashes, c->certs[0]->hash));
		strv_add(&hashes, c->certs[0]->hash);
	}
}

static void
test_equal_options_are_shared(void **state)
{
	CLEAN(config) struct config *c = NULL;
	struct config *same;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	fixture_write("certs.d/c.yaml", "- {names: a.example}\n- {names: b.example}\n"
					"- {names: c.example, keep-versions: 5}\n"
					"- {names: d.example, keep-versions: 6}\n");
	c = fixture_load(NULL);
	assert_ptr_equal(c->certs[0]->options, c->certs[1]->options);
	assert_ptr_equal(c->certs[0]->options, c->certs[2]->options);
	assert_ptr_not_equal(c->certs[0]->options, c->certs[3]->options);
	assert_string_not_equal(c->certs[0]->hash, c->certs[1]->hash);
	same = config_ref(c);
	config_free(same);
	assert_string_equal(c->certs[0]->name, "a.example");
}

static void
test_the_examples_load(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *told = NULL;

	(void)state;
	setenv("CREDENTIALS_DIRECTORY", fixture_directory, 1);
	fixture_write("zerossl", "Zm9v\n");
	fixture_copy("acmed.yaml", "conf/acmed.yaml");
	fixture_copy("certs.d/example.com.yaml", "conf/certs.d/example.com.yaml");
	fixture_copy("certs.d/several.yaml", "conf/examples/several-names.yaml");
	fixture_copy("certs.d/address.yaml", "conf/examples/ip-address.yaml");
	fixture_copy("certs.d/deploy.yaml", "conf/examples/deploy.yaml");
	fixture_copy("certs.d/tls-alpn.yaml", "conf/examples/tls-alpn.yaml");
	c = fixture_load(NULL);
	assert_non_null(c);
	assert_int_equal(c->n_certs, 6);
	assert_int_equal(config_cert(c, "site")->options->n_deploy, 3);
	assert_int_equal(config_challenge(config_cert(c, "by-tls"), "shop.example.net"),
	    CHALLENGE_TLS_ALPN_01);
	config_free(c);

	fixture_copy("certs.d/wildcard.yaml", "conf/examples/wildcard.yaml");
	fixture_copy("acmed.yaml", "conf/examples/eab-account.yaml");
	c = fixture_load(&told);
	assert_non_null(c);
	assert_string_equal(told, "certs.d/wildcard.yaml:4:12: warning: challenge dns-01 "
				  "is not available in this "
				  "version; wildcard cannot be issued\n"
				  "certs.d/wildcard.yaml:6:3: warning: dns-01.hook has no "
				  "effect in this version\n");
	unsetenv("CREDENTIALS_DIRECTORY");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_an_empty_file_is_all_defaults),
		TEST(test_a_certificate_has_the_defaults_it_does_not_set),
		TEST(test_names_come_from_files_and_from_lists),
		TEST(test_the_first_pattern_that_matches_wins),
		TEST(test_it_is_known_which_challenges_are_in_use),
		TEST(test_what_has_no_effect_is_told_once),
		TEST(test_a_missing_default_directory_is_a_warning),
		TEST(test_includes_are_relative_and_add_to_each_other),
		TEST(test_credentials_are_read_and_never_shown),
		TEST(test_a_secret_that_everybody_may_read_is_warned_of),
		TEST(test_a_certificate_is_printed_as_it_is_written),
		TEST(test_a_reload_knows_what_is_new_changed_and_gone),
		TEST(test_each_setting_counts_as_a_change),
		TEST(test_equal_options_are_shared),
		TEST(test_the_examples_load),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
