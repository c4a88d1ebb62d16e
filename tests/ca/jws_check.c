/* SPDX-License-Identifier: ISC */
#include "tests/ca/jws_check.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/ca/ca.h"

#define BODY_MAX 50000 /* as Let's Encrypt has it */

/* What signs how. ECDSA signatures are two numbers of `width` octets. */
static const struct algorithm {
	const char *name;
	const char *digest;
	size_t width;
} algorithms[] = {
	{ "ES256", "SHA256", 32 },
	{ "ES384", "SHA384", 48 },
	{ "ES512", "SHA512", 66 },
	{ "RS256", "SHA256", 0 },
	{ "EdDSA", NULL, 0 },
};

static const struct algorithm *
algorithm_find(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (str_eq(algorithms[i].name, name))
			return &algorithms[i];
	return NULL;
}

/* ---- one JWS ---- */

struct jws *
jws_open(struct json_object *doc, struct err *err)
{
	CLEAN(jws) struct jws *jws = xcalloc(1, sizeof(*jws));
	CLEAN(string) char *header = NULL;
	const char *protected, *payload, *signature;
	size_t length;

	if (!json_object_is_type(doc, json_type_object) ||
	    json_object_object_length(doc) != 3) {
		err_set(err, ERR_PROTOCOL, "not the three members of a flattened JWS");
		return NULL;
	}
	if (json_need_string(doc, "protected", &protected, err) == -1 ||
	    json_need_string(doc, "payload", &payload, err) == -1 ||
	    json_need_string(doc, "signature", &signature, err) == -1)
		return NULL;
	header = (char *)base64url_decode(protected, &length, err);
	if (header == NULL)
		return NULL;
	jws->header = json_parse(header, length, err);
	jws->payload = (char *)base64url_decode(payload, &jws->payload_length, err);
	jws->signature = base64url_decode(signature, &jws->signature_length, err);
	if (jws->header == NULL || jws->payload == NULL || jws->signature == NULL)
		return NULL;
	jws->signed_text = xasprintf("%s.%s", protected, payload);
	return TAKE(jws);
}

void
jws_free(struct jws *jws)
{
	if (jws == NULL)
		return;
	json_object_put(jws->header);
	free(jws->signed_text);
	free(jws->payload);
	free(jws->signature);
	free(jws);
}

struct key *
jws_key(const struct jws *jws, struct err *err)
{
	struct json_object *jwk;
	EVP_PKEY *pkey;

	if (json_need_object(jws->header, "jwk", &jwk, err) == -1)
		return NULL;
	pkey = jwk_public_to_evp(jwk, err);
	return pkey == NULL ? NULL : key_from_evp(pkey, err);
}

/* R and S side by side, as OpenSSL wants them; the caller's. */
static unsigned char *
der_of_numbers(const unsigned char *numbers, size_t width, size_t *length)
{
	ECDSA_SIG *sig = must(ECDSA_SIG_new());
	unsigned char *der = NULL;
	int n;

	ECDSA_SIG_set0(sig, must(BN_bin2bn(numbers, (int)width, NULL)),
	    must(BN_bin2bn(numbers + width, (int)width, NULL)));
	n = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	*length = n < 0 ? 0 : (size_t)n;
	return der;
}

static bool
signature_holds(const struct jws *jws, const struct key *key, const struct algorithm *alg,
    const unsigned char *signature, size_t length)
{
	EVP_MD_CTX *context = must(EVP_MD_CTX_new());
	bool holds;

	holds = EVP_DigestVerifyInit_ex(context, NULL, alg->digest, NULL, NULL,
		    key_evp(key), NULL) == 1 &&
		EVP_DigestVerify(context, signature, length,
		    (const unsigned char *)jws->signed_text, strlen(jws->signed_text)) == 1;
	EVP_MD_CTX_free(context);
	return holds;
}

int
jws_verify(const struct jws *jws, const struct key *key, struct err *err)
{
	const char *name = json_get_string(jws->header, "alg");
	const struct algorithm *alg = algorithm_find(name);
	unsigned char *der;
	size_t length;
	bool holds;

	if (alg == NULL || !str_eq(key_jws_alg(key), name))
		return err_set(err, ERR_REFUSED, "alg \"%s\" does not fit a key for %s",
		    name != NULL ? name : "", key_jws_alg(key));
	if (alg->width == 0) {
		holds =
		    signature_holds(jws, key, alg, jws->signature, jws->signature_length);
	} else if (jws->signature_length == 2 * alg->width) {
		der = der_of_numbers(jws->signature, alg->width, &length);
		holds = signature_holds(jws, key, alg, der, length);
		OPENSSL_free(der);
	} else {
		holds = false;
	}
	return holds ? 0 : err_set(err, ERR_REFUSED, "the signature does not hold");
}

int
jws_verify_mac(const struct jws *jws, const void *secret, size_t length, struct err *err)
{
	static const struct {
		const char *alg, *digest;
	} macs[] = { { "HS256", "SHA256" }, { "HS384", "SHA384" }, { "HS512", "SHA512" } };
	const char *alg = json_get_string(jws->header, "alg");
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++)
		if (str_eq(macs[i].alg, alg))
			HMAC(EVP_get_digestbyname(macs[i].digest), secret, (int)length,
			    (const unsigned char *)jws->signed_text,
			    strlen(jws->signed_text), mac, &n);
	if (n == 0 || n != jws->signature_length ||
	    CRYPTO_memcmp(mac, jws->signature, n) != 0)
		return err_set(err, ERR_REFUSED, "the MAC does not hold");
	return 0;
}

