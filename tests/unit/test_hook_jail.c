/* SPDX-License-Identifier: ISC */
/* needs: tests/unit/hook_rig.c */
/* What a hook can read, and what not. Where the kernel has no Landlock only the warning is
 * there to look at. */
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/hook/hook_jail.h"
#include "tests/unit/hook_rig.h"

#define CREATE_RULESET 444 /* of Landlock: the number of the call */

/* The first version of Landlock, or none, or too many rules of it already: takes the place
 * of the C library's. */
static struct {
	bool none;
	bool full;
} kernel;

long
syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[5];
	va_list args;

	if (real == NULL)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "syscall");
	va_start(args, number);
	for (size_t i = 0; i < COUNT(a); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == CREATE_RULESET && (kernel.none || (kernel.full && a[0] != 0))) {
		errno = kernel.none ? EOPNOTSUPP : ENOMEM;
		return -1;
	}
	return real(number, a[0], a[1], a[2], a[3], a[4]);
}

/* STATE/keys and STATE/more/keys are hidden, STATE/more/open is not. */
struct places {
	char keys[128];
	char more[128];
	char missing[128];
	const char *hidden[5];
};

static void
make_dir(const char *name)
{
	assert_int_equal(mkdir(rig_path(name), 0700), 0);
}

static void
make_places(struct places *p)
{
	make_dir("keys");
	make_dir("keys/deep");
	make_dir("more");
	make_dir("more/keys");
	make_dir("more/open");
	rig_write("keys/file", "secret\n");
	rig_write("keys/deep/file", "secret\n");
	rig_write("more/keys/file", "secret\n");
	rig_write("more/open/file", "open\n");
	rig_write("more/file", "open\n");
	rig_write("file", "open\n");
	assert_int_equal(symlink("keys/file", rig_path("link")), 0);
	assert_int_equal(symlink("more/open/file", rig_path("fine")), 0);
	snprintf(p->keys, sizeof(p->keys), "%s", rig_path("keys"));
	snprintf(p->more, sizeof(p->more), "%s", rig_path("more/keys"));
	snprintf(p->missing, sizeof(p->missing), "%s", rig_path("missing"));
	p->hidden[0] = p->keys;
	p->hidden[1] = p->more;
	p->hidden[2] = p->missing;
}

static void
run_jailed(struct case_ *c, struct places *p)
{
	c->name = "x";
	c->hidden = p->hidden;
	rig_run(c);
}

/* One line of output for each command: whether it did what it says. */
#define TRY "try() { \"$@\" >/dev/null 2>&1 && echo \"yes $1\" || echo \"no $1\"; }\n"

static void
test_hidden_files_cannot_be_read(void **state)
{
	struct places p = { 0 };
	struct case_ c = { .script =
			       "LC_ALL=C; export LC_ALL\n"
			       "cat keys/file; cat keys/deep/file; cat more/keys/file\n"
			       "cat link; cat \"/proc/self/cwd/keys/file\"\n"
			       "cat \"/proc/self/root$HOME/keys/file\"\n"
			       "cd keys && cat file; cat ../more/../keys/file\n" };
	const char *said;
	unsigned denials = 0;

	(void)state;
	make_places(&p);
	run_jailed(&c, &p);
	assert_null(strstr(c.output, "secret"));
	for (said = c.output; (said = strstr(said, "Permission denied")) != NULL; said++)
		denials++;
	assert_int_equal(denials, 8);
	rig_clear(&c);
}

static void
test_all_the_rest_can(void **state)
{
	struct places p = { 0 };
	struct case_ c = { .script = TRY
			   "try cat file; try cat fine; try cat more/file more/open/file\n"
			   "try cat /etc/passwd; try ls / /tmp . more /usr/bin; try cat "
			   "/proc/self/stat\n"
			   "try head -c 1 /dev/urandom; try python3 -c 'import ssl, json'\n"
			   "try readlink /proc/self/exe\n" };

	(void)state;
	make_places(&p);
	run_jailed(&c, &p);
	assert_string_equal(c.output,
	    "yes cat\nyes cat\nyes cat\nyes cat\nyes ls\nyes cat\nyes head\nyes python3\n"
	    "yes readlink\n");
	rig_clear(&c);
}

