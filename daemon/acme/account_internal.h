/* SPDX-License-Identifier: ISC */
/* account_internal - what account.c, account_disk.c and accounts.c share. */
#ifndef ACMED_ACCOUNT_INTERNAL_H
#define ACMED_ACCOUNT_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "daemon/acme/account.h"

/* How far an account has come. Each step but the last has one thing to wait for. */
enum account_at {
	ACCOUNT_KEY,       /* a worker loads or makes it */
	ACCOUNT_DIRECTORY, /* where newAccount is */
	ACCOUNT_REGISTER,  /* the CA finds or makes the account */
	ACCOUNT_SAVE,      /* a worker writes account.json */
	ACCOUNT_READY,
};

struct account_wait {
	TAILQ_ENTRY(account_wait) entry;
	struct account *account;
	enum account_at until; /* done when this step is reached */
	account_done_fn *done;
	void *arg;
};

struct account {
	const struct account_deps *deps;
	unsigned references;
	struct config *config; /* keeps `settings` alive */
	const struct account_config *settings;
	struct account_config *own; /* `settings`, where they are of no configuration */
	enum account_at at;
	bool busy;  /* a step is under way */
	bool ready; /* has been so far once: what it knows stays */
	struct directory *directory;
	struct key *key;
	char *thumbprint;
	char *url;
	struct session *session;
	struct err err; /* of the step that failed last */
	struct worker_task *task;
	struct directory_wait *directory_wait;
	struct session_request *request;
	struct event *turn;
	TAILQ_HEAD(, account_wait) waits;
};

struct account *account_new(const struct account_deps *deps, struct config *config,
    const struct account_config *settings);

/* Beside an account: what it takes over is of `settings`, but key and directory. */
struct account *account_new_staging(const struct account_deps *deps, struct config *config,
    const struct account_config *settings);

/* Whoever ends a step calls one of these, once. */
void account_step_ended(struct account *a, enum account_at next);
void account_step_failed(struct account *a, const struct err *err);

/* account_disk.c: steps that a worker does. */
void account_start_key(struct account *a);
void account_start_save(struct account *a);

#endif
