/* SPDX-License-Identifier: ISC */
/* accounts - newAccount, accounts, keyChange (RFC 8555, section 7.3). */
#include <stdlib.h>
#include <string.h>

#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/ca/ca.h"
#include "tests/ca/jws_check.h"

struct account *
account_find(struct ca *ca, const char *url)
{
	CLEAN(string) char *start = xasprintf("%s/account/", ca->base);
	struct account *a;
	size_t id;

	if (!str_starts(url, start))
		return NULL;
	id = strtoul(url + strlen(start), NULL, 10);
	a = id < ca->n_accounts ? ca->accounts[id] : NULL;
	return a != NULL && str_eq(a->url, url) && !a->forgotten ? a : NULL;
}

static struct account *
find_by_key(struct ca *ca, const struct key *key)
{
	CLEAN(string) char *thumbprint = jwk_thumbprint(key);
	int64_t id = json_get_int(ca->thumbprints, thumbprint, -1);

	return id < 0 ? NULL : ca->accounts[id];
}

static struct account *
account_new(struct ca *ca, struct key *key)
{
	struct account *a = xcalloc(1, sizeof(*a));

	a->id = ca->n_accounts;
	a->url = xasprintf("%s/account/%zu", ca->base, a->id);
	a->key = key;
	a->thumbprint = jwk_thumbprint(key);
	ca->accounts = xrealloc(ca->accounts, ca->n_accounts + 1, sizeof(struct account *));
	ca->accounts[ca->n_accounts++] = a;
	json_add_int(ca->thumbprints, a->thumbprint, (int64_t)a->id);
	return a;
}

static void
reply_account(struct call *c, int status, const struct account *a)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "status", a->deactivated ? "deactivated" : "valid");
	if (a->contact != NULL)
		json_object_object_add(doc, "contact", json_object_get(a->contact));
	json_object_object_add(doc, "key", jwk_public(a->key));
	reply_json(&c->reply, status, doc);
	reply_header(&c->reply, "Location", "%s", a->url);
}

/* -1 with a reply where the contacts are not mailto: addresses. */
static int
take_contact(struct call *c, struct account *a)
{
	struct json_object *contact = json_get_array(c->payload, "contact");

	if (contact == NULL)
		return 0;
	for (size_t i = 0; i < json_object_array_length(contact); i++) {
		struct json_object *one = json_object_array_get_idx(contact, i);
		const char *url = json_object_get_string(one);

		if (!str_starts(url, "mailto:"))
			return reply_problem(&c->reply, 400, "unsupportedContact",
			    "contact \"%s\" is no mailto: URL", url);
		if (strchr(url, '@') == NULL)
			return reply_problem(&c->reply, 400, "invalidContact",
			    "contact \"%s\" is no address", url);
	}
	if (a != NULL) {
		json_object_put(a->contact);
		a->contact = json_object_get(contact);
	}
	return 0;
}

/* RFC 8555, section 7.3.4. */
static int
check_eab(struct call *c)
{
	const struct ca_options *options = &c->ca->options;
	CLEAN(json) struct json_object *ours = NULL;
	CLEAN(json) struct json_object *theirs = NULL;
	CLEAN(jws) struct jws *jws = NULL;
	struct json_object *doc = json_get_object(c->payload, "externalAccountBinding");
	struct err err = { 0 };

	if (options->eab_kid == NULL)
		return 0;
	if (doc == NULL)
		return reply_problem(&c->reply, 403, "externalAccountRequired",
		    "an external account binding is needed");
	jws = jws_open(doc, &err);
	if (jws == NULL)
		return reply_problem(&c->reply, 400, "malformed", "EAB: %s", err.text);
	if (json_object_object_length(jws->header) != 3 ||
	    !str_eq(json_get_string(jws->header, "url"), c->url) ||
	    !str_eq(json_get_string(jws->header, "kid"), options->eab_kid) ||
	    jws_verify_mac(jws, options->eab_key, options->eab_key_length, &err) == -1)
		return reply_problem(&c->reply, 403, "unauthorized",
		    "the external account binding is wrong");
	ours = jwk_public(c->key);
	theirs = json_parse(jws->payload, jws->payload_length, &err);
	if (!json_object_equal(ours, theirs))
		return reply_problem(&c->reply, 400, "malformed",
		    "EAB: the payload is not the account's key");
	return 0;
}

