/* SPDX-License-Identifier: ISC */
/*
 * key - private keys: make them, load them in any form, save them in any form, sign.
 *
 * A key is immutable and may be used from several threads at once. The secret stays
 * inside OpenSSL's EVP_PKEY; every buffer that held a secret form is cleansed.
 */
#ifndef ACMED_KEY_H
#define ACMED_KEY_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/clean.h"
#include "common/err.h"

enum key_type {
	KEY_EC_P256,
	KEY_EC_P384,
	KEY_EC_P521,
	KEY_RSA_2048,
	KEY_RSA_3072,
	KEY_RSA_4096,
	KEY_ED25519,
	KEY_TYPE_COUNT
};

/* "ec:P-256", ...; KEY_TYPE_COUNT where there is no such (case counts). */
const char *key_type_name(enum key_type type);
enum key_type key_type_find(const char *name);
const char *const *key_type_names(void); /* NULL-terminated, for messages */

/* Does it take seconds to make one? */
bool key_type_is_slow(enum key_type type);

struct key;

void key_free(struct key *key);
DEFINE_CLEAN(key, struct key);

/* RSA takes seconds: off the loop. */
struct key *key_generate(enum key_type type, struct err *err);

/* Takes over one reference of `pkey`. NULL and ERR_CONFIG for a kind we do not know. */
struct key *key_from_evp(EVP_PKEY *pkey, struct err *err);

/* What kind of key it is; an RSA key of an odd size counts as the next smaller type. */
enum key_type key_type_of(const struct key *key);
EVP_PKEY *key_evp(const struct key *key); /* borrowed */

/* The same for a key that is no `struct key`, such as that of a certificate.
 * KEY_TYPE_COUNT and ERR_CONFIG for a kind we do not know. */
enum key_type key_type_of_evp(EVP_PKEY *pkey, struct err *err);

/* The public key as certificates have it: the point of an EC key, not compressed, or the
 * octets of an Ed25519 key. NULL for RSA. Borrowed. */
const unsigned char *key_public_octets(const struct key *key, size_t *length);

bool key_equal(const struct key *a, const struct key *b); /* by public key */

enum key_form {
	KEY_PEM, /* PKCS#8 PEM */
	KEY_PKCS1,
	KEY_PKCS8, /* same as KEY_PEM */
	KEY_DER1,
	KEY_DER8,
	KEY_JSON, /* JWK with the private members */
	KEY_FORM_COUNT
};
const char *key_form_name(enum key_form form); /* "pem", "pkcs1", "pkcs8", "der1", ... */

/* PEM (PKCS#8, PKCS#1, SEC1, encrypted), DER or JWK, told apart by their content.
 * `ask` gives the passphrase of an encrypted one (NULL: an error says it is encrypted);
 * it returns the length or -1. Refuses more than 64 KiB. */
typedef int key_passphrase_fn(char *out, size_t size, void *arg);
struct key *key_load(const void *bytes, size_t length, key_passphrase_fn *ask, void *arg,
    struct err *err);

/* A new buffer, NUL behind it, to be given to secret_free(). An error where the type has
 * no such form. */
char *key_save(const struct key *key, enum key_form form, size_t *length, struct err *err);

/* JOSE's name of the algorithm (RFC 7518, RFC 8037): "ES256", "RS256", "EdDSA", ... */
const char *key_jws_alg(const struct key *key);

/* OpenSSL's name of the digest that goes with signatures by this key; NULL: built in. */
const char *key_digest(const struct key *key);

/* The signature in JOSE's form (ECDSA: R||S of fixed width). A new buffer. */
unsigned char *key_sign(const struct key *key, const void *data, size_t length,
    size_t *signature_length, struct err *err);

#endif
