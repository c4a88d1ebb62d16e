/* SPDX-License-Identifier: ISC */
/* generation - archive/CERT/NNNN, and live/CERT that points to one of them: reading. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/file.h"
#include "daemon/store/store.h"
#include "daemon/store/store_internal.h"

#define CHAIN_MOST ((size_t)128 * 1024) /* what chain_parse() takes */

/* ---- numbers: at least four digits, more where four do not do ---- */

struct number
number_print(unsigned n)
{
	struct number number;

	snprintf(number.text, sizeof(number.text), "%04u", n);
	return number;
}

unsigned
number_parse(const char *s)
{
	size_t length = strlen(s);
	unsigned n = 0;

	if (length < 4 || length > 9 || strspn(s, "0123456789") != length)
		return 0;
	for (; *s != '\0'; s++)
		n = n * 10 + (unsigned)(*s - '0');
	return length > 4 && n < 10000 ? 0 : n;
}

/* ---- what live/CERT says ---- */

unsigned
generation_live(const struct store *s, const char *cert, struct err *err)
{
	CLEAN(string) char *start = xasprintf("../archive/%s/", cert);
	char target[PATH_MAX];
	ssize_t length = readlinkat(s->live, cert, target, sizeof(target) - 1);
	unsigned n;

	if (length == -1 && errno == ENOENT) {
		layout_fail(err, ENOENT, cert,
		    "not there: no certificate was obtained yet");
		return 0;
	}
	if (length == -1) {
		layout_fail(err, errno == EINVAL ? EBADMSG : errno, cert,
		    errno == EINVAL ? "no symbolic link" : NULL);
		return 0;
	}
	target[length] = '\0';
	n = str_starts(target, start) ? number_parse(target + strlen(start)) : 0;
	if (n == 0)
		layout_fail(err, EBADMSG, cert,
		    "a link to something that is no generation");
	return n;
}

unsigned
store_live_version(const struct store *s, const char *cert)
{
	struct err err = { 0 };

	return generation_live(s, cert, &err);
}

/* ---- reading a generation ---- */

static struct chain *
read_chain(int dir, struct err *err)
{
	size_t length;
	CLEAN(string) char *pem = layout_read(dir, CHAIN_FILE, CHAIN_MOST, &length, err);
	struct chain *chain;

	if (pem == NULL)
		return NULL;
	if (length == 0) {
		layout_fail(err, EBADMSG, CHAIN_FILE, "empty");
		return NULL;
	}
	chain = chain_parse(pem, length, err);
	if (chain == NULL)
		err_prefix(err, CHAIN_FILE);
	return chain;
}

/* Servers are configured with these files as well: they have to be what fullchain.pem
 * says. Takes over `expected`. */
static int
check_copy(int dir, const char *name, char *expected_text, struct err *err)
{
	CLEAN(string) char *expected = expected_text;
	size_t length;
	CLEAN(string) char *text = layout_read(dir, name, CHAIN_MOST, &length, err);

	if (text == NULL)
		return -1;
	if (length == strlen(expected) && memcmp(text, expected, length) == 0)
		return 0;
	if (length == 0)
		return layout_fail(err, EBADMSG, name, "empty");
	return layout_fail(err, EBADMSG, name, "not what " CHAIN_FILE " says");
}

/* All four files, through one open directory. */
static struct chain *
read_generation(int dir, struct key **ret, struct err *err)
{
	CLEAN(key) struct key *key = layout_read_key(dir, KEY_FILE, err);
	CLEAN(chain) struct chain *chain = NULL;

	if (key == NULL)
		return NULL;
	chain = read_chain(dir, err);
	if (chain == NULL)
		return NULL;
	if (!chain_has_key(chain, key)) {
		err_set(err, ERR_SYSTEM,
		    KEY_FILE ": is not the key of the certificate in " CHAIN_FILE);
		return NULL;
	}
	if (check_copy(dir, LEAF_FILE, chain_leaf_pem(chain), err) == -1 ||
	    check_copy(dir, REST_FILE, chain_rest_pem(chain), err) == -1)
		return NULL;
	if (ret != NULL)
		*ret = TAKE(key);
	return TAKE(chain);
}

struct chain *
generation_load(const struct store *s, const char *cert, unsigned n, struct key **key,
    struct err *err)
{
	CLEAN(fd) int all = layout_open(s->archive, cert, err);
	CLEAN(fd) int dir = -1;
	struct chain *chain;

	if (all == -1) {
		err_prefix(err, "%s/archive", s->path);
		return NULL;
	}
	dir = layout_open(all, number_print(n).text, err);
	if (dir == -1) {
		err_prefix(err, "%s/archive/%s", s->path, cert);
		return NULL;
	}
	chain = read_generation(dir, key, err);
	if (chain == NULL)
		err_prefix(err, "%s/archive/%s/%04u", s->path, cert, n);
	return chain;
}

struct chain *
store_live(const struct store *s, const char *cert, struct key **key, struct err *err)
{
	unsigned n = generation_live(s, cert, err), read = 0;
	struct chain *chain = NULL;

	if (n == 0) {
		err_prefix(err, "%s/live", s->path);
		return NULL;
	}
	/* A generation may be pruned while it is read: then there is a newer one. */
	while (chain == NULL && n != 0 && n != read) {
		read = n;
		chain = generation_load(s, cert, n, key, err);
		if (chain == NULL)
			n = store_live_version(s, cert);
	}
	return chain;
}
