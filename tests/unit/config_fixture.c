/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include "tests/unit/config_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "common/str.h"

char fixture_directory[64];

int
fixture_setup(void **state)
{
	CLEAN(string) char *certs = NULL;

	(void)state;
	snprintf(fixture_directory, sizeof(fixture_directory), "/tmp/acmed-config-XXXXXX");
	if (mkdtemp(fixture_directory) == NULL)
		return -1;
	certs = fixture_path("certs.d");
	return mkdir(certs, 0755);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int
fixture_teardown(void **state)
{
	(void)state;
	return nftw(fixture_directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *
fixture_path(const char *name)
{
	return xasprintf("%s/%s", fixture_directory, name);
}

void
fixture_write_mode(const char *name, const char *text, mode_t mode)
{
	CLEAN(string) char *path = fixture_path(name);
	CLEAN(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void
fixture_write(const char *name, const char *text)
{
	fixture_write_mode(name, text, 0600);
}

void
fixture_copy(const char *name, const char *from)
{
	const char *srcdir = getenv("srcdir");
	CLEAN(string) char *path = xasprintf("%s/%s", srcdir != NULL ? srcdir : ".", from);
	CLEAN(stream) FILE *f = fopen(path, "r");
	char text[8192] = { 0 };

	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fixture_write(name, text);
}

void
fixture_remove(const char *name)
{
	CLEAN(string) char *path = fixture_path(name);

	assert_int_equal(remove(path), 0);
}

/* The directory is another one each time. */
static void
add_without_directory(struct text *t, const char *line)
{
	size_t length = strlen(fixture_directory);

	for (const char *p = line; *p != '\0'; p++) {
		if (strncmp(p, fixture_directory, length) == 0 && p[length] == '/')
			p += length + 1;
		text_add_bytes(t, p, 1);
	}
}

char *
fixture_print(struct problems *problems)
{
	struct text t = { 0 };

	for (size_t i = 0; i < problems->count; i++) {
		CLEAN(string) char *line = problem_print(&problems->list[i]);

		add_without_directory(&t, line);
		text_add(&t, "\n");
	}
	problems_clear(problems);
	return text_take(&t);
}

struct config *
fixture_load(char **told)
{
	CLEAN(string) char *path = fixture_path("acmed.yaml");
	struct problems problems = { 0 };
	struct config *c = config_load(path, &problems);
	CLEAN(string) char *all = NULL;

	assert_true((c == NULL) == (problems.errors > 0));
	all = fixture_print(&problems);
	if (told == NULL)
		assert_string_equal(all, "");
	else
		*told = TAKE(all);
	return c;
}

void
assert_told(const char *expected)
{
	CLEAN(string) char *told = NULL;
	CLEAN(config) struct config *c = fixture_load(&told);

	assert_string_equal(told, expected);
	assert_null(c);
}
