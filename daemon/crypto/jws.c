/* SPDX-License-Identifier: ISC */
#include "daemon/crypto/jws.h"

#include <openssl/evp.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/crypto/openssl.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

/* ---- the protected header, in the order that the RFC's examples have ---- */

/* A header is printed for every request: without the detour over a document. */
static void
add_member(struct text *t, const char *name, const char *value)
{
	text_add(t, "%s\"%s\":\"", t->length > 0 ? "," : "{", name);
	for (; *value != '\0'; value++) {
		size_t plain = 0;

		while ((unsigned char)value[plain] >= ' ' && value[plain] != '"' &&
		       value[plain] != '\\')
			plain++;
		text_add_bytes(t, value, plain);
		value += plain;
		if (*value == '\0')
			break;
		if (*value == '"' || *value == '\\')
			text_add(t, "\\%c", *value);
		else
			text_add(t, "\\u%04x", *value);
	}
	text_add_bytes(t, "\"", 1);
}

static char *
encode_text(struct text *t)
{
	char *encoded = base64url_encode(t->s, t->length);

	text_clear(t);
	return encoded;
}

static char *
protected_header(const struct key *key, const struct jws_header *header)
{
	struct text t = { 0 };

	add_member(&t, "alg", key_jws_alg(key));
	if (header->kid != NULL)
		add_member(&t, "kid", header->kid);
	else
		text_add(&t, ",\"jwk\":%s", jwk_public_text(key));
	if (header->nonce != NULL)
		add_member(&t, "nonce", header->nonce);
	add_member(&t, "url", header->url);
	text_add_bytes(&t, "}", 1);
	return encode_text(&t);
}

/* ---- the envelope ---- */

char *
jws_sign(const struct key *key, const struct jws_header *header, const char *payload,
    struct err *err)
{
	CLEAN(string) char *protected = protected_header(key, header);
	CLEAN(string) char *encoded = base64url_encode(payload, strlen(payload));
	CLEAN(string) char *input = xasprintf("%s.%s", protected, encoded);
	CLEAN(string) char *signature = NULL;
	unsigned char *octets;
	size_t length = 0;

	octets = key_sign(key, input, strlen(input), &length, err);
	if (octets == NULL)
		return NULL;
	signature = base64url_encode(octets, length);
	free(octets);
	return xasprintf("{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
	    protected, encoded, signature);
}

/* ---- external account binding ---- */

static const struct {
	const char *alg, *digest;
} macs[] = {
	{ "HS256", "SHA256" },
	{ "HS384", "SHA384" },
	{ "HS512", "SHA512" },
};

static const char *
digest_of(const char *alg, struct err *err)
{
	for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
		if (str_eq(macs[i].alg, alg))
			return macs[i].digest;
	}
	err_set(err, ERR_CONFIG,
	    "the algorithm of an external account binding is HS256, HS384 or HS512, not %s",
	    alg);
	return NULL;
}

static char *
mac(const struct jws_eab *eab, const char *input, struct err *err)
{
	const char *digest = digest_of(eab->alg, err);
	unsigned char octets[EVP_MAX_MD_SIZE];
	size_t length = 0;

	if (digest == NULL)
		return NULL;
	if (eab->secret_length == 0) {
		err_set(err, ERR_CONFIG, "the secret of the external account is empty");
		return NULL;
	}
	if (EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, eab->secret, eab->secret_length,
		(const unsigned char *)input, strlen(input), octets, sizeof(octets),
		&length) == NULL) {
		err_set(err, ERR_SYSTEM, "cannot compute a MAC: %s", openssl_reason());
		return NULL;
	}
	return base64url_encode(octets, length);
}

static char *
eab_header(const struct jws_eab *eab, const char *url)
{
	struct text t = { 0 };

	add_member(&t, "alg", eab->alg);
	add_member(&t, "kid", eab->kid);
	add_member(&t, "url", url);
	text_add_bytes(&t, "}", 1);
	return encode_text(&t);
}

struct json_object *
jws_bind(const struct key *key, const struct jws_eab *eab, const char *new_account_url,
    struct err *err)
{
	const char *jwk = jwk_public_text(key);
	CLEAN(string) char *protected = eab_header(eab, new_account_url);
	CLEAN(string) char *payload = base64url_encode(jwk, strlen(jwk));
	CLEAN(string) char *input = xasprintf("%s.%s", protected, payload);
	CLEAN(string) char *signature = mac(eab, input, err);
	struct json_object *doc;

	if (signature == NULL)
		return NULL;
	doc = must(json_object_new_object());
	json_add_string(doc, "protected", protected);
	json_add_string(doc, "payload", payload);
	json_add_string(doc, "signature", signature);
	return doc;
}
