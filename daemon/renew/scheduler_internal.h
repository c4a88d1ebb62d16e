/* SPDX-License-Identifier: ISC */
/* scheduler_internal - what scheduler*.c (all of them) and managed*.c (one) share. */
#ifndef ACMED_SCHEDULER_INTERNAL_H
#define ACMED_SCHEDULER_INTERNAL_H

#include <sys/queue.h>

#include "daemon/renew/breaker.h"
#include "daemon/renew/heap.h"
#include "daemon/renew/ledger.h"
#include "daemon/renew/scheduler.h"
#include "daemon/renew/state.h"

struct ari_fetch;
struct clock_timer;
struct managed;
struct worker_task;

TAILQ_HEAD(managed_queue, managed);

/* What a person asked for and has not been told the end of. */
enum managed_wish {
	WISH_NONE,
	WISH_IF_DUE,
	WISH_NOW,
};

/* What is known of a CA, by its directory. */
struct ca {
	TAILQ_ENTRY(ca) entry;
	char *directory;
	struct breaker breaker;
	time_t incident_at; /* it moved a window forward; 0: never */
};

/* The orders of one account: those under way, and those that wait for their turn. */
struct lane {
	TAILQ_ENTRY(lane) entry;
	char *account;
	struct managed_queue active;
	size_t running;
	struct managed_queue urgent[2]; /* [1]: those whose key takes seconds to make */
	struct managed_queue usual[2];
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
	unsigned first_version; /* in force when acmed started */
	enum managed_wish wish;
	bool asked;        /* the CA, since the wish */
	struct ca *probes; /* the CA that its order or poll tries, or NULL */
	bool rehearsing;   /* its job is at the CA's test directory */
	bool waiting;      /* for its turn to order */
	bool urgent;       /* before others, while it waits */
	bool slow_key;     /* its job began, or waits, with one that takes seconds */
	bool poll_waiting; /* for its turn to ask */
	bool unread;       /* its pair: the state says what it is */
	bool save_again;
	time_t save_at;    /* what the disk did not take is tried again; 0: it took all */
	bool unsaved;      /* will be, with the renewal information under way */
	bool record_waits; /* the job waits for the save under way */
	TAILQ_ENTRY(managed) entry;      /* of a lane: while it waits, or has a job */
	TAILQ_ENTRY(managed) poll_entry; /* of those that wait to ask */
	struct lane *lane;
	struct job *job;
	struct ari_fetch *ari;
	struct deploy *deploy;
	struct rollback *rollback;
	struct worker_task *saving;
};

struct scheduler {
	struct scheduler_deps deps;
	struct config *config;
	struct managed **list; /* in the order of config->certs: sorted by name */
	size_t count;
	time_t started_at;
	struct heap heap;
	struct clock_timer *timer;
	time_t armed_at; /* what the timer was set to */
	TAILQ_HEAD(lane_list, lane) lanes;
	size_t running;
	struct managed_queue polls; /* that wait for their turn */
	size_t polling;
	TAILQ_HEAD(, ca) cas;
	struct ledger *ledger;
	struct ledger_save *ledger_save;
	struct doubt *doubt; /* about the clock */
	struct check *check; /* of the pairs */
	TAILQ_HEAD(, subscription) subscriptions;
};

/* ---- managed.c: what is known of it, and what is decided ---- */

/* As it lies on disk. Blocks, and touches nothing else: on a worker, but at the start. */
struct managed *managed_read(const struct store *store, const struct cert_config *config);

/* It is one of the list now. */
void managed_join(struct managed *m, struct scheduler *s);

/* Ends what is under way; it is in the list no more. Then it may be disposed of, on any
 * thread. */
void managed_stop(struct managed *m);
void managed_dispose(struct managed *m);

/* Whoever waits for it is told that nothing comes of it. */
void managed_cancel(struct managed *m, const char *why);

/* Its order or poll ended. Where that tried a CA and said nothing of it, another may. */
void managed_stop_probing(struct managed *m);

/* The same certificate under other settings. */
void managed_set_config(struct managed *m, const struct cert_config *config);

/* Decides anew, begins what is due, and sets the next wake-up. */
void managed_think(struct managed *m);
void managed_decide(const struct managed *m, struct decision *ret);

/* Whether it is to be ordered now, as things stand. */
bool managed_wants_order(const struct managed *m);
void managed_look(const struct managed *m, struct cert_look *ret);

/* Another generation is in force; takes the info over. */
void managed_set_live(struct managed *m, struct cert_info *info, unsigned version);

/* What was in force cannot be used; takes the reason over, which may be NULL. */
void managed_set_damaged(struct managed *m, char *damage, unsigned version);

/* The account whose CA issued the certificate in force, or NULL. */
struct account *managed_issuer(const struct managed *m);

/* The URL of an order that was begun under the settings of now, or NULL. */
const char *managed_order(const struct managed *m);

/* ---- managed_ask.c: what a person wants ---- */

int managed_ask(struct managed *m, enum scheduler_ask ask, struct err *err);
void managed_hold(struct managed *m, time_t until, const char *why);
void managed_resume(struct managed *m);

