/* SPDX-License-Identifier: ISC */
#include "common/keyword.h"

#include <stddef.h>

#include "common/str.h"

/* X(keyword, directory) */
#define KEYWORDS(X)                                                                        \
	X("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory")                 \
	X("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory") \
	X("goog", "https://dv.acme-v02.api.pki.goog/directory")                            \
	X("goog-staging", "https://dv.acme-v02.test-api.pki.goog/directory")               \
	X("zerossl", "https://acme.zerossl.com/v2/DV90")                                   \
	X("sslcom", "https://acme.ssl.com/sslcom-dv-ecc")                                  \
	X("sslcom-rsa", "https://acme.ssl.com/sslcom-dv-rsa")                              \
	X("actalis", "https://acme-api.actalis.com/acme/directory")

static const char *const names[] = {
#define X(name, directory) name,
	KEYWORDS(X)
#undef X
	    NULL
};

static const char *const directories[] = {
#define X(name, directory) directory,
	KEYWORDS(X)
#undef X
};

const char *const *
keyword_names(void)
{
	return names;
}

const char *
keyword_directory(const char *name)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (str_eq(names[i], name))
			return directories[i];
	return NULL;
}
