/* SPDX-License-Identifier: ISC */
/* Orders of an earlier run: what is done with each state the CA may have left them in. */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/mem.h"
#include "tests/unit/order_rig.h"

#define NEW_ORDER \
	"newOrder {\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}]}\n"
#define FINALIZE "/finalize {\"csr\":\"Q1NS\"}\n"
#define DOWNLOAD "GET /cert application/pem-certificate-chain\n"

static int
set_up(void **state)
{
	order_rig_set_up(state);
	t.request.url = "/order/6";
	return 0;
}

static void
again(void **state)
{
	assert_int_equal(order_rig_tear_down(state), 0);
	set_up(state);
}

static void
test_a_pending_order_goes_on_where_it_was(void **state)
{
	(void)state;
	RUN({ .json = ORDER("pending") }, { .json = AUTHZ("pending", "a.example") },
	    { .json = CHALLENGE("pending") }, { .json = AUTHZ("valid", "a.example") },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript("GET /order/6\n"
			  "GET /authz/1\n"
			  "deploy a.example\n"
			  "/chall/a.example {}\n"
			  "GET /authz/1\n"
			  "remove a.example\n" FINALIZE DOWNLOAD);
	assert_true(str_starts(t.steps.s, "account, refresh, authz 1 of 1, deploy"));
}

static void
test_a_challenge_is_not_answered_twice(void **state)
{
	(void)state;
	/* It is served again, however: the CA may not have come yet. */
	RUN({ .json = ORDER("pending") },
	    { .json = "{\"status\":\"pending\",\"identifier\":{\"value\":\"a.example\"},"
		      "\"challenges\":[{\"type\":\"http-01\",\"url\":\"/chall/1\","
		      "\"status\":\"processing\"}]}" },
	    { .json = AUTHZ("valid", "a.example") }, { .json = ORDER("valid") },
	    { .json = "PEM" });
	assert_issued();
	assert_transcript("GET /order/6\n"
			  "GET /authz/1\n"
			  "deploy a.example\n"
			  "GET /authz/1\n"
			  "remove a.example\n" FINALIZE DOWNLOAD);
	assert_delays("8 ");
}

static void
test_a_ready_order_is_finalized(void **state)
{
	(void)state;
	RUN({ .json = ORDER("ready") }, { .json = ORDER("processing") },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript("GET /order/6\n" FINALIZE "GET /order/6\n" DOWNLOAD);
}

static void
test_a_processing_order_is_waited_for(void **state)
{
	(void)state;
	RUN({ .json = ORDER("processing"), .retry_after = 3 },
	    { .json = ORDER("processing") }, { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript("GET /order/6\nGET /order/6\nGET /order/6\n" DOWNLOAD);
	assert_delays("3000 50 ");
}

static void
test_a_valid_order_is_downloaded(void **state)
{
	(void)state;
	RUN({ .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript("GET /order/6\n" DOWNLOAD);
}

static void
test_an_order_that_is_gone_is_placed_anew(void **state)
{
	static const struct order_answer gone[] = {
		{ .status = 404 },
		{ .json = PROBLEM("malformed", "no such order"), .status = 404 },
		{ .json = PROBLEM("unauthorized", "not yours"), .status = 403 },
		{ .json = ORDER("invalid") },
		{ .json = "{\"status\":\"invalid\",\"error\":" PROBLEM("caa", "no") "}" },
	};

	for (size_t i = 0; i < COUNT(gone); i++) {
		RUN(gone[i], NEW(ORDER("pending")), { .json = AUTHZ("valid", "a.example") },
		    { .json = ORDER("valid") }, { .json = "PEM" });
		assert_issued();
		assert_transcript("GET /order/6\n" NEW_ORDER "record /order/7\n"
				  "GET /authz/1\n" FINALIZE DOWNLOAD);
		again(state);
	}
}

static void
test_an_order_is_placed_anew_once(void **state)
{
	(void)state;
	RUN({ .status = 404 }, NEW(ORDER("processing")), { .status = 404 });
	assert_failed(ERR_PROTOCOL, "refresh: the CA answered 404 and no reason");
	assert_true(t.order_lost);
	assert_string_equal(t.steps.s, "account, refresh, create, record, refresh");
}

static void
test_an_order_that_dies_after_its_proofs_is_not_placed_anew(void **state)
{
	(void)state;
	/* The next attempt does that, after a pause. */
	RUN({ .json = ORDER("pending") }, { .json = AUTHZ("valid", "a.example") },
	    { .json = ORDER("processing") },
	    { .json = "{\"status\":\"invalid\",\"error\":" PROBLEM("caa", "no") "}" });
	assert_failed(ERR_REFUSED, "refresh: the CA gave the order up: no (caa)");
	assert_true(t.order_lost);
}

static void
test_an_order_that_cannot_be_seen_is_not_given_up(void **state)
{
	(void)state;
	RUN({ .status = 503 }, { .unreachable = "reset" }, { .status = 500 });
	assert_failed(ERR_NETWORK, "refresh: the CA answered 500 and no reason");
	assert_false(t.order_lost);
	again(state);
	RUN({ .status = 429, .retry_after = 600 });
	assert_failed(ERR_BUSY, "refresh: the CA answered 429 and no reason");
	assert_false(t.order_lost);
}

static void
test_an_authorization_that_expired_meanwhile_loses_the_order(void **state)
{
	(void)state;
	RUN({ .json = ORDER("pending") }, { .json = AUTHZ("expired", "a.example") });
	assert_failed(ERR_REFUSED, "authz: a.example: the authorization is expired");
	assert_true(t.order_lost);
}

#define RESUME_TEST(function) \
	cmocka_unit_test_setup_teardown(function, set_up, order_rig_tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		RESUME_TEST(test_a_pending_order_goes_on_where_it_was),
		RESUME_TEST(test_a_challenge_is_not_answered_twice),
		RESUME_TEST(test_a_ready_order_is_finalized),
		RESUME_TEST(test_a_processing_order_is_waited_for),
		RESUME_TEST(test_a_valid_order_is_downloaded),
		RESUME_TEST(test_an_order_that_is_gone_is_placed_anew),
		RESUME_TEST(test_an_order_is_placed_anew_once),
		RESUME_TEST(test_an_order_that_dies_after_its_proofs_is_not_placed_anew),
		RESUME_TEST(test_an_order_that_cannot_be_seen_is_not_given_up),
		RESUME_TEST(test_an_authorization_that_expired_meanwhile_loses_the_order),
	};

	return cmocka_run_group_tests_name("order resume", tests, NULL, NULL);
}
