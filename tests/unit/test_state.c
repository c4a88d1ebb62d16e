/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/renew/state.h"

static void
read_text(struct cert_state *s, const char *text)
{
	struct err err = { 0 };
	CLEAN(json) struct json_object *doc = json_parse(text, strlen(text), &err);

	assert_non_null(doc);
	state_read(s, doc);
}

static const char all_members[] =
    "{\"order\":{\"url\":\"https://ca.example/o/1\",\"account\":\"main\","
    "\"config\":\"00ff\"},"
    "\"ari\":{\"cert_id\":\"aaa.bbb\",\"start\":\"2026-05-01T00:00:00Z\","
    "\"end\":\"2026-05-03T00:00:00Z\",\"drawn\":\"2026-05-02T01:02:03Z\","
    "\"polled_at\":\"2026-04-01T00:00:00Z\",\"next_poll\":\"2026-04-01T06:00:00Z\","
    "\"errors\":3,\"error\":\"renewalInfo: \xC3\xA4\\n\",\"explanation_url\":"
    "\"https://ca.example/why\",\"unsupported\":true,"
    "\"moved_at\":\"2026-03-31T00:00:00Z\"},"
    "\"replaces_refused\":\"ccc.ddd\","
    "\"failure\":{\"count\":4,\"at\":\"2026-04-02T00:00:00Z\","
    "\"retry_at\":\"2026-04-03T00:00:00Z\",\"retry_firm\":true,"
    "\"account\":\"main\",\"rehearse\":true,\"page\":\"https://ca.example/"
    "unpause\",\"kind\":\"refused\","
    "\"problem\":\"unauthorized\",\"error\":\"validate: no\"},"
    "\"issued_at\":\"2026-03-01T00:00:00Z\",\"issued_by\":\"https://ca.example/dir\","
    "\"serial\":\"0a0b\",\"rapid\":2,"
    "\"deploy\":{\"version\":7,\"stage\":\"verified\",\"config\":\"00fe\","
    "\"event\":\"renewed\",\"urgent\":true,\"old_ends\":\"2026-05-30T00:00:00Z\","
    "\"done_at\":\"2026-05-01T00:00:00Z\",\"failures\":5,"
    "\"failed_at\":\"2026-05-02T00:00:00Z\",\"retry_at\":\"2026-05-02T00:16:00Z\","
    "\"error\":\"nginx.service: no\"},"
    "\"hold\":{\"until\":\"2026-06-01T00:00:00Z\",\"why\":\"put back\"},\"told\":5}";

static void
check_new_members(const struct cert_state *s)
{
	assert_int_equal(s->ari.moved_at, 1774915200);
	assert_true(s->retry_firm);
	assert_true(s->rehearse);
	assert_string_equal(s->failed_with, "main");
	assert_string_equal(s->page, "https://ca.example/unpause");
	assert_int_equal(s->deploy.version, 7);
	assert_int_equal(s->deploy.stage, DEPLOY_STAGE_VERIFIED);
	assert_string_equal(s->deploy.config, "00fe");
	assert_string_equal(s->deploy.event, "renewed");
	assert_true(s->deploy.urgent);
	assert_int_equal(s->deploy.old_ends, 1780099200);
	assert_int_equal(s->deploy.done_at, 1777593600);
	assert_int_equal(s->deploy.failures, 5);
	assert_int_equal(s->deploy.failed_at, 1777680000);
	assert_int_equal(s->deploy.retry_at - s->deploy.failed_at, 960);
	assert_string_equal(s->deploy.error, "nginx.service: no");
	assert_true(s->hold.on);
	assert_int_equal(s->hold.until, 1780272000);
	assert_string_equal(s->hold.why, "put back");
	assert_int_equal(s->told, 5);
}

