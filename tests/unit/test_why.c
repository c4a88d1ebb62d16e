/* SPDX-License-Identifier: ISC */
/* needs: ctl/why.c ctl/render.c */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "common/json.h"
#include "ctl/why.h"
#include "tests/unit/paper.h"

static void
expect(unsigned width, const char *decision, const char *text)
{
	CLEAN(json) struct json_object *doc = paper_json(decision);
	struct paper p;

	paper_open(&p, width);
	why_print(&p.screen, doc);
	paper_expect(&p, text);
}

static void
test_one_that_is_in_order(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','state':'verified','action':'wait',"
	    "'next':'to be renewed 2026-03-01T00:00:00Z (in 59 d): the CA suggests it',"
	    "'due_at':'2026-03-01T00:00:00Z','act_at':'2026-03-01T00:00:00Z',"
	    "'poll_at':'2026-01-01T06:00:00Z','reasons':["
	    "{'code':'window','text':'the CA suggests it'},"
	    "{'code':'poll','text':'the CA is asked again 2026-01-01T06:00:00Z'},"
	    "{'code':'deployed','text':'in use 2025-12-31T00:00:00Z'}],"
	    "'deploy':{'state':'verified','version':3,'done_at':'2025-12-31T00:00:00Z'}}",
	    "a: to be renewed 2026-03-01T00:00:00Z (in 59 d): the CA suggests it\n"
	    "Version 3 is in use since 2025-12-31T00:00:00Z, and seen to be served.\n"
	    "Next:\n"
	    "  2026-01-01T06:00:00Z  the CA is asked when to renew it\n"
	    "  2026-03-01T00:00:00Z  it is renewed\n");
}

static void
test_instants_are_local_on_a_terminal(void **state)
{
	(void)state;
	expect(80,
	    "{'name':'a','action':'wait','next':'to be renewed 2026-01-04T12:00:00Z',"
	    "'due_at':'2026-01-02T00:00:00Z','act_at':'2026-01-04T12:00:00Z','reasons':["
	    "{'code':'backoff','text':'not before 2026-01-04T12:00:00Z'}],"
	    "'deploy':{'state':'deployed','version':1,'done_at':'2025-12-31T00:00:00Z'}}",
	    "a: to be renewed 2026-01-04 14:00\n"
	    "Because:\n"
	    "  - not before 2026-01-04 14:00\n"
	    "Version 1 is in use since 2025-12-31 02:00 (1 d ago).\n"
	    "Next:\n"
	    "  2026-01-04 14:00 (in 3 d)  it is renewed, due 2026-01-02 02:00 (in 1 d)\n");
}

static void
test_one_that_could_not_be_put_into_use(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','state':'not-deployed','action':'wait','next':'to be renewed',"
	    "'act_at':'2026-03-01T00:00:00Z','deploy_at':'2026-01-01T00:02:00Z',"
	    "'reasons':[{'code':'deploy-failed','text':'x'},"
	    "{'code':'not-deployed','text':'y'}],"
	    "'deploy':{'state':'failed','version':4,'failures':2,"
	    "'failed_at':'2026-01-01T00:00:00Z','error':'a: deploy hook x: exit status "
	    "1'}}",
	    "a: to be renewed\n"
	    "Version 4 is not in use: putting it into use failed 2 times, last "
	    "2026-01-01T00:00:00Z:\n"
	    "  deploy hook x: exit status 1\n"
	    "Next:\n"
	    "  2026-01-01T00:02:00Z  it is put into use, another try\n"
	    "  2026-03-01T00:00:00Z  it is renewed\n");
}

static void
test_one_whose_new_settings_could_not_be_followed(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','state':'not-deployed','next':'to be renewed','reasons':[],"
	    "'deploy':{'state':'deployed','version':4,'failures':1,"
	    "'done_at':'2025-12-01T00:00:00Z','failed_at':'2026-01-01T00:00:00Z',"
	    "'error':'output: no room'}}",
	    "a: to be renewed\n"
	    "Version 4 is in use since 2025-12-01T00:00:00Z.\n"
	    "Doing what the settings of now want failed 1 time, last "
	    "2026-01-01T00:00:00Z:\n"
	    "  output: no room\n");
}

