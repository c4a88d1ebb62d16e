/* SPDX-License-Identifier: ISC */
/*
 * kill_at - runs a program and kills it before the Nth system call that changes something
 * on a file below DIR, or sends something over a socket: issuance_kill.sh uses it. strace
 * does so, too, but counts the calls of each thread and each name by themselves, and acmed
 * has several threads that take turns.
 *
 *	kill_at RECORD N DIR PROGRAM ARGUMENT...
 *
 * RECORD gets a line "renameat .0.new site.json" for each such call; the last one is that
 * which was not made any more. N of 0: none is kept from being made. Exits with 0 where it
 * has killed, 1 where the program ended before, 2 where it cannot do its work. The program
 * ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/str.h"

/* What the first argument of a call says of where it is about. */
enum target {
	TARGET_FD,      /* an open file */
	TARGET_AT,      /* a name in an open directory */
	TARGET_AT_PAIR, /* and another one behind it */
	TARGET_LINK,    /* the second and third argument are those of TARGET_AT */
	TARGET_PATH,
};

static const struct call {
	long number;
	const char *name;
	enum target target;
} calls[] = {
	{ SYS_openat, "openat", TARGET_AT },
	{ SYS_write, "write", TARGET_FD },
	{ SYS_writev, "writev", TARGET_FD },
	{ SYS_pwrite64, "pwrite64", TARGET_FD },
	{ SYS_sendto, "sendto", TARGET_FD },
	{ SYS_sendmsg, "sendmsg", TARGET_FD },
	{ SYS_ftruncate, "ftruncate", TARGET_FD },
	{ SYS_fallocate, "fallocate", TARGET_FD },
	{ SYS_fsync, "fsync", TARGET_FD },
	{ SYS_fdatasync, "fdatasync", TARGET_FD },
	{ SYS_fchmod, "fchmod", TARGET_FD },
	{ SYS_fchown, "fchown", TARGET_FD },
	{ SYS_fchmodat, "fchmodat", TARGET_AT },
	{ SYS_mkdirat, "mkdirat", TARGET_AT },
	{ SYS_unlinkat, "unlinkat", TARGET_AT },
	{ SYS_renameat2, "renameat2", TARGET_AT_PAIR },
	{ SYS_linkat, "linkat", TARGET_AT_PAIR },
	{ SYS_symlinkat, "symlinkat", TARGET_LINK },
#ifdef SYS_renameat
	{ SYS_renameat, "renameat", TARGET_AT_PAIR },
#endif
/* Younger architectures have the calls above alone. */
#ifdef SYS_open
	{ SYS_chmod, "chmod", TARGET_PATH },
	{ SYS_mkdir, "mkdir", TARGET_PATH },
	{ SYS_rename, "rename", TARGET_PATH },
	{ SYS_link, "link", TARGET_PATH },
	{ SYS_symlink, "symlink", TARGET_PATH },
	{ SYS_unlink, "unlink", TARGET_PATH },
	{ SYS_rmdir, "rmdir", TARGET_PATH },
#endif
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

static struct {
	FILE *record;
	unsigned long kill_at;
	unsigned long count;
	const char *below;
	pid_t program;
} t;

static _Noreturn void
give_up(const char *what)
{
	perror(what);
	exit(2);
}

/* ---- the program ---- */

/* Those calls stop it, and no others. */
static void
watch_calls(void)
{
	struct sock_filter filter[2 * CALLS + 2] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, nr)) };
	struct sock_fprog program = { .filter = filter };

	for (size_t i = 0; i < CALLS; i++) {
		filter[2 * i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		    (unsigned)calls[i].number, 0, 1);
		filter[2 * i + 2] =
		    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	}
	filter[2 * CALLS + 1] =
	    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = sizeof(filter) / sizeof(filter[0]);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1)
		give_up("kill_at: seccomp");
}

static void
become(char **command)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		give_up("kill_at: ptrace");
	raise(SIGSTOP);
	watch_calls();
	execv(command[0], command);
	give_up(command[0]);
}

/* ---- one of its threads, before a call ---- */

static char *
read_text(pid_t thread, uint64_t address, char *out, size_t size)
{
	struct iovec here = { out, size - 1 };
	struct iovec there = { (void *)(uintptr_t)address, size - 1 };
	ssize_t n;

	/* It may end close to the end of what can be read. */
	while ((n = process_vm_readv(thread, &here, 1, &there, 1, 0)) == -1 &&
	       there.iov_len > 16)
		there.iov_len /= 2;
	out[n > 0 ? n : 0] = '\0';
	return out;
}

