/* SPDX-License-Identifier: ISC */
/*
 * session_rig - a session with its real directory, which is loaded, against a scripted CA.
 * A "signature" is "KID NONCE PAYLOAD" here, so that the transcript can be read.
 */
#ifndef ACMED_SESSION_RIG_H
#define ACMED_SESSION_RIG_H

#include "common/err.h"
#include "daemon/acme/session.h"
#include "tests/unit/scripted_http.h"

#define KID "https://ca.example/acct/1"

extern struct session_rig {
	struct directories *all;
	struct directory *directory;
	struct session *session;
	struct err cannot_sign;

	unsigned calls;
	int status;
	char doc[256]; /* "-" where there is none */
	char body[64];
	char location[128];
	time_t retry_after;
	struct err err;
} t;

int session_rig_set_up(void **state);
int session_rig_tear_down(void **state);
#define SESSION_TEST(function) \
	cmocka_unit_test_setup_teardown(function, session_rig_set_up, session_rig_tear_down)

/* Posts; what comes of it is in `t`. */
struct session_request *post(const struct session_call *call);
session_done_fn session_rig_on_done;

/* POST-as-GET, to the end. */
void get(const char *url);

#define NONCE(n) .headers = "Replay-Nonce: " n
#define BAD_NONCE                                                                   \
	.status = 400, .body = "{\"type\":\"urn:ietf:params:acme:error:badNonce\"," \
			       "\"detail\":\"old\",\"status\":400}"

#endif
