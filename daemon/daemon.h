/* SPDX-License-Identifier: ISC */
/*
 * daemon - makes every long-lived object, in the order of the layers; runs the loop;
 * reloads; takes all down in reverse.
 */
#ifndef ACMED_DAEMON_H
#define ACMED_DAEMON_H

#include "common/log.h"

/* sysexits.h's word for a configuration that cannot be used. */
#define DAEMON_EXIT_CONFIG 78

struct daemon_options {
	const char *config;
	enum log_level log_level; /* LOG_LEVEL_COUNT: as the configuration says */
};

/* Until a signal ends it. The exit status: 0, 1, or DAEMON_EXIT_CONFIG. */
int daemon_run(const struct daemon_options *options);

/* --check: prints every problem to standard output; 0 or 1. */
int daemon_check(const char *config);

#endif
