/* SPDX-License-Identifier: ISC */
/*
 * clock - what time it is, and being woken at an instant of the wall clock.
 *
 * The timer fires at its instant, also after a suspend that slept past it, and at once
 * whenever somebody sets the clock. Nothing else in the daemon asks for the time, so a
 * test that defines these functions lives in a time of its own.
 */
#ifndef ACMED_CLOCK_H
#define ACMED_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/clean.h"

struct event_base;
struct clock_timer;

time_t clock_now(void);
int64_t clock_monotonic_ms(void);

/* `stepped`: the clock was set, the instant may not have come. */
typedef void clock_timer_fn(bool stepped, void *arg);

struct clock_timer *clock_timer_new(struct event_base *loop, clock_timer_fn *fn, void *arg);
void clock_timer_free(struct clock_timer *t);
DEFINE_CLEAN(clock_timer, struct clock_timer);

/* Replaces the instant set before; one in the past fires at once, from the loop. While no
 * instant is set (0) the timer still tells of clock steps. */
void clock_timer_set(struct clock_timer *t, time_t at);

#endif
