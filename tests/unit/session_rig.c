/* SPDX-License-Identifier: ISC */
#include "tests/unit/session_rig.h"

#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/acme/directory.h"
#include "daemon/crypto/jws.h"

struct session_rig t;

char *
jws_sign(const struct key *key, const struct jws_header *header, const char *payload,
    struct err *err)
{
	const char *kid = header->kid ? header->kid : "jwk";

	assert_ptr_equal(key, &t);
	assert_true(str_starts(header->url, "https://ca.example/"));
	if (t.cannot_sign.kind != ERR_NONE) {
		*err = t.cannot_sign;
		return NULL;
	}
	return xasprintf("%s %s %s", kid, header->nonce, *payload ? payload : "-");
}

void
session_rig_on_done(const struct session_reply *reply, const struct err *err, void *arg)
{
	assert_ptr_equal(arg, &t);
	assert_true((reply == NULL) != (err == NULL));
	t.calls++;
	t.err = err ? *err : (struct err){ 0 };
	t.status = reply ? reply->status : 0;
	if (reply == NULL)
		return;
	snprintf(t.doc, sizeof(t.doc), "%s",
	    reply->doc ? json_object_to_json_string_ext(reply->doc, 0) : "-");
	snprintf(t.body, sizeof(t.body), "%.*s", (int)reply->body_length, reply->body);
	snprintf(t.location, sizeof(t.location), "%s", reply->location);
	t.retry_after = reply->retry_after;
}

static void
on_loaded(const struct err *err, void *arg)
{
	(void)arg;
	assert_null(err);
}

int
session_rig_set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	scripted_http_set_up(state);
	t.all = directories_new(h.loop, h.http);
	t.directory = directory_find(t.all, "https://ca.example/directory", NULL);
	t.session = session_new(t.directory, (const struct key *)(const void *)&t);
	session_set_account(t.session, KID);
	ANSWER({ .status = 200,
	    .body = "{\"newNonce\":\"https://ca.example/nonce\","
		    "\"newAccount\":\"https://ca.example/account\","
		    "\"newOrder\":\"https://ca.example/order\","
		    "\"revokeCert\":\"https://evil.test/revoke\"}" });
	directory_load(t.directory, on_loaded, NULL);
	scripted_http_run();
	text_clear(&h.transcript);
	text_clear(&h.accepts);
	return 0;
}

int
session_rig_tear_down(void **state)
{
	session_free(t.session);
	directories_free(t.all);
	return scripted_http_tear_down(state);
}

struct session_request *
post(const struct session_call *call)
{
	unsigned before = t.calls;
	struct session_request *r = session_post(t.session, call, session_rig_on_done, &t);

	assert_int_equal(t.calls, before);
	return r;
}

void
get(const char *url)
{
	t.calls = 0;
	post(&(struct session_call){ .url = url });
	scripted_http_run();
	assert_int_equal(t.calls, 1);
}
