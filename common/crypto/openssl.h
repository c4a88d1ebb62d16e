/* SPDX-License-Identifier: ISC */
/* openssl - OpenSSL's objects as CLEAN() locals, and its reasons as text. For the files in
 * common/crypto and daemon/crypto alone. */
#ifndef ACMED_OPENSSL_H
#define ACMED_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "common/clean.h"

#define OPENSSL_CLEAN(name, ctype, destroy)      \
	static inline void name##_free(ctype *p) \
	{                                        \
		destroy(p);                      \
	}                                        \
	DEFINE_CLEAN(name, ctype)

OPENSSL_CLEAN(bio, BIO, BIO_free_all);
OPENSSL_CLEAN(bn, BIGNUM, BN_clear_free);
OPENSSL_CLEAN(bn_ctx, BN_CTX, BN_CTX_free);
OPENSSL_CLEAN(pkey, EVP_PKEY, EVP_PKEY_free);
OPENSSL_CLEAN(pkey_ctx, EVP_PKEY_CTX, EVP_PKEY_CTX_free);
OPENSSL_CLEAN(md_ctx, EVP_MD_CTX, EVP_MD_CTX_free);
OPENSSL_CLEAN(param, OSSL_PARAM, OSSL_PARAM_free);
OPENSSL_CLEAN(param_bld, OSSL_PARAM_BLD, OSSL_PARAM_BLD_free);
OPENSSL_CLEAN(pkcs8, PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free);
OPENSSL_CLEAN(x509_sig, X509_SIG, X509_SIG_free);

/* Why the last call failed. Forgets it, too: curl and libevent read this thread's queue
 * of errors, and take what lies there for theirs. */
static inline const char *
openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return reason != NULL ? reason : "unknown reason";
}

#endif
