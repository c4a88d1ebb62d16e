/* SPDX-License-Identifier: ISC */
/*
 * progress - what is going on just now: on a terminal one line that changes in place and
 * counts the seconds, elsewhere a line a step.
 */
#ifndef ACMED_PROGRESS_H
#define ACMED_PROGRESS_H

#include <stdbool.h>
#include <time.h>

#include "ctl/render.h"

struct progress {
	const struct screen *screen;
	bool quiet;
	bool shown; /* the live line is there */
	time_t start;
	char *step;
};

void progress_start(struct progress *progress, const struct screen *screen, bool quiet);
void progress_end(struct progress *progress); /* twice is fine */

/* `step` is printable. */
void progress_step(struct progress *progress, const char *step);

/* A second went by; also where nothing was started. */
void progress_tick(struct progress *progress);

/* Before anything else is written to the terminal. */
void progress_hide(struct progress *progress);

#endif
