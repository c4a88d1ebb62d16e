/* SPDX-License-Identifier: ISC */
#include "tests/unit/handlers_rig.h"

#define EVENT(type, name)                                                 \
	"{\"event\":{\"time\":\"2026-03-01T00:00:00Z\",\"event\":\"" type \
	"\",\"name\":\"" name "\",\"text\":\"text\"}}"

static void
test_issue_ends_with_the_certificate(void **state)
{
	(void)state;
	rig_begin(METHOD_issue, "{\"name\":\"a\"}", true);
	rig_expect("now a\n");
	rig_happens(EVENT_STEP, "b");
	rig_happens(EVENT_STEP, "a");
	rig_happens(EVENT_ISSUED, "b");
	rig_happens(EVENT_RENEWED, "a");
	rig_expect(
	    "continue " EVENT("step", "a") "\n"
					   "reply {\"certificate\":" LINE("a") "}\n");
	rig_happens(EVENT_RENEWED, "a");
	rig_expect("");
}

static void
test_issue_ends_with_what_failed(void **state)
{
	(void)state;
	rig_begin(METHOD_issue, "{\"name\":\"a\"}", false);
	rig_happens(EVENT_STEP, "a"); /* not wanted */
	rig_happens(EVENT_FAILED, "a");
	rig_expect("now a\n"
		   "fail no\n");
}

static void
test_what_is_under_way_is_busy_or_joined(void **state)
{
	(void)state;
	rig_check(METHOD_issue, "{\"name\":\"b\"}", ERROR "Busy {\"name\":\"b\"}\n");
	rig_begin(METHOD_issue, "{\"name\":\"b\",\"join\":true}", false);
	rig_expect("");
	rig_happens(EVENT_ISSUED, "b");
	rig_expect("reply {\"certificate\":" LINE_B "}\n");
}

static void
test_renew_ends_when_all_have(void **state)
{
	(void)state;
	rig_begin(METHOD_renew, "{}", true);
	rig_expect("if due a\n"
		   "if due c\n");
	rig_happens(EVENT_KEPT, "c");
	rig_happens(EVENT_KEPT, "c"); /* of somebody else */
	rig_happens(EVENT_STEP, "b");
	rig_happens(EVENT_RENEWED, "a");
	rig_expect("continue " EVENT("kept",
	    "c") "\n"
		 "continue " EVENT("renewed", "a") "\n"
						   "reply "
						   "{\"renewed\":[\"a\"],\"kept\":[{"
						   "\"name\":\"c\",\"reason\":\"text\"}],"
						   "\"failed\":[{\"name\":\"b\",\"error\":"
						   "\"b: an order is under way\"}]}\n");
}

static void
test_renew_by_force_and_for_nobody(void **state)
{
	(void)state;
	rig_begin(METHOD_renew, "{\"names\":[\"c\"],\"force\":true}", false);
	rig_expect("now c\n");
	rig_happens(EVENT_FAILED, "c");
	rig_expect("reply {\"renewed\":[],\"kept\":[],"
		   "\"failed\":[{\"name\":\"c\",\"error\":\"text\"}]}\n");
	rig_check(METHOD_renew, "{\"names\":[]}",
	    "reply {\"renewed\":[],\"kept\":[],\"failed\":[]}\n");
}

static void
test_watch_goes_on_for_ever(void **state)
{
	(void)state;
	rig_check(METHOD_watch, "{}", "error org.varlink.service.ExpectedMore\n");
	rig_begin(METHOD_watch, "{}", true);
	rig_begin(METHOD_watch, "{\"names\":[\"b\"]}", true);
	rig_happens(EVENT_FAILED, "a");
	rig_expect("continue " EVENT("failed", "a") "\n");
	rig_happens(EVENT_ISSUED, "b");
	rig_expect("continue " EVENT("issued", "b") "\n"
						    "continue " EVENT("issued", "b") "\n");
	assert_false(rig.calls[0].ended);
}

static void
test_calls_that_end_within_one_event_are_all_answered(void **state)
{
	(void)state;
	rig_begin(METHOD_issue, "{\"name\":\"a\"}", false);
	rig_begin(METHOD_renew, "{\"names\":[\"a\"]}", false);
	rig_begin(METHOD_issue, "{\"name\":\"a\"}", false);
	text_clear(&rig.transcript);
	rig_happens(EVENT_RENEWED, "a");
	rig_expect("reply {\"certificate\":" LINE(
	    "a") "}\n"
		 "reply {\"renewed\":[\"a\"],\"kept\":[],\"failed\":[]}\n"
		 "reply {\"certificate\":" LINE("a") "}\n");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_issue_ends_with_the_certificate),
		TEST(test_issue_ends_with_what_failed),
		TEST(test_what_is_under_way_is_busy_or_joined),
		TEST(test_renew_ends_when_all_have),
		TEST(test_renew_by_force_and_for_nobody),
		TEST(test_watch_goes_on_for_ever),
		TEST(test_calls_that_end_within_one_event_are_all_answered),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
