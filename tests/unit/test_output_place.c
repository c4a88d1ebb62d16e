/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/output_rig.h"
#include "tests/unit/store_fixture.h"

#define NOBODY 65534

static void
assert_only_site(void)
{
	CLEAN(string) char *names = listing();

	assert_string_equal(names, "site ");
}

/* ---- what is at the path ---- */

static void
a_symbolic_link_is_refused(void **state)
{
	struct output_config output = site("cert");

	(void)state;
	for (int dangling = 0; dangling < 2; dangling++) {
		assert_int_equal(0,
		    symlink(dangling ? "nowhere" : "../state/lock", out("site")));
		assert_refused(&output,
		    "is a symbolic link, and none is followed here: remove it, or give the "
		    "path that it leads to");
		assert_true(S_ISLNK(stat_of(out("site")).st_mode));
		assert_int_equal(0, unlink(out("site")));
	}
	assert_int_not_equal(stat_of(at("lock")).st_size, 0);
}

static void
only_regular_files_are_replaced(void **state)
{
	static const char why[] = "is no regular file, and is not replaced by one";
	struct output_config output = site("cert");

	(void)state;
	assert_int_equal(0, mkfifo(out("site"), 0644));
	assert_refused(&output, why);
	assert_true(S_ISFIFO(stat_of(out("site")).st_mode));
	assert_int_equal(0, unlink(out("site")));
	assert_int_equal(0, mkdir(out("site"), 0755));
	assert_refused(&output, why);
	assert_true(S_ISDIR(stat_of(out("site")).st_mode));
}

static void
only_the_path_of_a_file_will_do(void **state)
{
	static const char *const paths[] = { "", "site", "./site", "/", "/.", "/tmp/..",
		"/tmp/", "/tmp/site/" };
	struct output_config output = site("cert");

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		output.path = (char *)paths[i];
		assert_refused(&output, "is not the absolute path of a file");
	}
}

static void
odd_slashes_do_no_harm(void **state)
{
	CLEAN(string) char *path = xasprintf("//%s//out/.///../out/site", t.scratch);
	struct output_config output = site("cert");

	(void)state;
	output.path = path;
	assert_written(&output, 0);
	assert_only_site();
	output = site("cert");
	assert_true(is_current(&output, 0));
}

/* ---- the directories on the way ---- */

static void
a_directory_that_is_missing_is_not_made(void **state)
{
	CLEAN(string) char *path = xasprintf("%s/missing/deeper/site", t.scratch);
	CLEAN(string)
	char *expected = xasprintf("the directory %s/missing does not exist, and acmed "
				   "does not make it",
	    t.scratch);
	struct output_config output = site("cert");

	(void)state;
	output.path = path;
	assert_refused(&output, expected);
	assert_false(exists("../missing"));
}

static void
a_link_on_the_way_is_refused(void **state)
{
	CLEAN(string) char *link = xasprintf("%s/link", t.scratch);
	CLEAN(string) char *path = xasprintf("%s/site", link);
	CLEAN(string)
	char *expected = xasprintf("%s is a symbolic link, and none is followed here: give "
				   "the path that it leads to",
	    link);
	struct output_config output = site("cert");

	(void)state;
	assert_int_equal(0, symlink("out", link));
	output.path = path;
	assert_refused(&output, expected);
	assert_int_equal(0, rmdir(out("")));
}

static void
a_file_on_the_way_is_refused(void **state)
{
	CLEAN(string) char *path = xasprintf("%s/site", at("lock"));
	CLEAN(string)
	char *expected = xasprintf("cannot open %s: %s", at("lock"), strerror(ENOTDIR));
	struct output_config output = site("cert");

	(void)state;
	output.path = path;
	assert_refused(&output, expected);
}

static void
a_directory_of_everybody_is_refused(void **state)
{
	CLEAN(string) char *inner = xstrdup(out("inner"));
	CLEAN(string) char *path = xasprintf("%s/site", inner);
	CLEAN(string)
	char *expected = xasprintf("everybody can write to %s: acmed puts nothing there "
				   "(chmod o-w %s mends it)",
	    out(""), out(""));
	struct output_config output = site("cert");

	(void)state;
	assert_int_equal(0, mkdir(inner, 0700));
	assert_int_equal(0, chmod(out(""), 0777));
	assert_refused(&output, expected);
	output.path = path;
	assert_refused(&output, expected);
	assert_int_equal(0, chmod(out(""), 0770));
	assert_written(&output, 0);
}

