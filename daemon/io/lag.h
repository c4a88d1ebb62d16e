/* SPDX-License-Identifier: ISC */
/*
 * lag - runs the loop, and measures how long it is held up: while callbacks run, nobody
 * else is served.
 *
 * A round lasts from the loop's waking up to its waiting again, by the wall clock. When it
 * woke up is what libevent 2.1 does not tell (2.2 has event watchers): the time that it
 * keeps during a round is gone when event_base_loop() returns, and a timer that measures
 * its own lateness would wake up a daemon that has nothing to do. So lag.c stands between
 * libevent and the kernel: it defines epoll_wait(), which the linker prefers to libc's, and
 * looks at the clock when that is called and when it returns. Two readings a round, which
 * are no system calls, and nothing at all while the daemon is idle. Where libevent waits
 * by other means (EVENT_NOEPOLL is set), no round is counted.
 *
 * However many callbacks a round runs, it is one. The limits of those who have much to do
 * at a time (AT_ONCE here and there) keep it short; whoever lets it grow is seen here.
 */
#ifndef ACMED_LAG_H
#define ACMED_LAG_H

#include <stdint.h>

struct event_base;

#define LAG_BUCKETS 10

/* Begins as { 0 }. To be read at any time, from the loop's thread. */
struct lag {
	/* Rounds of up to 1, 2, 5, 10, 20, 50, 100, 250 and 1000 ms, and of more. */
	uint64_t rounds[LAG_BUCKETS];
	int64_t longest_us;
	int64_t warned_at_us; /* 0: never */
	int64_t warn_us;      /* a round that is still to be warned of, or 0 */
};

/* As event_base_dispatch(). A round of more than 50 ms is warned of, once a minute. */
int lag_loop(struct event_base *loop, struct lag *lag);

/* Rounds of more than `ms`, which is one of the limits above. */
uint64_t lag_rounds_over(const struct lag *lag, int64_t ms);

/* Counts a round, by a clock that starts at no time in particular. What lag_loop() does. */
void lag_note(struct lag *lag, int64_t began_us, int64_t ended_us);

#endif
