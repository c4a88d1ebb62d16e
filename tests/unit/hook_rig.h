/* SPDX-License-Identifier: ISC */
/* hook_rig - real hooks, written into files, and what became of them. */
#ifndef ACMED_HOOK_RIG_H
#define ACMED_HOOK_RIG_H

#include "tests/unit/unit.h"

#include <event2/event.h>
#include <stdbool.h>

#include "common/err.h"
#include "daemon/hook/hook.h"

/* One hook, and how it ended. */
struct case_ {
	const char *name;
	const char *script; /* of /bin/sh; or NULL: what `command` says */
	const char *const *command;
	const char *const *environment;
	const char *const *hidden;
	time_t timeout;

	char path[128]; /* of the script */
	struct hook_run *run;
	int done;   /* how often it was called */
	bool right; /* err is NULL */
	struct err err;
	int exit_status;
	int signal;
	bool timed_out;
	char *output;
	size_t output_lost;
	int64_t ms; /* from its start until `done` */
	int64_t started_ms;
};

struct rig {
	struct event_base *loop;
	struct hooks *hooks;
	char dir[64];
	char marker[32]; /* "1000.PID": what `sleep MARKER` is found by */
	char log[16384];
};
extern struct rig rig;

int rig_set_up(void **state);
int rig_tear_down(void **state);

void rig_start(struct case_ *c);
void rig_run(struct case_ *c); /* and the loop until nothing is left to do */
void rig_clear(struct case_ *c);

/* A file in the directory of the rig, and its path: valid until the next call. */
const char *rig_path(const char *name);
void rig_write(const char *name, const char *text);
char *rig_read(const char *name); /* NULL where there is none */

/* Run the loop until a file of that name is there. */
void rig_wait_for_file(const char *name);

/* How many processes have the marker among their arguments, and until it is so many. */
unsigned rig_count_marked(void);
void rig_wait_for_marked(unsigned count);

/* Whether this process has a child, dead or alive. */
bool rig_has_child(void);

/* The program itself as a hook: prints what it was given, line by line. */
extern const char *const rig_show[]; /* a command for a case */
int rig_main(int argc, char **argv, int (*tests)(void));

#endif
