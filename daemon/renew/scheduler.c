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

struct subscription {
	TAILQ_ENTRY(subscription) entry;
	struct scheduler *scheduler;
	scheduler_event_fn *fn;
	void *arg;
};

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
static void
wake_all(struct scheduler *s)
{
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
		wake_all(s);
	}
	for (int n = 0; n < AT_ONCE; n++) {
		first = heap_first(&s->heap);
		if (first == NULL || first->at > now)
			break;
		heap_set(&s->heap, first, 0);
		managed_think((struct managed *)first);
	}
	set_timer(s);
}

/* ---- the limits of the configuration ---- */

static size_t
running_for(const struct scheduler *s, const struct account *account)
{
	const struct managed *m;
	size_t n = 0;

	TAILQ_FOREACH (m, &s->active, entry)
		n += job_account(m->job) == account;
	return n;
}

static bool
may_run(const struct scheduler *s, const struct managed *m)
{
	struct account *account =
	    accounts_find(s->deps.accounts, m->config->options->accounts[0]);

	return s->running < s->config->concurrent_orders &&
	       (s->running < s->config->concurrent_orders_per_account ||
		   running_for(s, account) < s->config->concurrent_orders_per_account);
}

static void
start(struct scheduler *s, struct managed *m)
{
	managed_start_job(m);
	TAILQ_INSERT_TAIL(&s->active, m, entry);
	s->running++;
}

void
scheduler_enqueue(struct scheduler *s, struct managed *m)
{
	if (m->job != NULL || m->waiting)
		return;
	if (may_run(s, m)) {
		start(s, m);
		return;
	}
	m->waiting = true;
	TAILQ_INSERT_TAIL(&s->queue, m, entry);
}

/* Begins what waited, as far as the limits go; in turn, but none stands in others' way. */
void
scheduler_drain(struct scheduler *s)
{
	struct managed *m, *next;

	for (m = TAILQ_FIRST(&s->queue); m != NULL; m = next) {
		next = TAILQ_NEXT(m, entry);
		if (s->running >= s->config->concurrent_orders)
			return;
		if (!may_run(s, m))
			continue;
		TAILQ_REMOVE(&s->queue, m, entry);
		m->waiting = false;
		start(s, m);
	}
}

void
scheduler_job_ended(struct scheduler *s, struct managed *m)
{
	TAILQ_REMOVE(&s->active, m, entry);
	s->running--;
}

/* ---- configuration ---- */

static int
by_name(const void *key, const void *member)
{
	const struct managed *m = *(struct managed *const *)member;

	return strcmp(key, m->config->name);
}

static struct managed *
find(const struct scheduler *s, const char *name)
{
	struct managed **found =
	    s->count ? bsearch(name, s->list, s->count, sizeof(struct managed *), by_name)
		     : NULL;

	return found ? *found : NULL;
}

void
scheduler_set_config(struct scheduler *s, struct config *config)
{
	struct managed **list = xcalloc(config->n_certs + 1, sizeof(struct managed *));
	struct managed **old = s->list;
	size_t n_old = s->count;
	struct config *before = s->config;

	for (size_t i = 0; i < config->n_certs; i++) {
		list[i] = find(s, config->certs[i]->name);
		if (list[i] != NULL)
			managed_set_config(list[i], config->certs[i]);
		else
			list[i] = managed_new(s, config->certs[i]);
	}
	/* Who is told may look at any of them: none is freed before the list is the new
	 * one. */
	for (size_t i = 0; i < n_old; i++)
		if (config_cert(config, old[i]->config->name) == NULL)
			managed_cancel(old[i], "it is no longer in the configuration");
	s->config = config_ref(config);
	s->list = list;
	s->count = config->n_certs;
	for (size_t i = 0; i < n_old; i++)
		if (config_cert(config, old[i]->config->name) == NULL)
			managed_free(old[i]);
	free(old);
	config_free(before);
	/* From the loop, not from here: the caller is not done yet. */
	wake_all(s);
	scheduler_drain(s);
}

/* ---- by command ---- */

int
scheduler_ask(struct scheduler *s, const char *name, enum scheduler_ask ask,
    struct err *err)
{
	struct managed *m = find(s, name);

	if (m == NULL)
		return err_set(err, ERR_CONFIG, "there is no certificate \"%s\"", name);
	return managed_ask(m, ask, err);
}

/* ---- events ---- */

const char *
event_type_name(enum event_type type)
{
	static const char *const names[EVENT_TYPE_COUNT] = {
		[EVENT_STEP] = "step",
		[EVENT_ISSUED] = "issued",
		[EVENT_RENEWED] = "renewed",
		[EVENT_KEPT] = "kept",
		[EVENT_FAILED] = "failed",
		[EVENT_ARI] = "ari",
		[EVENT_RELOADED] = "reloaded",
	};

	return names[type];
}

struct subscription *
scheduler_subscribe(struct scheduler *s, scheduler_event_fn *fn, void *arg)
{
	struct subscription *sub = xcalloc(1, sizeof(*sub));

	*sub = (struct subscription){ .scheduler = s, .fn = fn, .arg = arg };
	TAILQ_INSERT_TAIL(&s->subscriptions, sub, entry);
	return sub;
}

void
subscription_free(struct subscription *sub)
{
	if (sub == NULL)
		return;
	TAILQ_REMOVE(&sub->scheduler->subscriptions, sub, entry);
	free(sub);
}

/* A subscriber may free itself, and only itself. */
void
scheduler_tell(struct scheduler *s, const struct scheduler_event *event)
{
	struct subscription *sub, *next;

	for (sub = TAILQ_FIRST(&s->subscriptions); sub != NULL; sub = next) {
		next = TAILQ_NEXT(sub, entry);
		sub->fn(event, sub->arg);
	}
}

/* ---- looking ---- */

bool
scheduler_look(const struct scheduler *s, const char *name, struct cert_look *ret)
{
	struct managed *m = find(s, name);

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
		if (next == 0 || look.decision.act_at < next)
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
	return false;
}

/* ---- life ---- */

struct scheduler *
scheduler_new(const struct scheduler_deps *deps)
{
	struct scheduler *s = xcalloc(1, sizeof(*s));

	s->deps = *deps;
	TAILQ_INIT(&s->queue);
	TAILQ_INIT(&s->active);
	TAILQ_INIT(&s->subscriptions);
	s->timer = clock_timer_new(deps->job.loop, on_time, s);
	return s;
}

void
scheduler_free(struct scheduler *s)
{
	struct subscription *sub, *next;

	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		managed_free(s->list[i]);
	for (sub = TAILQ_FIRST(&s->subscriptions); sub != NULL; sub = next) {
		next = TAILQ_NEXT(sub, entry);
		subscription_free(sub);
	}
	free(s->list);
	heap_clear(&s->heap);
	clock_timer_free(s->timer);
	config_free(s->config);
	free(s);
}
