/* SPDX-License-Identifier: ISC */
/*
 * clock - what time it is, whether that can be right, and being woken at an instant of the
 * wall clock.
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

/* Goes on while the machine sleeps, as the one above does not. */
int64_t clock_boottime_ms(void);

/* ---- clock_doubt.c: a board without a battery begins in 1970 ----
 *
 * Three things are known that do not come from the clock itself: that this program was
 * built before it ran, that a certificate that was issued to us begins no later than now,
 * and what a CA has said. All of it is held against the clock when somebody asks, so doubt
 * ends by itself when the clock is set right. For the thread of the loop only.
 */

/* Is the clock to be trusted? NULL, or why not, in words: "the clock says
 * 2020-01-01T00:00:00Z, but ca.example:443 says 2026-05-01T12:00:00Z". The text is there
 * until the next call. */
const char *clock_doubt(void);

/* A certificate of ours begins at this instant. A clock that is more than a day before
 * the newest such is wrong. What is more than eleven years after the build is ignored:
 * that is no time to trust. */
void clock_hint_not_before(time_t not_before);

/* This is what `who` has said the time is, in the Date of an answer just now (RFC 9110,
 * section 6.6.1). More than ten minutes apart is doubt; the next answer takes the place of
 * this one, and ends the doubt where it agrees with the clock: whoever asks no CA because
 * of it has to go on asking what time it is. It holds also after the clock was set, for
 * another clock tells how long ago it was said. */
void clock_hint_date(time_t date, const char *who);

/* ---- being woken ---- */

/* `stepped`: the clock was set, the instant may not have come. */
typedef void clock_timer_fn(bool stepped, void *arg);

struct clock_timer *clock_timer_new(struct event_base *loop, clock_timer_fn *fn, void *arg);
void clock_timer_free(struct clock_timer *t);
DEFINE_CLEAN(clock_timer, struct clock_timer);

/* Replaces the instant set before; one in the past fires at once, from the loop. While no
 * instant is set (0) the timer still tells of clock steps. */
void clock_timer_set(struct clock_timer *t, time_t at);

#endif
