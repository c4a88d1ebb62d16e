/* SPDX-License-Identifier: ISC */
/* orders - newOrder, order, finalize (RFC 8555, section 7.4). */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "tests/ca/ca.h"

#define NAMES_MAX 1000

/* ---- newOrder ---- */

static int
check_identifier(struct call *c, struct json_object *identifier)
{
	const char *type = json_get_string(identifier, "type");
	const char *value = json_get_string(identifier, "value");
	unsigned char octets[16];

	if (type == NULL || value == NULL || json_object_object_length(identifier) != 2)
		return reply_problem(&c->reply, 400, "malformed",
		    "an identifier is not type and value");
	if (str_eq(type, "ip"))
		return inet_pton(AF_INET, value, octets) == 1 ||
			       inet_pton(AF_INET6, value, octets) == 1
			   ? 0
			   : reply_problem(&c->reply, 400, "malformed",
				 "\"%s\" is no address", value);
	if (!str_eq(type, "dns"))
		return reply_problem(&c->reply, 400, "unsupportedIdentifier", "type \"%s\"",
		    type);
	if (str_starts(value, "*."))
		value += 2;
	if (*value == '\0' ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(value))
		return reply_problem(&c->reply, 400, "rejectedIdentifier",
		    "\"%s\" is no name", value);
	return 0;
}

static int
check_identifiers(struct call *c, struct json_object **ret)
{
	struct json_object *list = json_get_array(c->payload, "identifiers");
	CLEAN(json) struct json_object *seen = json_object_new_object();
	size_t count = list != NULL ? json_object_array_length(list) : 0;

	if (count == 0 || count > NAMES_MAX)
		return reply_problem(&c->reply, 400, "malformed", "%zu identifiers", count);
	for (size_t i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *value = json_get_string(one, "value");

		if (check_identifier(c, one) == -1)
			return -1;
		if (json_object_object_get_ex(seen, value, NULL))
			return reply_problem(&c->reply, 400, "malformed",
			    "\"%s\" stands twice", value);
		json_add_bool(seen, value, true);
	}
	*ret = list;
	return 0;
}

/* RFC 9773, section 5. */
static int
check_replaces(struct call *c)
{
	const char *id = json_get_string(c->payload, "replaces");
	struct certificate *old;

	if (id == NULL)
		return 0;
	old = certificate_find(c->ca, id);
	if (old == NULL)
		return reply_problem(&c->reply, 404, "malformed",
		    "replaces: no such certificate");
	if (old->order->account != c->account)
		return reply_problem(&c->reply, 403, "unauthorized",
		    "replaces: another account's");
	if (old->replacement != NULL && !str_eq(order_status(old->replacement), "invalid"))
		return reply_problem(&c->reply, 409, "alreadyReplaced",
		    "the certificate has a replacement already");
	c->certificate = old;
	return 0;
}

static int
check_profile(struct call *c)
{
	const char *profile = json_get_string(c->payload, "profile");

	if (profile == NULL || str_eq(profile, "default") || str_eq(profile, "shortlived"))
		return 0;
	return reply_problem(&c->reply, 400, "invalidProfile", "no profile \"%s\"",
	    profile);
}

static struct authz *
authz_new(struct call *c, struct json_object *identifier)
{
	struct ca *ca = c->ca;
	struct authz *a = xcalloc(1, sizeof(*a));
	const char *value = json_get_string(identifier, "value");
	unsigned char random[32];
	CLEAN(string) char *token = NULL;

	RAND_bytes(random, sizeof(random));
	token = base64url_encode(random, sizeof(random));
	memcpy(a->token, token, sizeof(a->token));
	a->id = ca->n_authz;
	a->order = ca->n_orders;
	a->account = c->account;
	a->wildcard = str_starts(value, "*.");
	a->identifier = json_object_new_object();
	json_add_string(a->identifier, "type", json_get_string(identifier, "type"));
	json_add_string(a->identifier, "value", value + (a->wildcard ? 2 : 0));
	a->tried = -1;
	a->status = xstrdup("pending");
	if (c->born_ready) {
		a->tried = CHALLENGE_HTTP;
		authz_settle(a, NULL, NULL);
	}
	ca->authz = xrealloc(ca->authz, ca->n_authz + 1, sizeof(struct authz *));
	ca->authz[ca->n_authz++] = a;
	return a;
}

