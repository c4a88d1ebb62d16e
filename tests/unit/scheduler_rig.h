/* SPDX-License-Identifier: ISC */
/* needs: tests/unit/scheduler_rig_job.c tests/unit/scheduler_rig_deploy.c */
/* needs: tests/unit/scheduler_rig_disk.c tests/unit/scheduler_world.c */
/*
 * scheduler_rig - a world for the scheduler: a clock that jumps, a disk in memory, a
 * worker without threads, CAs and jobs that do what the test says. What it does is a
 * transcript, one line a deed.
 */
#ifndef ACMED_SCHEDULER_RIG_H
#define ACMED_SCHEDULER_RIG_H

#include <stdbool.h>
#include <time.h>

#include "common/str.h"
#include "daemon/acme/ari.h"
#include "daemon/io/clock.h"
#include "daemon/renew/scheduler.h"

#define RIG_START ((time_t)1772323200) /* 2026-03-01T00:00:00Z, a Sunday */
#define HOUR      ((time_t)3600)
#define DAY       ((time_t)86400)

struct rig {
	struct scheduler *scheduler;
	time_t now;
	struct text transcript;
	bool quiet; /* no "ask" and "save" lines */

	/* ---- the host ---- */

	const char *doubt; /* why the clock is wrong, or NULL */
	time_t not_before; /* the newest that the clock was told of */
	uint32_t random;   /* what the next draw is */
	int64_t jitter;    /* percent that is added to what jitters */
	bool spreads;      /* fingerprints differ, by all of their range */
	bool hold_tasks;   /* the worker is busy */
	bool disk_is_full; /* saving fails */
	uint64_t stamp;    /* of all files; 0: nothing is believed that was not read */

	/* ---- what the next configuration has ---- */

	const char *accounts; /* "main other": of all certificates, NULL: as named */
	const char *gone;     /* an account that is none of it, or NULL */
	bool has_staging;     /* the CA of "main" has a test directory */
	bool same_names;      /* they are all for "same" */
	const char *slow;     /* "a b": certificates with a key that takes seconds */
	bool ari_off;
	bool deploys;    /* each certificate has something to deploy */
	bool verifies;   /* and to verify */
	bool rolls_back; /* where that fails */
	bool notifies;
	const char *deploy_window;
	unsigned failed_validations; /* that a name may have in an hour */
	unsigned orders, duplicates; /* that an account may have in three hours, a week */
	unsigned concurrent, per_account;

	/* ---- what others do ---- */

	const char *down;         /* "main other": accounts whose CA is not reached */
	time_t lifetime;          /* not 0: every order ends well at once */
	bool answers;             /* every poll is answered at once, with: */
	struct ari_window window; /* start 0: the CA has none */
	const char *explanation;
	time_t retry_after;
	bool no_www;       /* the CA leaves the second name out */
	bool deploys_well; /* what is deployed is in use at once */

	unsigned n_reads; /* of pairs */
	unsigned n_orders, n_asks, n_saves, n_configs;
	unsigned n_events[EVENT_TYPE_COUNT];
	unsigned most_orders;         /* that were ever under way together */
	scheduler_event_fn *on_event; /* after it was written down */
};

extern struct rig rig;

int rig_set_up(void **state);
int rig_tear_down(void **state);

/* "a b@other/2 c+www d@main,other": certificates by name, the accounts ("main"), the hash
 * ("1"), a second name. */
void rig_load(const char *certs);

/* "c000 c001 ...": so many, good until the next call. */
const char *rig_many(unsigned count);

/* As after a crash: only the disk is left. */
void rig_restart(const char *certs);

/* As at the end of the daemon: waits for what is on its way to the disk. */
void rig_stop_in_order(const char *certs);

/* The first task of the worker is done, and nobody has heard of it yet. */
void rig_work_only(void);

/* They are in force for 90 days, deployed, and the CA has been asked about them. A minute
 * has passed. */
void rig_begin_issued(const char *certs);

/* Does all that can be done without time passing; fails where there is no end to it. */
void rig_settle(void);
void rig_pass(time_t seconds);

/* Until an order begins; the time that has passed. Fails after 400 days. */
time_t rig_until_order(void);

/* The clock is set, without time passing. */
void rig_step_clock(time_t by);

/* ---- orders ---- */

bool rig_has_job(const char *name);
void rig_make_key(const char *name); /* the one that takes seconds is there */
void rig_record(const char *name, const char *url);
void rig_issue(const char *name, time_t lifetime);
void rig_fail(const char *name, enum err_kind kind, time_t retry_after);
void rig_refuse_replaces(const char *name);

/* As rig_fail(), and the validation of the name failed. */
void rig_fail_name(const char *name, const char *about);

/* The order is lost with it, unless it is of the network. */
void rig_fail_with(const char *name, const struct err *err);

/* ---- into use ---- */

/* It is waited for where rig.deploys is set. */
bool rig_is_deploying(const char *name);
void rig_deploy(const char *name, bool verified);
void rig_fail_deploy(const char *name);

/* ---- renewal information ---- */

bool rig_is_asking(const char *name);

/* What the CA answers to a poll that waits: NULL, it has none. */
void rig_answer(const char *name, const struct ari_window *window, time_t retry_after);
void rig_answer_error(const char *name, enum err_kind kind);

/* ---- a person: 0, or -1, and the error is in the transcript ---- */

int rig_ask(const char *name, enum scheduler_ask ask);
int rig_hold(const char *name, time_t until);
int rig_resume(const char *name);
int rig_roll_back(const char *name, unsigned version);

/* ---- looking ---- */

void rig_look(const char *name, struct cert_look *ret);

/* What is said about it with this code, or NULL. Good until the next call. */
const char *rig_reason(const char *name, const char *code);
time_t rig_act_at(const char *name);
const char *rig_saved(const char *name); /* the state on disk, or NULL */
void rig_save(const char *name, const char *state);

/* Lies in force on the disk; one that ends at 0 is damaged. */
void rig_put(const char *name, unsigned version, time_t not_before, time_t not_after);

void rig_say(const char *fmt, ...) PRINTF(1, 2);

/* The transcript is this, and begins anew. */
void rig_expect(const char *transcript);
void rig_forget(void);

/* How often it has this. */
unsigned rig_count(const char *what);

#endif
