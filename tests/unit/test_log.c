/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"

static struct {
	unsigned n;
	enum log_level level;
	char *cert;
	char *line;
} seen;

static void
remember(enum log_level level, const struct log_fields *fields, const char *line)
{
	free(seen.cert);
	free(seen.line);
	seen.n++;
	seen.level = level;
	seen.cert = xstrdup(fields->cert);
	seen.line = xstrdup(line);
	errno = EIO;
}

static int
set_up(void **state)
{
	(void)state;
	log_set_sink(remember);
	log_set_level(LOG_LEVEL_INFO);
	log_set_priorities(false);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL);
	free(seen.cert);
	free(seen.line);
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static void
test_what_is_below_the_level_is_not_written(void **state)
{
	(void)state;
	log_info("%s: renewed", "example.org");
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.level, LOG_LEVEL_INFO);
	assert_string_equal(seen.line, "example.org: renewed");
	log_debug("not this");
	log_trace("nor this");
	assert_int_equal(seen.n, 1);
	log_set_level(LOG_LEVEL_TRACE);
	assert_int_equal(log_get_level(), LOG_LEVEL_TRACE);
	log_trace("but this");
	assert_int_equal(seen.n, 2);
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("not this");
	log_error("but this");
	assert_int_equal(seen.n, 3);
	log_write(LOG_LEVEL_COUNT, NULL, "no such level");
	assert_int_equal(seen.n, 3);
}

static void
test_fields_reach_the_sink(void **state)
{
	const struct log_fields fields = { .cert = "example.org" };

	(void)state;
	log_write(LOG_LEVEL_WARN, &fields, "later");
	assert_string_equal(seen.cert, "example.org");
	log_write(LOG_LEVEL_WARN, NULL, "later");
	assert_null(seen.cert);
}

static void
test_a_line_is_one_line_and_bounded(void **state)
{
	char longest[20000] = { 0 };

	(void)state;
	log_info("the CA says: %s", "ok\n<3>forged\033[2J");
	assert_string_equal(seen.line, "the CA says: ok <3>forged?[2J");
	memset(longest, 'x', sizeof(longest) - 1);
	log_info("%s", longest);
	assert_int_equal(strlen(seen.line), 8192);
}

static void
test_errno_stays_what_it_was(void **state)
{
	(void)state;
	errno = ENOENT;
	log_info("x");
	assert_int_equal(errno, ENOENT);
}

/* What `level` writes to stderr. */
static char *
written_to_stderr(enum log_level level)
{
	char bytes[256] = { 0 };
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	dup2(ends[1], STDERR_FILENO);
	log_write(level, NULL, "hello");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	n = read(ends[0], bytes, sizeof(bytes) - 1);
	close(ends[0]);
	return n > 0 ? xstrdup(bytes) : NULL;
}

static void
test_stderr_has_priorities_where_the_journal_reads_it(void **state)
{
	static const char *const lines[LOG_LEVEL_COUNT] = {
		[LOG_LEVEL_ERROR] = "<3>hello\n",
		[LOG_LEVEL_WARN] = "<4>hello\n",
		[LOG_LEVEL_INFO] = "<6>hello\n",
		[LOG_LEVEL_DEBUG] = "<7>hello\n",
		[LOG_LEVEL_TRACE] = "<7>hello\n",
	};

	(void)state;
	log_set_sink(NULL);
	log_set_level(LOG_LEVEL_TRACE);
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++) {
		CLEAN(string) char *plain = NULL;
		CLEAN(string) char *marked = NULL;

		log_set_priorities(false);
		plain = written_to_stderr((enum log_level)i);
		log_set_priorities(true);
		marked = written_to_stderr((enum log_level)i);
		assert_string_equal(plain, "hello\n");
		assert_string_equal(marked, lines[i]);
	}
}

static void
test_every_level_is_found_by_its_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++)
		assert_int_equal(log_level_find(log_level_name((enum log_level)i)), i);
	assert_string_equal(log_level_name(LOG_LEVEL_WARN), "warn");
	assert_string_equal(log_level_name(LOG_LEVEL_COUNT), "unknown");
	assert_int_equal(log_level_find("warning"), LOG_LEVEL_COUNT);
	assert_int_equal(log_level_find("INFO"), LOG_LEVEL_COUNT);
	assert_int_equal(log_level_find(NULL), LOG_LEVEL_COUNT);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_what_is_below_the_level_is_not_written),
		TEST(test_fields_reach_the_sink),
		TEST(test_a_line_is_one_line_and_bounded),
		TEST(test_errno_stays_what_it_was),
		TEST(test_stderr_has_priorities_where_the_journal_reads_it),
		TEST(test_every_level_is_found_by_its_name),
	};
#undef TEST

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
