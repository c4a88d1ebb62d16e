/* SPDX-License-Identifier: ISC */
/* scheduler_internal - what scheduler.c (all of them) and managed.c (one) share. */
#ifndef ACMED_SCHEDULER_INTERNAL_H
#define ACMED_SCHEDULER_INTERNAL_H

#include <sys/queue.h>

#include "daemon/renew/heap.h"
#include "daemon/renew/scheduler.h"
#include "daemon/renew/state.h"

struct ari_fetch;
struct clock_timer;
struct worker_task;

/* What a person asked for and has not been told the end of. */
enum managed_wish {
	WISH_NONE,
	WISH_IF_DUE,
	WISH_NOW,
};

/* One certificate. */
struct managed {
	struct heap_node wake; /* first: the heap's node is the certificate */
	struct scheduler *scheduler;
	const struct cert_config *config; /* of scheduler->config */
	struct cert_state state;
	struct cert_info *info;
	char *damage;
	unsigned version;
	enum managed_wish wish;
	bool asked; /* the CA, since the wish */
	struct job *job;
	struct ari_fetch *ari;
	TAILQ_ENTRY(managed) entry; /* of the queue while waiting, of those with a job */
	bool waiting;
	struct worker_task *saving;
	bool save_again;
	bool unsaved;      /* will be, with the renewal information under way */
	bool record_waits; /* the job waits for the save under way */
};

struct scheduler {
	struct scheduler_deps deps;
	struct config *config;
	struct managed **list; /* in the order of config->certs: sorted by name */
	size_t count;
	struct heap heap;
	struct clock_timer *timer;
	time_t armed_at;                          /* what the timer was set to */
	TAILQ_HEAD(managed_queue, managed) queue; /* due, and held by the limits */
	struct managed_queue active;              /* with a job */
	size_t running;
	TAILQ_HEAD(, subscription) subscriptions;
};

/* managed.c */
struct managed *managed_new(struct scheduler *s, const struct cert_config *config);
void managed_free(struct managed *m);

/* Whoever waits for it is told that nothing comes of it. */
void managed_cancel(struct managed *m, const char *why);

/* The same certificate under a new configuration. */
void managed_set_config(struct managed *m, const struct cert_config *config);

/* Decides anew, begins what is due, and sets the next wake-up. */
void managed_think(struct managed *m);
int managed_ask(struct managed *m, enum scheduler_ask ask, struct err *err);
void managed_look(const struct managed *m, struct cert_look *ret);

/* managed_run.c: jobs and polls of one certificate */
void managed_start_job(struct managed *m);
void managed_start_poll(struct managed *m);
void managed_save(struct managed *m);

/* At the start: where the order in flight has been published, and the state was not saved
 * any more, it says so now. */
void managed_catch_up(struct managed *m);
void managed_tell(struct managed *m, enum event_type type, const char *step,
    const char *text, const struct err *err);

/* The account whose CA issued the certificate in force, or NULL. */
struct account *managed_issuer(const struct managed *m);

/* The URL of an order that was begun under the settings of now, or NULL. */
const char *managed_order(const struct managed *m);

/* scheduler.c */
void scheduler_wake_at(struct scheduler *s, struct managed *m, time_t at);
void scheduler_enqueue(struct scheduler *s, struct managed *m);

/* Its job is gone; the queue is looked at by scheduler_drain(). */
void scheduler_job_ended(struct scheduler *s, struct managed *m);
void scheduler_drain(struct scheduler *s);

#endif
