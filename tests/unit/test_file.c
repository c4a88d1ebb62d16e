/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/file.h"

static struct {
	char path[64];
	int dir;
	struct err err;
	int fsync_errnum;  /* what fsync() fails with; 0: it does not */
	int fsyncs_before; /* so many succeed first */
	bool slow_write;   /* a byte at a time, interrupted every other time */
} t;

int
fsync(int fd)
{
	int (*real)(int) = (__typeof__(real))dlsym(RTLD_NEXT, "fsync");

	if (t.fsync_errnum == 0 || t.fsyncs_before-- > 0)
		return real(fd);
	errno = t.fsync_errnum;
	return -1;
}

ssize_t
write(int fd, const void *bytes, size_t length)
{
	static unsigned calls;
	ssize_t (*real)(int, const void *, size_t);

	real = (__typeof__(real))dlsym(RTLD_NEXT, "write");
	if (t.slow_write && ++calls % 2 == 0) {
		errno = EINTR;
		return -1;
	}
	return real(fd, bytes, t.slow_write && length > 1 ? 1 : length);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	umask(022);
	strcpy(t.path, "/tmp/acmed-file-XXXXXX");
	assert_non_null(mkdtemp(t.path));
	t.dir = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	t.fsync_errnum = 0;
	close(t.dir);
	assert_int_equal(file_remove_tree(AT_FDCWD, t.path, &t.err), 0);
	assert_int_equal(access(t.path, F_OK), -1);
	return 0;
}

