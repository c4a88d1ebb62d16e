/* SPDX-License-Identifier: ISC */
/* The engine: all that knows of the loop, of delays and of retries. */
#include "daemon/acme/order.h"

#include <event2/event.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/acme/order_internal.h"
#include "daemon/acme/retry.h"

/* An order that takes longer is given up; the CA keeps it, and the next attempt looks. */
#define ORDER_SECONDS_MAX 600

static void
order_tell(struct order *o)
{
	const char *name = order_steps[o->at].name;
	CLEAN(string) char *detail = NULL;

	if (o->cursor < o->n_authz && o->at >= ORDER_AUTHZ && o->at <= ORDER_REMOVE)
		detail = o->authz[o->cursor].name
			     ? xstrdup(o->authz[o->cursor].name)
			     : xasprintf("%zu of %zu", o->cursor + 1, o->n_authz);
	log_debug("%s: %s%s%s", o->cert->name, name, detail ? " " : "",
	    detail ? detail : "");
	o->watcher.step(name, detail ? detail : "", o->watcher.arg);
}

static void
order_go(struct order *o, enum order_at next)
{
	struct timeval in = { .tv_sec = o->delay_ms / 1000,
		.tv_usec = o->delay_ms % 1000 * 1000 };

	if (next != o->at) {
		o->at = next;
		o->tries = 0;
	}
	if (o->delay_ms == 0)
		event_active(o->turn, EV_TIMEOUT, 1);
	else
		event_add(o->turn, &in);
	o->delay_ms = 0;
}

static void
order_step_failed(struct order *o, struct err *err)
{
	const struct step *step = &order_steps[o->at];
	int instead;

	o->delay_ms = 0;
	instead = step->mend ? step->mend(o, err) : -1;
	if (instead != -1) {
		order_go(o, (enum order_at)instead);
		return;
	}
	o->delay_ms = retry_step_ms(err, ++o->tries);
	if (o->delay_ms >= 0) {
		log_debug("%s: %s: %s, again in %lld ms", o->cert->name, step->name,
		    err->text, (long long)o->delay_ms);
		order_go(o, o->at);
		return;
	}
	if (o->err.kind == ERR_NONE) {
		err_prefix(err, "%s", step->name);
		o->err = *err;
	}
	o->cursor = 0;
	o->delay_ms = 0;
	order_go(o, step->undo);
}

static void
order_step_ended(struct order *o, const struct session_reply *reply,
    const struct err *failure)
{
	struct err err = failure ? *failure : (struct err){ 0 };
	int next = failure ? -1 : order_steps[o->at].finish(o, reply, &err);

	if (next == -1) {
		order_step_failed(o, &err);
		return;
	}
	o->tries = 0; /* the next name, or the next look, has its own */
	order_go(o, (enum order_at)next);
}

/* Whether the CA's order is worth coming back to. */
static bool
order_lost(const struct order *o)
{
	bool passing = o->err.kind == ERR_NETWORK || o->err.kind == ERR_BUSY ||
		       o->err.kind == ERR_SYSTEM || o->err.kind == ERR_CANCELLED;

	return o->url == NULL || !passing ||
	       str_eq(json_get_string(o->doc, "status"), "invalid");
}

static void
order_end(struct order *o)
{
	const struct order_outcome outcome = { .pem = o->pem,
		.pem_length = o->pem_length,
		.err = o->err.kind != ERR_NONE ? &o->err : NULL,
		.replaces_refused = o->replaces_refused,
		.order_lost = order_lost(o) };

	event_del(o->deadline);
	o->watcher.done(&outcome, o->watcher.arg); /* may free o: nothing after this */
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct order *o = arg;
	struct err err = { 0 };
	int started;

	(void)fd;
	(void)what;
	if (o->at >= ORDER_DONE) {
		order_end(o);
		return;
	}
	order_tell(o);
	started = order_steps[o->at].start(o, &err);
	if (started == -1)
		order_step_failed(o, &err);
	else if (started == STEP_SKIP)
		order_step_ended(o, NULL, NULL);
}

/* Whatever it waits for will not come in time. */
static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct order *o = arg;
	struct err err = { 0 };

	(void)fd;
	(void)what;
	account_wait_free(TAKE(o->account_wait));
	session_request_free(TAKE(o->request));
	event_del(o->turn);
	if (o->at >= ORDER_DONE) {
		event_active(o->turn, EV_TIMEOUT, 1);
		return;
	}
	err_set(&err, ERR_NETWORK, "not finished after %d minutes", ORDER_SECONDS_MAX / 60);
	order_give_up(o);
	order_step_failed(o, &err);
}

/* ---- the ways in ---- */

int
order_give_up(struct order *o)
{
	o->tries = UINT32_MAX - 1;
	return -1;
}

static void
on_reply(const struct session_reply *reply, const struct err *err, void *arg)
{
	struct order *o = arg;

	o->request = NULL;
	order_step_ended(o, reply, err);
}

void
order_post(struct order *o, const struct session_call *call)
{
	o->request = session_post(account_session(o->account), call, on_reply, o);
}

void
order_on_account(const struct err *err, void *arg)
{
	struct order *o = arg;

	o->account_wait = NULL;
	order_step_ended(o, NULL, err);
}

void
order_on_challenge(const struct err *err, void *arg)
{
	struct order *o = arg;

	if (o->at == ORDER_DEPLOY)
		order_step_ended(o, NULL, err);
}

void
order_recorded(struct order *o, const struct err *err)
{
	if (o->at == ORDER_RECORD)
		order_step_ended(o, NULL, err);
}

/* ---- orders ---- */

struct order *
order_start(const struct order_request *request, const struct order_watcher *watcher)
{
	struct order *o = xcalloc(1, sizeof(*o));
	struct timeval limit = { .tv_sec = ORDER_SECONDS_MAX };

	o->loop = request->loop;
	o->account = account_ref(request->account);
	o->cert = request->cert;
	o->servers = request->servers;
	o->watcher = *watcher;
	o->csr = xmemdup(request->csr, request->csr_length);
	o->csr_length = request->csr_length;
	o->url = xstrdup(request->url);
	o->resumed = o->url != NULL;
	o->replaces = xstrdup(request->replaces);
	o->rehearse = request->rehearse;
	o->not_after = request->not_after;
	o->at = ORDER_ACCOUNT;
	o->turn = must(evtimer_new(o->loop, on_turn, o));
	o->deadline = must(evtimer_new(o->loop, on_deadline, o));
	event_add(o->deadline, &limit);
	event_active(o->turn, EV_TIMEOUT, 1);
	return o;
}

void
order_free(struct order *o)
{
	if (o == NULL)
		return;
	account_wait_free(o->account_wait);
	session_request_free(o->request);
	for (size_t i = 0; i < o->n_authz; i++) {
		challenge_free(o->authz[i].challenge);
		json_object_put(o->authz[i].doc);
		free(o->authz[i].name);
	}
	free(o->authz);
	json_object_put(o->authz_urls);
	json_object_put(o->doc);
	event_free(o->turn);
	event_free(o->deadline);
	account_free(o->account);
	free(o->csr);
	free(o->url);
	free(o->replaces);
	free(o->pem);
	free(o);
}

const char *
order_step(const struct order *o)
{
	return order_steps[o->at].name;
}

const char *
order_url(const struct order *o)
{
	return o->url;
}
