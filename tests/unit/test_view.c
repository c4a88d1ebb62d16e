/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/method.h"
#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/control/view.h"
#include "daemon/crypto/cert.h"
#include "daemon/renew/scheduler.h"
#include "daemon/renew/state.h"

#define NOW     ((time_t)1772323200) /* 2026-03-01T00:00:00Z */
#define DAY     ((time_t)86400)
#define S(text) ((char *)(text)) /* owned by nobody here */

const char *
event_type_name(enum event_type type)
{
	return type == EVENT_STEP ? "step" : "renewed";
}

/* ---- a certificate of which all is known, and one of which nothing is ---- */

static char *names[] = { S("example.org"), S("www.example.org"), NULL };
static char *accounts[] = { S("main"), S("spare"), NULL };
static const struct cert_options options = { .accounts = accounts,
	.profile = S("tlsserver") };
static const struct cert_config config = { .name = S("example.org"),
	.names = names,
	.options = &options,
	.file = "/etc/acmed/certs.d/a.yaml" };
static const struct cert_info info = { .names = names,
	.serial = S("0a0b"),
	.issuer = S("R1 \"x\""),
	.root = S("Root"),
	.ari_id = S("aaa.bbb"),
	.fingerprint = S("ff00"),
	.key_type = S("ec:P-256"),
	.not_before = NOW - 30 * DAY,
	.not_after = NOW + 60 * DAY,
	.chain_length = 2 };
static const struct cert_state known = { .order_url = S("https://ca.example/o/1"),
	.ari = { .cert_id = S("aaa.bbb"),
	    .start = NOW + DAY,
	    .end = NOW + 3 * DAY,
	    .drawn = NOW + 2 * DAY,
	    .polled_at = NOW - 60,
	    .next_poll = NOW + 60,
	    .error = S("renewalInfo: no"),
	    .explanation = S("https://ca.example/why"),
	    .unsupported = true },
	.failures = 2,
	.failed_at = NOW - 60,
	.retry_at = NOW + 600,
	.problem = S("unauthorized"),
	.error = S("order: no"),
	.issued_at = NOW - 30 * DAY,
	.issued_by = S("https://ca.example/dir") };
static const struct cert_state unknown;

static struct cert_look
known_look(void)
{
	struct cert_look look = { .config = &config,
		.state = &known,
		.info = &info,
		.version = 7,
		.condition = "failed",
		.decision = { .action = DECIDE_RENEW,
		    .due_at = NOW - DAY,
		    .act_at = NOW + 600,
		    .poll_at = NOW + 60,
		    .settled_by = "backoff",
		    .n_reasons = 2 } };

	look.decision.reasons[0] =
	    (struct decide_reason){ .code = "dates", .text = "it is time" };
	look.decision.reasons[1] =
	    (struct decide_reason){ .code = "backoff", .text = "not before" };
	return look;
}

static struct cert_look
unknown_look(void)
{
	return (struct cert_look){ .config = &config,
		.state = &unknown,
		.condition = "issuing",
		.running = true,
		.step = "validate",
		.started_at = NOW - 5,
		.decision = { .due_at = NOW,
		    .act_at = NOW,
		    .n_reasons = 1,
		    .reasons = {
			{ .code = "running", .text = "an order is under way" } } } };
}

/* Takes over the document. */
static void
expect(struct json_object *doc, const char *wanted)
{
	CLEAN(string) char *text = json_print(doc);

	assert_string_equal(text, wanted);
	json_object_put(doc);
}

#define LINE                                                                          \
	"{\"name\":\"example.org\",\"names\":[\"example.org\",\"www.example.org\"],"  \
	"\"state\":\"failed\",\"not_before\":\"2026-01-30T00:00:00Z\","               \
	"\"not_after\":\"2026-04-30T00:00:00Z\",\"next_renewal\":\"2026-03-01T00:10:" \
	"00Z\","                                                                      \
	"\"last_result\":\"failed\",\"last_error\":\"order: no\""
#define ARI                                                                              \
	"\"ari\":{\"window_start\":\"2026-03-02T00:00:00Z\","                            \
	"\"window_end\":\"2026-03-04T00:00:00Z\",\"drawn\":\"2026-03-03T00:00:00Z\","    \
	"\"explanation_url\":\"https://ca.example/why\","                                \
	"\"polled_at\":\"2026-02-28T23:59:00Z\",\"next_poll\":\"2026-03-01T00:01:00Z\"," \
	"\"error\":\"renewalInfo: no\",\"unsupported\":true}"

