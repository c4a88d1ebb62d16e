/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "tests/unit/certs.h"

#define NOW ((time_t)1767225600) /* 2026-01-01T00:00:00Z */
#define DAY 86400

static const char *const names[] = { "example.org", "*.example.org", "2001:db8::1", NULL };

static struct key *
new_key(void)
{
	struct err err = { 0 };
	struct key *key = key_generate(KEY_EC_P256, &err);

	assert_non_null(key);
	return key;
}

static struct chain *
parse(const char *pem)
{
	struct err err = { 0 };
	struct chain *c = chain_parse(pem, strlen(pem), &err);

	assert_string_equal(err.text, "");
	assert_non_null(c);
	return c;
}

/* Frees the PEM text. */
static void
check(char *pem, const struct key *key, const char *const *wanted, const char *text)
{
	CLEAN(string) char *owned = pem;
	CLEAN(chain) struct chain *c = parse(owned);
	struct err err = { 0 };
	int result = chain_check(c, key, wanted, NOW, &err);

	assert_string_equal(err.text, text);
	assert_int_equal(result, *text != '\0' ? -1 : 0);
	assert_int_equal(err.kind, *text != '\0' ? ERR_PROTOCOL : ERR_NONE);
}

/* ---- a chain as it should be ---- */

static void
test_a_good_chain_passes(void **state)
{
	static const char *const same[] = { "*.EXAMPLE.org", "2001:db8:0::1", "example.org",
		NULL };
	CLEAN(key) struct key *key = new_key();

	(void)state;
	check(test_chain_pem(key, names, NOW - DAY, NOW + DAY), key, names, "");
	check(test_chain_pem(key, names, NOW - DAY, NOW + DAY), key, same, "");
	/* the CA's clock is ahead of ours, by less than an hour */
	check(test_chain_pem(key, names, NOW + 3600, NOW + DAY), key, names, "");
	check(test_chain_pem(key, names, NOW - DAY, NOW + 1), key, names, "");
}

static void
test_all_types_of_keys_pass(void **state)
{
	static const enum key_type types[] = { KEY_EC_P384, KEY_EC_P521, KEY_RSA_2048,
		KEY_ED25519 };

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct err err = { 0 };
		CLEAN(key) struct key *key = key_generate(types[i], &err);
		CLEAN(string)
		char *pem = test_chain_pem(key, names, NOW - DAY, NOW + DAY);
		CLEAN(chain) struct chain *c = parse(pem);
		CLEAN(cert_info) struct cert_info *info = chain_info(c);

		assert_int_equal(chain_check(c, key, names, NOW, &err), 0);
		assert_true(chain_has_key(c, key));
		assert_string_equal(info->key_type, key_type_name(types[i]));
	}
}

static void
test_the_parts_are_the_whole(void **state)
{
	CLEAN(key) struct key *key = new_key();
	CLEAN(string) char *pem = test_chain_pem(key, names, NOW - DAY, NOW + DAY);
	CLEAN(chain) struct chain *c = parse(pem);
	CLEAN(string) char *leaf = chain_leaf_pem(c);
	CLEAN(string) char *rest = chain_rest_pem(c);
	CLEAN(string) char *all = chain_pem(c);
	CLEAN(string) char *joined = xasprintf("%s%s", leaf, rest);
	CLEAN(chain) struct chain *alone = parse(leaf);
	CLEAN(string) char *nothing = chain_rest_pem(alone);

	(void)state;
	assert_string_equal(all, pem);
	assert_string_equal(joined, pem);
	assert_string_equal(nothing, "");
	assert_true(chain_has_key(alone, key));
}

static void
test_roots_at_the_end_and_lone_leaves_are_tolerated(void **state)
{
	CLEAN(key) struct key *key = new_key();
	CLEAN(string) char *pem = test_chain_pem(key, names, NOW - DAY, NOW + DAY);
	CLEAN(chain) struct chain *c = parse(pem);
	CLEAN(string) char *root = test_root_pem();

	(void)state;
	check(xasprintf("%s%s", pem, root), key, names, "");
	check(chain_leaf_pem(c), key, names, "");
}