static unsigned
mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(t.dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static bool
exists(const char *name)
{
	return faccessat(t.dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Written, synced and closed. */
static int
create_file(int dir, const char *name, mode_t mode, const void *bytes, size_t length,
    struct err *err)
{
	CLEAN(fd) int fd = file_write(dir, name, mode, bytes, length, err);

	return fd == -1 ? -1 : file_sync(fd, name, err);
}

static void
put(const char *name, const char *text)
{
	assert_int_equal(create_file(t.dir, name, 0644, text, strlen(text), &t.err), 0);
}

static void
assert_content(const char *name, const char *text)
{
	size_t length;
	CLEAN(string) char *bytes = file_read(t.dir, name, 1000, &length, &t.err);

	assert_non_null(bytes);
	assert_string_equal(bytes, text);
	assert_int_equal(length, strlen(text));
}

/* What the last failure said. */
static void
assert_failed(int result, const char *text)
{
	assert_int_equal(result, -1);
	assert_string_equal(t.err.text, text);
	assert_int_equal(t.err.kind, ERR_SYSTEM);
	memset(&t.err, 0, sizeof(t.err));
}

/* ---- directories ---- */

static void
test_a_directory_is_made_with_its_mode(void **state)
{
	static const mode_t masks[] = { 0, 022, 077 };

	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++) {
		int fd;

		umask(masks[i]);
		fd = file_open_dir(t.dir, "d", 0755, &t.err);
		assert_int_not_equal(fd, -1);
		assert_int_equal(mode_of("d"), 0755);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(create_file(fd, "f", 0600, "x", 1, &t.err), 0);
		assert_content("d/f", "x");
		close(fd);
		assert_int_equal(file_remove_tree(t.dir, "d", &t.err), 0);
	}
}

static void
test_a_directory_that_is_open_to_others_is_closed(void **state)
{
	static const struct {
		mode_t before, asked, after;
	} cases[] = {
		{ 0755, 0700, 0700 },
		{ 0777, 0750, 0750 },
		{ 0500, 0700, 0500 }, /* tighter than asked: somebody wanted it so */
		{ 02770, 0750, 0750 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(mkdirat(t.dir, "d", 0700), 0);
		assert_int_equal(fchmodat(t.dir, "d", cases[i].before, 0), 0);
		close(file_open_dir(t.dir, "d", cases[i].asked, &t.err));
		assert_int_equal(mode_of("d"), cases[i].after);
		assert_int_equal(unlinkat(t.dir, "d", AT_REMOVEDIR), 0);
	}
}

static void
test_no_link_leads_to_a_directory(void **state)
{
	CLEAN(string) char *beyond = xasprintf("%s/link/below", t.path);

	(void)state;
	assert_int_equal(mkdirat(t.dir, "real", 0700), 0);
	assert_int_equal(symlinkat("real", t.dir, "link"), 0);
	put("plain", "");
	assert_failed(file_open_dir(t.dir, "link", 0700, &t.err),
	    "cannot open link: link is a symbolic link, and none is followed here");
	assert_failed(file_open_dir(t.dir, "link/below", 0700, &t.err),
	    "cannot open link/below: link is a symbolic link, and none is followed here");
	assert_failed(create_file(t.dir, "link/f", 0600, "", 0, &t.err),
	    "cannot open link/f: link is a symbolic link, and none is followed here");
	assert_failed(file_open_dir(t.dir, "plain", 0700, &t.err),
	    "cannot open plain: plain is no directory");
	assert_failed(file_open_dir(t.dir, "missing/below", 0700, &t.err),
	    "cannot open missing/below: No such file or directory");
	/* An absolute path is the administrator's, whose /var may be a link. */
	close(file_open_dir(AT_FDCWD, beyond, 0700, &t.err));
	assert_true(exists("real/below"));
}

/* ---- reading ---- */

static void
test_a_file_is_read_up_to_a_limit(void **state)
{
	CLEAN(string) char *bytes = NULL;

	(void)state;
	put("f", "0123456789");
	assert_content("f", "0123456789");
	bytes = file_read(t.dir, "f", 10, NULL, &t.err);
	assert_string_equal(bytes, "0123456789");
	assert_null(file_read(t.dir, "f", 9, NULL, &t.err));
	assert_failed(-1, "cannot read f: it is larger than 9 bytes");
	put("empty", "");
	assert_content("empty", "");
	assert_int_equal(symlinkat("f", t.dir, "link"), 0);
	assert_content("link", "0123456789");
}

static void
test_a_file_without_a_size_is_read_whole(void **state)
{
	size_t length;
	CLEAN(string)
	char *bytes = file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &length, &t.err);

	(void)state;
	assert_non_null(bytes);
	assert_true(length > 500);
	assert_non_null(strstr(bytes, "\nVmRSS:"));
	assert_null(file_read(AT_FDCWD, "/dev/zero", 100, NULL, &t.err));
	assert_failed(-1, "cannot read /dev/zero: it is no regular file");
}

static void
test_what_cannot_be_read_is_said(void **state)
{
	(void)state;
	errno = 0;
	assert_null(file_read(t.dir, "missing", 10, NULL, &t.err));
	assert_int_equal(errno, ENOENT);
	assert_failed(-1, "cannot read missing: No such file or directory");
	assert_int_equal(mkfifoat(t.dir, "pipe", 0600), 0);
	assert_null(file_read(t.dir, "pipe", 10, NULL, &t.err)); /* and does not hang */
	assert_failed(-1, "cannot read pipe: it is no regular file");
	assert_null(file_read(t.dir, ".", 10, NULL, &t.err));
	assert_failed(-1, "cannot read .: it is no regular file");
}

/* ---- writing ---- */

static void
test_a_file_has_its_mode_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0, 022, 0777 };
	static const mode_t modes[] = { 0600, 0644, 0640, 0666 };

	(void)state;
	for (size_t i = 0; i < COUNT(masks) * COUNT(modes); i++) {
		mode_t mode = modes[i % COUNT(modes)];

		umask(masks[i / COUNT(modes)]);
		assert_int_equal(create_file(t.dir, "a", mode, "x", 1, &t.err), 0);
		assert_int_equal(mode_of("a"), mode);
		assert_int_equal(file_replace(t.dir, "a", 0600, "y", 1, &t.err), 0);
		assert_int_equal(mode_of("a"), 0600);
		assert_int_equal(unlinkat(t.dir, "a", 0), 0);
	}
}

