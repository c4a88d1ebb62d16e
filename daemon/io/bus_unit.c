/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/bus.h"
#include "daemon/io/bus_internal.h"

const char *
bus_verb_name(enum bus_verb verb)
{
	static const char *const names[] = {
		[BUS_RELOAD] = "reload",
		[BUS_RESTART] = "restart",
		[BUS_START] = "start",
	};

	return names[verb];
}

/* ---- the end of a call ---- */

void
bus_call_end(struct bus_call *c, const struct err *err)
{
	if (c->ended)
		return;
	c->ended = true;
	c->slot = sd_bus_slot_unref(c->slot);
	if (err != NULL) {
		c->err = *err;
		err_prefix(&c->err, "%s: %s failed", c->unit, bus_verb_name(c->verb));
	}
	event_active(c->event, EV_TIMEOUT, 0);
}

void
bus_calls_end(struct bus *b, const struct err *err)
{
	struct bus_call *c;

	TAILQ_FOREACH (c, &b->calls, link)
		bus_call_end(c, err);
}

void
bus_calls_detach(struct bus *b)
{
	struct bus_call *c;

	while ((c = TAILQ_FIRST(&b->calls)) != NULL) {
		TAILQ_REMOVE(&b->calls, c, link);
		c->bus = NULL;
		c->slot = sd_bus_slot_unref(c->slot);
		event_free(TAKE(c->event));
	}
}

/* ---- the way of a call ---- */

/* False where it failed, and where the connection has: all calls will be told of that. */
static bool
is_well(struct bus_call *c, sd_bus_message *answer)
{
	const sd_bus_error *error = sd_bus_message_get_error(answer);
	struct err err = { 0 };

	if (sd_bus_is_open(c->bus->connection) <= 0)
		return false;
	if (error == NULL)
		return true;
	bus_explain(error, &err);
	bus_call_end(c, &err);
	return false;
}

static void
fail_strangely(struct bus_call *c, int r)
{
	struct err err = { 0 };

	err_set_errno(&err, -r, "talking to systemd");
	bus_call_end(c, &err);
}

static void
job_is_gone(struct bus_call *c, const char *result)
{
	struct err err = { 0 };

	if (!str_eq(result, "done")) {
		bus_explain_result(c->unit, result, &err);
		bus_call_end(c, &err);
		return;
	}
	log_info("%s: %s done", c->unit, bus_verb_name(c->verb));
	bus_call_end(c, NULL);
}

/* Remembered, too: it may be told before the call is answered with the job's path. */
void
bus_job_ended(struct bus *b, const char *path, const char *result)
{
	struct bus_job *job = &b->jobs[b->n_jobs++ % BUS_JOBS];
	struct bus_call *c;

	(void)snprintf(job->path, sizeof(job->path), "%s", path);
	(void)snprintf(job->result, sizeof(job->result), "%s", result);
	TAILQ_FOREACH (c, &b->calls, link)
		if (!c->ended && str_eq(c->job, job->path))
			job_is_gone(c, job->result);
}

static const struct bus_job *
find_job(const struct bus *b, const char *path)
{
	for (size_t i = 0; i < BUS_JOBS && i < b->n_jobs; i++)
		if (str_eq(b->jobs[i].path, path))
			return &b->jobs[i];
	return NULL;
}

/* ReloadUnit and its kin are answered with the job's path. */
static int
on_job(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bus_call *c = arg;
	const struct bus_job *job;
	const char *path;
	int r;

	(void)ret_error;
	if (!is_well(c, m))
		return 0;
	r = sd_bus_message_read(m, "o", &path);
	if (r < 0) {
		fail_strangely(c, r);
		return 0;
	}
	c->job = xstrdup(path);
	job = find_job(c->bus, path);
	if (job != NULL)
		job_is_gone(c, job->result);
	return 0;
}

static void
begin_job(struct bus_call *c)
{
	static const char *const members[] = {
		[BUS_RELOAD] = "ReloadUnit",
		[BUS_RESTART] = "RestartUnit",
		[BUS_START] = "StartUnit",
	};
	int r;

	c->slot = sd_bus_slot_unref(c->slot);
	r = sd_bus_call_method_async(c->bus->connection, &c->slot, SYSTEMD, SYSTEMD_PATH,
	    SYSTEMD_MANAGER, members[c->verb], on_job, c, "ss", c->unit, "replace");
	if (r < 0)
		fail_strangely(c, r);
}

