/* SPDX-License-Identifier: ISC */
/* Orders that fail: what is said of them, what is tried again, and what is cleaned up. */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "tests/unit/order_rig.h"

#define NEW_ORDER \
	"newOrder {\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}]}\n"

static char *two_names[] = { (char *)(uintptr_t) "a.example",
	(char *)(uintptr_t) "b.example", NULL };

static void
again(void **state)
{
	assert_int_equal(order_rig_tear_down(state), 0);
	order_rig_set_up(state);
}

/* ---- what the CA refuses ---- */

static void
test_a_refused_name_is_cleaned_up_after(void **state)
{
	(void)state;
	order_rig_names(two_names);
	RUN(NEW(ORDER_2("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = AUTHZ("pending", "b.example") }, { .json = CHALLENGE("pending") },
	    { .json = CHALLENGE("pending") }, { .json = AUTHZ("pending", "a.example") },
	    { .json = AUTHZ_INVALID("a.example", "connection", "192.0.2.1: refused") });
	assert_failed(ERR_REFUSED, "validate: a.example: 192.0.2.1: refused (connection)");
	assert_string_equal(t.err.problem, "connection");
	assert_true(t.order_lost);
	assert_transcript("newOrder {\"identifiers\":["
			  "{\"type\":\"dns\",\"value\":\"a.example\"},"
			  "{\"type\":\"dns\",\"value\":\"b.example\"}]}\n"
			  "record /order/7\n"
			  "GET /authz/1\n"
			  "GET /authz/2\n"
			  "deploy a.example\n"
			  "deploy b.example\n"
			  "/chall/a.example {}\n"
			  "/chall/b.example {}\n"
			  "GET /authz/1\n"
			  "GET /authz/1\n"
			  "remove a.example\n"
			  "remove b.example\n");
	assert_true(str_ends(t.steps.s, "validate a.example, validate a.example, "
					"remove a.example, remove b.example"));
}

static void
test_an_authorization_that_is_none_any_more_says_so(void **state)
{
	static const struct {
		const char *json;
		const char *text;
	} cases[] = {
		{ AUTHZ_INVALID("a.example", "dns", "NXDOMAIN"),
		    "authz: a.example: NXDOMAIN (dns)" },
		{ AUTHZ("invalid", "a.example"),
		    "authz: a.example: the authorization is invalid" },
		{ AUTHZ("expired", "a.example"),
		    "authz: a.example: the authorization is expired" },
		{ AUTHZ("\\u001b[2J", "a.example"),
		    "authz: a.example: the authorization is ?[2J" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		RUN(NEW(ORDER("pending")), { .json = cases[i].json });
		assert_failed(ERR_REFUSED, cases[i].text);
		again(state);
	}
}

static void
test_a_proof_that_failed_at_the_ca_is_not_tried_again_by_itself(void **state)
{
	(void)state;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = CHALLENGE("pending") },
	    { .json = AUTHZ_INVALID("a.example", "serverInternal", "oops") });
	assert_failed(ERR_NETWORK, "validate: a.example: oops (serverInternal)");
	assert_true(str_ends(t.transcript.s, "GET /authz/1\nremove a.example\n"));
	assert_delays("8 ");
}

static void
test_an_order_that_is_given_up_says_why(void **state)
{
	static const struct {
		const char *json;
		enum err_kind kind;
		const char *text;
	} cases[] = {
		{ "{\"status\":\"invalid\",\"error\":" PROBLEM("caa", "forbidden") "}",
		    ERR_REFUSED, "finalize: the CA gave the order up: forbidden (caa)" },
		{ "{\"status\":\"invalid\",\"error\":" PROBLEM("serverInternal",
		      "oops") "}",
		    ERR_NETWORK,
		    "finalize: the CA gave the order up: oops (serverInternal)" },
		{ "{\"status\":\"invalid\"}", ERR_REFUSED,
		    "finalize: the CA gave the order up without a reason" },
		{ "{\"status\":\"invalid\",\"error\":7}", ERR_REFUSED,
		    "finalize: the CA gave the order up without a reason" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct order_answer invalid = { .json = cases[i].json };

		RUN(NEW(ORDER("ready")), invalid);
		assert_failed(cases[i].kind, cases[i].text);
		assert_true(t.order_lost);
		again(state);
	}
}

static void
test_what_the_ca_refuses_is_told_with_the_step(void **state)
{
	static const struct {
		struct order_answer answers[2];
		size_t count;
		enum err_kind kind;
		bool lost;
		const char *text;
	} cases[] = {
		{ { { .json = PROBLEM("rejectedIdentifier", "policy"), .status = 400 } }, 1,
		    ERR_REFUSED, true, "create: policy (rejectedIdentifier)" },
		{ { { .json = PROBLEM("accountDoesNotExist", "gone"), .status = 400 } }, 1,
		    ERR_CONFIG, true, "create: gone (accountDoesNotExist)" },
		{ { { .json = PROBLEM("rateLimited", "later"),
		      .status = 429,
		      .retry_after = 2160 } },
		    1, ERR_BUSY, true, "create: later (rateLimited)" },
		{ { { .json = PROBLEM("rateLimited", "paused"), .status = 429 } }, 1,
		    ERR_BUSY, true, "create: paused (rateLimited)" },
		{ { { .status = 307 } }, 1, ERR_PROTOCOL, true,
		    "create: the CA redirects (307), which is not followed here" },
		{ { NEW(ORDER("ready")),
		      { .json = PROBLEM("badCSR", "weak key"), .status = 400 } },
		    2, ERR_REFUSED, true, "finalize: weak key (badCSR)" },
		{ { NEW(ORDER("pending")), { .status = 404 } }, 2, ERR_PROTOCOL, true,
		    "authz: the CA answered 404 and no reason" },
		{ { NEW(ORDER("valid")), { .status = 429, .retry_after = 90 } }, 2,
		    ERR_BUSY, false, "download: the CA answered 429 and no reason" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		order_rig_script(cases[i].answers, cases[i].count);
		order_rig_run();
		assert_failed(cases[i].kind, cases[i].text);
		assert_int_equal(t.order_lost, cases[i].lost);
		assert_int_equal(t.err.retry_after,
		    cases[i].answers[cases[i].count - 1].retry_after);
		assert_delays("");
		again(state);
	}
}

static void
test_replaces_is_not_to_blame_for_everything(void **state)
{
	static const struct order_answer answers[] = {
		{ .json = PROBLEM("rejectedIdentifier", "policy"), .status = 400 },
		{ .json = PROBLEM("rateLimited", "later"), .status = 429 },
		{ .json = PROBLEM("badSignatureAlgorithm", "no"), .status = 400 },
	};

	for (size_t i = 0; i < COUNT(answers); i++) {
		t.request.replaces = "X.Y";
		RUN(answers[i]);
		assert_int_equal(t.err.status, answers[i].status);
		assert_false(t.replaces_refused);
		again(state);
	}
	/* And what is refused without it, is. */
	t.request.replaces = "X.Y";
	RUN({ .json = PROBLEM("malformed", "x"), .status = 400 },
	    { .json = PROBLEM("malformed", "y"), .status = 400 });
	assert_failed(ERR_PROTOCOL, "create: y (malformed)");
	assert_true(t.replaces_refused);
	again(state);
	t.request.replaces = "X.Y";
	t.no_renewal_info = true; /* it was not even sent */
	RUN({ .json = PROBLEM("malformed", "x"), .status = 400 });
	assert_failed(ERR_PROTOCOL, "create: x (malformed)");
	assert_false(t.replaces_refused);
}

static void
test_a_profile_that_is_not_offered_is_not_asked_for(void **state)
{
	static const struct {
		const char *meta;
		const char *text;
	} cases[] = {
		{ "{\"profiles\":{\"classic\":\"\",\"tls\\u001b\":\"x\"}}",
		    "create: the CA has no profile \"short\"; it offers: classic, tls?" },
		{ "{\"profiles\":{}}",
		    "create: the CA has no profile \"short\"; it offers: none" },
		{ "{\"profiles\":[\"short\"]}",
		    "create: the CA has no profile \"short\"; it offers: none" },
		{ "{}", "create: the CA has no profile \"short\"; it offers: none" },
		{ "null", "create: the CA has no profile \"short\"; it offers: none" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };

		t.meta = json_parse(cases[i].meta, strlen(cases[i].meta), &err);
		t.options.profile = (char *)(uintptr_t) "short";
		order_rig_run();
		assert_failed(ERR_CONFIG, cases[i].text);
		assert_transcript("");
		assert_true(t.forgotten);
		again(state);
	}
}

/* ---- what nobody understands ---- */

#define NEW_WITH(json) NEW("{\"status\":\"pending\"," json "}")
#define TWO_FOR_ONE    "\"authorizations\":[\"/authz/1\",\"/authz/2\"]"

static void
test_an_order_that_makes_no_sense_is_given_up(void **state)
{
	static const struct {
		struct order_answer answers[2];
		size_t count;
		const char *text;
	} cases[] = {
		{ { { .json = ORDER("pending"), .status = 201 } }, 1,
		    "create: no Location in the answer" },
		{ { NEW(NULL) }, 1, "record: no \"status\"" },
		{ { NEW("[]") }, 1, "record: no \"status\"" },
		{ { NEW("{\"status\":200}") }, 1, "record: no \"status\"" },
		{ { NEW(ORDER("\\u001bnew")) }, 1,
		    "record: the order has the unknown status \"?new\"" },
		{ { NEW_WITH("\"authorizations\":[]") }, 1,
		    "record: the order has 0 authorizations for 1 names" },
		{ { NEW_WITH(TWO_FOR_ONE) }, 1,
		    "record: the order has 2 authorizations for 1 names" },
		{ { NEW_WITH("\"authorizations\":\"/authz/1\"") }, 1,
		    "record: no \"authorizations\"" },
		{ { NEW_WITH("\"authorizations\":[7]") }, 1,
		    "record: authorizations: not all are URLs" },
		{ { NEW_WITH("\"authorizations\":[null]") }, 1,
		    "record: authorizations: not all are URLs" },
		{ { NEW("{\"status\":\"ready\"}") }, 1, "finalize: no \"finalize\"" },
		{ { NEW("{\"status\":\"valid\"}") }, 1, "download: no \"certificate\"" },
		{ { NEW(ORDER("pending")), { .json = AUTHZ("pending", "c.example") } }, 2,
		    "authz: the CA wants a proof of a name that was not ordered" },
		{ { NEW(ORDER("pending")),
		      { .json = AUTHZ_AND("pending", "a.example", ",\"wildcard\":true") } },
		    2, "authz: the CA wants a proof of a name that was not ordered" },
		{ { NEW(ORDER("pending")), { .json = "{\"status\":\"pending\"}" } }, 2,
		    "authz: the CA wants a proof of a name that was not ordered" },
		{ { NEW(ORDER("pending")), { .json = "<html>" } }, 2,
		    "authz: the CA's answer is not JSON" },
		{ { NEW(ORDER("ready")), { .json = "" } }, 2, "finalize: no \"status\"" },
		{ { NEW(ORDER("valid")), { .json = "" } }, 2,
		    "download: the CA sent an empty certificate" },
		{ { NEW(ORDER("valid")), { .json = "PEM\0PEM", .length = 7 } }, 2,
		    "download: the CA sent no certificate, but bytes" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		order_rig_script(cases[i].answers, cases[i].count);
		order_rig_run();
		assert_failed(ERR_PROTOCOL, cases[i].text);
		assert_true(t.order_lost);
		assert_delays("");
		again(state);
	}
}

static void
test_a_challenge_that_is_not_offered_is_a_matter_of_settings(void **state)
{
	(void)state;
	RUN(NEW(ORDER("pending")),
	    { .json = "{\"status\":\"pending\",\"identifier\":{\"value\":\"a.example\"},"
		      "\"challenges\":[]}" });
	assert_failed(ERR_CONFIG, "authz: a.example: no http-01");
}

static void
test_a_challenge_without_url_is_cleaned_up_after(void **state)
{
	(void)state;
	RUN(NEW(ORDER("pending")),
	    { .json = "{\"status\":\"pending\",\"identifier\":{\"value\":\"a.example\"},"
		      "\"challenges\":[{\"type\":\"http-01\",\"status\":\"pending\"}]}" });
	assert_failed(ERR_PROTOCOL, "respond: no \"url\"");
	assert_transcript(NEW_ORDER "record /order/7\nGET /authz/1\n"
				    "deploy a.example\nremove a.example\n");
}

/* ---- what happens here ---- */

static void
test_a_challenge_that_cannot_be_deployed_is_removed(void **state)
{
	order_rig_names(two_names);
	err_set(&t.deploy_err, ERR_PROTOCOL, "no token");
	RUN(NEW(ORDER_2("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = AUTHZ("pending", "b.example") });
	assert_failed(ERR_PROTOCOL, "deploy: no token");
	assert_true(str_ends(t.transcript.s, "deploy a.example\nremove a.example\n"));
	again(state);

	/* Tried again, nothing of the first try is left behind. */
	err_set(&t.deploy_err, ERR_NETWORK, "no server");
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = CHALLENGE("valid") }, { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_non_null(strstr(t.transcript.s, "deploy a.example\nremove a.example\n"
					       "deploy a.example\n/chall/a.example {}\n"
					       "remove a.example\n"));
}

static void
test_an_order_that_cannot_be_recorded_does_not_go_on(void **state)
{
	(void)state;
	err_set(&t.record_err, ERR_SYSTEM, "no space");
	RUN(NEW(ORDER("pending")));
	assert_failed(ERR_SYSTEM, "record: no space");
}

static void
test_an_account_that_fails_fails_the_order(void **state)
{
	(void)state;
	err_set(&t.account_err, ERR_CONFIG, "account main: agree first");
	order_rig_run();
	assert_failed(ERR_CONFIG, "account: account main: agree first");
	assert_transcript("");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ORDER_TEST(test_a_refused_name_is_cleaned_up_after),
		ORDER_TEST(test_an_authorization_that_is_none_any_more_says_so),
		ORDER_TEST(test_a_proof_that_failed_at_the_ca_is_not_tried_again_by_itself),
		ORDER_TEST(test_an_order_that_is_given_up_says_why),
		ORDER_TEST(test_what_the_ca_refuses_is_told_with_the_step),
		ORDER_TEST(test_replaces_is_not_to_blame_for_everything),
		ORDER_TEST(test_a_profile_that_is_not_offered_is_not_asked_for),
		ORDER_TEST(test_an_order_that_makes_no_sense_is_given_up),
		ORDER_TEST(test_a_challenge_that_is_not_offered_is_a_matter_of_settings),
		ORDER_TEST(test_a_challenge_without_url_is_cleaned_up_after),
		ORDER_TEST(test_a_challenge_that_cannot_be_deployed_is_removed),
		ORDER_TEST(test_an_order_that_cannot_be_recorded_does_not_go_on),
		ORDER_TEST(test_an_account_that_fails_fails_the_order),
	};

	return cmocka_run_group_tests_name("order faults", tests, NULL, NULL);
}
