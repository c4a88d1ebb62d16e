/* SPDX-License-Identifier: ISC */
/*
 * units - however many certificates change in a burst, a unit is reloaded once.
 *
 * The first ask opens a quiet period of 1 s, which each further one begins anew, until 10 s
 * after the first; then comes one call over the bus, and its end is told to all who had
 * joined. Who asks while it runs has to have the next: what the unit read then may have
 * been too early. Units are handled side by side.
 */
#ifndef ACMED_UNITS_H
#define ACMED_UNITS_H

#include <stdint.h>

#include "common/clean.h"
#include "daemon/io/bus.h"

struct units;
struct unit_wait;

/* The bus has to outlive it. */
struct units *units_new(struct event_base *loop, struct bus *bus);

/* Waits that are left are not told any more, and may still be freed. */
void units_free(struct units *u);
DEFINE_CLEAN(units, struct units);

/* Joins one that waits for the same unit. Whoever asked for a reload is content with a
 * restart that somebody else wants. `done` as bus_unit() calls it; the handle is gone
 * after it. */
struct unit_wait *units_ask(struct units *u, enum bus_verb verb, const char *unit,
    bus_done_fn *done, void *arg);

/* Before `done`: it will not be called. Where nobody else waits, nothing is begun any more;
 * what has begun goes on. */
void unit_wait_free(struct unit_wait *w);
DEFINE_CLEAN(unit_wait, struct unit_wait);

/* For tests: other periods than 1 s and 10 s. */
void units_set_quiet(struct units *u, int64_t first_ms, int64_t most_ms);

#endif
