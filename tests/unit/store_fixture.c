/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/crypto/cert.h"
#include "daemon/store/store.h"

struct store_fixture t;

/* A path in the state directory; good until the fourth call after it. */
const char *
at(const char *relative)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", t.dir, relative);
	return path;
}

static void
append_certificate(BIO *to, const char *name, EVP_PKEY *key)
{
	X509 *x = must(X509_new());
	X509_NAME *subject = X509_get_subject_name(x);

	assert_int_equal(1, X509_set_version(x, 2));
	ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
	    -1, -1, 0);
	X509_set_issuer_name(x, subject);
	X509_set_pubkey(x, key);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(1, PEM_write_bio_X509(to, x));
	X509_free(x);
}

static void
make_pair(size_t i, EVP_PKEY *ca)
{
	BIO *pem = must(BIO_new(BIO_s_mem()));
	struct err err = { 0 };
	char *bytes;
	long length;

	t.key[i] = key_generate(KEY_EC_P256, &err);
	assert_non_null(t.key[i]);
	append_certificate(pem, "leaf.example", key_evp(t.key[i]));
	append_certificate(pem, "test CA", ca);
	length = BIO_get_mem_data(pem, &bytes);
	t.chain[i] = chain_parse(bytes, (size_t)length, &err);
	assert_non_null(t.chain[i]);
	BIO_free(pem);
}

int
store_fixture_make_pairs(void **state)
{
	struct err err = { 0 };
	CLEAN(key) struct key *ca = key_generate(KEY_EC_P256, &err);

	(void)state;
	for (size_t i = 0; i < STORE_PAIRS; i++)
		make_pair(i, key_evp(ca));
	return 0;
}

int
store_fixture_free_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < STORE_PAIRS; i++) {
		key_free(t.key[i]);
		chain_free(t.chain[i]);
	}
	return 0;
}

static void
note_log(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)fields;
	text_add(&t.log, "%s: %s\n", log_level_name(level), line);
}

struct store *
open_again(void)
{
	struct err err = { 0 };

	store_close(t.store);
	t.store = store_open(t.dir, &err);
	assert_string_equal(err.text, "");
	assert_non_null(t.store);
	return t.store;
}

int
store_fixture_set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	umask(022); /* a test that failed may have left another */
	t.scratch = xasprintf("%s/test_store.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(t.scratch));
	t.dir = xasprintf("%s/state", t.scratch);
	t.store = NULL;
	log_set_sink(note_log);
	open_again();
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

int
store_fixture_tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL);
	store_close(t.store);
	nftw(t.scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t.scratch);
	free(t.dir);
	text_clear(&t.log);
	return 0;
}

int
publish(size_t pair, unsigned keep, unsigned *version, struct err *err)
{
	const struct pair files = { t.key[pair], t.chain[pair] };

	if (store_stage_key(t.store, "example", t.key[pair], err) == -1)
		return -1;
	return store_publish(t.store, "example", &files, keep, version, err);
}

void
assert_publishes(size_t pair, unsigned keep, unsigned expected)
{
	struct err err = { 0 };
	unsigned version = 0;

	publish(pair, keep, &version, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(version, expected);
}

void
assert_live(size_t pair)
{
	struct err err = { 0 };
	CLEAN(key) struct key *key = NULL;
	CLEAN(chain) struct chain *chain = store_live(t.store, "example", &key, &err);

	assert_string_equal(err.text, "");
	assert_non_null(chain);
	assert_true(key_equal(key, t.key[pair]));
	assert_true(chain_has_key(chain, t.key[pair]));
}

void
assert_not_live(const char *expected)
{
	struct err err = { 0 };

	assert_null(store_live(t.store, "example", NULL, &err));
	assert_string_equal(err.text, expected);
}

void
put(const char *relative, const void *bytes, size_t length)
{
	int fd = open(at(relative), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd != -1);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

bool
exists(const char *relative)
{
	struct stat st;

	return lstat(at(relative), &st) == 0;
}

unsigned
mode_of(const char *relative)
{
	struct stat st;

	assert_int_equal(0, lstat(at(relative), &st));
	return st.st_mode & 07777;
}
