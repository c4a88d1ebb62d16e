/* SPDX-License-Identifier: ISC */
/* What is done with a new version, one after the other: units, the queue, hooks. */
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/hook/hook.h"
#include "daemon/io/worker.h"
#include "daemon/renew/deploy_internal.h"
#include "daemon/renew/units.h"
#include "daemon/store/store.h"

static void
act_ended(struct deploy *d, const struct err *err)
{
	if (err != NULL) {
		d->err = *err;
		deploy_ended(d);
		return;
	}
	d->at++;
	deploy_act(d);
}

/* ---- units ---- */

static void
on_unit(const struct err *err, void *arg)
{
	struct deploy *d = arg;

	d->unit = NULL;
	act_ended(d, err);
}

static void
ask_unit(struct deploy *d, enum bus_verb verb, const char *step, const char *unit)
{
	deploy_tell(d, step, unit);
	d->unit = units_ask(d->deps.units, verb, unit, on_unit, d);
}

/* ---- the queue, on a worker ---- */

struct queued {
	struct deploy *deploy; /* for done() only */
	struct store *store;
	char *entry;
	char *name;
	struct err err;
};

static void
queued_free(void *arg)
{
	struct queued *q = arg;

	free(q->entry);
	free(q->name);
	free(q);
}

static void
queue_work(void *arg)
{
	struct queued *q = arg;

	store_queue_deploy(q->store, q->entry, q->name, &q->err);
}

static void
on_queued(void *arg)
{
	struct queued *q = arg;
	struct deploy *d = q->deploy;
	struct err err = q->err;

	d->task = NULL;
	queued_free(q);
	act_ended(d, err.kind != ERR_NONE ? &err : NULL);
}

static void
put_in_queue(struct deploy *d, const char *entry)
{
	struct queued *q = xcalloc(1, sizeof(*q));

	deploy_tell(d, "queue", entry);
	q->deploy = d;
	q->store = d->deps.store;
	q->entry = xstrdup(entry);
	q->name = xstrdup(d->cert->name);
	d->task = worker_start(d->deps.worker, queue_work, on_queued, queued_free, q);
}

/* ---- hooks ---- */

static char **
environment(const struct deploy *d)
{
	CLEAN(string)
	char *live = xasprintf("%s/live/%s", store_path(d->deps.store), d->cert->name);
	CLEAN(string) char *names = strv_join((const char *const *)d->names, " ");
	char **list = NULL;

	strv_addf(&list, "ACMED_CERT=%s", d->cert->name);
	strv_addf(&list, "ACMED_EVENT=%s", d->event);
	strv_addf(&list, "ACMED_DIR=%s", live);
	strv_addf(&list, "ACMED_FULLCHAIN=%s/fullchain.pem", live);
	strv_addf(&list, "ACMED_PRIVKEY=%s/privkey.pem", live);
	strv_addf(&list, "ACMED_NAMES=%s", names);
	strv_addf(&list, "ACMED_NOT_AFTER=%s", d->not_after);
	strv_addf(&list, "RENEWED_LINEAGE=%s", live);
	strv_addf(&list, "RENEWED_DOMAINS=%s", names);
	return list;
}

static void
on_hook(const struct hook_result *result, const struct err *err, void *arg)
{
	struct deploy *d = arg;

	(void)result;
	d->hook = NULL;
	act_ended(d, err);
}

static void
run_hook(struct deploy *d, char *const *command)
{
	CLEAN(strv) char **list = environment(d);
	CLEAN(string)
	char *label = xasprintf("%s: deploy hook %s", d->cert->name, command[0]);
	CLEAN(string) char *accounts = xasprintf("%s/accounts", store_path(d->deps.store));
	CLEAN(string) char *home = xasprintf("%s/hooks", store_path(d->deps.store));
	const char *const hidden[] = { accounts, NULL };
	const struct hook_request request = { .label = label,
		.command = (const char *const *)command,
		.environment = (const char *const *)list,
		.home = home,
		.hidden = hidden };

	deploy_tell(d, "run", command[0]);
	d->hook = hook_start(d->deps.hooks, &request, on_hook, d);
}

/* ---- one after the other ---- */

void
deploy_act(struct deploy *d)
{
	const struct cert_options *options = d->cert->options;
	const struct deploy_config *act;

	if (d->at == options->n_deploy || (d->check && d->written == 0)) {
		deploy_verify(d);
		return;
	}
	act = &options->deploy[d->at];
	if (act->reload != NULL)
		ask_unit(d, BUS_RELOAD, "reload", act->reload);
	else if (act->restart != NULL)
		ask_unit(d, BUS_RESTART, "restart", act->restart);
	else if (act->start != NULL)
		ask_unit(d, BUS_START, "start", act->start);
	else if (act->queue != NULL)
		put_in_queue(d, act->queue);
	else
		run_hook(d, act->run);
}