/* ---- what is refused ---- */

static void
test_a_certificate_for_another_key_is_refused(void **state)
{
	CLEAN(key) struct key *key = new_key();
	CLEAN(key) struct key *other = new_key();
	struct err err = { 0 };
	CLEAN(key) struct key *rsa = key_generate(KEY_RSA_2048, &err);

	(void)state;
	check(test_chain_pem(other, names, NOW - DAY, NOW + DAY), key, names,
	    "the certificate is for another key");
	check(test_chain_pem(rsa, names, NOW - DAY, NOW + DAY), key, names,
	    "the certificate is for another key");
}

static void
test_names_that_differ_are_listed(void **state)
{
	static const struct {
		const char *wanted[8], *text;
	} cases[] = {
		{ { "example.org", "*.example.org", "2001:db8::1", "www.example.org" },
		    "the certificate lacks www.example.org" },
		{ { "example.org", "*.example.org" },
		    "the certificate has 2001:db8::1, which nobody asked for" },
		{ { "2001:db8::1" }, "the certificate has example.org, *.example.org, "
				     "which nobody asked for" },
		{ { "example.org", "*.example.org", "2001:db8::2" },
		    "the certificate lacks 2001:db8::2, and has 2001:db8::1, which nobody "
		    "asked "
		    "for" },
		{ { "example.org", "*.example.org", "a.example", "b.example", "c.example",
		      "d.example", "e.example" },
		    "the certificate lacks a.example, b.example, c.example, d.example, "
		    "e.example,"
		    " and has 2001:db8::1, which nobody asked for" },
	};
	CLEAN(key) struct key *key = new_key();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(test_chain_pem(key, names, NOW - DAY, NOW + DAY), key,
		    cases[i].wanted, cases[i].text);
}

static void
test_long_lists_of_names_are_cut(void **state)
{
	static const char *const wanted[] = { "1.example", "2.example", "3.example",
		"4.example", "5.example", "6.example", "7.example", NULL };
	static const char *const none[] = { NULL };
	CLEAN(key) struct key *key = new_key();

	(void)state;
	check(test_chain_pem(key, none, NOW - DAY, NOW + DAY), key, wanted,
	    "the certificate lacks 1.example, 2.example, 3.example, 4.example, 5.example "
	    "and 2 more");
}

static void
test_thousands_of_names_are_not_compared(void **state)
{
	static const char *many[2001];
	CLEAN(key) struct key *key = new_key();

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		many[i] = "a.example";
	check(test_chain_pem(key, many, NOW - DAY, NOW + DAY), key, names,
	    "the certificate has 2000 names");
}

static void
test_names_with_strange_octets_are_no_names(void **state)
{
	static const char *const strange[] = { "example.org", "*.example.org",
		"2001:db8::1", "a\x1b[2Jb.example", NULL };
	CLEAN(key) struct key *key = new_key();

	(void)state;
	check(test_chain_pem(key, strange, NOW - DAY, NOW + DAY), key, names,
	    "the certificate has 1 names that are neither DNS names nor addresses");
}

static void
test_the_common_name_does_not_count(void **state)
{
	static const char *const wanted[] = { "example.org", NULL };
	CLEAN(key) struct key *key = new_key();

	(void)state;
	check(test_pem(test_cert(key_evp(key), "example.org", NULL, "example.org", NULL,
			   NOW - DAY, NOW + DAY),
		  NULL),
	    key, wanted, "the certificate lacks example.org");
}

