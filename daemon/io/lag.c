/* SPDX-License-Identifier: ISC */
#include "daemon/io/lag.h"

#include <event2/event.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>

#include "common/log.h"

#define WARN_US       ((int64_t)50 * 1000)
#define WARN_AGAIN_US ((int64_t)60 * 1000 * 1000)

/* The last bucket has no limit. */
static const int64_t limits_ms[LAG_BUCKETS - 1] = { 1, 2, 5, 10, 20, 50, 100, 250, 1000 };

/* Of this thread: others may wait, too. */
static _Thread_local struct {
	struct lag *lag;  /* NULL: it runs no loop that is measured */
	int64_t woken_us; /* 0: no round has begun */
} watch;

/* Not from clock.h: a test that makes up its time does not make up how long it computes. */
static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
lag_note(struct lag *lag, int64_t began_us, int64_t ended_us)
{
	int64_t us = ended_us - began_us;
	size_t i = 0;

	while (i < LAG_BUCKETS - 1 && us > limits_ms[i] * 1000)
		i++;
	lag->rounds[i]++;
	if (us > lag->longest_us)
		lag->longest_us = us;
	if (us <= WARN_US)
		return;
	if (lag->warned_at_us != 0 && ended_us - lag->warned_at_us < WARN_AGAIN_US)
		return;
	lag->warned_at_us = ended_us;
	lag->warn_us = us;
}

uint64_t
lag_rounds_over(const struct lag *lag, int64_t ms)
{
	uint64_t n = 0;

	for (size_t i = LAG_BUCKETS - 1; i > 0 && limits_ms[i - 1] >= ms; i--)
		n += lag->rounds[i];
	return n;
}

static void
end_round(void)
{
	if (watch.lag != NULL && watch.woken_us != 0)
		lag_note(watch.lag, watch.woken_us, now_us());
	watch.woken_us = 0;
}

/* In place of libc's; the other one does the same where it has no signals to block. Nothing
 * is logged in here: libevent knows already how long it is going to wait, and who hears of
 * a log line might set a timer. */
int
epoll_wait(int fd, struct epoll_event *events, int events_max, int timeout_ms)
{
	int n;

	end_round();
	n = epoll_pwait(fd, events, events_max, timeout_ms, NULL);
	if (watch.lag != NULL)
		watch.woken_us = now_us();
	return n;
}

static void
tell(struct lag *lag)
{
	if (lag->warn_us == 0)
		return;
	log_warn("the loop was held up for %lld ms", (long long)lag->warn_us / 1000);
	lag->warn_us = 0;
}

int
lag_loop(struct event_base *loop, struct lag *lag)
{
	int result;

	watch.lag = lag;
	do {
		result = event_base_loop(loop, EVLOOP_ONCE);
		end_round();
		tell(lag);
	} while (result == 0 && !event_base_got_break(loop) && !event_base_got_exit(loop));
	watch.lag = NULL;
	return result;
}
