/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "tests/unit/output_rig.h"
#include "tests/unit/store_fixture.h"

static const char *const formats[] = { "fullchain", "cert", "chain", "key", "combined",
	"pkcs12", "der" };

/* ---- every format, read by somebody else ---- */

static BIO *
open_site(void)
{
	BIO *bio = BIO_new_file(out("site"), "r");

	assert_non_null(bio);
	return bio;
}

static void
assert_next_is_key(BIO *bio, size_t pair)
{
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	assert_non_null(pkey);
	assert_int_equal(1, EVP_PKEY_eq(pkey, key_evp(t.key[pair])));
	EVP_PKEY_free(pkey);
}

/* The leaf has the pair's key, the other one has not. */
static void
assert_is_cert(X509 *cert, size_t pair, bool leaf)
{
	assert_non_null(cert);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), key_evp(t.key[pair])) == 1,
	    leaf);
	X509_free(cert);
}

static void
assert_next_is_cert(BIO *bio, size_t pair, bool leaf)
{
	assert_is_cert(PEM_read_bio_X509(bio, NULL, NULL, NULL), pair, leaf);
}

static void
assert_ends(BIO *bio)
{
	char more;

	assert_true(BIO_read(bio, &more, 1) <= 0);
	BIO_free(bio);
}

static void
pem_has_what_its_format_says(void **state)
{
	static const struct {
		const char *format;
		bool key, leaf, rest;
	} rows[] = {
		{ "fullchain", false, true, true },
		{ "cert", false, true, false },
		{ "chain", false, false, true },
		{ "key", true, false, false },
		{ "combined", true, true, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct output_config output = site(rows[i].format);
		BIO *bio;

		assert_written(&output, i % STORE_PAIRS);
		bio = open_site();
		if (rows[i].key)
			assert_next_is_key(bio, i % STORE_PAIRS);
		if (rows[i].leaf)
			assert_next_is_cert(bio, i % STORE_PAIRS, true);
		if (rows[i].rest)
			assert_next_is_cert(bio, i % STORE_PAIRS, false);
		assert_ends(bio);
	}
}

static void
der_is_the_leaf(void **state)
{
	struct output_config output = site("der");
	BIO *bio;

	(void)state;
	assert_written(&output, 1);
	bio = open_site();
	assert_is_cert(d2i_X509_bio(bio, NULL), 1, true);
	assert_ends(bio);
}

static void
assert_opens(const char *password, bool expected)
{
	STACK_OF(X509) *rest = NULL;
	EVP_PKEY *pkey = NULL;
	X509 *leaf = NULL;
	BIO *bio = open_site();
	PKCS12 *p = d2i_PKCS12_bio(bio, NULL);
	int length = 0;

	assert_ends(bio);
	assert_non_null(p);
	assert_int_equal(PKCS12_parse(p, password, &pkey, &leaf, &rest), expected);
	PKCS12_free(p);
	if (!expected)
		return;
	assert_int_equal(1, EVP_PKEY_eq(pkey, key_evp(t.key[0])));
	assert_memory_equal(X509_alias_get0(leaf, &length), "leaf.example", 12);
	assert_int_equal(length, 12);
	assert_is_cert(leaf, 0, true);
	assert_int_equal(sk_X509_num(rest), 1);
	assert_is_cert(sk_X509_pop(rest), 0, false);
	sk_X509_free(rest);
	EVP_PKEY_free(pkey);
}

static void
pkcs12_opens_with_its_password(void **state)
{
	struct output_config output = site("pkcs12");

	(void)state;
	assert_written(&output, 0);
	assert_opens("", true);
	assert_opens("secret", false);
	output.password = (char *)"secret";
	assert_false(is_current(&output, 0));
	assert_written(&output, 0);
	assert_opens("secret", true);
	assert_opens("", false);
	assert_opens("Secret", false);
	assert_true(is_current(&output, 0));
}

/* ---- whether anything is to be done ---- */

static void
each_format_is_current_until_the_pair_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(formats); i++) {
		struct output_config output = site(formats[i]);

		assert_false(is_current(&output, 0));
		assert_written(&output, 0);
		assert_true(is_current(&output, 0));
		assert_true(is_current(&output, 0));
		assert_false(is_current(&output, 1));
		assert_written(&output, 1);
		assert_true(is_current(&output, 1));
		assert_int_equal(0, unlink(out("site")));
	}
}

static void
each_format_differs_from_the_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(formats); i++) {
		struct output_config written = site(formats[i]);

		written.mode = (char *)"0640";
		assert_written(&written, 0);
		for (size_t j = 0; j < COUNT(formats); j++) {
			struct output_config other = site(formats[j]);

			other.mode = (char *)"0640";
			assert_int_equal(is_current(&other, 0), i == j);
		}
	}
}

static void
a_changed_file_is_not_current(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(formats); i++) {
		struct output_config output = site(formats[i]);
		struct stat st;
		FILE *f;

		assert_written(&output, 0);
		st = stat_of(out("site"));
		f = fopen(out("site"), "a");
		assert_true(fputs("\n", f) >= 0);
		fclose(f);
		assert_false(is_current(&output, 0));
		assert_int_equal(0, truncate(out("site"), st.st_size));
		assert_true(is_current(&output, 0));
		assert_int_equal(0, truncate(out("site"), st.st_size - 1));
		assert_false(is_current(&output, 0));
		assert_int_equal(0, truncate(out("site"), 0));
		assert_false(is_current(&output, 0));
		assert_int_equal(0, truncate(out("site"), (off_t)64 * 1024 * 1024));
		assert_false(is_current(&output, 0));
	}
}

