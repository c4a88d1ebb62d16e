/* SPDX-License-Identifier: ISC */
/*
 * scale - measures acmed with very many certificates: see scale.h for what is real.
 *
 *	scale make DIR COUNT      a host with that many certificates
 *	scale first DIR           a start that knows the pairs alone, then a day
 *	scale start DIR           a start, a reload of what has not changed, then some days
 *	scale run DIR DAYS        that many days
 *
 * Prints words of the form name=value, as a shell reads them. The environment may say
 * LIFETIME_DAYS (90), RETRY_AFTER_HOURS (6) and FAIL_PERCENT (0).
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/config/yaml.h"
#include "daemon/io/memory.h"
#include "daemon/renew/scheduler.h"
#include "daemon/store/store.h"
#include "tests/bench/scale.h"

#define START_DAYS 3

/* ---- figures ---- */

static double
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long
resident_kib(void)
{
	FILE *file = must(fopen("/proc/self/statm", "re"));
	long total = 0, resident = 0;

	if (fscanf(file, "%ld %ld", &total, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static long
peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* What is allocated, whether it is resident or not. */
static size_t
allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* ---- acmed, as far as it is here ---- */

struct daemon {
	struct store *store;
	struct scheduler *scheduler;
	struct config *config;
	char *file;
	double config_seconds;
	double state_seconds;
	double cpu_seconds; /* of both */
};

static void
die(const char *what)
{
	fprintf(stderr, "scale: %s\n", what);
	exit(2);
}

static struct config *
load(const char *file)
{
	struct problems problems = { 0 };
	struct config *config = config_load(file, &problems);

	for (size_t i = 0; i < problems.count; i++) {
		CLEAN(string) char *line = problem_print(&problems.list[i]);

		fprintf(stderr, "%s\n", line);
	}
	problems_clear(&problems);
	if (config == NULL)
		die("the configuration has errors");
	return config;
}

static void
start(struct daemon *d, const char *directory)
{
	double begun = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct err err = { 0 };

	d->file = xasprintf("%s/acmed.yaml", directory);
	d->config = load(d->file);
	d->config_seconds = seconds(CLOCK_MONOTONIC) - begun;
	d->store = store_open(d->config->state_dir, &err);
	if (d->store == NULL)
		die(err.text);
	d->scheduler = scheduler_new(&(struct scheduler_deps){ .job.store = d->store });
	scheduler_set_config(d->scheduler, d->config);
	d->state_seconds = seconds(CLOCK_MONOTONIC) - begun - d->config_seconds;
	d->cpu_seconds = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	ca_learn(d->scheduler, d->config->n_certs);
	memory_give_back();
}

static void
stop(struct daemon *d)
{
	scheduler_free(d->scheduler);
	store_close(d->store);
	config_free(d->config);
	ca_forget();
	free(d->file);
}

/* ---- what is measured ---- */

static void
print_start(const struct daemon *d)
{
	size_t damaged = 0;
	struct cert_look look;

	for (size_t i = 0; i < scheduler_count(d->scheduler); i++) {
		scheduler_look_at(d->scheduler, i, &look);
		damaged += look.info == NULL;
	}
	printf("count=%zu config_s=%.3f state_s=%.3f start_s=%.3f start_cpu_s=%.4f "
	       "rss_kib=%ld peak_kib=%ld allocated=%zu missing=%zu\n",
	    scheduler_count(d->scheduler), d->config_seconds, d->state_seconds,
	    d->config_seconds + d->state_seconds, d->cpu_seconds, resident_kib(),
	    peak_kib(), allocated(), damaged);
}

/* What is read and compared on a worker, and what is done on the loop. */
static void
measure_reload(struct daemon *d)
{
	double begun = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct config *next = load(d->file);
	struct scheduler_plan *plan = scheduler_plan_new(d->store, d->config, next);
	double read = seconds(CLOCK_MONOTONIC), swap = seconds(CLOCK_PROCESS_CPUTIME_ID);

	scheduler_use_plan(d->scheduler, plan);
	swap = seconds(CLOCK_PROCESS_CPUTIME_ID) - swap;
	config_free(d->config);
	d->config = next;
	scheduler_plan_free(plan);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	memory_give_back();
	printf("reload_read_ms=%.1f reload_swap_ms=%.2f reload_cpu_ms=%.2f "
	       "reload_rss_kib=%ld\n",
	    (read - begun) * 1e3, swap * 1e3, cpu * 1e3, resident_kib());
}

/* After one in which what a start puts off is done. */
static void
measure_days(int days)
{
	double cpu;

	world_run(world.now + DAY);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	world_count_from_here();
	world_run(world.now + days * DAY);
	printf("day_cpu_ms=%.2f day_polls=%zu longest_ms=%.2f\n",
	    (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e3 / days,
	    world.polls / (size_t)days, world.longest_ms);
}

static void
print_run(time_t from)
{
	double minutes = (double)(world.now - from) / 60;
	double mean = (double)world.polls / minutes;

	printf("orders=%zu issued=%zu failed=%zu early=%zu late=%zu latest_s=%lld "
	       "expired=%zu most_orders=%zu\n",
	    world.orders, world.issued, world.failed, world.early, world.late,
	    (long long)world.latest, world.expired, world.most_running);
	printf("polls=%zu polls_mean=%.2f polls_most=%zu syncs=%zu longest_ms=%.2f "
	       "over_10ms=%zu\n",
	    world.polls, mean, world.polls_most, world.syncs, world.longest_ms,
	    world.over_10ms);
}

static void
print_memory(const char *when)
{
	memory_give_back();
	printf("%s_rss_kib=%ld %s_allocated=%zu\n", when, resident_kib(), when,
	    allocated());
}

/* A cycle: as long as it takes until each was renewed once. */
static void
run(int days)
{
	time_t from = world.now, end = from + days * DAY;
	time_t cycle = world.lifetime / 3 * 2 + 2 * DAY;
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), begun = seconds(CLOCK_MONOTONIC);

	world_count_from_here();
	world_run(2 * cycle < end - from ? from + 2 * cycle : end);
	print_memory("second");
	world_run(end);
	print_memory("last");
	printf("cycles=%.1f wall_s=%.1f cpu_s=%.1f peak_kib=%ld\n",
	    (double)(end - from) / (double)cycle, seconds(CLOCK_MONOTONIC) - begun,
	    seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, peak_kib());
	print_run(from);
}

static time_t
setting(const char *name, long absent, time_t unit)
{
	const char *value = getenv(name);

	return (value != NULL ? strtol(value, NULL, 10) : absent) * unit;
}

static void
no_log(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)level;
	(void)fields;
	(void)line;
}

int
main(int argc, char **argv)
{
	struct daemon d = { 0 };

	if (argc < 3)
		die("see the head of tests/bench/scale.c");
	mallopt(M_ARENA_MAX, 1); /* as acmed does */
	if (getenv("LOUD") == NULL)
		log_set_sink(no_log);
	world.lifetime = setting("LIFETIME_DAYS", 90, DAY);
	world.retry_after = setting("RETRY_AFTER_HOURS", 6, HOUR);
	world.fail_percent = (unsigned)setting("FAIL_PERCENT", 0, 1);
	if (str_eq(argv[1], "make")) {
		disk_make(argv[2], argc > 3 ? strtoul(argv[3], NULL, 10) : 1);
		return 0;
	}
	/* A later start than the first: what that one learned is from a day before. */
	if (!str_eq(argv[1], "first"))
		world.now += DAY + HOUR;
	start(&d, argv[2]);
	print_start(&d);
	if (str_eq(argv[1], "first"))
		world_run(world.now + DAY);
	else if (str_eq(argv[1], "start")) {
		measure_reload(&d);
		measure_days(START_DAYS);
	} else if (str_eq(argv[1], "run") && argc > 3)
		run((int)strtol(argv[3], NULL, 10));
	stop(&d);
	return 0;
}
