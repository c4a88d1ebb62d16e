/* SPDX-License-Identifier: ISC */
/* keyparts - what the files about keys share: the kinds, and keys out of their numbers. */
#ifndef ACMED_KEYPARTS_H
#define ACMED_KEYPARTS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/crypto/key.h"
#include "common/err.h"

#define KEY_RSA_LEAST     2048
#define KEY_RSA_MOST      4096
#define KEY_FIELD_MOST    66 /* octets of a number of P-521 */
#define KEY_ED25519_SIZE  32
#define KEY_POINT_MOST    (1 + 2 * KEY_FIELD_MOST)
#define THUMBPRINT_LENGTH 43

struct key_kind {
	const char *name;   /* ours */
	const char *curve;  /* JOSE's and OpenSSL's name of it; NULL for RSA */
	const char *alg;    /* JOSE's */
	const char *digest; /* NULL: built in */
	int base;           /* EVP_PKEY_EC, ... */
	int nid;            /* of the curve */
	size_t size;        /* octets of a field element; bits of an RSA modulus */
};

struct key {
	EVP_PKEY *pkey;
	enum key_type type;
	unsigned char octets[KEY_POINT_MOST]; /* see key_public_octets() */
	size_t n_octets;                      /* 0: RSA */
	char *jwk; /* the public members, as the thumbprint needs them */
	char thumbprint[THUMBPRINT_LENGTH + 1];
};

const struct key_kind *key_kind(enum key_type type);
const struct key_kind *key_kind_of_curve(const char *curve); /* NULL: no such */
const struct key_kind *key_kind_of_nid(int nid);

/* The text of the public members, in lexicographic order and without blanks. Of the key
 * all but the text itself and the thumbprint has to be there. */
char *jwk_public_print(const struct key *key);

/* Overwrites the private members of a document that is about to be freed. */
struct json_object;
void jwk_cleanse(struct json_object *doc);

struct octets {
	const unsigned char *bytes; /* NULL: not known */
	size_t length;
};

/* Private keys. A public part that is given has to fit. */
EVP_PKEY *key_make_ec(const struct key_kind *kind, struct octets scalar,
    struct octets point, struct err *err);
EVP_PKEY *key_make_ed25519(struct octets seed, struct octets public, struct err *err);

enum { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_PART_COUNT };

/* Of the numbers only n, e and d have to be there. */
EVP_PKEY *key_make_rsa(BIGNUM *const parts[RSA_PART_COUNT], struct err *err);

/* Public keys. */
EVP_PKEY *key_make_ec_public(const struct key_kind *kind, struct octets point,
    struct err *err);
EVP_PKEY *key_make_rsa_public(const BIGNUM *n, const BIGNUM *e, struct err *err);

/* R || S of fixed width out of an ECDSA signature in DER (RFC 7518, section 3.4). */
int key_ecdsa_raw(const unsigned char *der, size_t length, size_t width, unsigned char *out,
    struct err *err);

/* A private key out of DER: PKCS#8, PKCS#1 or SEC1, told apart by what is in it. */
EVP_PKEY *key_read_der(struct octets der, struct err *err);
bool key_der_is_encrypted(struct octets der);

/* PKCS#8 of an EC key: its length, or -1. To be given to OPENSSL_clear_free(). */
int key_write_ec(const struct key *key, unsigned char **ret);

#endif
