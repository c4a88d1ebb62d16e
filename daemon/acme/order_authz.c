/* SPDX-License-Identifier: ISC */
/* The steps of an order that are taken once for each name: proofs (RFC 8555, section 7.5).
 */
#include "common/identifier.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/acme/order_internal.h"
#include "daemon/acme/problem.h"
#include "daemon/acme/retry.h"
#include "daemon/config/config.h"

/* The name of the order that an authorization is for; NULL where it is none of them. */
static const char *
ordered_name(const struct order *o, struct json_object *doc)
{
	const char *value = json_get_string(json_get_object(doc, "identifier"), "value");
	bool wildcard = json_get_bool(doc, "wildcard", false);

	for (char **name = o->cert->names; value != NULL && *name != NULL; name++) {
		bool star = identifier_is_wildcard(*name);

		if (star == wildcard && identifier_equal(*name + (star ? 2 : 0), value))
			return *name;
	}
	return NULL;
}

int
authz_start(struct order *o, struct err *err)
{
	(void)err;
	return order_get(o, o->authz[o->cursor].url);
}

/* The problem of the challenge that failed. */
static int
authz_invalid(struct order *o, const char *status, struct err *err)
{
	const struct order_authz *a = &o->authz[o->cursor];
	struct json_object *list = json_get_array(a->doc, "challenges");
	size_t n = list ? json_object_array_length(list) : 0;
	CLEAN(string) char *safe = str_printable(status, 40);

	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		struct json_object *problem = json_get_object(one, "error");

		if (problem != NULL) {
			problem_object_to_err(problem, err);
			err_prefix(err, "%s", a->name);
			snprintf(err->about, sizeof(err->about), "%s", a->name);
			return order_give_up(o);
		}
	}
	err_set(err, ERR_REFUSED, "%s: the authorization is %s", a->name, safe);
	snprintf(err->about, sizeof(err->about), "%s", a->name);
	return -1;
}

int
authz_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	struct order_authz *a = &o->authz[o->cursor];
	const char *status;
	const char *name;

	if (order_keep_doc(&a->doc, reply, err) == -1 ||
	    json_need_string(a->doc, "status", &status, err) == -1)
		return -1;
	name = ordered_name(o, a->doc);
	if (name == NULL)
		return err_set(err, ERR_PROTOCOL,
		    "the CA wants a proof of a name that was not ordered");
	free(a->name);
	a->name = xstrdup(name);
	if (str_eq(status, "valid"))
		return order_each_name(o, ORDER_AUTHZ, ORDER_DEPLOY);
	if (!str_eq(status, "pending"))
		return authz_invalid(o, status, err);
	a->offer =
	    challenge_choose(o->servers, a->doc, config_challenge(o->cert, name), err);
	if (a->offer == NULL)
		return err_prefix(err, "%s", name);
	return order_each_name(o, ORDER_AUTHZ, ORDER_DEPLOY);
}

/* ---- challenges (section 7.5.1): phase by phase over all names ---- */

int
order_deploy_start(struct order *o, struct err *err)
{
	struct order_authz *a = &o->authz[o->cursor];
	const struct challenge_context context = { .name = a->name,
		.thumbprint = account_thumbprint(o->account),
		.account_url = account_url(o->account) };

	(void)err;
	if (a->offer == NULL)
		return STEP_SKIP;
	challenge_free(a->challenge); /* of a try that failed */
	a->challenge =
	    challenge_deploy(o->servers, &context, a->offer, order_on_challenge, o);
	return 0;
}

int
order_deploy_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	(void)reply;
	(void)err;
	return order_each_name(o, ORDER_DEPLOY, ORDER_RESPOND);
}

/* One that left `pending` in an earlier run has been answered already. */
int
respond_start(struct order *o, struct err *err)
{
	struct order_authz *a = &o->authz[o->cursor];
	CLEAN(json) struct json_object *empty = json_object_new_object();
	const char *url;

	if (a->offer == NULL || !str_eq(json_get_string(a->offer, "status"), "pending"))
		return STEP_SKIP;
	if (json_need_string(a->offer, "url", &url, err) == -1)
		return -1;
	order_post(o, &(struct session_call){ .url = url, .payload = empty });
	return 0;
}

static bool
any_to_validate(const struct order *o)
{
	for (size_t i = 0; i < o->n_authz; i++)
		if (o->authz[i].offer != NULL)
			return true;
	return false;
}

/* Some CAs validate while we wait for this answer: then there is nothing to poll. */
int
respond_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	struct order_authz *a = &o->authz[o->cursor];
	const char *status = NULL;

	/* What is no challenge has not come from where ours was taken down. */
	if (reply != NULL &&
	    (order_check_json(reply, err) == -1 ||
		json_need_string(reply->doc, "status", &status, err) == -1))
		return err_prefix(err, "%s", a->name);
	if (str_eq(status, "valid"))
		a->offer = NULL;
	if (o->cursor + 1 == o->n_authz && any_to_validate(o))
		o->delay_ms = retry_poll_ms(0, reply != NULL ? reply->retry_after : 0);
	return order_each_name(o, ORDER_RESPOND, ORDER_VALIDATE);
}

int
validate_start(struct order *o, struct err *err)
{
	struct order_authz *a = &o->authz[o->cursor];

	(void)err;
	if (a->offer == NULL)
		return STEP_SKIP;
	return order_get(o, a->url);
}

int
validate_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	struct order_authz *a = &o->authz[o->cursor];
	const char *status;

	if (reply == NULL)
		return order_each_name(o, ORDER_VALIDATE, ORDER_REMOVE);
	a->offer = NULL; /* it was the old document's */
	if (order_keep_doc(&a->doc, reply, err) == -1 ||
	    json_need_string(a->doc, "status", &status, err) == -1)
		return -1;
	if (str_eq(status, "valid"))
		return order_each_name(o, ORDER_VALIDATE, ORDER_REMOVE);
	if (!str_eq(status, "pending") && !str_eq(status, "processing"))
		return authz_invalid(o, status, err);
	a->offer = a->doc;
	if (o->polls == 0)
		o->polls = 1;
	return order_poll_later(o, ORDER_VALIDATE, reply, err);
}

int
remove_start(struct order *o, struct err *err)
{
	(void)err;
	if (o->cursor < o->n_authz) {
		challenge_free(o->authz[o->cursor].challenge);
		o->authz[o->cursor].challenge = NULL;
	}
	return STEP_SKIP;
}

int
remove_finish(struct order *o, const struct session_reply *reply, struct err *err)
{
	(void)reply;
	(void)err;
	return order_each_name(o, ORDER_REMOVE,
	    o->err.kind == ERR_NONE ? ORDER_FINALIZE : ORDER_FAILED);
}