/* What a descriptor is for: a path, "socket:[4711]", ... */
static char *
read_fd(pid_t thread, uint64_t fd, char *out, size_t size)
{
	char place[64];
	ssize_t n;

	if ((int)fd == AT_FDCWD)
		snprintf(place, sizeof(place), "/proc/%d/cwd", (int)thread);
	else
		snprintf(place, sizeof(place), "/proc/%d/fd/%d", (int)thread, (int)fd);
	n = readlink(place, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	return out;
}

/* As the record has it, below t.below; "" where it is elsewhere. */
static char *
place_of(pid_t thread, const struct call *call, const uint64_t *args, char *out,
    size_t size)
{
	char dir[512] = "", name[512] = "";
	size_t below = strlen(t.below);
	int at = call->target == TARGET_LINK ? 1 : 0;

	if (call->target == TARGET_PATH)
		read_text(thread, args[0], name, sizeof(name));
	else
		read_fd(thread, args[at], dir, sizeof(dir));
	if (call->target != TARGET_FD && call->target != TARGET_PATH)
		read_text(thread, args[at + 1], name, sizeof(name));
	if (name[0] == '/')
		dir[0] = '\0';
	snprintf(out, size, "%s%s%s", dir, *dir && *name ? "/" : "", name);
	if (str_starts(out, "socket:"))
		out[strlen("socket")] = '\0';
	else if (str_starts(out, t.below))
		memmove(out, out + below, strlen(out + below) + 1);
	else
		out[0] = '\0';
	return out;
}

static const struct call *
find_call(uint64_t number)
{
	for (size_t i = 0; i < CALLS; i++)
		if ((uint64_t)calls[i].number == number)
			return &calls[i];
	return NULL;
}

/* Opening changes something where it makes a file or empties one. */
static bool
changes(const struct call *call, const uint64_t *args)
{
	return call->number != SYS_openat || (args[2] & (O_CREAT | O_TRUNC)) != 0;
}

/* True: it was killed before it. */
static bool
before_call(pid_t thread)
{
	struct __ptrace_syscall_info info;
	const struct call *call;
	const uint64_t *args = info.seccomp.args;
	char place[1100], second[512] = "";

	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return false; /* it has just been killed */
	call = find_call(info.seccomp.nr);
	if (call == NULL || !changes(call, args) ||
	    *place_of(thread, call, args, place, sizeof(place)) == '\0')
		return false;
	if (call->target == TARGET_AT_PAIR)
		read_text(thread, args[3], second, sizeof(second));
	fprintf(t.record, "%s %s%s%s\n", call->name, place, *second ? " " : "", second);
	fflush(t.record);
	t.count++;
	return t.count == t.kill_at && kill(t.program, SIGKILL) == 0;
}

/* ---- all of them ---- */

static void
go_on(pid_t thread, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (event != 0 || signal == SIGSTOP)
		signal = 0; /* a new thread begins with one */
	ptrace(PTRACE_CONT, thread, NULL, signal);
}

/* The next thread that stands still; -1 where the program has ended. */
static pid_t
next_thread(int *status)
{
	pid_t thread;

	do {
		thread = waitpid(-1, status, __WALL);
		if (thread == t.program && !WIFSTOPPED(*status))
			return -1;
	} while (
	    (thread == -1 && errno == EINTR) || (thread != -1 && !WIFSTOPPED(*status)));
	return thread;
}

/* 0 where it was killed here. */
static int
watch(void)
{
	bool killed = false;
	int status;
	pid_t thread;

	while ((thread = next_thread(&status)) != -1) {
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8) && !killed)
			killed = before_call(thread);
		go_on(thread, status);
	}
	return killed ? 0 : 1;
}

static void
attach(void)
{
	const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC |
			     PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE |
			     PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	int status;

	if (waitpid(t.program, &status, 0) != t.program || !WIFSTOPPED(status))
		give_up("kill_at: the program does not begin");
	if (ptrace(PTRACE_SETOPTIONS, t.program, NULL, options) == -1)
		give_up("kill_at: ptrace");
	ptrace(PTRACE_CONT, t.program, NULL, 0);
}

int
main(int argc, char **argv)
{
	if (argc < 5) {
		fputs("usage: kill_at RECORD N DIR PROGRAM ARGUMENT...\n", stderr);
		return 2;
	}
	t.record = fopen(argv[1], "we");
	if (t.record == NULL)
		give_up(argv[1]);
	t.kill_at = strtoul(argv[2], NULL, 10);
	t.below = argv[3];
	t.program = fork();
	if (t.program == -1)
		give_up("kill_at: fork");
	if (t.program == 0)
		become(argv + 4);
	attach();
	return watch();
}
