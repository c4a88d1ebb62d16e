/* SPDX-License-Identifier: ISC */
/*
 * A new configuration: what becomes of which certificate is found out on a worker, the
 * disk is read there, and the loop only puts it in force: with a hundred thousand of them
 * in some milliseconds.
 */
#include <stdint.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/renew/scheduler_internal.h"

#define NONE SIZE_MAX

/* One of the new configuration. */
struct planned {
	size_t was; /* its place in the list so far, or NONE */
	bool changed;
	struct managed *made; /* where it was in no list */
};

struct scheduler_plan {
	struct config *before; /* NULL at the start */
	struct config *next;
	struct planned *list; /* of next->certs */
	size_t n_made;
	size_t *gone; /* places in the list so far */
	size_t n_gone;
	struct managed **ended; /* what is left of them */
};

/* ---- on a worker ---- */

static void
plan_one(struct scheduler_plan *p, const struct store *store, size_t was, size_t i)
{
	const struct cert_config *next = p->next->certs[i];

	p->list[i].was = was;
	if (was != NONE) {
		p->list[i].changed = !str_eq(p->before->certs[was]->hash, next->hash);
		return;
	}
	p->list[i].made = managed_read(store, next);
	p->n_made++;
}

/* Both are sorted by name. */
static void
plan_all(struct scheduler_plan *p, const struct store *store)
{
	size_t n_before = p->before != NULL ? p->before->n_certs : 0, was = 0, i = 0;

	while (was < n_before || i < p->next->n_certs) {
		int order = was == n_before         ? 1
			    : i == p->next->n_certs ? -1
						    : strcmp(p->before->certs[was]->name,
							  p->next->certs[i]->name);

		if (order < 0)
			p->gone[p->n_gone++] = was++;
		else if (order > 0)
			plan_one(p, store, NONE, i++);
		else
			plan_one(p, store, was++, i++);
	}
}

struct scheduler_plan *
scheduler_plan_new(const struct store *store, struct config *before, struct config *next)
{
	struct scheduler_plan *p = xcalloc(1, sizeof(*p));

	p->before = before != NULL ? config_ref(before) : NULL;
	p->next = config_ref(next);
	p->list = xcalloc(next->n_certs + 1, sizeof(*p->list));
	p->gone = xcalloc((before != NULL ? before->n_certs : 0) + 1, sizeof(*p->gone));
	plan_all(p, store);
	return p;
}

void
scheduler_plan_free(struct scheduler_plan *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->next->n_certs; i++)
		managed_dispose(p->list[i].made);
	for (size_t i = 0; p->ended != NULL && i < p->n_gone; i++)
		managed_dispose(p->ended[i]);
	config_free(p->before);
	config_free(p->next);
	free(p->list);
	free(p->gone);
	free(p->ended);
	free(p);
}

/* ---- on the loop ---- */

/* Whoever waits for one that is gone is told. */
static void
end_gone(struct scheduler *s, struct scheduler_plan *p)
{
	p->ended = xcalloc(p->n_gone + 1, sizeof(struct managed *));
	for (size_t i = 0; i < p->n_gone; i++) {
		p->ended[i] = s->list[p->gone[i]];
		managed_cancel(p->ended[i], "it is no longer in the configuration");
	}
}

static struct managed **
new_list(struct scheduler *s, struct scheduler_plan *p)
{
	struct managed **list = xcalloc(p->next->n_certs + 1, sizeof(struct managed *));

	for (size_t i = 0; i < p->next->n_certs; i++) {
		struct planned *one = &p->list[i];

		list[i] = one->was != NONE ? s->list[one->was] : TAKE(one->made);
		if (one->changed)
			managed_set_config(list[i], p->next->certs[i]);
		else
			list[i]->config = p->next->certs[i];
	}
	return list;
}

static void
join_made(struct scheduler *s, const struct scheduler_plan *p)
{
	for (size_t i = 0; p->n_made > 0 && i < s->count; i++)
		if (p->list[i].was == NONE)
			managed_join(s->list[i], s);
	if (p->n_made > 0)
		scheduler_recall_incidents(s);
}

void
scheduler_use_plan(struct scheduler *s, struct scheduler_plan *p)
{
	struct managed **list;

	end_gone(s, p);
	list = new_list(s, p);
	/* Who is told may look at any of them: none is stopped before the list is the new
	 * one. */
	free(s->list);
	s->list = list;
	s->count = p->next->n_certs;
	config_free(s->config);
	s->config = config_ref(p->next);
	for (size_t i = 0; i < p->n_gone; i++)
		managed_stop(p->ended[i]);
	join_made(s, p);
	scheduler_check_pairs(s);
	/* From the loop, not from here: the caller is not done yet. */
	scheduler_wake_all(s);
	scheduler_drain(s);
}

void
scheduler_set_config(struct scheduler *s, struct config *config)
{
	struct scheduler_plan *p = scheduler_plan_new(s->deps.job.store, s->config, config);

	scheduler_use_plan(s, p);
	scheduler_plan_free(p);
}
