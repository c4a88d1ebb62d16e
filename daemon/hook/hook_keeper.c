/* SPDX-License-Identifier: ISC */
#include "daemon/hook/hook_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clean.h"

#define ORPHAN_MS 5000 /* for the hook to end where the daemon is gone */
#define PASS_MS   2    /* between two rounds of killing */
#define LATE_PASSES                                                          \
	500 /* what has not died by then waits for a disk: no hurry any more \
	     */
#define LATE_MS 200

/* Of the keeper's process. */
struct care {
	pid_t hook; /* 0: it has ended, and been waited for */
	int control;
	int signals; /* a signalfd: a child has ended; or -1 */
	bool orphan; /* without a daemon */
	bool killing;
	bool childless;
	int64_t kill_at_ms; /* where orphan */
	unsigned passes;    /* of killing */
	unsigned killed;
};

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- after the fork: the keeper ---- */

/* A pid that has not been waited for is nobody else's. */
static bool
is_dead(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 ||
	       info.si_pid == pid;
}

/* False for one that need not have it. */
static bool
signal_one(const struct care *c, pid_t pid, int number)
{
	/* The hook itself has had it with its group. */
	if ((number != SIGKILL && pid == c->hook) || is_dead(pid))
		return false;
	kill(pid, number);
	return true;
}

/* The children that live: descendants of the hook that lost their parents are among them.
 * Returns how many there were. */
static unsigned
signal_children(const struct care *c, int number)
{
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	unsigned count = 0;
	char buffer[4096];
	pid_t pid = 0;
	ssize_t n;

	if (fd == -1)
		return 0;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (buffer[i] >= '0' && buffer[i] <= '9') {
				pid = pid * 10 + (buffer[i] - '0');
				continue;
			}
			if (pid > 0)
				count += signal_one(c, pid, number);
			pid = 0;
		}
	close(fd);
	return count;
}

static void
signal_all(const struct care *c, int number)
{
	/* Until it has called setsid() there is no such group. */
	if (c->hook != 0 && kill(-c->hook, number) == -1)
		kill(c->hook, number);
	signal_children(c, number);
}

static void
reap(struct care *c)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == c->hook) {
			c->hook = 0;
			child_say(KEEPER_ENDED, STAGE_PROCESS, status);
		} else if (c->killing) {
			c->killed++;
		}
	}
	c->childless = pid == -1 && errno == ECHILD;
}

/* One round. While a child lives, none is waited for: who is dead and not waited for still
 * counts against the limits on processes, so what forks faster than it is killed finds no
 * room to grow. Where all the children are dead, there is nobody below them. */
static void
kill_pass(struct care *c)
{
	c->passes++;
	if (signal_children(c, SIGKILL) == 0)
		reap(c);
}

static void
obey(struct care *c)
{
	char command = '\0';
	ssize_t n = recv(c->control, &command, 1, MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 1 && command == KEEPER_KILL)
		c->killing = true;
	else if (n == 1)
		signal_all(c, SIGTERM);
	if (n == 1)
		return;
	c->orphan = true;
	c->control = -1; /* poll() passes it over */
	c->kill_at_ms = now_ms() + ORPHAN_MS;
	if (!c->killing)
		signal_all(c, SIGTERM);
}

static int
patience_ms(const struct care *c)
{
	int64_t left;

	if (c->killing)
		return c->passes < LATE_PASSES ? PASS_MS : LATE_MS;
	if (!c->orphan)
		return c->signals != -1 ? -1 : LATE_MS;
	left = c->kill_at_ms - now_ms();
	return left > 0 ? (int)left : 0;
}

static void
watch(struct care *c)
{
	struct pollfd fds[2] = {
		{ .fd = c->control, .events = POLLIN },
		/* While killing, a pass at a time is enough for any number of ends. */
		{ .fd = c->killing ? -1 : c->signals, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	ssize_t n = 0;

	if (poll(fds, 2, patience_ms(c)) == -1)
		return;
	if (fds[0].revents != 0)
		obey(c);
	if (fds[1].revents != 0)
		n = read(c->signals, &info, sizeof(info));
	(void)n; /* many ends may be one signal: reap() finds them all */
	if (c->orphan && (c->hook == 0 || now_ms() >= c->kill_at_ms))
		c->killing = true;
}

static void
care_for(pid_t hook)
{
	struct care c = { .hook = hook, .control = CONTROL_FD };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	c.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	/* It may be over already. */
	for (reap(&c); !c.childless;) {
		watch(&c);
		if (c.killing)
			kill_pass(&c);
		else
			reap(&c);
	}
	if (c.killed > 0)
		child_say(KEEPER_LEFT, STAGE_PROCESS, (int)c.killed);
}

/* Every signal is blocked, and stays so: the keeper goes when its work is done. */
static _Noreturn void
keeper_main(const struct keeper_order *order, int control, int out, int errors)
{
	pid_t self = getpid();
	pid_t hook;

	child_reset_signals();
	setsid(); /* what ends the daemon's process group is to leave somebody to clean up
		   */
	prctl(PR_SET_NAME, "acmed-hook");
	if (child_set_descriptors(control, out, errors) == -1)
		_exit(errno); /* there is nobody to say it to */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1 || (hook = fork()) == -1) {
		child_say(KEEPER_FAILED, STAGE_PROCESS, errno);
		_exit(0);
	}
	if (hook == 0)
		child_run(order, self);
	child_say(KEEPER_STARTED, STAGE_PROCESS, hook);
	/* Or the output would not end while the keeper lives. */
	dup2(STDIN_FILENO, STDOUT_FILENO);
	dup2(STDIN_FILENO, STDERR_FILENO);
	care_for(hook);
	_exit(0);
}

/* ---- before it ---- */

static int
make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	/* Our end only: who writes would not expect it. */
	return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

/* With all signals blocked: in the child nothing of ours is to handle one. */
static pid_t
fork_quietly(void)
{
	sigset_t all, before;
	int errnum;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	errnum = errno;
	if (pid != 0)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = errnum;
	return pid;
}

static void
close_all(int control[2], int out[2], int errors[2])
{
	for (int i = 0; i < 2; i++) {
		fd_free_at(&control[i]);
		fd_free_at(&out[i]);
		fd_free_at(&errors[i]);
	}
}

int
keeper_start(const struct keeper_order *order, struct keeper *ret, struct err *err)
{
	int control[2] = { -1, -1 }, out[2] = { -1, -1 }, errors[2] = { -1, -1 };
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0 &&
	    make_pipe(out) == 0 && make_pipe(errors) == 0)
		pid = fork_quietly();
	if (pid == 0)
		keeper_main(order, control[1], out[1], errors[1]);
	if (pid == -1) {
		err_set_errno(err, errno, "cannot start a process");
		close_all(control, out, errors);
		return -1;
	}
	*ret = (struct keeper){ .pid = pid,
		.control = take_fd(&control[0]),
		.out = take_fd(&out[0]),
		.errors = take_fd(&errors[0]) };
	close_all(control, out, errors);
	return 0;
}

void
keeper_tell(const struct keeper *k, enum keeper_command command)
{
	char octet = (char)command;
	ssize_t sent = send(k->control, &octet, 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)sent;
	kill(k->pid, SIGCONT); /* a hook may have stopped it, being of the same user */
}
