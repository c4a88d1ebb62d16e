/* SPDX-License-Identifier: ISC */
/* needs: tests/unit/hook_rig.c */
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/hook_rig.h"

/* ---- how it ends ---- */

static void
test_nothing_to_do_keeps_no_loop(void **state)
{
	(void)state;
	assert_int_equal(event_base_dispatch(rig.loop), 1);
	hooks_free(NULL);
	hook_run_free(NULL);
}

static void
test_status_0_is_success(void **state)
{
	struct case_ c = { .name = "fine", .script = "echo out; echo err >&2" };

	(void)state;
	rig_run(&c);
	assert_true(c.right);
	assert_int_equal(c.exit_status, 0);
	assert_int_equal(c.signal, 0);
	assert_false(c.timed_out);
	assert_non_null(strstr(c.output, "out\n"));
	assert_non_null(strstr(c.output, "err\n"));
	assert_int_equal(strlen(c.output), 8);
	assert_int_equal(c.output_lost, 0);
	assert_non_null(strstr(rig.log, "info: fine: starts\n"));
	assert_non_null(strstr(rig.log, "info: fine: exit status 0, after "));
	assert_non_null(strstr(rig.log, "debug: fine: | out\n"));
	rig_clear(&c);
}

static void
test_other_statuses_are_failures(void **state)
{
	static const struct {
		const char *script;
		int status;
		const char *text;
	} rows[] = {
		{ "exit 1", 1, "x: exit status 1" },
		{ "exit 255", 255, "x: exit status 255" },
		{ "echo said; echo 'no such zone' >&2; exit 2", 2,
		    "x: exit status 2: no such zone" },
		{ "echo one >&2; echo >&2; echo two >&2; exit 3", 3,
		    "x: exit status 3: one / two" },
		{ "exit 126", 126, "x: exit status 126: a command in it could not be run" },
		{ "exit 127", 127, "x: exit status 127: a command in it was not found" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct case_ c = { .name = "x", .script = rows[i].script };

		rig_run(&c);
		assert_false(c.right);
		assert_int_equal(c.err.kind, ERR_HOOK);
		assert_string_equal(c.err.text, rows[i].text);
		assert_int_equal(c.exit_status, rows[i].status);
		assert_int_equal(c.signal, 0);
		rig_clear(&c);
	}
}

static void
test_a_signal_has_a_name(void **state)
{
	struct case_ a = { .name = "x", .script = "kill -SEGV $$" };
	struct case_ b = { .name = "x", .script = "echo bad >&2; kill -40 $$" };

	(void)state;
	rig_run(&a);
	assert_int_equal(a.exit_status, -1);
	assert_int_equal(a.signal, SIGSEGV);
	assert_false(a.timed_out);
	assert_string_equal(a.err.text, "x: ended by SIGSEGV");
	rig_run(&b);
	assert_string_equal(b.err.text, "x: ended by signal 40: bad");
	rig_clear(&a);
	rig_clear(&b);
}

static void
assert_cannot(struct case_ *c, int status, const char *text)
{
	rig_run(c);
	assert_false(c->right);
	assert_int_equal(c->err.kind, ERR_SYSTEM);
	assert_int_equal(c->exit_status, status);
	assert_non_null(strstr(c->err.text, text));
	assert_string_equal(c->output, "");
	rig_clear(c);
}

static void
test_what_cannot_be_started(void **state)
{
	const char *const missing[] = { "/nonexistent/hook", NULL };
	const char *const data[] = { rig.dir, NULL };
	struct case_ a = { .name = "x", .command = missing };
	struct case_ b = { .name = "x", .command = data };
	struct case_ c = { .name = "c" }, d = { .name = "d" };
	char path[128];
	const char *const plain[] = { path, NULL };

	(void)state;
	assert_cannot(&a, 127,
	    "x: cannot run /nonexistent/hook: No such file or directory");
	assert_cannot(&b, 126, ": Permission denied");

	rig_write("plain", "echo\n");
	snprintf(path, sizeof(path), "%s", rig_path("plain"));
	assert_int_equal(chmod(path, 0700), 0);
	c.command = plain;
	assert_cannot(&c, 126, "a script that does not begin with \"#!\"");

	rig_write("plain", "#!/nonexistent/sh\n");
	d.command = plain;
	assert_cannot(&d, 127, "the interpreter in its first line does not exist");
}

static void
test_a_home_that_is_missing(void **state)
{
	struct case_ c = { .name = "x", .script = "exit 0" };
	CLEAN(string) char *moved = xasprintf("%s-moved", rig.dir);

	(void)state;
	rig_start(&c);
	assert_int_equal(rename(rig.dir, moved), 0);
	event_base_dispatch(rig.loop);
	assert_int_equal(rename(moved, rig.dir), 0);
	assert_int_equal(c.err.kind, ERR_SYSTEM);
	assert_non_null(strstr(c.err.text, "x: cannot work in /var/tmp/"));
	rig_clear(&c);
}

/* ---- what it gets ---- */

static char *
lines_of(const char *output, const char *first)
{
	struct text t = { 0 };

	for (const char *line = output; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		if (str_starts(line, first))
			text_add(&t, "%.*s\n", (int)length, line);
		line += length + 1;
	}
	return text_take(&t);
}

static void
assert_lines(const struct case_ *c, const char *first, const char *wanted)
{
	CLEAN(string) char *lines = lines_of(c->output, first);

	assert_string_equal(lines, wanted);
}

static void
test_the_environment_is_what_was_listed(void **state)
{
	static const char *const environment[] = { "ACMED_CERT=site",
		"ACMED_TXT=;|&$(id)`id`\"'\\ \t*", "LANG=de_AT.UTF-8", NULL };
	struct case_ c = { .name = "x", .command = rig_show, .environment = environment };
	CLEAN(string)
	char *wanted = xasprintf("variable ACMED_CERT=site\n"
				 "variable ACMED_TXT=;|&$(id)`id`\"'\\  *\n"
				 "variable LANG=de_AT.UTF-8\n"
				 "variable PATH=/usr/local/sbin:/usr/local/bin:"
				 "/usr/sbin:/usr/bin:/sbin:/bin\n"
				 "variable HOME=%s\n",
	    rig.dir);

	(void)state;
	setenv("SECRET", "of the daemon", 1);
	rig_run(&c);
	unsetenv("SECRET");
	assert_true(c.right);
	assert_lines(&c, "variable", wanted);
	rig_clear(&c);
}

static void
test_arguments_arrive_as_they_are(void **state)
{
	struct case_ c = { .name = "x", .command = rig_show };

	(void)state;
	rig_run(&c);
	assert_true(str_starts(c.output,
	    "argument a b\nargument ;|&$`\"'\n*\\\nargument \nvariable "));
	rig_clear(&c);
}

static void
test_bytes_pass_a_shell_script_unharmed(void **state)
{
	static const char *const environment[] = {
		"VALUE=;|&$`\"'\n$(touch x)\\ %s \x7f\x01", NULL
	};
	struct case_ c = { .name = "x",
		.script = "printf %s \"$VALUE\" >value",
		.environment = environment };
	CLEAN(string) char *got = NULL;

	(void)state;
	rig_run(&c);
	got = rig_read("value");
	assert_non_null(got);
	assert_string_equal(got, environment[0] + strlen("VALUE="));
	assert_int_equal(access(rig_path("x"), F_OK), -1);
	rig_clear(&c);
}

/* What it would inherit is there: a descriptor, a signal that is ignored, one blocked. */
static void
test_nothing_is_inherited(void **state)
{
	CLEAN(string)
	char *wanted = xasprintf("umask 077 core 0+0 new-privileges no session own "
				 "directory %s\n",
	    rig.dir);
	struct case_ c = { .name = "x", .command = rig_show };
	int fd = dup(STDERR_FILENO);
	sigset_t usr1, before;

	(void)state;
	assert_int_not_equal(fd, -1);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &before);
	rig_run(&c);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(fd);

	assert_lines(&c, "fd", "fd 0\nfd 1\nfd 2\n");
	assert_lines(&c, "input", "input /dev/null\n");
	assert_lines(&c, "ignored", "");
	assert_lines(&c, "blocked", "");
	assert_lines(&c, "umask", wanted);
	rig_clear(&c);
}

