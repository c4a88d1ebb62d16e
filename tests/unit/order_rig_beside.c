/* SPDX-License-Identifier: ISC */
/* What is beside an order: account, directory, configuration and challenges. */
#include "tests/unit/order_rig.h"

#include "tests/unit/unit.h"

#include "common/json.h"
#include "common/mem.h"
#include "daemon/acme/account.h"
#include "daemon/acme/directory.h"
#include "daemon/challenge/challenge.h"

/* ---- account.h ---- */

struct account_wait {
	struct turn turn;
	account_done_fn *done;
	void *arg;
};

static void
on_ready(void *arg)
{
	struct account_wait *w = arg;
	struct err err = t.account_err;
	account_done_fn *done = w->done;
	void *done_arg = w->arg;

	account_wait_free(w);
	t.account_err = (struct err){ 0 }; /* it fails once */
	done(err.kind ? &err : NULL, done_arg);
}

struct account_wait *
account_ready(struct account *a, account_done_fn *done, void *arg)
{
	struct account_wait *w = xcalloc(1, sizeof(*w));

	assert_ptr_equal(a, &t);
	w->done = done;
	w->arg = arg;
	turn_start(&w->turn, on_ready, t.account_hangs);
	return w;
}

void
account_wait_free(struct account_wait *w)
{
	if (w == NULL)
		return;
	turn_free(&w->turn);
	free(w);
}

struct account *
account_ref(struct account *a)
{
	t.open++;
	return a;
}

void
account_free(struct account *a)
{
	assert_ptr_equal(a, &t);
	t.open--;
}

struct session *
account_session(const struct account *a)
{
	return (struct session *)(uintptr_t)a;
}

struct directory *
account_directory(const struct account *a)
{
	return (struct directory *)(uintptr_t)a;
}

const char *
account_thumbprint(const struct account *a)
{
	assert_ptr_equal(a, &t);
	return "THUMBPRINT";
}

const char *
account_url(const struct account *a)
{
	assert_ptr_equal(a, &t);
	return "/acct/1";
}

/* ---- directory.h, config.h ---- */

const char *
directory_get(const struct directory *d, const char *resource)
{
	assert_ptr_equal(d, &t);
	assert_string_equal(resource, "renewalInfo");
	return t.no_renewal_info ? NULL : "/ari";
}

struct json_object *
directory_meta(const struct directory *d)
{
	assert_ptr_equal(d, &t);
	return t.meta;
}

void
directory_forget(struct directory *d)
{
	assert_ptr_equal(d, &t);
	t.forgotten = true;
}

enum challenge_type
config_challenge(const struct cert_config *cert, const char *name)
{
	assert_ptr_equal(cert, &t.cert);
	assert_true(strv_contains((const char *const *)cert->names, name));
	return CHALLENGE_HTTP_01;
}

/* ---- challenge.h ---- */

struct challenge {
	struct turn turn;
	char *name;
	challenge_done_fn *done;
	void *arg;
};

struct json_object *
challenge_choose(const struct challenge_servers *servers, struct json_object *authz,
    enum challenge_type wanted, struct err *err)
{
	struct json_object *list = json_get_array(authz, "challenges");
	struct json_object *first = list ? json_object_array_get_idx(list, 0) : NULL;

	assert_ptr_equal(servers, &t);
	assert_int_equal(wanted, CHALLENGE_HTTP_01);
	if (str_eq(json_get_string(first, "type"), "http-01"))
		return first;
	err_set(err, ERR_CONFIG, "no http-01");
	return NULL;
}

static void
on_deployed(void *arg)
{
	struct challenge *c = arg;
	struct err err = t.deploy_err;

	t.deploy_err = (struct err){ 0 }; /* it fails once */
	c->done(err.kind ? &err : NULL, c->arg);
}

struct challenge *
challenge_deploy(const struct challenge_servers *servers,
    const struct challenge_context *context, struct json_object *offer,
    challenge_done_fn *done, void *arg)
{
	struct challenge *c = xcalloc(1, sizeof(*c));

	assert_ptr_equal(servers, &t);
	assert_string_equal(context->thumbprint, "THUMBPRINT");
	assert_string_equal(context->account_url, "/acct/1");
	assert_string_equal(json_get_string(offer, "type"), "http-01");
	text_add(&t.transcript, "deploy %s\n", context->name);
	c->name = xstrdup(context->name);
	c->done = done;
	c->arg = arg;
	turn_start(&c->turn, on_deployed, t.deploy_hangs);
	return c;
}

void
challenge_free(struct challenge *c)
{
	if (c == NULL)
		return;
	text_add(&t.transcript, "remove %s\n", c->name);
	turn_free(&c->turn);
	free(c->name);
	free(c);
}
