/* SPDX-License-Identifier: ISC */
/* hook_child - from fork() to execve(): what a signal handler may call, and no more. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "daemon/hook/hook_jail.h"
#include "daemon/hook/hook_keeper.h"

#define FIRST_FREE 10 /* above all that is given a number */

/* What shells say of a command that cannot be run, and of one that is not there. */
#define STATUS_CANNOT  126
#define STATUS_MISSING 127

void
child_say(enum keeper_event event, enum keeper_stage stage, int value)
{
	const struct keeper_message message = { event, stage, value };
	ssize_t sent =
	    send(CONTROL_FD, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)sent; /* a daemon that is gone need not know */
}

void
child_reset_signals(void)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };

	/* Of those that cannot be set, none can have been ignored. */
	for (int number = 1; number < NSIG; number++)
		sigaction(number, &standard, NULL);
}

static void
close_from(unsigned first)
{
	struct rlimit limit;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
#endif
	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	for (rlim_t fd = first; fd < limit.rlim_cur; fd++)
		close((int)fd);
}

int
child_set_descriptors(int control, int out, int errors)
{
	int input = open("/dev/null", O_RDWR | O_CLOEXEC);
	int sources[] = { input, out, errors, control };

	if (input == -1)
		return -1;
	/* Out of the way of each other first. */
	for (int i = 0; i <= CONTROL_FD; i++) {
		sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, FIRST_FREE);
		if (sources[i] == -1)
			return -1;
	}
	for (int i = 0; i < CONTROL_FD; i++)
		if (dup2(sources[i], i) == -1)
			return -1;
	if (dup3(sources[CONTROL_FD], CONTROL_FD, O_CLOEXEC) == -1)
		return -1;
	close_from(CONTROL_FD + 1);
	return 0;
}

static _Noreturn void
give_up(enum keeper_stage stage)
{
	int errnum = errno;

	child_say(KEEPER_FAILED, stage, errnum);
	_exit(errnum == ENOENT ? STATUS_MISSING : STATUS_CANNOT);
}

_Noreturn void
child_run(const struct keeper_order *order, pid_t parent)
{
	static const struct rlimit no_core = { 0, 0 };
	sigset_t none;

	setsid();
	umask(0077);
	/* Where the keeper is killed nobody would look after it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent ||
	    setrlimit(RLIMIT_CORE, &no_core) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		give_up(STAGE_PROCESS);
	if (chdir(order->home) == -1)
		give_up(STAGE_HOME);
	if (order->hidden != NULL && jail_enter(order->hidden, order->abi) == -1)
		give_up(STAGE_JAIL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(order->command[0], order->command, order->environment);
	give_up(STAGE_COMMAND);
}
