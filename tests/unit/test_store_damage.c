/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
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

/* ---- damage to the live pair ---- */

struct damage {
	const char *what;
	void (*make)(const char *path);
	const char *expected[4]; /* for privkey, cert, chain, fullchain */
};

static void
make_missing(const char *path)
{
	(void)path;
}

static void
make_empty(const char *path)
{
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void
make_directory(const char *path)
{
	assert_int_equal(0, mkdir(path, 0700));
}

static void
make_link(const char *path)
{
	assert_int_equal(0, symlink("/dev/zero", path));
}

static void
make_fifo(const char *path)
{
	assert_int_equal(0, mkfifo(path, 0600));
}

static void
make_garbage(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	for (int i = 0; i < 64; i++)
		assert_int_equal(16, write(fd, "\0\377garbage\n-----B", 16));
	close(fd);
}

static void
make_huge(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);

	assert_int_equal(0, ftruncate(fd, (off_t)1 << 40));
	close(fd);
}

static const char *const live_files[] = { "privkey.pem", "cert.pem", "chain.pem",
	"fullchain.pem" };

/* NULL: the text is that of key_load() or chain_parse(). */
static const struct damage damages[] = {
	{ "missing", make_missing,
	    { "is missing", "is missing", "is missing", "is missing" } },
	{ "empty", make_empty, { "is empty", "is empty", "is empty", "is empty" } },
	{ "directory", make_directory,
	    { "is a directory", "is a directory", "is a directory", "is a directory" } },
	{ "symbolic link", make_link,
	    { "is a symbolic link", "is a symbolic link", "is a symbolic link",
		"is a symbolic link" } },
	{ "fifo", make_fifo,
	    { "is a named pipe", "is a named pipe", "is a named pipe",
		"is a named pipe" } },
	{ "garbage", make_garbage,
	    { NULL, "is not what fullchain.pem says", "is not what fullchain.pem says",
		NULL } },
	{ "huge", make_huge,
	    { "is far too large", "is far too large", "is far too large",
		"is far too large" } },
};

/* `expected` without the directory; NULL: whatever. */
static void
assert_names(const char *expected)
{
	CLEAN(string) char *start = xasprintf("%s/archive/example/0001: ", t.dir);
	struct err err = { 0 };
	struct key *key = NULL;

	assert_null(store_live(t.store, "example", &key, &err));
	assert_null(key);
	assert_true(str_starts(err.text, start));
	if (expected != NULL)
		assert_string_equal(err.text + strlen(start), expected);
}

static void
assert_names_the_file(const char *file, const char *what)
{
	CLEAN(string) char *expected = xasprintf("%s: %s", file, what);

	assert_names(what != NULL ? expected : NULL);
}

static void
each_damage_to_each_file_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(damages) * COUNT(live_files); i++) {
		const struct damage *damage = &damages[i / COUNT(live_files)];
		const char *file = live_files[i % COUNT(live_files)];
		CLEAN(string)
		char *path = xasprintf("%s/archive/example/0001/%s", t.dir, file);

		assert_publishes(0, 5, 1);
		assert_int_equal(0, unlink(path));
		damage->make(path);
		assert_names_the_file(file, damage->expected[i % COUNT(live_files)]);
		assert_publishes(1, 5, 2);
		assert_live(1);
		store_fixture_tear_down(NULL);
		store_fixture_set_up(NULL);
	}
}

static size_t
read_whole(const char *relative, char *bytes, size_t room)
{
	int fd = open(at(relative), O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, bytes, room);

	close(fd);
	assert_in_range(length, 1, room - 1);
	return (size_t)length;
}

static void
no_truncation_passes_unnoticed(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	for (size_t i = 0; i < COUNT(live_files); i++) {
		CLEAN(string) char *name = xasprintf("live/example/%s", live_files[i]);
		char whole[8192];
		size_t length = read_whole(name, whole, sizeof(whole));

		for (size_t cut = 0; cut < 16; cut++) {
			put(name, whole, length * cut / 16);
			assert_names(NULL);
		}
		put(name, whole, length);
		assert_live(0);
	}
}

