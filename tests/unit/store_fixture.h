/* SPDX-License-Identifier: ISC */
/* store_fixture - a state directory, and pairs to put in it. */
#ifndef ACMED_STORE_FIXTURE_H
#define ACMED_STORE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/str.h"

#define STORE_PAIRS 3

struct store_fixture {
	char *scratch;
	char *dir; /* the state directory */
	struct store *store;
	struct text log; /* "warn: ...\n" */
	struct key *key[STORE_PAIRS];
	struct chain *chain[STORE_PAIRS];
};
extern struct store_fixture t;

/* The pairs are made once for all tests of a program, the directory for each. */
int store_fixture_make_pairs(void **state);
int store_fixture_free_pairs(void **state);
int store_fixture_set_up(void **state);
int store_fixture_tear_down(void **state);
#define STORE_TEST(function)                                            \
	cmocka_unit_test_setup_teardown(function, store_fixture_set_up, \
	    store_fixture_tear_down)

struct store *open_again(void);

/* A path in the state directory; good until the fourth call after it. */
const char *at(const char *relative);

/* All of these are about the certificate "example". */
int publish(size_t pair, unsigned keep, unsigned *version, struct err *err);
void assert_publishes(size_t pair, unsigned keep, unsigned expected);
void assert_live(size_t pair);
void assert_not_live(const char *expected);

/* Paths as for at(). */
void put(const char *relative, const void *bytes, size_t length);
bool exists(const char *relative);
unsigned mode_of(const char *relative);

#endif
