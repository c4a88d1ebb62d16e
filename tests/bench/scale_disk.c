/* SPDX-License-Identifier: ISC */
/*
 * What an acmed that has run for a while finds: a configuration with a file for each
 * certificate, and a pair in force for each. All have one key, which saves half of the
 * time it takes to make them and changes nothing for who reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "tests/bench/scale.h"

/* In which nothing is due. */
#define QUIET_DAYS 4

static void
check(int result, const char *what)
{
	if (result > 0)
		return;
	fprintf(stderr, "scale: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- files ---- */

static int
make_dir(int at, const char *name)
{
	int fd;

	check(mkdirat(at, name, 0700) == 0, name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(fd != -1, name);
	return fd;
}

static void
write_file(int at, const char *name, const char *text)
{
	CLEAN(fd) int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t length = strlen(text);

	check(fd != -1 && write(fd, text, length) == (ssize_t)length, name);
}

/* ---- certificates ---- */

struct maker {
	EVP_PKEY *ca_key;
	EVP_PKEY *key;
	X509 *leaf; /* written over for each */
	char *intermediate;
	int certs;
	int archive;
	int live;
	int state;
};

static char *
pem_of(X509 *cert)
{
	BIO *bio = must(BIO_new(BIO_s_mem()));
	char *text = NULL, *copy;
	long length;

	check(PEM_write_bio_X509(bio, cert), "PEM");
	length = BIO_get_mem_data(bio, &text);
	copy = xstrndup(text, (size_t)length);
	BIO_free(bio);
	return copy;
}

static void
add_extension(X509 *cert, int nid, const char *value, EVP_PKEY *issuer_key)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;

	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	context.issuer_pkey = issuer_key;
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	check(extension != NULL && X509_add_ext(cert, extension, -1), value);
	X509_EXTENSION_free(extension);
}

static X509 *
new_cert(EVP_PKEY *key, const char *subject, const char *issuer)
{
	X509 *cert = must(X509_new());

	check(X509_set_version(cert, X509_VERSION_3) &&
		  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
		      MBSTRING_UTF8, (const unsigned char *)subject, -1, -1, 0) &&
		  X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN",
		      MBSTRING_UTF8, (const unsigned char *)issuer, -1, -1, 0) &&
		  X509_set_pubkey(cert, key),
	    subject);
	return cert;
}

static void
sign(X509 *cert, EVP_PKEY *by, time_t from, time_t to)
{
	check(ASN1_TIME_set(X509_getm_notBefore(cert), from) != NULL &&
		  ASN1_TIME_set(X509_getm_notAfter(cert), to) != NULL &&
		  X509_sign(cert, by, EVP_sha256()),
	    "sign");
}

static void
prepare(struct maker *m)
{
	X509 *intermediate;

	m->ca_key = must(EVP_EC_gen("P-256"));
	m->key = must(EVP_EC_gen("P-256"));
	intermediate = new_cert(m->ca_key, "Bench Intermediate E7", "Bench Root X1");
	add_extension(intermediate, NID_subject_key_identifier, "hash", NULL);
	add_extension(intermediate, NID_basic_constraints, "critical,CA:TRUE", NULL);
	sign(intermediate, m->ca_key, WORLD_START - 365 * DAY, WORLD_START + 3650 * DAY);
	m->intermediate = pem_of(intermediate);
	X509_free(intermediate);
	m->leaf = new_cert(m->key, "bench", "Bench Intermediate E7");
	add_extension(m->leaf, NID_authority_key_identifier, "keyid", m->ca_key);
}

/* As the CA would issue it: see ca_serial(). */
static char *
make_leaf(struct maker *m, unsigned number, const char *names, time_t from)
{
	unsigned char serial[SERIAL_SIZE];
	BIGNUM *value;
	int at;

	ca_serial(from, number, 1, serial);
	value = must(BN_bin2bn(serial, sizeof(serial), NULL));
	check(BN_to_ASN1_INTEGER(value, X509_get_serialNumber(m->leaf)) != NULL, "serial");
	BN_free(value);
	at = X509_get_ext_by_NID(m->leaf, NID_subject_alt_name, -1);
	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(m->leaf, at));
	add_extension(m->leaf, NID_subject_alt_name, names, NULL);
	sign(m->leaf, m->ca_key, from, from + world.lifetime);
	return pem_of(m->leaf);
}

