/* SPDX-License-Identifier: ISC */
#include "daemon/renew/scheduler.h"

#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/io/clock.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

/* Certificates looked at before others on the loop have their turn. */
#define AT_ONCE 64

/* ---- waking ---- */

static void
set_timer(struct scheduler *s)
{
	struct heap_node *first = heap_first(&s->heap);
	time_t at = first ? first->at : 0;

	if (at == s->armed_at)
		return;
	s->armed_at = at;
	clock_timer_set(s->timer, at);
}

void
scheduler_wake_at(struct scheduler *s, struct managed *m, time_t at)
{
	heap_set(&s->heap, &m->wake, at);
	set_timer(s);
}

/* All certificates, when the loop comes round again. */
void
scheduler_wake_all(struct scheduler *s)
{
	heap_empty(&s->heap);
	for (size_t i = 0; i < s->count; i++)
		heap_set(&s->heap, &s->list[i]->wake, 1);
	set_timer(s);
}

static void
on_time(bool stepped, void *arg)
{
	struct scheduler *s = arg;
	struct heap_node *first;
	time_t now = clock_now();

	s->armed_at = 0;
	if (stepped) {
		log_info("the clock was set, looking at the schedule again");
		scheduler_wake_all(s);
	}
	for (int n = 0; n < AT_ONCE; n++) {
		first = heap_first(&s->heap);
		if (first == NULL || first->at > now)
			break;
		heap_set(&s->heap, first, 0);
		managed_think((struct managed *)first);
	}
	set_timer(s);
	scheduler_look_at_clock(s);
}

/* ---- by name ---- */

static int
by_name(const void *key, const void *member)
{
	const struct managed *m = *(struct managed *const *)member;

	return strcmp(key, m->config->name);
}

struct managed *
scheduler_find(const struct scheduler *s, const char *name)
{
	struct managed **found =
	    s->count ? bsearch(name, s->list, s->count, sizeof(struct managed *), by_name)
		     : NULL;

	return found ? *found : NULL;
}

/* ---- by command ---- */

int
scheduler_ask(struct scheduler *s, const char *name, enum scheduler_ask ask,
    struct err *err)
{
	struct managed *m = scheduler_find(s, name);

	if (m == NULL)
		return err_set(err, ERR_CONFIG, "there is no certificate \"%s\"", name);
	return managed_ask(m, ask, err);
}

int
scheduler_hold(struct scheduler *s, const char *name, time_t until, struct err *err)
{
	struct managed *m = scheduler_find(s, name);

	if (m == NULL)
		return err_set(err, ERR_CONFIG, "there is no certificate \"%s\"", name);
	if (until != 0 && until <= clock_now())
		return err_set(err, ERR_CONFIG, "%s: that instant has passed", name);
	managed_hold(m, until, NULL);
	return 0;
}

int
scheduler_resume(struct scheduler *s, const char *name, struct err *err)
{
	struct managed *m = scheduler_find(s, name);

	if (m == NULL)
		return err_set(err, ERR_CONFIG, "there is no certificate \"%s\"", name);
	managed_resume(m);
	return 0;
}

int
scheduler_rollback(struct scheduler *s, const char *name, unsigned version, struct err *err)
{
	struct managed *m = scheduler_find(s, name);

	if (m == NULL)
		return err_set(err, ERR_CONFIG, "there is no certificate \"%s\"", name);
	return managed_rollback(m, version, NULL, err);
}

/* ---- life ---- */

struct scheduler *
scheduler_new(const struct scheduler_deps *deps)
{
	struct scheduler *s = xcalloc(1, sizeof(*s));

	s->deps = *deps;
	s->started_at = clock_now();
	TAILQ_INIT(&s->lanes);
	TAILQ_INIT(&s->polls);
	TAILQ_INIT(&s->cas);
	TAILQ_INIT(&s->subscriptions);
	s->timer = clock_timer_new(deps->job.loop, on_time, s);
	scheduler_load_ledger(s);
	scheduler_load_doubt(s);
	scheduler_load_check(s);
	return s;
}

void
scheduler_free(struct scheduler *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		managed_stop(s->list[i]);
	for (size_t i = 0; i < s->count; i++)
		managed_dispose(s->list[i]);
	while (!TAILQ_EMPTY(&s->subscriptions))
		subscription_free(TAILQ_FIRST(&s->subscriptions));
	scheduler_free_lanes(s);
	scheduler_free_cas(s);
	scheduler_free_ledger(s);
	scheduler_free_doubt(s);
	scheduler_free_check(s);
	free(s->list);
	heap_clear(&s->heap);
	clock_timer_free(s->timer);
	config_free(s->config);
	free(s);
}
