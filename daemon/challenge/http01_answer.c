/* SPDX-License-Identifier: ISC */
#include "daemon/challenge/http01_answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "daemon/io/clock.h"

#define BUCKETS_FIRST 64

/* A token that was put. */
struct live {
	struct live *next;
	char *key_authorization;
	char token[];
};

struct http01_answers {
	struct live **buckets;
	size_t n_buckets; /* a power of two */
	size_t n_live;
	char *thumbprint;
	time_t dated_at;
	char date[40];
};

/* ---- live tokens ---- */

/* FNV-1a. Those who ask cannot fill the table, so it needs no secret. */
static size_t
hash(const char *token)
{
	uint32_t h = 2166136261U;

	for (; *token != '\0'; token++)
		h = (h ^ (unsigned char)*token) * 16777619U;
	return h;
}

/* Where the pointer to it is, or would be. */
static struct live **
live_find(struct http01_answers *a, const char *token)
{
	struct live **at = &a->buckets[hash(token) & (a->n_buckets - 1)];

	while (*at != NULL && strcmp((*at)->token, token) != 0)
		at = &(*at)->next;
	return at;
}

static void
live_free(struct live *live)
{
	free(live->key_authorization);
	free(live);
}

static void
live_grow(struct http01_answers *a)
{
	struct live **old = a->buckets;
	size_t n = a->n_buckets;

	a->n_buckets = n * 2;
	a->buckets = xcalloc(a->n_buckets, sizeof(struct live *));
	for (size_t i = 0; i < n; i++) {
		struct live *next;

		for (struct live *live = old[i]; live != NULL; live = next) {
			struct live **at = live_find(a, live->token);

			next = live->next;
			live->next = NULL;
			*at = live;
		}
	}
	free(old);
}

void
http01_answers_put(struct http01_answers *a, const char *token,
    const char *key_authorization)
{
	struct live **at = live_find(a, token);
	struct live *live = *at;

	if (live != NULL) {
		free(live->key_authorization);
		live->key_authorization = xstrdup(key_authorization);
		return;
	}
	live = xcalloc(1, sizeof(*live) + strlen(token) + 1);
	memcpy(live->token, token, strlen(token) + 1);
	live->key_authorization = xstrdup(key_authorization);
	*at = live;
	if (++a->n_live > a->n_buckets)
		live_grow(a);
}

void
http01_answers_remove(struct http01_answers *a, const char *token)
{
	struct live **at = live_find(a, token);
	struct live *live = *at;

	if (live == NULL)
		return;
	*at = live->next;
	a->n_live--;
	live_free(live);
}

/* ---- answers ---- */

static void
add(struct text *out, const char *s)
{
	text_add_bytes(out, s, strlen(s));
}

/* IMF-fixdate, whatever the locale; made once a second. */
static const char *
date(struct http01_answers *a)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
		"Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = clock_now();
	struct tm tm;

	if (now == a->dated_at)
		return a->date;
	a->dated_at = now;
	gmtime_r(&now, &tm);
	(void)snprintf(a->date, sizeof(a->date), "%s, %02d %s %04d %02d:%02d:%02d GMT",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
	    tm.tm_min, tm.tm_sec);
	return a->date;
}

static void
add_head(struct http01_answers *a, const char *status, size_t length, bool keep_alive,
    struct text *out)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%zu", length);
	add(out, "HTTP/1.1 ");
	add(out, status);
	add(out, "\r\nDate: ");
	add(out, date(a));
	add(out, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		 "Content-Length: ");
	add(out, number);
	if (length > 0)
		add(out, "\r\nContent-Type: text/plain");
	add(out, keep_alive ? "\r\nConnection: keep-alive\r\n\r\n"
			    : "\r\nConnection: close\r\n\r\n");
}

enum http01_answer
http01_answer(struct http01_answers *a, enum http01_parsed parsed,
    const struct http01_request *request, struct text *out)
{
	const struct live *live = NULL;
	size_t length;

	if (parsed == HTTP01_TOKEN)
		live = *live_find(a, request->token);
	if (parsed != HTTP01_TOKEN || (live == NULL && a->thumbprint == NULL)) {
		add_head(a, parsed == HTTP01_BAD ? "400 Bad Request" : "404 Not Found", 0,
		    false, out);
		return HTTP01_REFUSED;
	}

	length = live != NULL ? strlen(live->key_authorization)
			      : strlen(request->token) + 1 + strlen(a->thumbprint);
	add_head(a, "200 OK", length, request->keep_alive, out);
	if (!request->head && live != NULL) {
		add(out, live->key_authorization);
	} else if (!request->head) {
		add(out, request->token);
		add(out, ".");
		add(out, a->thumbprint);
	}
	return live != NULL ? HTTP01_LIVE : HTTP01_DEFAULT;
}

/* ---- */

void
http01_answers_set_default(struct http01_answers *a, const char *thumbprint)
{
	char *copy = xstrdup(thumbprint);

	free(a->thumbprint);
	a->thumbprint = copy;
}

struct http01_answers *
http01_answers_new(void)
{
	struct http01_answers *a = xcalloc(1, sizeof(*a));

	a->dated_at = -1;
	a->n_buckets = BUCKETS_FIRST;
	a->buckets = xcalloc(a->n_buckets, sizeof(struct live *));
	return a;
}

void
http01_answers_free(struct http01_answers *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n_buckets; i++)
		while (a->buckets[i] != NULL) {
			struct live *live = a->buckets[i];

			a->buckets[i] = live->next;
			live_free(live);
		}
	free(a->buckets);
	free(a->thumbprint);
	free(a);
}
