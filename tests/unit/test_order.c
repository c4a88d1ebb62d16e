/* SPDX-License-Identifier: ISC */
/* Orders that end in a certificate. */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "tests/unit/order_rig.h"

#define NEW_ORDER \
	"newOrder {\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}]}\n"
#define FINALIZE "/finalize {\"csr\":\"Q1NS\"}\n"
#define DOWNLOAD "GET /cert application/pem-certificate-chain\n"

static char *
s(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void
test_a_new_order_goes_the_whole_way(void **state)
{
	(void)state;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = CHALLENGE("pending") }, { .json = AUTHZ("valid", "a.example") },
	    { .json = ORDER("processing") }, { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript(
	    NEW_ORDER "record /order/7\n"
		      "GET /authz/1\n"
		      "deploy a.example\n"
		      "/chall/a.example {}\n"
		      "GET /authz/1\n"
		      "remove a.example\n" FINALIZE "GET /order/7\n" DOWNLOAD);
	assert_steps("account, create, record, authz 1 of 1, deploy a.example, "
		     "respond a.example, validate a.example, remove a.example, "
		     "finalize, refresh, download");
	/* A pause before the first look, both times. */
	assert_delays("8 8 ");
	assert_false(t.replaces_refused);
}

static void
test_two_names_are_proved_phase_by_phase(void **state)
{
	static char *names[] = { (char *)(uintptr_t) "a.example",
		(char *)(uintptr_t) "b.example", NULL };

	(void)state;
	order_rig_names(names);
	/* The CA lists them in an order of its own. */
	RUN(NEW(ORDER_2("pending")), { .json = AUTHZ("pending", "B.example") },
	    { .json = AUTHZ("pending", "a.example") }, { .json = CHALLENGE("pending") },
	    { .json = CHALLENGE("processing") }, { .json = AUTHZ("valid", "B.example") },
	    { .json = AUTHZ("valid", "a.example") }, { .json = ORDER_2("valid") },
	    { .json = "PEM" });
	assert_issued();
	assert_transcript("newOrder {\"identifiers\":["
			  "{\"type\":\"dns\",\"value\":\"a.example\"},"
			  "{\"type\":\"dns\",\"value\":\"b.example\"}]}\n"
			  "record /order/7\n"
			  "GET /authz/1\n"
			  "GET /authz/2\n"
			  "deploy b.example\n"
			  "deploy a.example\n"
			  "/chall/B.example {}\n"
			  "/chall/a.example {}\n"
			  "GET /authz/1\n"
			  "GET /authz/2\n"
			  "remove b.example\n"
			  "remove a.example\n" FINALIZE DOWNLOAD);
	assert_delays("8 ");
}

static void
test_a_name_and_its_wildcard_are_told_apart(void **state)
{
	static char *names[] = { (char *)(uintptr_t) "a.example",
		(char *)(uintptr_t) "*.a.example", NULL };

	(void)state;
	order_rig_names(names);
	RUN(NEW(ORDER_2("pending")),
	    { .json = AUTHZ_AND("pending", "a.example", ",\"wildcard\":true") },
	    { .json = AUTHZ_AND("pending", "a.example", ",\"wildcard\":false") },
	    { .json = CHALLENGE("valid") }, { .json = CHALLENGE("valid") },
	    { .json = ORDER_2("valid") }, { .json = "PEM" });
	assert_issued();
	assert_non_null(strstr(t.transcript.s, "deploy *.a.example\n"
					       "deploy a.example\n"));
	assert_non_null(strstr(t.steps.s, "deploy *.a.example, deploy a.example"));
}

static void
test_an_address_is_ordered_as_one(void **state)
{
	static char *names[] = { (char *)(uintptr_t) "2001:db8::1", NULL };

	(void)state;
	order_rig_names(names);
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("valid", "2001:DB8::1") },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_true(str_starts(t.transcript.s,
	    "newOrder {\"identifiers\":[{\"type\":\"ip\",\"value\":\"2001:db8::1\"}]}\n"));
}

static void
test_what_is_proved_already_is_not_proved_again(void **state)
{
	(void)state;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("valid", "a.example") },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript(NEW_ORDER "record /order/7\nGET /authz/1\n" FINALIZE DOWNLOAD);
	assert_delays("");
}

