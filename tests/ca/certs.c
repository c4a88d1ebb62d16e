/* SPDX-License-Identifier: ISC */
/* certs - certificate, renewalInfo, revokeCert (RFC 8555 section 7.4.2 and 7.6, RFC 9773).
 */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "tests/ca/ca.h"

struct certificate *
certificate_find(struct ca *ca, const char *ari_id)
{
	int64_t id = json_get_int(ca->ari_ids, ari_id, -1);

	return id < 0 ? NULL : ca->certificates[id];
}

void
handle_certificate(struct call *c)
{
	const char *chain = strchr(c->id, '/');
	bool alternate = str_eq(chain, "/1");
	CLEAN(string)
	char *pem = issuer_chain(c->ca->issuer, c->certificate->leaf,
	    c->variant != NULL ? c->variant : &issue_as_it_should, alternate);

	reply_text(&c->reply, 200, "application/pem-certificate-chain", pem);
	reply_header(&c->reply, "Link", "<%s/certificate/%zu%s>;rel=\"alternate\"",
	    c->ca->base, c->certificate->id, alternate ? "" : "/1");
}

/* ---- renewal information ---- */

static void
usual_window(const struct ca_options *options, const struct certificate *cert,
    struct ari_window *ret)
{
	time_t life = cert->not_after - cert->not_before;

	if (cert->revoked) {
		ret->start = time(NULL) - 3600;
		ret->end = ret->start + 1800;
		return;
	}
	ret->start = cert->not_before + options->ari_start;
	ret->end = cert->not_before + options->ari_end;
	if (options->ari_start == 0 && options->ari_end == 0) {
		/* A hundredth of the life to each side of two thirds, as LE has it. */
		ret->start = cert->not_before + life * 2 / 3 - life / 100;
		ret->end = cert->not_before + life * 2 / 3 + life / 100 + 1;
	}
}

void
handle_renewal_info(struct call *c)
{
	struct certificate *cert = certificate_find(c->ca, c->id);
	struct json_object *doc, *window;
	struct ari_window w;

	if (cert == NULL) {
		reply_problem(&c->reply, 404, "malformed", "no such certificate");
		return;
	}
	w = cert->window;
	if (w.start == 0)
		usual_window(&c->ca->options, cert, &w);
	doc = json_object_new_object();
	window = json_object_new_object();
	json_add_time(window, "start", w.start);
	json_add_time(window, "end", w.end);
	json_object_object_add(doc, "suggestedWindow", window);
	json_add_string(doc, "explanationURL", w.explanation);
	reply_json(&c->reply, 200, doc);
	if (w.retry_after != NULL)
		reply_header(&c->reply, "Retry-After", "%s", w.retry_after);
	else
		reply_header(&c->reply, "Retry-After", "%ld",
		    c->ca->options.ari_retry_after);
}

/* ---- revocation ---- */

static struct certificate *
certificate_of_der(struct ca *ca, const char *text)
{
	struct err err = { 0 };
	size_t length = 0;
	CLEAN(string)
	char *der = text != NULL ? (char *)base64url_decode(text, &length, &err) : NULL;
	const unsigned char *p = (const unsigned char *)der;
	CLEAN(string) char *id = NULL;
	struct certificate *cert = NULL;
	X509 *x509 = der != NULL ? d2i_X509(NULL, &p, (long)length) : NULL;

	if (x509 != NULL && X509_get0_authority_key_id(x509) != NULL) {
		id = issue_ari_id(x509);
		cert = certificate_find(ca, id);
	}
	X509_free(x509);
	return cert;
}

static bool
may_revoke(const struct call *c, const struct certificate *cert)
{
	if (c->account != NULL)
		return c->account == cert->order->account;
	return EVP_PKEY_eq(key_evp(c->key), X509_get0_pubkey(cert->leaf)) == 1;
}

void
handle_revoke(struct call *c)
{
	struct certificate *cert =
	    certificate_of_der(c->ca, json_get_string(c->payload, "certificate"));
	int64_t reason = json_get_int(c->payload, "reason", 0);

	if (cert == NULL) {
		reply_problem(&c->reply, 404, "malformed", "no such certificate");
	} else if (!may_revoke(c, cert)) {
		reply_problem(&c->reply, 403, "unauthorized", "not your certificate");
	} else if (cert->revoked) {
		reply_problem(&c->reply, 400, "alreadyRevoked", "revoked already");
	} else if (reason < 0 || reason > 10 || reason == 7) {
		reply_problem(&c->reply, 400, "badRevocationReason", "not this reason");
	} else {
		cert->revoked = true;
		reply_text(&c->reply, 200, NULL, NULL);
	}
}
