/* SPDX-License-Identifier: ISC */
#include "daemon/renew/job.h"

#include <stdatomic.h>

#include "common/crypto/key.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/acme/order.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/crypto/csr.h"
#include "daemon/io/clock.h"
#include "daemon/io/worker.h"
#include "daemon/store/store.h"

struct prepare;

struct job {
	struct job_deps deps;
	struct config *config;
	const struct cert_config *cert;
	struct account *account;
	char *order_url;
	char *replaces;
	struct job_watcher watcher;
	const char *step; /* outside of the order */
	time_t started_at;
	struct worker_task *task;
	struct prepare *prepare; /* what the task works on, where it is the key's */
	struct key *key;         /* from prepare to publish */
	struct order *order;
	bool replaces_refused;
	bool rehearse;
};

static void
tell(struct job *j, const char *step)
{
	j->step = step;
	j->watcher.step(step, "", j->watcher.arg);
}

static void
job_failed(struct job *j, const struct err *err, bool order_lost)
{
	const struct job_outcome outcome = { .err = err,
		.replaces_refused = j->replaces_refused,
		.order_lost = order_lost };

	j->watcher.done(&outcome, j->watcher.arg); /* may free j: nothing after this */
}

/* ---- the key and the request for it, on a worker ---- */

struct prepare {
	struct job *job; /* for done() only */
	struct store *store;
	struct config *config; /* a reference of its own */
	const struct cert_config *cert;
	bool resume;
	atomic_bool cancelled; /* a later job may have staged its key already */
	bool resumed;          /* the key of before was there */
	struct key *key;
	unsigned char *csr;
	size_t csr_length;
	struct err err;
};

static void
prepare_free(void *arg)
{
	struct prepare *p = arg;

	config_free(p->config);
	key_free(p->key);
	free(p->csr);
	free(p);
}

/* The key in force, where the configuration wants to keep it and it still fits. */
static struct key *
reused_key(struct prepare *p)
{
	struct err ignored = { 0 };
	struct key *key = NULL;
	struct chain *chain;

	if (!p->cert->options->reuse_key)
		return NULL;
	chain = store_live(p->store, p->cert->name, &key, &ignored);
	chain_free(chain);
	if (chain == NULL || key == NULL)
		return NULL;
	if (key_type_of(key) == p->cert->options->key_type)
		return key;
	key_free(key);
	return NULL;
}

static struct key *
fresh_key(struct prepare *p, struct err *err)
{
	CLEAN(key) struct key *key = reused_key(p);

	if (key == NULL)
		key = key_generate(p->cert->options->key_type, err);
	if (key == NULL || p->cancelled ||
	    store_stage_key(p->store, p->cert->name, key, err) == -1)
		return NULL;
	return TAKE(key);
}

static void
prepare_work(void *arg)
{
	struct prepare *p = arg;
	struct csr_options options = { .names = (const char *const *)p->cert->names,
		.must_staple = p->cert->options->must_staple };

	if (p->resume) {
		struct err ignored = { 0 };

		p->key = store_staged_key(p->store, p->cert->name, &ignored);
		p->resumed = p->key != NULL;
	}
	if (p->key == NULL)
		p->key = fresh_key(p, &p->err);
	if (p->key != NULL)
		p->csr = csr_make(p->key, &options, &p->csr_length, &p->err);
}

/* ---- checking and publishing what the CA sent, on a worker ---- */

struct publish {
	struct job *job; /* for done() only */
	struct store *store;
	struct config *config;
	const struct cert_config *cert;
	struct key *key;
	char *pem;
	size_t pem_length;
	time_t now;
	bool checked; /* what failed, failed on this host */
	unsigned version;
	struct cert_info *info;
	struct err err;
};

static void
publish_free(void *arg)
{
	struct publish *p = arg;

	config_free(p->config);
	key_free(p->key);
	cert_info_free(p->info);
	free(p->pem);
	free(p);
}

/* What is to be put back where it fails has to be there. */
static unsigned
versions_kept(const struct cert_options *options)
{
	return options->rollback_on_failure && options->keep_versions < 2
		   ? 2
		   : options->keep_versions;
}

static void
publish_work(void *arg)
{
	struct publish *p = arg;
	const char *name = p->cert->name;
	CLEAN(chain) struct chain *chain = chain_parse(p->pem, p->pem_length, &p->err);
	const struct pair pair = { p->key, chain };

	if (chain == NULL || chain_check(chain, p->key, (const char *const *)p->cert->names,
				 p->now, &p->err) == -1)
		return;
	p->checked = true;
	if (store_publish(p->store, name, &pair, versions_kept(p->cert->options),
		&p->version, &p->err) == -1)
		return;
	p->info = chain_info(chain);
	p->info->stamp = store_stamp(p->store, name, p->version);
}

static void
on_published(void *arg)
{
	struct publish *p = arg;
	struct job *j = p->job;
	struct job_outcome outcome = { .version = p->version,
		.replaces_refused = j->replaces_refused };
	struct err err = p->err;
	bool checked = p->checked;

	j->task = NULL;
	outcome.info = TAKE(p->info);
	publish_free(p);
	if (outcome.info == NULL) {
		err_prefix(&err, checked ? "publish" : "the CA's certificate");
		job_failed(j, &err, !checked);
		return;
	}
	j->watcher.done(&outcome, j->watcher.arg);
}

