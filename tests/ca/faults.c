/* SPDX-License-Identifier: ISC */
#include "tests/ca/faults.h"

#include <event2/buffer.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/ca/ca.h"

typedef void fault_fn(struct call *c, struct json_object *rule);

static fault_fn do_nothing, do_status, do_hang, do_close, do_truncate, do_drip, do_html,
    do_body, do_raw, do_huge, do_huge_headers, do_deep, do_redirect, do_bad_nonce,
    do_no_nonce, do_variant, do_order_status, do_processing, do_ready;

enum fault_phase {
	PREPARES, /* before the request is carried out, otherwise than usual */
	REPLACES, /* instead of carrying it out */
	ALTERS,   /* the reply to it */
};

static const struct fault_kind {
	const char *name;
	enum fault_phase phase;
	fault_fn *fn;
} kinds[] = {
	{ "alter", ALTERS, do_nothing }, /* set, headers, delay_ms */
	{ "status", REPLACES,
	    do_status }, /* status, type, detail, subproblems, retry-after */
	{ "hang", REPLACES, do_hang },
	{ "close", REPLACES, do_close },
	{ "truncate", ALTERS, do_truncate },
	{ "drip", ALTERS, do_drip }, /* interval_ms between bytes */
	{ "html", REPLACES, do_html },
	{ "body", REPLACES, do_body },                 /* body, status, content-type */
	{ "raw", REPLACES, do_raw },                   /* body: what goes over the wire */
	{ "huge", REPLACES, do_huge },                 /* bytes */
	{ "huge-headers", REPLACES, do_huge_headers }, /* bytes */
	{ "deep", REPLACES, do_deep },
	{ "redirect", REPLACES, do_redirect }, /* to, status */
	{ "bad-nonce", REPLACES, do_bad_nonce },
	{ "no-nonce", ALTERS, do_no_nonce },
	{ "order-status", ALTERS, do_order_status }, /* value */
	{ "processing", PREPARES, do_processing },   /* polls */
	{ "ready", PREPARES, do_ready }, /* a new order with valid authorizations */
	/* and the names of issue_variant_find(), at "certificate" */
	{ NULL, PREPARES, do_variant },
};

/* What a rule may hold. */
static const char *const members[] = { "at", "name", "nth", "count", "do", "after",
	"delay_ms", "set", "headers", "status", "type", "detail", "subproblems",
	"retry-after", "body", "content-type", "bytes", "to", "value", "polls",
	"interval_ms", NULL };

struct fault {
	struct fault *next;
	const struct fault_kind *kind;
	struct json_object *rule;
	int64_t nth, count, seen, done;
};

struct faults {
	struct fault *first;
};

/* ---- the rules ---- */

struct faults *
faults_new(void)
{
	return xcalloc(1, sizeof(struct faults));
}

static void
clear(struct fault *fault)
{
	while (fault != NULL) {
		struct fault *next = fault->next;

		json_object_put(fault->rule);
		free(fault);
		fault = next;
	}
}

void
faults_free(struct faults *f)
{
	if (f != NULL)
		clear(f->first);
	free(f);
}

static int
check_members(struct json_object *rule, struct err *err)
{
	const char *at = json_get_string(rule, "at");

	if (!json_object_is_type(rule, json_type_object))
		return err_set(err, ERR_PROTOCOL, "a rule is an object");
	json_object_object_foreach (rule, member, value) {
		(void)value;
		if (!strv_contains(members, member))
			return err_set(err, ERR_PROTOCOL, "a rule has no \"%s\"", member);
	}
	if (!str_eq(at, "any") && endpoint_find(at) == NULL)
		return err_set(err, ERR_PROTOCOL, "at: no endpoint \"%s\"",
		    at != NULL ? at : "");
	return 0;
}

static const struct fault_kind *
kind_of(const char *name)
{
	const struct fault_kind *kind = kinds;

	if (name == NULL)
		return kind;
	while (kind->name != NULL && !str_eq(kind->name, name))
		kind++;
	return kind->name != NULL || issue_variant_find(name) != NULL ? kind : NULL;
}

