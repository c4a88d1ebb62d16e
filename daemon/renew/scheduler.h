/* SPDX-License-Identifier: ISC */
/*
 * scheduler - all certificates of the configuration: wakes for each at the instant that
 * decide() gave, asks for renewal information, begins jobs within the limits, remembers
 * what came of them, and tells whoever subscribed. The timer and a person's command end
 * in the same job.
 */
#ifndef ACMED_SCHEDULER_H
#define ACMED_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "common/clean.h"
#include "common/err.h"
#include "daemon/config/config.h"
#include "daemon/renew/decide.h"
#include "daemon/renew/deploy.h"
#include "daemon/renew/job.h"

struct accounts;
struct cert_info;
struct cert_state;
struct scheduler;
struct subscription;

struct scheduler_deps {
	struct job_deps job;
	struct deploy_deps deploy;
	struct accounts *accounts;
};

struct scheduler *scheduler_new(const struct scheduler_deps *deps);
void scheduler_free(struct scheduler *s);
DEFINE_CLEAN(scheduler, struct scheduler);

/* Takes a reference. Certificates that did not change keep schedule, draw, history and
 * the order in flight. Nothing is asked of a network before the loop runs again. */
void scheduler_set_config(struct scheduler *s, struct config *config);

/* The same in three parts, for a configuration that comes while others are served. What
 * it means for the certificates, and what lies on disk of those that are new: blocks, and
 * is for a worker. `before` is what the scheduler has now, and will have when the plan is
 * put in force; both are referenced. */
struct scheduler_plan;
struct scheduler_plan *scheduler_plan_new(const struct store *store, struct config *before,
    struct config *next);

/* On the loop. */
void scheduler_use_plan(struct scheduler *s, struct scheduler_plan *plan);

/* Takes time as well: on a worker again, used or not. */
void scheduler_plan_free(struct scheduler_plan *plan);
DEFINE_CLEAN(scheduler_plan, struct scheduler_plan);

/* ---- by a person's command ---- */

enum scheduler_ask {
	ASK_NOW,    /* whatever the schedule says */
	ASK_IF_DUE, /* after asking the CA for renewal information anew */
};

/* What comes of it is told by events: at last one of ISSUED, RENEWED, KEPT, FAILED for
 * this name. ERR_BUSY where an order is under way, ERR_CONFIG where there is no such. */
int scheduler_ask(struct scheduler *s, const char *name, enum scheduler_ask ask,
    struct err *err);

/* No orders for it until then (0: until scheduler_resume()). -1: there is no such. */
int scheduler_hold(struct scheduler *s, const char *name, time_t until, struct err *err);
int scheduler_resume(struct scheduler *s, const char *name, struct err *err);

/* Puts an earlier generation back into force and into use (0: the one before), and holds
 * the certificate. At last ROLLED_BACK or FAILED is told. */
int scheduler_rollback(struct scheduler *s, const char *name, unsigned version,
    struct err *err);

/* ---- what happens ---- */

enum event_type {
	EVENT_STEP,
	EVENT_ISSUED,
	EVENT_RENEWED,
	EVENT_KEPT, /* asked for, and not due */
	EVENT_FAILED,
	EVENT_DEPLOYED,
	EVENT_VERIFIED, /* deployed, and seen to be served */
	EVENT_DEPLOY_FAILED,
	EVENT_ROLLED_BACK,
	EVENT_ARI,      /* a new window */
	EVENT_INCIDENT, /* one that jumped forward */
	EVENT_EXPIRING, /* little of its life is left */
	EVENT_RECOVERED,
	EVENT_HELD,
	EVENT_RESUMED,
	EVENT_RELOADED,
	EVENT_TYPE_COUNT
};

const char *event_type_name(enum event_type type); /* "step", "issued", ... */

struct scheduler_event {
	enum event_type type;
	time_t at;
	const char *name; /* of the certificate; NULL: of none */
	const char *step; /* EVENT_STEP */
	const char *text;
	const struct err *err; /* EVENT_FAILED, EVENT_DEPLOY_FAILED */
};

/* From the loop. A subscriber may end its own subscription, or ask for something. */
typedef void scheduler_event_fn(const struct scheduler_event *event, void *arg);
struct subscription *scheduler_subscribe(struct scheduler *s, scheduler_event_fn *fn,
    void *arg);
void subscription_free(struct subscription *sub);

/* Tells all subscribers; for what the daemon itself does. */
void scheduler_tell(struct scheduler *s, const struct scheduler_event *event);

/* ---- looking ---- */

/* What the CA of the account to order with allows. */
struct cert_budget {
	const char *what; /* "orders", "duplicates", "failed validations" */
	unsigned limit;
	unsigned left;
	time_t per; /* seconds */
};

#define CERT_BUDGETS 3

/* All of it borrowed, and good until the loop goes on. */
struct cert_look {
	const struct cert_config *config;
	const struct cert_state *state;
	const struct cert_info *info; /* of the leaf in force, or NULL */
	const char *damage;           /* why there is no usable pair, or NULL */
	unsigned version;             /* the generation in force, 0: none */
	bool running;
	bool waiting; /* due, and held by the limits */
	bool busy;    /* running, waiting, or about to: another version may come */
	const char *step;
	time_t started_at;     /* of the job that runs */
	const char *condition; /* "valid", "failed", "expired", "issuing", ... */
	const char *account;   /* to order with as things stand */
	size_t n_budgets;
	struct cert_budget budgets[CERT_BUDGETS];
	struct decision decision;
};

bool scheduler_look(const struct scheduler *s, const char *name, struct cert_look *ret);
size_t scheduler_count(const struct scheduler *s);
void scheduler_look_at(const struct scheduler *s, size_t i, struct cert_look *ret);
struct config *scheduler_config(const struct scheduler *s); /* borrowed */
const char *scheduler_state_dir(const struct scheduler *s);

/* The earliest instant at which something is planned; 0: none. */
time_t scheduler_next(const struct scheduler *s);
size_t scheduler_running(const struct scheduler *s);

/* Whether something that was learned is still on its way to the disk. */
bool scheduler_is_saving(const struct scheduler *s);

#endif
