/* SPDX-License-Identifier: ISC */
/*
 * hook_strays - what is left where a keeper was killed, by a kernel that is short of
 * memory, say: its children have become those of the next subreaper, the daemon.
 *
 * A child of the daemon that is no keeper is one of these, unless the daemon began its
 * life with children of another program (or is process 1, and gets everybody's): then
 * those are ended that are in the session of the hook.
 */
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/hook/hook_internal.h"

#define SWEEP_MS 20
#define SWEEPS   50 /* a second: what has not died by then waits for a disk */

static bool
is_keeper(const struct hooks *h, pid_t pid)
{
	const struct hook_run *r;

	TAILQ_FOREACH (r, &h->running, link)
		if (r->kept && r->keeper.pid == pid)
			return true;
	return false;
}

/* Kills it, and buries it where it is dead already. False where it is none of them. */
static bool
end_stray(const struct hooks *h, pid_t pid)
{
	if (pid <= 0 || is_keeper(h, pid))
		return false;
	if (!h->only_ours && (h->stray_session <= 0 || getsid(pid) != h->stray_session))
		return false;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, WNOHANG);
	return true;
}

/* The children of one thread: "12 345 ". */
static unsigned
end_strays_of(const struct hooks *h, int tasks, const char *thread)
{
	CLEAN(string) char *path = xasprintf("%s/children", thread);
	CLEAN(fd) int fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
	CLEAN(stream) FILE *f = fd != -1 ? fdopen(fd, "r") : NULL;
	CLEAN(string) char *word = NULL;
	unsigned count = 0;
	size_t room = 0;

	if (f == NULL)
		return 0;
	take_fd(&fd);
	while (getdelim(&word, &room, ' ', f) > 0)
		if (end_stray(h, (pid_t)strtol(word, NULL, 10)))
			count++;
	return count;
}

static unsigned
end_strays(const struct hooks *h)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *thread;
	unsigned count = 0;

	if (tasks == NULL)
		return 0;
	while ((thread = readdir(tasks)) != NULL)
		if (thread->d_name[0] != '.')
			count += end_strays_of(h, dirfd(tasks), thread->d_name);
	closedir(tasks);
	return count;
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = { .tv_usec = SWEEP_MS * 1000L };
	struct hooks *h = arg;

	(void)fd;
	(void)what;
	/* Those whose parents die in this round are found in the next. */
	if (end_strays(h) == 0 || h->sweeps == 0)
		return;
	h->sweeps--;
	event_add(h->sweep, &soon);
}

void
strays_sweep(struct hooks *h, pid_t session)
{
	h->stray_session = session;
	h->sweeps = SWEEPS;
	if (h->sweep == NULL)
		h->sweep = must(evtimer_new(h->loop, on_sweep, h));
	on_sweep(-1, 0, h);
}
