/* SPDX-License-Identifier: ISC */
/*
 * hook_keeper - the process between the daemon and a hook: parent of all that the hook
 * starts and leaves. It does what it is told on a socket, and tells what it sees.
 *
 * It is a fork of a program with threads that never calls exec: what it runs is limited
 * to what a signal handler may call. So all that needs memory is made before the fork.
 */
#ifndef ACMED_HOOK_KEEPER_H
#define ACMED_HOOK_KEEPER_H

#include <sys/types.h>

#include "common/err.h"

/* What it is told, one octet each. Where the socket closes, the daemon is gone: that
 * means KEEPER_TERM, and KEEPER_KILL 5 s later. */
enum keeper_command {
	KEEPER_TERM = 'T', /* SIGTERM for the hook's process group and all it has left */
	KEEPER_KILL = 'K', /* SIGKILL for all until there is none */
};

enum keeper_event {
	KEEPER_STARTED, /* value: the hook's pid, which is its session, too */
	KEEPER_FAILED,  /* value: errno; stage: what could not be done */
	KEEPER_ENDED,   /* value: the hook's status, as waitpid() tells it */
	KEEPER_LEFT,    /* value: how many others it killed */
};

enum keeper_stage {
	STAGE_PROCESS,
	STAGE_HOME,
	STAGE_JAIL,
	STAGE_COMMAND,
};

struct keeper_message {
	enum keeper_event event;
	enum keeper_stage stage;
	int value;
};

/* How to run a hook; the strings stay where they are until keeper_start() returns. */
struct keeper_order {
	char *const *command;
	char *const *environment;
	const char *home;
	char *const *hidden; /* NULL: nothing */
	int abi;             /* of Landlock, see hook_jail.h */
};

struct keeper {
	pid_t pid;
	pid_t hook;  /* 0 until KEEPER_STARTED */
	int control; /* a SOCK_SEQPACKET: struct keeper_message from it, commands to it;
			at its end the keeper and all that it kept are gone */
	int out;     /* the reading ends of what the hook writes to; do not block */
	int errors;
};

/* 0, or -1 and an ERR_SYSTEM. The caller closes the descriptors and waits for the pid. */
int keeper_start(const struct keeper_order *order, struct keeper *ret, struct err *err);

/* Nobody to tell is no failure: the end of the socket will be seen. */
void keeper_tell(const struct keeper *k, enum keeper_command command);

/* ---- hook_child.c: after the fork ---- */

/* Descriptors of the keeper and of the hook: input and output, and the socket. */
#define CONTROL_FD 3

_Noreturn void child_run(const struct keeper_order *order, pid_t parent);
void child_reset_signals(void);

/* 0, 1 and 2 for the hook, CONTROL_FD, and no other. -1 and errno. */
int child_set_descriptors(int control, int out, int errors);

/* On CONTROL_FD. */
void child_say(enum keeper_event event, enum keeper_stage stage, int value);

#endif
