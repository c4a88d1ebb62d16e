/* SPDX-License-Identifier: ISC */
/* hook_internal - what the files of this folder share. */
#ifndef ACMED_HOOK_INTERNAL_H
#define ACMED_HOOK_INTERNAL_H

#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "daemon/hook/hook.h"
#include "daemon/hook/hook_keeper.h"
#include "daemon/hook/hook_output.h"

struct event;

enum run_at {
	RUN_WAITS,  /* for its turn */
	RUN_RUNS,   /* until its time is over */
	RUN_WARNED, /* by SIGTERM */
	RUN_ENDED,  /* its last output is waited for */
	RUN_KILLED, /* with all that it has left */
	RUN_STUCK,  /* in spite of that; it has been told that it ended */
};

/* One of the pipes that it writes to. */
struct stream {
	struct hook_run *run;
	struct event *event; /* NULL after its end */
	int fd;
};

struct hook_run {
	struct hooks *hooks;
	hook_done_fn *done; /* NULL where nobody wants to know any more */
	void *arg;
	char *label;
	char **command;
	char **environment;
	char *home;
	char **hidden;
	time_t timeout;

	enum run_at at;
	bool kept; /* it has a keeper */
	struct keeper keeper;
	struct event *control; /* the keeper says something */
	struct event *timer;   /* of what `at` waits for */
	struct stream out;
	struct stream errors;
	struct output output; /* of both */
	struct output tail;   /* of standard error */

	int64_t started_ms; /* of the monotonic clock */
	bool ended;         /* as `status` says */
	bool timed_out;
	int status;          /* as waitpid() tells it */
	unsigned left;       /* processes that it left, killed */
	struct err no_start; /* why it could not be started, or ERR_NONE */
	TAILQ_ENTRY(hook_run) link;
};

TAILQ_HEAD(run_list, hook_run);

struct hooks {
	struct event_base *loop;
	unsigned most;
	unsigned n_running;      /* that count against it */
	struct run_list waiting; /* of which nothing has begun */
	struct run_list running; /* of which there is a keeper */
	struct event *turn;      /* who waits may start */
	bool only_ours;          /* no child of this process is older than we are */

	struct event *sweep; /* strays may be left; NULL before the first ones */
	unsigned sweeps;     /* that are left to do */
	pid_t stray_session;
};

/* ---- hook.c ---- */

/* A place is free. */
void hooks_next(struct hooks *h);

/* It is on no list any more. */
void run_destroy(struct hook_run *r);

/* ---- hook_run.c ---- */

/* Starts it, or sees to it that `done` is told why not. */
void run_begin(struct hook_run *r);

/* SIGTERM now, SIGKILL later. */
void run_cancel(struct hook_run *r);

/* Kills it; waits for its end until the instant of the monotonic clock. */
void run_kill(struct hook_run *r);
void run_wait(struct hook_run *r, int64_t until_ms);

/* ---- hook_end.c ---- */

/* "exit status 1", "ended by SIGSEGV"; to be freed. */
char *end_describe(const struct hook_run *r);

/* 0 where it did what it was to do. */
int end_error(const struct hook_run *r, struct err *err);
void end_log(const struct hook_run *r, const char *text);

/* ---- hook_strays.c ---- */

/* A keeper was killed: its children have become ours. Kills them, on the loop until there
 * are none. `session`: of its hook. */
void strays_sweep(struct hooks *h, pid_t session);

#endif