static void
a_sticky_directory_will_do_for_what_is_ours(void **state)
{
	struct output_config output = site("cert");

	(void)state;
	assert_int_equal(0, chmod(out(""), 01777));
	assert_written(&output, 0);
	assert_written(&output, 1);
	if (geteuid() == 0) {
		CLEAN(string)
		char *expected =
		    xasprintf("everybody can write to %s, and the file there belongs to "
			      "user 65534",
			out(""));

		assert_int_equal(0, chown(out("site"), NOBODY, NOBODY));
		assert_refused(&output, expected);
		output.owner = (char *)"65534";
		assert_written(&output, 0);
	}
	assert_only_site();
}

/* ---- owner and group ---- */

static void
unknown_users_and_groups_are_named(void **state)
{
	struct output_config output = site("cert");

	(void)state;
	output.owner = (char *)"no-such-user";
	assert_refused(&output, "there is no user no-such-user on this host");
	output.owner = (char *)"4294967295";
	assert_refused(&output, "there is no user or group number 4294967295");
	output.owner = NULL;
	output.group = (char *)"no-such-group";
	assert_refused(&output, "there is no group no-such-group on this host");
	output.group = (char *)"99999999999999999999";
	assert_refused(&output, "there is no user or group number 99999999999999999999");
}

static void
our_own_user_and_group_need_no_right(void **state)
{
	CLEAN(string) char *user = xasprintf("%u", (unsigned)geteuid());
	CLEAN(string) char *group = xasprintf("%u", (unsigned)getegid());
	struct output_config output = site("key");

	(void)state;
	output.owner = user;
	output.group = group;
	assert_written(&output, 0);
	assert_true(is_current(&output, 0));
}

static void
root_gives_it_to_anybody(void **state)
{
	struct output_config output = site("key");
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		return; /* others_are_refused_by_the_kernel has this case */
	output.owner = (char *)"nobody";
	output.group = (char *)"daemon";
	output.mode = (char *)"0640";
	assert_written(&output, 0);
	st = stat_of(out("site"));
	assert_int_equal(st.st_uid, NOBODY);
	assert_int_equal(st.st_gid, 1);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(is_current(&output, 0));
	assert_int_equal(0, chown(out("site"), 0, (gid_t)-1));
	assert_false(is_current(&output, 0));
	assert_int_equal(0, chown(out("site"), NOBODY, 0));
	assert_false(is_current(&output, 0));
	assert_written(&output, 0);
	assert_true(is_current(&output, 0));
}

struct refusal {
	const char *owner;
	const char *group;
	const char *said;
};

static bool
is_refused_and_kept(void *arg)
{
	const struct refusal *refusal = arg;
	struct output_config output = site("key");
	struct err err = { 0 };

	if (write_pair(&output, 0, &err) == -1)
		return false;
	output.owner = (char *)refusal->owner;
	output.group = (char *)refusal->group;
	output.mode = (char *)"0644";
	if (write_pair(&output, 1, &err) == 0 || err.kind != ERR_SYSTEM ||
	    strstr(err.text, refusal->said) == NULL) {
		print_error("%s\n", err.text);
		return false;
	}
	output = site("key");
	assert_only_site();
	return is_current(&output, 0);
}

static void
others_are_refused_by_the_kernel(void **state)
{
	static const struct refusal rows[] = {
		{ "1", NULL,
		    " must not give a file to user 1: use \"group\" and \"mode\" instead "
		    "of "
		    "\"owner\", or have root do it by \"queue\" under \"deploy\"" },
		{ NULL, "1",
		    " must not give a file to group 1: make it a member of that group "
		    "(SupplementaryGroups= in acmed.service), or have root do it by "
		    "\"queue\" under \"deploy\"" },
	};

	(void)state;
	assert_int_equal(0, chmod(t.scratch, 0711));
	if (geteuid() == 0)
		assert_int_equal(0, chown(out(""), NOBODY, NOBODY));
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_true(as_nobody(is_refused_and_kept, (void *)&rows[i]));
}

/* ---- file systems ---- */

static bool
tell(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool told = fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	fd_free_at(&fd);
	return told;
}