/* A property of the unit that LoadUnit gave. */
static void
get_property(struct bus_call *c, const char *name, sd_bus_message_handler_t on_answer)
{
	int r;

	c->slot = sd_bus_slot_unref(c->slot);
	r = sd_bus_call_method_async(c->bus->connection, &c->slot, SYSTEMD, c->path,
	    "org.freedesktop.DBus.Properties", "Get", on_answer, c, "ss", SYSTEMD_UNIT,
	    name);
	if (r < 0)
		fail_strangely(c, r);
}

/* NULL where the call has failed by that. */
static const char *
read_property(struct bus_call *c, sd_bus_message *m)
{
	const char *value;
	int r;

	if (!is_well(c, m))
		return NULL;
	r = sd_bus_message_read(m, "v", "s", &value);
	if (r >= 0)
		return value;
	fail_strangely(c, r);
	return NULL;
}

static int
on_load_state(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bus_call *c = arg;
	const char *state = read_property(c, m);
	struct err err = { 0 };

	(void)ret_error;
	if (state == NULL)
		return 0;
	if (str_eq(state, "not-found")) {
		err_set(&err, ERR_CONFIG, BUS_NO_UNIT);
		bus_call_end(c, &err);
		return 0;
	}
	log_info("%s: is not running, so there is nothing to reload", c->unit);
	bus_call_end(c, NULL);
	return 0;
}

/* What is about to stop reads its files when it starts again: a job would come between. */
static int
on_active_state(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bus_call *c = arg;
	const char *state = read_property(c, m);

	(void)ret_error;
	if (state == NULL)
		return 0;
	if (str_eq(state, "inactive") || str_eq(state, "failed") ||
	    str_eq(state, "deactivating"))
		get_property(c, "LoadState", on_load_state);
	else
		begin_job(c);
	return 0;
}

static int
on_loaded(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bus_call *c = arg;
	const char *path;
	int r;

	(void)ret_error;
	if (!is_well(c, m))
		return 0;
	r = sd_bus_message_read(m, "o", &path);
	if (r < 0) {
		fail_strangely(c, r);
		return 0;
	}
	c->path = xstrdup(path);
	get_property(c, "ActiveState", on_active_state);
	return 0;
}

static void
begin(struct bus_call *c)
{
	int r;

	if (c->verb != BUS_RELOAD) {
		begin_job(c);
		return;
	}
	r = sd_bus_call_method_async(c->bus->connection, &c->slot, SYSTEMD, SYSTEMD_PATH,
	    SYSTEMD_MANAGER, "LoadUnit", on_loaded, c, "s", c->unit);
	if (r < 0)
		fail_strangely(c, r);
}

/* ---- the handle ---- */

static void
time_is_up(struct bus_call *c)
{
	struct err err = { 0 };

	err_set(&err, ERR_SYSTEM,
	    "systemd has not finished it within %" PRId64 " s: see systemctl list-jobs",
	    c->bus->call_ms / 1000);
	bus_call_end(c, &err);
}

static void
on_call_event(evutil_socket_t fd, short what, void *arg)
{
	struct bus_call *c = arg;
	bus_done_fn *done = c->done;
	void *done_arg = c->arg;
	struct err err;

	(void)fd;
	(void)what;
	if (!c->ended)
		time_is_up(c);
	err = c->err;
	bus_call_free(c);
	done(err.kind == ERR_NONE ? NULL : &err, done_arg);
}

struct bus_call *
bus_unit(struct bus *b, enum bus_verb verb, const char *unit, bus_done_fn *done, void *arg)
{
	struct bus_call *c = xcalloc(1, sizeof(*c));
	const struct timeval limit = { .tv_sec = (time_t)(b->call_ms / 1000),
		.tv_usec = (suseconds_t)(b->call_ms % 1000 * 1000) };
	struct err err = { 0 };

	c->bus = b;
	c->verb = verb;
	c->unit = xstrdup(unit);
	c->done = done;
	c->arg = arg;
	c->event = must(event_new(b->loop, -1, EV_TIMEOUT, on_call_event, c));
	event_add(c->event, &limit);
	TAILQ_INSERT_TAIL(&b->calls, c, link);
	if (bus_connect(b, &err) == -1) {
		bus_call_end(c, &err);
		return c;
	}
	begin(c);
	bus_watch(b);
	return c;
}

void
bus_call_free(struct bus_call *c)
{
	if (c == NULL)
		return;
	if (c->bus != NULL) {
		TAILQ_REMOVE(&c->bus->calls, c, link);
		if (TAILQ_EMPTY(&c->bus->calls))
			bus_rest(c->bus);
		event_free(c->event);
	}
	sd_bus_slot_unref(c->slot);
	free(c->unit);
	free(c->path);
	free(c->job);
	free(c);
}
