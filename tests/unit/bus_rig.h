/* SPDX-License-Identifier: ISC */
/*
 * bus_rig - a bus of its own in a temporary directory, with tests/lib/fake_systemd on it,
 * and calls whose ends are a transcript.
 */
#ifndef ACMED_BUS_RIG_H
#define ACMED_BUS_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/str.h"
#include "daemon/io/bus.h"

struct bus_rig {
	struct event_base *loop;
	struct bus *bus;
	char dir[64];
	char address[96];
	int log;       /* what the two say */
	pid_t daemon;  /* 0: none */
	pid_t systemd; /* 0: none */
	unsigned n_done;
	struct err err;         /* of the last call that ended; ERR_NONE: well */
	struct text lines;      /* of the log, info and above */
	struct bus_call *frees; /* by the next callback */
	bool frees_bus;
};

extern struct bus_rig rig;

/* With a bus and systemd; the second without either. */
int bus_rig_set_up(void **state);
int bus_rig_set_up_alone(void **state);
int bus_rig_tear_down(void **state);

/* Fail with the name of the package that is missing. */
void rig_start_daemon(void);
void rig_start_systemd(void);
void rig_end(pid_t *pid); /* 0: it has gone already */

/* Lines as in fake_systemd.c, one below the other. */
void rig_units(const char *lines);

/* Calls whose end counts; `done` for calls of one's own. */
struct bus_call *rig_call(enum bus_verb verb, const char *unit);
bus_done_fn rig_done;

/* Until so many calls have ended. */
void rig_run(unsigned n_done);

/* The loop goes on for a while. */
void rig_pass(int64_t ms);

/* Until there have been so many jobs, and they are these. */
void rig_expect_jobs(const char *lines);
char *rig_jobs(void); /* the caller's */

/* Makes the call and waits for its end: well, or with this text. */
void rig_expect_done(enum bus_verb verb, const char *unit);
void rig_expect_error(enum bus_verb verb, const char *unit, enum err_kind kind,
    const char *text);

#endif
