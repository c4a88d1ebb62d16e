/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/evp.h>
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

/* RFC 9773, appendix A */
static const char rfc_body[] =
    "MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt\n"
    "cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS\n"
    "BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu\n"
    "7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf\n"
    "qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B\n"
    "yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb\n"
    "+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK\n";
#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

static char *
rfc_pem(void)
{
	return xasprintf(BEGIN "\n%s" END "\n", rfc_body);
}

/* ---- what is in it ---- */

static void
test_the_certificate_of_the_ari_rfc_is_read(void **state)
{
	CLEAN(string) char *pem = rfc_pem();
	CLEAN(chain) struct chain *c = parse(pem);
	CLEAN(cert_info) struct cert_info *info = chain_info(c);

	(void)state;
	assert_string_equal(info->ari_id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	assert_string_equal(info->serial, "87654321");
	assert_string_equal(info->issuer, "Example CA");
	assert_string_equal(info->root, "Example CA");
	assert_string_equal(info->key_type, "ec:P-256");
	assert_int_equal(strv_length((const char *const *)info->names), 0);
	assert_int_equal(info->chain_length, 1);
	assert_int_equal(info->not_before, -62135596800); /* the year 1 */
	assert_int_equal(strlen(info->fingerprint), 64);
}

static void
test_the_leaf_is_described(void **state)
{
	static const char *const names[] = { "Example.ORG", "*.example.org", "192.0.2.1",
		"2001:db8:0:0::1", NULL };
	CLEAN(key) struct key *key = new_key();
	CLEAN(string) char *pem = test_chain_pem(key, names, NOW - DAY, NOW + DAY);
	CLEAN(chain) struct chain *c = parse(pem);
	CLEAN(cert_info) struct cert_info *info = chain_info(c);
	CLEAN(string) char *joined = strv_join((const char *const *)info->names, " ");

	(void)state;
	assert_string_equal(joined, "example.org *.example.org 192.0.2.1 2001:db8::1");
	assert_string_equal(info->issuer, "Test Intermediate");
	assert_string_equal(info->root, "Test Root");
	assert_true(str_starts(info->serial, "800000000000"));
	assert_int_equal(info->chain_length, 2);
	assert_int_equal(info->not_before, NOW - DAY);
	assert_int_equal(info->not_after, NOW + DAY);
	assert_non_null(info->ari_id);
	assert_non_null(strstr(info->ari_id, ".AI")); /* the 00 stays */
}

static void
test_serials_keep_a_leading_zero_in_the_ari_id_only(void **state)
{
	static const struct {
		uint64_t serial;
		const char *ari, *text;
	} cases[] = {
		{ 0x7f01, ".fwE", "7f01" },
		{ 0xff01, ".AP8B", "ff01" },
		{ 1, ".AQ", "01" },
	};
	static const char *const names[] = { "a.example", NULL };
	CLEAN(key) struct key *key = new_key();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *cert = test_cert(key_evp(key), "Leaf", NULL, "Leaf", names, NOW, NOW);
		CLEAN(string) char *pem = NULL;
		CLEAN(chain) struct chain *c = NULL;
		CLEAN(cert_info) struct cert_info *info = NULL;

		assert_int_equal(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert),
				     cases[i].serial),
		    1);
		assert_true(X509_sign(cert, key_evp(key), EVP_sha256()) > 0);
		pem = test_pem(cert, NULL);
		c = parse(pem);
		info = chain_info(c);
		assert_true(str_ends(info->ari_id, cases[i].ari));
		assert_string_equal(info->serial, cases[i].text);
	}
}