static void
test_only_the_name_that_needs_it_is_proved(void **state)
{
	static char *names[] = { (char *)(uintptr_t) "a.example",
		(char *)(uintptr_t) "b.example", NULL };

	(void)state;
	order_rig_names(names);
	RUN(NEW(ORDER_2("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = AUTHZ("valid", "b.example") }, { .json = CHALLENGE("pending") },
	    { .json = AUTHZ("valid", "a.example") }, { .json = ORDER_2("valid") },
	    { .json = "PEM" });
	assert_issued();
	assert_delays("8 "); /* although the last name was not waited for */
}

static void
test_a_ca_that_validates_at_once_is_asked_six_times(void **state)
{
	(void)state;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = CHALLENGE("valid") }, { .json = ORDER("processing") },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_delays("8 ");
}

static void
test_an_order_may_be_born_ready_or_valid(void **state)
{
	(void)state;
	RUN(NEW(ORDER("ready")), { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript(NEW_ORDER "record /order/7\n" FINALIZE DOWNLOAD);
	order_rig_tear_down(state);
	order_rig_set_up(state);
	RUN(NEW(ORDER("valid")), { .json = "PEM" });
	assert_issued();
	assert_transcript(NEW_ORDER "record /order/7\n" DOWNLOAD);
}

static void
test_what_takes_the_ca_longer_is_looked_at_again(void **state)
{
	(void)state;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = CHALLENGE("processing") }, { .json = AUTHZ("pending", "a.example") },
	    { .json = AUTHZ("processing", "a.example") },
	    { .json = AUTHZ("pending", "a.example") },
	    { .json = AUTHZ("valid", "a.example") }, { .json = ORDER("processing") },
	    { .json = ORDER("processing") }, { .json = ORDER("pending") },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_delays("8 50 250 1000 8 50 250 ");
}

static void
test_the_cas_wish_when_to_look_is_followed(void **state)
{
	(void)state;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("pending", "a.example") },
	    { .json = CHALLENGE("processing"), .retry_after = 2 },
	    { .json = AUTHZ("pending", "a.example"), .retry_after = 3 },
	    { .json = AUTHZ("valid", "a.example") },
	    { .json = ORDER("processing"), .retry_after = 4 },
	    { .json = ORDER("processing"), .retry_after = 86400 },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_delays("2000 3000 4000 300000 ");
}

static void
test_an_order_that_was_ready_too_soon_is_looked_at_again(void **state)
{
	(void)state;
	/* By an err, and by its status. */
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("valid", "a.example") },
	    { .json = PROBLEM("orderNotReady", "wait"), .status = 403 },
	    { .json = ORDER("pending") }, { .json = ORDER("ready") },
	    { .json = ORDER("ready") }, { .json = ORDER("ready") },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript(
	    NEW_ORDER "record /order/7\nGET /authz/1\n" FINALIZE "GET /order/7\n"
		      "GET /order/7\n" FINALIZE "GET /order/7\n" FINALIZE DOWNLOAD);
	assert_delays("8 50 250 ");
}

