/* SPDX-License-Identifier: ISC */
/*
 * Whatever happens, in whatever order: the promises that the rig holds (one order at a time
 * for the same names, one deployment, nothing freed that is used) are kept, and when all is
 * well again, all becomes well by itself.
 */
#include "tests/unit/scheduler_rig.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

#define SEEDS 15 /* or as many as $ACMED_SEEDS says */
#define DEEDS 250
#define NAMES 5

static const char *const names[NAMES] = { "a", "b", "c", "d", "e" };

static uint64_t seed;
static unsigned n_seed; /* the one under way; 0: none */

static uint32_t
chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % below;
}

static const char *
any_name(void)
{
	return names[chance(NAMES)];
}

/* ---- what may happen ---- */

static void
some_time(void)
{
	static const time_t longest[] = { 10, 120, HOUR, DAY, 20 * DAY };

	rig_pass(chance((uint32_t)longest[chance(COUNT(longest))]));
}

static void
an_order_ends_well(void)
{
	static const time_t lifetimes[] = { 90 * DAY, 45 * DAY, 6 * DAY, DAY };

	const char *name = any_name();

	if (!rig_has_job(name))
		return;
	/* An order is recorded before it goes on. */
	rig_record(name, "https://ca.example/o/1");
	rig_settle();
	if (!rig_has_job(name) || rig.hold_tasks)
		return;
	if (rig.disk_is_full)
		rig_fail(name, ERR_SYSTEM, 0);
	else
		rig_issue(name, lifetimes[chance(COUNT(lifetimes))]);
}

static void
an_order_fails(void)
{
	static const int statuses[] = { 0, 0, 403, 429, 500, 503 };
	struct err err = { 0 };
	const char *name = any_name();

	if (!rig_has_job(name))
		return;
	err_set(&err, (enum err_kind)(ERR_CONFIG + chance(ERR_KIND_COUNT - ERR_CONFIG)),
	    "order: no");
	err.status = statuses[chance(COUNT(statuses))];
	err.retry_after = chance(4) == 0 ? (time_t)chance((uint32_t)DAY) : 0;
	if (chance(3) == 0)
		snprintf(err.about, sizeof(err.about), "%s", name);
	if (chance(4) == 0)
		rig_refuse_replaces(name);
	else
		rig_fail_with(name, &err);
}

static void
the_ca_answers(void)
{
	const char *name = any_name();
	time_t from = rig.now - 2 * DAY + (time_t)chance((uint32_t)(80 * DAY));
	const struct ari_window window = { from, from + 1 + chance((uint32_t)DAY) };

	if (!rig_is_asking(name))
		return;
	if (chance(4) == 0)
		rig_answer_error(name, chance(2) ? ERR_NETWORK : ERR_PROTOCOL);
	else
		rig_answer(name, chance(3) ? &window : NULL, (time_t)chance((uint32_t)DAY));
}

static void
it_goes_into_use(void)
{
	const char *name = any_name();

	if (!rig_is_deploying(name))
		return;
	if (chance(2))
		rig_fail_deploy(name);
	else
		rig_deploy(name, chance(2));
}

static void
a_person(void)
{
	const char *name = any_name();

	switch (chance(6)) {
	case 0:
		rig_hold(name, chance(2) ? 0 : rig.now + 1 + chance((uint32_t)(9 * DAY)));
		break;
	case 1:
		rig_resume(name);
		break;
	case 2:
		rig_roll_back(name, chance(4));
		break;
	case 3:
		rig_ask(name, ASK_NOW);
		break;
	default:
		rig_ask(name, ASK_IF_DUE);
	}
	if (chance(3))
		rig_settle();
}

/* Other options are another hash. */
static unsigned n_options;

static void
other_options(void)
{
	n_options++;
	rig.deploys = chance(4) > 0;
	rig.verifies = chance(2);
	rig.rolls_back = chance(2);
	rig.ari_off = chance(6) == 0;
	rig.deploy_window = chance(4) == 0 ? "Mon-Fri 02:00-05:00" : NULL;
}

/* Who is told of something may want something. */
static void
on_event(const struct scheduler_event *event, void *arg)
{
	(void)arg;
	if (event->name == NULL || chance(10) > 0)
		return;
	rig.on_event = NULL; /* but not without end */
	switch (chance(4)) {
	case 0:
		rig_hold(event->name, rig.now + DAY);
		break;
	case 1:
		rig_roll_back(event->name, 0);
		break;
	default:
		rig_ask(event->name, chance(2) ? ASK_NOW : ASK_IF_DUE);
	}
	rig.on_event = on_event;
}

static char *
any_certs(void)
{
	static const char *const forms[] = { "", "", "", "+www", "@other", "@main,other",
		"@other,main" };
	struct text t = { 0 };

	for (int i = 0; i < NAMES; i++) {
		uint32_t form = chance(COUNT(forms));

		if (chance(5) > 0)
			text_add(&t, "%s%s/%u.%u ", names[i], forms[form], n_options, form);
	}
	return text_take(&t);
}

