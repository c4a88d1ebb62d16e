/* SPDX-License-Identifier: ISC */
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

#define RIG_START ((time_t)1772323200) /* 2026-03-01T00:00:00Z */
#define HOUR      ((time_t)3600)
#define DAY       ((time_t)86400)

struct rig {
	struct scheduler *scheduler;
	time_t now;
	struct text transcript;
	uint32_t random;          /* what the next draw is */
	int64_t jitter;           /* percent that is added to what jitters */
	bool quiet;               /* no "ask" and "save" lines */
	bool hold_tasks;          /* the worker is busy */
	bool disk_is_full;        /* saving fails */
	bool no_www;              /* the CA leaves the second name out */
	time_t lifetime;          /* not 0: every order ends well at once */
	bool answers;             /* every poll is answered at once, with: */
	struct ari_window window; /* start 0: the CA has none */
	time_t retry_after;
	unsigned concurrent, per_account;
	unsigned n_orders, n_asks, n_saves, n_configs;
	scheduler_event_fn *on_event; /* after it was written down */
};

extern struct rig rig;

int rig_set_up(void **state);
int rig_tear_down(void **state);

/* "a b@other/2 c+www": certificates by name, the account ("main"), the hash ("1"), a
 * second name. */
void rig_load(const char *certs);

/* As after a crash: only the disk is left. */
void rig_restart(const char *certs);

/* Does all that can be done without time passing; fails where there is no end to it. */
void rig_settle(void);
void rig_pass(time_t seconds);

/* Until an order begins; the time that has passed. Fails after 400 days. */
time_t rig_until_order(void);

/* The clock is set, without time passing. */
void rig_step_clock(time_t by);

/* What happens to the order of the certificate. */
bool rig_has_job(const char *name);
void rig_record(const char *name, const char *url);
void rig_issue(const char *name, time_t lifetime);
void rig_fail(const char *name, enum err_kind kind, time_t retry_after);
void rig_refuse_replaces(const char *name);

/* What the CA answers to a poll that waits: NULL, it has none. */
void rig_answer(const char *name, const struct ari_window *window, time_t retry_after);
void rig_answer_error(const char *name, enum err_kind kind);

/* "now", "if due": 0 or -1, and the error is in the transcript. */
int rig_ask(const char *name, enum scheduler_ask ask);

void rig_look(const char *name, struct cert_look *ret);
const char *rig_saved(const char *name); /* the state on disk, or NULL */
void rig_save(const char *name, const char *state);
void rig_say(const char *fmt, ...) PRINTF(1, 2);

/* The transcript is this, and begins anew. */
void rig_expect(const char *transcript);

/* ---- what scheduler_rig.c and scheduler_world.c share ---- */

/* Of one certificate. */
struct rig_disk {
	char name[64];
	char *state;
	unsigned version; /* 0: none in force */
	time_t not_before, not_after;
	bool has_www; /* besides its name */
};

#define RIG_DISKS 64

extern struct rig_disk rig_disks[RIG_DISKS];
struct rig_disk *rig_disk(const char *name);

struct account {
	const char *name;
	const char *directory;
};

struct clock_timer {
	time_t at;
	clock_timer_fn *fn;
	void *arg;
};

extern struct clock_timer rig_timer;

struct config *rig_config(const char *certs);

#endif