static void
test_the_time_has_to_be_right(void **state)
{
	CLEAN(key) struct key *key = new_key();

	(void)state;
	check(test_chain_pem(key, names, NOW - DAY, NOW), key, names,
	    "the certificate expired at 2026-01-01T00:00:00Z");
	check(test_chain_pem(key, names, NOW - DAY, NOW - 2 * DAY), key, names,
	    "the certificate expired at 2025-12-30T00:00:00Z");
	check(test_chain_pem(key, names, NOW + 3601, NOW + DAY), key, names,
	    "the certificate is not valid before 2026-01-01T01:00:01Z");
	check(test_chain_pem(key, names, NOW + DAY, NOW + 2 * DAY), key, names,
	    "the certificate is not valid before 2026-01-02T00:00:00Z");
}

/* Leaf, intermediate and root of our own. */
struct family {
	struct key *leaf_key, *middle_key, *root_key;
	X509 *leaf, *middle, *root;
};

static void
make_family(struct family *f)
{
	f->leaf_key = new_key();
	f->middle_key = new_key();
	f->root_key = new_key();
	f->leaf = test_cert(key_evp(f->leaf_key), "Leaf", key_evp(f->middle_key), "Middle",
	    names, NOW - DAY, NOW + DAY);
	f->middle = test_cert(key_evp(f->middle_key), "Middle", key_evp(f->root_key),
	    "Root", NULL, NOW - DAY, NOW + DAY);
	f->root = test_cert(key_evp(f->root_key), "Root", NULL, "Root", NULL, NOW - DAY,
	    NOW + DAY);
}

static void
family_free_at(struct family *f)
{
	key_free(f->leaf_key);
	key_free(f->middle_key);
	key_free(f->root_key);
	X509_free(f->leaf);
	X509_free(f->middle);
	X509_free(f->root);
}

static X509 *
another(X509 *cert)
{
	assert_int_equal(X509_up_ref(cert), 1);
	return cert;
}

static void
test_the_order_has_to_be_right(void **state)
{
	CLEAN(family) struct family f = { 0 };

	(void)state;
	make_family(&f);
	check(test_pem(another(f.leaf), another(f.middle), another(f.root), NULL),
	    f.leaf_key, names, "");
	check(test_pem(another(f.root), another(f.middle), another(f.leaf), NULL),
	    f.leaf_key, names,
	    "the chain is in the wrong order: certificate 3 is for the key");
	check(test_pem(another(f.leaf), another(f.root), another(f.middle), NULL),
	    f.leaf_key, names,
	    "certificate 1 was issued by \"Middle\", but \"Root\" follows");
	check(test_pem(another(f.leaf), another(f.middle), another(f.middle), NULL),
	    f.leaf_key, names,
	    "certificate 2 was issued by \"Root\", but \"Middle\" follows");
}

static void
test_an_issuer_of_the_right_name_has_to_have_signed(void **state)
{
	CLEAN(family) struct family f = { 0 };
	CLEAN(family) struct family other = { 0 };

	(void)state;
	make_family(&f);
	make_family(&other);
	check(test_pem(another(f.leaf), another(other.middle), NULL), f.leaf_key, names,
	    "the signature of certificate 1 is not by certificate 2");
	check(test_pem(another(f.leaf), another(f.middle), another(other.root), NULL),
	    f.leaf_key, names, "the signature of certificate 2 is not by certificate 3");
}

static EVP_PKEY *
explicit_key(void)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");

	assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_ENCODING,
			     OSSL_PKEY_EC_ENCODING_EXPLICIT),
	    1);
	return pkey;
}

static void
test_explicit_curve_parameters_are_refused(void **state)
{
	CLEAN(key) struct key *key = new_key();
	struct err err = { 0 };
	EVP_PKEY *pkey = explicit_key();
	CLEAN(key) struct key *odd = NULL;

	(void)state;
	assert_int_equal(EVP_PKEY_up_ref(pkey), 1);
	odd = key_from_evp(pkey, &err);
	check(test_pem(test_cert(pkey, "Leaf", NULL, "Leaf", names, NOW - DAY, NOW + DAY),
		  NULL),
	    odd, names, "certificate 1 has explicit curve parameters");
	check(test_pem(test_cert(key_evp(key), "Leaf", pkey, "Middle", names, NOW - DAY,
			   NOW + DAY),
		  test_cert(pkey, "Middle", NULL, "Middle", NULL, NOW - DAY, NOW + DAY),
		  NULL),
	    key, names, "certificate 2 has explicit curve parameters");
	EVP_PKEY_free(pkey);
}

