/* SPDX-License-Identifier: ISC */
#include "tests/unit/hook_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"

#define SHOW "--show"

extern char **environ;

struct rig rig;

const char *const rig_show[] = { "/proc/self/exe", SHOW, "a b", ";|&$`\"'\n*\\", "", NULL };

/* ---- files ---- */

const char *
rig_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
	return path;
}

void
rig_write(const char *name, const char *text)
{
	FILE *f = fopen(rig_path(name), "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

char *
rig_read(const char *name)
{
	FILE *f = fopen(rig_path(name), "re");
	struct text t = { 0 };
	char buffer[4096];
	size_t n;

	if (f == NULL)
		return NULL;
	while ((n = fread(buffer, 1, sizeof(buffer), f)) > 0)
		text_add_bytes(&t, buffer, n);
	fclose(f);
	return text_take(&t);
}

static void
remove_all(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		CLEAN(string) char *name = xasprintf("%s/%s", path, e->d_name);

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (unlink(name) == -1)
			remove_all(name);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

/* ---- the rig ---- */

static void
to_log(enum log_level level, const struct log_fields *fields, const char *line)
{
	size_t length = strlen(rig.log);

	(void)fields;
	snprintf(rig.log + length, sizeof(rig.log) - length, "%s: %s\n",
	    log_level_name(level), line);
}

int
rig_set_up(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof(rig));
	/* Not in /tmp: what is hidden below it would make new files there unreadable. */
	snprintf(rig.dir, sizeof(rig.dir), "/var/tmp/acmed-hook-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	snprintf(rig.marker, sizeof(rig.marker), "1000.%d", (int)getpid());
	rig.loop = must(event_base_new());
	rig.hooks = hooks_new(rig.loop, 4);
	log_set_sink(to_log);
	log_set_level(LOG_LEVEL_DEBUG);
	return 0;
}

int
rig_tear_down(void **state)
{
	(void)state;
	hooks_free(rig.hooks);
	event_base_free(rig.loop);
	log_set_sink(NULL);
	remove_all(rig.dir);
	return 0;
}

static void
on_done(const struct hook_result *result, const struct err *err, void *arg)
{
	struct case_ *c = arg;

	assert_non_null(c->run); /* hook_start() has returned */
	c->done++;
	c->run = NULL;
	c->right = err == NULL;
	c->err = err != NULL ? *err : (struct err){ 0 };
	c->exit_status = result->exit_status;
	c->signal = result->signal;
	c->timed_out = result->timed_out;
	c->output = xstrdup(result->output);
	c->output_lost = result->output_lost;
	c->ms = clock_monotonic_ms() - c->started_ms;
}

static void
write_script(struct case_ *c)
{
	CLEAN(string) char *name = xasprintf("%s.sh", c->name);
	CLEAN(string) char *text = xasprintf("#!/bin/sh\n%s\n", c->script);

	rig_write(name, text);
	snprintf(c->path, sizeof(c->path), "%s", rig_path(name));
	assert_int_equal(chmod(c->path, 0700), 0);
}

void
rig_start(struct case_ *c)
{
	const char *const script[] = { c->path, NULL };
	CLEAN(string) char *marker = xasprintf("MARKER=%s", rig.marker);
	const char *const environment[] = { marker, NULL };
	struct hook_request request = { .label = c->name,
		.command = c->command != NULL ? c->command : script,
		.environment = c->environment != NULL ? c->environment : environment,
		.home = rig.dir,
		.hidden = c->hidden,
		.timeout = c->timeout };

	if (c->script != NULL)
		write_script(c);
	c->started_ms = clock_monotonic_ms();
	c->run = hook_start(rig.hooks, &request, on_done, c);
	assert_int_equal(c->done, 0);
}

void
rig_run(struct case_ *c)
{
	rig_start(c);
	assert_int_equal(event_base_dispatch(rig.loop), 1); /* 1: no events */
	assert_int_equal(c->done, 1);
}

void
rig_clear(struct case_ *c)
{
	free(c->output);
	c->output = NULL;
}

/* ---- processes ---- */

static bool
is_marked(const char *pid)
{
	CLEAN(string) char *path = xasprintf("/proc/%s/cmdline", pid);
	CLEAN(stream) FILE *f = fopen(path, "re");
	char line[256] = "";
	size_t n = f != NULL ? fread(line, 1, sizeof(line) - 1, f) : 0;

	return memmem(line, n, rig.marker, strlen(rig.marker) + 1) != NULL;
}

unsigned
rig_count_marked(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	unsigned count = 0;

	while ((e = readdir(proc)) != NULL)
		count += e->d_name[0] >= '1' && e->d_name[0] <= '9' && is_marked(e->d_name);
	closedir(proc);
	return count;
}

bool
rig_has_child(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* ---- waiting ---- */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

typedef bool condition_fn(const void *arg);

static void
wait_for(condition_fn *is_true, const void *arg)
{
	const struct timeval often = { .tv_usec = 5000 };
	struct event *tick = must(event_new(rig.loop, -1, EV_PERSIST, on_tick, NULL));

	event_add(tick, &often);
	while (!is_true(arg))
		event_base_loop(rig.loop, EVLOOP_ONCE);
	event_free(tick);
}

static bool
has_file(const void *name)
{
	return access(rig_path(name), F_OK) == 0;
}

void
rig_wait_for_file(const char *name)
{
	wait_for(has_file, name);
}

static bool
has_marked(const void *count)
{
	return rig_count_marked() == *(const unsigned *)count;
}

void
rig_wait_for_marked(unsigned count)
{
	wait_for(has_marked, &count);
}

/* ---- as a hook ---- */

static void
show_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;

	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && (int)strtol(e->d_name, NULL, 10) != dirfd(dir))
			printf("fd %s\n", e->d_name);
	closedir(dir);
}

static void
show_signals(void)
{
	struct sigaction action;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int number = 1; number < NSIG; number++) {
		if (sigismember(&mask, number) == 1)
			printf("blocked %d\n", number);
		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			printf("ignored %d\n", number);
	}
}

static int
show(int argc, char **argv)
{
	char name[256] = "";
	struct rlimit core;
	mode_t mask = umask(0);

	for (int i = 2; i < argc; i++)
		printf("argument %s\n", argv[i]);
	for (char **e = environ; *e != NULL; e++)
		printf("variable %s\n", *e);
	show_descriptors();
	show_signals();
	printf("input %s\n",
	    readlink("/proc/self/fd/0", name, sizeof(name) - 1) > 0 ? name : "");
	getrlimit(RLIMIT_CORE, &core);
	printf("umask %03o core %d+%d new-privileges %s session %s directory %s\n",
	    (unsigned)mask, (int)core.rlim_cur, (int)core.rlim_max,
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "no" : "yes",
	    getsid(0) == getpid() && getpgrp() == getpid() ? "own" : "other",
	    getcwd(name, sizeof(name)) != NULL ? name : "?");
	return 0;
}

int
rig_main(int argc, char **argv, int (*tests)(void))
{
	if (argc > 1 && str_eq(argv[1], SHOW))
		return show(argc, argv);
	return tests();
}
