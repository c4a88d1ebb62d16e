/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/acme/ari.h"
#include "daemon/acme/directory.h"
#include "tests/unit/scripted_http.h"

#define CERT_ID "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"

#define DIRECTORY(more)                                  \
	"{\"newNonce\":\"https://ca.example/nonce\","    \
	"\"newAccount\":\"https://ca.example/account\"," \
	"\"newOrder\":\"https://ca.example/order\"" more "}"

#define WINDOW(start, end) \
	"{\"suggestedWindow\":{\"start\":\"" start "\",\"end\":\"" end "\"}}"

#define GOOD_WINDOW WINDOW("2026-12-20T03:00:00Z", "2026-12-20T19:00:00.250Z")

/* What on_answer() was told. */
static struct {
	unsigned calls;
	bool is_answer;
	struct ari_answer answer;
	char explanation[64];
	struct err err;
} got;

static void
on_answer(const struct ari_answer *answer, const struct err *err, void *arg)
{
	assert_ptr_equal(arg, &got);
	assert_true(answer == NULL || err == NULL);
	got.calls++;
	got.is_answer = answer != NULL;
	if (answer != NULL) {
		got.answer = *answer;
		snprintf(got.explanation, sizeof(got.explanation), "%s",
		    answer->explanation ? answer->explanation : "-");
	}
	if (err != NULL)
		got.err = *err;
}

/* ---- reading ---- */

static struct json_object *
parse(const char *text)
{
	struct err err = { 0 };
	struct json_object *doc = json_parse(text, strlen(text), &err);

	if (doc == NULL)
		print_error("%s\n", err.text);
	assert_non_null(doc);
	return doc;
}

