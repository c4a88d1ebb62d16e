/* SPDX-License-Identifier: ISC */
/* scheduler_rig_internal - what scheduler_rig*.c and scheduler_world.c share. */
#ifndef ACMED_SCHEDULER_RIG_INTERNAL_H
#define ACMED_SCHEDULER_RIG_INTERNAL_H

#include "tests/unit/scheduler_rig.h"

/* ---- scheduler_world.c ---- */

struct rig_version {
	time_t not_before, not_after;
	bool has_www; /* besides its name */
};

/* Of each certificate so many are remembered. */
#define RIG_VERSIONS 8

/* Of one certificate. */
struct rig_disk {
	char name[64];
	char *state;
	unsigned version; /* 0: none in force */
	unsigned newest;
	struct rig_version of[RIG_VERSIONS]; /* not_after 0: damaged */
};

#define RIG_DISKS 1100

extern struct rig_disk rig_disks[RIG_DISKS];
struct rig_disk *rig_disk(const char *name);

struct account {
	const char *name;
	const char *directory;
};

bool rig_is_down(const struct account *a);

struct clock_timer {
	time_t at;
	clock_timer_fn *fn;
	void *arg;
};

/* The first is the scheduler's own. */
#define RIG_TIMERS 8
extern struct clock_timer rig_timers[RIG_TIMERS];

struct config *rig_config(const char *certs);
struct cert_info *rig_info(const char *name, unsigned version);

/* ---- scheduler_rig_job.c, scheduler_rig_deploy.c: false where there is none ---- */

void rig_begin_jobs(void);
void rig_begin_deploys(void);
bool rig_run_task(void);
bool rig_end_job(void);   /* where they end by themselves */
bool rig_end_fetch(void); /* likewise */
bool rig_end_deploy(void);

/* Nothing is left of it. */
void rig_check_jobs(void);
void rig_check_deploys(void);

#endif
