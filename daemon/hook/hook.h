/* SPDX-License-Identifier: ISC */
/*
 * hook - runs programs of other people: no shell, nothing inherited, and an end.
 *
 * A hook has a session of its own, /dev/null as standard input, two pipes as its output
 * and no other descriptor, the environment that it was given, umask 077, no privileges to
 * gain and no core file. It has ended when its process has, whoever still holds its
 * output; what it wrote is waited for half a second longer. Then whatever it has started
 * and left is killed: a hook that is to start a service asks the service manager.
 *
 * How what it left is found: every hook has a keeper, a process of ours that is its parent
 * and, as a "child subreaper", becomes the parent of all its descendants that lose theirs,
 * whatever session they have gone to. So the children of the keeper are this hook's and
 * nobody else's, they cannot be reaped behind its back, and killing them until there are
 * none is exact, also where other hooks run. A keeper whose daemon has died does the same
 * by itself. Nothing else in the daemon starts processes.
 *
 * All of it on the loop's thread.
 */
#ifndef ACMED_HOOK_H
#define ACMED_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "common/clean.h"
#include "common/err.h"

struct event_base;
struct hooks; /* all that run; the limit on how many at once */
struct hook_run;

#define HOOK_OUTPUT_MAX ((size_t)64 * 1024)

struct hook_request {
	const char *label; /* for logs and errors: "site: deploy hook /usr/local/sbin/x" */
	const char *const *command;     /* [0] is an absolute path; NULL-terminated */
	const char *const *environment; /* "NAME=value" besides PATH, LANG and HOME, or
					   instead of these; may be NULL */
	const char *home;               /* HOME and working directory; NULL: / */

	/* Directories (at most 16,384) below which it can read no file, NULL-terminated, or
	 * NULL; one that does not exist is passed over. Names can still be listed: a rule
	 * against that would hold for every directory on the way there, "/" among them.
	 * What is made while the hook runs in one of those on the way, by whomever, cannot
	 * be read by it either: neither `home` nor its place for temporary files should be
	 * one. Where the kernel has no Landlock there is a warning; before Linux 5.19 it
	 * cannot move files from one directory to another. */
	const char *const *hidden;
	time_t timeout; /* seconds; 0: 300. Then SIGTERM, and SIGKILL 5 s later */
};

struct hook_result {
	int exit_status; /* 0..255; -1 where a signal ended it, or nothing was started */
	int signal;      /* that ended it; 0: none */
	bool timed_out;  /* it was told to end */

	/* stdout and stderr: the last HOOK_OUTPUT_MAX octets at most, line breaks as they
	 * were, other control characters made harmless; "" where there was none. */
	const char *output;
	size_t output_lost; /* octets before these */
};

/* `err` is NULL exactly when it ended with status 0, and within its time. Otherwise its
 * kind is ERR_HOOK (ERR_SYSTEM where it could not be started or looked after), and its
 * text is the label, how it ended, and at most 200 octets of the last lines of its standard
 * error. Both are gone when the call returns, the handle before it. */
typedef void hook_done_fn(const struct hook_result *result, const struct err *err,
    void *arg);

/* Makes this process a child subreaper, for what a keeper that was killed has left. */
struct hooks *hooks_new(struct event_base *loop, unsigned most_at_once);

/* Kills all that run, and waits until it is dead, for two seconds at most. */
void hooks_free(struct hooks *h);
DEFINE_CLEAN(hooks, struct hooks);

/* Copies the request. Beyond the limit it waits for its turn; its time begins then. */
struct hook_run *hook_start(struct hooks *h, const struct hook_request *request,
    hook_done_fn *done, void *arg);

/* Before `done`: it will not be called. SIGTERM now, SIGKILL 5 s later; until it has ended
 * it counts against the limit. */
void hook_run_free(struct hook_run *r);
DEFINE_CLEAN(hook_run, struct hook_run);

#endif
