/* SPDX-License-Identifier: ISC */
/*
 * deploy - a generation that lies in live/ goes into use: the outputs are written, units
 * are reloaded, the queue gets its entry, hooks run, one after the other as the
 * configuration has them; then the endpoints are asked until they serve the new leaf.
 *
 * The watcher is called from the loop, never before deploy_start() has returned; `done`
 * once and last. Freeing it earlier cancels without a call.
 */
#ifndef ACMED_DEPLOY_H
#define ACMED_DEPLOY_H

#include <stdbool.h>

#include "common/clean.h"
#include "common/err.h"

struct cert_config;
struct config;
struct deploy;
struct event_base;
struct hooks;
struct prober;
struct store;
struct units;
struct worker;

struct deploy_deps {
	struct event_base *loop;
	struct worker *worker;
	struct store *store;
	struct hooks *hooks;
	struct units *units;
	struct prober *prober;
};

struct deploy_request {
	struct config *config; /* a reference is taken: keeps `cert` alive */
	const struct cert_config *cert;
	unsigned version;  /* the generation that is in force */
	const char *event; /* "issued", "renewed", "rolled-back": for hooks; copied */
	/* Only what does not fit has to be done: where every output is as it should be, no
	 * unit is reloaded and no hook runs. */
	bool check;
};

struct deploy_outcome {
	const struct err *err; /* NULL: in use */
	bool verified;         /* there were endpoints, and all serve it */
	bool untouched;        /* nothing had to be done */
};

struct deploy_watcher {
	/* "outputs", "reload", "restart", "start", "queue", "run", "verify"; the detail is
	 * how many files were written, a unit, an entry, a program, an endpoint. */
	void (*step)(const char *step, const char *detail, void *arg);
	void (*done)(const struct deploy_outcome *outcome, void *arg);
	void *arg;
};

struct deploy *deploy_start(const struct deploy_deps *deps,
    const struct deploy_request *request, const struct deploy_watcher *watcher);
void deploy_free(struct deploy *d);
DEFINE_CLEAN(deploy, struct deploy);

/* As above; it begins with "outputs". */
const char *deploy_step(const struct deploy *d);

#endif
