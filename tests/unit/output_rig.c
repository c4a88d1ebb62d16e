/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include "tests/unit/output_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/store/output.h"
#include "tests/unit/store_fixture.h"

#define NOBODY 65534

int
output_rig_set_up(void **state)
{
	store_fixture_set_up(state);
	return mkdir(out(""), 0700);
}

int
output_rig_tear_down(void **state)
{
	return store_fixture_tear_down(state);
}

const char *
out(const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/out%s%s", t.scratch, *name != '\0' ? "/" : "",
	    name);
	return path;
}

struct output_config
site(const char *format)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s", out("site"));
	return (struct output_config){ .path = path, .format = (char *)format };
}

int
write_pair(const struct output_config *output, size_t pair, struct err *err)
{
	return output_write(output, &(struct output_pair){ t.key[pair], t.chain[pair] },
	    err);
}

void
assert_written(const struct output_config *output, size_t pair)
{
	struct err err = { 0 };
	int written = write_pair(output, pair, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(written, 0);
}

bool
is_current(const struct output_config *output, size_t pair)
{
	return output_is_current(output,
	    &(struct output_pair){ t.key[pair], t.chain[pair] });
}

void
assert_refused(const struct output_config *output, const char *expected)
{
	CLEAN(string) char *text = xasprintf("%s: %s", output->path, expected);
	struct err err = { 0 };

	assert_int_equal(write_pair(output, 0, &err), -1);
	assert_string_equal(err.text, text);
	assert_false(is_current(output, 0));
}

char *
content_of(const char *path, size_t *length)
{
	char *bytes = xcalloc(65536, 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, 65535);

	assert_true(n >= 0);
	close(fd);
	*length = (size_t)n;
	return bytes;
}

struct stat
stat_of(const char *path)
{
	struct stat st;

	assert_int_equal(0, lstat(path, &st));
	return st;
}

static int
without_dots(const struct dirent *entry)
{
	return !str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..");
}

char *
listing(void)
{
	struct dirent **entries = NULL;
	int count = scandir(out(""), &entries, without_dots, alphasort);
	struct text names = { 0 };

	for (int i = 0; i < count; i++) {
		text_add(&names, "%s ", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return text_take(&names);
}

bool
as_nobody(bool (*what)(void *arg), void *arg)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) == -1 || setgid(NOBODY) == -1 ||
					  setuid(NOBODY) == -1))
			_exit(2);
		_exit(what(arg) ? 0 : 1);
	}
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 2);
	return WEXITSTATUS(status) == 0;
}
