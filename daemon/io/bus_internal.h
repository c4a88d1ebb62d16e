/* SPDX-License-Identifier: ISC */
/* bus_internal - what the connection (bus.c) and the calls over it (bus_unit.c) share. */
#ifndef ACMED_BUS_INTERNAL_H
#define ACMED_BUS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "daemon/io/bus.h"

#define SYSTEMD             "org.freedesktop.systemd1"
#define SYSTEMD_PATH        "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER     "org.freedesktop.systemd1.Manager"
#define SYSTEMD_UNIT        "org.freedesktop.systemd1.Unit"
#define SYSTEMD_ERROR(name) "org.freedesktop.systemd1." name

struct event;

/* A job that has ended. */
struct bus_job {
	char path[128];
	char result[16];
};

/* So many are remembered, for a call whose job ends before its name is known. */
#define BUS_JOBS 32

TAILQ_HEAD(bus_calls, bus_call);

struct bus {
	struct event_base *loop;
	sd_bus *connection; /* NULL: none */
	struct event *io;
	struct event *idle;
	int64_t call_ms;
	int64_t idle_ms;
	char *manager; /* systemd's unique name, once it has answered; or NULL */
	bool failed;   /* the connection is of no use, and goes after this turn */
	struct bus_job jobs[BUS_JOBS];
	size_t n_jobs; /* so far: the place of the next, modulo their number */
	struct bus_calls calls;
};

struct bus_call {
	struct bus *bus; /* NULL: freed */
	enum bus_verb verb;
	char *unit;
	bus_done_fn *done;
	void *arg;
	struct event *event; /* its time is up; where it has ended, that is to be told */
	sd_bus_slot *slot;   /* of the answer that is waited for */
	char *path;          /* of the unit, once systemd has said it; or NULL */
	char *job;           /* the same of the job */
	bool ended;
	struct err err; /* ERR_NONE: well */
	TAILQ_ENTRY(bus_call) link;
};

/* ---- bus.c ---- */

/* Makes a connection where there is none; the call fails otherwise. */
int bus_connect(struct bus *b, struct err *err);

/* After something was sent. */
void bus_watch(struct bus *b);

/* The last call has gone. */
void bus_rest(struct bus *b);

/* ---- bus_unit.c ---- */

/* Ends it: told from the loop. NULL: well; else its text is only the reason. */
void bus_call_end(struct bus_call *c, const struct err *err);
void bus_calls_end(struct bus *b, const struct err *err);

/* They are nobody's any more, and will not be told. */
void bus_calls_detach(struct bus *b);

/* The path of a job, and how it ended. */
void bus_job_ended(struct bus *b, const char *path, const char *result);

/* ---- bus_explain.c: what went wrong, to an administrator ---- */

#define BUS_NO_UNIT "there is no such unit"

void bus_explain(const sd_bus_error *error, struct err *err);
void bus_explain_result(const char *unit, const char *result, struct err *err);

#endif
