/* SPDX-License-Identifier: ISC */
/* The steps of an order, small enough to need no comment but the RFC's sections. */
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/identifier.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/acme/directory.h"
#include "daemon/acme/order_internal.h"
#include "daemon/acme/problem.h"
#include "daemon/acme/retry.h"
#include "daemon/config/config.h"
#include "daemon/io/clock.h"

/* It may be a page of something on the way to the CA. */
int
order_check_json(const struct session_reply *reply, struct err *err)
{
	if (reply->doc == NULL && reply->body_length > 0)
		return err_set(err, ERR_PROTOCOL, "the CA's answer is not JSON");
	return 0;
}

int
order_keep_doc(struct json_object **doc, const struct session_reply *reply, struct err *err)
{
	json_object_put(*doc);
	*doc = json_object_get(reply->doc);
	return order_check_json(reply, err);
}

/* The same step again for the next name, or `after` when all had their turn. */
int
order_each_name(struct order *o, enum order_at same, enum order_at after)
{
	o->polls = 0;
	if (++o->cursor < o->n_authz)
		return (int)same;
	o->cursor = 0;
	return (int)after;
}

/* Looks again when the CA likes, at most a bounded number of times. */
int
order_poll_later(struct order *o, enum order_at again, const struct session_reply *reply,
    struct err *err)
{
	if (o->polls >= RETRY_POLLS_MAX) {
		err_set(err, ERR_NETWORK, "the CA is still not done after %d looks",
		    RETRY_POLLS_MAX);
		return order_give_up(o);
	}
	o->delay_ms = retry_poll_ms(o->polls++, reply->retry_after);
	return (int)again;
}

int
order_get(struct order *o, const char *url)
{
	order_post(o, &(struct session_call){ .url = url });
	return 0;
}

/* ---- account ---- */

static int
account_start(struct order *o, struct err *err)
{
	(void)err;
	o->account_wait = account_ready(o->account, order_on_account, o);
	return 0;
}

static int
account_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	(void)reply;
	(void)err;
	return o->url != NULL ? ORDER_REFRESH : ORDER_CREATE;
}

/* ---- newOrder (section 7.4) ---- */

static struct json_object *
identifiers(const struct cert_config *cert)
{
	struct json_object *list = json_object_new_array();

	for (char **name = cert->names; *name != NULL; name++) {
		struct json_object *one = json_object_new_object();

		json_add_string(one, "type", identifier_type_name(identifier_type(*name)));
		json_add_string(one, "value", *name);
		json_object_array_add(list, one);
	}
	return list;
}

/* "classic, shortlived", in characters that are safe to show. */
static char *
profile_names(struct json_object *profiles)
{
	struct text names = { 0 };
	char *safe;

	if (profiles == NULL)
		return xstrdup("none");
	json_object_object_foreach (profiles, name, unused) {
		(void)unused;
		text_add(&names, "%s%s", names.length > 0 ? ", " : "", name);
	}
	safe = str_printable(names.s != NULL ? names.s : "none", 200);
	text_clear(&names);
	return safe;
}

/* draft-ietf-acme-profiles: a name that is not advertised should not be sent. */
static int
check_profile(struct order *o, struct err *err)
{
	struct directory *directory = account_directory(o->account);
	struct json_object *profiles =
	    json_get_object(directory_meta(directory), "profiles");
	const char *wish = o->cert->options->profile;
	CLEAN(string) char *names = NULL;

	if (wish == NULL || json_object_object_get_ex(profiles, wish, NULL))
		return 0;
	names = profile_names(profiles);
	directory_forget(directory); /* what it offers may have changed */
	return err_set(err, ERR_CONFIG, "the CA has no profile \"%s\"; it offers: %s", wish,
	    names);
}

static int
create_start(struct order *o, struct err *err)
{
	const char *doubt = clock_doubt();
	CLEAN(json) struct json_object *payload = json_object_new_object();

	if (doubt != NULL)
		return err_set(err, ERR_SYSTEM,
		    "nothing is ordered while the clock is in doubt: %s", doubt);
	if (check_profile(o, err) == -1)
		return -1;
	json_object_object_add(payload, "identifiers", identifiers(o->cert));
	json_add_time(payload, "notAfter", o->not_after);
	json_add_string(payload, "profile", o->cert->options->profile);
	if (directory_get(account_directory(o->account), "renewalInfo") == NULL)
		free(TAKE(o->replaces));
	json_add_string(payload, "replaces", o->replaces);
	order_post(o, &(struct session_call){ .resource = "newOrder", .payload = payload });
	return 0;
}

