/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/store/store.h"
#include "tests/unit/store_fixture.h"

/* ---- generations ---- */

static void
nothing_is_live_at_first(void **state)
{
	CLEAN(string)
	char *expected =
	    xasprintf("%s/live: example: is not there: no certificate was obtained yet",
		t.dir);

	(void)state;
	assert_int_equal(store_live_version(t.store, "example"), 0);
	assert_not_live(expected);
}

static void
published_pairs_follow_each_other(void **state)
{
	char target[64] = "";

	(void)state;
	assert_publishes(0, 5, 1);
	assert_live(0);
	assert_publishes(1, 5, 2);
	assert_live(1);
	assert_int_equal(store_live_version(t.store, "example"), 2);
	assert_true(readlink(at("live/example"), target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "../archive/example/0002");
	assert_true(exists("archive/example/0001/fullchain.pem"));
	assert_false(exists("archive/example/.next"));
	assert_false(exists("staging/example.pem"));
	open_again();
	assert_live(1);
}

static void
old_generations_go_and_the_live_one_stays(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 4; n++)
		assert_publishes(n % STORE_PAIRS, 2, n);
	assert_false(exists("archive/example/0002"));
	assert_true(exists("archive/example/0003"));
	assert_true(exists("archive/example/0004"));
	assert_publishes(0, 0, 5);
	assert_false(exists("archive/example/0004"));
	assert_live(0);
}

static void
numbers_go_on_where_four_digits_end(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	assert_int_equal(0, rename(at("archive/example/0001"), at("archive/example/9998")));
	assert_int_equal(0, unlink(at("live/example")));
	assert_int_equal(0, symlink("../archive/example/9998", at("live/example")));
	assert_publishes(1, 2, 9999);
	assert_publishes(2, 2, 10000);
	assert_publishes(0, 2, 10001);
	assert_live(0);
	assert_false(exists("archive/example/9999"));
	assert_true(exists("archive/example/10000"));
}

static void
numbers_are_not_used_again(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	assert_publishes(1, 5, 2);
	/* The live one was lost, and something else lies about. */
	assert_int_equal(0, rename(at("archive/example/0002"), at("archive/example/x")));
	assert_publishes(2, 5, 3);
	assert_int_equal(0, mkdir(at("archive/example/00077"), 0700));
	assert_int_equal(0, mkdir(at("archive/example/0007.old"), 0700));
	assert_int_equal(0, mkdir(at("archive/example/0006"), 0700));
	assert_publishes(0, 5, 7);
	assert_live(0);
}

static void
a_chain_for_another_key_is_not_published(void **state)
{
	struct err err = { 0 };
	unsigned version;

	(void)state;
	assert_publishes(0, 5, 1);
	assert_int_equal(0, store_stage_key(t.store, "example", t.key[1], &err));
	assert_int_equal(-1,
	    store_publish(t.store, "example", &(struct pair){ t.key[1], t.chain[2] }, 5,
		&version, &err));
	assert_string_equal(err.text, "the certificate is not for the staged key");
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_live(0);
	assert_false(exists("archive/example/0002"));
	assert_int_equal(0, store_publish(t.store, "example",
				&(struct pair){ t.key[1], t.chain[1] }, 5, &version, &err));
	assert_live(1);
}

/* What is in the archive is what the caller has, whatever became of the staged file. */
static void
another_staged_key_does_not_get_into_the_pair(void **state)
{
	struct err err = { 0 };
	unsigned version;

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		if (n < 3)
			assert_int_equal(0,
			    store_stage_key(t.store, "example", t.key[n], &err));
		assert_int_equal(0,
		    store_publish(t.store, "example",
			&(struct pair){ t.key[0], t.chain[0] }, 5, &version, &err));
		assert_int_equal(version, n);
		assert_live(0);
	}
}