/* Who is not root becomes the root of a name space, where that is allowed. */
static bool
be_root_somewhere(void)
{
	CLEAN(string) char *users = xasprintf("0 %u 1", (unsigned)geteuid());
	CLEAN(string) char *groups = xasprintf("0 %u 1", (unsigned)getegid());

	return geteuid() == 0 ||
	       (unshare(CLONE_NEWUSER) == 0 && tell("/proc/self/uid_map", users) &&
		   tell("/proc/self/setgroups", "deny") &&
		   tell("/proc/self/gid_map", groups));
}

static bool
mount_small(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", out(""), "tmpfs", 0, "size=16k,mode=0700") == 0;
}

static bool
says(const struct output_config *output, const char *expected)
{
	struct err err = { 0 };

	if (write_pair(output, 1, &err) == -1 && strstr(err.text, expected) != NULL &&
	    is_current(output, 0))
		return true;
	print_error("%s\n", err.text);
	return false;
}

static int
check_file_systems(void)
{
	CLEAN(string)
	char *read_only = xasprintf("%s: the file system is read-only: where "
				    "acmed.service makes it so, add "
				    "ReadWritePaths=%s to it",
	    out("site"), out(""));
	struct output_config output = site("combined");
	struct err err = { 0 };
	char block[4096] = "";
	FILE *filler;

	if (!be_root_somewhere())
		return 0; /* this host lets only root mount anything */
	if (!mount_small())
		return 1;
	if (write_pair(&output, 0, &err) == -1)
		return 2;
	filler = fopen(out("filler"), "w");
	while (fwrite(block, sizeof(block), 1, filler) == 1 && fflush(filler) == 0)
		;
	fclose(filler);
	if (!says(&output, "no space left on the device"))
		return 3;
	if (mount(NULL, out(""), NULL, MS_REMOUNT | MS_RDONLY, "size=16k") == -1)
		return 4;
	return says(&output, read_only) ? 0 : 5;
}

static void
a_file_system_that_is_full_or_read_only_is_named(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(check_file_systems());
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- somebody who changes the path all the time ---- */

static atomic_bool attacking;

static void *
swap_directory(void *arg)
{
	CLEAN(string) char *dir = xasprintf("%s/out", t.scratch);
	CLEAN(string) char *aside = xasprintf("%s/aside", t.scratch);

	(void)arg;
	while (attacking) {
		if (rename(dir, aside) == 0 && symlink("outside", dir) == 0) {
			unlink(dir);
			rename(aside, dir);
		}
	}
	return NULL;
}

static void
nothing_is_written_elsewhere(void **state)
{
	CLEAN(string) char *outside = xasprintf("%s/outside", t.scratch);
	struct output_config output = site("key");
	pthread_t attacker;

	(void)state;
	assert_int_equal(0, mkdir(outside, 0700));
	attacking = true;
	assert_int_equal(0, pthread_create(&attacker, NULL, swap_directory, NULL));
	for (size_t i = 0; i < 1000; i++) {
		struct err err = { 0 };

		write_pair(&output, i % STORE_PAIRS, &err);
	}
	attacking = false;
	assert_int_equal(0, pthread_join(attacker, NULL));
	assert_int_equal(0, rmdir(outside)); /* it is empty */
	assert_written(&output, 0);
	assert_only_site();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OUTPUT_TEST(a_symbolic_link_is_refused),
		OUTPUT_TEST(only_regular_files_are_replaced),
		OUTPUT_TEST(only_the_path_of_a_file_will_do),
		OUTPUT_TEST(odd_slashes_do_no_harm),
		OUTPUT_TEST(a_directory_that_is_missing_is_not_made),
		OUTPUT_TEST(a_link_on_the_way_is_refused),
		OUTPUT_TEST(a_file_on_the_way_is_refused),
		OUTPUT_TEST(a_directory_of_everybody_is_refused),
		OUTPUT_TEST(a_sticky_directory_will_do_for_what_is_ours),
		OUTPUT_TEST(unknown_users_and_groups_are_named),
		OUTPUT_TEST(our_own_user_and_group_need_no_right),
		OUTPUT_TEST(root_gives_it_to_anybody),
		OUTPUT_TEST(others_are_refused_by_the_kernel),
		OUTPUT_TEST(a_file_system_that_is_full_or_read_only_is_named),
		OUTPUT_TEST(nothing_is_written_elsewhere),
	};

	return cmocka_run_group_tests_name("output_place", tests, store_fixture_make_pairs,
	    store_fixture_free_pairs);
}
