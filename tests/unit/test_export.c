/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>
#include <time.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "daemon/crypto/cert.h"
#include "daemon/crypto/certparts.h"
#include "daemon/crypto/export.h"
#include "tests/unit/certs.h"

static const char *const names[] = { "b.example", "a.example", NULL };

static struct key *key, *other_key;
static struct chain *chain, *other_chain;

static struct chain *
make_chain(const struct key *of)
{
	time_t now = time(NULL);
	CLEAN(string) char *pem = test_chain_pem(of, names, now - 60, now + 86400);
	struct err err = { 0 };

	return must(chain_parse(pem, strlen(pem), &err));
}

static int
set_up(void **state)
{
	struct err err = { 0 };

	(void)state;
	key = must(key_generate(KEY_EC_P256, &err));
	other_key = must(key_generate(KEY_EC_P256, &err));
	chain = make_chain(key);
	other_chain = make_chain(key);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	key_free(key);
	key_free(other_key);
	chain_free(chain);
	chain_free(other_chain);
	return 0;
}

struct made {
	char *bytes;
	size_t length;
};

static inline void
made_free_at(struct made *made)
{
	secret_free(made->bytes, made->length);
}

static struct made
make(const char *password)
{
	struct err err = { 0 };
	struct made made;

	made.bytes = export_pkcs12(key, chain, password, &made.length, &err);
	assert_string_equal(err.text, "");
	assert_non_null(made.bytes);
	return made;
}

static bool
is_ours(const struct made *made, const char *password)
{
	bool ours = export_is_pkcs12(made->bytes, made->length, password, key, chain);

	/* curl and libevent would take it for theirs. */
	assert_int_equal(ERR_peek_error(), 0);
	return ours;
}

/* As OpenSSL reads it. */
static X509 *
read_leaf(void)
{
	CLEAN(string) char *pem = chain_leaf_pem(chain);
	BIO *bio = must(BIO_new_mem_buf(pem, -1));
	X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return must(leaf);
}

/* ---- what is made ---- */

static void
all_kinds_of_keys_are_taken(void **state)
{
	(void)state;
	for (unsigned type = 0; type < KEY_TYPE_COUNT; type++) {
		struct err err = { 0 };
		CLEAN(key) struct key *one = NULL;
		CLEAN(chain) struct chain *its = NULL;
		CLEAN(made) struct made made = { 0 };

		if (type == KEY_RSA_3072 || type == KEY_RSA_4096)
			continue; /* as 2048, and slow to make */
		one = key_generate((enum key_type)type, &err);
		its = make_chain(one);
		made.bytes = export_pkcs12(one, its, "word", &made.length, &err);
		assert_string_equal(err.text, "");
		assert_true(export_is_pkcs12(made.bytes, made.length, "word", one, its));
		assert_false(
		    export_is_pkcs12(made.bytes, made.length, "word", other_key, its));
		assert_false(
		    export_is_pkcs12(made.bytes, made.length, "word", one, other_chain));
	}
}

static void
no_password_is_the_empty_one(void **state)
{
	CLEAN(made) struct made made = make(NULL);

	(void)state;
	assert_true(is_ours(&made, NULL));
	assert_true(is_ours(&made, ""));
	assert_false(is_ours(&made, "x"));
}

static void
it_is_never_twice_the_same(void **state)
{
	CLEAN(made) struct made first = make("word");
	CLEAN(made) struct made second = make("word");

	(void)state;
	assert_int_equal(first.length, second.length);
	assert_memory_not_equal(first.bytes, second.bytes, first.length);
}

/* The key in clear is nowhere in it. */
static void
the_key_is_encrypted(void **state)
{
	CLEAN(made) struct made made = make("");
	CLEAN(made) struct made der = { 0 };
	struct err err = { 0 };

	(void)state;
	der.bytes = key_save(key, KEY_DER8, &der.length, &err);
	for (size_t at = 0; at + 32 <= der.length; at += 16)
		assert_null(memmem(made.bytes, made.length, der.bytes + at, 32));
}

static void
der_is_that_of_the_leaf(void **state)
{
	size_t length;
	CLEAN(string) char *bytes = export_der(chain, &length);
	const unsigned char *end = (const unsigned char *)bytes;
	X509 *cert = d2i_X509(NULL, &end, (long)length);
	X509 *leaf = read_leaf();

	(void)state;
	assert_int_equal(0, X509_cmp(cert, leaf));
	assert_ptr_equal(end, bytes + length);
	X509_free(cert);
	X509_free(leaf);
}

/* ---- what is not ours ---- */

static void
other_pairs_and_passwords_are_told_apart(void **state)
{
	CLEAN(made) struct made made = make("word");

	(void)state;
	assert_true(is_ours(&made, "word"));
	assert_false(is_ours(&made, "Word"));
	assert_false(is_ours(&made, ""));
	assert_false(is_ours(&made, NULL));
	assert_false(export_is_pkcs12(made.bytes, made.length, "word", other_key, chain));
	assert_false(export_is_pkcs12(made.bytes, made.length, "word", key, other_chain));
}