static void
the_staged_file_itself_is_published(void **state)
{
	struct err err = { 0 };
	struct stat staged, live;
	unsigned version;

	(void)state;
	assert_int_equal(0, store_stage_key(t.store, "example", t.key[0], &err));
	assert_int_equal(0, stat(at("staging/example.pem"), &staged));
	assert_int_equal(0, store_publish(t.store, "example",
				&(struct pair){ t.key[0], t.chain[0] }, 5, &version, &err));
	assert_int_equal(0, stat(at("live/example/privkey.pem"), &live));
	assert_int_equal(staged.st_ino, live.st_ino);
	assert_int_equal(live.st_nlink, 1);
}

/* What a crash left must not stop the next attempt, and goes with it. */
static void
what_a_crash_left_is_in_nobodys_way(void **state)
{
	(void)state;
	assert_publishes(0, 1, 1);
	assert_int_equal(0, mkdir(at("archive/example/.next"), 0700));
	put("archive/example/.next/privkey.pem", "half", 4);
	assert_int_equal(0, mkdir(at("archive/example/.old"), 0700));
	put("archive/example/.old/privkey.pem", "half", 4);
	assert_publishes(1, 1, 2);
	assert_live(1);
	assert_false(exists("archive/example/.next"));
	assert_false(exists("archive/example/.old"));
}

static void
a_directory_in_the_links_place_is_moved_aside(void **state)
{
	(void)state;
	assert_int_equal(0, mkdir(at("live/example"), 0700));
	put("live/example/privkey.pem", "x", 1);
	assert_publishes(0, 5, 1);
	assert_live(0);
	assert_true(exists("live/example.damaged/privkey.pem"));
	assert_non_null(strstr(t.log.s, "is no symbolic link; moved aside"));
}

static void
links_to_elsewhere_are_not_followed(void **state)
{
	static const char *const targets[] = { "../archive/other/0001", "/etc",
		"../archive/example/1", "../archive/example/00001",
		"../archive/example/0000", "../archive/example/0001/",
		"../archive/example/../example/0001", "../archive/example/ 001",
		"../archive/example/9999999999" };
	CLEAN(string)
	char *expected =
	    xasprintf("%s/live: example: is a link to something that is no generation",
		t.dir);

	(void)state;
	assert_publishes(0, 5, 1);
	for (size_t i = 0; i < COUNT(targets); i++) {
		assert_int_equal(0, unlink(at("live/example")));
		assert_int_equal(0, symlink(targets[i], at("live/example")));
		assert_not_live(expected);
		assert_int_equal(store_live_version(t.store, "example"), 0);
	}
	assert_publishes(1, 5, 2);
	assert_live(1);
}

/* ---- failures while publishing ---- */

static void
a_full_disk_leaves_the_live_pair(void **state)
{
	struct rlimit before, full;
	unsigned version;

	(void)state;
	assert_publishes(0, 5, 1);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
	full = before;
	for (rlim_t room = 0; room < 1200; room += 100) {
		struct err err = { 0 };
		int published;

		full.rlim_cur = room;
		assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &full));
		published = publish(1, 5, &version, &err);
		assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
		if (published == 0)
			break;
		assert_int_equal(err.kind, ERR_SYSTEM);
		assert_live(0);
		assert_false(exists("archive/example/.next"));
		assert_false(exists("archive/example/0002"));
	}
	assert_publishes(1, 5, store_live_version(t.store, "example") + 1);
	assert_live(1);
	signal(SIGXFSZ, SIG_DFL);
}

static void
a_lack_of_descriptors_leaves_the_live_pair(void **state)
{
	struct rlimit before, few;
	bool published = false;
	unsigned version, failures = 0;

	(void)state;
	assert_publishes(0, 5, 1);
	assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
	few = before;
	for (few.rlim_cur = 3; !published && few.rlim_cur < 64; few.rlim_cur++) {
		struct err err = { 0 };

		assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
		published = publish(1, 5, &version, &err) == 0;
		assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
		assert_live(published ? 1 : 0);
		failures += !published;
	}
	assert_true(published);
	assert_true(failures > 2);
}