static void
test_a_new_file_must_be_new(void **state)
{
	(void)state;
	put("f", "old");
	assert_int_equal(symlinkat("victim", t.dir, "link"), 0);
	assert_failed(create_file(t.dir, "f", 0600, "new", 3, &t.err),
	    "cannot write f: File exists");
	assert_failed(create_file(t.dir, "link", 0600, "new", 3, &t.err),
	    "cannot write link: File exists");
	assert_content("f", "old");
	assert_false(exists("victim"));
}

static void
test_interrupted_writes_go_on(void **state)
{
	(void)state;
	t.slow_write = true;
	assert_int_equal(file_replace(t.dir, "f", 0600, "0123456789", 10, &t.err), 0);
	t.slow_write = false;
	assert_content("f", "0123456789");
}

static void
test_replacing_leaves_nothing_beside_the_file(void **state)
{
	(void)state;
	put("victim", "not ours");
	assert_int_equal(symlinkat("victim", t.dir, ".f.new"), 0); /* left by a crash */
	assert_int_equal(file_replace(t.dir, "f", 0600, "1", 1, &t.err), 0);
	assert_int_equal(file_replace(t.dir, "f", 0600, "2", 1, &t.err), 0);
	assert_content("f", "2");
	assert_content("victim", "not ours");
	assert_false(exists(".f.new"));
	/* A link is replaced, not what it points to. */
	assert_int_equal(symlinkat("victim", t.dir, "link"), 0);
	assert_int_equal(file_replace(t.dir, "link", 0600, "3", 1, &t.err), 0);
	assert_content("link", "3");
	assert_content("victim", "not ours");
}

static void
test_a_failed_sync_leaves_the_old_file(void **state)
{
	static const struct {
		int errnum;
		const char *text;
	} cases[] = {
		{ EIO, "cannot write f: Input/output error" },
		{ ENOSPC,
		    "cannot write f: no space left on the device (see df and df -i)" },
		{ EDQUOT, "cannot write f: the disk quota is used up" },
		{ EROFS,
		    "cannot write f: the file system is read-only (where a systemd unit "
		    "makes it so, add the directory to its ReadWritePaths=)" },
	};

	(void)state;
	put("f", "old");
	for (size_t i = 0; i < COUNT(cases); i++) {
		t.fsync_errnum = cases[i].errnum;
		assert_failed(file_replace(t.dir, "f", 0600, "new", 3, &t.err),
		    cases[i].text);
		assert_int_equal(create_file(t.dir, "g", 0600, "new", 3, &t.err), -1);
		unlinkat(t.dir, "g", 0); /* which is the caller's */
		t.fsync_errnum = 0;
		assert_content("f", "old");
		assert_false(exists(".f.new"));
	}
}

static void
test_a_directory_that_cannot_be_synced_is_a_failure(void **state)
{
	(void)state;
	t.fsync_errnum = EIO;
	t.fsyncs_before = 1;
	assert_failed(file_replace(t.dir, "f", 0600, "new", 3, &t.err),
	    "cannot replace f: Input/output error");
	assert_failed(file_switch_link(t.dir, "l", "f", &t.err),
	    "cannot replace l: Input/output error");
	assert_failed(file_sync_dir(t.dir, &t.err),
	    "cannot sync the directory: Input/output error");
}

static void
test_a_failed_rename_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(t.dir, "d", 0700), 0);
	assert_failed(file_replace(t.dir, "d", 0600, "new", 3, &t.err),
	    "cannot replace d: Is a directory");
	assert_failed(file_switch_link(t.dir, "d", "x", &t.err),
	    "cannot replace d: Is a directory");
	assert_false(exists(".d.new"));
	assert_failed(file_rename(t.dir, "missing", "x", &t.err),
	    "cannot rename missing: No such file or directory");
	put("f", "text");
	assert_int_equal(file_rename(t.dir, "f", "d/g", &t.err), 0);
	assert_content("d/g", "text");
}

