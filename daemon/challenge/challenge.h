/* SPDX-License-Identifier: ISC */
/*
 * challenge - choosing, deploying and removing a challenge of any type behind one
 * interface. A new type is one file and one row of the table in challenge.c.
 *
 * A deployed challenge calls back once, from the loop, never before challenge_deploy()
 * has returned. Removing never fails: what goes wrong there is logged.
 */
#ifndef ACMED_CHALLENGE_H
#define ACMED_CHALLENGE_H

#include "common/clean.h"
#include "common/err.h"
#include "daemon/config/config.h"

struct event_base;
struct http01;
struct json_object;
struct tlsalpn01;
struct challenge;

/* The responders that challenges are served by. */
struct challenge_servers {
	struct event_base *loop;
	struct http01 *http01;
	struct tlsalpn01 *tlsalpn01;
};

/* What a challenge is for. */
struct challenge_context {
	const char *name;       /* the identifier as ordered, "*." and all */
	const char *thumbprint; /* of the account's key */
	const char *account_url;
};

/* The challenge object of the authorization that the configuration wants; CHALLENGE_AUTO:
 * the first that we listen for. Borrowed from the document, NULL and an err that lists what
 * is offered otherwise. */
struct json_object *challenge_choose(const struct challenge_servers *servers,
    struct json_object *authz, enum challenge_type wanted, struct err *err);

/* ERR_BUSY, and when to come back: another order proves the same name for too long. */
typedef void challenge_done_fn(const struct err *err, void *arg);

struct challenge *challenge_deploy(const struct challenge_servers *servers,
    const struct challenge_context *context, struct json_object *offer,
    challenge_done_fn *done, void *arg);

/* Takes the answer down as well, where it is still up. */
void challenge_free(struct challenge *c);
DEFINE_CLEAN(challenge, struct challenge);

#endif
