/* SPDX-License-Identifier: ISC */
/* deploy_world - what a deployment speaks to; for deploy_rig.c alone. */
#ifndef ACMED_DEPLOY_WORLD_H
#define ACMED_DEPLOY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

struct config;

/* Nothing is behind them: they are only told apart. */
#define WORLD_LOOP   ((struct event_base *)(uintptr_t)1)
#define WORLD_WORKER ((struct worker *)(uintptr_t)2)
#define WORLD_STORE  ((struct store *)(uintptr_t)3)
#define WORLD_HOOKS  ((struct hooks *)(uintptr_t)4)
#define WORLD_UNITS  ((struct units *)(uintptr_t)5)
#define WORLD_PROBER ((struct prober *)(uintptr_t)6)

void world_begin(struct config *config);

/* What is waited for ends; false where nothing is. A task takes three: it begins, has done
 * its work, and is told of. */
bool world_step(void);

/* A task that was freed while it ran comes to its end. */
void world_end_orphan(void);

/* Handles, references, keys and chains that are held. */
int world_open(void);

void world_forget_hook(void);

#endif
