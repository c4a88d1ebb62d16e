/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/config/config.h"
#include "daemon/renew/decide.h"
#include "daemon/renew/state.h"

#define NOW     ((time_t)1772323200) /* 2026-03-01T00:00:00Z, a Sunday */
#define HOUR    ((time_t)3600)
#define DAY     ((time_t)86400)
#define S(text) ((char *)(text)) /* a state owns its strings, but not here */

/* ---- one case: a certificate, its history, and what is decided ---- */

struct decide_case {
	const char *what;
	time_t age; /* of the certificate in force; lifetime 0: there is none */
	time_t lifetime;
	struct config_share before; /* {0, 0}: 33 percent */
	bool ari_off;
	const char *damage;
	const char *changed;
	bool not_ours;
	bool no_id;
	bool running;
	bool unfinished;
	uint32_t spread;
	struct cert_state state;
	enum decide_action action;
	time_t due_in; /* all from NOW */
	time_t act_in;
	time_t poll_in; /* NEVER: not asked */
	const char *codes;
	const char *sentence;
};

#define NEVER INT64_MAX

static void
decide_case(const struct decide_case *c, time_t now, struct decision *d)
{
	struct cert_options options = { .renew_ari = !c->ari_off,
		.renew_before = c->before };
	const struct decide_input in = { .now = now,
		.options = &options,
		.state = &c->state,
		.have_cert = c->lifetime > 0,
		.damage = c->damage,
		.changed = c->changed,
		.ari_id = c->lifetime > 0 && !c->no_id ? "id" : NULL,
		.ari_askable = !c->not_ours,
		.not_before = NOW - c->age,
		.not_after = NOW - c->age + c->lifetime,
		.spread = c->spread,
		.running = c->running,
		.unfinished = c->unfinished };

	if (options.renew_before.seconds == 0 && options.renew_before.percent == 0)
		options.renew_before.percent = 33;
	decide(&in, d);
}

static char *
codes_of(const struct decision *d)
{
	struct text t = { 0 };

	for (size_t i = 0; i < d->n_reasons; i++)
		text_add(&t, "%s%s", i ? " " : "", d->reasons[i].code);
	return text_take(&t);
}

static void
check(const struct decide_case *c)
{
	struct decision d;
	CLEAN(string) char *codes = NULL, *sentence = NULL;

	decide_case(c, NOW, &d);
	codes = codes_of(&d);
	sentence = decide_sentence(&d, NOW);
	if (!str_eq(sentence, c->sentence))
		print_message("%s:\n", c->what);
	assert_int_equal(d.action, c->action);
	assert_string_equal(sentence, c->sentence);
	assert_string_equal(codes, c->codes);
	assert_int_equal(d.due_at - NOW, c->due_in);
	assert_int_equal(d.act_at - NOW, c->act_in);
	assert_int_equal(d.poll_at == 0 ? NEVER : d.poll_at - NOW, c->poll_in);
}

#define CHECK(cases)                                 \
	for (size_t i_ = 0; i_ < COUNT(cases); i_++) \
	check(&(cases)[i_])

/* ---- the cases ---- */

static void
test_without_a_certificate_one_is_issued_at_once(void **state)
{
	static const struct decide_case cases[] = {
		{ .what = "none",
		    .poll_in = NEVER,
		    .codes = "none",
		    .sentence = "to be issued now: there is no certificate yet" },
		{ .what = "damaged",
		    .damage = "live/a: the key does not fit",
		    .poll_in = NEVER,
		    .codes = "none",
		    .sentence =
			"to be issued now: there is no certificate yet that could be "
			"used: live/a: the key does not fit" },
		{ .what = "failed before",
		    .state = { .failures = 3,
			.failed_at = NOW - 60,
			.retry_at = NOW + (time_t)100 * 60,
			.error = S("validate: no route to host") },
		    .act_in = (time_t)100 * 60,
		    .poll_in = NEVER,
		    .codes = "none failed backoff",
		    .sentence =
			"to be issued 2026-03-01T01:40:00Z (in 1 h): the last attempt "
			"failed, the next one is not before 2026-03-01T01:40:00Z" },
		{ .what = "an order is under way",
		    .running = true,
		    .poll_in = NEVER,
		    .codes = "running none",
		    .sentence = "an order is under way" },
	};

	(void)state;
	CHECK(cases);
}

