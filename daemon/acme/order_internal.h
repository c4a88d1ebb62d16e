/* SPDX-License-Identifier: ISC */
/* order_internal - what the engine (order.c) and the steps (order_steps.c) share. */
#ifndef ACMED_ORDER_INTERNAL_H
#define ACMED_ORDER_INTERNAL_H

#include <stdint.h>

#include "daemon/acme/order.h"
#include "daemon/acme/session.h"
#include "daemon/challenge/challenge.h"

struct event;

/* In the order in which a new order meets them. */
enum order_at {
	ORDER_ACCOUNT,
	ORDER_CREATE,
	ORDER_RECORD,
	ORDER_AUTHZ,
	ORDER_DEPLOY,
	ORDER_RESPOND,
	ORDER_VALIDATE,
	ORDER_REMOVE,
	ORDER_FINALIZE,
	ORDER_REFRESH,
	ORDER_DOWNLOAD,
	ORDER_DONE,
	ORDER_FAILED,
	ORDER_AT_COUNT
};

struct order_authz {
	const char *url; /* borrowed from the order's document */
	struct json_object *doc;
	struct json_object
	    *offer; /* the challenge chosen, borrowed from doc; NULL: none needed */
	char *name; /* as ordered, "*." and all */
	struct challenge *challenge;
};

struct order {
	struct event_base *loop;
	struct account *account;
	const struct cert_config *cert;
	const struct challenge_servers *servers;
	struct order_watcher watcher;
	unsigned char *csr;
	size_t csr_length;
	char *url;
	bool resumed; /* the URL was given to us */
	char *replaces;
	time_t not_after;
	bool replaces_refused;

	enum order_at at;
	unsigned tries; /* of this step, that failed */
	unsigned polls; /* of this step or name */
	int64_t delay_ms;
	size_t cursor; /* the authorization at hand */
	bool rehearse;
	struct event *turn;
	struct event *deadline;
	struct err err; /* the first; what follows is cleaning up */

	/* what the step waits for */
	struct account_wait *account_wait;
	struct session_request *request;

	struct json_object *doc;
	struct json_object *authz_urls; /* keeps the URLs of `authz` */
	struct order_authz *authz;
	size_t n_authz;
	char *pem;
	size_t pem_length;
};

/* What start() returns where there is nothing to wait for. */
#define STEP_SKIP 1

/* Begins the one operation that the step waits for: 0, STEP_SKIP, or -1 and an err. */
typedef int step_start_fn(struct order *o, struct err *err);

/* Reads the outcome (`reply` is NULL where there is none); the next step, or -1. */
typedef int step_finish_fn(struct order *o, const struct session_reply *reply,
    struct err *err);

/* After a failure: a step to take instead of failing, or -1. */
typedef int step_mend_fn(struct order *o, const struct err *err);

struct step {
	const char *name;
	step_start_fn *start;
	step_finish_fn *finish;
	enum order_at undo; /* where a failure leads */
	step_mend_fn *mend; /* or NULL */
};

extern const struct step order_steps[ORDER_AT_COUNT];

/* order_authz.c: the steps taken once for each name. */
step_start_fn authz_start, order_deploy_start, respond_start, validate_start, remove_start;
step_finish_fn authz_finish, order_deploy_finish, respond_finish, validate_finish,
    remove_finish;

/* For the steps. */
int order_get(struct order *o, const char *url);
int order_check_json(const struct session_reply *reply, struct err *err);
int order_keep_doc(struct json_object **doc, const struct session_reply *reply,
    struct err *err);

/* The same step again for the next name, or `after` when all had their turn. */
int order_each_name(struct order *o, enum order_at same, enum order_at after);

/* `again` when the CA likes, at most a bounded number of times. */
int order_poll_later(struct order *o, enum order_at again,
    const struct session_reply *reply, struct err *err);

/* Whatever the kind of the err, the step that fails now is not tried again: -1. */
int order_give_up(struct order *o);
void order_post(struct order *o, const struct session_call *call);
void order_on_account(const struct err *err, void *arg);
void order_on_challenge(const struct err *err, void *arg);

#endif