static void
test_writing_is_as_before(void **state)
{
	struct places p = { 0 };
	struct case_ c = {
		.script = TRY
		"t=$(mktemp -d /tmp/acmed-hook-XXXXXX); echo a >\"$t/a\"; try grep -q a "
		"\"$t/a\"\n"
		"echo b >more/open/b; try grep -q b more/open/b\n"
		"try mv \"$t/a\" more/open/c; try grep -q a more/open/c\n"
		"mkdir more/open/new; echo d >more/open/new/d; try grep d more/open/new/d\n"
		"try mkdir new; echo >keys/e; try rm -r \"$t\" new keys/e; echo e >keys/e\n"
	};
	CLEAN(string) char *written = NULL;

	(void)state;
	make_places(&p);
	run_jailed(&c, &p);
	assert_string_equal(c.output,
	    "yes grep\nyes grep\nyes mv\nyes grep\nyes grep\nyes mkdir\nyes rm\n");
	written = rig_read("keys/e");
	assert_string_equal(written, "e\n");
	rig_clear(&c);
}

/* By another name, or from our memory. */
static void
test_no_way_around(void **state)
{
	struct places p = { 0 };
	struct case_ c = { .script = TRY
			   "try ln keys/file more/open/hard; try cat more/open/hard\n"
			   "mv keys more/open/moved 2>&-; try cat more/open/moved/file\n"
			   "mv keys renamed; try cat renamed/file keys/file\n"
			   "try sh -c ': <'/proc/$PPID/mem\n" };

	(void)state;
	make_places(&p);
	run_jailed(&c, &p);
	assert_string_equal(c.output, "no ln\nno cat\nno cat\nno cat\nno sh\n");
	rig_clear(&c);
}

static void
test_one_within_another(void **state)
{
	struct places p = { 0 };
	struct case_ c = { .script = TRY
			   "try cat keys/file; try cat keys/deep/file; try cat more/file" };
	char deep[128];

	(void)state;
	make_places(&p);
	snprintf(deep, sizeof(deep), "%s", rig_path("keys/deep"));
	p.hidden[0] = deep;
	p.hidden[1] = p.keys;
	run_jailed(&c, &p);
	assert_string_equal(c.output, "no cat\nno cat\nyes cat\n");
	rig_clear(&c);
}

static void
test_nothing_to_hide_hides_nothing(void **state)
{
	struct places p = { 0 };
	struct case_ c = { .script = TRY "try cat keys/file; mkdir new; try mv file new/" };

	(void)state;
	make_places(&p);
	p.hidden[0] = p.missing;
	p.hidden[1] = NULL;
	run_jailed(&c, &p);
	assert_string_equal(c.output, "yes cat\nyes mv\n");
	rig_clear(&c);
}

/* Better none than one that reads keys. */
static void
test_what_cannot_be_hidden_stops_it(void **state)
{
	struct places p = { 0 };
	struct case_ a = { .script = "echo started" }, b = { .script = "echo started" };

	(void)state;
	make_places(&p);
	kernel.full = true;
	run_jailed(&a, &p);
	kernel.full = false;
	assert_int_equal(a.err.kind, ERR_SYSTEM);
	assert_string_equal(a.err.text,
	    "x: cannot hide files from it: Cannot allocate memory");
	assert_string_equal(a.output, "");

	snprintf(p.keys, sizeof(p.keys), "%s", rig_path("file")); /* no directory */
	run_jailed(&b, &p);
	assert_int_equal(b.err.kind, ERR_SYSTEM);
	assert_non_null(strstr(b.err.text, "x: cannot hide files from it: "));
	assert_string_equal(b.output, "");
	rig_clear(&a);
	rig_clear(&b);
}

static void
test_without_landlock_there_is_one_warning(void **state)
{
	struct places p = { 0 };
	struct case_ a = { .script = "cat keys/file" }, b = { .script = "cat keys/file" };
	const char *said;

	(void)state;
	make_places(&p);
	kernel.none = true;
	run_jailed(&a, &p);
	run_jailed(&b, &p);
	kernel.none = false;
	assert_string_equal(b.output, "secret\n");
	said = strstr(rig.log, "warn: this kernel has no Landlock");
	assert_non_null(said);
	assert_null(strstr(said + 1, "warn: this kernel has no Landlock"));
	rig_clear(&a);
	rig_clear(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int
main(void)
{
	static const struct CMUnitTest with[] = {
		TEST(test_hidden_files_cannot_be_read),
		TEST(test_all_the_rest_can),
		TEST(test_writing_is_as_before),
		TEST(test_no_way_around),
		TEST(test_one_within_another),
		TEST(test_nothing_to_hide_hides_nothing),
		TEST(test_what_cannot_be_hidden_stops_it),
	};
	static const struct CMUnitTest without[] = {
		TEST(test_without_landlock_there_is_one_warning),
	};
	int failed = 0;

	if (jail_version() > 0)
		failed = cmocka_run_group_tests_name("hook_jail", with, NULL, NULL);
	return failed + cmocka_run_group_tests_name("no jail", without, NULL, NULL);
}
