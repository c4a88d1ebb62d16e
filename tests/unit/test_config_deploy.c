/* SPDX-License-Identifier: ISC */
/* What becomes of a new version: outputs, deploy, verify, notify. */
#include "tests/unit/unit.h"

#include <string.h>
#include <sys/stat.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/config_fixture.h"

#define ACCOUNT "accounts: {main: {directory: letsencrypt, agree-tos: true}}\n"
#define C       "certs.d/c.yaml:"

static void
test_all_of_it_is_kept(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(string) char *relative = fixture_path("certs.d/../site.p12");
	const struct cert_options *o;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	fixture_write("certs.d/c.yaml",
	    "names: a.example\n"
	    "outputs:\n"
	    "- {path: /etc/x.pem, format: combined, owner: root, group: '33', mode: 0640}\n"
	    "- {path: ../site.p12, format: pkcs12, password: secret}\n"
	    "deploy: [{reload: a.service}, {restart: b.service}, {start: c.timer},\n"
	    "  {queue: postfix}, {run: [/bin/sh, -c, 'exit 0']}]\n"
	    "deploy-window: Mon-Fri 02:00-05:00\n"
	    "verify: [{connect: 'a.example:443'},\n"
	    "  {connect: '[::1]:25', starttls: smtp, sni: mail.example}]\n"
	    "rollback-on-failure: true\n"
	    "notify: [{run: /bin/sh}]\n");
	c = fixture_load(NULL);
	o = c->certs[0]->options;
	assert_int_equal(o->n_outputs, 2);
	assert_string_equal(o->outputs[0].path, "/etc/x.pem");
	assert_int_equal(output_format_find(o->outputs[0].format), OUTPUT_COMBINED);
	assert_string_equal(o->outputs[0].owner, "root");
	assert_string_equal(o->outputs[0].group, "33");
	assert_string_equal(o->outputs[0].mode, "0640");
	assert_null(o->outputs[0].password);
	assert_string_equal(o->outputs[1].path, relative);
	assert_string_equal(o->outputs[1].password, "secret");
	assert_null(o->outputs[1].owner);
	assert_int_equal(o->n_deploy, 5);
	assert_string_equal(o->deploy[0].reload, "a.service");
	assert_null(o->deploy[0].run);
	assert_string_equal(o->deploy[1].restart, "b.service");
	assert_string_equal(o->deploy[2].start, "c.timer");
	assert_string_equal(o->deploy[3].queue, "postfix");
	assert_string_equal(o->deploy[4].run[0], "/bin/sh");
	assert_string_equal(o->deploy[4].run[2], "exit 0");
	assert_null(o->deploy[4].run[3]);
	assert_string_equal(o->deploy_window, "Mon-Fri 02:00-05:00");
	assert_int_equal(o->n_verify, 2);
	assert_string_equal(o->verify[0].connect, "a.example:443");
	assert_null(o->verify[0].starttls);
	assert_null(o->verify[0].sni);
	assert_string_equal(o->verify[1].starttls, "smtp");
	assert_string_equal(o->verify[1].sni, "mail.example");
	assert_true(o->rollback_on_failure);
	assert_int_equal(o->n_notify, 1);
	assert_string_equal(o->notify[0].run[0], "/bin/sh");
}

static void
test_nothing_of_it_is_the_default(void **state)
{
	CLEAN(config) struct config *c = NULL;
	const struct cert_options *o;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	fixture_write("certs.d/c.yaml", "names: a.example\n");
	c = fixture_load(NULL);
	o = c->certs[0]->options;
	assert_int_equal(o->n_outputs + o->n_deploy + o->n_verify + o->n_notify, 0);
	assert_null(o->deploy_window);
	assert_false(o->rollback_on_failure);
}