static void
another_mode_is_not_current(void **state)
{
	struct output_config output = site("cert");

	(void)state;
	assert_written(&output, 0);
	assert_int_equal(0, chmod(out("site"), 0640));
	assert_false(is_current(&output, 0));
	output.mode = (char *)"0640";
	assert_true(is_current(&output, 0));
	assert_int_equal(0, chmod(out("site"), 0600));
	assert_false(is_current(&output, 0));
	assert_written(&output, 0);
	assert_true(is_current(&output, 0));
}

/* ---- modes ---- */

static void
the_mode_is_that_of_the_format(void **state)
{
	static const mode_t masks[] = { 0000, 0022, 0077, 0777 };

	(void)state;
	for (size_t i = 0; i < COUNT(formats) * COUNT(masks); i++) {
		const char *format = formats[i % COUNT(formats)];
		struct output_config output = site(format);
		bool secret = str_eq(format, "key") || str_eq(format, "combined") ||
			      str_eq(format, "pkcs12");

		umask(masks[i / COUNT(formats)]);
		assert_written(&output, 0);
		assert_int_equal(stat_of(out("site")).st_mode & 07777,
		    secret ? 0600 : 0644);
		output.mode = (char *)"0440";
		assert_written(&output, 0);
		assert_int_equal(stat_of(out("site")).st_mode & 07777, 0440);
		umask(022);
	}
}

static atomic_bool watching;

/* No file in the directory is ever open to more than the output is to be. */
static void *
watch_modes(void *arg)
{
	atomic_bool *seen_wider = arg;

	while (watching) {
		CLEAN(string) char *names = listing();
		char *rest = NULL;

		for (char *name = strtok_r(names, " ", &rest); name != NULL;
		     name = strtok_r(NULL, " ", &rest)) {
			struct stat st;
			CLEAN(string) char *path = xasprintf("%s/out/%s", t.scratch, name);

			if (lstat(path, &st) == 0 && (st.st_mode & 07137) != 0)
				*seen_wider = true;
		}
	}
	return NULL;
}

static void
no_moment_is_wider_than_the_end(void **state)
{
	struct output_config output = site("combined");
	atomic_bool seen_wider = false;
	pthread_t watcher;

	(void)state;
	output.mode = (char *)"0640";
	umask(0);
	watching = true;
	assert_int_equal(0, pthread_create(&watcher, NULL, watch_modes, &seen_wider));
	for (size_t i = 0; i < 200; i++)
		assert_written(&output, i % STORE_PAIRS);
	watching = false;
	assert_int_equal(0, pthread_join(watcher, NULL));
	umask(022);
	assert_false(seen_wider);
}

/* ---- old or new ---- */

static void
a_hard_link_keeps_what_it_has(void **state)
{
	struct output_config output = site("cert");
	CLEAN(string) char *before = NULL;
	CLEAN(string) char *after = NULL;
	CLEAN(string) char *site_after = NULL;
	size_t length, same_length;

	(void)state;
	assert_written(&output, 0);
	assert_int_equal(0, link(out("site"), out("other")));
	before = content_of(out("other"), &length);
	assert_written(&output, 1);
	after = content_of(out("other"), &same_length);
	site_after = content_of(out("site"), &same_length);
	assert_string_equal(before, after);
	assert_string_not_equal(site_after, after);
}

static void
a_full_disk_leaves_the_old_file(void **state)
{
	struct output_config output = site("combined");
	struct rlimit before, full;

	(void)state;
	assert_written(&output, 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
	full = before;
	for (full.rlim_cur = 0; full.rlim_cur <= 400; full.rlim_cur += 200) {
		CLEAN(string) char *names = NULL;
		struct err err = { 0 };
		int written;

		assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &full));
		written = write_pair(&output, 1, &err);
		assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
		assert_int_equal(written, -1);
		assert_int_equal(err.kind, ERR_SYSTEM);
		assert_true(str_starts(err.text, output.path));
		names = listing();
		assert_string_equal(names, "site ");
		assert_true(is_current(&output, 0));
	}
	signal(SIGXFSZ, SIG_DFL);
	assert_written(&output, 1);
}

static void
what_a_crash_left_is_removed(void **state)
{
	static const char *const names[] = { ".site.0123456789abcdef.acmed-new",
		".site.0123456789abcde.acmed-new", ".site.0123456789abcdeg.acmed-new",
		".site.0123456789abcdef0.acmed-new", ".site2.0123456789abcdef.acmed-new",
		".site.0123456789abcdef.acmed-new2", "site.0123456789abcdef.acmed-new",
		".site.", ".site" };
	struct output_config output = site("cert");

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		fclose(fopen(out(names[i]), "w"));
	assert_written(&output, 0);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(access(out(names[i]), F_OK) == 0, i > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OUTPUT_TEST(pem_has_what_its_format_says),
		OUTPUT_TEST(der_is_the_leaf),
		OUTPUT_TEST(pkcs12_opens_with_its_password),
		OUTPUT_TEST(each_format_is_current_until_the_pair_changes),
		OUTPUT_TEST(each_format_differs_from_the_others),
		OUTPUT_TEST(a_changed_file_is_not_current),
		OUTPUT_TEST(another_mode_is_not_current),
		OUTPUT_TEST(the_mode_is_that_of_the_format),
		OUTPUT_TEST(no_moment_is_wider_than_the_end),
		OUTPUT_TEST(a_hard_link_keeps_what_it_has),
		OUTPUT_TEST(a_full_disk_leaves_the_old_file),
		OUTPUT_TEST(what_a_crash_left_is_removed),
	};

	return cmocka_run_group_tests_name("output", tests, store_fixture_make_pairs,
	    store_fixture_free_pairs);
}