static void
another_configuration(void)
{
	CLEAN(string) char *certs = NULL;

	if (chance(2))
		other_options();
	rig.orders = chance(3) == 0 ? 5 : 0;
	rig.failed_validations = chance(3) == 0 ? 5 : 0;
	rig.concurrent = 1 + chance(4);
	rig.per_account = 1 + chance(3);
	rig.has_staging = chance(2);
	certs = any_certs();
	if (chance(3) == 0)
		rig_restart(certs);
	else
		rig_load(certs);
	if (chance(3))
		rig_settle();
}

static void
the_world(void)
{
	static const char *const downs[] = { NULL, NULL, "main", "other", "main other" };

	switch (chance(5)) {
	case 0:
		rig.down = downs[chance(COUNT(downs))];
		break;
	case 1:
		rig.hold_tasks = !rig.hold_tasks;
		break;
	case 2:
		rig.doubt = rig.doubt == NULL && chance(2) ? "it is 1970" : NULL;
		break;
	case 3:
		rig.disk_is_full = chance(3) == 0;
		break;
	default:
		if (chance(4) == 0)
			rig_step_clock((time_t)chance((uint32_t)(40 * DAY)) - 20 * DAY);
	}
	rig.random = chance(UINT32_MAX);
	rig.jitter = (int64_t)chance(41) - 20;
}

static void
any_deed(void)
{
	static void (*const deeds[])(void) = { some_time, some_time, some_time,
		an_order_ends_well, an_order_ends_well, an_order_fails, an_order_fails,
		the_ca_answers, the_ca_answers, the_ca_answers, it_goes_into_use,
		it_goes_into_use, a_person, another_configuration, the_world };

	deeds[chance(COUNT(deeds))]();
	rig_forget();
}

/* ---- and then all is well ---- */

static const char good[] = "a/x b/x c@other/x d@main,other/x e@other,main/x";

static void
all_is_well(void)
{
	rig.down = rig.doubt = rig.deploy_window = NULL;
	rig.hold_tasks = rig.disk_is_full = rig.ari_off = rig.verifies = false;
	rig.deploys = rig.deploys_well = rig.answers = true;
	rig.on_event = NULL;
	rig.window = (struct ari_window){ 0 };
	rig.retry_after = 0;
	rig.lifetime = 90 * DAY;
	rig.orders = rig.failed_validations = 0;
	rig.concurrent = rig.per_account = 2;
	rig.jitter = 0;
	if (chance(2))
		rig_load(good);
	else
		rig_restart(good);
	for (int i = 0; i < NAMES; i++)
		rig_resume(names[i]);
	rig_pass(4 * DAY);
	/* What failed before it was due is tried again when it is, or when somebody asks.
	 */
	for (int i = 0; i < NAMES; i++) {
		struct cert_look look;

		rig_look(names[i], &look);
		if (look.state->failures > 0 && look.decision.due_at > rig.now)
			rig_ask(names[i], ASK_NOW);
	}
	rig_pass(HOUR);
}

static void
check_all(void)
{
	assert_int_equal(scheduler_running(rig.scheduler), 0);
	assert_false(scheduler_is_saving(rig.scheduler));
	for (int i = 0; i < NAMES; i++) {
		struct cert_look look;

		rig_look(names[i], &look);
		assert_non_null(look.info);
		assert_true(
		    str_eq(look.condition, "valid") || str_eq(look.condition, "verified"));
		assert_false(look.running || look.waiting);
		assert_true(look.decision.act_at > rig.now);
		assert_int_equal(look.state->deploy.version, look.version);
		assert_true(look.state->deploy.stage != DEPLOY_STAGE_NONE);
		assert_string_equal(look.state->deploy.config, "x");
		assert_int_equal(look.state->failures, 0);
		/* A window that was moved to an instant that is still ahead is no harm. */
		assert_int_equal(look.state->told & ~8U, 0);
		assert_in_range(rig.now - look.state->ari.polled_at, 0, 7 * HOUR);
	}
	rig.n_orders = 0;
	rig_restart(good); /* and it is on disk */
	rig_pass(HOUR);
	assert_int_equal(rig.n_orders, 0);
}

static void
test_when_all_is_well_again_all_becomes_well(void **state)
{
	const char *more = getenv("ACMED_SEEDS");
	unsigned seeds = more != NULL ? (unsigned)strtoul(more, NULL, 10) : SEEDS;

	setenv("TZ", "UTC", 1);
	for (n_seed = 1; n_seed <= seeds; n_seed++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = rig.notifies = true;
		seed = n_seed * 0x9E3779B97F4A7C15;
		another_configuration();
		rig.on_event = on_event;
		for (int i = 0; i < DEEDS; i++)
			any_deed();
		all_is_well();
		check_all();
	}
	n_seed = 0;
}

static int
tear_down(void **state)
{
	if (n_seed != 0)
		print_message("seed %u\n", n_seed);
	return rig_tear_down(state);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_when_all_is_well_again_all_becomes_well, rig_set_up, tear_down),
	};

	return cmocka_run_group_tests_name("scheduler_any", tests, NULL, NULL);
}