/* ---- a request ---- */

static int
check_http(struct call *c)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(c->http);
	const char *type = evhttp_find_header(headers, "Content-Type");
	const char *agent = evhttp_find_header(headers, "User-Agent");

	if (!str_eq(type, "application/jose+json"))
		return reply_problem(&c->reply, 415, "malformed", "Content-Type is \"%s\"",
		    type != NULL ? type : "");
	if (agent == NULL || *agent == '\0')
		return reply_problem(&c->reply, 400, "malformed", "no User-Agent");
	if (evhttp_find_header(headers, "Replay-Nonce") != NULL)
		return reply_problem(&c->reply, 400, "malformed",
		    "Replay-Nonce is not for requests");
	return 0;
}

static struct jws *
read_body(struct call *c)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(c->http);
	size_t length = evbuffer_get_length(body);
	CLEAN(json) struct json_object *doc = NULL;
	struct err err = { 0 };
	struct jws *jws = NULL;

	if (length > BODY_MAX) {
		reply_problem(&c->reply, 413, "unauthorized", "%zu bytes of body", length);
		return NULL;
	}
	doc = json_parse((const char *)evbuffer_pullup(body, -1), length, &err);
	if (doc != NULL)
		jws = jws_open(doc, &err);
	if (jws == NULL)
		reply_problem(&c->reply, 400, "malformed", "JWS: %s", err.text);
	return jws;
}

/* Exactly alg, nonce, url and one of jwk and kid. */
static int
check_header(struct call *c, const struct jws *jws)
{
	const char *nonce = json_get_string(jws->header, "nonce");
	const char *url = json_get_string(jws->header, "url");
	bool has_kid = json_get_string(jws->header, "kid") != NULL;
	bool has_jwk = json_get_object(jws->header, "jwk") != NULL;
	enum endpoint_auth auth = c->endpoint->auth;

	if (!str_eq(url, c->url))
		return reply_problem(&c->reply, 400, "malformed",
		    "url is \"%s\", the request went to \"%s\"", url != NULL ? url : "",
		    c->url);
	if (json_object_object_length(jws->header) != 4 || has_kid == has_jwk)
		return reply_problem(&c->reply, 400, "malformed",
		    "the protected header is not alg, nonce, url and one of kid and jwk");
	if ((auth == AUTH_KID && !has_kid) || (auth == AUTH_JWK && !has_jwk))
		return reply_problem(&c->reply, 400, "malformed", "%s does not go with %s",
		    has_kid ? "kid" : "jwk", c->endpoint->name);
	if (algorithm_find(json_get_string(jws->header, "alg")) == NULL)
		return reply_problem(&c->reply, 400, "badSignatureAlgorithm",
		    "not this alg");
	if (nonce == NULL || !nonces_use(c->ca->nonces, nonce))
		return reply_problem(&c->reply, 400, "badNonce",
		    "nonce not known, or used before");
	return 0;
}

static int
check_signature(struct call *c, const struct jws *jws)
{
	const char *kid = json_get_string(jws->header, "kid");
	struct err err = { 0 };

	if (kid == NULL) {
		c->key = jws_key(jws, &err);
		if (c->key == NULL)
			return reply_problem(&c->reply, 400, "badPublicKey", "%s",
			    err.text);
	} else {
		c->account = account_find(c->ca, kid);
		if (c->account == NULL)
			return reply_problem(&c->reply, 400, "accountDoesNotExist",
			    "no account \"%s\"", kid);
	}
	if (jws_verify(jws, kid != NULL ? c->account->key : c->key, &err) == -1)
		return reply_problem(&c->reply, 400, "malformed", "JWS: %s", err.text);
	if (c->account != NULL && c->account->deactivated)
		return reply_problem(&c->reply, 401, "unauthorized",
		    "the account is deactivated");
	return 0;
}

static int
check_payload(struct call *c, const struct jws *jws)
{
	enum endpoint_payload wants = c->endpoint->payload;
	bool empty = jws->payload_length == 0;
	struct err err = { 0 };

	if (empty && (wants == PAYLOAD_NONE || wants == PAYLOAD_ANY))
		return 0;
	if (empty || wants == PAYLOAD_NONE)
		return reply_problem(&c->reply, 400, "malformed", "%s: the payload %s",
		    c->endpoint->name,
		    empty ? "is empty" : "of a POST-as-GET is not empty");
	if (wants == PAYLOAD_EMPTY && !str_eq(jws->payload, "{}"))
		return reply_problem(&c->reply, 400, "malformed", "the payload is not {}");
	c->payload = json_parse(jws->payload, jws->payload_length, &err);
	if (!json_object_is_type(c->payload, json_type_object))
		return reply_problem(&c->reply, 400, "malformed",
		    "the payload is no JSON object: %s", err.text);
	return 0;
}

int
jws_check(struct call *c)
{
	CLEAN(jws) struct jws *jws = NULL;

	if (check_http(c) == -1)
		return -1;
	jws = read_body(c);
	if (jws == NULL || check_header(c, jws) == -1 || check_signature(c, jws) == -1)
		return -1;
	return check_payload(c, jws);
}