static void
test_a_certificate_is_one_line(void **state)
{
	struct cert_look look = known_look();
	struct cert_state fine = { .issued_at = NOW };

	(void)state;
	expect(view_certificate(&look), LINE "}");
	look.state = &fine;
	look.condition = "valid";
	look.waiting = true;
	look.step = "waiting";
	expect(view_certificate(&look),
	    "{\"name\":\"example.org\",\"names\":[\"example.org\",\"www.example.org\"],"
	    "\"state\":\"valid\",\"not_before\":\"2026-01-30T00:00:00Z\","
	    "\"not_after\":\"2026-04-30T00:00:00Z\",\"last_result\":\"issued\","
	    "\"step\":\"waiting\"}");
	look = unknown_look();
	expect(view_certificate(&look),
	    "{\"name\":\"example.org\",\"names\":[\"example.org\",\"www.example.org\"],"
	    "\"state\":\"issuing\",\"step\":\"validate\"}");
}

static void
test_details_are_all_that_is_known(void **state)
{
	struct cert_look look = known_look();

	(void)state;
	expect(view_details(&look, "/var/lib/acmed"),
	    LINE ",\"accounts\":[\"main\",\"spare\"],"
		 "\"configured_in\":\"/etc/acmed/certs.d/a.yaml\","
		 "\"profile\":\"tlsserver\","
		 "\"names_in_certificate\":[\"example.org\",\"www.example.org\"],"
		 "\"serial\":\"0a0b\",\"issuer\":\"R1 \\\"x\\\"\",\"root\":\"Root\","
		 "\"chain_length\":2,\"key_type\":\"ec:P-256\","
		 "\"fingerprint_sha256\":\"ff00\",\"ari_id\":\"aaa.bbb\","
		 "\"version\":7,\"files\":{"
		 "\"privkey\":\"/var/lib/acmed/live/example.org/privkey.pem\","
		 "\"cert\":\"/var/lib/acmed/live/example.org/cert.pem\","
		 "\"chain\":\"/var/lib/acmed/live/example.org/chain.pem\","
		 "\"fullchain\":\"/var/lib/acmed/live/example.org/fullchain.pem\"},"
		 "\"issued_at\":\"2026-01-30T00:00:00Z\","
		 "\"issued_by\":\"https://ca.example/dir\"," ARI
		 ",\"order\":\"https://ca.example/o/1\","
		 "\"failure\":{\"count\":2,\"at\":\"2026-02-28T23:59:00Z\","
		 "\"problem\":\"unauthorized\",\"error\":\"order: no\","
		 "\"retry_at\":\"2026-03-01T00:10:00Z\"}}");
	look = unknown_look();
	look.damage = "live/example.org: damaged";
	expect(view_details(&look, "/var/lib/acmed"),
	    "{\"name\":\"example.org\",\"names\":[\"example.org\",\"www.example.org\"],"
	    "\"state\":\"issuing\",\"step\":\"validate\","
	    "\"accounts\":[\"main\",\"spare\"],"
	    "\"configured_in\":\"/etc/acmed/certs.d/a.yaml\",\"profile\":\"tlsserver\","
	    "\"damage\":\"live/example.org: damaged\","
	    "\"order_started_at\":\"2026-02-28T23:59:55Z\"}");
}

static void
test_the_decision_comes_with_its_reasons(void **state)
{
	struct cert_look look = known_look();

	(void)state;
	expect(view_decision(&look, NOW),
	    "{\"name\":\"example.org\",\"state\":\"failed\",\"action\":\"wait\","
	    "\"next\":\"to be renewed 2026-03-01T00:10:00Z (in 10 min): not before\","
	    "\"due_at\":\"2026-02-28T00:00:00Z\",\"act_at\":\"2026-03-01T00:10:00Z\","
	    "\"poll_at\":\"2026-03-01T00:01:00Z\",\"reasons\":["
	    "{\"code\":\"dates\",\"text\":\"it is time\"},"
	    "{\"code\":\"backoff\",\"text\":\"not before\"}]," ARI "}");
	look.decision.act_at = NOW;
	look.state = &unknown;
	expect(view_decision(&look, NOW),
	    "{\"name\":\"example.org\",\"state\":\"failed\",\"action\":\"renew\","
	    "\"next\":\"to be renewed now: not before\","
	    "\"due_at\":\"2026-02-28T00:00:00Z\",\"act_at\":\"2026-03-01T00:00:00Z\","
	    "\"poll_at\":\"2026-03-01T00:01:00Z\",\"reasons\":["
	    "{\"code\":\"dates\",\"text\":\"it is time\"},"
	    "{\"code\":\"backoff\",\"text\":\"not before\"}]}");
	look = unknown_look();
	expect(view_decision(&look, NOW),
	    "{\"name\":\"example.org\",\"state\":\"issuing\",\"action\":\"busy\","
	    "\"next\":\"an order is under way\",\"due_at\":\"2026-03-01T00:00:00Z\","
	    "\"act_at\":\"2026-03-01T00:00:00Z\",\"reasons\":["
	    "{\"code\":\"running\",\"text\":\"an order is under way\"}]}");
}