static time_t
get_time(struct json_object *doc, const char *key)
{
	const char *text = json_get_string(doc, key);
	struct err err = { 0 };
	time_t at;

	return text != NULL && timefmt_parse(text, &at, &err) == 0 ? at : 0;
}

static struct order *
order_new(struct call *c, struct json_object *identifiers)
{
	struct ca *ca = c->ca;
	struct order *o = xcalloc(1, sizeof(*o));

	o->id = ca->n_orders;
	o->account = c->account;
	o->identifiers = json_object_get(identifiers);
	o->status = xstrdup("pending");
	o->profile = xstrdup(json_get_string(c->payload, "profile"));
	o->replaces = xstrdup(json_get_string(c->payload, "replaces"));
	o->expires = time(NULL) + 86400;
	o->not_before = get_time(c->payload, "notBefore");
	o->not_after = get_time(c->payload, "notAfter");
	o->n_authz = json_object_array_length(identifiers);
	o->authz = xcalloc(o->n_authz, sizeof(struct authz *));
	for (size_t i = 0; i < o->n_authz; i++)
		o->authz[i] = authz_new(c, json_object_array_get_idx(identifiers, i));
	ca->orders = xrealloc(ca->orders, ca->n_orders + 1, sizeof(struct order *));
	ca->orders[ca->n_orders++] = o;
	return o;
}

/* ---- what an order looks like ---- */

const char *
order_status(struct order *o)
{
	size_t valid = 0;

	if (!str_eq(o->status, "pending"))
		return o->status;
	for (size_t i = 0; i < o->n_authz; i++) {
		if (str_eq(o->authz[i]->status, "valid"))
			valid++;
		else if (!str_eq(o->authz[i]->status, "pending"))
			set_string(&o->status, "invalid");
	}
	if (valid == o->n_authz)
		set_string(&o->status, "ready");
	return o->status;
}

static struct json_object *
order_json(struct ca *ca, struct order *o)
{
	struct json_object *doc = json_object_new_object();
	struct json_object *authz = json_object_new_array();
	CLEAN(string) char *finalize = xasprintf("%s/finalize/%zu", ca->base, o->id);
	CLEAN(string) char *certificate = NULL;

	for (size_t i = 0; i < o->n_authz; i++) {
		CLEAN(string)
		char *url = xasprintf("%s/authz/%zu", ca->base, o->authz[i]->id);

		json_object_array_add(authz, json_object_new_string(url));
	}
	json_add_string(doc, "status", order_status(o));
	json_add_time(doc, "expires", o->expires);
	json_object_object_add(doc, "identifiers", json_object_get(o->identifiers));
	json_object_object_add(doc, "authorizations", authz);
	json_add_string(doc, "finalize", finalize);
	json_add_time(doc, "notBefore", o->not_before);
	json_add_time(doc, "notAfter", o->not_after);
	json_add_string(doc, "profile", o->profile);
	json_add_string(doc, "replaces", o->replaces);
	if (o->error != NULL)
		json_object_object_add(doc, "error", json_object_get(o->error));
	if (str_eq(o->status, "valid")) {
		certificate = xasprintf("%s/certificate/%zu", ca->base, o->certificate->id);
		json_add_string(doc, "certificate", certificate);
	}
	return doc;
}

static void
reply_order(struct call *c, int status)
{
	struct order *o = c->order;

	reply_json(&c->reply, status, order_json(c->ca, o));
	if ((str_eq(o->status, "pending") || str_eq(o->status, "processing")) &&
	    c->ca->options.poll_after >= 0)
		reply_header(&c->reply, "Retry-After", "%ld", c->ca->options.poll_after);
}

