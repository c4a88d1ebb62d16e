/* SPDX-License-Identifier: ISC */
#include "daemon/renew/deploy.h"

#include <event2/event.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/hook/hook.h"
#include "daemon/io/probe.h"
#include "daemon/io/worker.h"
#include "daemon/renew/deploy_internal.h"
#include "daemon/renew/units.h"
#include "daemon/store/output.h"
#include "daemon/store/store.h"

void
deploy_tell(struct deploy *d, const char *step, const char *detail)
{
	d->step = step;
	d->watcher.step(step, detail, d->watcher.arg);
}

void
deploy_ended(struct deploy *d)
{
	const struct cert_options *options = d->cert->options;
	bool failed = d->err.kind != ERR_NONE;
	const struct deploy_outcome outcome = { .err = failed ? &d->err : NULL,
		.verified = !failed && options->n_verify > 0,
		.untouched = d->check && d->written == 0 };

	d->watcher.done(&outcome, d->watcher.arg); /* may free d: nothing after this */
}

/* ---- the outputs, on a worker ---- */

struct outputs {
	struct deploy *deploy; /* for done() only */
	struct store *store;
	struct config *config;
	const struct cert_config *cert;
	unsigned version;
	struct cert_info *info;
	size_t written;
	struct err err;
};

static void
outputs_free(void *arg)
{
	struct outputs *o = arg;

	config_free(o->config);
	cert_info_free(o->info);
	free(o);
}

static int
write_outputs(struct outputs *o, const struct output_pair *pair)
{
	const struct cert_options *options = o->cert->options;

	for (size_t i = 0; i < options->n_outputs; i++) {
		if (output_is_current(&options->outputs[i], pair))
			continue;
		if (output_write(&options->outputs[i], pair, &o->err) == -1)
			return err_prefix(&o->err, "output");
		o->written++;
	}
	return 0;
}

static void
outputs_work(void *arg)
{
	struct outputs *o = arg;
	CLEAN(key) struct key *key = NULL;
	CLEAN(chain)
	struct chain *chain =
	    store_version(o->store, o->cert->name, o->version, &key, &o->err);
	const struct output_pair pair = { key, chain };

	if (chain != NULL && write_outputs(o, &pair) == 0)
		o->info = chain_info(chain);
}

static void
on_outputs(void *arg)
{
	struct outputs *o = arg;
	struct deploy *d = o->deploy;
	char at[TIMEFMT_SIZE], files[STR_COUNT_SIZE];

	d->task = NULL;
	d->err = o->err;
	d->written = o->written;
	if (o->info != NULL) {
		d->fingerprint = xstrdup(o->info->fingerprint);
		d->names = strv_copy((const char *const *)o->info->names);
		d->not_after = xstrdup(timefmt_rfc3339(o->info->not_after, at));
	}
	outputs_free(o);
	if (d->written > 0)
		deploy_tell(d, "outputs", str_count(d->written, "file", files));
	if (d->err.kind != ERR_NONE)
		deploy_ended(d);
	else
		deploy_act(d);
}

static void
start_outputs(struct deploy *d)
{
	struct outputs *o = xcalloc(1, sizeof(*o));

	o->deploy = d;
	o->store = d->deps.store;
	o->config = config_ref(d->config);
	o->cert = d->cert;
	o->version = d->version;
	d->task = worker_start(d->deps.worker, outputs_work, on_outputs, outputs_free, o);
}

/* ---- life ---- */

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	deploy_verify(arg);
}

void
deploy_later(struct deploy *d, int64_t ms)
{
	struct timeval in = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (d->turn == NULL)
		d->turn = must(evtimer_new(d->deps.loop, on_turn, d));
	event_add(d->turn, &in);
}

struct deploy *
deploy_start(const struct deploy_deps *deps, const struct deploy_request *request,
    const struct deploy_watcher *watcher)
{
	struct deploy *d = xcalloc(1, sizeof(*d));

	d->deps = *deps;
	d->config = config_ref(request->config);
	d->cert = request->cert;
	d->version = request->version;
	d->event = xstrdup(request->event);
	d->check = request->check;
	d->watcher = *watcher;
	d->step = "outputs";
	start_outputs(d);
	return d;
}

void
deploy_free(struct deploy *d)
{
	if (d == NULL)
		return;
	worker_task_free(d->task);
	unit_wait_free(d->unit);
	hook_run_free(d->hook);
	probe_free(d->probe);
	if (d->turn != NULL)
		event_free(d->turn);
	config_free(d->config);
	strv_free(d->names);
	free(d->fingerprint);
	free(d->not_after);
	free(d->event);
	free(d);
}

const char *
deploy_step(const struct deploy *d)
{
	return d->step;
}
