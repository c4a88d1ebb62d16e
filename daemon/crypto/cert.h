/* SPDX-License-Identifier: ISC */
/* cert - reading certificates: a chain as a CA sent it, or as it lies on disk. */
#ifndef ACMED_CERT_H
#define ACMED_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/clean.h"
#include "common/err.h"

struct key;
struct chain;

/* PEM with nothing but CERTIFICATE blocks in it, 1 to 10 of them, at most 128 KiB. */
struct chain *chain_parse(const char *pem, size_t length, struct err *err);
void chain_free(struct chain *c);
DEFINE_CLEAN(chain, struct chain);

/* What a CA sent, before it may be published: the leaf has this key, exactly these names,
 * is valid at `now` (an hour of grace for its start), and each certificate is signed by
 * the next. ERR_PROTOCOL otherwise, and the text says which of them. */
int chain_check(const struct chain *c, const struct key *key, const char *const *names,
    time_t now, struct err *err);

/* PEM text, owned by the caller: the leaf; what follows it; all. */
char *chain_leaf_pem(const struct chain *c);
char *chain_rest_pem(const struct chain *c);
char *chain_pem(const struct chain *c);

/* What is worth knowing of the leaf, as plain values; one piece of memory, as there may be
 * a hundred thousand. */
struct cert_info {
	char **names;      /* SANs, normalized, sorted as they stand */
	char *serial;      /* hex, lower case */
	char *issuer;      /* CN of the issuer, else its O, else "" */
	char *root;        /* issuer CN of the topmost certificate */
	char *ari_id;      /* RFC 9773 section 4.1, or NULL where it cannot be made */
	char *fingerprint; /* SHA-256 of the leaf, hex */
	char *key_type;    /* "ec:P-256", ... */
	time_t not_before;
	time_t not_after;
	size_t chain_length;
	uint64_t stamp; /* for who reads it from files: store_stamp() of them, or 0 */
};

struct cert_info *chain_info(const struct chain *c);
struct cert_info *cert_info_copy(const struct cert_info *info);
void cert_info_free(struct cert_info *info);
DEFINE_CLEAN(cert_info, struct cert_info);

bool chain_has_key(const struct chain *c, const struct key *key);

#endif
