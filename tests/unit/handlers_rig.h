/* SPDX-License-Identifier: ISC */
/* handlers_rig - the methods without a server and without a scheduler: calls whose answers
 * are a transcript, three certificates, and events when the test says so. */
#ifndef ACMED_HANDLERS_RIG_H
#define ACMED_HANDLERS_RIG_H

#include <stdbool.h>
#include <time.h>

#include "common/str.h"
#include "daemon/control/handlers.h"
#include "daemon/control/server.h"
#include "daemon/renew/scheduler.h"
#include "tests/unit/unit.h"

#define RIG_NOW   ((time_t)1772323200) /* 2026-03-01T00:00:00Z */
#define RIG_CALLS 4

struct call {
	enum method method;
	struct json_object *parameters;
	bool more;
	bool ended;
	void *state;
	void (*state_free)(void *);
};

struct rig {
	struct text transcript; /* what was asked of the scheduler, and answered */
	struct call calls[RIG_CALLS];
	size_t n_calls;
	struct subscription *subscriptions[RIG_CALLS];
	bool reload_fails;
};

extern struct rig rig;

int rig_set_up(void **state);
int rig_tear_down(void **state); /* whoever still waits is gone */

void rig_begin(enum method method, const char *parameters, bool more);
void rig_happens(enum event_type type, const char *name);

/* The transcript is this, and begins anew. */
void rig_expect(const char *transcript);

/* A call that is answered at once, with this. */
void rig_check(enum method method, const char *parameters, const char *transcript);

#define ERROR   "error io.acmed."
#define LINE(x) "{\"name\":\"" x "\",\"names\":[\"" x "\"],\"state\":\"valid\"}"
#define LINE_B \
	"{\"name\":\"b\",\"names\":[\"b\"],\"state\":\"valid\",\"step\":\"validate\"}"

#endif
