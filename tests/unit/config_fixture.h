/* SPDX-License-Identifier: ISC */
/* config_fixture - a directory of configuration files that goes away with the test. */
#ifndef ACMED_CONFIG_FIXTURE_H
#define ACMED_CONFIG_FIXTURE_H

#include <sys/types.h>

#include "daemon/config/config.h"

/* As cmocka wants them. The directory has an empty certs.d. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

extern char fixture_directory[64];

void fixture_write(const char *name, const char *text); /* mode 0600 */
void fixture_write_mode(const char *name, const char *text, mode_t mode);
void fixture_copy(const char *name, const char *from); /* from $srcdir */
void fixture_remove(const char *name);
char *fixture_path(const char *name);

/* Loads acmed.yaml. *told is every problem on a line of its own, without the directory;
 * owned by the caller, may be NULL: then there must not be any. */
struct config *fixture_load(char **told);

/* The same of a configuration that must not load. */
void assert_told(const char *expected);

/* Each problem on a line of its own; empties the list. */
char *fixture_print(struct problems *problems);

#endif
