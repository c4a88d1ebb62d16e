/* SPDX-License-Identifier: ISC */
/* deploy_internal - what the files of a deployment share. */
#ifndef ACMED_DEPLOY_INTERNAL_H
#define ACMED_DEPLOY_INTERNAL_H

#include <stddef.h>

#include "daemon/renew/deploy.h"

struct event;
struct hook_run;
struct outputs;
struct probe;
struct unit_wait;
struct worker_task;

struct deploy {
	struct deploy_deps deps;
	struct config *config;
	const struct cert_config *cert;
	unsigned version;
	char *event;
	bool check;
	struct deploy_watcher watcher;
	const char *step;

	/* What is waited for: one of them at a time. */
	struct worker_task *task;
	struct unit_wait *unit;
	struct hook_run *hook;
	struct probe *probe;
	struct event *turn;

	/* Of the pair, from the worker. */
	char *fingerprint;
	char **names;
	char *not_after;
	size_t written; /* outputs that did not fit */

	size_t at;           /* the next of options->deploy */
	size_t endpoint;     /* the one of options->verify that is asked */
	unsigned looks;      /* at that endpoint */
	int64_t verify_from; /* on the monotonic clock, ms */
	struct err err;
};

/* deploy.c: once, from a callback of the loop; frees the deployment. */
void deploy_ended(struct deploy *d);
void deploy_tell(struct deploy *d, const char *step, const char *detail);

/* Calls it from the loop, in so many milliseconds. */
void deploy_later(struct deploy *d, int64_t ms);

/* deploy_act.c: the next action of the configuration; when all are done, verification. */
void deploy_act(struct deploy *d);

/* deploy_verify.c: asks the next endpoint; when all serve it, the end. */
void deploy_verify(struct deploy *d);

#endif
