/* SPDX-License-Identifier: ISC */
#include "ctl/progress.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"

static time_t
seconds_up(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void
draw(struct progress *p)
{
	const struct screen *screen = p->screen;
	char duration[TIMEFMT_SIZE];
	CLEAN(string) char *elapsed = NULL;
	CLEAN(string) char *fitted = NULL;
	unsigned taken;

	if (p->step == NULL)
		return;
	elapsed = xasprintf(" (%s)", timefmt_duration(seconds_up() - p->start, duration));
	/* The last column stays free: many terminals wrap when it is written. */
	taken = text_width(elapsed) + 1;
	fitted =
	    text_fit(screen, p->step, screen->width > taken ? screen->width - taken : 1);
	fprintf(screen->out, "\r\033[K%s%s", fitted, elapsed);
	fflush(screen->out);
	p->shown = true;
}

void
progress_start(struct progress *p, const struct screen *screen, bool quiet)
{
	*p = (struct progress){ .screen = screen, .quiet = quiet, .start = seconds_up() };
}

void
progress_end(struct progress *p)
{
	progress_hide(p);
	free(p->step);
	p->step = NULL;
}

void
progress_step(struct progress *p, const char *step)
{
	bool same = str_eq(step, p->step);

	if (p->quiet)
		return;
	if (!same) {
		free(p->step);
		p->step = xstrdup(step);
	}
	if (p->screen->color)
		draw(p);
	else if (!same) {
		fprintf(p->screen->out, "%s\n", step);
		fflush(p->screen->out);
	}
}

void
progress_tick(struct progress *p)
{
	if (p->screen != NULL && !p->quiet && p->screen->color)
		draw(p);
}

void
progress_hide(struct progress *p)
{
	if (!p->shown)
		return;
	fputs("\r\033[K", p->screen->out);
	fflush(p->screen->out);
	p->shown = false;
}