/* ---- readers beside a writer ---- */

static atomic_bool reading;

static void *
read_live_pairs(void *arg)
{
	unsigned *read = arg;

	while (reading) {
		struct err err = { 0 };
		CLEAN(key) struct key *key = NULL;
		CLEAN(chain)
		struct chain *chain = store_live(t.store, "example", &key, &err);

		if (chain == NULL || !chain_has_key(chain, key)) {
			print_error("%s\n", err.text);
			*read = 0;
			return NULL;
		}
		(*read)++;
	}
	return NULL;
}

static void
readers_see_whole_pairs_only(void **state)
{
	pthread_t reader;
	unsigned read = 0;

	(void)state;
	assert_publishes(0, 1, 1);
	reading = true;
	assert_int_equal(0, pthread_create(&reader, NULL, read_live_pairs, &read));
	for (unsigned n = 2; n < 60; n++)
		assert_publishes(n % STORE_PAIRS, 1, n);
	reading = false;
	assert_int_equal(0, pthread_join(reader, NULL));
	assert_true(read > 0);
}

/* ---- staged keys ---- */

static void
a_staged_key_stays_until_it_is_replaced(void **state)
{
	struct err err = { 0 };
	struct key *key;

	(void)state;
	errno = 0;
	assert_null(store_staged_key(t.store, "example", &err));
	assert_int_equal(errno, ENOENT);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(0, store_stage_key(t.store, "example", t.key[i], &err));
		open_again();
		key = store_staged_key(t.store, "example", &err);
		assert_true(key_equal(key, t.key[i]));
		key_free(key);
	}
	assert_int_equal(0, store_unstage(t.store, "example", &err));
	assert_int_equal(0, store_unstage(t.store, "example", &err));
	assert_false(exists("staging/example.pem"));
}

/* As a crash leaves it between the switch and the end. */
static void
what_is_in_force_is_staged_no_more(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_publishes(0, 2, 1);
	assert_int_equal(0,
	    link(at("archive/example/0001/privkey.pem"), at("staging/example.pem")));
	assert_int_equal(0, store_stage_key(t.store, "other", t.key[0], &err));
	open_again();
	assert_false(exists("staging/example.pem"));
	assert_true(exists("staging/other.pem")); /* which is not in force */
	assert_live(0);
}

/* The key of an order under way, though it was used before. */
static void
a_key_that_is_used_again_stays_staged(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_publishes(0, 2, 1);
	assert_int_equal(0, store_stage_key(t.store, "example", t.key[0], &err));
	open_again();
	assert_true(exists("staging/example.pem"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(nothing_is_live_at_first),
		STORE_TEST(published_pairs_follow_each_other),
		STORE_TEST(old_generations_go_and_the_live_one_stays),
		STORE_TEST(numbers_go_on_where_four_digits_end),
		STORE_TEST(numbers_are_not_used_again),
		STORE_TEST(a_chain_for_another_key_is_not_published),
		STORE_TEST(another_staged_key_does_not_get_into_the_pair),
		STORE_TEST(the_staged_file_itself_is_published),
		STORE_TEST(what_a_crash_left_is_in_nobodys_way),
		STORE_TEST(a_directory_in_the_links_place_is_moved_aside),
		STORE_TEST(links_to_elsewhere_are_not_followed),
		STORE_TEST(a_full_disk_leaves_the_live_pair),
		STORE_TEST(a_lack_of_descriptors_leaves_the_live_pair),
		STORE_TEST(readers_see_whole_pairs_only),
		STORE_TEST(a_staged_key_stays_until_it_is_replaced),
		STORE_TEST(what_is_in_force_is_staged_no_more),
		STORE_TEST(a_key_that_is_used_again_stays_staged),
	};

	return cmocka_run_group_tests_name("generation", tests, store_fixture_make_pairs,
	    store_fixture_free_pairs);
}