void
handle_new_order(struct call *c)
{
	struct json_object *identifiers = NULL;

	if (check_identifiers(c, &identifiers) == -1 || check_profile(c) == -1 ||
	    check_replaces(c) == -1)
		return;
	c->order = order_new(c, identifiers);
	if (c->certificate != NULL)
		c->certificate->replacement = c->order;
	reply_order(c, 201);
	reply_header(&c->reply, "Location", "%s/order/%zu", c->ca->base, c->order->id);
}

void
handle_order(struct call *c)
{
	struct order *o = c->order;

	if (str_eq(o->status, "processing") && o->polls-- <= 0)
		set_string(&o->status, "valid");
	reply_order(c, 200);
}

/* ---- finalize ---- */

static int
issue(struct call *c, EVP_PKEY *key)
{
	struct ca *ca = c->ca;
	struct order *o = c->order;
	struct certificate *cert = xcalloc(1, sizeof(*cert));
	struct issue what = { .key = key, .identifiers = o->identifiers };
	unsigned char serial[16];
	struct err err = { 0 };

	/* Every other serial number needs a zero octet before it in DER. */
	RAND_bytes(serial, sizeof(serial));
	serial[0] |= 0x40;
	what.serial = serial;
	what.serial_length = sizeof(serial);
	cert->id = ca->n_certificates;
	cert->order = o;
	cert->not_before = o->not_before != 0 ? o->not_before : time(NULL);
	cert->not_after =
	    o->not_after != 0 ? o->not_after : cert->not_before + ca->options.validity;
	what.not_before = cert->not_before;
	what.not_after = cert->not_after;
	cert->leaf = issuer_sign(ca->issuer, &what, &err);
	if (cert->leaf == NULL) {
		free(cert);
		return reply_problem(&c->reply, 500, "serverInternal", "%s", err.text);
	}
	cert->ari_id = issue_ari_id(cert->leaf);
	ca->certificates = xrealloc(ca->certificates, ca->n_certificates + 1,
	    sizeof(struct certificate *));
	ca->certificates[ca->n_certificates++] = cert;
	json_add_int(ca->ari_ids, cert->ari_id, (int64_t)cert->id);
	o->certificate = cert;
	return 0;
}

static EVP_PKEY *
read_csr(struct call *c)
{
	const char *text = json_get_string(c->payload, "csr");
	CLEAN(string) char *der = NULL;
	struct err err = { 0 };
	EVP_PKEY *key = NULL;
	size_t length;

	der = text != NULL ? (char *)base64url_decode(text, &length, &err) : NULL;
	if (der != NULL)
		key = issue_check_csr((unsigned char *)der, length, c->order->identifiers,
		    &err);
	if (key != NULL && EVP_PKEY_eq(key, key_evp(c->account->key)) == 1) {
		EVP_PKEY_free(key);
		key = NULL;
		err_set(&err, ERR_REFUSED, "the CSR's key is the account's");
	}
	if (key == NULL)
		reply_problem(&c->reply, 400, "badCSR", "%s",
		    err.text[0] != '\0' ? err.text : "no csr");
	return key;
}

void
handle_finalize(struct call *c)
{
	struct order *o = c->order;
	EVP_PKEY *key;
	int issued;

	if (!str_eq(order_status(o), "ready")) {
		reply_problem(&c->reply, 403, "orderNotReady", "the order is %s",
		    order_status(o));
		return;
	}
	key = read_csr(c);
	if (key == NULL)
		return;
	issued = issue(c, key);
	EVP_PKEY_free(key);
	if (issued == -1)
		return;
	o->polls = c->polls >= 0 ? c->polls : c->ca->options.processing;
	set_string(&o->status, o->polls > 0 ? "processing" : "valid");
	reply_order(c, 200);
}