static void
test_one_that_waits_for_its_window(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','next':'to be renewed','deploy_at':'2026-01-05T02:00:00Z',"
	    "'reasons':[{'code':'deploy-window','text':'it goes into use on Monday'}],"
	    "'deploy':{'state':'pending','version':2}}",
	    "a: to be renewed\n"
	    "Version 2 is not in use yet: it goes into use on Monday.\n"
	    "Next:\n"
	    "  2026-01-05T02:00:00Z  it is put into use\n");
}

static void
test_one_that_is_being_put_into_use(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','next':'to be renewed','deploy_at':'2026-01-01T00:00:00Z',"
	    "'reasons':[{'code':'deploying','text':'x'}],"
	    "'deploy':{'state':'pending','version':2}}",
	    "a: to be renewed\n"
	    "Version 2 is not in use yet.\n"
	    "It is being put into use just now.\n");
}

static void
test_one_that_is_held(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','next':'nothing: on hold','due_at':'2026-03-01T00:00:00Z',"
	    "'reasons':[{'code':'hold','text':'on hold'}],'hold':{}}",
	    "a: nothing: on hold\n"
	    "On hold; \"acmectl resume a\" ends it.\n");
	expect(0,
	    "{'name':'a','next':'to be renewed','due_at':'2025-12-01T00:00:00Z',"
	    "'act_at':'2026-02-01T00:00:00Z','reasons':[{'code':'hold','text':'on hold'}],"
	    "'hold':{'until':'2026-02-01T00:00:00Z','why':'an earlier version is back'}}",
	    "a: to be renewed\n"
	    "On hold until 2026-02-01T00:00:00Z; \"acmectl resume a\" ends it:\n"
	    "  an earlier version is back\n"
	    "Next:\n"
	    "  2026-02-01T00:00:00Z  it is renewed, due 2025-12-01T00:00:00Z\n");
}

static void
test_a_hold_that_has_ended_is_not_told(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','next':'to be renewed','reasons':[],"
	    "'hold':{'until':'2025-12-31T00:00:00Z'}}",
	    "a: to be renewed\n");
}

static void
test_one_that_was_never_issued(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','action':'issue','next':'to be issued now: there is none',"
	    "'due_at':'2026-01-01T00:00:00Z','act_at':'2026-01-01T00:00:00Z',"
	    "'reasons':[{'code':'none','text':'there is none'},"
	    "{'code':'page','text':'the CA wants a person to visit https://ca/x\\u001b'}]}",
	    "a: to be issued now: there is none\n"
	    "Because:\n"
	    "  - the CA wants a person to visit https://ca/x?\n"
	    "Next:\n"
	    "  now  it is issued\n");
}

static void
test_one_with_an_order_under_way(void **state)
{
	(void)state;
	expect(0,
	    "{'name':'a','state':'renewing','action':'busy','next':'an order is under way',"
	    "'act_at':'2026-01-01T00:00:00Z','reasons':["
	    "{'code':'running','text':'an order is under way'}]}",
	    "a: an order is under way\n");
	expect(0, "{'name':'a','state':'rolling-back','next':'to be renewed'}",
	    "a: to be renewed\nAn earlier version is being put back.\n");
	expect(0, "{}", "-: no decision is known\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_is_in_order),
		cmocka_unit_test(test_instants_are_local_on_a_terminal),
		cmocka_unit_test(test_one_that_could_not_be_put_into_use),
		cmocka_unit_test(test_one_whose_new_settings_could_not_be_followed),
		cmocka_unit_test(test_one_that_waits_for_its_window),
		cmocka_unit_test(test_one_that_is_being_put_into_use),
		cmocka_unit_test(test_one_that_is_held),
		cmocka_unit_test(test_a_hold_that_has_ended_is_not_told),
		cmocka_unit_test(test_one_that_was_never_issued),
		cmocka_unit_test(test_one_with_an_order_under_way),
	};

	setenv("TZ", "EET-2", 1);
	return cmocka_run_group_tests_name("why", tests, NULL, NULL);
}