static void
test_without_an_authority_there_is_no_ari_id(void **state)
{
	static const char *const names[] = { "a.example", NULL };
	CLEAN(key) struct key *key = new_key();
	X509 *cert = test_cert(key_evp(key), "Leaf", NULL, "Leaf", names, NOW, NOW);
	int at = X509_get_ext_by_NID(cert, NID_authority_key_identifier, -1);
	CLEAN(string) char *pem = NULL;
	CLEAN(chain) struct chain *c = NULL;
	CLEAN(cert_info) struct cert_info *info = NULL;

	(void)state;
	X509_EXTENSION_free(X509_delete_ext(cert, at));
	assert_true(X509_sign(cert, key_evp(key), EVP_sha256()) > 0);
	pem = test_pem(cert, NULL);
	c = parse(pem);
	info = chain_info(c);
	assert_null(info->ari_id);
}

static void
test_issuers_without_a_common_name_go_by_their_organization(void **state)
{
	static const char *const names[] = { "a.example", NULL };
	static const struct {
		const char *field, *value, *text;
	} cases[] = {
		{ "O", "An Example", "An Example" },
		{ "C", "XX", "" },
		{ "CN", "a\x1b[b", "a?[b" },
	};
	CLEAN(key) struct key *key = new_key();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *cert = test_cert(key_evp(key), "L", NULL, "L", names, NOW, NOW);
		X509_NAME *name = X509_NAME_new();
		CLEAN(string) char *pem = NULL;
		CLEAN(chain) struct chain *c = NULL;
		CLEAN(cert_info) struct cert_info *info = NULL;

		X509_NAME_add_entry_by_txt(name, cases[i].field, MBSTRING_UTF8,
		    (const unsigned char *)cases[i].value, -1, -1, 0);
		X509_set_issuer_name(cert, name);
		X509_NAME_free(name);
		assert_true(X509_sign(cert, key_evp(key), EVP_sha256()) > 0);
		pem = test_pem(cert, NULL);
		c = parse(pem);
		info = chain_info(c);
		assert_string_equal(info->issuer, cases[i].text);
	}
}

/* ---- the text around it ---- */

static void
test_blank_lines_and_line_ends_do_not_matter(void **state)
{
	static const char *const layouts[] = { BEGIN "\n%s" END,
		"\n\n" BEGIN "\n%s" END "\n\n", "\r\n" BEGIN "\r\n%s\r\n" END "\r\n \t\r\n",
		BEGIN "\n\n  %s\n" END };
	CLEAN(string) char *expected = rfc_pem();

	(void)state;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		const char *at = strstr(layouts[i], "%s");
		CLEAN(string)
		char *pem = xasprintf("%.*s%s%s", (int)(at - layouts[i]), layouts[i],
		    rfc_body, at + 2);
		CLEAN(chain) struct chain *c = parse(pem);
		CLEAN(string) char *again = chain_pem(c);

		assert_string_equal(again, expected);
	}
}

