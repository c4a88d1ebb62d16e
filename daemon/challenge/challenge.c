/* SPDX-License-Identifier: ISC */
#include "daemon/challenge/challenge.h"

#include <event2/event.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/challenge/http01.h"
#include "daemon/challenge/tlsalpn01.h"
#include "daemon/io/clock.h"
#include "daemon/io/random.h"

/* CAs use 22 and more characters (128 bits, RFC 8555 section 8.1); more than this is not
 * worth keeping. */
#define TOKEN_MIN 22
#define TOKEN_MAX 128

/* Where two orders prove one name, the second waits for the first, but not for ever: the
 * first may wait for it, at another name. Then chance says who gives up. */
#define TURN_MS     20000
#define TURN_MORE   40000 /* at most */
#define LOOK_MS     250
#define LATER_AFTER 120 /* seconds until such an order is tried again */

struct challenge {
	const struct challenge_servers *servers;
	enum challenge_type type;
	char *name;
	char *token;
	char *key_authorization;
	bool is_up;
	int64_t until_ms; /* for its turn */
	struct err err;
	struct event *turn;
	challenge_done_fn *done;
	void *arg;
};

/* ---- the types: one row each ---- */

static bool
http01_serves(const struct challenge_servers *servers)
{
	return http01_listens(servers->http01);
}

static int
http01_deploy(struct challenge *c, struct err *err)
{
	(void)err;
	http01_put(c->servers->http01, c->token, c->key_authorization);
	return 0;
}

static void
http01_take_down(struct challenge *c)
{
	http01_remove(c->servers->http01, c->token);
}

static bool
tlsalpn01_serves(const struct challenge_servers *servers)
{
	return tlsalpn01_listens(servers->tlsalpn01);
}

static int
tlsalpn01_deploy(struct challenge *c, struct err *err)
{
	if (!tlsalpn01_serves(c->servers))
		return err_set(err, ERR_CONFIG,
		    "acmed does not listen for tls-alpn-01, see tls-alpn-01.listen");
	return tlsalpn01_put(c->servers->tlsalpn01, c->name, c->key_authorization, err);
}

static void
tlsalpn01_take_down(struct challenge *c)
{
	tlsalpn01_remove(c->servers->tlsalpn01, c->name, c->key_authorization);
}

/* Whether it can be served here at all, for those who leave the choice to us; up, where
 * ERR_BUSY is for later; down. */
static const struct challenge_kind {
	bool (*serves)(const struct challenge_servers *servers);
	int (*deploy)(struct challenge *c, struct err *err);
	void (*take_down)(struct challenge *c);
} kinds[CHALLENGE_TYPE_COUNT] = {
	[CHALLENGE_HTTP_01] = { http01_serves, http01_deploy, http01_take_down },
	[CHALLENGE_TLS_ALPN_01] = { tlsalpn01_serves, tlsalpn01_deploy,
	    tlsalpn01_take_down },
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

static bool
may_take(const struct challenge_servers *servers, unsigned type, enum challenge_type wanted)
{
	if (kinds[type].deploy == NULL)
		return false;
	return wanted == CHALLENGE_AUTO ? kinds[type].serves(servers) : type == wanted;
}

struct json_object *
challenge_choose(const struct challenge_servers *servers, struct json_object *authz,
    enum challenge_type wanted, struct err *err)
{
	struct json_object *list = json_get_array(authz, "challenges");
	struct json_object *offer = NULL;
	CLEAN(string) char *offered = NULL;

	for (unsigned type = 0; type < CHALLENGE_AUTO && offer == NULL; type++)
		if (may_take(servers, type, wanted))
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
bring_up(struct challenge *c)
{
	c->is_up = kinds[c->type].deploy(c, &c->err) == 0;
	if (c->err.kind == ERR_BUSY)
		c->err.retry_after = LATER_AFTER;
}

static bool
is_to_wait(const struct challenge *c)
{
	return c->err.kind == ERR_BUSY && clock_monotonic_ms() < c->until_ms;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval look = { .tv_usec = LOOK_MS * 1000L };
	struct challenge *c = arg;
	struct err err;

	(void)fd;
	(void)what;
	if (is_to_wait(c)) {
		c->err = (struct err){ 0 };
		bring_up(c);
	}
	if (is_to_wait(c)) {
		event_add(c->turn, &look);
		return;
	}
	err = c->err;
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
	c->until_ms = clock_monotonic_ms() + TURN_MS + random_u32() % TURN_MORE;
	if (check_token(token, &c->err) == 0) {
		c->name = xstrdup(context->name);
		c->token = xstrdup(token);
		c->key_authorization = xasprintf("%s.%s", token, context->thumbprint);
		bring_up(c);
	}
	event_active(c->turn, EV_TIMEOUT, 1);
	return c;
}

void
challenge_free(struct challenge *c)
{
	if (c == NULL)
		return;
	if (c->is_up)
		kinds[c->type].take_down(c);
	event_free(c->turn);
	free(c->name);
	free(c->token);
	free(c->key_authorization);
	free(c);
}
