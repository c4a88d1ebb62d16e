/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/store/store.h"
#include "tests/unit/store_fixture.h"

/* ---- modes ---- */

static int
check_mode(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	unsigned expected = S_ISDIR(st->st_mode) ? 0700 : 0600;

	(void)kind;
	if (where->level == 0 || S_ISLNK(st->st_mode) || (st->st_mode & 07777) == expected)
		return 0;
	print_error("%s has mode %04o\n", path, st->st_mode & 07777);
	return -1;
}

static void
all_is_private_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0000, 0022, 0077, 0777 };
	CLEAN(json) struct json_object *doc = json_object_new_object();
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++) {
		mode_t before = umask(masks[i]);
		char *dir = xasprintf("%s/%04o", t.scratch, masks[i]);
		unsigned version;

		string_free(t.dir);
		t.dir = dir;
		open_again();
		assert_int_equal(0, store_save_account_key(t.store, "a", t.key[0], &err));
		assert_int_equal(0, store_save_account(t.store, "a", doc, &err));
		assert_int_equal(0, store_save_state(t.store, "example", "{}", &err));
		assert_int_equal(0, publish(0, 5, &version, &err));
		assert_int_equal(0, store_stage_key(t.store, "example", t.key[1], &err));
		umask(before);
		assert_int_equal(0, nftw(t.scratch, check_mode, 16, FTW_PHYS));
	}
}

static void
what_became_wider_is_tightened(void **state)
{
	static const char *const directories[] = { ".", "accounts", "archive", "live",
		"staging", "state" };

	(void)state;
	assert_publishes(0, 5, 1);
	for (size_t i = 0; i < COUNT(directories); i++)
		assert_int_equal(0, chmod(at(directories[i]), 0755));
	assert_int_equal(0, chmod(at("lock"), 0666));
	assert_int_equal(0, chmod(at("live/example/privkey.pem"), 0644));
	open_again();
	assert_live(0);
	for (size_t i = 0; i < COUNT(directories); i++)
		assert_int_equal(mode_of(directories[i]), 0700);
	assert_int_equal(mode_of("lock"), 0600);
	assert_int_equal(mode_of("live/example/privkey.pem"), 0600);
}

/* ---- opening ---- */

static void
assert_does_not_open(const char *expected_end)
{
	CLEAN(string) char *expected = xasprintf("%s%s", t.dir, expected_end);
	struct err err = { 0 };

	assert_null(store_open(t.dir, &err));
	assert_string_equal(err.text, expected);
}

static void
a_second_store_is_refused(void **state)
{
	CLEAN(string)
	char *expected =
	    xasprintf("/lock: another acmed (pid %ld) uses this state directory",
		(long)getpid());
	struct err err = { 0 };

	(void)state;
	assert_does_not_open(expected);
	store_open(t.dir, &err);
	assert_int_equal(err.kind, ERR_CONFIG);
	open_again();
}