static int
create_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	if (order_keep_doc(&o->doc, reply, err) == -1)
		return -1;
	if (*reply->location == '\0')
		return err_set(err, ERR_PROTOCOL, "no Location in the answer");
	free(o->url);
	o->url = xstrdup(reply->location);
	return ORDER_RECORD;
}

/* RFC 9773, section 5: what replaces another certificate may be refused for that alone,
 * by CAs of different minds in different words. Once, without it. */
static int
create_mend(struct order *o, const struct err *err)
{
	bool about_it = str_eq(err->problem, "alreadyReplaced") || err->status == 409 ||
			str_eq(err->problem, "malformed") ||
			str_eq(err->problem, "unauthorized") || err->status == 404 ||
			strstr(err->text, "replace") != NULL ||
			strstr(err->text, "could not find an order") != NULL;

	if (o->replaces == NULL || err->status == 0 || !about_it)
		return -1;
	log_info("%s: the CA refuses `replaces`, ordering without it: %s", o->cert->name,
	    err->text);
	free(TAKE(o->replaces));
	o->replaces_refused = true;
	return ORDER_CREATE;
}

static int
record_start(struct order *o, struct err *err)
{
	(void)err;
	o->watcher.record(o->url, o->watcher.arg);
	return 0;
}

/* ---- the order's status (section 7.1.6) says what to do next ---- */

/* The reason is in the order, else in the authorization that failed. */
static int
order_invalid(struct order *o, struct err *err)
{
	struct json_object *problem = json_get_object(o->doc, "error");

	if (problem == NULL)
		return err_set(err, ERR_REFUSED,
		    "the CA gave the order up without a reason");
	problem_object_to_err(problem, err);
	err_prefix(err, "the CA gave the order up");
	return order_give_up(o); /* that the CA failed within does not make it pass */
}

static int
begin_authz(struct order *o, struct err *err)
{
	struct json_object *urls;
	size_t n;

	if (json_need_array(o->doc, "authorizations", &urls, err) == -1)
		return -1;
	n = json_object_array_length(urls);
	if (n == 0 || n > strv_length((const char *const *)o->cert->names))
		return err_set(err, ERR_PROTOCOL,
		    "the order has %zu authorizations for %zu names", n,
		    strv_length((const char *const *)o->cert->names));
	o->authz_urls = json_object_get(urls);
	o->authz = xcalloc(n, sizeof(*o->authz));
	o->n_authz = n;
	for (size_t i = 0; i < n; i++) {
		struct json_object *url = json_object_array_get_idx(urls, i);

		if (!json_object_is_type(url, json_type_string))
			return err_set(err, ERR_PROTOCOL,
			    "authorizations: not all are URLs");
		o->authz[i].url = json_object_get_string(url);
	}
	o->cursor = 0;
	return ORDER_AUTHZ;
}

static int
order_next(struct order *o, const struct session_reply *reply, struct err *err)
{
	const char *status;

	if (json_need_string(o->doc, "status", &status, err) == -1)
		return -1;
	if (str_eq(status, "pending") && o->n_authz == 0)
		return begin_authz(o, err);
	if (str_eq(status, "ready") && o->at != ORDER_FINALIZE)
		return ORDER_FINALIZE;
	if (str_eq(status, "pending") || str_eq(status, "processing") ||
	    str_eq(status, "ready"))
		return order_poll_later(o, ORDER_REFRESH, reply, err);
	if (str_eq(status, "valid"))
		return ORDER_DOWNLOAD;
	if (str_eq(status, "invalid"))
		return order_invalid(o, err);
	{
		CLEAN(string) char *safe = str_printable(status, 40);

		return err_set(err, ERR_PROTOCOL, "the order has the unknown status \"%s\"",
		    safe);
	}
}

static int
record_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	static const struct session_reply none = { .location = "" };

	(void)reply;
	return order_next(o, &none, err);
}

static int
refresh_start(struct order *o, struct err *err)
{
	(void)err;
	return order_get(o, o->url);
}

static int
refresh_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	if (order_keep_doc(&o->doc, reply, err) == -1)
		return -1;
	return order_next(o, reply, err);
}