/* A list is taken over whole, or replaced whole. */
static void
test_a_certificate_has_the_lists_it_does_not_set(void **state)
{
	CLEAN(config) struct config *c = NULL;
	const struct cert_options *inherits, *overrides, *empties;

	(void)state;
	fixture_write("acmed.yaml",
	    ACCOUNT "defaults:\n"
		    "  deploy: [{reload: nginx.service}, {run: [/bin/sh, x]}]\n"
		    "  notify: [{run: /bin/sh}]\n"
		    "  rollback-on-failure: true\n");
	fixture_write("certs.d/a.yaml", "names: a.example\n");
	fixture_write("certs.d/b.yaml", "names: b.example\ndeploy: [{queue: b}]\n");
	fixture_write("certs.d/c.yaml", "names: c.example\ndeploy: []\n"
					"rollback-on-failure: false\n");
	fixture_write("certs.d/d.yaml", "names: d.example\n");
	c = fixture_load(NULL);
	inherits = c->certs[0]->options;
	overrides = c->certs[1]->options;
	empties = c->certs[2]->options;
	assert_int_equal(inherits->n_deploy, 2);
	assert_string_equal(inherits->deploy[0].reload, "nginx.service");
	assert_string_equal(inherits->deploy[1].run[1], "x");
	assert_true(inherits->rollback_on_failure);
	assert_int_equal(overrides->n_deploy, 1);
	assert_string_equal(overrides->deploy[0].queue, "b");
	assert_null(overrides->deploy[0].reload);
	assert_int_equal(overrides->n_notify, 1);
	assert_int_equal(empties->n_deploy, 0);
	assert_int_equal(empties->n_notify, 1);
	assert_false(empties->rollback_on_failure);
	assert_ptr_equal(c->certs[3]->options, inherits);
}

/* The text of certs.d/c.yaml, changed for the second load. */
static void
assert_changed(const char *before, const char *after, bool wanted)
{
	CLEAN(config) struct config *old = NULL, *next = NULL;
	struct config_diff diff = { 0 };

	fixture_write("certs.d/c.yaml", before);
	old = fixture_load(NULL);
	fixture_write("certs.d/c.yaml", after);
	next = fixture_load(NULL);
	config_compare(old, next, &diff);
	assert_null(diff.added);
	assert_null(diff.removed);
	assert_int_equal(strv_length((const char *const *)diff.changed), wanted);
	config_diff_clear(&diff);
}

static void
test_another_output_is_a_change(void **state)
{
	static const char one[] =
	    "names: a.example\noutputs: [{path: /etc/x.pem, format: combined}]\n";

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	assert_changed(one, "names: a.example\n", true);
	assert_changed(one,
	    "names: a.example\noutputs: [{path: /etc/x.pem, format: fullchain}]\n", true);
	assert_changed(one,
	    "# the same\noutputs:\n- format: combined\n  path: /etc/x.pem\n"
	    "names: [a.example]\n",
	    false);
}

static void
test_it_is_printed_without_passwords(void **state)
{
	CLEAN(config) struct config *c = NULL;
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(string) char *text = NULL;

	(void)state;
	setenv("CREDENTIALS_DIRECTORY", fixture_directory, 1);
	fixture_write("p12", "hidden\n");
	fixture_write("acmed.yaml", ACCOUNT);
	fixture_write("certs.d/c.yaml",
	    "names: a.example\n"
	    "outputs: [{path: /x.p12, format: pkcs12, mode: '0600', password: "
	    "'credential:p12'}]\n"
	    "deploy: [{reload: a.service}, {run: [/bin/sh, x]}]\n"
	    "deploy-window: 02:00-05:00\n"
	    "verify: [{connect: 'a:1', sni: b}]\n");
	c = fixture_load(NULL);
	assert_string_equal(c->certs[0]->options->outputs[0].password, "hidden");
	unsetenv("CREDENTIALS_DIRECTORY");
	doc = config_to_json(c, c->certs[0]);
	text = json_print(doc);
	assert_non_null(strstr(text,
	    "\"outputs\":[{\"path\":\"/x.p12\",\"format\":\"pkcs12\",\"mode\":\"0600\"}],"
	    "\"deploy\":[{\"reload\":\"a.service\"},{\"run\":[\"/bin/sh\",\"x\"]}],"
	    "\"deploy-window\":\"02:00-05:00\","
	    "\"verify\":[{\"connect\":\"a:1\",\"sni\":\"b\"}],"
	    "\"rollback-on-failure\":false}"));
	assert_null(strstr(text, "hidden"));
}

/* ---- what is wrong ---- */