static void
test_every_member_goes_there_and_back(void **state)
{
	struct cert_state s = { 0 };
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(string) char *text = NULL;

	(void)state;
	read_text(&s, all_members);
	assert_string_equal(s.order_url, "https://ca.example/o/1");
	assert_string_equal(s.order_account, "main");
	assert_string_equal(s.order_config, "00ff");
	assert_string_equal(s.ari.cert_id, "aaa.bbb");
	assert_int_equal(s.ari.start, 1777593600);
	assert_int_equal(s.ari.end - s.ari.start, 2 * 86400);
	assert_int_equal(s.ari.drawn - s.ari.start, 86400 + 3723);
	assert_int_equal(s.ari.polled_at, 1775001600);
	assert_int_equal(s.ari.next_poll, 1775001600 + 6 * 3600);
	assert_int_equal(s.ari.errors, 3);
	assert_string_equal(s.ari.error, "renewalInfo: \xC3\xA4\n");
	assert_string_equal(s.ari.explanation, "https://ca.example/why");
	assert_true(s.ari.unsupported);
	assert_string_equal(s.replaces_refused, "ccc.ddd");
	assert_int_equal(s.failures, 4);
	assert_int_equal(s.failed_at, 1775088000);
	assert_int_equal(s.retry_at, 1775088000 + 86400);
	assert_int_equal(s.kind, ERR_REFUSED);
	assert_string_equal(s.problem, "unauthorized");
	assert_string_equal(s.error, "validate: no");
	assert_int_equal(s.issued_at, 1772323200);
	assert_string_equal(s.issued_by, "https://ca.example/dir");
	assert_string_equal(s.serial, "0a0b");
	assert_int_equal(s.rapid, 2);
	check_new_members(&s);

	doc = state_to_json(&s);
	text = json_print(doc);
	assert_string_equal(text, all_members);
	state_clear(&s);
}

static void
test_nothing_known_is_an_empty_object(void **state)
{
	struct cert_state s = { 0 }, nothing = { 0 };
	CLEAN(json) struct json_object *doc = state_to_json(&s);
	CLEAN(string) char *text = json_print(doc);

	(void)state;
	assert_string_equal(text, "{}");
	state_read(&s, doc);
	assert_memory_equal(&s, &nothing, sizeof(s));
	state_read(&s, NULL); /* no file */
	assert_memory_equal(&s, &nothing, sizeof(s));
	state_clear(&s);
}

static void
test_every_kind_of_failure_goes_there_and_back(void **state)
{
	(void)state;
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
		struct cert_state s = { .failures = 1, .kind = (enum err_kind)kind };
		CLEAN(json) struct json_object *doc = state_to_json(&s);

		state_read(&s, doc);
		assert_int_equal(s.kind, kind);
		state_clear(&s);
	}
}

static void
test_what_is_damaged_counts_as_absent(void **state)
{
	static const char *const damaged[] = {
		"[]",
		"\"state\"",
		"{\"order\":[],\"ari\":\"x\",\"failure\":7,\"issued_at\":1772323200,"
		"\"issued_by\":{},\"serial\":12,\"rapid\":\"2\",\"replaces_refused\":true}",
		"{\"order\":{\"url\":1,\"account\":null,\"config\":{}}}",
		"{\"ari\":{\"start\":\"2026-05-01T00:00:00Z\","
		"\"end\":\"2026-05-03T00:00:00Z\",\"drawn\":\"2026-05-02T00:00:00Z\","
		"\"errors\":3,\"unsupported\":true}}", /* of no certificate */
		"{\"failure\":{\"count\":-1,\"at\":\"yesterday\",\"retry_at\":7,"
		"\"kind\":\"bored\",\"problem\":[],\"error\":false}}",
		"{\"failure\":{\"count\":1e3}}",
		"{\"failure\":{\"count\":99999999999}}",
		"{\"rapid\":-3,\"issued_at\":\"2026-02-30T00:00:00Z\","
		"\"serial\":\"a\\u0000b\"}",
		"{\"deploy\":[],\"hold\":7,\"told\":\"5\"}",
		"{\"deploy\":{\"version\":-1,\"stage\":\"bored\",\"config\":1,\"event\":[],"
		"\"urgent\":\"yes\",\"old_ends\":7,\"done_at\":\"soon\",\"failures\":-2,"
		"\"failed_at\":{},\"retry_at\":null,\"error\":false},\"told\":-1}",
		"{\"told\":99999999999}",
		"{\"failure\":{\"retry_firm\":1,\"rehearse\":\"x\",\"account\":[],"
		"\"page\":9}}",
		"{\"ari\":{\"moved_at\":\"2026-05-01T00:00:00Z\"}}",
	};
	struct cert_state nothing = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(damaged); i++) {
		struct cert_state s = { .failures = 9, .serial = xstrdup("before") };

		read_text(&s, damaged[i]);
		assert_memory_equal(&s, &nothing, sizeof(s));
		state_clear(&s);
	}
}

