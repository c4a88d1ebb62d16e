/* SPDX-License-Identifier: ISC */
/*
 * handlers - what the methods of io.acmed do: each reads its parameters, makes one call
 * down, and replies. No logic lives here.
 */
#ifndef ACMED_HANDLERS_H
#define ACMED_HANDLERS_H

#include <stdbool.h>
#include <time.h>

struct call;
struct config;
struct config_diff;
struct lag;
struct problems;
struct scheduler;

struct handlers {
	struct scheduler *scheduler;
	time_t started_at;
	const struct lag *lag;
	/* Reads the configuration again: 0, or -1 with the errors among `problems`. */
	int (*reload)(struct problems *problems, struct config_diff *diff, void *arg);
	/* The configuration as it lies on disk, or NULL. The caller owns a reference. */
	struct config *(*load)(struct problems *problems, void *arg);
	/* Whether there is a pair of that name already. */
	bool (*has_files)(const char *name, void *arg);
	void *reload_arg; /* of all three */
};

/* A server_run_fn; `arg` is a struct handlers. */
void handlers_run(struct call *call, void *arg);

#endif
