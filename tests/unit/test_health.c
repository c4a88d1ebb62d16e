/* SPDX-License-Identifier: ISC */
/* needs: ctl/health.c ctl/render.c */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "ctl/health.h"
#include "tests/unit/paper.h"

/* Of ninety days, in the middle of its life. */
#define LIFE "'not_before':'2025-11-17T00:00:00Z','not_after':'2026-02-15T00:00:00Z',"

/* With three days left. */
#define OLD "'not_before':'2025-10-06T00:00:00Z','not_after':'2026-01-04T00:00:00Z',"

static const struct screen screen = { .now = PAPER_NOW };

static void
test_the_last_result_tells_of_use_too(void **state)
{
	static const struct {
		const char *doc, *text;
	} cases[] = {
		{ "{'state':'missing'}", "-" },
		{ "{'state':'valid','last_result':'issued'}", "issued" },
		{ "{'state':'valid','last_result':'issued','deploy':'deployed'}",
		    "issued" },
		{ "{'state':'deploying','last_result':'issued','deploy':'pending',"
		  "'step':'reload'}",
		    "now: reload" },
		{ "{'state':'valid','last_result':'issued','deploy':'pending'}",
		    "issued, not in use yet" },
		{ "{'name':'a','state':'not-deployed','last_result':'issued',"
		  "'deploy':'failed','last_error':'a: deploy hook x: exit status 1'}",
		    "issued, not in use: deploy hook x: exit status 1" },
		{ "{'name':'a','state':'not-deployed','last_result':'issued',"
		  "'deploy':'deployed','last_error':'output: no room'}",
		    "issued, not in use: output: no room" },
		{ "{'state':'not-deployed','deploy':'failed'}", "not in use" },
		{ "{'state':'failed','last_result':'failed','deploy':'failed',"
		  "'last_error':'create: no'}",
		    "failed: create: no" },
		{ "{'state':'failed','last_result':'failed'}", "failed" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = paper_json(cases[i].doc);
		CLEAN(string) char *text = health_result(doc);

		assert_string_equal(text, cases[i].text);
	}
}

static void
test_what_needs_attention_is_complained_of(void **state)
{
	static const struct {
		const char *doc, *text;
	} cases[] = {
		{ "{" LIFE "'state':'valid','next_renewal':'2026-01-14T00:00:00Z'}", NULL },
		{ "{" LIFE "'state':'verified','deploy':'verified'}", NULL },
		{ "{" LIFE "'state':'valid','deploy':'pending'}", NULL },
		{ "{" LIFE "'state':'held'}", NULL },
		{ "{" LIFE "'state':'deploying','deploy':'pending','step':'verify'}",
		    NULL },
		{ "{'state':'missing'}", NULL },
		{ "{" LIFE "'state':'valid','next_renewal':'2025-12-31T23:59:30Z'}", NULL },
		{ "{" LIFE "'state':'valid','next_renewal':'2025-12-31T23:58:00Z'}",
		    "renewal overdue since 2025-12-31T23:58:00Z" },
		{ "{" LIFE "'state':'renewing','step':'authz',"
		  "'next_renewal':'2025-12-31T23:58:00Z'}",
		    NULL },
		{ "{'name':'a'," LIFE "'state':'not-deployed','deploy':'failed',"
		  "'last_error':'a: reload nginx.service: failed'}",
		    "not in use: reload nginx.service: failed" },
		{ "{" LIFE "'state':'deploying','deploy':'failed','step':'run',"
		  "'last_error':'no'}",
		    "not in use: no" },
		{ "{" OLD "'state':'expiring'}",
		    "expiring, not after 2026-01-04T00:00:00Z" },
		{ "{" OLD "'state':'held'}", "expiring, not after 2026-01-04T00:00:00Z" },
		{ "{" LIFE "'state':'failed','last_error':'no'}", "failed: no" },
		{ "{'state':'failed'}", "failed" },
		{ "{'not_after':'2025-12-31T00:00:00Z','state':'held'}",
		    "expired, not after 2025-12-31T00:00:00Z" },
		{ "{'not_after':'2025-12-31T00:00:00Z','state':'expired',"
		  "'last_error':'no'}",
		    "expired: no" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = paper_json(cases[i].doc);
		CLEAN(string) char *text = health_complaint(&screen, doc);

		if (cases[i].text == NULL)
			assert_null(text);
		else
			assert_string_equal(text, cases[i].text);
	}
}

static void
test_states_have_colours(void **state)
{
	static const struct {
		const char *state;
		enum color color;
	} cases[] = {
		{ "valid", COLOR_GOOD },
		{ "verified", COLOR_GOOD },
		{ "failed", COLOR_BAD },
		{ "expired", COLOR_BAD },
		{ "expiring", COLOR_BAD },
		{ "not-deployed", COLOR_BAD },
		{ "held", COLOR_WARN },
		{ "deploying", COLOR_WARN },
		{ "rolling-back", COLOR_WARN },
		{ "missing", COLOR_WARN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string) char *text = xasprintf("{'state':'%s'}", cases[i].state);
		CLEAN(json) struct json_object *doc = paper_json(text);

		assert_int_equal(health_color(&screen, doc), cases[i].color);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_last_result_tells_of_use_too),
		cmocka_unit_test(test_what_needs_attention_is_complained_of),
		cmocka_unit_test(test_states_have_colours),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