static void
the_lock_dies_with_its_process(void **state)
{
	int ready[2];
	char byte;
	pid_t child;

	(void)state;
	store_close(TAKE(t.store));
	assert_int_equal(0, pipe(ready));
	child = fork();
	if (child == 0) {
		struct err err = { 0 };
		struct store *s = store_open(t.dir, &err);

		if (s == NULL || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(1, read(ready[0], &byte, 1));
	assert_null(store_open(t.dir, &(struct err){ 0 }));
	kill(child, SIGKILL);
	assert_int_equal(child, waitpid(child, NULL, 0));
	open_again();
	close(ready[0]);
	close(ready[1]);
}

static void
a_lock_that_is_no_file_is_refused(void **state)
{
	(void)state;
	store_close(TAKE(t.store));
	assert_int_equal(0, unlink(at("lock")));
	assert_int_equal(0, mkfifo(at("lock"), 0600));
	assert_does_not_open("/lock: is no regular file");
	assert_int_equal(0, unlink(at("lock")));
	assert_int_equal(0, symlink("/etc/passwd", at("lock")));
	assert_does_not_open("/lock: Too many levels of symbolic links");
}

static void
a_directory_without_a_parent_is_refused(void **state)
{
	CLEAN(string) char *dir = xasprintf("%s/missing/state", t.scratch);
	struct err err = { 0 };

	(void)state;
	assert_null(store_open(dir, &err));
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_true(str_ends(err.text,
	    "/missing/state: the directory that is to hold it does not exist"));
}

static void
a_directory_may_be_a_link_but_not_what_is_in_it(void **state)
{
	CLEAN(string) char *link = xasprintf("%s/link", t.scratch);
	struct err err = { 0 };

	(void)state;
	assert_publishes(0, 5, 1);
	assert_int_equal(0, symlink("state", link));
	free(t.dir);
	t.dir = xstrdup(link);
	open_again();
	assert_live(0);
	store_close(TAKE(t.store));
	assert_int_equal(0, rename(at("live"), at("elsewhere")));
	assert_int_equal(0, symlink("elsewhere", at("live")));
	assert_null(store_open(t.dir, &err));
	assert_non_null(strstr(err.text, "live"));
}

static void
open_as_nobody(int to)
{
	struct err err = { 0 };
	struct store *s;

	if (setgid(65534) == -1 || setuid(65534) == -1)
		_exit(1);
	s = store_open(t.dir, &err);
	if (s != NULL || dprintf(to, "%s", err.text) < 0)
		_exit(1);
	_exit(0);
}

static void
a_directory_of_somebody_else_is_refused(void **state)
{
	char said[512] = "";
	int ends[2], status;
	pid_t child;

	(void)state;
	if (geteuid() != 0) {
		struct err err = { 0 };

		assert_null(store_open("/usr", &err));
		assert_non_null(strstr(err.text, "/usr: belongs to user 0"));
		return;
	}
	store_close(TAKE(t.store));
	assert_int_equal(0, chmod(t.scratch, 0755));
	assert_int_equal(0, chmod(t.dir, 0755));
	assert_int_equal(0, pipe(ends));
	child = fork();
	if (child == 0)
		open_as_nobody(ends[1]);
	close(ends[1]);
	assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
	close(ends[0]);
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_int_equal(status, 0);
	assert_string_equal(said + strlen(t.dir),
	    ": belongs to user 0, and its mode 0755 cannot be tightened: "
	    "Operation not permitted");
}

/* ---- accounts ---- */

static void
accounts_are_kept(void **state)
{
	CLEAN(json) struct json_object *doc = json_object_new_object();
	CLEAN(json) struct json_object *read = NULL;
	CLEAN(key) struct key *key = NULL;
	struct err err = { 0 };

	(void)state;
	errno = 0;
	assert_null(store_account_key(t.store, "default", &err));
	assert_int_equal(errno, ENOENT);
	assert_null(store_account(t.store, "default"));
	json_add_string(doc, "url", "https://ca.example/acct/1");
	assert_int_equal(0, store_save_account(t.store, "default", doc, &err));
	errno = 0;
	assert_null(store_account_key(t.store, "default", &err));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(0, store_save_account_key(t.store, "default", t.key[0], &err));
	assert_int_equal(0, store_save_account_key(t.store, "default", t.key[1], &err));
	open_again();
	key = store_account_key(t.store, "default", &err);
	assert_true(key_equal(key, t.key[1]));
	read = store_account(t.store, "default");
	assert_string_equal(json_get_string(read, "url"), "https://ca.example/acct/1");
	assert_null(t.log.s);
}

static void
a_damaged_account_key_is_never_replaced_silently(void **state)
{
	CLEAN(string)
	char *expected = xasprintf("%s/accounts/default: account.key: is empty", t.dir);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(0, store_save_account_key(t.store, "default", t.key[0], &err));
	put("accounts/default/account.key", "", 0);
	errno = 0;
	assert_null(store_account_key(t.store, "default", &err));
	assert_int_not_equal(errno, ENOENT);
	assert_string_equal(err.text, expected);
	assert_true(exists("accounts/default/account.key"));
}

static void
a_damaged_account_is_moved_aside(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(0, store_save_account_key(t.store, "default", t.key[0], &err));
	put("accounts/default/account.json", "[]", 2);
	assert_null(store_account(t.store, "default"));
	assert_true(exists("accounts/default/account.json.damaged"));
}

/* ---- state ---- */

static void
state_is_kept(void **state)
{
	CLEAN(json) struct json_object *doc = NULL;
	struct err err = { 0 };

	(void)state;
	assert_null(store_state(t.store, "example"));
	assert_int_equal(0, store_save_state(t.store, "example", "{\"a\":1}", &err));
	assert_int_equal(0, store_save_state(t.store, "example", "{\"a\":2}", &err));
	open_again();
	doc = store_state(t.store, "example");
	assert_int_equal(json_get_int(doc, "a", 0), 2);
	assert_null(t.log.s);
}

static void
names_of_states_are_listed(void **state)
{
	static const char *const expected[] = { "a.example", "b.example", NULL };
	CLEAN(strv) char **none = store_state_names(t.store);
	CLEAN(strv) char **names = NULL;
	struct err err = { 0 };

	(void)state;
	assert_non_null(none);
	assert_null(none[0]);
	assert_int_equal(0, store_save_state(t.store, "b.example", "{}", &err));
	assert_int_equal(0, store_save_state(t.store, "a.example", "{}", &err));
	put("state/c.json.damaged", "", 0);
	put("state/.hidden.json", "", 0);
	names = store_state_names(t.store);
	assert_true(strv_same_set((const char *const *)names, expected));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(all_is_private_whatever_the_umask),
		STORE_TEST(what_became_wider_is_tightened),
		STORE_TEST(a_second_store_is_refused),
		STORE_TEST(the_lock_dies_with_its_process),
		STORE_TEST(a_lock_that_is_no_file_is_refused),
		STORE_TEST(a_directory_without_a_parent_is_refused),
		STORE_TEST(a_directory_may_be_a_link_but_not_what_is_in_it),
		STORE_TEST(a_directory_of_somebody_else_is_refused),
		STORE_TEST(accounts_are_kept),
		STORE_TEST(a_damaged_account_key_is_never_replaced_silently),
		STORE_TEST(a_damaged_account_is_moved_aside),
		STORE_TEST(state_is_kept),
		STORE_TEST(names_of_states_are_listed),
	};

	return cmocka_run_group_tests_name("store", tests, store_fixture_make_pairs,
	    store_fixture_free_pairs);
}
