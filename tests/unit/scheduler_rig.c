/* SPDX-License-Identifier: ISC */
#include "tests/unit/scheduler_rig.h"

#include <stdarg.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/config/config.h"
#include "tests/unit/scheduler_rig_internal.h"
#include "tests/unit/unit.h"

/* Deeds without time passing; a thousand certificates have some each. */
#define DEEDS_MAX 100000

struct rig rig;

/* ---- the transcript ---- */

void
rig_say(const char *fmt, ...)
{
	va_list args;
	char line[1024];

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	text_add(&rig.transcript, "%s\n", line);
}

void
rig_expect(const char *transcript)
{
	CLEAN(string) char *text = text_take(&rig.transcript);

	assert_string_equal(text, transcript);
}

void
rig_forget(void)
{
	text_clear(&rig.transcript);
}

unsigned
rig_count(const char *what)
{
	const char *at = rig.transcript.s;
	unsigned n = 0;

	while (at != NULL && (at = strstr(at, what)) != NULL) {
		at += strlen(what);
		n++;
	}
	return n;
}

/* ---- going on ---- */

static struct clock_timer *
due_timer(void)
{
	for (int i = 0; i < RIG_TIMERS; i++)
		if (rig_timers[i].at != 0 && rig_timers[i].at <= rig.now)
			return &rig_timers[i];
	return NULL;
}

static time_t
next_timer(void)
{
	time_t next = 0;

	for (int i = 0; i < RIG_TIMERS; i++)
		if (rig_timers[i].at != 0 && (next == 0 || rig_timers[i].at < next))
			next = rig_timers[i].at;
	return next;
}

static bool
one_deed(void)
{
	struct clock_timer *due;

	if (rig_run_task() || rig_end_job() || rig_end_fetch() || rig_end_deploy())
		return true;
	due = due_timer();
	if (due == NULL)
		return false;
	due->at = 0;
	due->fn(false, due->arg);
	return true;
}

void
rig_settle(void)
{
	for (int i = 0; one_deed(); i++)
		assert_true(i < DEEDS_MAX);
}

/* To what comes next, but not beyond. */
static void
jump(time_t until)
{
	time_t next = next_timer();

	rig.now = next != 0 && next < until ? next : until;
	rig_settle();
}

void
rig_pass(time_t seconds)
{
	time_t until = rig.now + seconds;

	rig_settle();
	while (rig.now < until)
		jump(until);
}

time_t
rig_until_order(void)
{
	time_t from = rig.now;
	unsigned before = rig.n_orders;

	for (rig_settle(); rig.n_orders == before; jump(from + 400 * DAY))
		assert_true(rig.now < from + 400 * DAY);
	return rig.now - from;
}

void
rig_step_clock(time_t by)
{
	rig.now += by;
	for (int i = 0; i < RIG_TIMERS; i++)
		if (rig_timers[i].fn != NULL)
			rig_timers[i].fn(true, rig_timers[i].arg);
	rig_settle();
}

/* ---- a person ---- */

static int
said(int result, const struct err *err)
{
	if (result == -1)
		rig_say("%s (%s)", err->text, err_kind_name(err->kind));
	return result;
}

int
rig_ask(const char *name, enum scheduler_ask ask)
{
	struct err err = { 0 };

	return said(scheduler_ask(rig.scheduler, name, ask, &err), &err);
}

int
rig_hold(const char *name, time_t until)
{
	struct err err = { 0 };

	return said(scheduler_hold(rig.scheduler, name, until, &err), &err);
}

int
rig_resume(const char *name)
{
	struct err err = { 0 };

	return said(scheduler_resume(rig.scheduler, name, &err), &err);
}

int
rig_roll_back(const char *name, unsigned version)
{
	struct err err = { 0 };

	return said(scheduler_rollback(rig.scheduler, name, version, &err), &err);
}

/* ---- looking ---- */

void
rig_look(const char *name, struct cert_look *ret)
{
	assert_true(scheduler_look(rig.scheduler, name, ret));
}

const char *
rig_reason(const char *name, const char *code)
{
	static struct cert_look look;

	rig_look(name, &look);
	for (size_t i = 0; i < look.decision.n_reasons; i++)
		if (str_eq(look.decision.reasons[i].code, code))
			return look.decision.reasons[i].text;
	return NULL;
}

time_t
rig_act_at(const char *name)
{
	struct cert_look look;

	rig_look(name, &look);
	return look.decision.act_at;
}

/* ---- the beginning and the end ---- */

static void
on_event(const struct scheduler_event *event, void *arg)
{
	(void)arg;
	assert_int_equal(event->at, rig.now);
	assert_int_equal(event->err != NULL,
	    event->type == EVENT_FAILED || event->type == EVENT_DEPLOY_FAILED);
	rig.n_events[event->type]++;
	if (!rig.quiet || event->type != EVENT_ARI)
		rig_say("%s: %s: %s", event->name, event_type_name(event->type),
		    event->text);
	if (rig.on_event != NULL)
		rig.on_event(event, arg);
}

void
rig_load(const char *certs)
{
	struct config *config = rig_config(certs);

	scheduler_set_config(rig.scheduler, config);
	config_free(config);
}

const char *
rig_many(unsigned count)
{
	static char names[RIG_DISKS * sizeof("c000 ")];
	size_t length = 0;

	for (unsigned i = 0; i < count; i++)
		length +=
		    (size_t)snprintf(names + length, sizeof(names) - length, "c%03u ", i);
	assert_true(length < sizeof(names));
	return names;
}

static void
start(void)
{
	rig.scheduler = scheduler_new(&(struct scheduler_deps){ 0 });
	scheduler_subscribe(rig.scheduler, on_event, NULL);
}

static void
stop(void)
{
	scheduler_free(TAKE(rig.scheduler));
	rig_check_jobs();
	rig_check_deploys();
	for (int i = 0; i < RIG_TIMERS; i++)
		assert_null(rig_timers[i].fn);
	assert_int_equal(rig.n_configs, 0);
}

void
rig_restart(const char *certs)
{
	stop();
	start();
	rig_load(certs);
}

void
rig_stop_in_order(const char *certs)
{
	for (int i = 0; i < 100 && scheduler_is_saving(rig.scheduler); i++)
		rig_run_task();
	rig_restart(certs);
}

void
rig_begin_issued(const char *certs)
{
	rig_load(certs);
	rig.quiet = rig.answers = rig.deploys_well = true;
	rig.lifetime = 90 * DAY;
	rig_settle();
	rig.lifetime = 0;
	rig_pass(60);
	rig.answers = rig.quiet = rig.deploys_well = false;
	rig_forget();
	rig.n_orders = rig.n_asks = rig.n_saves = 0;
	memset(rig.n_events, 0, sizeof(rig.n_events));
}

static void
no_log(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)level;
	(void)fields;
	(void)line;
}

int
rig_set_up(void **state)
{
	(void)state;
	log_set_sink(no_log);
	rig_begin_jobs();
	rig_begin_deploys();
	rig = (struct rig){ .now = RIG_START, .concurrent = 32, .per_account = 8 };
	start();
	return 0;
}

int
rig_tear_down(void **state)
{
	(void)state;
	stop();
	text_clear(&rig.transcript);
	for (struct rig_disk *d = rig_disks; d->name[0] != '\0'; d++) {
		free(d->state);
		*d = (struct rig_disk){ 0 };
	}
	log_set_sink(NULL);
	return 0;
}
