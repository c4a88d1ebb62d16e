/* SPDX-License-Identifier: ISC */
/* versions - the generations that are not in force: which there are, and back to one. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/store/store.h"
#include "daemon/store/store_internal.h"

/* ---- which there are ---- */

static bool
is_whole(const struct store *s, const char *cert, unsigned n)
{
	struct err ignored = { 0 };
	CLEAN(chain) struct chain *chain = generation_load(s, cert, n, NULL, &ignored);

	return chain != NULL;
}

static int
oldest_first(const void *a, const void *b)
{
	unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;

	return (left > right) - (left < right);
}

unsigned *
store_versions(const struct store *s, const char *cert)
{
	struct err ignored = { 0 };
	CLEAN(fd) int dir = layout_open(s->archive, cert, &ignored);
	CLEAN(strv) char **names = dir != -1 ? layout_list(dir, &ignored) : NULL;
	size_t count = 0;
	unsigned *versions =
	    xcalloc(strv_length((const char *const *)names) + 1, sizeof(*versions));

	for (char **name = names; name != NULL && *name != NULL; name++) {
		unsigned n = number_parse(*name);

		if (n != 0 && is_whole(s, cert, n))
			versions[count++] = n;
	}
	qsort(versions, count, sizeof(*versions), oldest_first);
	return versions;
}

/* ---- one of them ---- */

struct chain *
store_version(const struct store *s, const char *cert, unsigned version, struct key **key,
    struct err *err)
{
	CLEAN(string) char *name = xasprintf("%s/%s", cert, number_print(version).text);
	struct stat st;

	if (fstatat(s->archive, name, &st, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT) {
		err_set(err, ERR_CONFIG, "there is no version %u of %s", version, cert);
		errno = ENOENT;
		return NULL;
	}
	return generation_load(s, cert, version, key, err);
}

int
store_switch(struct store *s, const char *cert, unsigned version, struct err *err)
{
	CLEAN(chain) struct chain *chain = store_version(s, cert, version, NULL, err);

	if (chain == NULL)
		return -1;
	if (store_live_version(s, cert) == version)
		return 0;
	return publish_switch_live(s, cert, version, err);
}
