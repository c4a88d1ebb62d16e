/* SPDX-License-Identifier: ISC */
#include "tests/ca/reply.h"

#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"

#define BLOCK ((size_t)1024 * 1024)

void
reply_clear(struct reply *r)
{
	json_object_put(r->doc);
	json_object_put(r->headers);
	if (r->body != NULL)
		evbuffer_free(r->body);
	*r = (struct reply){ 0 };
}

void
reply_json(struct reply *r, int status, struct json_object *doc)
{
	reply_clear(r);
	r->status = status;
	r->type = "application/json";
	r->doc = doc;
}

void
reply_text(struct reply *r, int status, const char *type, const char *text)
{
	reply_clear(r);
	r->status = status;
	r->type = type;
	if (text != NULL)
		evbuffer_add(reply_body(r), text, strlen(text));
}

int
reply_problem(struct reply *r, int status, const char *type, const char *fmt, ...)
{
	struct json_object *doc = json_object_new_object();
	char detail[2048], urn[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	snprintf(urn, sizeof(urn), "urn:ietf:params:acme:error:%s", type);
	json_add_string(doc, "type", urn);
	json_add_string(doc, "detail", detail);
	json_add_int(doc, "status", status);
	reply_json(r, status, doc);
	r->type = "application/problem+json";
	return -1;
}

void
reply_header(struct reply *r, const char *name, const char *fmt, ...)
{
	char value[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	if (r->headers == NULL)
		r->headers = json_object_new_object();
	json_add_string(r->headers, name, value);
}

struct evbuffer *
reply_body(struct reply *r)
{
	if (r->body == NULL)
		r->body = must(evbuffer_new());
	if (r->doc != NULL) {
		CLEAN(string) char *text = json_print(r->doc);

		evbuffer_add(r->body, text, strlen(text));
		json_object_put(r->doc);
		r->doc = NULL;
	}
	return r->body;
}

void
reply_fill(struct reply *r, size_t bytes)
{
	static char block[BLOCK];

	memset(block, 'x', sizeof(block));
	for (; bytes > 0; bytes -= bytes < BLOCK ? bytes : BLOCK)
		evbuffer_add_reference(reply_body(r), block, bytes < BLOCK ? bytes : BLOCK,
		    NULL, NULL);
}

static void
print_headers(struct evbuffer *out, const struct reply *r)
{
	if (r->type != NULL)
		evbuffer_add_printf(out, "Content-Type: %s\r\n", r->type);
	if (r->headers == NULL)
		return;
	json_object_object_foreach (r->headers, name, value) {
		evbuffer_add_printf(out, "%s: %s\r\n", name, json_object_get_string(value));
	}
}

void
reply_make_raw(struct reply *r, unsigned share)
{
	struct evbuffer *body = reply_body(r);
	struct evbuffer *raw = must(evbuffer_new());
	size_t length = evbuffer_get_length(body);

	evbuffer_add_printf(raw, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n",
	    r->status, length);
	print_headers(raw, r);
	evbuffer_add(raw, "\r\n", 2);
	evbuffer_remove_buffer(body, raw, length * share / 100);
	evbuffer_free(body);
	r->body = raw;
	r->end = REPLY_RAW;
}