/* ---- all of it ---- */

static void
write_key(struct maker *m)
{
	BIO *bio = must(BIO_new(BIO_s_mem()));
	CLEAN(string) char *copy = NULL;
	char *text = NULL;
	long length;

	check(PEM_write_bio_PrivateKey(bio, m->key, NULL, NULL, 0, NULL, NULL), "key");
	length = BIO_get_mem_data(bio, &text);
	copy = xstrndup(text, (size_t)length);
	BIO_free(bio);
	write_file(m->state, "key", copy);
	write_file(m->state, "chain", m->intermediate);
}

static void
write_pair(struct maker *m, const char *name, const char *leaf)
{
	CLEAN(string) char *all = xasprintf("%s%s", leaf, m->intermediate);
	CLEAN(string) char *target = xasprintf("../archive/%s/0001", name);
	CLEAN(fd) int dir = make_dir(m->archive, name);
	CLEAN(fd) int first = make_dir(dir, "0001");

	check(linkat(m->state, "key", first, "privkey.pem", 0) == 0 &&
		  linkat(m->state, "chain", first, "chain.pem", 0) == 0,
	    "link");
	write_file(first, "cert.pem", leaf);
	write_file(first, "fullchain.pem", all);
	check(symlinkat(target, m->live, name) == 0, target);
}

/* Issued at any time of the two thirds of its life after which it is renewed, but for some
 * days: nothing is issued before those whom scale.sh starts one after another look. */
static void
make_one(struct maker *m, unsigned number)
{
	uint64_t spread = (uint64_t)(world.lifetime / 3 * 2 - QUIET_DAYS * DAY);
	time_t age = (time_t)((uint64_t)number * UINT64_C(2654435761) % spread);
	time_t from = WORLD_START - age;
	CLEAN(string) char *name = xasprintf("c%06u", number);
	CLEAN(string) char *file = xasprintf("%s.yaml", name);
	CLEAN(string)
	char *text = xasprintf("names: [%s.example.org, www.%s.example.org]\n", name, name);
	CLEAN(string)
	char *names = xasprintf("DNS:%s.example.org,DNS:www.%s.example.org", name, name);
	CLEAN(string) char *leaf = make_leaf(m, number, names, from);

	write_file(m->certs, file, text);
	write_pair(m, name, leaf);
}

/* What acmed knows of each besides the pair: who issued it. */
static void
write_state(int dir, unsigned number)
{
	CLEAN(string) char *file = xasprintf("c%06u.json", number);

	write_file(dir, file, "{\"issued_by\":\"" DIRECTORY_URL "\"}");
}

static void
write_main(int dir, const char *path)
{
	CLEAN(string)
	char *text =
	    xasprintf("state-dir: %s/state\n"
		      "control: {socket: %s/acmed.sock}\n"
		      "http-01: {listen: \"127.0.0.1:0\"}\n"
		      "accounts:\n"
		      "  main:\n"
		      "    directory: " DIRECTORY_URL "\n"
		      "    agree-tos: true\n"
		      "    budget: {orders: 100000, orders-per: 3h, duplicates: 5, "
		      "duplicates-per: 7d}\n"
		      "defaults:\n"
		      "  deploy: [{reload: nginx.service}]\n",
		path, path);

	write_file(dir, "acmed.yaml", text);
}

void
disk_make(const char *directory, size_t count)
{
	CLEAN(fd) int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN(fd) int state = -1;
	CLEAN(fd) int states = -1;
	struct maker m = { 0 };

	check(dir != -1, directory);
	write_main(dir, directory);
	m.certs = make_dir(dir, "certs.d");
	m.state = state = make_dir(dir, "state");
	m.archive = make_dir(state, "archive");
	m.live = make_dir(state, "live");
	states = make_dir(state, "state");
	prepare(&m);
	write_key(&m);
	for (unsigned i = 0; i < count; i++) {
		make_one(&m, i);
		write_state(states, i);
	}
	unlinkat(state, "key", 0);
	unlinkat(state, "chain", 0);
	close(m.certs);
	close(m.archive);
	close(m.live);
	X509_free(m.leaf);
	EVP_PKEY_free(m.key);
	EVP_PKEY_free(m.ca_key);
	free(m.intermediate);
}
