/* SPDX-License-Identifier: ISC */
/*
 * fastclock - lets acmed live through a year in minutes: a clock that leaps to the next
 * instant that anything waits for, as soon as there is nothing to do. For LD_PRELOAD, with
 * FASTCLOCK naming a file of two int64_t, in the order of the machine:
 *
 *	ahead     seconds that this clock is ahead of the true one
 *	until     by this clock: no leap goes beyond. A clock that got there goes on as
 *	          fast as the true one, so that somebody can look
 *
 * Whoever has the file has the clock. acmed, who waits on timers of the wall clock, leaps;
 * others (the CA) only look at it. It is as if acmed's machine were suspended whenever it
 * has nothing to do: the wall clock and the boot clock go on, the monotonic clock does not,
 * and nobody is told that the clock was set, for it was not.
 *
 * There is something to do while acmed's loop watches a TCP connection (a request is under
 * way) or an eventfd (a thread works). It watches neither a moment longer than it has to,
 * and a leap is made by the loop's own thread where it would wait: nothing happens at the
 * same time.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FDS_MOST 4096
#define LOOK_MS  50 /* at whether there is more time to leap through */

static struct clock_file {
	_Atomic int64_t ahead;
	_Atomic int64_t until;
} * shared;

static struct {
	bool timer;   /* of the wall clock */
	time_t at;    /* what it is armed to; 0: nothing */
	bool is_work; /* to be watched */
	bool watched;
} fds[FDS_MOST];

/* ---- what time it is ---- */

static int64_t
ahead(void)
{
	return shared != NULL ? shared->ahead : 0;
}

int
clock_gettime(clockid_t clock, struct timespec *ret)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ret);

	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
			       clock == CLOCK_BOOTTIME))
		ret->tv_sec += ahead();
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

static bool
is_known(int fd)
{
	return fd >= 0 && fd < FDS_MOST;
}

int
timerfd_create(clockid_t clock, int flags)
{
	int fd = (int)syscall(SYS_timerfd_create, clock, flags);

	if (is_known(fd) && clock == CLOCK_REALTIME) {
		fds[fd].timer = true;
		fds[fd].at = 0;
	}
	return fd;
}

/* What the kernel is told: by its own clock. */
static int
arm(int fd, struct itimerspec *old)
{
	struct itimerspec spec = { .it_value.tv_sec = fds[fd].at - ahead() };

	if (spec.it_value.tv_sec < 1)
		spec.it_value.tv_sec = 1;
	return (int)syscall(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, &spec, old);
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old)
{
	if (!is_known(fd) || !fds[fd].timer || (flags & TFD_TIMER_ABSTIME) == 0)
		return (int)syscall(SYS_timerfd_settime, fd, flags, spec, old);
	fds[fd].at = spec->it_value.tv_sec;
	return arm(fd, old);
}

/* ---- whether there is something to do ---- */

int
eventfd(unsigned count, int flags)
{
	int fd = (int)syscall(SYS_eventfd2, count, flags);

	if (is_known(fd))
		fds[fd].is_work = true;
	return fd;
}

static bool
is_connection(int fd)
{
	int domain = 0, type = 0, listens = 1;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
	       (domain == AF_INET || domain == AF_INET6) && type == SOCK_STREAM && !listens;
}

int
epoll_ctl(int set, int what, int fd, struct epoll_event *event)
{
	int result = (int)syscall(SYS_epoll_ctl, set, what, fd, event);

	if (is_known(fd))
		fds[fd].watched =
		    what != EPOLL_CTL_DEL && (fds[fd].is_work || is_connection(fd));
	return result;
}

int
close(int fd)
{
	if (is_known(fd)) {
		fds[fd].timer = false;
		fds[fd].is_work = false;
		fds[fd].watched = false;
	}
	return (int)syscall(SYS_close, fd);
}

/* ---- leaping ---- */

/* False where there is something to do, or the end is reached. */
static bool
leap(void)
{
	time_t now = time(NULL), next = 0;
	int64_t until = shared->until;

	for (int fd = 0; fd < FDS_MOST; fd++) {
		if (fds[fd].watched)
			return false;
		if (fds[fd].timer && fds[fd].at != 0 && (next == 0 || fds[fd].at < next))
			next = fds[fd].at;
	}
	if (next == 0 || now >= until)
		return false;
	if (next > until)
		next = until;
	if (next > now)
		shared->ahead += next - now;
	for (int fd = 0; fd < FDS_MOST; fd++)
		if (fds[fd].timer && fds[fd].at != 0)
			arm(fd, NULL);
	return true;
}

/* Where nobody has asked for timers there is nobody to leap. */
static bool
may_leap(void)
{
	if (shared == NULL)
		return false;
	for (int fd = 0; fd < FDS_MOST; fd++)
		if (fds[fd].timer)
			return true;
	return false;
}

static int
wait_truly(int set, struct epoll_event *events, int most, int ms, const sigset_t *mask)
{
	return (int)syscall(SYS_epoll_pwait, set, events, most, ms, mask, (size_t)8);
}

int
epoll_pwait(int set, struct epoll_event *events, int most, int ms, const sigset_t *mask)
{
	int n = wait_truly(set, events, most, may_leap() ? 0 : ms, mask), part;

	if (n != 0 || ms == 0 || !may_leap())
		return n;
	do {
		leap();
		part = ms < 0 || ms > LOOK_MS ? LOOK_MS : ms;
		n = wait_truly(set, events, most, part, mask);
		if (ms > 0)
			ms -= part;
	} while (n == 0 && ms != 0);
	return n;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *name = getenv("FASTCLOCK");
	int fd = name != NULL ? open(name, O_RDWR | O_CLOEXEC) : -1;
	void *map = MAP_FAILED;

	if (fd != -1)
		map =
		    mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		fprintf(stderr, "fastclock: no clock in FASTCLOCK\n");
		abort();
	}
	close(fd);
	shared = map;
}