/* What the CA suggested for the certificate in force. */
#define WINDOW(from, to, at)                                                              \
	{                                                                                 \
		.cert_id = S("id"), .start = NOW + (from), .end = NOW + (to),             \
		.drawn = NOW + (at), .polled_at = NOW - HOUR, .next_poll = NOW + 5 * HOUR \
	}

static const struct decide_case of_windows[] = {
	{ .what = "in the future",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .state = { .ari = WINDOW(29 * DAY, 31 * DAY, 30 * DAY) },
	    .action = DECIDE_RENEW,
	    .due_in = 30 * DAY,
	    .act_in = 30 * DAY,
	    .poll_in = 5 * HOUR,
	    .codes = "window poll",
	    .sentence = "to be renewed 2026-03-31T00:00:00Z (in 30 d): the CA suggests "
			"2026-03-30T00:00:00Z to 2026-04-01T00:00:00Z; drawn from "
			"it: 2026-03-31T00:00:00Z" },
	{ .what = "in the past",
	    .age = 1 * DAY,
	    .lifetime = 90 * DAY,
	    .state = { .ari = WINDOW(-3 * DAY, -2 * DAY, -2 * DAY - 1) },
	    .action = DECIDE_RENEW,
	    .due_in = -2 * DAY - 1,
	    .act_in = -2 * DAY - 1,
	    .poll_in = 5 * HOUR,
	    .codes = "window poll",
	    .sentence = "to be renewed now: the CA suggests 2026-02-26T00:00:00Z to "
			"2026-02-27T00:00:00Z; drawn from it: "
			"2026-02-26T23:59:59Z" },
	{ .what = "after the end: the floor",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .state = { .ari = WINDOW(70 * DAY, 80 * DAY, 75 * DAY) },
	    .action = DECIDE_RENEW,
	    .due_in = 51 * DAY,
	    .act_in = 51 * DAY,
	    .poll_in = 5 * HOUR,
	    .codes = "window floor poll",
	    .sentence = "to be renewed 2026-04-21T00:00:00Z (in 51 d): not later than "
			"2026-04-21T00:00:00Z, when little of its life is left" },
	{ .what = "of another certificate: not used, and asked anew",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .state = { .ari = { .cert_id = S("other"),
			   .start = NOW,
			   .end = NOW + DAY,
			   .drawn = NOW,
			   .polled_at = NOW - 1,
			   .next_poll = NOW + DAY } },
	    .action = DECIDE_RENEW,
	    .due_in = 90 * DAY * 67 / 100 - 30 * DAY,
	    .act_in = 90 * DAY * 67 / 100 - 30 * DAY,
	    .codes = "dates poll",
	    .sentence = "to be renewed 2026-03-31T07:12:00Z (in 30 d): without renewal "
			"information it is renewed 29 d 16 h before it expires" },
	{ .what = "answered in the future: the clock was set back",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .state = { .ari = { .cert_id = S("id"),
			   .start = NOW + DAY,
			   .end = NOW + 2 * DAY,
			   .drawn = NOW + DAY,
			   .polled_at = NOW + 900 * DAY,
			   .next_poll = NOW + 901 * DAY } },
	    .action = DECIDE_RENEW,
	    .due_in = DAY,
	    .act_in = DAY,
	    .codes = "window poll",
	    .sentence = "to be renewed 2026-03-02T00:00:00Z (in 1 d): the CA suggests "
			"2026-03-02T00:00:00Z to 2026-03-03T00:00:00Z; drawn from "
			"it: 2026-03-02T00:00:00Z" },
	{ .what = "99 percent: not in the first third",
	    .age = DAY,
	    .lifetime = 90 * DAY,
	    .before = { 0, 99 },
	    .action = DECIDE_RENEW,
	    .due_in = 29 * DAY,
	    .act_in = 29 * DAY,
	    .codes = "dates poll",
	    .sentence = "to be renewed 2026-03-30T00:00:00Z (in 29 d): without renewal "
			"information it is renewed 60 d before it expires" },
	{ .what = "switched off: the window is of no use",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .ari_off = true,
	    .state = { .ari = WINDOW(-2 * DAY, DAY, -DAY) },
	    .action = DECIDE_RENEW,
	    .due_in = 90 * DAY * 67 / 100 - 30 * DAY,
	    .act_in = 90 * DAY * 67 / 100 - 30 * DAY,
	    .poll_in = NEVER,
	    .codes = "dates ari-off",
	    .sentence = "to be renewed 2026-03-31T07:12:00Z (in 30 d): without renewal "
			"information it is renewed 29 d 16 h before it expires" },
	{ .what = "the CA is none of ours: its window of before is kept",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .not_ours = true,
	    .state = { .ari = WINDOW(-2 * DAY, 2 * DAY, DAY) },
	    .action = DECIDE_RENEW,
	    .due_in = DAY,
	    .act_in = DAY,
	    .poll_in = NEVER,
	    .codes = "window ari-none",
	    .sentence = "to be renewed 2026-03-02T00:00:00Z (in 1 d): the CA suggests "
			"2026-02-27T00:00:00Z to 2026-03-03T00:00:00Z; drawn from "
			"it: 2026-03-02T00:00:00Z" },
};