/* An old kernel, as far as `syscall` goes: takes the place of the C library's. */
static bool old_kernel;

long
syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[5];
	va_list args;

	if (old_kernel && number == SYS_close_range) {
		errno = ENOSYS;
		return -1;
	}
	if (real == NULL)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "syscall");
	va_start(args, number);
	for (size_t i = 0; i < COUNT(a); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return real(number, a[0], a[1], a[2], a[3], a[4]);
}

static void
test_nor_on_an_old_kernel(void **state)
{
	(void)state;
	old_kernel = true;
	test_nothing_is_inherited(state);
	old_kernel = false;
}

static void
test_whoever_started_us_ignored_children(void **state)
{
	struct case_ c = { .name = "x", .script = "exit 3" };

	(void)state;
	hooks_free(rig.hooks);
	signal(SIGCHLD, SIG_IGN);
	rig.hooks = hooks_new(rig.loop, 1);
	rig_run(&c);
	assert_int_equal(c.exit_status, 3);
	assert_false(rig_has_child());
	rig_clear(&c);
}

static void
test_the_request_is_copied(void **state)
{
	char label[] = "label", program[] = "/bin/echo", word[] = "word";
	const char *command[] = { program, word, NULL };
	struct case_ c = { .name = label, .command = command };

	(void)state;
	rig_start(&c);
	memset(label, 'x', strlen(label));
	memset(program, 'x', strlen(program));
	memset(word, 'x', strlen(word));
	event_base_dispatch(rig.loop);
	assert_string_equal(c.output, "word\n");
	assert_non_null(strstr(rig.log, "info: label: starts"));
	rig_clear(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

static int
all_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nothing_to_do_keeps_no_loop),
		TEST(test_status_0_is_success),
		TEST(test_other_statuses_are_failures),
		TEST(test_a_signal_has_a_name),
		TEST(test_what_cannot_be_started),
		TEST(test_a_home_that_is_missing),
		TEST(test_the_environment_is_what_was_listed),
		TEST(test_arguments_arrive_as_they_are),
		TEST(test_bytes_pass_a_shell_script_unharmed),
		TEST(test_nothing_is_inherited),
		TEST(test_nor_on_an_old_kernel),
		TEST(test_whoever_started_us_ignored_children),
		TEST(test_the_request_is_copied),
	};

	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, all_tests);
}