static void
test_a_name_that_is_too_long_is_said(void **state)
{
	char name[260];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[252] = '\0';
	assert_int_equal(file_replace(t.dir, name, 0600, "", 0, &t.err), -1);
	assert_non_null(strstr(t.err.text, ": File name too long"));
	name[252] = 'n';
	name[259] = '\0';
	assert_int_equal(create_file(t.dir, name, 0600, "", 0, &t.err), -1);
	assert_non_null(strstr(t.err.text, ": File name too long"));
	assert_failed(create_file(t.dir, "", 0600, "", 0, &t.err),
	    "cannot open : No such file or directory");
}

/* ---- links, trees ---- */

static void
test_a_link_is_switched(void **state)
{
	char target[16] = "";

	(void)state;
	assert_int_equal(file_switch_link(t.dir, "live", "archive/1", &t.err), 0);
	assert_int_equal(symlinkat("crash", t.dir, ".live.new"), 0);
	assert_int_equal(file_switch_link(t.dir, "live", "archive/2", &t.err), 0);
	assert_int_equal(readlinkat(t.dir, "live", target, sizeof(target)), 9);
	assert_string_equal(target, "archive/2");
	assert_false(exists(".live.new"));
}

static void
test_a_tree_is_removed_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(t.dir, "outside", 0700), 0);
	put("outside/f", "stays");
	assert_int_equal(mkdirat(t.dir, "d", 0700), 0);
	assert_int_equal(mkdirat(t.dir, "d/e", 0700), 0);
	assert_int_equal(mkdirat(t.dir, "d/e/g", 0700), 0);
	put("d/f", "x");
	put("d/e/.f", "x");
	assert_int_equal(symlinkat("../outside", t.dir, "d/link"), 0);
	assert_int_equal(symlinkat("outside", t.dir, "link"), 0);
	assert_int_equal(mkfifoat(t.dir, "d/pipe", 0600), 0);
	assert_int_equal(file_remove_tree(t.dir, "d", &t.err), 0);
	assert_int_equal(file_remove_tree(t.dir, "link", &t.err), 0);
	assert_false(exists("d"));
	assert_false(exists("link"));
	assert_content("outside/f", "stays");
	assert_int_equal(file_remove_tree(t.dir, "missing", &t.err), 0);
	assert_int_equal(file_remove_tree(t.dir, "missing/below", &t.err), 0);
	assert_string_equal(t.err.text, "");
}

static void
test_a_tree_without_end_is_left(void **state)
{
	struct text name = { 0 };

	(void)state;
	for (int i = 0; i < 40; i++) {
		text_add(&name, "%sd", i > 0 ? "/" : "");
		assert_int_equal(mkdirat(t.dir, name.s, 0700), 0);
	}
	assert_int_equal(file_remove_tree(t.dir, "d", &t.err), -1);
	assert_string_equal(t.err.text, "cannot remove d: Is a directory");
	/* With what is too much out of the way, it goes. */
	name.s[strlen("d/d/d/d/d/d/d/d/d/d")] = '\0';
	assert_int_equal(renameat(t.dir, name.s, t.dir, "e"), 0);
	assert_int_equal(file_remove_tree(t.dir, "d", &t.err), 0);
	assert_int_equal(file_remove_tree(t.dir, "e", &t.err), 0);
	text_clear(&name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_directory_is_made_with_its_mode),
		TEST(test_a_directory_that_is_open_to_others_is_closed),
		TEST(test_no_link_leads_to_a_directory),
		TEST(test_a_file_is_read_up_to_a_limit),
		TEST(test_a_file_without_a_size_is_read_whole),
		TEST(test_what_cannot_be_read_is_said),
		TEST(test_a_file_has_its_mode_whatever_the_umask),
		TEST(test_a_new_file_must_be_new),
		TEST(test_interrupted_writes_go_on),
		TEST(test_replacing_leaves_nothing_beside_the_file),
		TEST(test_a_failed_sync_leaves_the_old_file),
		TEST(test_a_directory_that_cannot_be_synced_is_a_failure),
		TEST(test_a_failed_rename_leaves_nothing),
		TEST(test_a_name_that_is_too_long_is_said),
		TEST(test_a_link_is_switched),
		TEST(test_a_tree_is_removed_and_nothing_else),
		TEST(test_a_tree_without_end_is_left),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