static struct fault *
new_rule(struct json_object *rule, struct err *err)
{
	const char *name = json_get_string(rule, "do");
	struct fault *fault;

	if (check_members(rule, err) == -1)
		return NULL;
	if (kind_of(name) == NULL) {
		err_set(err, ERR_PROTOCOL, "do: no kind \"%s\"", name);
		return NULL;
	}
	fault = xcalloc(1, sizeof(*fault));
	fault->kind = kind_of(name);
	fault->rule = json_object_get(rule);
	fault->nth = json_get_int(rule, "nth", 0);
	fault->count = json_get_int(rule, "count", fault->nth > 0 ? 1 : INT64_MAX);
	return fault;
}

int
faults_set(struct faults *f, struct json_object *rules, struct err *err)
{
	struct fault *first = NULL, **last = &first;

	if (!json_object_is_type(rules, json_type_array))
		return err_set(err, ERR_PROTOCOL, "a list of rules is wanted");
	for (size_t i = 0; i < json_object_array_length(rules); i++) {
		*last = new_rule(json_object_array_get_idx(rules, i), err);
		if (*last == NULL) {
			clear(first);
			return -1;
		}
		last = &(*last)->next;
	}
	clear(f->first);
	f->first = first;
	return 0;
}

static bool
is_about(const struct call *c, const char *name)
{
	struct json_object *list = call_identifiers(c);

	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++)
		if (str_eq(name,
			json_get_string(json_object_array_get_idx(list, i), "value")))
			return true;
	return false;
}

static bool
fits(const struct fault *fault, const struct call *c)
{
	const char *at = json_get_string(fault->rule, "at");
	const char *name = json_get_string(fault->rule, "name");

	return (str_eq(at, "any") || str_eq(at, c->endpoint->name)) &&
	       (name == NULL || is_about(c, name));
}

struct fault *
faults_take(struct faults *f, const struct call *c)
{
	struct fault *fault, *taken = NULL;

	for (fault = f->first; fault != NULL; fault = fault->next) {
		if (!fits(fault, c))
			continue;
		fault->seen++;
		if (taken == NULL && fault->seen >= fault->nth &&
		    fault->done < fault->count)
			taken = fault;
	}
	if (taken != NULL)
		taken->done++;
	return taken;
}

/* ---- what they do ---- */

bool
fault_before(const struct fault *fault, struct call *c)
{
	const char *name = json_get_string(fault->rule, "do");

	c->fault = name != NULL ? name : kinds[0].name;
	if (fault->kind->phase == PREPARES)
		fault->kind->fn(c, fault->rule);
	if (fault->kind->phase != REPLACES || json_get_bool(fault->rule, "after", false))
		return false;
	fault->kind->fn(c, fault->rule);
	return true;
}

static void
set_members(struct reply *r, struct json_object *set)
{
	if (set == NULL || r->doc == NULL)
		return;
	json_object_object_foreach (set, member, value) {
		if (value == NULL)
			json_object_object_del(r->doc, member);
		else
			json_object_object_add(r->doc, member, json_object_get(value));
	}
}

static void
set_headers(struct reply *r, struct json_object *headers)
{
	if (headers == NULL)
		return;
	json_object_object_foreach (headers, name, value) {
		if (value != NULL)
			reply_header(r, name, "%s", json_object_get_string(value));
		else if (r->headers != NULL)
			json_object_object_del(r->headers, name);
		if (strcasecmp(name, "Content-Type") == 0)
			r->type = NULL;
	}
}

void
fault_after(const struct fault *fault, struct call *c)
{
	set_members(&c->reply, json_get_object(fault->rule, "set"));
	set_headers(&c->reply, json_get_object(fault->rule, "headers"));
	if (fault->kind->phase == ALTERS ||
	    (fault->kind->phase == REPLACES && json_get_bool(fault->rule, "after", false)))
		fault->kind->fn(c, fault->rule);
	c->reply.delay_ms += json_get_int(fault->rule, "delay_ms", 0);
}

static void
do_nothing(struct call *c, struct json_object *rule)
{
	(void)c;
	(void)rule;
}

