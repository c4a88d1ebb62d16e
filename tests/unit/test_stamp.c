/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/store.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/unit.h"

static const char *const files[] = { "archive/example/0001/privkey.pem",
	"archive/example/0001/cert.pem", "archive/example/0001/chain.pem",
	"archive/example/0001/fullchain.pem" };

static uint64_t
stamp(unsigned version)
{
	return store_stamp(t.store, "example", version);
}

static void
it_stays_as_long_as_the_files_do(void **state)
{
	uint64_t first;

	(void)state;
	assert_publishes(0, 5, 1);
	first = stamp(1);
	assert_true(first != 0);
	assert_live(0); /* reading is not writing */
	assert_true(stamp(1) == first);
	assert_non_null(open_again());
	assert_true(stamp(1) == first);
}

static void
each_version_has_its_own(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	assert_publishes(1, 5, 2);
	assert_true(stamp(1) != 0);
	assert_true(stamp(2) != 0);
	assert_true(stamp(1) != stamp(2));
	assert_true(stamp(3) == 0);
	assert_true(store_stamp(t.store, "other", 1) == 0);
}

/* One octet is another, and the file says that it was not written to since. */
static void
change(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct timespec times[2];
	struct stat st;
	char octet;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pread(fd, &octet, 1, 100), 1);
	octet ^= 1;
	assert_int_equal(pwrite(fd, &octet, 1, 100), 1);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void
an_octet_that_changed_shows(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	for (size_t i = 0; i < COUNT(files); i++) {
		uint64_t before = stamp(1);

		usleep(20000); /* as fine as file systems know the time */
		change(at(files[i]));
		assert_true(stamp(1) != before);
		assert_true(stamp(1) != 0);
	}
}

static void
a_file_in_the_place_of_another_shows(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	for (size_t i = 0; i < COUNT(files); i++) {
		uint64_t before = stamp(1);

		assert_int_equal(rename(at(files[i]), at("there")), 0);
		assert_int_equal(link(at("there"), at("beside")), 0);
		assert_true(stamp(1) == 0);
		assert_int_equal(rename(at("there"), at(files[i])), 0);
		assert_true(stamp(1) != before);
		assert_int_equal(unlink(at("beside")), 0);
	}
}

static void
what_others_may_read_has_none(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	assert_int_equal(chmod(at(files[0]), 0640), 0);
	assert_true(stamp(1) == 0);
	assert_live(0); /* which closes it */
	assert_true(stamp(1) != 0);
}

static void
what_is_no_file_has_none(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	assert_int_equal(rename(at(files[2]), at("there")), 0);
	assert_int_equal(symlink(at("there"), at(files[2])), 0);
	assert_true(stamp(1) == 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_TEST(it_stays_as_long_as_the_files_do),
		STORE_TEST(each_version_has_its_own),
		STORE_TEST(an_octet_that_changed_shows),
		STORE_TEST(a_file_in_the_place_of_another_shows),
		STORE_TEST(what_others_may_read_has_none),
		STORE_TEST(what_is_no_file_has_none),
	};

	return cmocka_run_group_tests(tests, store_fixture_make_pairs,
	    store_fixture_free_pairs);
}