/* The first line of it is "names: a.example". */
static const struct {
	const char *text;
	const char *told;
} cases[] = {
	{ "outputs: {path: /x}",
	    C "2:10: \"outputs\" has to be a list of maps, each \"- KEY: ...\"\n" },
	{ "outputs:", C "2:9: \"outputs\" has no value; write [] for none\n" },
	{ "outputs: [x]", C "2:11: this has to be a map of keys and values\n" },
	{ "outputs: [~]", C "2:11: \"outputs.path\" is missing\n" C
			    "2:11: \"outputs.format\" is missing\n" },
	{ "outputs: [{path: /x, format: der, mode: 999}]",
	    C "2:41: \"mode\" has to be a file mode in octal digits, such as \"0640\"\n" },
	{ "outputs: [{path: /x, format: pem}]",
	    C "2:30: \"format\" is \"pem\", but can be fullchain, cert, chain, key, "
	      "combined, pkcs12 or der only\n" },
	{ "outputs: [{path: /x, format: key, password: y}]",
	    C "2:45: \"password\" is for the format pkcs12; a file in the format key has "
	      "none\n" },
	{ "outputs: [{path: /x/, format: key}]",
	    C "2:18: an output has to be a file, and /x/ is a directory\n" },
	{ "outputs: [{path: /, format: key}]",
	    C "2:18: an output has to be a file, and / is a directory\n" },
	{ "outputs: [{path: /x/., format: key}]",
	    C "2:18: an output has to be a file, and /x/. is a directory\n" },
	{ "outputs: [{path: /x/.., format: key}]",
	    C "2:18: an output has to be a file, and /x/.. is a directory\n" },
	{ "outputs: [{path: /x, format: key}, {path: /y, format: key}, {path: "
	  "/y/.././/x, format: cert}]",
	    C "2:68: \"outputs\" has /y/.././/x twice\n" },
	{ "outputs: [{path: /state/acmed/x, format: key}]",
	    C "2:18: an output cannot be in \"state-dir\", where acmed keeps its own "
	      "files: /state/acmed/x\n" },
	{ "outputs: [{path: /a/../../state//acmed/live/x/y, format: key}]",
	    C "2:18: an output cannot be in \"state-dir\", where acmed keeps its own "
	      "files: /a/../../state//acmed/live/x/y\n" },
	{ "outputs: [{path: /state/acmed, format: key}]",
	    C "2:18: an output cannot be in \"state-dir\", where acmed keeps its own "
	      "files: /state/acmed\n" },
	{ "deploy: [{reload: nginx}]",
	    C "2:19: \"nginx\" is no name of a systemd unit, such as nginx.service\n" },
	{ "deploy: [{queue: a, run: [/bin/sh]}]",
	    C "2:10: an item of \"deploy\" has to have one key\n" },
	{ "deploy: [{}]", C "2:10: an item of \"deploy\" has to have one key\n" },
	{ "deploy: [~]", C "2:10: an item of \"deploy\" has to have one key\n" },
	{ "deploy: [{queue: ../x}]",
	    C "2:18: \"../x\" cannot be a name of a file: it starts with \".\" or "
	      "\"-\"\n" },
	{ "deploy: [{run: after-renew}]",
	    C "2:16: \"run\" has to start with the absolute path of a program, not with "
	      "\"after-renew\"\n" },
	{ "deploy: [{run: [/nowhere/after-renew, x]}]",
	    C "2:16: \"run\": cannot run /nowhere/after-renew: No such file or "
	      "directory\n" },
	{ "deploy: [{run: /usr}]", C "2:16: \"run\": /usr is no program\n" },
	{ "deploy: [{run: []}]", C "2:16: \"run\" must not be empty\n" },
	{ "deploy-window: Mon-Foo 02:00-05:00",
	    C "2:16: \"deploy-window\" is \"Mon-Foo 02:00-05:00\", which is no window such "
	      "as \"Mon-Fri 02:00-05:00\"\n" },
	{ "verify: [{connect: example.com}]",
	    C "2:20: \"example.com\" is no host with a port, such as "
	      "\"example.com:443\"\n" },
	{ "verify: [{connect: 'example.com:0'}]",
	    C "2:20: \"example.com:0\" is no host with a port, such as "
	      "\"example.com:443\"\n" },
	{ "verify: [{connect: 'a:1', starttls: mysql}]",
	    C "2:37: \"starttls\" is \"mysql\", but can be smtp, lmtp, imap, pop3, ftp, "
	      "ldap, postgres, xmpp, nntp or sieve only\n" },
	{ "verify: [{sni: a}]", C "2:10: \"verify.connect\" is missing\n" },
	{ "rollback-on-failure: maybe",
	    C "2:22: \"rollback-on-failure\" has to be true or false\n" },
	{ "notify: [{}]", C "2:10: \"notify.run\" is missing\n" },
	{ "notify: [{run: /etc/passwd}]",
	    C "2:16: \"run\": cannot run /etc/passwd: Permission denied\n" },
};

