/* SPDX-License-Identifier: ISC */
#include "daemon/challenge/challenge.h"

#include <event2/event.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/challenge/http01.h"

/* CAs use 22 and more characters (128 bits, RFC 8555 section 8.1); more than this is not
 * worth keeping. */
#define TOKEN_MIN 22
#define TOKEN_MAX 128

struct challenge {
	const struct challenge_servers *servers;
	enum challenge_type type;
	char *token;
	struct err err;
	struct event *turn;
	challenge_done_fn *done;
	void *arg;
};

/* ---- the types: one row each ---- */

static void
http01_deploy(struct challenge *c, const struct challenge_context *context)
{
	CLEAN(string)
	char *key_authorization = xasprintf("%s.%s", c->token, context->thumbprint);

	http01_put(c->servers->http01, c->token, key_authorization);
}

static void
http01_take_down(struct challenge *c)
{
	http01_remove(c->servers->http01, c->token);
}

static const struct challenge_kind {
	void (*deploy)(struct challenge *c, const struct challenge_context *context);
	void (*take_down)(struct challenge *c);
} kinds[CHALLENGE_TYPE_COUNT] = {
	[CHALLENGE_HTTP_01] = { http01_deploy, http01_take_down },
};

/* ---- choosing ---- */

static struct json_object *
find_offer(struct json_object *list, enum challenge_type type)
{
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (str_eq(json_get_string(one, "type"), challenge_type_name(type)))
			return one;
	}
	return NULL;
}

/* "http-01, dns-01", in characters that are safe to show. */
static char *
offered_types(struct json_object *list)
{
	struct text t = { 0 };
	size_t n = list ? json_object_array_length(list) : 0;
	char *safe;

	for (size_t i = 0; i < n; i++) {
		const char *type =
		    json_get_string(json_object_array_get_idx(list, i), "type");

		text_add(&t, "%s%s", i > 0 ? ", " : "", type ? type : "?");
	}
	safe = str_printable(t.s ? t.s : "nothing", 200);
	text_clear(&t);
	return safe;
}

struct json_object *
challenge_choose(struct json_object *authz, enum challenge_type wanted, struct err *err)
{
	struct json_object *list = json_get_array(authz, "challenges");
	struct json_object *offer = NULL;
	CLEAN(string) char *offered = NULL;

	for (int type = 0; type < CHALLENGE_AUTO && offer == NULL; type++)
		if (kinds[type].deploy != NULL &&
		    (wanted == CHALLENGE_AUTO || (int)wanted == type))
			offer = find_offer(list, (enum challenge_type)type);
	if (offer != NULL)
		return offer;
	if (wanted != CHALLENGE_AUTO && kinds[wanted].deploy == NULL) {
		err_set(err, ERR_CONFIG, "challenge %s is not available in this version",
		    challenge_type_name(wanted));
		return NULL;
	}
	offered = offered_types(list);
	err_set(err, ERR_CONFIG, "the CA does not offer %s for this name, it offers: %s",
	    wanted == CHALLENGE_AUTO ? "a challenge we can serve"
				     : challenge_type_name(wanted),
	    offered);
	return NULL;
}

/* ---- deploying ---- */

/* RFC 8555 section 8.1: base64url, and nothing that could be a path or a tag. */
static int
check_token(const char *token, struct err *err)
{
	size_t length = token ? strlen(token) : 0;

	if (length >= TOKEN_MIN && length <= TOKEN_MAX && base64url_is_token(token))
		return 0;
	return err_set(err, ERR_PROTOCOL,
	    "the CA's token is not %d to %d characters of base64url", TOKEN_MIN, TOKEN_MAX);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct challenge *c = arg;
	struct err err = c->err;

	(void)fd;
	(void)what;
	c->done(err.kind == ERR_NONE ? NULL : &err, c->arg);
}

struct challenge *
challenge_deploy(const struct challenge_servers *servers,
    const struct challenge_context *context, struct json_object *offer,
    challenge_done_fn *done, void *arg)
{
	struct challenge *c = xcalloc(1, sizeof(*c));
	const char *token = json_get_string(offer, "token");

	c->servers = servers;
	c->type = challenge_type_find(json_get_string(offer, "type"));
	c->done = done;
	c->arg = arg;
	c->turn = must(event_new(servers->loop, -1, 0, on_turn, c));
	if (check_token(token, &c->err) == 0) {
		c->token = xstrdup(token);
		kinds[c->type].deploy(c, context);
	}
	event_active(c->turn, EV_TIMEOUT, 1);
	return c;
}

void
challenge_free(struct challenge *c)
{
	if (c == NULL)
		return;
	if (c->token != NULL)
		kinds[c->type].take_down(c);
	event_free(c->turn);
	free(c->token);
	free(c);
}