static void
test_the_instant_drawn_from_the_window_counts(void **state)
{
	(void)state;
	CHECK(of_windows);
}

static const struct decide_case of_failures[] = {
	{ .what = "due, and failed",
	    .age = 70 * DAY,
	    .lifetime = 90 * DAY,
	    .state = { .failures = 2,
		.failed_at = NOW - 60,
		.retry_at = NOW + 540,
		.error = S("order: the CA said no") },
	    .action = DECIDE_RENEW,
	    .due_in = 90 * DAY * 67 / 100 - 70 * DAY,
	    .act_in = 540,
	    .codes = "dates poll failed backoff",
	    .sentence = "to be renewed 2026-03-01T00:09:00Z (in 9 min): the last attempt "
			"failed, the next one is not before 2026-03-01T00:09:00Z" },
	{ .what = "failed, and not due before",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .state = { .failures = 1, .failed_at = NOW - 60, .retry_at = NOW + 1 },
	    .action = DECIDE_RENEW,
	    .due_in = 30 * DAY,
	    .act_in = 30 * DAY,
	    .codes = "dates poll failed",
	    .sentence = "to be renewed 2026-03-31T00:00:00Z (in 30 d): without renewal "
			"information it is renewed 30 d before it expires" },
	{ .what = "an order is not finished",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .unfinished = true,
	    .action = DECIDE_RENEW,
	    .codes = "dates order poll",
	    .sentence = "to be renewed now: an order that was begun is not finished" },
	{ .what = "an order is not finished, and failed",
	    .age = 30 * DAY,
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .unfinished = true,
	    .state = { .failures = 1, .failed_at = NOW - 60, .retry_at = NOW + 60 },
	    .action = DECIDE_RENEW,
	    .act_in = 60,
	    .codes = "dates order poll failed backoff",
	    .sentence = "to be renewed 2026-03-01T00:01:00Z (in 1 min): the last attempt "
			"failed, the next one is not before 2026-03-01T00:01:00Z" },
	{ .what = "the pause is over",
	    .age = 80 * DAY,
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .state = { .failures = 9, .failed_at = NOW - DAY, .retry_at = NOW },
	    .action = DECIDE_RENEW,
	    .due_in = -20 * DAY,
	    .act_in = 0,
	    .codes = "dates poll failed backoff",
	    .sentence = "to be renewed now: the last attempt failed, the next one "
			"is not before 2026-03-01T00:00:00Z" },
	{ .what = "failed in the future: the clock was set back",
	    .age = 80 * DAY,
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .state = { .failures = 1, .failed_at = NOW + HOUR, .retry_at = NOW + 2 * HOUR },
	    .action = DECIDE_RENEW,
	    .due_in = -20 * DAY,
	    .act_in = -20 * DAY,
	    .codes = "dates poll failed",
	    .sentence = "to be renewed now: without renewal information it is renewed "
			"30 d before it expires" },
	{ .what = "a pause that nobody made: the state is damaged",
	    .age = 80 * DAY,
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .state = { .failures = 1, .failed_at = NOW - HOUR, .retry_at = NOW + 3 * DAY },
	    .action = DECIDE_RENEW,
	    .due_in = -20 * DAY,
	    .act_in = -20 * DAY,
	    .codes = "dates poll failed",
	    .sentence = "to be renewed now: without renewal information it is renewed "
			"30 d before it expires" },
};

static void
test_failures_hold_it_back_and_nothing_else_does(void **state)
{
	(void)state;
	CHECK(of_failures);
}

