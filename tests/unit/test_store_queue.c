/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/store/store.h"
#include "tests/unit/store_fixture.h"

static void
assert_queues(const char *entry, const char *cert)
{
	struct err err = { 0 };
	int queued = store_queue_deploy(t.store, entry, cert, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(queued, 0);
}

static char *
entry_text(const char *relative)
{
	char *text = xcalloc(65536, 1);
	int fd = open(at(relative), O_RDONLY | O_CLOEXEC);

	if (fd != -1)
		assert_true(read(fd, text, 65535) >= 0);
	fd_free_at(&fd);
	return text;
}

static void
assert_entry(const char *relative, const char *expected)
{
	CLEAN(string) char *text = entry_text(relative);

	assert_string_equal(text, expected);
}

/* ---- what is written ---- */

static void
an_entry_has_a_line_for_each_certificate(void **state)
{
	(void)state;
	assert_false(exists("deploy-queue"));
	assert_queues("postfix", "b.example");
	assert_entry("deploy-queue/postfix", "b.example\n");
	assert_queues("postfix", "a.example");
	assert_queues("nginx", "example");
	assert_queues("postfix", "b.example");
	assert_queues("postfix", "example");
	assert_queues("postfix", "a");
	assert_entry("deploy-queue/postfix", "b.example\na.example\nexample\na\n");
	assert_entry("deploy-queue/nginx", "example\n");
	assert_null(t.log.s);
}

static void
what_was_taken_begins_anew(void **state)
{
	(void)state;
	assert_queues("postfix", "a");
	assert_int_equal(0,
	    rename(at("deploy-queue/postfix"), at("deploy-queue/.postfix:1")));
	assert_queues("postfix", "b");
	assert_entry("deploy-queue/postfix", "b\n");
	assert_entry("deploy-queue/.postfix:1", "a\n");
}

static void
all_of_it_is_private(void **state)
{
	static const mode_t masks[] = { 0000, 0777 };

	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++) {
		umask(masks[i]);
		assert_queues("postfix", "a");
		umask(022);
		assert_int_equal(mode_of("deploy-queue"), 0700);
		assert_int_equal(mode_of("deploy-queue/postfix"), 0600);
		assert_int_equal(0, unlink(at("deploy-queue/postfix")));
		assert_int_equal(0, rmdir(at("deploy-queue")));
	}
}

static void
a_line_without_an_end_is_a_line(void **state)
{
	(void)state;
	assert_queues("postfix", "a");
	put("deploy-queue/postfix", "by-hand", 7);
	assert_queues("postfix", "by-hand");
	assert_entry("deploy-queue/postfix", "by-hand");
	assert_queues("postfix", "hand");
	assert_entry("deploy-queue/postfix", "by-hand\nhand\n");
	put("deploy-queue/postfix", "", 0);
	assert_queues("postfix", "b");
	assert_entry("deploy-queue/postfix", "b\n");
}

/* ---- what is refused, or in the way ---- */

static void
names_that_root_would_refuse_do_not_get_there(void **state)
{
	static const char *const names[] = { "", ".", "..", ".hidden", "-f", "a/b", "../x",
		"a b", "a\nb", "a:1", "*", "$(id)", "\xc3\xa4" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct err err = { 0 };

		assert_int_equal(-1, store_queue_deploy(t.store, names[i], "a", &err));
		assert_true(str_ends(err.text, "\" cannot be in the deploy queue"));
		assert_int_equal(-1,
		    store_queue_deploy(t.store, "postfix", names[i], &err));
	}
	assert_false(exists("deploy-queue"));
}

static void
what_is_no_list_is_replaced(void **state)
{
	(void)state;
	assert_queues("postfix", "a");
	assert_int_equal(0, unlink(at("deploy-queue/postfix")));
	assert_int_equal(0, mkdir(at("deploy-queue/postfix"), 0700));
	assert_queues("postfix", "b");
	assert_entry("deploy-queue/postfix", "b\n");
	assert_int_equal(0, unlink(at("deploy-queue/postfix")));
	assert_int_equal(0, symlink("../lock", at("deploy-queue/postfix")));
	assert_queues("postfix", "c");
	assert_entry("deploy-queue/postfix", "c\n");
	put("deploy-queue/postfix", "x\0y", 3);
	assert_queues("postfix", "d");
	assert_entry("deploy-queue/postfix", "d\n");
	assert_non_null(
	    strstr(t.log.s, "/deploy-queue/postfix: is no list of certificates"));
}

