/* SPDX-License-Identifier: ISC */
/* What others see of the certificates. */
#include "daemon/io/clock.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

bool
scheduler_look(const struct scheduler *s, const char *name, struct cert_look *ret)
{
	struct managed *m = scheduler_find(s, name);

	if (m != NULL)
		managed_look(m, ret);
	return m != NULL;
}

size_t
scheduler_count(const struct scheduler *s)
{
	return s->count;
}

void
scheduler_look_at(const struct scheduler *s, size_t i, struct cert_look *ret)
{
	managed_look(s->list[i], ret);
}

struct config *
scheduler_config(const struct scheduler *s)
{
	return s->config;
}

const char *
scheduler_state_dir(const struct scheduler *s)
{
	return store_path(s->deps.job.store);
}

time_t
scheduler_next(const struct scheduler *s)
{
	time_t next = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct cert_look look;

		managed_look(s->list[i], &look);
		if (look.running || look.waiting)
			continue;
		if (look.decision.act_at < DECIDE_NEVER &&
		    (next == 0 || look.decision.act_at < next))
			next = look.decision.act_at;
	}
	return next;
}

size_t
scheduler_running(const struct scheduler *s)
{
	return s->running;
}

bool
scheduler_is_saving(const struct scheduler *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i]->saving != NULL ||
		    (s->list[i]->unsaved && s->list[i]->ari != NULL))
			return true;
	return scheduler_is_saving_ledger(s);
}
