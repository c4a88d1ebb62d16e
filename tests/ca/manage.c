/* SPDX-License-Identifier: ISC */
#include "tests/ca/manage.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <sys/queue.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "tests/ca/ca.h"
#include "tests/ca/faults.h"
#include "tests/ca/resources.h"
#include "tests/ca/server.h"

/* Each fills the reply, or the err. */
typedef int manage_fn(struct ca *ca, struct json_object *doc, const char *at,
    struct reply *r, struct err *err);

static manage_fn set_faults, get_log, get_count, set_ari, get_state, get_tokens, forget,
    reset;

static const struct {
	const char *path;
	enum evhttp_cmd_type method;
	manage_fn *fn;
} routes[] = {
	{ "/faults", EVHTTP_REQ_POST, set_faults },
	{ "/log", EVHTTP_REQ_GET, get_log },
	{ "/count", EVHTTP_REQ_GET, get_count },
	{ "/ari", EVHTTP_REQ_POST, set_ari },
	{ "/state", EVHTTP_REQ_GET, get_state },
	{ "/tokens", EVHTTP_REQ_GET, get_tokens },
	{ "/forget", EVHTTP_REQ_POST, forget },
	{ "/reset", EVHTTP_REQ_POST, reset },
};

static int
set_faults(struct ca *ca, struct json_object *doc, const char *at, struct reply *r,
    struct err *err)
{
	(void)at;
	(void)r;
	return faults_set(ca->faults, doc, err);
}

static int
get_log(struct ca *ca, struct json_object *doc, const char *at, struct reply *r,
    struct err *err)
{
	(void)doc;
	(void)err;
	reply_json(r, 200, server_log(ca->server, at));
	return 0;
}

static int
get_count(struct ca *ca, struct json_object *doc, const char *at, struct reply *r,
    struct err *err)
{
	CLEAN(json) struct json_object *log = server_log(ca->server, at);
	CLEAN(string) char *text = xasprintf("%zu\n", json_object_array_length(log));

	(void)doc;
	if (at != NULL && endpoint_find(at) == NULL)
		return err_set(err, ERR_PROTOCOL, "at: no endpoint \"%s\"", at);
	reply_text(r, 200, "text/plain", text);
	return 0;
}

/* RFC 3339, or seconds from now. */
static int
get_instant(struct json_object *doc, const char *key, time_t *ret, struct err *err)
{
	const char *text = json_get_string(doc, key);
	struct json_object *value;

	if (text != NULL)
		return timefmt_parse(text, ret, err) == -1 ? err_prefix(err, "%s", key) : 0;
	if (!json_object_object_get_ex(doc, key, &value) ||
	    !json_object_is_type(value, json_type_int))
		return err_set(err, ERR_PROTOCOL, "%s: an instant or seconds", key);
	*ret = time(NULL) + json_object_get_int64(value);
	return 0;
}

static bool
is_for(const struct certificate *cert, const char *name)
{
	struct json_object *list = cert->order->identifiers;

	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (str_eq(name,
			json_get_string(json_object_array_get_idx(list, i), "value")))
			return true;
	return name == NULL;
}

static int
set_ari(struct ca *ca, struct json_object *doc, const char *at, struct reply *r,
    struct err *err)
{
	const char *name = json_get_string(doc, "name");
	struct ari_window w = { 0 };
	struct json_object *retry_after = NULL;
	bool usual = json_object_object_length(doc) == (name != NULL ? 1 : 0);

	(void)at;
	(void)r;
	if (!usual && (get_instant(doc, "start", &w.start, err) == -1 ||
			  get_instant(doc, "end", &w.end, err) == -1))
		return -1;
	json_object_object_get_ex(doc, "retry_after", &retry_after);
	for (size_t i = 0; i < ca->n_certificates; i++) {
		struct certificate *cert = ca->certificates[i];

		if (!is_for(cert, name))
			continue;
		ari_window_clear(&cert->window);
		cert->window = w;
		if (retry_after != NULL)
			set_string(&cert->window.retry_after,
			    json_object_get_string(retry_after));
		set_string(&cert->window.explanation,
		    json_get_string(doc, "explanationURL"));
	}
	return 0;
}