static void
test_a_suggested_window_is_read(void **state)
{
	static const struct {
		const char *json;
		time_t start;
		time_t end;
		const char *explanation;
	} cases[] = {
		{ "{\"suggestedWindow\":{\"start\":\"2026-12-20T03:00:00Z\",\"end\":"
		  "\"2026-12-20T19:00:00.250Z\"},"
		  "\"explanationURL\":\"https://ca.example/incident/1\"}",
		    1797735600, 1797793200, "https://ca.example/incident/1" },
		{ "{\"suggestedWindow\":{\"start\":\"2026-12-20T04:00:00+01:00\",\"end\":"
		  "\"2026-12-20T04:00:01+01:00\"},"
		  "\"explanationURL\":\"http://ca.example/\"}",
		    1797735600, 1797735601, "http://ca.example/" },
		{ "{\"suggestedWindow\":{\"start\":\"2026-12-20T03:00:00Z\",\"end\":"
		  "\"2026-12-20T19:00:00Z\",\"x\":[]},"
		  "\"explanationURL\":\"javascript:alert(1)\"}",
		    1797735600, 1797793200, NULL },
		{ "{\"suggestedWindow\":{\"start\":\"2026-12-20T03:00:00Z\",\"end\":"
		  "\"2026-12-20T19:00:00Z\"},\"explanationURL\":7}",
		    1797735600, 1797793200, NULL },
		{ WINDOW("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"), -62135596800,
		    253402300799, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = parse(cases[i].json);
		struct ari_answer answer = { .retry_after = 7 };
		struct err err = { 0 };

		assert_int_equal(ari_parse(doc, &answer, &err), 0);
		assert_int_equal(answer.window.start, cases[i].start);
		assert_int_equal(answer.window.end, cases[i].end);
		assert_int_equal(answer.retry_after, 0);
		assert_true(str_eq(answer.explanation, cases[i].explanation));
	}
}

static void
test_what_is_no_window_is_said_to_be_none(void **state)
{
	static const struct {
		const char *json;
		const char *text;
	} cases[] = {
		{ "[]", "no \"suggestedWindow\"" },
		{ "{}", "no \"suggestedWindow\"" },
		{ "{\"suggestedWindow\":[]}", "no \"suggestedWindow\"" },
		{ "{\"suggestedWindow\":{}}", "suggestedWindow: no \"start\"" },
		{ "{\"suggestedWindow\":{\"start\":\"2026-12-20T03:00:00Z\"}}",
		    "suggestedWindow: no \"end\"" },
		{ "{\"suggestedWindow\":{\"start\":7,\"end\":8}}",
		    "suggestedWindow: no \"start\"" },
		{ WINDOW("soon", "2026-12-20T03:00:00Z"),
		    "suggestedWindow: start: \"soon\" is not a time" },
		{ WINDOW("2026-12-20T03:00:00Z", "2026-02-30T03:00:00Z"),
		    "suggestedWindow: end: \"2026-02-30T03:00:00Z\" is not a time" },
		{ WINDOW("2026-12-20T03:00:00Z", "2026-12-20T03:00:00Z"),
		    "suggestedWindow ends before it starts" },
		{ WINDOW("2026-12-20T03:00:00Z", "2026-12-20T03:00:00.9Z"),
		    "suggestedWindow ends before it starts" },
		{ WINDOW("2026-12-20T03:00:00Z", "2026-12-19T03:00:00Z"),
		    "suggestedWindow ends before it starts" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = parse(cases[i].json);
		struct ari_answer answer = { .retry_after = 7 };
		struct err err = { 0 };

		assert_int_equal(ari_parse(doc, &answer, &err), -1);
		assert_int_equal(err.kind, ERR_PROTOCOL);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(answer.retry_after, 7); /* a failure leaves *ret alone */
	}
}

/* ---- drawing ---- */

static void
test_the_pick_is_in_the_window_at_both_ends(void **state)
{
	static const struct ari_window windows[] = {
		{ 0, 1 },
		{ 1797735600, 1797735601 },
		{ 1797735600, 1797735602 },
		{ 1797735600, 1797793200 },
		{ -5, 5 },
		{ 0, UINT32_MAX },
		{ 0, (time_t)UINT32_MAX + 1 },
		{ -62135596800, 253402300799 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(windows); i++) {
		const struct ari_window *w = &windows[i];
		time_t before = w->start;

		assert_int_equal(ari_pick(w, 0), w->start);
		for (uint64_t random = 0; random <= UINT32_MAX; random += 0x1234567) {
			time_t at = ari_pick(w, (uint32_t)random);

			assert_true(at >= before && at < w->end);
			before = at;
		}
		assert_true(ari_pick(w, UINT32_MAX) < w->end);
		if (w->end - w->start <= (time_t)UINT32_MAX)
			assert_int_equal(ari_pick(w, UINT32_MAX), w->end - 1);
	}
}

static void
test_picks_are_spread_evenly(void **state)
{
	const struct ari_window w = { 1000, 1000 + 86400 };

	(void)state;
	assert_in_range(ari_pick(&w, UINT32_MAX / 4), 1000 + 21599, 1000 + 21600);
	assert_in_range(ari_pick(&w, UINT32_MAX / 2), 1000 + 43199, 1000 + 43200);
	assert_in_range(ari_pick(&w, UINT32_MAX / 4 * 3), 1000 + 64798, 1000 + 64800);
}

/* ---- asking ---- */

static int
set_up(void **state)
{
	memset(&got, 0, sizeof(got));
	return scripted_http_set_up(state);
}

static struct directory *
find(struct directories *all)
{
	return directory_find(all, "https://ca.example/directory", NULL);
}

static void
run_fetch(void)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);

	ari_fetch_start(find(all), CERT_ID, on_answer, &got);
	assert_int_equal(got.calls, 0);
	scripted_http_run();
	assert_int_equal(got.calls, 1);
}

static void
test_the_url_is_joined_with_one_slash(void **state)
{
	static const char *const directories[] = {
		DIRECTORY(",\"renewalInfo\":\"https://ca.example/ari\""),
		DIRECTORY(",\"renewalInfo\":\"https://ca.example/ari/\""),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(directories); i++) {
		got.calls = 0;
		ANSWER({ .status = 200, .body = directories[i] },
		    { .status = 200,
			.body = GOOD_WINDOW,
			.headers = "Retry-After: 21600" });
		run_fetch();
		assert_asked("GET https://ca.example/directory\n"
			     "GET https://ca.example/ari/" CERT_ID "\n");
		assert_true(got.is_answer);
		assert_int_equal(got.answer.window.start, 1797735600);
		assert_int_equal(got.answer.window.end, 1797793200);
		assert_int_equal(got.answer.retry_after, 21600);
		assert_string_equal(got.explanation, "-");
	}
}

static void
test_when_to_ask_again_is_read_in_any_form(void **state)
{
	static const struct {
		const char *headers;
		time_t expected;
	} cases[] = {
		{ NULL, 0 },
		{ "Retry-After: 5", 5 },
		{ "Retry-After: 0", 0 },
		{ "Retry-After: Sun, 22 Nov 2026 16:20:00 GMT", 1200 },
		{ "Retry-After: Sun, 22 Nov 2026 15:20:00 GMT", 0 },
		{ "Retry-After: -3", 0 },
		{ "Retry-After: 1e3", 0 },
		{ "Retry-After: 99999999999999999999", (time_t)3650 * 86400 },
	};

	(void)state;
	h.now = 1795363200; /* 2026-11-22T16:00:00Z */
	for (size_t i = 0; i < COUNT(cases); i++) {
		got.calls = 0;
		ANSWER({ .status = 200,
			   .body =
			       DIRECTORY(",\"renewalInfo\":\"https://ca.example/ari\"") },
		    { .status = 200, .body = GOOD_WINDOW, .headers = cases[i].headers });
		run_fetch();
		assert_true(got.is_answer);
		assert_int_equal(got.answer.retry_after, cases[i].expected);
	}
}

static void
test_the_explanation_is_there_when_told(void **state)
{
	(void)state;
	ANSWER({ .status = 200,
		   .body = DIRECTORY(",\"renewalInfo\":\"https://ca.example/ari\"") },
	    { .status = 200,
		.body = "{\"suggestedWindow\":{\"start\":\"2026-12-20T03:00:00Z\",\"end\":"
			"\"2026-12-20T19:00:00Z\"},"
			"\"explanationURL\":\"https://ca.example/incident/1\"}" });
	run_fetch();
	assert_string_equal(got.explanation, "https://ca.example/incident/1");
}

static void
test_a_ca_without_renewal_information_is_no_failure(void **state)
{
	static const char *const directories[] = { DIRECTORY(""),
		DIRECTORY(",\"renewalInfo\":7"), DIRECTORY(",\"renewalInfo\":null") };

	(void)state;
	for (size_t i = 0; i < COUNT(directories); i++) {
		got.calls = 0;
		ANSWER({ .status = 200, .body = directories[i] });
		run_fetch();
		assert_asked("GET https://ca.example/directory\n");
		assert_false(got.is_answer);
		assert_int_equal(got.err.kind, ERR_NONE);
	}
}

static void
test_answers_that_are_none_are_told_apart(void **state)
{
	static const struct {
		struct scripted_reply reply;
		enum err_kind kind;
		time_t retry_after;
		const char *text;
	} cases[] = {
		{ { .status = 200, .body = "<html>" }, ERR_PROTOCOL, 0,
		    "renewalInfo: not JSON at offset 0: not a value" },
		{ { .status = 200 }, ERR_PROTOCOL, 0,
		    "renewalInfo: not JSON at offset 0: it ends too early" },
		{ { .status = 200, .body = "[]" }, ERR_PROTOCOL, 0,
		    "renewalInfo: no \"suggestedWindow\"" },
		{ { .status = 200, .body = "null" }, ERR_PROTOCOL, 0,
		    "renewalInfo: not JSON: nothing but null" },
		{ { .status = 204 }, ERR_PROTOCOL, 0,
		    "renewalInfo: the CA answered 204 and no reason" },
		{ { .status = 404 }, ERR_PROTOCOL, 0,
		    "renewalInfo: the CA answered 404 and no reason" },
		{ { .status = 404,
		      .body = "{\"type\":\"urn:ietf:params:acme:error:malformed\","
			      "\"detail\":\"No such certificate\"}" },
		    ERR_PROTOCOL, 0, "renewalInfo: No such certificate (malformed)" },
		{ { .status = 503, .body = "<html>", .headers = "Retry-After: 90" },
		    ERR_NETWORK, 90, "renewalInfo: the CA answered 503 and no reason" },
		{ { .failure = "ca.example: no route" }, ERR_NETWORK, 0,
		    "renewalInfo: ca.example: no route" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		got.calls = 0;
		ANSWER({ .status = 200,
			   .body =
			       DIRECTORY(",\"renewalInfo\":\"https://ca.example/ari\"") },
		    cases[i].reply);
		run_fetch();
		assert_false(got.is_answer);
		assert_int_equal(got.err.kind, cases[i].kind);
		assert_int_equal(got.err.retry_after, cases[i].retry_after);
		assert_string_equal(got.err.text, cases[i].text);
	}
}

static void
test_the_directory_fails_and_so_does_the_question(void **state)
{
	(void)state;
	ANSWER({ .status = 503, .headers = "Retry-After: 30" });
	run_fetch();
	assert_string_equal(got.err.text,
	    "renewalInfo: directory https://ca.example/directory: "
	    "the CA answered 503 and no reason");
	assert_int_equal(got.err.retry_after, 30);
}

static void
test_no_other_host_is_asked(void **state)
{
	(void)state;
	ANSWER({ .status = 200,
	    .body = DIRECTORY(",\"renewalInfo\":\"https://evil.test/ari\"") });
	run_fetch();
	assert_asked("GET https://ca.example/directory\n");
	assert_string_equal(got.err.text,
	    "renewalInfo: the CA refers to a host that is not its own: "
	    "https://evil.test/ari");
}

static void
test_a_freed_fetch_never_calls_back(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	CLEAN(ari_fetch) struct ari_fetch *f = NULL;

	(void)state;
	/* While it waits for the directory, and while it waits for the answer. */
	ANSWER({ .status = 200,
		   .body = DIRECTORY(",\"renewalInfo\":\"https://ca.example/ari\"") },
	    { .status = 200, .body = GOOD_WINDOW });
	ari_fetch_free(ari_fetch_start(find(all), CERT_ID, on_answer, &got));
	f = ari_fetch_start(find(all), CERT_ID, on_answer, &got);
	while (h.left > 0)
		event_base_loop(h.loop, EVLOOP_ONCE);
	assert_int_equal(h.open, 1);
	ari_fetch_free(TAKE(f));
	scripted_http_run();
	assert_int_equal(got.calls, 0);
	ari_fetch_free(NULL);
}

#define ARI_TEST(function) \
	cmocka_unit_test_setup_teardown(function, set_up, scripted_http_tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_suggested_window_is_read),
		cmocka_unit_test(test_what_is_no_window_is_said_to_be_none),
		cmocka_unit_test(test_the_pick_is_in_the_window_at_both_ends),
		cmocka_unit_test(test_picks_are_spread_evenly),
		ARI_TEST(test_the_url_is_joined_with_one_slash),
		ARI_TEST(test_when_to_ask_again_is_read_in_any_form),
		ARI_TEST(test_the_explanation_is_there_when_told),
		ARI_TEST(test_a_ca_without_renewal_information_is_no_failure),
		ARI_TEST(test_answers_that_are_none_are_told_apart),
		ARI_TEST(test_the_directory_fails_and_so_does_the_question),
		ARI_TEST(test_no_other_host_is_asked),
		ARI_TEST(test_a_freed_fetch_never_calls_back),
	};

	return cmocka_run_group_tests_name("ari", tests, NULL, NULL);
}
