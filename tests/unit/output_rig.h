/* SPDX-License-Identifier: ISC */
/* output_rig - a directory for outputs beside the state directory of store_fixture. */
#ifndef ACMED_OUTPUT_RIG_H
#define ACMED_OUTPUT_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "daemon/config/config.h"

int output_rig_set_up(void **state);
int output_rig_tear_down(void **state);
#define OUTPUT_TEST(function) \
	cmocka_unit_test_setup_teardown(function, output_rig_set_up, output_rig_tear_down)

/* A path in the directory; good until the fourth call after it. "": the directory. */
const char *out(const char *name);

/* An output "site" of this format, with nothing else set. */
struct output_config site(const char *format);

/* Of one of the fixture's pairs. */
int write_pair(const struct output_config *output, size_t pair, struct err *err);
void assert_written(const struct output_config *output, size_t pair);
bool is_current(const struct output_config *output, size_t pair);

/* The err is the path of "site", then this. */
void assert_refused(const struct output_config *output, const char *expected);

/* What a file holds, NUL behind it. Owned by the caller. */
char *content_of(const char *path, size_t *length);
struct stat stat_of(const char *path);

/* The names in the directory, sorted, a blank behind each. Owned by the caller. */
char *listing(void);

/* Runs it in a child that is neither root nor in any group; what it returns. */
bool as_nobody(bool (*what)(void *arg), void *arg);

#endif