static int
get_state(struct ca *ca, struct json_object *doc, const char *at, struct reply *r,
    struct err *err)
{
	struct json_object *state = json_object_new_object();

	(void)doc;
	(void)at;
	(void)err;
	json_add_int(state, "accounts", (int64_t)ca->n_accounts);
	json_add_int(state, "orders", (int64_t)ca->n_orders);
	json_add_int(state, "certificates", (int64_t)ca->n_certificates);
	reply_json(r, 200, state);
	return 0;
}

static int
get_tokens(struct ca *ca, struct json_object *doc, const char *at, struct reply *r,
    struct err *err)
{
	struct json_object *tokens = json_object_new_object();

	(void)doc;
	(void)at;
	(void)err;
	for (size_t i = 0; i < ca->n_authz; i++)
		if (str_eq(ca->authz[i]->status, "pending"))
			json_add_string(tokens,
			    json_get_string(ca->authz[i]->identifier, "value"),
			    ca->authz[i]->token);
	reply_json(r, 200, tokens);
	return 0;
}

static int
forget(struct ca *ca, struct json_object *doc, const char *at, struct reply *r,
    struct err *err)
{
	(void)doc;
	(void)at;
	(void)r;
	(void)err;
	resources_forget(ca);
	return 0;
}

static int
reset(struct ca *ca, struct json_object *doc, const char *at, struct reply *r,
    struct err *err)
{
	CLEAN(json) struct json_object *none = json_object_new_array();

	(void)doc;
	(void)at;
	(void)r;
	server_clear_log(ca->server);
	for (size_t i = 0; i < ca->n_certificates; i++)
		ari_window_clear(&ca->certificates[i]->window);
	return faults_set(ca->faults, none, err);
}

/* ---- the server ---- */

static int
dispatch(struct ca *ca, struct evhttp_request *http, struct reply *r, struct err *err)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
	struct evbuffer *body = evhttp_request_get_input_buffer(http);
	CLEAN(json) struct json_object *doc = NULL;
	struct evkeyvalq query = { 0 };
	size_t length = evbuffer_get_length(body);
	int result = err_set(err, ERR_PROTOCOL, "no such path, or not this method");

	if (length > 0) {
		doc = json_parse((const char *)evbuffer_pullup(body, -1), length, err);
		if (doc == NULL)
			return -1;
	}
	evhttp_parse_query_str(evhttp_uri_get_query(uri) != NULL ? evhttp_uri_get_query(uri)
								 : "",
	    &query);
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (str_eq(routes[i].path, evhttp_uri_get_path(uri)) &&
		    routes[i].method == evhttp_request_get_command(http))
			result =
			    routes[i].fn(ca, doc, evhttp_find_header(&query, "at"), r, err);
	evhttp_clear_headers(&query);
	return result;
}

static void
on_manage(struct evhttp_request *http, void *arg)
{
	struct reply r = { .status = 200, .type = "application/json" };
	struct err err = { 0 };

	if (dispatch(arg, http, &r, &err) == -1) {
		CLEAN(string) char *line = xasprintf("%s\n", err.text);

		reply_text(&r, 400, "text/plain", line);
	} else if (r.doc == NULL && r.body == NULL) {
		reply_text(&r, 200, "application/json", "{}\n");
	}
	evhttp_add_header(evhttp_request_get_output_headers(http), "Content-Type", r.type);
	evhttp_send_reply(http, r.status, NULL, reply_body(&r));
	reply_clear(&r);
}

struct evhttp *
manage_new(struct ca *ca, int *port, struct err *err)
{
	struct evhttp *http = must(evhttp_new(ca->loop));

	evhttp_set_gencb(http, on_manage, ca);
	if (server_listen(http, port, err) == -1) {
		evhttp_free(http);
		return NULL;
	}
	return http;
}