static void
test_it_is_checked(void **state)
{
	(void)state;
	fixture_write("acmed.yaml", "state-dir: /state/./acmed/\n" ACCOUNT);
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *text = xasprintf("names: a.example\n%s\n", cases[i].text);

		fixture_write("certs.d/c.yaml", text);
		assert_told(cases[i].told);
	}
}

static void
test_beside_the_state_is_not_in_it(void **state)
{
	CLEAN(config) struct config *c = NULL;

	(void)state;
	fixture_write("acmed.yaml", "state-dir: /state/acmed\n" ACCOUNT);
	fixture_write("certs.d/c.yaml",
	    "names: a.example\noutputs: [{path: /state/acmed2, format: key}, {path: "
	    "/state/acmed/../x, format: key}]\n");
	c = fixture_load(NULL);
	assert_int_equal(c->certs[0]->options->n_outputs, 2);
}

static void
test_defaults_are_checked_where_they_stand(void **state)
{
	(void)state;
	fixture_write("acmed.yaml", "state-dir: /state\n" ACCOUNT "defaults:\n"
				    "  outputs: [{path: /state/x, format: key, password: "
				    "x}]\n");
	fixture_write("certs.d/c.yaml", "names: a.example\n");
	assert_told("acmed.yaml:4:20: an output cannot be in \"state-dir\", where acmed "
		    "keeps its own files: /state/x\n"
		    "acmed.yaml:4:53: \"password\" is for the format pkcs12; a file in the "
		    "format key has none\n");
}

static void
test_an_output_belongs_to_one_certificate(void **state)
{
	(void)state;
	fixture_write("acmed.yaml",
	    ACCOUNT "defaults: {outputs: [{path: /etc/x, format: key}]}\n");
	fixture_write("certs.d/a.yaml", "names: a.example\n");
	fixture_write("certs.d/b.yaml", "names: b.example\n");
	fixture_write("certs.d/c.yaml", "names: c.example\noutputs:\n"
					"- {path: /etc/z, format: key}\n"
					"- {path: /etc//x, format: der}\n");
	assert_told("certs.d/b.yaml:1:1: /etc/x is an output of certificate \"a\" already, "
		    "in certs.d/a.yaml line 1\n" C
		    "4:10: /etc//x is an output of certificate \"a\" already, in "
		    "certs.d/a.yaml line 1\n");
}

static void
test_lists_have_an_end(void **state)
{
	struct text t = { 0 };
	CLEAN(string) char *text = NULL;

	(void)state;
	fixture_write("acmed.yaml", ACCOUNT);
	text_add(&t, "names: a.example\ndeploy:\n");
	for (int i = 0; i < 101; i++)
		text_add(&t, "- {queue: q%d}\n", i);
	text = text_take(&t);
	fixture_write("certs.d/c.yaml", text);
	assert_told(C "3:1: \"deploy\" has more than 100 items\n");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_all_of_it_is_kept),
		TEST(test_nothing_of_it_is_the_default),
		TEST(test_a_certificate_has_the_lists_it_does_not_set),
		TEST(test_another_output_is_a_change),
		TEST(test_it_is_printed_without_passwords),
		TEST(test_it_is_checked),
		TEST(test_beside_the_state_is_not_in_it),
		TEST(test_defaults_are_checked_where_they_stand),
		TEST(test_an_output_belongs_to_one_certificate),
		TEST(test_lists_have_an_end),
	};

	return cmocka_run_group_tests_name("config of deploying", tests, NULL, NULL);
}