static void
start_publish(struct job *j, const struct order_outcome *o)
{
	struct publish *p = xcalloc(1, sizeof(*p));

	p->job = j;
	p->store = j->deps.store;
	p->config = config_ref(j->config);
	p->cert = j->cert;
	p->key = TAKE(j->key);
	p->pem = xstrndup(o->pem, o->pem_length);
	p->pem_length = o->pem_length;
	p->now = clock_now();
	tell(j, "publish");
	j->task = worker_start(j->deps.worker, publish_work, on_published, publish_free, p);
}

/* ---- the order ---- */

static void
on_order_step(const char *step, const char *detail, void *arg)
{
	struct job *j = arg;

	j->watcher.step(step, detail, j->watcher.arg);
}

static void
on_order_record(const char *url, void *arg)
{
	struct job *j = arg;

	if (j->rehearse)
		order_recorded(j->order, NULL); /* nobody comes back to it */
	else
		j->watcher.record(url, j->watcher.arg);
}

static void
on_order(const struct order_outcome *o, void *arg)
{
	struct job *j = arg;
	struct err err = o->err ? *o->err : (struct err){ 0 };
	bool lost = o->order_lost;

	j->replaces_refused = o->replaces_refused;
	if (o->pem != NULL)
		start_publish(j, o);
	order_free(TAKE(j->order));
	if (err.kind != ERR_NONE)
		job_failed(j, &err, lost);
	else if (j->rehearse)
		j->watcher.done(&(struct job_outcome){ 0 }, j->watcher.arg);
}

void
job_recorded(struct job *j, const struct err *err)
{
	if (j->order != NULL)
		order_recorded(j->order, err);
}

static time_t
wanted_not_after(const struct job *j)
{
	const struct config_share *wish = &j->cert->options->not_after;

	return wish->seconds > 0 ? clock_now() + wish->seconds : 0;
}

/* `p` is NULL for a rehearsal. */
static void
start_order(struct job *j, const struct prepare *p)
{
	const struct order_request request = { .loop = j->deps.loop,
		.account = j->account,
		.cert = j->cert,
		.servers = j->deps.servers,
		.csr = p ? p->csr : NULL,
		.csr_length = p ? p->csr_length : 0,
		.url = p != NULL && p->resumed ? j->order_url : NULL,
		.replaces = j->replaces,
		.not_after = p ? wanted_not_after(j) : 0,
		.rehearse = j->rehearse };
	const struct order_watcher watcher = { .step = on_order_step,
		.record = on_order_record,
		.done = on_order,
		.arg = j };

	j->order = order_start(&request, &watcher);
}

static void
on_prepared(void *arg)
{
	struct prepare *p = arg;
	struct job *j = p->job;
	struct err err = p->err;

	j->task = NULL;
	j->prepare = NULL;
	j->key = TAKE(p->key);
	if (p->csr != NULL)
		start_order(j, p);
	prepare_free(p);
	if (j->order == NULL)
		job_failed(j, &err, false);
}

/* ---- jobs ---- */

/* Syncs must not wait for prime numbers. */
static struct worker *
worker_for_key(const struct job *j)
{
	return key_type_is_slow(j->cert->options->key_type) ? j->deps.slow_worker
							    : j->deps.worker;
}

static void
start_prepare(struct job *j)
{
	struct prepare *p = xcalloc(1, sizeof(*p));

	p->job = j;
	p->store = j->deps.store;
	p->config = config_ref(j->config);
	p->cert = j->cert;
	p->resume = j->order_url != NULL;
	j->step = "key";
	j->prepare = p;
	j->task =
	    worker_start(worker_for_key(j), prepare_work, on_prepared, prepare_free, p);
}

struct job *
job_start(const struct job_deps *deps, const struct job_request *request,
    const struct job_watcher *watcher)
{
	struct job *j = xcalloc(1, sizeof(*j));

	j->deps = *deps;
	j->config = config_ref(request->config);
	j->cert = request->cert;
	j->account = account_ref(request->account);
	j->order_url = xstrdup(request->order_url);
	j->replaces = xstrdup(request->replaces);
	j->watcher = *watcher;
	j->started_at = clock_now();
	j->rehearse = request->rehearse;
	if (j->rehearse)
		start_order(j, NULL);
	else
		start_prepare(j);
	return j;
}

void
job_free(struct job *j)
{
	if (j == NULL)
		return;
	if (j->prepare != NULL)
		j->prepare->cancelled = true;
	worker_task_free(j->task);
	order_free(j->order);
	key_free(j->key);
	account_free(j->account);
	config_free(j->config);
	free(j->order_url);
	free(j->replaces);
	free(j);
}

const char *
job_step(const struct job *j)
{
	return j->order != NULL ? order_step(j->order) : j->step;
}

time_t
job_started_at(const struct job *j)
{
	return j->started_at;
}

const struct account *
job_account(const struct job *j)
{
	return j->account;
}