/* ---- managed_hold.c: with which account, and what keeps it from that ---- */

#define MANAGED_HOLDS 6

struct managed_holds {
	struct decide_hold list[MANAGED_HOLDS];
	char texts[MANAGED_HOLDS][320];
	size_t count;
};

/* The account to order with as things stand: its name in the configuration. */
const char *managed_account(const struct managed *m);
void managed_holds(const struct managed *m, struct managed_holds *ret);

/* Of `failed validations` that of the name with the fewest left. How many there are. */
size_t managed_budgets(const struct managed *m, struct cert_budget *ret);

/* ---- managed_save.c ---- */

void managed_save(struct managed *m);
void managed_tell(struct managed *m, enum event_type type, const char *step,
    const char *text, const struct err *err);

/* ---- managed_job.c, managed_ari.c, managed_deploy.c, managed_rollback.c ---- */

void managed_start_job(struct managed *m);

/* At the start: where the order in flight has been published, and the state was not saved
 * any more, it says so now. */
void managed_catch_up(struct managed *m);

/* Waits for its turn to ask. While its CA fails it does not, and this is the instant at
 * which it may; 0: it waits. */
time_t managed_start_poll(struct managed *m);

/* Its turn has come. False: there is nobody to ask any more, or its CA has failed since. */
bool managed_poll_now(struct managed *m);
void managed_stop_poll(struct managed *m);

void managed_start_deploy(struct managed *m, bool check);

/* A new generation is to go into use: what its state says of that. */
void managed_new_deploy(struct managed *m, const char *event, time_t old_ends, bool urgent);

/* Puts a generation back; 0: the one before the one in force. */
int managed_rollback(struct managed *m, unsigned version, const char *why, struct err *err);

/* At the start: where an earlier one was put back, and the state was not saved any more,
 * or somebody did it by hand. */
void managed_catch_up_rollback(struct managed *m);
void rollback_free(struct rollback *r);

/* ---- managed_alert.c ---- */

/* Bits of state.told. */
enum alert {
	ALERT_FAILED,
	ALERT_EXPIRING,
	ALERT_DEPLOY_FAILED,
	ALERT_INCIDENT,
	ALERT_COUNT
};

/* Whoever wants to be told of trouble is told, once for each change. True: there was one,
 * and the state is to be saved. */
bool managed_alert(struct managed *m);

/* ---- scheduler.c ---- */

void scheduler_wake_at(struct scheduler *s, struct managed *m, time_t at);
void scheduler_wake_all(struct scheduler *s);
struct managed *scheduler_find(const struct scheduler *s, const char *name);

/* ---- scheduler_lane.c: whose turn it is ---- */

void scheduler_enqueue(struct scheduler *s, struct managed *m);
void scheduler_leave(struct scheduler *s, struct managed *m);

/* Its job is gone; what waits is looked at by scheduler_drain(). */
void scheduler_job_ended(struct scheduler *s, struct managed *m);
void scheduler_drain(struct scheduler *s);
void scheduler_free_lanes(struct scheduler *s);

void scheduler_enqueue_poll(struct scheduler *s, struct managed *m);
void scheduler_leave_polls(struct scheduler *s, struct managed *m);
void scheduler_poll_ended(struct scheduler *s);

/* ---- scheduler_ca.c: what is known of the CAs ---- */

struct ca *scheduler_ca(struct scheduler *s, const char *directory);
struct ca *scheduler_find_ca(const struct scheduler *s, const char *directory);
void scheduler_free_cas(struct scheduler *s);

/* Something was asked of the CA. `err` NULL: it answered as it should. */
void scheduler_ca_said(struct scheduler *s, const char *directory, const struct err *err);

/* It moved the window of a certificate forward: all it issued are asked about. */
void scheduler_incident(struct scheduler *s, struct managed *first);

/* Who was not asked about before a restart, or is new, is asked about now. */
void scheduler_recall_incidents(struct scheduler *s);

/* ---- scheduler_clock.c ---- */

void scheduler_load_doubt(struct scheduler *s);
void scheduler_free_doubt(struct scheduler *s);

/* Where the clock is in doubt, CAs are asked for the time until it is not. */
void scheduler_look_at_clock(struct scheduler *s);

/* ---- scheduler_check.c: pairs that were not read at the start ---- */

void scheduler_load_check(struct scheduler *s);
void scheduler_free_check(struct scheduler *s);

/* They are, soon. */
void scheduler_check_pairs(struct scheduler *s);

/* ---- scheduler_ledger.c: what the CAs allow ---- */

struct ledger_budget scheduler_budget(const struct scheduler *s, enum ledger_kind kind,
    const char *account);
void scheduler_take(struct scheduler *s, enum ledger_kind kind, const char *who,
    const char *account, const char *what);
void scheduler_load_ledger(struct scheduler *s);
void scheduler_free_ledger(struct scheduler *s);
bool scheduler_is_saving_ledger(const struct scheduler *s);

#endif