/* An order of an earlier run that the CA has forgotten, or given up, is placed anew. */
static int
refresh_mend(struct order *o, const struct err *err)
{
	bool gone = err->status == 404 || err->status == 403 ||
		    str_eq(json_get_string(o->doc, "status"), "invalid");

	if (!o->resumed || !gone || o->n_authz > 0)
		return -1;
	log_info("%s: the order of before is gone (%s), placing a new one", o->cert->name,
	    err->text);
	o->resumed = false;
	o->polls = 0;
	free(TAKE(o->url));
	json_object_put(TAKE(o->doc));
	return ORDER_CREATE;
}

/* ---- finalize and download (sections 7.4, 7.4.2) ---- */

static int
finalize_start(struct order *o, struct err *err)
{
	CLEAN(json) struct json_object *payload = json_object_new_object();
	CLEAN(string) char *csr = base64url_encode(o->csr, o->csr_length);
	const char *url;

	if (o->rehearse)
		return STEP_SKIP; /* what it was for is known */
	if (json_need_string(o->doc, "finalize", &url, err) == -1)
		return -1;
	json_add_string(payload, "csr", csr);
	order_post(o, &(struct session_call){ .url = url, .payload = payload });
	return 0;
}

static int
finalize_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	if (reply == NULL)
		return ORDER_DONE;
	if (order_keep_doc(&o->doc, reply, err) == -1)
		return -1;
	return order_next(o, reply, err);
}

/* The order has to be looked at again: not ready yet, or an answer of ours was lost. */
static int
finalize_mend(struct order *o, const struct err *err)
{
	if (!str_eq(err->problem, "orderNotReady") || o->polls >= RETRY_POLLS_MAX)
		return -1;
	o->delay_ms = retry_poll_ms(o->polls++, err->retry_after);
	return ORDER_REFRESH;
}

static int
download_start(struct order *o, struct err *err)
{
	const char *url;

	if (json_need_string(o->doc, "certificate", &url, err) == -1)
		return -1;
	order_post(o, &(struct session_call){ .url = url,
			  .accept = "application/pem-certificate-chain" });
	return 0;
}

static int
download_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	if (reply->body_length == 0)
		return err_set(err, ERR_PROTOCOL, "the CA sent an empty certificate");
	if (memchr(reply->body, '\0', reply->body_length) != NULL)
		return err_set(err, ERR_PROTOCOL, "the CA sent no certificate, but bytes");
	o->pem = xstrndup(reply->body, reply->body_length);
	o->pem_length = reply->body_length;
	return ORDER_DONE;
}

/*
 * The way of an order, top to bottom. start() begins the one operation its step waits
 * for; finish() reads the outcome and returns the next step, or -1. A step beyond
 * retrying goes to `undo`.
 */
const struct step order_steps[ORDER_AT_COUNT] = {
	[ORDER_ACCOUNT] = { "account", account_start, account_finish, ORDER_FAILED, NULL },
	[ORDER_CREATE] = { "create", create_start, create_finish, ORDER_FAILED,
	    create_mend },
	[ORDER_RECORD] = { "record", record_start, record_finish, ORDER_FAILED, NULL },
	[ORDER_AUTHZ] = { "authz", authz_start, authz_finish, ORDER_FAILED, NULL },
	[ORDER_DEPLOY] = { "deploy", order_deploy_start, order_deploy_finish, ORDER_REMOVE,
	    NULL },
	[ORDER_RESPOND] = { "respond", respond_start, respond_finish, ORDER_REMOVE, NULL },
	[ORDER_VALIDATE] = { "validate", validate_start, validate_finish, ORDER_REMOVE,
	    NULL },
	[ORDER_REMOVE] = { "remove", remove_start, remove_finish, ORDER_FAILED, NULL },
	[ORDER_FINALIZE] = { "finalize", finalize_start, finalize_finish, ORDER_FAILED,
	    finalize_mend },
	[ORDER_REFRESH] = { "refresh", refresh_start, refresh_finish, ORDER_FAILED,
	    refresh_mend },
	[ORDER_DOWNLOAD] = { "download", download_start, download_finish, ORDER_FAILED,
	    NULL },
	[ORDER_DONE] = { "done", NULL, NULL, ORDER_DONE, NULL },
	[ORDER_FAILED] = { "failed", NULL, NULL, ORDER_FAILED, NULL },
};
