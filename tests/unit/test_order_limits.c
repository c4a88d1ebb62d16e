/* SPDX-License-Identifier: ISC */
/* Orders that go on for too long, and orders that are freed. */
#include "tests/unit/unit.h"

#include "common/mem.h"
#include "daemon/acme/retry.h"
#include "tests/unit/order_rig.h"

static void
again(void **state)
{
	assert_int_equal(order_rig_tear_down(state), 0);
	order_rig_set_up(state);
}

/* ---- what goes on for too long ---- */

static void
test_a_request_is_given_up_after_three_tries(void **state)
{
	(void)state;
	RUN({ .status = 503 }, { .unreachable = "reset" }, { .status = 500 });
	assert_failed(ERR_NETWORK, "create: the CA answered 500 and no reason");
	assert_true(t.order_lost); /* there is none */
	assert_delays("1000 5000 ");
	again(state);
	RUN(NEW(ORDER("pending")), { .status = 503 }, { .status = 503 }, { .status = 503 });
	assert_failed(ERR_NETWORK, "authz: the CA answered 503 and no reason");
	assert_false(t.order_lost);
}

static void
test_no_more_than_sixty_looks_are_taken(void **state)
{
	static struct order_answer answers[3 + RETRY_POLLS_MAX];
	size_t n = 0;

	(void)state;
	answers[n++] = (struct order_answer)NEW(ORDER("pending"));
	answers[n++] = (struct order_answer){ .json = AUTHZ("pending", "a.example") };
	answers[n++] = (struct order_answer){ .json = CHALLENGE("pending") };
	while (n < COUNT(answers))
		answers[n++] =
		    (struct order_answer){ .json = AUTHZ("pending", "a.example") };
	order_rig_script(answers, COUNT(answers));
	order_rig_run();
	assert_failed(ERR_NETWORK, "validate: the CA is still not done after 60 looks");
	assert_false(t.order_lost); /* the next attempt looks */
	assert_true(str_ends(t.transcript.s, "GET /authz/1\nremove a.example\n"));
}

static void
test_an_order_that_never_gets_ready_is_not_asked_in_a_loop(void **state)
{
	static struct order_answer answers[1 + 2 * RETRY_POLLS_MAX + 1];

	(void)state;
	answers[0] = (struct order_answer)NEW(ORDER("ready"));
	for (size_t i = 1; i < COUNT(answers); i += 2)
		answers[i] =
		    (struct order_answer){ .json = PROBLEM("orderNotReady", "wait"),
			    .status = 403 };
	for (size_t i = 2; i < COUNT(answers); i += 2)
		answers[i] = (struct order_answer){ .json = ORDER("ready") };
	order_rig_script(answers, COUNT(answers));
	order_rig_run();
	assert_failed(ERR_PROTOCOL, "finalize: wait (orderNotReady)");
	assert_true(str_starts(t.delays.s, "8 50 250 1000 2000 3000 5000 8000 10000 "));
}

static void
assert_late(const char *step, bool lost)
{
	CLEAN(string) char *text = xasprintf("%s: not finished after 10 minutes", step);

	assert_failed(ERR_NETWORK, text);
	assert_int_equal(t.order_lost, lost);
}

static void
test_whatever_hangs_is_given_up_at_the_deadline(void **state)
{
	t.hurry = t.account_hangs = true;
	order_rig_run();
	assert_late("account", true);
	again(state);
	t.hurry = t.keep = true;
	RUN({ .hangs = true });
	assert_late("create", true);
	assert_int_equal(t.open, 1); /* the account; not the request any more */
	again(state);
	t.hurry = t.record_hangs = true;
	RUN(NEW(ORDER("pending")));
	assert_late("record", false);
	again(state);
	t.hurry = true;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = CHALLENGE("pending") }, { .hangs = true });
	assert_late("validate", false);
	assert_true(str_ends(t.transcript.s, "GET /authz/1\nremove a.example\n"));
	again(state);
	t.hurry = t.deploy_hangs = true;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") });
	assert_late("deploy", false);
	assert_true(str_ends(t.transcript.s, "deploy a.example\nremove a.example\n"));
}

static void
test_a_wait_that_is_too_long_ends_at_the_deadline(void **state)
{
	(void)state;
	t.hurry = true;
	RUN(NEW(ORDER("processing")), { .json = ORDER("processing"), .retry_after = 300 },
	    { .json = ORDER("processing"), .retry_after = 300 },
	    { .json = ORDER("processing"), .retry_after = 300 });
	assert_int_equal(t.err.kind, ERR_NETWORK);
	assert_string_equal(t.err.text, "refresh: not finished after 10 minutes");
}

/* ---- the end ---- */

static void
test_an_order_freed_at_any_turn_calls_nobody(void **state)
{
	bool done = false;

	for (int turns = 0; !done; turns++) {
		assert_true(turns < 100);
		t.record_later = true;
		SCRIPT(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") },
		    { .json = CHALLENGE("pending") },
		    { .json = AUTHZ("pending", "a.example") }, { .unreachable = "reset" },
		    { .json = AUTHZ("valid", "a.example") },
		    { .json = ORDER("processing") }, { .json = ORDER("valid") },
		    { .json = "PEM" });
		order_rig_start();
		for (int i = 0; i < turns; i++)
			event_base_loop(t.loop, EVLOOP_ONCE);
		done = t.calls > 0;
		order_free(TAKE(t.order));
		event_base_dispatch(t.loop);
		assert_int_equal(t.calls, done);
		again(state);
	}
	order_free(NULL);
}

static void
test_an_order_that_is_kept_tells_its_end_once(void **state)
{
	(void)state;
	t.keep = t.hurry = true;
	RUN(NEW(ORDER("valid")), { .json = "PEM" });
	assert_issued();
	assert_string_equal(order_step(t.order), "done");
	order_recorded(t.order, NULL); /* too late to matter */
	event_base_dispatch(t.loop);
	assert_int_equal(t.calls, 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ORDER_TEST(test_a_request_is_given_up_after_three_tries),
		ORDER_TEST(test_no_more_than_sixty_looks_are_taken),
		ORDER_TEST(test_an_order_that_never_gets_ready_is_not_asked_in_a_loop),
		ORDER_TEST(test_whatever_hangs_is_given_up_at_the_deadline),
		ORDER_TEST(test_a_wait_that_is_too_long_ends_at_the_deadline),
		ORDER_TEST(test_an_order_freed_at_any_turn_calls_nobody),
		ORDER_TEST(test_an_order_that_is_kept_tells_its_end_once),
	};

	return cmocka_run_group_tests_name("order limits", tests, NULL, NULL);
}