static int
check_new_account(struct call *c)
{
	if (!json_get_bool(c->payload, "termsOfServiceAgreed", false)) {
		reply_problem(&c->reply, 403, "userActionRequired",
		    "the terms of service have to be agreed to");
		reply_header(&c->reply, "Link", "<%s/terms>;rel=\"terms-of-service\"",
		    c->ca->base);
		return -1;
	}
	return take_contact(c, NULL) == -1 ? -1 : check_eab(c);
}

void
handle_new_account(struct call *c)
{
	struct account *a = find_by_key(c->ca, c->key);

	if (a != NULL && a->deactivated) {
		reply_problem(&c->reply, 401, "unauthorized", "the account is deactivated");
	} else if (a != NULL) {
		reply_account(c, 200, a);
	} else if (json_get_bool(c->payload, "onlyReturnExisting", false)) {
		reply_problem(&c->reply, 400, "accountDoesNotExist",
		    "no account has this key");
	} else if (check_new_account(c) == 0) {
		a = account_new(c->ca, TAKE(c->key));
		take_contact(c, a);
		reply_account(c, 201, a);
	}
}

void
handle_account(struct call *c)
{
	struct account *a = c->account;

	if (take_contact(c, a) == -1)
		return;
	if (str_eq(json_get_string(c->payload, "status"), "deactivated"))
		a->deactivated = true;
	reply_account(c, 200, a);
}

/* ---- keyChange (RFC 8555, section 7.3.5) ---- */

static int
check_key_change(struct call *c, const struct jws *inner, struct key **ret)
{
	CLEAN(json) struct json_object *old = jwk_public(c->account->key);
	CLEAN(json) struct json_object *payload = NULL;
	CLEAN(key) struct key *key = NULL;
	struct err err = { 0 };

	if (json_object_object_length(inner->header) != 3 ||
	    !str_eq(json_get_string(inner->header, "url"), c->url))
		return reply_problem(&c->reply, 400, "malformed",
		    "the inner header is not alg, jwk and the outer url");
	key = jws_key(inner, &err);
	if (key == NULL || jws_verify(inner, key, &err) == -1)
		return reply_problem(&c->reply, 400, "malformed", "inner JWS: %s",
		    err.text);
	payload = json_parse(inner->payload, inner->payload_length, &err);
	if (!str_eq(json_get_string(payload, "account"), c->account->url) ||
	    !json_object_equal(json_get_object(payload, "oldKey"), old))
		return reply_problem(&c->reply, 400, "malformed",
		    "the inner payload is not account and oldKey");
	*ret = TAKE(key);
	return 0;
}

void
handle_key_change(struct call *c)
{
	CLEAN(jws) struct jws *inner = NULL;
	CLEAN(key) struct key *key = NULL;
	struct account *a = c->account, *other;
	struct err err = { 0 };

	inner = jws_open(c->payload, &err);
	if (inner == NULL) {
		reply_problem(&c->reply, 400, "malformed", "inner JWS: %s", err.text);
		return;
	}
	if (check_key_change(c, inner, &key) == -1)
		return;
	other = find_by_key(c->ca, key);
	if (other != NULL) {
		reply_problem(&c->reply, 409, "conflict", "the new key is in use");
		reply_header(&c->reply, "Location", "%s", other->url);
		return;
	}
	json_object_object_del(c->ca->thumbprints, a->thumbprint);
	key_free(a->key);
	free(a->thumbprint);
	a->key = TAKE(key);
	a->thumbprint = jwk_thumbprint(a->key);
	json_add_int(c->ca->thumbprints, a->thumbprint, (int64_t)a->id);
	reply_account(c, 200, a);
}
