/* SPDX-License-Identifier: ISC */
#include "daemon/io/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"

/* Armed to when no instant is set, since only an armed timer tells of clock steps. In the
 * year 2255; the kernel's own limit is in 2262. */
#define FAR_AWAY ((time_t)9000000000)

struct clock_timer {
	int fd;
	struct event *event;
	time_t at;    /* 0: none */
	bool stepped; /* the kernel said so while the timer was being armed */
	clock_timer_fn *fn;
	void *arg;
};

time_t
clock_now(void)
{
	struct timespec now;

	/* Not time(2): it lags behind the timers by up to a tick, and would say that the
	 * instant that has just come is still a second away. */
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

static int64_t
read_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t
clock_boottime_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

static void
arm(struct clock_timer *t)
{
	struct itimerspec spec = { .it_value.tv_sec = t->at };

	if (t->at == 0 || t->at > FAR_AWAY)
		spec.it_value.tv_sec = FAR_AWAY;
	if (t->at < 0)
		spec.it_value.tv_sec = 1;
	if (timerfd_settime(t->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec,
		NULL) == 0)
		return;
	if (errno != ECANCELED) {
		log_error("cannot set a timer: %s", strerror(errno));
		abort();
	}
	/* It is armed all the same, but this was the only word about the step. */
	t->stepped = true;
	event_active(t->event, EV_READ, 0);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct clock_timer *t = arg;
	uint64_t expirations;
	bool fired = read(fd, &expirations, sizeof(expirations)) == sizeof(expirations);
	bool stepped = t->stepped || (!fired && errno == ECANCELED);

	(void)what;
	t->stepped = false;
	if (!fired && !stepped)
		return;
	/* A step swallows an expiry that came with it, so the instant stays set then: where
	 * it has passed, the timer fires again at once. */
	if (!stepped)
		t->at = 0;
	arm(t);
	t->fn(stepped, t->arg); /* may free t: nothing after this */
}

struct clock_timer *
clock_timer_new(struct event_base *loop, clock_timer_fn *fn, void *arg)
{
	struct clock_timer *t = xcalloc(1, sizeof(*t));

	t->fn = fn;
	t->arg = arg;
	t->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (t->fd == -1) {
		log_error("cannot make a timer: %s", strerror(errno));
		abort();
	}
	t->event = must(event_new(loop, t->fd, EV_READ | EV_PERSIST, on_timer, t));
	event_add(t->event, NULL);
	arm(t);
	return t;
}

void
clock_timer_free(struct clock_timer *t)
{
	if (t == NULL)
		return;
	event_free(t->event);
	close(t->fd);
	free(t);
}

void
clock_timer_set(struct clock_timer *t, time_t at)
{
	t->at = at;
	arm(t);
}