static void
a_queue_that_is_a_link_is_refused(void **state)
{
	CLEAN(string) char *start = xasprintf("%s/deploy-queue: ", t.dir);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(0, symlink("state", at("deploy-queue")));
	assert_int_equal(-1, store_queue_deploy(t.store, "postfix", "a", &err));
	assert_true(str_starts(err.text, start));
	assert_false(exists("state/postfix"));
}

/* ---- failures ---- */

static void
a_full_disk_leaves_the_old_entry(void **state)
{
	struct rlimit before, full;
	struct err err = { 0 };
	int queued;

	(void)state;
	assert_queues("postfix", "a");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
	full = before;
	full.rlim_cur = 3;
	assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &full));
	queued = store_queue_deploy(t.store, "postfix", "b", &err);
	assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(queued, -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_entry("deploy-queue/postfix", "a\n");
	assert_false(exists("staging/.deploy-queue.postfix.new"));
	assert_queues("postfix", "b");
	assert_entry("deploy-queue/postfix", "a\nb\n");
}

static void
a_lack_of_descriptors_forgets_no_certificate(void **state)
{
	struct rlimit before, few;
	bool queued = false;
	unsigned failures = 0;

	(void)state;
	assert_queues("postfix", "a");
	assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
	few = before;
	for (few.rlim_cur = 3; !queued && few.rlim_cur < 64; few.rlim_cur++) {
		struct err err = { 0 };

		assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
		queued = store_queue_deploy(t.store, "postfix", "b", &err) == 0;
		assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
		assert_entry("deploy-queue/postfix", queued ? "a\nb\n" : "a\n");
		failures += !queued;
	}
	assert_true(queued);
	assert_true(failures > 2);
}

/* ---- several threads, and a taker ---- */

#define THREADS  4
#define PER_EACH 25

static void *
queue_some(void *arg)
{
	const char *who = arg;

	for (unsigned n = 0; n < PER_EACH; n++) {
		CLEAN(string) char *cert = xasprintf("%s%u", who, n);
		struct err err = { 0 };

		if (store_queue_deploy(t.store, "postfix", cert, &err) == -1)
			return arg;
	}
	return NULL;
}

/* As root's script: away under another name, and nothing hidden in between. */
static void
take(struct text *taken)
{
	if (rename(at("deploy-queue/postfix"), at("deploy-queue/.postfix:1")) == 0) {
		CLEAN(string) char *text = entry_text("deploy-queue/.postfix:1");

		assert_true(str_ends(text, "\n"));
		text_add(taken, "%s", text);
		unlink(at("deploy-queue/.postfix:1"));
	}
}

static void
nothing_is_lost_while_entries_are_taken(void **state)
{
	static const char *const who[THREADS] = { "a", "b", "c", "d" };
	pthread_t threads[THREADS];
	struct text taken = { 0 };

	(void)state;
	text_add(&taken, "\n");
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(0,
		    pthread_create(&threads[i], NULL, queue_some, (void *)who[i]));
	for (size_t i = 0; i < THREADS; i++) {
		void *failed = &failed;

		while (pthread_tryjoin_np(threads[i], &failed) != 0)
			take(&taken);
		assert_null(failed);
	}
	take(&taken);
	for (unsigned n = 0; n < THREADS * PER_EACH; n++) {
		CLEAN(string)
		char *line = xasprintf("\n%s%u\n", who[n % THREADS], n / THREADS);

		assert_non_null(strstr(taken.s, line));
	}
	text_clear(&taken);
}

static void
what_a_crash_left_beside_it_is_removed(void **state)
{
	(void)state;
	put("staging/.deploy-queue.postfix.new", "half", 4);
	assert_queues("postfix", "a");
	assert_entry("deploy-queue/postfix", "a\n");
	assert_false(exists("staging/.deploy-queue.postfix.new"));
	put("staging/.deploy-queue.postfix.new", "half", 4);
	open_again();
	assert_false(exists("staging/.deploy-queue.postfix.new"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(an_entry_has_a_line_for_each_certificate),
		STORE_TEST(what_was_taken_begins_anew),
		STORE_TEST(all_of_it_is_private),
		STORE_TEST(a_line_without_an_end_is_a_line),
		STORE_TEST(names_that_root_would_refuse_do_not_get_there),
		STORE_TEST(what_is_no_list_is_replaced),
		STORE_TEST(a_queue_that_is_a_link_is_refused),
		STORE_TEST(a_full_disk_leaves_the_old_entry),
		STORE_TEST(a_lack_of_descriptors_forgets_no_certificate),
		STORE_TEST(nothing_is_lost_while_entries_are_taken),
		STORE_TEST(what_a_crash_left_beside_it_is_removed),
	};

	return cmocka_run_group_tests_name("store_queue", tests, store_fixture_make_pairs,
	    store_fixture_free_pairs);
}