static const struct decide_case of_all_else[] = {
	{ .what = "other names are wanted",
	    .age = 1 * DAY,
	    .lifetime = 90 * DAY,
	    .changed = "other names",
	    .state = { .ari = WINDOW(29 * DAY, 31 * DAY, 30 * DAY) },
	    .action = DECIDE_RENEW,
	    .poll_in = 5 * HOUR,
	    .codes = "window changed poll",
	    .sentence = "to be renewed now: the configuration wants another one: "
			"other names" },
	{ .what = "expired",
	    .age = 91 * DAY,
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .action = DECIDE_RENEW,
	    .due_in = -31 * DAY,
	    .act_in = -31 * DAY,
	    .poll_in = NEVER,
	    .codes = "dates expired",
	    .sentence = "to be renewed now: without renewal information it is renewed "
			"30 d before it expires" },
	{ .what = "in an emergency the window does not count",
	    .age = 82 * DAY,
	    .lifetime = 90 * DAY,
	    .state = { .ari = WINDOW(2 * DAY, 4 * DAY, 3 * DAY) },
	    .action = DECIDE_RENEW,
	    .due_in = -1 * DAY,
	    .act_in = -1 * DAY,
	    .poll_in = 5 * HOUR,
	    .codes = "window floor poll",
	    .sentence = "to be renewed now: not later than 2026-02-28T00:00:00Z, when "
			"little of its life is left" },
	{ .what = "it has no id",
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .no_id = true,
	    .action = DECIDE_RENEW,
	    .due_in = 60 * DAY,
	    .act_in = 60 * DAY,
	    .poll_in = NEVER,
	    .codes = "dates ari-none",
	    .sentence = "to be renewed 2026-04-30T00:00:00Z (in 60 d): without renewal "
			"information it is renewed 30 d before it expires" },
	{ .what = "the CA has none, and failed",
	    .lifetime = 90 * DAY,
	    .before = { 30 * DAY, 0 },
	    .state = { .ari = { .cert_id = S("id"),
			   .polled_at = NOW - 60,
			   .next_poll = NOW + 60,
			   .unsupported = true,
			   .errors = 2,
			   .error = S("renewalInfo: timed out") } },
	    .action = DECIDE_RENEW,
	    .due_in = 60 * DAY,
	    .act_in = 60 * DAY,
	    .poll_in = 60,
	    .codes = "dates ari-unsupported ari-error poll",
	    .sentence = "to be renewed 2026-04-30T00:00:00Z (in 60 d): without renewal "
			"information it is renewed 30 d before it expires" },
};

static void
test_what_else_there_is_to_say(void **state)
{
	(void)state;
	CHECK(of_all_else);
}

static void
test_the_last_rapid_one_is_explained(void **state)
{
	static const struct decide_case cases[] = {
		{ .what = "rapid",
		    .lifetime = 90 * DAY,
		    .state = { .ari = WINDOW(-2 * DAY, 0, -DAY),
			.issued_at = NOW,
			.rapid = 2 },
		    .action = DECIDE_RENEW,
		    .due_in = -DAY,
		    .act_in = HOUR,
		    .poll_in = 5 * HOUR,
		    .codes = "window poll rapid",
		    .sentence =
			"to be renewed 2026-03-01T01:00:00Z (in 1 h): issued 3 times in "
			"quick succession: not again before "
			"2026-03-01T01:00:00Z" },
	};

	(void)state;
	CHECK(cases);
}

static void
test_all_reasons_at_once_have_room(void **state)
{
	struct decide_case c = { .age = 30 * DAY,
		.lifetime = 90 * DAY,
		.changed = "other names",
		.running = true,
		.state = { .ari = WINDOW(80 * DAY, 85 * DAY, 81 * DAY),
		    .failures = 1,
		    .failed_at = NOW,
		    .retry_at = NOW + DAY,
		    .issued_at = NOW,
		    .rapid = 2 } };
	struct decision d;
	CLEAN(string) char *codes = NULL;

	(void)state;
	c.state.ari.explanation = S("https://ca.example/");
	c.state.ari.error = S("renewalInfo: timed out");
	c.state.ari.unsupported = true;
	decide_case(&c, NOW, &d);
	codes = codes_of(&d);
	assert_string_equal(codes, "running window explanation floor changed "
				   "ari-unsupported ari-error poll rapid failed backoff");
	assert_true(d.n_reasons <= DECIDE_REASONS_MAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_certificate_one_is_issued_at_once),
		cmocka_unit_test(test_the_instant_drawn_from_the_window_counts),
		cmocka_unit_test(test_failures_hold_it_back_and_nothing_else_does),
		cmocka_unit_test(test_what_else_there_is_to_say),
		cmocka_unit_test(test_the_last_rapid_one_is_explained),
		cmocka_unit_test(test_all_reasons_at_once_have_room),
	};

	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
