/* SPDX-License-Identifier: ISC */
#include "daemon/store/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/crypto/export.h"
#include "daemon/io/file.h"
#include "daemon/store/output_place.h"

/* Ten certificates, a key and the words around them are far less. */
#define OUTPUT_MOST ((size_t)512 * 1024)

/* ---- what is in it ---- */

/* May be a secret. */
struct content {
	char *bytes;
	size_t length;
};

static inline void
content_free_at(struct content *c)
{
	secret_free(c->bytes, c->length);
}

static bool
has_key(enum output_format format)
{
	return format == OUTPUT_KEY || format == OUTPUT_COMBINED || format == OUTPUT_PKCS12;
}

static void
take_text(struct content *c, char *text)
{
	c->bytes = text;
	c->length = strlen(text);
}

static void
append_chain(struct content *c, const struct chain *chain)
{
	CLEAN(string) char *pem = chain_pem(chain);
	size_t length = strlen(pem);
	char *both = xcalloc(c->length + length + 1, 1);

	memcpy(both, c->bytes, c->length);
	memcpy(both + c->length, pem, length + 1);
	secret_free(c->bytes, c->length);
	c->bytes = both;
	c->length += length;
}

static int
make_content(struct content *c, const struct output_config *output,
    const struct output_pair *pair, struct err *err)
{
	const enum output_format format = output_format_find(output->format);

	switch (format) {
	case OUTPUT_FULLCHAIN:
		take_text(c, chain_pem(pair->chain));
		break;
	case OUTPUT_CERT:
		take_text(c, chain_leaf_pem(pair->chain));
		break;
	case OUTPUT_CHAIN:
		take_text(c, chain_rest_pem(pair->chain));
		break;
	case OUTPUT_KEY:
	case OUTPUT_COMBINED:
		c->bytes = key_save(pair->key, KEY_PEM, &c->length, err);
		if (c->bytes != NULL && format == OUTPUT_COMBINED)
			append_chain(c, pair->chain);
		break;
	case OUTPUT_PKCS12:
		c->bytes = export_pkcs12(pair->key, pair->chain, output->password,
		    &c->length, err);
		break;
	case OUTPUT_DER:
		c->bytes = export_der(pair->chain, &c->length);
		break;
	case OUTPUT_FORMAT_COUNT:
		err_set(err, ERR_CONFIG, "there is no format \"%.40s\"", output->format);
	}
	return c->bytes != NULL ? 0 : -1;
}

/* ---- what is there ---- */

/* All of it, into `c`; false where there is more than `most`, or it cannot be read. */
static bool
read_open(struct content *c, int fd, size_t most)
{
	ssize_t n = 1;

	c->bytes = xcalloc(most + 1, 1);
	while (n > 0 && c->length <= most) {
		n = read(fd, c->bytes + c->length, most + 1 - c->length);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0)
			c->length += (size_t)n;
	}
	return n == 0;
}

static bool
has_content(int fd, size_t size, const struct output_config *output,
    const struct output_pair *pair)
{
	CLEAN(content) struct content found = { 0 };
	CLEAN(content) struct content wanted = { 0 };
	struct err ignored = { 0 };

	if (size > OUTPUT_MOST || !read_open(&found, fd, size))
		return false;
	/* Which is never twice the same. */
	if (output_format_find(output->format) == OUTPUT_PKCS12)
		return export_is_pkcs12(found.bytes, found.length, output->password,
		    pair->key, pair->chain);
	return make_content(&wanted, output, pair, &ignored) == 0 &&
	       found.length == wanted.length &&
	       memcmp(found.bytes, wanted.bytes, wanted.length) == 0;
}

bool
output_is_current(const struct output_config *output, const struct output_pair *pair)
{
	CLEAN(output_place) struct output_place place = { .dir = -1 };
	const bool secret = has_key(output_format_find(output->format));
	struct output_access access;
	struct err ignored = { 0 };
	CLEAN(fd) int fd = -1;
	struct stat st;

	if (output_access_find(&access, output, secret, &ignored) == -1 ||
	    output_place_open(&place, output->path, access.owner, &ignored) == -1)
		return false;
	/* A named pipe must not hold us up. */
	fd = openat(place.dir, place.leaf,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       output_access_fits(&access, &st) &&
	       has_content(fd, (size_t)st.st_size, output, pair);
}

/* ---- writing ---- */

/* What file_write() says, with the directory that a systemd unit may have closed. */
static int
explain_write(const struct output_place *place, int errnum, struct err *err)
{
	if (errnum == EROFS)
		err_set(err, ERR_SYSTEM,
		    "the file system is read-only: where acmed.service makes it so, add "
		    "ReadWritePaths=%s to it",
		    place->dir_path);
	return -1;
}

/* A file that is whole, has its owner, group and mode, and is on disk. */
static int
finish_file(const struct output_config *output, const struct output_access *access, int fd,
    struct err *err)
{
	if (output_access_give(access, output, fd, err) == -1)
		return -1;
	return file_sync(fd, "the new file", err);
}

static int
put(const struct output_place *place, const struct output_config *output,
    const struct output_access *access, const struct content *content, struct err *err)
{
	CLEAN(string) char *temporary = output_place_temporary(place);
	CLEAN(fd) int fd = -1;

	fd = file_write(place->dir, temporary, 0600, content->bytes, content->length, err);
	if (fd == -1)
		return explain_write(place, errno, err);
	if (finish_file(output, access, fd, err) == -1 ||
	    file_rename(place->dir, temporary, place->leaf, err) == -1) {
		unlinkat(place->dir, temporary, 0);
		return -1;
	}
	return file_sync_dir(place->dir, err);
}

static int
write_output(const struct output_config *output, const struct output_pair *pair,
    struct err *err)
{
	CLEAN(output_place) struct output_place place = { .dir = -1 };
	CLEAN(content) struct content content = { 0 };
	const bool secret = has_key(output_format_find(output->format));
	struct output_access access;

	if (output_access_find(&access, output, secret, err) == -1 ||
	    make_content(&content, output, pair, err) == -1 ||
	    output_place_open(&place, output->path, access.owner, err) == -1)
		return -1;
	output_place_tidy(&place);
	return put(&place, output, &access, &content, err);
}

int
output_write(const struct output_config *output, const struct output_pair *pair,
    struct err *err)
{
	if (write_output(output, pair, err) == -1)
		return err_prefix(err, "%s", output->path);
	return 0;
}
