/* SPDX-License-Identifier: ISC */
/* resources - what a path names, and the end of it all. */
#include <openssl/x509.h>
#include <stdlib.h>

#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/ca/ca.h"
#include "tests/ca/resources.h"

void
set_string(char **at, const char *value)
{
	free(*at);
	*at = xstrdup(value);
}

struct json_object *
call_identifiers(const struct call *c)
{
	if (c->order != NULL)
		return c->order->identifiers;
	return json_get_array(c->payload, "identifiers");
}

static struct account *
find_subject(struct call *c, enum endpoint_about about, size_t id)
{
	struct ca *ca = c->ca;

	if (about == ABOUT_ACCOUNT && id < ca->n_accounts)
		return ca->accounts[id];
	if (about == ABOUT_ORDER && id < ca->n_orders) {
		c->order = ca->orders[id];
		return c->order->account;
	}
	if ((about == ABOUT_AUTHZ || about == ABOUT_CHALLENGE) && id < ca->n_authz) {
		c->authz = ca->authz[id];
		c->order = ca->orders[c->authz->order];
		return c->authz->account;
	}
	if (about == ABOUT_CERTIFICATE && id < ca->n_certificates) {
		c->certificate = ca->certificates[id];
		c->order = c->certificate->order;
		return c->order->account;
	}
	return NULL;
}

int
call_resolve(struct call *c)
{
	enum endpoint_about about = c->endpoint->about;
	const struct account *owner;
	char *end;
	size_t id;

	if (about == ABOUT_NOTHING)
		return 0;
	id = strtoul(c->id, &end, 10);
	if (about == ABOUT_CHALLENGE && *end == '-')
		c->challenge =
		    (enum challenge_kind)(strtoul(end + 1, &end, 10) % CHALLENGE_KINDS);
	else if (about == ABOUT_CERTIFICATE && str_eq(end, "/1"))
		end += 2;
	owner = end != c->id && *end == '\0' ? find_subject(c, about, id) : NULL;
	if (owner == NULL)
		return reply_problem(&c->reply, 404, "malformed", "%s is not here", c->url);
	if (owner != c->account)
		return reply_problem(&c->reply, 403, "unauthorized", "another account's");
	return 0;
}

static void
authz_free(struct authz *a)
{
	json_object_put(a->identifier);
	json_object_put(a->error);
	free(a->status);
	free(a);
}

static void
order_free(struct order *o)
{
	json_object_put(o->identifiers);
	json_object_put(o->error);
	free(o->authz);
	free(o->status);
	free(o->profile);
	free(o->replaces);
	free(o);
}

static void
account_free(struct account *a)
{
	free(a->url);
	free(a->thumbprint);
	key_free(a->key);
	json_object_put(a->contact);
	free(a);
}

void
ari_window_clear(struct ari_window *w)
{
	free(w->retry_after);
	free(w->explanation);
	*w = (struct ari_window){ 0 };
}

static void
certificate_free(struct certificate *cert)
{
	ari_window_clear(&cert->window);
	X509_free(cert->leaf);
	free(cert->ari_id);
	free(cert);
}

void
resources_free(struct ca *ca)
{
	for (size_t i = 0; i < ca->n_certificates; i++)
		certificate_free(ca->certificates[i]);
	for (size_t i = 0; i < ca->n_orders; i++)
		order_free(ca->orders[i]);
	for (size_t i = 0; i < ca->n_authz; i++)
		authz_free(ca->authz[i]);
	for (size_t i = 0; i < ca->n_accounts; i++)
		account_free(ca->accounts[i]);
	free(ca->certificates);
	free(ca->orders);
	free(ca->authz);
	free(ca->accounts);
	json_object_put(ca->thumbprints);
	json_object_put(ca->ari_ids);
}

void
resources_forget(struct ca *ca)
{
	for (size_t i = 0; i < ca->n_accounts; i++)
		ca->accounts[i]->forgotten = true;
	json_object_put(ca->thumbprints);
	ca->thumbprints = json_object_new_object();
}