/* What is read in spite of it is what was written. */
static void
assert_refused_or_same(void)
{
	CLEAN(string) char *expected = chain_pem(t.chain[0]);
	CLEAN(key) struct key *key = NULL;
	CLEAN(string) char *found = NULL;
	struct err err = { 0 };
	CLEAN(chain) struct chain *chain = store_live(t.store, "example", &key, &err);

	if (chain == NULL)
		return;
	found = chain_pem(chain);
	assert_string_equal(found, expected);
	assert_true(key_equal(key, t.key[0]));
}

static void
no_changed_byte_does_harm(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	for (size_t i = 0; i < COUNT(live_files); i++) {
		CLEAN(string) char *name = xasprintf("live/example/%s", live_files[i]);
		char whole[8192];
		size_t length = read_whole(name, whole, sizeof(whole));

		for (size_t byte = i; byte < length; byte += 7) {
			whole[byte] ^= 1;
			put(name, whole, length);
			assert_refused_or_same();
			whole[byte] ^= 1;
		}
		put(name, whole, length);
		assert_live(0);
	}
}

static void
a_key_of_another_generation_is_noticed(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	assert_publishes(1, 5, 2);
	assert_int_equal(0, rename(at("archive/example/0002/privkey.pem"),
				at("archive/example/0001/privkey.pem")));
	assert_int_equal(0, unlink(at("live/example")));
	assert_int_equal(0, symlink("../archive/example/0001", at("live/example")));
	assert_names_the_file("privkey.pem",
	    "is not the key of the certificate in fullchain.pem");
}

static void
a_generation_that_is_gone_is_named(void **state)
{
	CLEAN(string)
	char *number = xasprintf("%s/archive/example: 0001: is missing", t.dir);
	CLEAN(string) char *all = xasprintf("%s/archive: example: is no directory", t.dir);

	(void)state;
	assert_publishes(0, 5, 1);
	assert_int_equal(0, rename(at("archive/example/0001"), at("archive/example/x")));
	assert_not_live(number);
	assert_int_equal(0, rename(at("archive/example"), at("archive/x")));
	assert_int_equal(0, symlink("x", at("archive/example")));
	assert_not_live(all);
}

static void
a_damaged_staged_key_counts_as_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(damages); i++) {
		CLEAN(string) char *path = xasprintf("%s/staging/example.pem", t.dir);
		struct err err = { 0 };

		damages[i].make(path);
		errno = 0;
		assert_null(store_staged_key(t.store, "example", &err));
		assert_int_equal(errno, ENOENT);
		/* And without having been noticed before. */
		assert_int_equal(0, store_unstage(t.store, "example", &err));
		damages[i].make(path);
		assert_publishes(1, 5, store_live_version(t.store, "example") + 1);
	}
}

static void
damaged_state_is_moved_aside(void **state)
{
	struct err err = { 0 };

	(void)state;
	for (size_t i = 1; i < COUNT(damages); i++) {
		CLEAN(json) struct json_object *doc = NULL;

		damages[i].make(at("state/example.json"));
		assert_null(store_state(t.store, "example"));
		assert_false(exists("state/example.json"));
		assert_true(exists("state/example.json.damaged"));
		assert_non_null(strstr(t.log.s, "moved aside as example.json.damaged"));
		text_clear(&t.log);
		assert_int_equal(0, store_save_state(t.store, "example", "{}", &err));
		doc = store_state(t.store, "example");
		assert_non_null(doc);
		assert_int_equal(0, unlink(at("state/example.json")));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(each_damage_to_each_file_is_named),
		STORE_TEST(no_truncation_passes_unnoticed),
		STORE_TEST(no_changed_byte_does_harm),
		STORE_TEST(a_key_of_another_generation_is_noticed),
		STORE_TEST(a_generation_that_is_gone_is_named),
		STORE_TEST(a_damaged_staged_key_counts_as_none),
		STORE_TEST(damaged_state_is_moved_aside),
	};

	return cmocka_run_group_tests_name("store damage", tests, store_fixture_make_pairs,
	    store_fixture_free_pairs);
}
