/* SPDX-License-Identifier: ISC */
#include "daemon/renew/units.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"

#define FIRST_MS 1000
#define MOST_MS  10000

TAILQ_HEAD(wait_list, unit_wait);

struct unit_wait {
	struct unit_run *run; /* NULL: nothing will be told any more */
	enum bus_verb verb;
	bus_done_fn *done;
	void *arg;
	TAILQ_ENTRY(unit_wait) link;
};

enum run_at {
	RUN_GATHERS, /* the quiet period */
	RUN_IS_DUE,  /* and another call for the unit is under way */
	RUN_CALLS,
	RUN_ENDED, /* its waits are being told */
};

/* One call for a unit, from the first ask to its end. */
struct unit_run {
	struct units *units;
	char *unit;
	bool starts; /* and what reloads and restarts is another */
	enum run_at at;
	int64_t since_ms; /* the first ask, of the monotonic clock */
	struct event *quiet;
	struct bus_call *call;
	struct wait_list waits;
	size_t n_waits;
	TAILQ_ENTRY(unit_run) link;
};

struct units {
	struct event_base *loop;
	struct bus *bus;
	int64_t first_ms;
	int64_t most_ms;
	TAILQ_HEAD(, unit_run) runs; /* oldest first */
	bool *gone; /* of the tell_all() that runs: whether we were freed meanwhile */
};

/* It is on the list no more. */
static void
run_drop(struct unit_run *run)
{
	struct unit_wait *w;

	while ((w = TAILQ_FIRST(&run->waits)) != NULL) {
		TAILQ_REMOVE(&run->waits, w, link);
		w->run = NULL;
	}
	event_free(run->quiet);
	bus_call_free(run->call);
	free(run->unit);
	free(run);
}

static void
run_free(struct unit_run *run)
{
	TAILQ_REMOVE(&run->units->runs, run, link);
	run_drop(run);
}

/* Of the unit, the oldest in that state; or NULL. */
static struct unit_run *
find_run(const struct units *u, const char *unit, enum run_at at)
{
	struct unit_run *run;

	TAILQ_FOREACH (run, &u->runs, link)
		if (run->at == at && str_eq(run->unit, unit))
			return run;
	return NULL;
}

/* ---- the call ---- */

static void on_done(const struct err *err, void *arg);

/* What it takes to content all who wait. */
static enum bus_verb
verb_of(const struct unit_run *run)
{
	const struct unit_wait *w;
	enum bus_verb verb = TAILQ_FIRST(&run->waits)->verb;

	TAILQ_FOREACH (w, &run->waits, link)
		if (w->verb == BUS_RESTART)
			verb = BUS_RESTART;
	return verb;
}

static void
begin(struct unit_run *run)
{
	enum bus_verb verb = verb_of(run);
	char count[STR_COUNT_SIZE];

	run->at = RUN_CALLS;
	log_debug("%s: %s begins, asked for %s", run->unit, bus_verb_name(verb),
	    str_count(run->n_waits, "time", count));
	run->call = bus_unit(run->units->bus, verb, run->unit, on_done, run);
}

static struct unit_wait *
take_first(struct unit_run *run)
{
	struct unit_wait *w = TAILQ_FIRST(&run->waits);

	if (w != NULL) {
		TAILQ_REMOVE(&run->waits, w, link);
		run->n_waits--;
	}
	return w;
}

/* A callback may free any wait, ask for another, or free all of it. */
static bool
tell_all(struct unit_run *run, const struct err *err)
{
	struct units *u = run->units;
	bool gone = false;
	struct unit_wait *w;

	u->gone = &gone;
	while (!gone && (w = take_first(run)) != NULL) {
		bus_done_fn *done = w->done;
		void *arg = w->arg;

		free(w);
		done(err, arg);
	}
	if (!gone)
		u->gone = NULL;
	return !gone;
}

static void
on_done(const struct err *err, void *arg)
{
	struct unit_run *run = arg, *next;

	run->call = NULL;
	run->at = RUN_ENDED;
	next = find_run(run->units, run->unit, RUN_IS_DUE);
	if (next != NULL)
		begin(next);
	if (tell_all(run, err))
		run_free(run);
}

static void
on_quiet(evutil_socket_t fd, short what, void *arg)
{
	struct unit_run *run = arg;

	(void)fd;
	(void)what;
	run->at = RUN_IS_DUE;
	if (find_run(run->units, run->unit, RUN_CALLS) == NULL)
		begin(run);
}

/* ---- asking ---- */

static struct unit_run *
run_new(struct units *u, const char *unit, bool starts)
{
	struct unit_run *run = xcalloc(1, sizeof(*run));

	run->units = u;
	run->unit = xstrdup(unit);
	run->starts = starts;
	run->since_ms = clock_monotonic_ms();
	run->quiet = must(event_new(u->loop, -1, EV_TIMEOUT, on_quiet, run));
	TAILQ_INIT(&run->waits);
	TAILQ_INSERT_TAIL(&u->runs, run, link);
	return run;
}

static struct unit_run *
find_joinable(const struct units *u, const char *unit, bool starts)
{
	struct unit_run *run;

	TAILQ_FOREACH (run, &u->runs, link)
		if (run->at < RUN_CALLS && run->starts == starts && str_eq(run->unit, unit))
			return run;
	return NULL;
}

static void
prolong(struct unit_run *run)
{
	const struct units *u = run->units;
	int64_t left_ms = run->since_ms + u->most_ms - clock_monotonic_ms();
	struct timeval wait;

	if (left_ms > u->first_ms)
		left_ms = u->first_ms;
	if (left_ms < 0)
		left_ms = 0;
	wait.tv_sec = (time_t)(left_ms / 1000);
	wait.tv_usec = (suseconds_t)(left_ms % 1000 * 1000);
	event_add(run->quiet, &wait);
}

struct unit_wait *
units_ask(struct units *u, enum bus_verb verb, const char *unit, bus_done_fn *done,
    void *arg)
{
	struct unit_wait *w = xcalloc(1, sizeof(*w));
	struct unit_run *run = find_joinable(u, unit, verb == BUS_START);

	if (run == NULL)
		run = run_new(u, unit, verb == BUS_START);
	w->run = run;
	w->verb = verb;
	w->done = done;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&run->waits, w, link);
	run->n_waits++;
	if (run->at == RUN_GATHERS)
		prolong(run);
	return w;
}

void
unit_wait_free(struct unit_wait *w)
{
	struct unit_run *run;

	if (w == NULL)
		return;
	run = w->run;
	if (run != NULL) {
		TAILQ_REMOVE(&run->waits, w, link);
		if (--run->n_waits == 0 && run->at < RUN_CALLS)
			run_free(run);
	}
	free(w);
}

/* ---- */

struct units *
units_new(struct event_base *loop, struct bus *bus)
{
	struct units *u = xcalloc(1, sizeof(*u));

	u->loop = loop;
	u->bus = bus;
	u->first_ms = FIRST_MS;
	u->most_ms = MOST_MS;
	TAILQ_INIT(&u->runs);
	return u;
}

void
units_set_quiet(struct units *u, int64_t first_ms, int64_t most_ms)
{
	u->first_ms = first_ms;
	u->most_ms = most_ms;
}

void
units_free(struct units *u)
{
	struct unit_run *run;

	if (u == NULL)
		return;
	if (u->gone != NULL)
		*u->gone = true;
	while ((run = TAILQ_FIRST(&u->runs)) != NULL) {
		TAILQ_REMOVE(&u->runs, run, link);
		run_drop(run);
	}
	free(u);
}
