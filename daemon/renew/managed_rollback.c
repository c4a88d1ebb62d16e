/* SPDX-License-Identifier: ISC */
/* Putting an earlier generation back into force. */
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/io/worker.h"
#include "daemon/renew/deploy.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

/* What is put back with little of its life left is not replaced sooner either: where a
 * new one could not be put into use, the next one cannot. */
#define HOLD_MIN ((time_t)86400)

struct rollback {
	struct managed *managed; /* for done() only */
	struct worker_task *task;
	struct store *store;
	char *name;
	char *why;
	unsigned from;
	unsigned version;
	struct cert_info *info;
	struct err err;
};

static void
drop(void *arg)
{
	struct rollback *r = arg;

	cert_info_free(r->info);
	free(r->name);
	free(r->why);
	free(r);
}

void
rollback_free(struct rollback *r)
{
	if (r != NULL)
		worker_task_free(r->task); /* which drops it */
}

/* The newest one that is older than the one in force. */
static unsigned
one_before(const struct rollback *r)
{
	unsigned *list = store_versions(r->store, r->name);
	unsigned found = 0;

	for (unsigned *one = list; one != NULL && *one != 0; one++)
		if (*one < r->from)
			found = *one;
	free(list);
	return found;
}

static void
work(void *arg)
{
	struct rollback *r = arg;
	CLEAN(chain) struct chain *chain = NULL;

	if (r->version == 0)
		r->version = one_before(r);
	if (r->version == 0) {
		err_set(&r->err, ERR_CONFIG, "%s: there is no version before %u", r->name,
		    r->from);
		return;
	}
	chain = store_version(r->store, r->name, r->version, NULL, &r->err);
	if (chain == NULL || store_switch(r->store, r->name, r->version, &r->err) == -1)
		return;
	r->info = chain_info(chain);
	r->info->stamp = store_stamp(r->store, r->name, r->version);
}

/* Or the schedule would replace it at once by what was taken away. What somebody holds for
 * longer is held for longer. */
static void
hold_back(struct managed *m, const char *why)
{
	const struct state_hold *hold = &m->state.hold;
	time_t until = decide_floor(m->info->not_before, m->info->not_after);
	time_t now = clock_now();

	if (until < now + HOLD_MIN)
		until = now + HOLD_MIN;
	if (!hold->on || (hold->until != 0 && hold->until < until))
		managed_hold(m, until, why);
}

void
managed_catch_up_rollback(struct managed *m)
{
	if (m->info == NULL || m->state.deploy.version <= m->version)
		return;
	log_warn("%s: version %u is in force again instead of %u", m->config->name,
	    m->version, m->state.deploy.version);
	state_set(&m->state.serial, m->info->serial);
	managed_new_deploy(m, "rolled-back", 0, true);
	hold_back(m, "an earlier version was put back");
}

static void
rolled_back(struct managed *m, struct rollback *r)
{
	unsigned before = m->version;
	CLEAN(string) char *text = NULL;

	text = xasprintf("version %u is in force again instead of %u%s%s", r->version,
	    before, r->why ? ": " : "", r->why ? r->why : "");
	deploy_free(TAKE(m->deploy));
	managed_stop_poll(m); /* about another one */
	managed_set_live(m, TAKE(r->info), r->version);
	state_ari_clear(&m->state.ari);
	state_set(&m->state.serial, m->info->serial);
	managed_new_deploy(m, "rolled-back", 0, true);
	log_warn("%s: %s", m->config->name, text);
	hold_back(m, r->why ? r->why : "an earlier version was put back");
	managed_tell(m, EVENT_ROLLED_BACK, NULL, text, NULL);
}

static void
on_done(void *arg)
{
	struct rollback *r = arg;
	struct managed *m = r->managed;

	m->rollback = NULL;
	if (r->info != NULL) {
		rolled_back(m, r);
	} else {
		log_error("%s: not put back: %s", m->config->name, r->err.text);
		managed_tell(m, EVENT_FAILED, NULL, r->err.text, &r->err);
	}
	drop(r);
	managed_save(m);
	managed_think(m);
}

int
managed_rollback(struct managed *m, unsigned version, const char *why, struct err *err)
{
	struct rollback *r;

	if (m->job != NULL || m->rollback != NULL || m->wish != WISH_NONE)
		return err_set(err, ERR_BUSY, "%s: an order is under way", m->config->name);
	if (version != 0 && version == m->version)
		return err_set(err, ERR_CONFIG, "%s: version %u is in force already",
		    m->config->name, version);
	scheduler_leave(m->scheduler, m);
	r = xcalloc(1, sizeof(*r));
	r->managed = m;
	r->store = m->scheduler->deps.job.store;
	r->name = xstrdup(m->config->name);
	r->why = xstrdup(why);
	r->from = m->version;
	r->version = version;
	m->rollback = r;
	r->task = worker_start(m->scheduler->deps.job.worker, work, on_done, drop, r);
	return 0;
}
