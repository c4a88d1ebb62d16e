/* SPDX-License-Identifier: ISC */
#include "daemon/io/http_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "common/clean.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/file.h"

/* The bundles of systems are 200 to 300 KiB. */
#define BUNDLE_MAX ((size_t)4 * 1024 * 1024)

/* Systems have about 140 roots; a directory with a handful of hashed names is not where
 * theirs are. */
#define ROOTS_MIN 20

/* A bundle of the system's and a file of roots, as one: curl takes one file only. */
struct combined {
	char *file;
	struct timespec changed;
	char *pem;
	size_t length;
	SLIST_ENTRY(combined) link;
};

struct http_trust {
	/* Hashed names: a handshake reads the one root it needs. A bundle is parsed whole,
	 * which takes 20 ms and the better part of a megabyte. */
	char *directory;
	char *bundle; /* NULL where the directory is enough */
	SLIST_HEAD(, combined) combined;
};

static bool
is_hashed_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && strcmp(name + 8, ".0") == 0;
}

static bool
holds_roots(const char *path)
{
	DIR *listing = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (listing == NULL)
		return false;
	while (n < ROOTS_MIN && (entry = readdir(listing)) != NULL)
		n += is_hashed_name(entry->d_name);
	closedir(listing);
	return n == ROOTS_MIN;
}

static const char *
find_directory(const char *default_path)
{
	const char *const candidates[] = { default_path, "/etc/ssl/certs",
		"/etc/pki/ca-trust/extracted/pem/directory-hash" };

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		if (candidates[i] != NULL && holds_roots(candidates[i]))
			return candidates[i];
	}
	return NULL;
}

/* NULL where it is not set, or empty. */
static const char *
get_environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

struct http_trust *
http_trust_new(void)
{
	const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
	struct http_trust *t = xcalloc(1, sizeof(*t));
	const char *named = get_environment("SSL_CERT_DIR");
	const char *bundle = get_environment("SSL_CERT_FILE");
	const char *usual = find_directory(version->capath);
	const char *directory = named != NULL ? named : usual;

	/* An environment that names what is usual anyway: the directory has the same. */
	if (str_eq(bundle, version->cainfo) && usual != NULL && str_eq(directory, usual))
		bundle = NULL;
	if (bundle == NULL && directory == NULL)
		bundle = version->cainfo;
	SLIST_INIT(&t->combined);
	t->directory = xstrdup(directory);
	t->bundle = xstrdup(bundle);
	return t;
}

static void
combined_free(struct combined *c)
{
	free(c->file);
	free(c->pem);
	free(c);
}

void
http_trust_free(struct http_trust *t)
{
	struct combined *c;

	if (t == NULL)
		return;
	while ((c = SLIST_FIRST(&t->combined)) != NULL) {
		SLIST_REMOVE_HEAD(&t->combined, link);
		combined_free(c);
	}
	free(t->directory);
	free(t->bundle);
	free(t);
}

static char *
read_both(const char *first, const char *second, size_t *length, struct err *err)
{
	CLEAN(string) char *a = file_read(AT_FDCWD, first, BUNDLE_MAX, NULL, err);
	CLEAN(string) char *b = NULL;

	if (a == NULL)
		return NULL;
	b = file_read(AT_FDCWD, second, BUNDLE_MAX, NULL, err);
	if (b == NULL)
		return NULL;
	*length = strlen(a) + 1 + strlen(b);
	return xasprintf("%s\n%s", a, b);
}

/* The one for this file as it is now; NULL and an err where it cannot be read. */
static const struct combined *
find_combined(struct http_trust *t, const char *file, struct err *err)
{
	struct combined *c;
	struct stat st;
	size_t length;
	char *pem;

	if (stat(file, &st) == -1) {
		err_set_errno(err, errno, "%s", file);
		return NULL;
	}
	SLIST_FOREACH(c, &t->combined, link)
	{
		if (str_eq(c->file, file))
			break;
	}
	if (c != NULL && memcmp(&c->changed, &st.st_mtim, sizeof(c->changed)) == 0)
		return c;
	pem = read_both(t->bundle, file, &length, err);
	if (pem == NULL)
		return NULL;
	if (c == NULL) {
		c = xcalloc(1, sizeof(*c));
		c->file = xstrdup(file);
		SLIST_INSERT_HEAD(&t->combined, c, link);
	}
	free(c->pem);
	c->pem = pem;
	c->length = length;
	c->changed = st.st_mtim;
	return c;
}

int
http_trust_apply(struct http_trust *t, CURL *easy, const char *file, struct err *err)
{
	const struct combined *c;
	struct curl_blob blob;

	curl_easy_setopt(easy, CURLOPT_CAPATH, t->directory);
	if (file == NULL || t->bundle == NULL) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, file != NULL ? file : t->bundle);
		return 0;
	}
	c = find_combined(t, file, err);
	if (c == NULL) {
		err->kind = ERR_CONFIG;
		return err_prefix(err, "trust");
	}
	blob = (struct curl_blob){ c->pem, c->length, CURL_BLOB_COPY };
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	return 0;
}