static void
do_status(struct call *c, struct json_object *rule)
{
	int status = (int)json_get_int(rule, "status", 500);
	const char *type = json_get_string(rule, "type");
	const char *detail = json_get_string(rule, "detail");
	struct json_object *value;

	if (type != NULL)
		reply_problem(&c->reply, status, type, "%s",
		    detail != NULL ? detail : "scripted");
	else
		reply_text(&c->reply, status, "text/plain", "scripted\n");
	if (type != NULL && json_object_object_get_ex(rule, "subproblems", &value))
		json_object_object_add(c->reply.doc, "subproblems", json_object_get(value));
	if (json_object_object_get_ex(rule, "retry-after", &value))
		reply_header(&c->reply, "Retry-After", "%s", json_object_get_string(value));
}

static void
do_hang(struct call *c, struct json_object *rule)
{
	(void)rule;
	c->reply.end = REPLY_HANG;
}

static void
do_close(struct call *c, struct json_object *rule)
{
	(void)rule;
	c->reply.end = REPLY_CLOSE;
}

static void
do_truncate(struct call *c, struct json_object *rule)
{
	(void)rule;
	reply_make_raw(&c->reply, 50);
}

static void
do_drip(struct call *c, struct json_object *rule)
{
	reply_make_raw(&c->reply, 100);
	c->reply.drip_ms = json_get_int(rule, "interval_ms", 300);
}

static void
do_html(struct call *c, struct json_object *rule)
{
	reply_text(&c->reply, (int)json_get_int(rule, "status", 200), "text/html",
	    "<!DOCTYPE html><html><body><h1>Sorry</h1></body></html>\n");
}

static void
do_body(struct call *c, struct json_object *rule)
{
	reply_text(&c->reply, (int)json_get_int(rule, "status", 200), NULL,
	    json_get_string(rule, "body"));
	reply_header(&c->reply, "Content-Type", "%s",
	    json_get_string(rule, "content-type") != NULL
		? json_get_string(rule, "content-type")
		: "application/json");
}

static void
do_raw(struct call *c, struct json_object *rule)
{
	reply_text(&c->reply, 200, NULL, json_get_string(rule, "body"));
	c->reply.end = REPLY_RAW;
}

static void
do_huge(struct call *c, struct json_object *rule)
{
	reply_text(&c->reply, 200, "application/json", NULL);
	reply_fill(&c->reply, (size_t)json_get_int(rule, "bytes", 1 << 30));
}

static void
do_huge_headers(struct call *c, struct json_object *rule)
{
	reply_text(&c->reply, 200, NULL, "HTTP/1.1 200 OK\r\nX-Huge: ");
	reply_fill(&c->reply, (size_t)json_get_int(rule, "bytes", 1 << 30));
	evbuffer_add_printf(reply_body(&c->reply), "\r\n\r\n");
	c->reply.end = REPLY_RAW;
}

static void
do_deep(struct call *c, struct json_object *rule)
{
	static const char block[] = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";

	(void)rule;
	reply_text(&c->reply, 200, "application/json", "{\"deep\":");
	for (int i = 0; i < 2000; i++)
		evbuffer_add(reply_body(&c->reply), block, sizeof(block) - 1);
}

static void
do_redirect(struct call *c, struct json_object *rule)
{
	const char *to = json_get_string(rule, "to");

	reply_text(&c->reply, (int)json_get_int(rule, "status", 302), NULL, NULL);
	reply_header(&c->reply, "Location", "%s%s", to != NULL ? to : c->ca->base,
	    to != NULL ? "" : "/elsewhere");
}

static void
do_bad_nonce(struct call *c, struct json_object *rule)
{
	(void)rule;
	reply_problem(&c->reply, 400, "badNonce", "this nonce is not liked");
}

static void
do_no_nonce(struct call *c, struct json_object *rule)
{
	(void)rule;
	c->reply.no_nonce = true;
}

static void
do_variant(struct call *c, struct json_object *rule)
{
	c->variant = issue_variant_find(json_get_string(rule, "do"));
}

static void
do_order_status(struct call *c, struct json_object *rule)
{
	if (c->reply.doc != NULL)
		json_add_string(c->reply.doc, "status", json_get_string(rule, "value"));
}

static void
do_processing(struct call *c, struct json_object *rule)
{
	c->polls = json_get_int(rule, "polls", 1);
}

static void
do_ready(struct call *c, struct json_object *rule)
{
	(void)rule;
	c->born_ready = true;
}