static void
what_is_cut_off_or_longer_is_not_ours(void **state)
{
	CLEAN(made) struct made made = make("word");
	struct made part = { must(xcalloc(made.length + 1, 1)), 0 };

	(void)state;
	memcpy(part.bytes, made.bytes, made.length);
	for (; part.length <= made.length + 1; part.length++)
		assert_int_equal(is_ours(&part, "word"), part.length == made.length);
	part.length--;
	made_free_at(&part);
}

static void
what_is_changed_is_not_ours(void **state)
{
	CLEAN(made) struct made made = make("word");

	(void)state;
	for (size_t i = 0; i < made.length; i += 7) {
		made.bytes[i] ^= 0x11;
		assert_false(is_ours(&made, "word"));
		made.bytes[i] ^= 0x11;
	}
	assert_true(is_ours(&made, "word"));
}

/* Takes over `p`. */
static void
assert_not_ours(PKCS12 *p)
{
	unsigned char *der = NULL;
	int length = i2d_PKCS12(must(p), &der);

	assert_true(length > 0);
	assert_false(export_is_pkcs12((char *)der, (size_t)length, "word", key, chain));
	OPENSSL_free(der);
	PKCS12_free(p);
}

static PKCS12 *
make_with(EVP_PKEY *pkey, int key_cipher, int cert_cipher, int iterations,
    int mac_iterations)
{
	STACK_OF(X509) *rest = sk_X509_new_null();
	X509 *leaf = read_leaf();
	PKCS12 *p;

	for (size_t i = 1; i < chain->length; i++)
		sk_X509_push(rest, chain->certs[i]);
	p = PKCS12_create("word", "x", pkey, leaf, rest, key_cipher, cert_cipher,
	    iterations, mac_iterations, 0);
	sk_X509_free(rest);
	X509_free(leaf);
	return p;
}

/* Else whoever owns the file can have us count for hours. */
static void
what_takes_long_to_open_is_not_tried(void **state)
{
	const int aes = NID_aes_256_cbc;

	(void)state;
	assert_not_ours(make_with(key_evp(key), aes, aes, 2049, 2048));
	assert_not_ours(make_with(key_evp(key), aes, aes, 2048, 2049));
	assert_not_ours(make_with(key_evp(key), NID_pbe_WithSHA1And3_Key_TripleDES_CBC, aes,
	    2048, 2048));
	assert_not_ours(make_with(key_evp(key), aes, NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
	    2048, 2048));
	assert_not_ours(make_with(key_evp(key), aes, -1, 2048, -1));
}

/* An encrypted key in an encrypted part: what its encryption takes is seen too late by
 * those who only look at the outside. */
static void
what_is_hidden_inside_is_looked_at(void **state)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	STACK_OF(PKCS7) *safes = NULL;
	PKCS12 *p;

	(void)state;
	for (size_t i = 0; i < chain->length; i++)
		must(PKCS12_add_cert(&bags, chain->certs[i]));
	must(PKCS12_add_key(&bags, key_evp(key), 0, 1000000, NID_aes_256_cbc, "word"));
	assert_int_equal(1, PKCS12_add_safe(&safes, bags, NID_aes_256_cbc, 2048, "word"));
	p = must(PKCS12_add_safes(safes, 0));
	assert_int_equal(1, PKCS12_set_mac(p, "word", -1, NULL, 0, 2048, EVP_sha256()));
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	assert_not_ours(p);
}

static void
a_part_alone_is_not_ours(void **state)
{
	X509 *leaf = read_leaf();

	(void)state;
	assert_not_ours(PKCS12_create("word", NULL, key_evp(key), leaf, NULL,
	    NID_aes_256_cbc, NID_aes_256_cbc, 2048, 2048, 0));
	X509_free(leaf);
	assert_not_ours(make_with(NULL, NID_aes_256_cbc, NID_aes_256_cbc, 2048, 2048));
	assert_not_ours(PKCS12_create("word", NULL, key_evp(key), NULL, NULL,
	    NID_aes_256_cbc, NID_aes_256_cbc, 2048, 2048, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_keys_are_taken),
		cmocka_unit_test(no_password_is_the_empty_one),
		cmocka_unit_test(it_is_never_twice_the_same),
		cmocka_unit_test(the_key_is_encrypted),
		cmocka_unit_test(der_is_that_of_the_leaf),
		cmocka_unit_test(other_pairs_and_passwords_are_told_apart),
		cmocka_unit_test(what_is_cut_off_or_longer_is_not_ours),
		cmocka_unit_test(what_is_changed_is_not_ours),
		cmocka_unit_test(what_takes_long_to_open_is_not_tried),
		cmocka_unit_test(what_is_hidden_inside_is_looked_at),
		cmocka_unit_test(a_part_alone_is_not_ours),
	};

	return cmocka_run_group_tests_name("export", tests, set_up, tear_down);
}
