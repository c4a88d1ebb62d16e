/* SPDX-License-Identifier: ISC */
/* Figures rather than sentences: test_decide.c has those. */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/renew/decide.h"
#include "daemon/renew/state.h"

#define NOW  ((time_t)1772323200) /* 2026-03-01T00:00:00Z */
#define HOUR ((time_t)3600)
#define DAY  ((time_t)86400)

/* A certificate that begins now. */
static void
decide_new(time_t lifetime, const struct config_share *before, uint32_t spread,
    const struct cert_state *s, struct decision *d)
{
	const struct cert_options options = { .renew_ari = true, .renew_before = *before };
	const struct decide_input in = { .now = NOW,
		.options = &options,
		.state = s,
		.have_cert = true,
		.ari_id = "id",
		.ari_askable = true,
		.not_before = NOW,
		.not_after = NOW + lifetime,
		.spread = spread };

	decide(&in, d);
}

static const struct config_share third = { 0, 33 };
static const struct cert_state no_state;

static void
test_without_renewal_information_the_dates_count(void **state)
{
	static const struct {
		time_t lifetime;
		struct config_share before;
		time_t due_in;
	} cases[] = {
		/* the share of the default, and a half of what is short */
		{ 90 * DAY, { 0, 33 }, 90 * DAY - 90 * DAY * 33 / 100 },
		{ 64 * DAY, { 0, 33 }, 64 * DAY - 64 * DAY * 33 / 100 },
		{ 45 * DAY, { 0, 33 }, 45 * DAY - 45 * DAY * 33 / 100 },
		{ 10 * DAY, { 0, 33 }, 10 * DAY - 10 * DAY * 33 / 100 },
		{ 6 * DAY, { 0, 33 }, 3 * DAY },
		{ HOUR, { 0, 33 }, HOUR / 2 },
		{ 6 * DAY, { 0, 60 }, 6 * DAY - 6 * DAY * 60 / 100 },
		{ 90 * DAY, { 0, 50 }, 45 * DAY },
		{ 90 * DAY, { 0, 99 }, 30 * DAY },
		/* durations, within reason */
		{ 90 * DAY, { 30 * DAY, 0 }, 60 * DAY },
		{ 64 * DAY, { 30 * DAY, 0 }, 34 * DAY },
		{ 45 * DAY, { 30 * DAY, 0 }, 15 * DAY },
		{ 6 * DAY, { 2 * DAY, 0 }, 4 * DAY },
		{ 6 * DAY, { 30 * DAY, 0 }, 2 * DAY },
		{ 31 * DAY, { 30 * DAY, 0 }, 31 * DAY - 31 * DAY / 3 * 2 },
		/* the floor is above what was wished */
		{ 90 * DAY, { 0, 1 }, 81 * DAY },
		{ 90 * DAY, { 2 * DAY, 0 }, 81 * DAY },
		{ 6 * DAY, { HOUR, 0 }, 5 * DAY },
		{ 2 * DAY, { HOUR, 0 }, 36 * HOUR },
		{ HOUR, { 60, 0 }, HOUR / 4 * 3 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct decision d;

		decide_new(cases[i].lifetime, &cases[i].before, 0, &no_state, &d);
		assert_int_equal(d.due_at - NOW, cases[i].due_in);
		assert_int_equal(d.act_at, d.due_at);
		assert_int_equal(d.poll_at, NOW);
		assert_int_equal(d.action, DECIDE_RENEW);
	}
}

static void
test_certificates_of_one_day_part_by_a_hundredth_of_their_life(void **state)
{
	struct decision d;
	time_t first;

	(void)state;
	decide_new(90 * DAY, &third, 0, &no_state, &d);
	first = d.due_at;
	decide_new(90 * DAY, &third, UINT32_MAX, &no_state, &d);
	assert_int_equal(d.due_at - first, 90 * DAY / 100);
	decide_new(90 * DAY, &third, UINT32_MAX / 2, &no_state, &d);
	assert_in_range(d.due_at - first, 90 * DAY / 200 - 1, 90 * DAY / 200);
	assert_string_equal(d.reasons[0].text, "without renewal information it is renewed "
					       "29 d 6 h before it expires");
}

static void
test_a_certificate_is_not_issued_without_end(void **state)
{
	/* A window in the past, whatever is issued. */
	static const struct {
		unsigned rapid;
		time_t lifetime;
		time_t act_in;
	} cases[] = {
		{ 0, 90 * DAY, -DAY },
		{ 1, 90 * DAY, -DAY },
		{ 2, 90 * DAY, 1 * HOUR },
		{ 3, 90 * DAY, 2 * HOUR },
		{ 6, 90 * DAY, 16 * HOUR },
		{ 7, 90 * DAY, 24 * HOUR },
		{ UINT32_MAX, 90 * DAY, 24 * HOUR },
		{ 2, 6 * DAY, HOUR },
		{ 9, 6 * DAY, 6 * DAY / 10 },
		{ 2, HOUR, 360 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cert_state s = { .ari = { .cert_id = (char *)"id",
					    .start = NOW - 2 * DAY,
					    .end = NOW,
					    .drawn = NOW - DAY },
			.issued_at = NOW,
			.rapid = cases[i].rapid };
		struct decision d;

		decide_new(cases[i].lifetime, &third, 0, &s, &d);
		assert_int_equal(d.due_at - NOW, -DAY);
		assert_int_equal(d.act_at - NOW, cases[i].act_in);
		s.issued_at = NOW + DAY; /* the clock was set back */
		decide_new(cases[i].lifetime, &third, 0, &s, &d);
		assert_int_equal(d.act_at - NOW, -DAY);
	}
}

static void
test_the_floor_leaves_time_to_mend_things(void **state)
{
	static const struct {
		time_t lifetime;
		time_t left;
	} cases[] = {
		{ 90 * DAY, 9 * DAY },
		{ 45 * DAY, 45 * DAY / 10 },
		{ 10 * DAY, DAY },
		{ 6 * DAY, DAY },
		{ 4 * DAY, DAY },
		{ 2 * DAY, 12 * HOUR },
		{ 4, 1 },
		{ 0, 0 },
		{ -DAY, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(decide_floor(NOW, NOW + cases[i].lifetime),
		    NOW + cases[i].lifetime - cases[i].left);
}

/* ---- whatever the input ---- */

static uint64_t
chance(void)
{
	static uint64_t seed = 0x2545F4914F6CDD1D;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static time_t
any_instant(void)
{
	static const time_t edges[] = { 0, 1, NOW, NOW - 1, NOW + 1, -631152000, 2147483647,
		2147483648, 4102444800, 253402300799 };

	switch (chance() % 4) {
	case 0:
		return edges[chance() % COUNT(edges)];
	case 1:
		return (time_t)(chance() % 253402300799);
	default:
		return NOW - 100 * DAY + (time_t)(chance() % (uint64_t)(200 * DAY));
	}
}

static const char *
any_text(void)
{
	static const char long_text[] =
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "x";
	static const char *const texts[] = { NULL, "", "%s%n", "id", long_text };

	return texts[chance() % COUNT(texts)];
}

#define HOLDS 6

/* All that one input points to. */
struct any {
	struct cert_options options;
	struct cert_state state;
	struct decide_hold holds[HOLDS];
	struct decide_input in;
};

static void
any_options(struct cert_options *options)
{
	static const char *const windows[] = { NULL, "02:00-05:00",
		"Mon-Fri,Sun 23:00-01:00", "no window" };

	*options = (struct cert_options){ .renew_ari = chance() % 4 != 0,
		.renew_before = { .seconds = chance() % 2 ? (time_t)(chance() %
								     (uint64_t)(366 * DAY))
							  : 0,
		    .percent = (int)(chance() % 100) },
		.n_outputs = chance() % 2,
		.n_deploy = chance() % 2,
		.n_verify = chance() % 2,
		.deploy_window =
		    chance() % 8 == 0 ? (char *)windows[chance() % COUNT(windows)] : NULL };
}

static void
any_state(struct cert_state *s)
{
	static const char *const events[] = { NULL, "issued", "renewed", "rolled-back" };

	*s = (struct cert_state){ .ari = { .cert_id = (char *)any_text(),
				      .start = any_instant(),
				      .end = any_instant(),
				      .drawn = any_instant(),
				      .polled_at = any_instant(),
				      .next_poll = any_instant(),
				      .errors = (unsigned)chance(),
				      .error = (char *)any_text(),
				      .explanation = (char *)any_text(),
				      .unsupported = chance() % 2,
				      .moved_at = chance() % 2 ? any_instant() : 0 },
		.failures = chance() % 2 ? (unsigned)chance() : 0,
		.failed_at = any_instant(),
		.retry_at = any_instant(),
		.retry_firm = chance() % 2,
		.page = (char *)any_text(),
		.error = (char *)any_text(),
		.issued_at = any_instant(),
		.rapid = chance() % 2 ? (unsigned)chance() : 0,
		.deploy = { .version = (unsigned)(chance() % 3),
		    .stage = (enum deploy_stage)(chance() % DEPLOY_STAGE_COUNT),
		    .config = (char *)any_text(),
		    .event = (char *)events[chance() % COUNT(events)],
		    .urgent = chance() % 2,
		    .old_ends = any_instant(),
		    .done_at = any_instant(),
		    .failures = chance() % 2 ? (unsigned)chance() : 0,
		    .failed_at = any_instant(),
		    .retry_at = any_instant(),
		    .error = (char *)any_text() } };
}

static void
any_holds(struct decide_hold *holds)
{
	static const char *const codes[] = { "hold", "clock", "budget", "breaker" };

	for (size_t i = 0; i < HOLDS; i++)
		holds[i] = (struct decide_hold){ .code = codes[chance() % COUNT(codes)],
			.until = chance() % 8 == 0 ? DECIDE_NEVER : any_instant(),
			.binds = chance() % 2,
			.text = "something holds it" };
}

static void
any_input(struct any *any)
{
	any_options(&any->options);
	any_state(&any->state);
	any_holds(any->holds);
	any->in = (struct decide_input){ .now = any_instant(),
		.options = &any->options,
		.state = &any->state,
		.have_cert = chance() % 8 != 0,
		.damage = any_text(),
		.changed = chance() % 4 == 0 ? any_text() : NULL,
		.ari_id = any_text(),
		.ari_askable = chance() % 4 != 0,
		.not_before = any_instant(),
		.not_after = any_instant(),
		.spread = (uint32_t)chance(),
		.running = chance() % 4 == 0,
		.unfinished = chance() % 4 == 0,
		.holds = any->holds,
		.n_holds = chance() % 2 ? chance() % (HOLDS + 1) : 0,
		.version = (unsigned)(chance() % 3),
		.config_hash = any_text(),
		.deploying = chance() % 4 == 0,
		.incident_spread = (time_t)(chance() % 300),
		.poll_from = chance() % 2 ? any_instant() : 0 };
}

/* The latest instant to which anything but a hold may put it off. */
static time_t
put_off_max(const struct decide_input *in, const struct decision *d)
{
	time_t most = in->now + 2 * DAY;

	return d->due_at > most ? d->due_at : most;
}

static void
check_instants(const struct decide_input *in, const struct decision *d)
{
	time_t held = INT64_MIN, bound = INT64_MIN;

	for (size_t i = 0; i < in->n_holds; i++) {
		const struct decide_hold *h = &in->holds[i];

		if (h->until > in->now && h->until > held)
			held = h->until;
		if (h->until > in->now && h->binds && h->until > bound)
			bound = h->until;
	}
	assert_true(d->act_at >= d->due_at && d->act_at >= held);
	assert_true(d->hand_at >= d->due_at && d->hand_at >= bound);
	assert_true(d->hand_at == d->due_at || d->hand_at == bound);
	assert_true(d->act_at == held || d->act_at <= put_off_max(in, d));
	assert_true(d->act_at == d->due_at || d->settled_by != NULL);
}

static void
check_poll(const struct decide_input *in, const struct decision *d)
{
	if (d->poll_at == 0)
		return;
	assert_true(in->have_cert && in->ari_id != NULL && in->ari_askable &&
		    in->options->renew_ari && in->not_after > in->now);
	assert_true(d->poll_at >= in->poll_from);
	assert_true(d->poll_at == in->now || d->poll_at == in->state->ari.next_poll ||
		    d->poll_at == in->poll_from);
}

static void
check_use(const struct decide_input *in, const struct decision *d)
{
	const struct state_deploy *s = &in->state->deploy;
	bool in_use = s->version == in->version && s->stage != DEPLOY_STAGE_NONE;

	if (in->now <= 0)
		return; /* an instant of 0 says nothing then */
	if (d->deploy_at == 0) {
		assert_false(d->deploy_check);
		assert_true(!in->have_cert || !decide_is_deployable(in->options) || in_use);
		return;
	}
	assert_true(in->have_cert && decide_is_deployable(in->options));
	assert_false(in_use && str_eq(s->config, in->config_hash));
	assert_int_equal(d->deploy_check, in_use);
	/* A pause, and then a window, which opens within eight days. */
	assert_true(d->deploy_at >= in->now && d->deploy_at <= in->now + 11 * DAY);
	if (in->options->deploy_window == NULL && s->failures == 0)
		assert_int_equal(d->deploy_at, in->now);
}

static void
check_reasons(const struct decision *d)
{
	bool settled = d->settled_by == NULL;

	/* All had room. */
	assert_true(d->n_reasons > 0 && d->n_reasons < DECIDE_REASONS_MAX);
	for (size_t i = 0; i < d->n_reasons; i++) {
		assert_non_null(d->reasons[i].code);
		assert_non_null(
		    memchr(d->reasons[i].text, '\0', sizeof(d->reasons[i].text)));
		assert_true(d->reasons[i].text[0] != '\0');
		settled = settled || str_eq(d->reasons[i].code, d->settled_by);
	}
	assert_true(settled);
}

static void
check_promises(const struct decide_input *in, const struct decision *d)
{
	time_t floor = decide_floor(in->not_before, in->not_after);
	CLEAN(string) char *sentence = decide_sentence(d, in->now);

	assert_int_equal(d->action, in->have_cert ? DECIDE_RENEW : DECIDE_ISSUE);
	check_instants(in, d);
	check_poll(in, d);
	check_use(in, d);
	check_reasons(d);
	assert_int_equal(d->expiring_at, in->have_cert ? floor : 0);
	if (in->have_cert)
		assert_true(d->due_at <= floor || d->due_at == in->now);
	else
		assert_int_equal(d->due_at, in->now);
	assert_true(floor <= in->not_after);
	assert_true(strlen(sentence) < 800 && sentence[0] != '\0');
	assert_null(strstr(sentence, "(null)"));
}

static void
test_whatever_the_input_the_promises_hold(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct any any;
		struct decision d, again;

		any_input(&any);
		memset(&d, 0xA5, sizeof(d));
		memset(&again, 0x5A, sizeof(again));
		decide(&any.in, &d);
		check_promises(&any.in, &d);
		decide(&any.in, &again);
		assert_int_equal(d.act_at, again.act_at);
		assert_int_equal(d.hand_at, again.hand_at);
		assert_int_equal(d.poll_at, again.poll_at);
		assert_int_equal(d.deploy_at, again.deploy_at);
		assert_int_equal(d.n_reasons, again.n_reasons);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_renewal_information_the_dates_count),
		cmocka_unit_test(
		    test_certificates_of_one_day_part_by_a_hundredth_of_their_life),
		cmocka_unit_test(test_a_certificate_is_not_issued_without_end),
		cmocka_unit_test(test_the_floor_leaves_time_to_mend_things),
		cmocka_unit_test(test_whatever_the_input_the_promises_hold),
	};

	return cmocka_run_group_tests_name("decide_any", tests, NULL, NULL);
}
