/* SPDX-License-Identifier: ISC */
/*
 * scale - what the files of this bench share: a host with any number of certificates on a
 * disk of its own, and a world whose time passes as fast as it can be computed.
 *
 * Real are the configuration, the scheduler, its decisions, the ledger, and the store with
 * its files. Stood in for, by functions of the same names, are the clock, the threads of
 * the worker, chance (so that two runs are the same), the CA with all that is said to it,
 * what is done to put a certificate into use, and fsync(), which does nothing.
 */
#ifndef ACMED_BENCH_SCALE_H
#define ACMED_BENCH_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct scheduler;

#define HOUR ((time_t)3600)
#define DAY  ((time_t)86400)

#define DIRECTORY_URL "https://ca.example/directory"

/* 2027-01-01T00:00:00Z, when it all begins. */
#define WORLD_START ((time_t)1798761600)

struct world {
	time_t now;
	time_t lifetime;       /* of what the CA issues */
	time_t retry_after;    /* that the CA says with renewal information */
	unsigned fail_percent; /* of the orders */

	size_t polls;
	size_t polls_in_minute;
	size_t polls_most; /* in any minute since world_count_from_here() */
	time_t minute;
	time_t counted_from;

	size_t syncs; /* that would have been */
	size_t orders;
	size_t running;
	size_t most_running;
	size_t issued;
	size_t failed;
	size_t early; /* ordered before the window of the one before it */
	size_t late;  /* and after its end */
	size_t expired;
	time_t latest; /* the most that one was late */

	double longest_ms; /* one callback of the loop, of CPU time */
	size_t over_10ms;
};

extern struct world world;

/* All that happens until then. */
void world_run(time_t until);

/* Polls and times from now on are what counts. */
void world_count_from_here(void);

/* ---- what scale_world.c and scale_ca.c share ---- */

/* Something that comes to pass, not before the caller has returned. */
typedef void world_fn(void *arg);
struct happening;
struct happening *world_happens(time_t at, world_fn *fn, void *arg);
void world_cancel(struct happening *h);

/* ---- scale_ca.c ---- */

/* The certificates that there are, as the scheduler knows them: their names end in their
 * numbers. */
void ca_learn(const struct scheduler *s, size_t count);
void ca_forget(void);

/* The serial number of a certificate tells what the CA would look up. */
#define SERIAL_SIZE 16
void ca_serial(time_t not_before, unsigned number, unsigned generation,
    unsigned char serial[SERIAL_SIZE]);

/* ---- scale_disk.c ---- */

/* DIR/acmed.yaml, DIR/certs.d and DIR/state with this many pairs in force. */
void disk_make(const char *directory, size_t count);

#endif
