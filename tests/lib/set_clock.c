/* SPDX-License-Identifier: ISC */
/*
 * set_clock - a clock that a test can set, for a program that is started with this library
 * in LD_PRELOAD and with a file in ACMED_CLOCK:
 *
 *	-3600 60	so many seconds the program's clock is ahead of the true one, and so
 *			many those that nobody can set
 *
 * The file is looked at again and again. What it says holds from the moment at which
 * FILE.seen says the same. As when somebody sets the clock of the machine, timers made by
 * timerfd_create(CLOCK_REALTIME) tell of it: read() fails with ECANCELED.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define TIMERS_MOST 4096
#define LOOK_NS     5000000

/* By descriptor. */
static struct timer {
	bool made;
	bool absolute;
	bool stepped; /* nobody has been told yet */
} timers[TIMERS_MOST];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int64_t ahead, monotonic_ahead;

struct setting {
	long long ahead;
	long long monotonic_ahead;
};

/* ---- what time it is ---- */

int
clock_gettime(clockid_t clock, struct timespec *ret)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ret);

	if (result != 0)
		return result;
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		ret->tv_sec += ahead;
	else if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE ||
		 clock == CLOCK_BOOTTIME)
		ret->tv_sec += monotonic_ahead;
	return result;
}

time_t
time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret != NULL)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int
gettimeofday(struct timeval *ret, void *zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	ret->tv_sec = now.tv_sec;
	ret->tv_usec = now.tv_nsec / 1000;
	return 0;
}

/* ---- timers ---- */

static struct timer *
timer_of(int fd)
{
	return fd >= 0 && fd < TIMERS_MOST && timers[fd].made ? &timers[fd] : NULL;
}

int
timerfd_create(clockid_t clock, int flags)
{
	int fd = (int)syscall(SYS_timerfd_create, clock, flags);

	pthread_mutex_lock(&lock);
	if (fd >= 0 && fd < TIMERS_MOST)
		timers[fd] = (struct timer){ .made = clock == CLOCK_REALTIME };
	pthread_mutex_unlock(&lock);
	return fd;
}

/* What the kernel is told: instants of its own clock, in its own time. */
static int
arm(int fd, int flags, struct itimerspec spec, struct itimerspec *old)
{
	if ((flags & TFD_TIMER_ABSTIME) != 0 && spec.it_value.tv_sec != 0) {
		spec.it_value.tv_sec -= ahead;
		if (spec.it_value.tv_sec < 1)
			spec.it_value.tv_sec = 1;
	}
	return (int)syscall(SYS_timerfd_settime, fd, flags & ~TFD_TIMER_CANCEL_ON_SET,
	    &spec, old);
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old)
{
	struct timer *t;
	bool told = false;
	int result;

	pthread_mutex_lock(&lock);
	t = timer_of(fd);
	if (t == NULL) {
		result = (int)syscall(SYS_timerfd_settime, fd, flags, spec, old);
	} else {
		told = t->stepped;
		*t = (struct timer){ .made = true,
			.absolute = (flags & TFD_TIMER_ABSTIME) != 0 };
		result = arm(fd, flags, *spec, old);
	}
	pthread_mutex_unlock(&lock);
	if (!told || result != 0)
		return result;
	errno = ECANCELED;
	return -1;
}

ssize_t
read(int fd, void *buffer, size_t size)
{
	ssize_t result = syscall(SYS_read, fd, buffer, size);
	struct timer *t;
	bool told = false;

	pthread_mutex_lock(&lock);
	t = timer_of(fd);
	if (t != NULL && t->stepped) {
		told = true;
		t->stepped = false;
	}
	pthread_mutex_unlock(&lock);
	if (!told)
		return result;
	errno = ECANCELED;
	return -1;
}

int
close(int fd)
{
	pthread_mutex_lock(&lock);
	if (timer_of(fd) != NULL)
		timers[fd].made = false;
	pthread_mutex_unlock(&lock);
	return (int)syscall(SYS_close, fd);
}

/* ---- being set ---- */

static void
step(const struct setting *s)
{
	const struct itimerspec now = { .it_value.tv_nsec = 1 };

	pthread_mutex_lock(&lock);
	ahead = s->ahead;
	monotonic_ahead = s->monotonic_ahead;
	for (int fd = 0; fd < TIMERS_MOST; fd++) {
		if (!timers[fd].made || !timers[fd].absolute)
			continue;
		timers[fd].stepped = true;
		syscall(SYS_timerfd_settime, fd, 0, &now, NULL);
	}
	pthread_mutex_unlock(&lock);
}

static bool
look(const char *file, struct setting *ret)
{
	char text[64] = "";
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? syscall(SYS_read, fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	return length > 0 &&
	       sscanf(text, "%lld %lld", &ret->ahead, &ret->monotonic_ahead) == 2;
}

static void
acknowledge(const char *file, const struct setting *s)
{
	char name[4096], text[64];
	int length =
	    snprintf(text, sizeof(text), "%lld %lld\n", s->ahead, s->monotonic_ahead);
	int fd;

	snprintf(name, sizeof(name), "%s.seen", file);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)length) != length)
		fprintf(stderr, "set_clock: %s: %s\n", name, strerror(errno));
	close(fd);
}

static void *
watch(void *arg)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	struct setting s;

	while (true) {
		nanosleep(&pause, NULL);
		if (!look(arg, &s) ||
		    (s.ahead == ahead && s.monotonic_ahead == monotonic_ahead))
			continue;
		step(&s);
		acknowledge(arg, &s);
	}
	return NULL;
}

__attribute__((constructor)) static void
begin(void)
{
	char *file = getenv("ACMED_CLOCK");
	struct setting s = { 0 };
	sigset_t all, before;
	pthread_t thread;

	if (file == NULL || !look(file, &s))
		return;
	ahead = s.ahead;
	monotonic_ahead = s.monotonic_ahead;
	acknowledge(file, &s);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_create(&thread, NULL, watch, file);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