static void
test_the_url_is_on_record_before_the_order_goes_on(void **state)
{
	(void)state;
	t.record_later = true;
	RUN(NEW(ORDER("pending")), { .json = AUTHZ("valid", "a.example") },
	    { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
	assert_transcript(NEW_ORDER "record /order/7\nGET /authz/1\n" FINALIZE DOWNLOAD);
}

/* ---- what is asked for ---- */

static void
test_wishes_are_part_of_the_order(void **state)
{
	static const char meta[] = "{\"profiles\":{\"classic\":\"\",\"shortlived\":\"\"}}";
	struct err err = { 0 };

	(void)state;
	t.meta = json_parse(meta, strlen(meta), &err);
	t.options.profile = s("shortlived");
	t.request.not_after = 1797735600;
	t.request.replaces = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
	RUN(NEW(ORDER("valid")), { .json = "PEM" });
	assert_issued();
	assert_transcript(
	    "newOrder {\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}],"
	    "\"notAfter\":\"2026-12-20T03:00:00Z\",\"profile\":\"shortlived\","
	    "\"replaces\":\"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE\"}\n"
	    "record /order/7\n" DOWNLOAD);
	assert_false(t.replaces_refused);
}

static void
test_replaces_is_not_sent_where_the_ca_does_not_know_it(void **state)
{
	(void)state;
	t.no_renewal_info = true;
	t.request.replaces = "X.Y";
	RUN(NEW(ORDER("valid")), { .json = "PEM" });
	assert_issued();
	assert_transcript(NEW_ORDER "record /order/7\n" DOWNLOAD);
}

static void
test_replaces_that_is_refused_is_left_out_once(void **state)
{
	static const struct order_answer refusals[] = {
		{ .json = PROBLEM("alreadyReplaced", "cannot indicate an order replaces"),
		    .status = 409 },
		{ .status = 409 },
		{ .json = PROBLEM("malformed", "path does not match"), .status = 400 },
		{ .json = PROBLEM("malformed", "no such certificate"), .status = 404 },
		{ .json = PROBLEM("unauthorized", "not yours"), .status = 403 },
		{ .json = PROBLEM("serverInternal",
		      "could not find an order for this serial"),
		    .status = 500 },
		{ .json = PROBLEM("serverInternal", "validating `replaces`"),
		    .status = 500 },
	};

	for (size_t i = 0; i < COUNT(refusals); i++) {
		t.request.replaces = "X.Y";
		RUN(refusals[i], NEW(ORDER("valid")), { .json = "PEM" });
		assert_issued();
		assert_transcript("newOrder {\"identifiers\":[{\"type\":\"dns\",\"value\":"
				  "\"a.example\"}],\"replaces\":\"X.Y\"}\n" NEW_ORDER
				  "record /order/7\n" DOWNLOAD);
		assert_true(t.replaces_refused);
		assert_delays("");
		order_rig_tear_down(state);
		order_rig_set_up(state);
	}
}

static void
test_what_may_pass_is_tried_again(void **state)
{
	static char *names[] = { (char *)(uintptr_t) "a.example",
		(char *)(uintptr_t) "b.example", NULL };

	(void)state;
	order_rig_names(names);
	err_set(&t.account_err, ERR_NETWORK, "no route");
	/* Twice for each request, although one step has two. */
	RUN({ .status = 500 }, { .status = 503, .retry_after = 7 }, NEW(ORDER_2("pending")),
	    { .unreachable = "reset" }, { .status = 504 },
	    { .json = AUTHZ("valid", "a.example") }, { .unreachable = "reset" },
	    { .unreachable = "reset" }, { .json = AUTHZ("valid", "b.example") },
	    { .status = 429, .retry_after = 60 }, { .json = ORDER_2("valid") },
	    { .unreachable = "reset" }, { .json = "PEM" });
	assert_issued();
	assert_delays("1000 1000 7000 1000 5000 1000 5000 60000 1000 ");
}

static void
test_a_finalize_whose_answer_was_lost_is_made_good(void **state)
{
	(void)state;
	RUN(NEW(ORDER("ready")), { .unreachable = "reset" },
	    { .json = PROBLEM("orderNotReady", "it is processing"), .status = 403 },
	    { .json = ORDER("processing") }, { .json = ORDER("valid") }, { .json = "PEM" });
	assert_issued();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ORDER_TEST(test_a_new_order_goes_the_whole_way),
		ORDER_TEST(test_two_names_are_proved_phase_by_phase),
		ORDER_TEST(test_a_name_and_its_wildcard_are_told_apart),
		ORDER_TEST(test_an_address_is_ordered_as_one),
		ORDER_TEST(test_what_is_proved_already_is_not_proved_again),
		ORDER_TEST(test_only_the_name_that_needs_it_is_proved),
		ORDER_TEST(test_a_ca_that_validates_at_once_is_asked_six_times),
		ORDER_TEST(test_an_order_may_be_born_ready_or_valid),
		ORDER_TEST(test_what_takes_the_ca_longer_is_looked_at_again),
		ORDER_TEST(test_the_cas_wish_when_to_look_is_followed),
		ORDER_TEST(test_an_order_that_was_ready_too_soon_is_looked_at_again),
		ORDER_TEST(test_the_url_is_on_record_before_the_order_goes_on),
		ORDER_TEST(test_wishes_are_part_of_the_order),
		ORDER_TEST(test_replaces_is_not_sent_where_the_ca_does_not_know_it),
		ORDER_TEST(test_replaces_that_is_refused_is_left_out_once),
		ORDER_TEST(test_what_may_pass_is_tried_again),
		ORDER_TEST(test_a_finalize_whose_answer_was_lost_is_made_good),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