/* Rare, and no reason to refuse a certificate: the key is the same. */
static void
test_a_point_may_be_compressed(void **state)
{
	CLEAN(key) struct key *key = new_key();
	EVP_PKEY *same = EVP_PKEY_dup(key_evp(key));
	X509 *cert;
	CLEAN(string) char *pem = NULL;
	CLEAN(chain) struct chain *c = NULL;
	CLEAN(cert_info) struct cert_info *info = NULL;

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(same,
			     OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
			     OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
	    1);
	cert = test_cert(same, "Leaf", NULL, "Leaf", names, NOW - DAY, NOW + DAY);
	EVP_PKEY_free(same);
	assert_int_equal(ASN1_STRING_length(X509_get0_pubkey_bitstr(cert)), 33);
	pem = test_pem(cert, NULL);
	c = parse(pem);
	info = chain_info(c);
	assert_true(chain_has_key(c, key));
	assert_string_equal(info->key_type, "ec:P-256");
	check(xstrdup(pem), key, names, "");
}

static void
test_a_point_off_the_curve_is_nobodys_key(void **state)
{
	CLEAN(family) struct family f = { 0 };
	unsigned char *octets = OPENSSL_malloc(65);

	(void)state;
	make_family(&f);
	memset(octets, 4, 65);
	X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(f.leaf),
	    OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
	    OBJ_nid2obj(NID_X9_62_prime256v1), octets, 65);
	assert_true(X509_sign(f.leaf, key_evp(f.middle_key), EVP_sha256()) > 0);
	check(test_pem(another(f.leaf), another(f.middle), NULL), f.leaf_key, names,
	    "the certificate is for another key");
}

/* An algorithm that no OpenSSL knows. */
static void
test_keys_of_unknown_kinds_are_refused(void **state)
{
	CLEAN(family) struct family f = { 0 };
	ASN1_OBJECT *algorithm = OBJ_txt2obj("1.2.3.4.5", 1);
	unsigned char *octets;

	(void)state;
	make_family(&f);
	octets = OPENSSL_zalloc(8);
	X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(f.middle), algorithm, V_ASN1_UNDEF,
	    NULL, octets, 8);
	assert_true(X509_sign(f.middle, key_evp(f.root_key), EVP_sha256()) > 0);
	check(test_pem(another(f.leaf), another(f.middle), NULL), f.leaf_key, names,
	    "certificate 2 has a key of an unknown kind");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_chain_passes),
		cmocka_unit_test(test_all_types_of_keys_pass),
		cmocka_unit_test(test_the_parts_are_the_whole),
		cmocka_unit_test(test_roots_at_the_end_and_lone_leaves_are_tolerated),
		cmocka_unit_test(test_a_certificate_for_another_key_is_refused),
		cmocka_unit_test(test_names_that_differ_are_listed),
		cmocka_unit_test(test_long_lists_of_names_are_cut),
		cmocka_unit_test(test_thousands_of_names_are_not_compared),
		cmocka_unit_test(test_names_with_strange_octets_are_no_names),
		cmocka_unit_test(test_the_common_name_does_not_count),
		cmocka_unit_test(test_the_time_has_to_be_right),
		cmocka_unit_test(test_the_order_has_to_be_right),
		cmocka_unit_test(test_an_issuer_of_the_right_name_has_to_have_signed),
		cmocka_unit_test(test_explicit_curve_parameters_are_refused),
		cmocka_unit_test(test_a_point_may_be_compressed),
		cmocka_unit_test(test_a_point_off_the_curve_is_nobodys_key),
		cmocka_unit_test(test_keys_of_unknown_kinds_are_refused),
	};

	return cmocka_run_group_tests_name("cert", tests, NULL, NULL);
}