static void
test_a_hold_without_an_end_goes_there_and_back(void **state)
{
	struct cert_state s = { .hold = { .on = true } };
	CLEAN(json) struct json_object *doc = state_to_json(&s);
	CLEAN(string) char *text = json_print(doc);

	(void)state;
	assert_string_equal(text, "{\"hold\":{}}");
	state_read(&s, doc);
	assert_true(s.hold.on);
	assert_int_equal(s.hold.until, 0);
	assert_null(s.hold.why);
	state_clear(&s);
}

/* Whoever held it wanted it held: what cannot be read of that is an end. */
static void
test_a_damaged_hold_is_one_all_the_same(void **state)
{
	struct cert_state s = { 0 };

	(void)state;
	read_text(&s, "{\"hold\":{\"until\":\"never\",\"why\":7}}");
	assert_true(s.hold.on);
	assert_int_equal(s.hold.until, 0);
	state_clear(&s);
}

static void
test_every_stage_goes_there_and_back(void **state)
{
	(void)state;
	for (int stage = 0; stage < DEPLOY_STAGE_COUNT; stage++) {
		struct cert_state s = { .deploy = { .version = 1,
					    .stage = (enum deploy_stage)stage } };
		CLEAN(json) struct json_object *doc = state_to_json(&s);

		state_read(&s, doc);
		assert_int_equal(s.deploy.version, 1);
		assert_int_equal(s.deploy.stage, stage);
		assert_non_null(deploy_stage_name(s.deploy.stage));
		state_clear(&s);
	}
}

static void
test_a_window_that_cannot_be_is_forgotten_and_the_rest_is_not(void **state)
{
	static const char *const windows[] = {
		/* ends before it starts; is empty; drawn before, after; one is missing */
		"\"start\":\"2026-05-03T00:00:00Z\",\"end\":\"2026-05-01T00:00:00Z\","
		"\"drawn\":\"2026-05-02T00:00:00Z\"",
		"\"start\":\"2026-05-01T00:00:00Z\",\"end\":\"2026-05-01T00:00:00Z\","
		"\"drawn\":\"2026-05-01T00:00:00Z\"",
		"\"start\":\"2026-05-01T00:00:00Z\",\"end\":\"2026-05-03T00:00:00Z\","
		"\"drawn\":\"2026-04-30T23:59:59Z\"",
		"\"start\":\"2026-05-01T00:00:00Z\",\"end\":\"2026-05-03T00:00:00Z\","
		"\"drawn\":\"2026-05-03T00:00:01Z\"",
		"\"start\":\"2026-05-01T00:00:00Z\",\"end\":\"2026-05-03T00:00:00Z\"",
		"\"start\":\"2026-05-01T00:00:00Z\",\"drawn\":\"2026-05-02T00:00:00Z\"",
		"\"start\":\"soon\",\"end\":\"later\",\"drawn\":\"2026-05-02T00:00:00Z\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(windows); i++) {
		CLEAN(string)
		char *text = xasprintf("{\"ari\":{\"cert_id\":\"a.b\",%s,"
				       "\"next_poll\":\"2026-04-01T00:00:00Z\"}}",
		    windows[i]);
		struct cert_state s = { 0 };

		read_text(&s, text);
		assert_int_equal(s.ari.start, 0);
		assert_int_equal(s.ari.end, 0);
		assert_int_equal(s.ari.drawn, 0);
		assert_string_equal(s.ari.cert_id, "a.b");
		assert_int_equal(s.ari.next_poll, 1775001600);
		state_clear(&s);
	}
}

static void
test_a_string_may_be_set_to_itself(void **state)
{
	struct cert_state s = { 0 };

	(void)state;
	state_set(&s.error, "first");
	state_set(&s.error, s.error);
	assert_string_equal(s.error, "first");
	state_set(&s.error, NULL);
	assert_null(s.error);
	state_clear(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_member_goes_there_and_back),
		cmocka_unit_test(test_nothing_known_is_an_empty_object),
		cmocka_unit_test(test_every_kind_of_failure_goes_there_and_back),
		cmocka_unit_test(test_what_is_damaged_counts_as_absent),
		cmocka_unit_test(test_a_hold_without_an_end_goes_there_and_back),
		cmocka_unit_test(test_a_damaged_hold_is_one_all_the_same),
		cmocka_unit_test(test_every_stage_goes_there_and_back),
		cmocka_unit_test(
		    test_a_window_that_cannot_be_is_forgotten_and_the_rest_is_not),
		cmocka_unit_test(test_a_string_may_be_set_to_itself),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
