/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/file.h"
#include "daemon/io/file_swap.h"

static struct {
	char path[64];
	int dir;
	struct file_spare spare;
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
pwrite(int fd, const void *bytes, size_t length, off_t at)
{
	static unsigned calls;
	ssize_t (*real)(int, const void *, size_t, off_t);

	real = (__typeof__(real))dlsym(RTLD_NEXT, "pwrite");
	if (t.slow_write && ++calls % 2 == 0) {
		errno = EINTR;
		return -1;
	}
	return real(fd, bytes, t.slow_write && length > 1 ? 1 : length, at);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.spare.name = ".spare.new";
	strcpy(t.path, "/tmp/acmed-swap-XXXXXX");
	assert_non_null(mkdtemp(t.path));
	t.dir = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close(t.dir);
	assert_int_equal(file_remove_tree(AT_FDCWD, t.path, &t.err), 0);
	return 0;
}

static int
swap(const char *name, const char *text)
{
	memset(&t.err, 0, sizeof(t.err));
	return file_swap(t.dir, name, &t.spare, text, strlen(text), &t.err);
}

static struct stat
look(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(t.dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static bool
exists(const char *name)
{
	return faccessat(t.dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
put(const char *name, const char *text)
{
	assert_int_equal(file_replace(t.dir, name, 0600, text, strlen(text), &t.err), 0);
}

static void
assert_content(const char *name, const char *text)
{
	CLEAN(string) char *bytes = file_read(t.dir, name, 1000, NULL, &t.err);

	assert_non_null(bytes);
	assert_string_equal(bytes, text);
}

/* ---- as it should be ---- */

static void
test_two_files_take_turns(void **state)
{
	ino_t first, second;

	(void)state;
	assert_int_equal(swap("f", "one"), 0);
	assert_false(t.spare.there); /* there was nothing to exchange it for */
	first = look("f").st_ino;
	assert_int_equal(swap("f", "two"), 0);
	assert_content(t.spare.name, "one");
	second = look("f").st_ino;
	assert_int_not_equal(first, second);
	assert_int_equal(swap("f", "three"), 0);
	assert_content("f", "three");
	assert_int_equal(look("f").st_ino, first);
	assert_int_equal(swap("f", "4"), 0); /* shorter than what it is written over */
	assert_content("f", "4");
	assert_int_equal(look("f").st_ino, second);
	file_spare_drop(t.dir, &t.spare);
	assert_false(exists(t.spare.name));
	assert_content("f", "4");
}

static void
test_one_spare_does_for_several_files(void **state)
{
	(void)state;
	put("f", "f1");
	put("g", "g1");
	assert_int_equal(swap("f", "f2"), 0);
	assert_int_equal(swap("g", "g2"), 0);
	assert_content("f", "f2");
	assert_content("g", "g2");
	assert_content(t.spare.name, "g1");
}

static void
test_the_mode_is_tight(void **state)
{
	(void)state;
	put("f", "1");
	assert_int_equal(fchmodat(t.dir, "f", 0644, 0), 0);
	assert_int_equal(swap("f", "2"), 0);
	assert_int_equal(look("f").st_mode & 07777, 0600);
	assert_int_equal(swap("f", "3"), 0); /* in what was open to others */
	assert_int_equal(look("f").st_mode & 07777, 0600);
}

static void
test_interrupted_writes_go_on(void **state)
{
	(void)state;
	t.slow_write = true;
	assert_int_equal(swap("f", "0123456789"), 0);
	t.slow_write = false;
	assert_content("f", "0123456789");
}

/* ---- what is not ours to write over ---- */

static void
test_a_file_with_a_second_name_stays_as_it_is(void **state)
{
	(void)state;
	put("f", "old");
	assert_int_equal(linkat(t.dir, "f", t.dir, "backup", 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(swap("f", "new"), 0);
	assert_content("backup", "old");
	/* Also where it gets one while it is the spare. */
	assert_true(t.spare.there);
	assert_int_equal(linkat(t.dir, t.spare.name, t.dir, "later", 0), 0);
	assert_int_equal(swap("f", "newer"), 0);
	assert_int_equal(swap("f", "newest"), 0);
	assert_content("later", "new");
	assert_content("f", "newest");
}

static void
test_no_link_is_followed(void **state)
{
	(void)state;
	put("victim", "not ours");
	assert_int_equal(symlinkat("victim", t.dir, t.spare.name), 0); /* from a crash */
	assert_int_equal(symlinkat("victim", t.dir, "f"), 0);
	assert_int_equal(swap("f", "1"), 0);
	assert_content("f", "1");
	assert_int_equal(swap("f", "2"), 0);
	assert_true(t.spare.there);
	unlinkat(t.dir, t.spare.name, 0);
	assert_int_equal(symlinkat("victim", t.dir, t.spare.name), 0);
	assert_int_equal(swap("f", "3"), 0);
	assert_content("f", "3");
	assert_content("victim", "not ours");
}

static void
test_a_directory_is_not_replaced(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(t.dir, "d", 0700), 0);
	assert_int_equal(swap("d", "1"), -1);
	assert_string_equal(t.err.text, "cannot replace d: Is a directory");
	assert_false(exists(t.spare.name));
	assert_true(S_ISDIR(look("d").st_mode));
}

/* ---- failures ---- */

static void
test_a_failed_sync_leaves_the_old_file(void **state)
{
	(void)state;
	put("f", "old");
	for (int i = 0; i < 2; i++) { /* in a new spare, and in one that is used again */
		t.fsync_errnum = EIO;
		assert_int_equal(swap("f", "new"), -1);
		assert_string_equal(t.err.text, "cannot write f: Input/output error");
		assert_int_equal(t.err.kind, ERR_SYSTEM);
		t.fsync_errnum = 0;
		assert_content("f", "old");
		assert_false(exists(t.spare.name));
		assert_int_equal(swap("f", "older"), 0);
		assert_int_equal(swap("f", "old"), 0);
	}
}

/* The exchange may not be on disk: then what is the spare now is what will be found. */
static void
test_after_a_failed_sync_of_the_directory_nothing_is_written_over(void **state)
{
	(void)state;
	put("f", "old");
	t.fsync_errnum = EIO;
	t.fsyncs_before = 1;
	assert_int_equal(swap("f", "new"), -1);
	assert_string_equal(t.err.text, "cannot replace f: Input/output error");
	assert_false(exists(t.spare.name));
	assert_false(t.spare.there);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_two_files_take_turns),
		TEST(test_one_spare_does_for_several_files),
		TEST(test_the_mode_is_tight),
		TEST(test_interrupted_writes_go_on),
		TEST(test_a_file_with_a_second_name_stays_as_it_is),
		TEST(test_no_link_is_followed),
		TEST(test_a_directory_is_not_replaced),
		TEST(test_a_failed_sync_leaves_the_old_file),
		TEST(test_after_a_failed_sync_of_the_directory_nothing_is_written_over),
	};

	return cmocka_run_group_tests_name("file_swap", tests, NULL, NULL);
}
