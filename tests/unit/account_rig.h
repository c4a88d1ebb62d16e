/* SPDX-License-Identifier: ISC */
/*
 * account_rig - accounts with the real session and directory, against a scripted CA and a
 * store in memory. A "signature" is "KID NONCE PAYLOAD" here.
 */
#ifndef ACMED_ACCOUNT_RIG_H
#define ACMED_ACCOUNT_RIG_H

#include <stddef.h>

#include "common/err.h"
#include "daemon/acme/account.h"
#include "tests/unit/scripted_http.h"

#define DIRECTORY "https://ca.example/directory"
#define URL       "https://ca.example/acct/1"

#define DIRECTORY_WITH(meta)                                                            \
	{                                                                               \
		.status = 200, .body = "{\"newNonce\":\"https://ca.example/nonce\","    \
				       "\"newAccount\":\"https://ca.example/account\"," \
				       "\"newOrder\":\"https://ca.example/order\""      \
				       ",\"meta\":{" meta "}}"                          \
	}
#define NONCE                                                \
	{                                                    \
		.status = 200, .headers = "Replay-Nonce: n1" \
	}
#define ACCOUNT(code)                                               \
	{                                                           \
		.status = (code), .body = "{\"status\":\"valid\"}", \
		.headers = "Replay-Nonce: n2\nLocation: /acct/1"    \
	}

extern struct account_rig {
	struct directories *directories;
	struct accounts *all;
	struct config config;
	struct account_config settings;
	struct account_config *list[2];
	int references; /* to configurations */

	struct key *stored_key;
	char *stored_json;
	struct err cannot_load; /* the key */
	struct err cannot_save; /* anything */
	struct text store;      /* "save key\n" */
	struct text log;
	size_t tasks;
} t;

/* For one account, "main", that is configured and no more. */
int account_rig_set_up(void **state);
int account_rig_tear_down(void **state);
#define ACCOUNT_TEST(function) \
	cmocka_unit_test_setup_teardown(function, account_rig_set_up, account_rig_tear_down)

extern char *contacts[]; /* of its settings */
struct account *get_account(void);
char *text_of(const char *s); /* for settings, which are not const */
void store_a_key(void);

/* And it is empty after that. */
void assert_text(struct text *text, const char *expected);

/* One who waits, and what he was told. */
struct waiter {
	struct account_wait *wait;
	unsigned calls;
	struct err err;
	struct account *again; /* waits once more, when called */
};

account_done_fn on_done;
void assert_told(const struct waiter *w, const char *text);

/* account_ready(), to the end. */
void assert_ready(void);
void assert_not_ready(enum err_kind kind, const char *text);

#endif
