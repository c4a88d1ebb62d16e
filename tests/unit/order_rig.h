/* SPDX-License-Identifier: ISC */
/*
 * order_rig - an order against a scripted CA. Stands in for session.c, account.c,
 * challenge.c, directory.c and config.c at link time: what the order asks for is written
 * down in a transcript, what it gets back is read off a script. Time runs 10,000 times
 * faster, and how long the order wanted to wait is written down, too.
 */
#ifndef ACMED_ORDER_RIG_H
#define ACMED_ORDER_RIG_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "common/str.h"
#include "daemon/acme/order.h"
#include "daemon/config/config.h"

struct order_answer {
	const char *json; /* or what else is the body */
	const char *location;
	int status; /* 0: 200; 300 and more become an err, as in the session */
	time_t retry_after;
	const char *unreachable; /* instead of an answer: an ERR_NETWORK with this text */
	bool hangs;              /* no answer, ever */
	size_t length;           /* of the body where that has a NUL inside */
};

extern struct order_rig {
	struct event_base *loop;
	struct order *order; /* freed when it is done */
	struct order_request request;
	struct cert_config cert;
	struct cert_options options;
	struct json_object *meta; /* of the directory; owned */
	bool no_renewal_info;     /* the directory has none */
	bool forgotten;           /* the directory */
	struct err account_err;   /* what account_ready() ends with */
	bool account_hangs;
	struct err deploy_err; /* what a deployed challenge ends with */
	bool deploy_hangs;
	bool record_later; /* not from within the call */
	bool record_hangs;
	struct err record_err;
	bool hurry; /* the deadline comes soon */
	bool keep;  /* the order is not freed when it is done */

	struct text
	    transcript;     /* "newOrder {...}\n", "GET /order/7\n", "deploy a.example\n" */
	struct text steps;  /* "create, record, authz 1 of 1, ..." */
	struct text delays; /* in milliseconds: "8 50 250 " */
	size_t open;        /* requests, waits, challenges and references */
	unsigned calls;     /* of done() */
	char pem[64];
	struct err err;
	bool order_lost;
	bool replaces_refused;
} t;

/* For one name: a.example. */
int order_rig_set_up(void **state);
int order_rig_tear_down(void **state);
#define ORDER_TEST(function) \
	cmocka_unit_test_setup_teardown(function, order_rig_set_up, order_rig_tear_down)

/* NULL-terminated, and has to last. */
void order_rig_names(char **names);

void order_rig_script(const struct order_answer *script, size_t count);
#define SCRIPT(...)                                                    \
	order_rig_script((const struct order_answer[]){ __VA_ARGS__ }, \
	    sizeof((const struct order_answer[]){ __VA_ARGS__ }) /     \
		sizeof(struct order_answer))

/* Starts the order; and with it, lets it come to its end. */
void order_rig_start(void);
void order_rig_run(void);
#define RUN(...)                     \
	do {                         \
		SCRIPT(__VA_ARGS__); \
		order_rig_run();     \
	} while (0)

/* The certificate was issued, and the whole script was needed. */
void assert_issued(void);

/* It ended with this err, and the whole script was needed. */
void assert_failed(enum err_kind kind, const char *text);

void assert_transcript(const char *expected);
void assert_steps(const char *expected);
void assert_delays(const char *expected);

/* ---- within the rig ---- */

/* What the loop ends by itself, once: requests, waits, challenges. */
struct turn {
	struct event *event;
	void (*end)(void *arg);
};
void turn_start(struct turn *turn, void (*end)(void *arg), bool hangs);
void turn_free(struct turn *turn);

/* ---- what a CA says ---- */

#define ORDER(status)                                                   \
	"{\"status\":\"" status "\",\"authorizations\":[\"/authz/1\"]," \
	"\"finalize\":\"/finalize\",\"certificate\":\"/cert\"}"
#define ORDER_2(status)                                                \
	"{\"status\":\"" status "\",\"authorizations\":[\"/authz/1\"," \
	"\"/authz/2\"],\"finalize\":\"/finalize\",\"certificate\":\"/cert\"}"
#define AUTHZ_AND(status, name, more)                                    \
	"{\"status\":\"" status "\",\"identifier\":{\"type\":\"dns\","   \
	"\"value\":\"" name "\"},\"challenges\":[{\"type\":\"http-01\"," \
	"\"url\":\"/chall/" name "\",\"status\":\"" status "\"}]" more "}"
#define AUTHZ(status, name) AUTHZ_AND(status, name, "")
#define CHALLENGE(status)   "{\"status\":\"" status "\"}"
#define PROBLEM(type, detail) \
	"{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" detail "\"}"
#define AUTHZ_INVALID(name, type, detail)                                     \
	"{\"status\":\"invalid\",\"identifier\":{\"type\":\"dns\",\"value\":" \
	"\"" name "\"},\"challenges\":[{\"type\":\"http-01\",\"status\":"     \
	"\"invalid\",\"error\":" PROBLEM(type, detail) "}]}"
#define NEW(order)                                                     \
	{                                                              \
		.json = (order), .status = 201, .location = "/order/7" \
	}

#endif