static void
test_what_is_no_chain_is_said_to_be(void **state)
{
	static const struct {
		const char *before, *body, *after, *text;
	} cases[] = {
		{ "Issuer: x\n" BEGIN, rfc_body, END,
		    "there is something else than certificates in PEM" },
		{ BEGIN, rfc_body, END "\nbye\n",
		    "there is something else than certificates in PEM" },
		{ "0\x82\x01", "", "", "there is something else than certificates in PEM" },
		{ "<html>", "", "", "there is something else than certificates in PEM" },
		{ "-----BEGIN PRIVATE KEY-----\n", rfc_body, "-----END PRIVATE KEY-----",
		    "there is a \"PRIVATE KEY\" among the certificates" },
		{ "-----BEGIN TRUSTED CERTIFICATE-----\n", rfc_body, "",
		    "there is a \"TRUSTED CERTIFICATE\" among the certificates" },
		{ "-----BEGIN CERTIF\x1b[", "", "",
		    "there is a \"CERTIF?[\" among the certificates" },
		{ BEGIN, rfc_body, "", "certificate 1 has no end" },
		{ BEGIN, "", END, "certificate 1: not valid: " },
		{ BEGIN "\nProc-Type: 4,ENCRYPTED\n\n", rfc_body, END,
		    "certificate 1: not base64: a character is " },
		{ BEGIN, "MAA=", END, "certificate 1: not valid: " },
		{ BEGIN, "!!!!", END,
		    "certificate 1: not base64: a character is not in the alphabet" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *pem =
		    xasprintf("%s%s%s", cases[i].before, cases[i].body, cases[i].after);
		struct err err = { 0 };

		assert_null(chain_parse(pem, strlen(pem), &err));
		assert_int_equal(err.kind, ERR_PROTOCOL);
		if (str_ends(cases[i].text, " ")) /* the rest is OpenSSL's */
			err.text[strlen(cases[i].text)] = '\0';
		assert_string_equal(err.text, cases[i].text);
	}
}

/* Only the length says where it ends. */
static void
test_text_needs_no_end_mark(void **state)
{
	CLEAN(string) char *whole = rfc_pem();
	struct err err = { 0 };

	(void)state;
	for (size_t n = 0; n + 1 < strlen(whole); n++) {
		char *part = must(malloc(n + 1)); /* the sanitizer watches its end */

		memcpy(part + 1, whole, n);
		assert_null(chain_parse(part + 1, n, &err));
		free(part);
	}
}

static void
test_an_empty_chain_is_none(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_null(chain_parse("", 0, &err));
	assert_string_equal(err.text, "no certificate");
	assert_null(chain_parse(" \r\n", 3, &err));
	assert_string_equal(err.text, "no certificate");
	assert_null(chain_parse("\n\0", 2, &err));
	assert_string_equal(err.text, "there is something else than certificates in PEM");
}

static char *
repeated(const char *s, size_t n)
{
	struct text t = { 0 };

	for (size_t i = 0; i < n; i++)
		text_add(&t, "%s", s);
	return text_take(&t);
}

static void
test_chains_are_bounded(void **state)
{
	CLEAN(string) char *pem = rfc_pem();
	CLEAN(string) char *ten = repeated(pem, 10);
	CLEAN(string) char *eleven = repeated(pem, 11);
	CLEAN(string) char *big = repeated("\n", 131073);
	CLEAN(chain) struct chain *c = parse(ten);
	CLEAN(cert_info) struct cert_info *info = chain_info(c);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(info->chain_length, 10);
	assert_null(chain_parse(eleven, strlen(eleven), &err));
	assert_string_equal(err.text, "more than 10 certificates");
	assert_null(chain_parse(big, 131073, &err));
	assert_string_equal(err.text, "certificates of more than 128 KiB");
	assert_null(chain_parse(big, 131072, &err));
	assert_string_equal(err.text, "no certificate");
}

static void
test_octets_after_the_certificate_are_refused(void **state)
{
	/* the length of the DER is a multiple of 3 */
	CLEAN(string) char *pem = xasprintf(BEGIN "\n%sAAAA\n" END "\n", rfc_body);
	struct err err = { 0 };

	(void)state;
	assert_null(chain_parse(pem, strlen(pem), &err));
	assert_string_equal(err.text, "certificate 1: something else follows it");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_certificate_of_the_ari_rfc_is_read),
		cmocka_unit_test(test_the_leaf_is_described),
		cmocka_unit_test(test_serials_keep_a_leading_zero_in_the_ari_id_only),
		cmocka_unit_test(test_without_an_authority_there_is_no_ari_id),
		cmocka_unit_test(
		    test_issuers_without_a_common_name_go_by_their_organization),
		cmocka_unit_test(test_blank_lines_and_line_ends_do_not_matter),
		cmocka_unit_test(test_what_is_no_chain_is_said_to_be),
		cmocka_unit_test(test_text_needs_no_end_mark),
		cmocka_unit_test(test_an_empty_chain_is_none),
		cmocka_unit_test(test_chains_are_bounded),
		cmocka_unit_test(test_octets_after_the_certificate_are_refused),
	};

	return cmocka_run_group_tests_name("certinfo", tests, NULL, NULL);
}
