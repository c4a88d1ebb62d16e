/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include "tests/unit/bus_rig.h"

#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/io/clock.h"
#include "daemon/io/file.h"

/* Far more than any of it takes, for a machine that is busy. */
#define PATIENCE_MS 30000

struct bus_rig rig;

/* ---- processes ---- */

/* Runs the program and waits for its first line; false where it ends without one. */
static bool
start(pid_t *pid, const char *const *argv)
{
	CLEAN(fd) int from = -1;
	struct pollfd watched;
	int ends[2];
	char line[256];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	from = ends[0];
	*pid = fork();
	if (*pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
		dup2(ends[1], STDOUT_FILENO);
		dup2(rig.log, STDERR_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(ends[1]);
	watched = (struct pollfd){ .fd = from, .events = POLLIN };
	if (poll(&watched, 1, PATIENCE_MS) == 1 && read(from, line, sizeof(line)) > 0)
		return true;
	rig_end(pid);
	return false;
}

void
rig_end(pid_t *pid)
{
	if (*pid == 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void
remove_dir(void)
{
	static const char *const names[] = { "units", "jobs", "bus" };

	for (size_t i = 0; i < COUNT(names); i++) {
		CLEAN(string) char *path = xasprintf("%s/%s", rig.dir, names[i]);

		unlink(path);
	}
	rmdir(rig.dir);
}

/* While a test is set up, nobody tears down after this. */
static void
fail_because(const char *what)
{
	char said[1024] = "";

	(void)!pread(rig.log, said, sizeof(said) - 1, 0);
	rig_end(&rig.systemd);
	rig_end(&rig.daemon);
	remove_dir();
	fail_msg("%s %s", what, said);
}

void
rig_start_daemon(void)
{
	CLEAN(string) char *address = xasprintf("--address=%s", rig.address);
	const char *argv[] = { "dbus-daemon", "--session", "--nofork", "--nopidfile",
		"--print-address", address, NULL };

	unlink(rig.address + strlen("unix:path="));
	if (!start(&rig.daemon, argv))
		fail_because("dbus-daemon does not start (Debian package: dbus-daemon)");
}

void
rig_start_systemd(void)
{
	CLEAN(string) char *units = xasprintf("%s/units", rig.dir);
	CLEAN(string) char *jobs = xasprintf("%s/jobs", rig.dir);
	char self[512] = "";
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CLEAN(string) char *program = NULL;
	const char *argv[] = { NULL, units, jobs, NULL };

	assert_true(length > 0);
	*strrchr(self, '/') = '\0';
	program = xasprintf("%s/../lib/fake_systemd", self);
	argv[0] = program;
	if (!start(&rig.systemd, argv))
		fail_because("the stand-in for systemd does not start");
}

/* ---- what systemd has, and has done ---- */

void
rig_units(const char *lines)
{
	CLEAN(string) char *path = xasprintf("%s/units", rig.dir);
	CLEAN(string) char *new = xasprintf("%s/units.new", rig.dir);
	CLEAN(fd) int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
	assert_int_equal(rename(new, path), 0);
}

char *
rig_jobs(void)
{
	CLEAN(string) char *path = xasprintf("%s/jobs", rig.dir);
	struct err err;
	size_t length;
	char *text = file_read(AT_FDCWD, path, 65536, &length, &err);

	return text != NULL ? text : xstrdup("");
}

static unsigned
count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

void
rig_expect_jobs(const char *lines)
{
	int64_t end = clock_monotonic_ms() + PATIENCE_MS;
	char *jobs = rig_jobs();

	while (count_lines(jobs) < count_lines(lines) && clock_monotonic_ms() < end) {
		free(jobs);
		rig_pass(5);
		jobs = rig_jobs();
	}
	assert_string_equal(jobs, lines);
	free(jobs);
}

/* ---- calls ---- */

void
rig_done(const struct err *err, void *arg)
{
	(void)arg;
	rig.n_done++;
	rig.err = err != NULL ? *err : (struct err){ 0 };
	bus_call_free(TAKE(rig.frees));
	if (rig.frees_bus)
		bus_free(TAKE(rig.bus));
}

struct bus_call *
rig_call(enum bus_verb verb, const char *unit)
{
	return bus_unit(rig.bus, verb, unit, rig_done, NULL);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	bool *over = arg;

	(void)fd;
	(void)what;
	*over = true;
}

/* Until so many have ended, or the time is over. */
static void
run_for(int64_t ms, unsigned n_done)
{
	const struct timeval limit = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };
	bool over = false;
	struct event *timer = event_new(rig.loop, -1, EV_TIMEOUT, on_time, &over);

	event_add(timer, &limit);
	while (!over && rig.n_done < n_done)
		event_base_loop(rig.loop, EVLOOP_ONCE);
	event_free(timer);
}

void
rig_run(unsigned n_done)
{
	run_for(PATIENCE_MS, n_done);
	assert_int_equal(rig.n_done, n_done);
}

void
rig_pass(int64_t ms)
{
	run_for(ms, UINT_MAX);
}

void
rig_expect_done(enum bus_verb verb, const char *unit)
{
	unsigned before = rig.n_done;

	rig_call(verb, unit);
	assert_int_equal(rig.n_done, before);
	rig_run(before + 1);
	assert_string_equal(rig.err.text, "");
	assert_int_equal(rig.err.kind, ERR_NONE);
}

void
rig_expect_error(enum bus_verb verb, const char *unit, enum err_kind kind, const char *text)
{
	unsigned before = rig.n_done;

	rig_call(verb, unit);
	assert_int_equal(rig.n_done, before);
	rig_run(before + 1);
	assert_string_equal(rig.err.text, text);
	assert_int_equal(rig.err.kind, kind);
}

/* ---- */

static void
keep_line(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)fields;
	if (level <= LOG_LEVEL_INFO)
		text_add(&rig.lines, "%s\n", line);
}

int
bus_rig_set_up_alone(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof(rig));
	snprintf(rig.dir, sizeof(rig.dir), "/tmp/acmed-bus.XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	snprintf(rig.address, sizeof(rig.address), "unix:path=%s/bus", rig.dir);
	rig.log = open(rig.dir, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	assert_int_not_equal(rig.log, -1);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", rig.address, 1);
	log_set_sink(keep_line);
	rig.loop = event_base_new();
	rig.bus = bus_new(rig.loop);
	rig_units("nginx.service active\n");
	return 0;
}

int
bus_rig_set_up(void **state)
{
	bus_rig_set_up_alone(state);
	rig_start_daemon();
	rig_start_systemd();
	return 0;
}

int
bus_rig_tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL);
	bus_free(rig.bus);
	event_base_free(rig.loop);
	rig_end(&rig.systemd);
	rig_end(&rig.daemon);
	remove_dir();
	close(rig.log);
	text_clear(&rig.lines);
	return 0;
}
