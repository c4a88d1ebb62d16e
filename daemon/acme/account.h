/* SPDX-License-Identifier: ISC */
/*
 * account - an account of the configuration: its key, and its existence at the CA
 * (RFC 8555, section 7.3). The key is loaded or made, and the account found or
 * registered, when first needed; once, however many orders wait for it.
 */
#ifndef ACMED_ACCOUNT_H
#define ACMED_ACCOUNT_H

#include "common/clean.h"
#include "common/err.h"
#include "daemon/config/config.h"

struct account;
struct account_wait;
struct accounts;
struct directories;
struct directory;
struct event_base;
struct session;
struct store;
struct worker;

struct account_deps {
	struct event_base *loop;
	struct worker *worker;
	struct store *store;
	struct directories *directories;
};

struct accounts *accounts_new(const struct account_deps *deps);
void accounts_free(struct accounts *all);
DEFINE_CLEAN(accounts, struct accounts);

/* Accounts whose settings did not change go on as they are. */
void accounts_set_config(struct accounts *all, struct config *config);

/* Borrowed, NULL where there is none of this name. Who keeps it takes a reference. */
struct account *accounts_find(struct accounts *all, const char *name);

/* The account at the test directory of the same CA, with a key of its own; NULL where
 * there is no such directory. Borrowed. */
struct account *accounts_find_staging(struct accounts *all, const char *name);
struct account *account_ref(struct account *a); /* NULL of NULL */
void account_free(struct account *a);           /* gives a reference back */
DEFINE_CLEAN(account, struct account);

const char *account_name(const struct account *a);
const char *account_directory_url(const struct account *a);
struct directory *account_directory(const struct account *a);

/* Call back once, from the loop, never before they have returned; not at all when the
 * wait was freed. account_load_key() ends when the key is there, account_ready() when the
 * CA knows the account, too. */
typedef void account_done_fn(const struct err *err, void *arg);
struct account_wait *account_load_key(struct account *a, account_done_fn *done, void *arg);
struct account_wait *account_ready(struct account *a, account_done_fn *done, void *arg);
void account_wait_free(struct account_wait *w);
DEFINE_CLEAN(account_wait, struct account_wait);

/* Once the key is loaded; NULL before. */
const char *account_thumbprint(const struct account *a);

/* Once it is ready; NULL before. */
struct session *account_session(const struct account *a);
const char *account_url(const struct account *a);

#endif
