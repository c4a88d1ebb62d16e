/* SPDX-License-Identifier: ISC */
#include "tests/unit/handlers_rig.h"

#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"

static void
test_status_shows_those_named_or_all(void **state)
{
	(void)state;
	rig_check(METHOD_status, "{}",
	    "reply {\"certificates\":[" LINE("a") "," LINE_B "," LINE("c") "]}\n");
	rig_check(METHOD_status, "{\"names\":null}",
	    "reply {\"certificates\":[" LINE("a") "," LINE_B "," LINE("c") "]}\n");
	rig_check(METHOD_status, "{\"names\":[\"c\",\"a\"]}",
	    "reply {\"certificates\":[" LINE("c") "," LINE("a") "]}\n");
	rig_check(METHOD_status, "{\"names\":[]}", "reply {\"certificates\":[]}\n");
}

static void
test_names_are_checked(void **state)
{
	static const enum method with_names[] = { METHOD_status, METHOD_renew };
	static const enum method with_name[] = { METHOD_show, METHOD_why, METHOD_issue,
		METHOD_rollback, METHOD_hold, METHOD_resume };

	(void)state;
	for (size_t i = 0; i < COUNT(with_names); i++) {
		rig_check(with_names[i], "{\"names\":[\"a\",\"x\"]}",
		    ERROR "NoSuchCertificate {\"name\":\"x\"}\n");
		rig_check(with_names[i], "{\"names\":[7]}",
		    ERROR "InvalidArgument {\"name\":\"names\",\"detail\":"
			  "\"a list of names of certificates is wanted\"}\n");
	}
	for (size_t i = 0; i < COUNT(with_name); i++) {
		rig_check(with_name[i], "{}",
		    ERROR "InvalidArgument {\"name\":\"name\","
			  "\"detail\":\"the name of a certificate is wanted\"}\n");
		rig_check(with_name[i], "{\"name\":\"x\"}",
		    ERROR "NoSuchCertificate {\"name\":\"x\"}\n");
	}
	rig_check(METHOD_config_show, "{\"name\":\"x\"}",
	    ERROR "NoSuchCertificate {\"name\":\"x\"}\n");
}

static void
test_short_methods_answer_at_once(void **state)
{
	CLEAN(string)
	char *pong = xasprintf("reply {\"version\":\"" PACKAGE_VERSION
			       "\",\"pid\":%d,\"uptime_seconds\":100,\"certificates\":3,"
			       "\"loop_longest_ms\":41,\"loop_rounds_over_10ms\":4}\n",
	    (int)getpid());

	(void)state;
	rig_check(METHOD_ping, "{}", pong);
	rig_check(METHOD_config_show, "{}", "reply {\"config\":\"all\"}\n");
	rig_check(METHOD_config_show, "{\"name\":\"a\"}", "reply {\"config\":\"a\"}\n");
	rig_check(METHOD_set_log_level, "{\"level\":\"error\"}",
	    "reply {\"level\":\"error\"}\n");
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	rig_check(METHOD_set_log_level, "{\"level\":\"loud\"}",
	    ERROR "InvalidArgument {\"name\":\"level\",\"detail\":\"one of error, warn, "
		  "info, debug, trace\"}\n");
}

static void
test_a_certificate_is_held_and_let_go(void **state)
{
	(void)state;
	rig_check(METHOD_hold, "{\"name\":\"a\"}",
	    "hold for good a\nreply {\"certificate\":" LINE("a") "}\n");
	rig_check(METHOD_hold, "{\"name\":\"a\",\"until\":\"2036-01-01T00:00:00Z\"}",
	    "hold a\nreply {\"certificate\":" LINE("a") "}\n");
	rig_check(METHOD_hold, "{\"name\":\"a\",\"until\":\"2016-01-01T00:00:00Z\"}",
	    "fail a: that instant has passed\n");
	rig_check(METHOD_hold, "{\"name\":\"a\",\"until\":\"tomorrow\"}",
	    ERROR "InvalidArgument {\"name\":\"until\","
		  "\"detail\":\"an instant is wanted: 2027-01-31T12:00:00Z\"}\n");
	rig_check(METHOD_resume, "{\"name\":\"a\"}",
	    "resume a\nreply {\"certificate\":" LINE("a") "}\n");
}

static void
test_a_plan_says_what_a_reload_would_do(void **state)
{
	(void)state;
	rig_check(METHOD_plan, "{}",
	    "reply {\"plan\":["
	    "{\"name\":\"c\",\"action\":\"issue\",\"reason\":\"it is new\"},"
	    "{\"name\":\"d\",\"action\":\"adopt\","
	    "\"reason\":\"it is new here, and has files of before\"},"
	    "{\"name\":\"a\",\"action\":\"issue\","
	    "\"reason\":\"there is no certificate yet\"},"
	    "{\"name\":\"b\",\"action\":\"archive\","
	    "\"reason\":\"it is no longer managed; its files stay where they are\"}],"
	    "\"warnings\":[]}\n");
	rig.reload_fails = true;
	rig_check(METHOD_plan, "{}",
	    ERROR "InvalidConfig {\"problems\":[{\"file\":\"a.yaml\",\"line\":3,"
		  "\"column\":4,\"warning\":false,\"text\":\"wrong\"}]}\n");
}

static void
test_a_reload_says_what_changed_or_what_is_wrong(void **state)
{
	(void)state;
	rig_check(METHOD_reload, "{}",
	    "reply {\"added\":[\"c\"],\"changed\":[],\"removed\":[],\"warnings\":["
	    "{\"file\":\"a.yaml\",\"line\":1,\"column\":2,\"warning\":true,"
	    "\"text\":\"beware\"}]}\n");
	rig.reload_fails = true;
	rig_check(METHOD_reload, "{}",
	    ERROR "InvalidConfig {\"problems\":[{\"file\":\"a.yaml\",\"line\":3,"
		  "\"column\":4,\"warning\":false,\"text\":\"wrong\"}]}\n");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_status_shows_those_named_or_all),
		TEST(test_names_are_checked),
		TEST(test_short_methods_answer_at_once),
		TEST(test_a_certificate_is_held_and_let_go),
		TEST(test_a_plan_says_what_a_reload_would_do),
		TEST(test_a_reload_says_what_changed_or_what_is_wrong),
	};

	return cmocka_run_group_tests_name("handlers", tests, NULL, NULL);
}