static const struct scheduler_event step = { .type = EVENT_STEP,
	.at = NOW,
	.name = "example.org",
	.step = "validate",
	.text = "www.example.org" };

static void
test_an_event_says_what_happened(void **state)
{
	const struct scheduler_event least = { .type = EVENT_RENEWED, .at = NOW };

	(void)state;
	expect(view_event(&step), "{\"time\":\"2026-03-01T00:00:00Z\",\"event\":\"step\","
				  "\"name\":\"example.org\",\"step\":\"validate\","
				  "\"text\":\"www.example.org\"}");
	expect(view_event(&least),
	    "{\"time\":\"2026-03-01T00:00:00Z\",\"event\":\"renewed\",\"text\":\"\"}");
}

static struct problem problem_list[] = {
	{ S("a.yaml"), 3, 5, false, S("no \"names\"") },
	{ S("b\xFF.yaml"), 1, 1, true, S("has no effect yet") },
};
static const struct problems problems = { problem_list, 2, 1 };

static void
test_errors_and_warnings_are_told_apart(void **state)
{
	(void)state;
	expect(view_problems(&problems, false),
	    "[{\"file\":\"a.yaml\",\"line\":3,\"column\":5,\"warning\":false,"
	    "\"text\":\"no \\\"names\\\"\"}]");
	expect(view_problems(&problems, true),
	    "[{\"file\":\"b?.yaml\",\"line\":1,\"column\":1,\"warning\":true,"
	    "\"text\":\"has no effect yet\"}]");
}

static void
test_a_difference_has_all_its_lists(void **state)
{
	const struct config_diff diff = { .changed = names };

	(void)state;
	expect(view_diff(&diff), "{\"added\":[],\"changed\":[\"example.org\","
				 "\"www.example.org\"],\"removed\":[]}");
}

/* ---- the interface definition ---- */

/* What is between "type NAME (" and its ")". */
static char *
type_text(const char *name)
{
	CLEAN(string) char *start = xasprintf("\ntype %s (\n", name);
	const char *found = strstr(method_interface_text, start);

	assert_non_null(found);
	found += strlen(start) - 1;
	return xstrndup(found, (size_t)(strstr(found, "\n)") - found));
}

/* Every member is in the type; what is not optional there is a member. Takes over doc. */
static void
expect_type(struct json_object *doc, const char *name)
{
	CLEAN(string) char *type = type_text(name);
	size_t n = 0;

	json_object_object_foreach (doc, key, value) {
		CLEAN(string) char *line = xasprintf("\n  %s: ", key);

		(void)value;
		assert_non_null(strstr(type, line));
	}
	for (const char *line = type; line != NULL; line = strchr(line + 1, '\n')) {
		const char *colon = strchr(line, ':');
		CLEAN(string) char *member = NULL;

		assert_non_null(colon);
		member = xstrndup(line + 3, (size_t)(colon - line - 3));
		n++;
		assert_true(
		    colon[2] == '?' || json_object_object_get_ex(doc, member, NULL));
	}
	assert_true(n >= 5);
	json_object_put(doc);
}

static void
test_all_members_are_in_the_interface_definition(void **state)
{
	struct cert_look look = known_look();
	CLEAN(json) struct json_object *list = view_problems(&problems, true);

	(void)state;
	expect_type(view_certificate(&look), "Certificate");
	look = unknown_look();
	expect_type(view_certificate(&look), "Certificate");
	expect_type(view_event(&step), "Event");
	expect_type(json_object_get(json_object_array_get_idx(list, 0)), "Problem");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_certificate_is_one_line),
		cmocka_unit_test(test_details_are_all_that_is_known),
		cmocka_unit_test(test_the_decision_comes_with_its_reasons),
		cmocka_unit_test(test_an_event_says_what_happened),
		cmocka_unit_test(test_errors_and_warnings_are_told_apart),
		cmocka_unit_test(test_a_difference_has_all_its_lists),
		cmocka_unit_test(test_all_members_are_in_the_interface_definition),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
