/* SPDX-License-Identifier: ISC */
/*
 * job - one certificate from the decision to the pair in force: the key is made and put
 * on disk, the order is placed or gone on with, what the CA sent is checked and
 * published. job_start() is the only way an issuance begins.
 *
 * The watcher is called from the loop, never before job_start() has returned; `done`
 * once and last. Freeing the job earlier cancels it without a call.
 */
#ifndef ACMED_JOB_H
#define ACMED_JOB_H

#include <stdbool.h>
#include <time.h>

#include "common/clean.h"
#include "common/err.h"

struct account;
struct cert_config;
struct cert_info;
struct challenge_servers;
struct config;
struct event_base;
struct job;
struct store;
struct worker;

struct job_deps {
	struct event_base *loop;
	struct worker *worker;
	struct worker *slow_worker; /* for what takes seconds */
	struct store *store;
	const struct challenge_servers *servers;
};

struct job_request {
	struct config *config; /* a reference is taken: keeps `cert` alive */
	const struct cert_config *cert;
	struct account *account; /* a reference is taken */
	const char *order_url;   /* of an order to go on with, or NULL */
	const char *replaces;    /* or NULL */
	bool rehearse; /* proves the names to the account's CA, and ends before a key is
			  made */
};

struct job_outcome {
	const struct err *err;  /* NULL: published */
	struct cert_info *info; /* taken over by the callee, NULL on failure */
	unsigned version;       /* of the generation in force now */
	bool replaces_refused;
	bool order_lost;
};

struct job_watcher {
	void (*step)(const char *step, const char *detail, void *arg);
	/* Put the URL on disk, then call job_recorded(). */
	void (*record)(const char *order_url, void *arg);
	void (*done)(const struct job_outcome *outcome, void *arg);
	void *arg;
};

struct job *job_start(const struct job_deps *deps, const struct job_request *request,
    const struct job_watcher *watcher);
void job_recorded(struct job *j, const struct err *err);
void job_free(struct job *j);
DEFINE_CLEAN(job, struct job);

const char *job_step(const struct job *j);
time_t job_started_at(const struct job *j);
const struct account *job_account(const struct job *j);

#endif
