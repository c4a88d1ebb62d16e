/* SPDX-License-Identifier: ISC */
#include "daemon/acme/directory.h"

#include <event2/event.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/problem.h"
#include "daemon/io/clock.h"

/* RFC 8555 has no lifetime for it; CAs change theirs a few times a year. */
#define KEEP_SECONDS 86400

struct directory_wait {
	TAILQ_ENTRY(directory_wait) entry;
	struct directory *directory;
	directory_done_fn *done;
	void *arg;
};

struct directory {
	TAILQ_ENTRY(directory) entry;
	struct directories *all;
	char *url;
	struct http_peer peer;
	char *trust;
	char *proxy;
	struct json_object *doc;
	time_t loaded_at;
	struct err err; /* of the last load */
	struct http_request *request;
	struct event *turn; /* tells those who wait, from the loop */
	TAILQ_HEAD(, directory_wait) waits;
};

struct directories {
	struct event_base *loop;
	struct http *http;
	TAILQ_HEAD(, directory) list;
};

/* ---- loading ---- */

/* A wait may be freed, and others begun, by whom we call: take them one at a time. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct directory *d = arg;
	struct directory_wait *w;

	(void)fd;
	(void)what;
	while ((w = TAILQ_FIRST(&d->waits)) != NULL && d->request == NULL) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it leaves the list first */
		directory_done_fn *done = w->done;
		void *done_arg = w->arg;
		struct err err = d->err;

		directory_wait_free(w);
		done(err.kind == ERR_NONE ? NULL : &err, done_arg);
	}
}

static int
refused(const struct http_reply *reply, struct err *err)
{
	struct err ignored = { 0 };
	CLEAN(json)
	struct json_object *doc = json_parse(reply->body, reply->body_length, &ignored);
	time_t retry_after = 0;

	timefmt_parse_retry_after(http_header(reply, "Retry-After", 0), clock_now(),
	    &retry_after);
	return problem_to_err(reply->status, doc, retry_after, err);
}

static bool
is_plain(const char *url)
{
	return strncasecmp(url, "http:", strlen("http:")) == 0;
}

/* Plain http is spoken on this host alone, and there only by who was told to: not because
 * a CA elsewhere refers to it. */
static int
check_scheme(const struct directory *d, const char *url, struct err *err)
{
	CLEAN(string) char *shown = NULL;

	if (http_check_url(url, err) == -1)
		return -1;
	if (!is_plain(url) || is_plain(d->url))
		return 0;
	shown = str_printable(url, 120);
	return err_set(err, ERR_PROTOCOL, "URL \"%s\": does not begin with https://",
	    shown);
}

static int
read_directory(struct directory *d, const struct http_reply *reply, struct err *err)
{
	CLEAN(json) struct json_object *doc = NULL;

	if (reply->status != 200)
		return refused(reply, err);
	doc = json_parse(reply->body, reply->body_length, err);
	if (doc == NULL)
		return -1;
	if (!json_object_is_type(doc, json_type_object))
		return err_set(err, ERR_PROTOCOL, "this is no ACME directory");
	for (const char *const *need =
		 (const char *const[]){ "newNonce", "newAccount", "newOrder", NULL };
	     *need != NULL; need++) {
		const char *url;

		if (json_need_string(doc, *need, &url, err) == -1 ||
		    check_scheme(d, url, err) == -1)
			return err_prefix(err, "%s", *need);
	}
	json_object_put(d->doc);
	d->doc = TAKE(doc);
	d->loaded_at = clock_now();
	return 0;
}

static void
on_reply(const struct http_reply *reply, const struct err *failure, void *arg)
{
	struct directory *d = arg;
	struct err err = { 0 };

	d->request = NULL;
	if (failure != NULL)
		err = *failure;
	else
		read_directory(d, reply, &err);
	if (err.kind != ERR_NONE)
		err_prefix(&err, "directory %s", d->url);
	d->err = err;
	if (err.kind != ERR_NONE)
		log_debug("%s", err.text);
	else
		log_debug("directory %s: loaded", d->url);
	event_active(d->turn, EV_TIMEOUT, 1);
}

static void
fetch(struct directory *d)
{
	const struct http_call call = { .method = HTTP_GET,
		.url = d->url,
		.peer = &d->peer,
		.accept = "application/json" };

	d->request = http_start(d->all->http, &call, on_reply, d);
}

struct directory_wait *
directory_load(struct directory *d, directory_done_fn *done, void *arg)
{
	struct directory_wait *w = xcalloc(1, sizeof(*w));
	time_t age = clock_now() - d->loaded_at;

	*w = (struct directory_wait){ .directory = d, .done = done, .arg = arg };
	TAILQ_INSERT_TAIL(&d->waits, w, entry);
	if (d->request != NULL)
		return w;
	if (d->doc != NULL && age >= 0 && age < KEEP_SECONDS) {
		d->err = (struct err){ 0 };
		event_active(d->turn, EV_TIMEOUT, 1);
	} else {
		fetch(d);
	}
	return w;
}

void
directory_wait_free(struct directory_wait *w)
{
	if (w == NULL)
		return;
	TAILQ_REMOVE(&w->directory->waits, w, entry);
	free(w);
}

void
directory_forget(struct directory *d)
{
	d->loaded_at = 0;
}

/* ---- what it says ---- */

const char *
directory_url(const struct directory *d)
{
	return d->url;
}

const struct http_peer *
directory_peer(const struct directory *d)
{
	return &d->peer;
}

struct http *
directory_http(const struct directory *d)
{
	return d->all->http;
}

struct event_base *
directory_loop(const struct directory *d)
{
	return d->all->loop;
}

const char *
directory_get(const struct directory *d, const char *resource)
{
	return json_get_string(d->doc, resource);
}

int
directory_need(const struct directory *d, const char *resource, const char **ret,
    struct err *err)
{
	const char *url = directory_get(d, resource);

	if (url == NULL)
		return err_set(err, ERR_PROTOCOL, "the CA at %s offers no %s", d->url,
		    resource);
	if (directory_check_url(d, url, err) == -1)
		return err_prefix(err, "%s", resource);
	*ret = url;
	return 0;
}

struct json_object *
directory_meta(const struct directory *d)
{
	return json_get_object(d->doc, "meta");
}

/* ---- which hosts are the CA's ---- */

/* The host of a URL that http_check_url() has passed, as a span. */
static const char *
host_span(const char *url, size_t *length)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	*length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
	return host;
}

/* The span's last two labels: the CA's own domain, where it is a name. */
static const char *
domain_of(const char *host, size_t *length)
{
	size_t dots = 0;

	if (*host == '[' || strspn(host, "0123456789.") >= *length)
		return host;
	for (size_t i = *length; i > 0; i--) {
		if (host[i - 1] != '.' || ++dots < 2)
			continue;
		*length -= i;
		return host + i;
	}
	return host;
}

static bool
same_domain(const char *a, const char *b)
{
	size_t a_length, b_length;
	const char *a_domain = host_span(a, &a_length);
	const char *b_domain = host_span(b, &b_length);

	a_domain = domain_of(a_domain, &a_length);
	b_domain = domain_of(b_domain, &b_length);
	return a_length == b_length && strncasecmp(a_domain, b_domain, a_length) == 0;
}

/* Whether the directory has a resource there: CAs may spread over several domains. */
static bool
lists_domain(const struct directory *d, const char *url)
{
	if (d->doc == NULL)
		return false;
	json_object_object_foreach (d->doc, key, value) {
		const char *listed = json_get_string(d->doc, key);

		(void)value;
		if (str_starts(listed, "http") && str_starts(key, "new") &&
		    same_domain(url, listed))
			return true;
	}
	return false;
}

int
directory_check_url(const struct directory *d, const char *url, struct err *err)
{
	if (check_scheme(d, url, err) == -1)
		return -1;
	if (same_domain(url, d->url) || lists_domain(d, url))
		return 0;
	return err_set(err, ERR_PROTOCOL, "the CA refers to a host that is not its own: %s",
	    url);
}

/* ---- all of them ---- */

struct directory *
directory_find(struct directories *all, const char *url, const struct http_peer *peer)
{
	static const struct http_peer none = { 0 };
	struct directory *d;

	if (peer == NULL)
		peer = &none;
	TAILQ_FOREACH (d, &all->list, entry) {
		if (str_eq(d->url, url) && str_eq(d->trust, peer->trust) &&
		    str_eq(d->proxy, peer->proxy) && d->peer.timeout_ms == peer->timeout_ms)
			return d;
	}
	d = xcalloc(1, sizeof(*d));
	d->all = all;
	d->url = xstrdup(url);
	d->trust = xstrdup(peer->trust);
	d->proxy = xstrdup(peer->proxy);
	d->peer = (struct http_peer){ .trust = d->trust,
		.proxy = d->proxy,
		.timeout_ms = peer->timeout_ms };
	d->turn = must(event_new(all->loop, -1, 0, on_turn, d));
	TAILQ_INIT(&d->waits);
	TAILQ_INSERT_TAIL(&all->list, d, entry);
	return d;
}

struct directories *
directories_new(struct event_base *loop, struct http *http)
{
	struct directories *all = xcalloc(1, sizeof(*all));

	all->loop = loop;
	all->http = http;
	TAILQ_INIT(&all->list);
	return all;
}

static void
directory_free(struct directory *d)
{
	struct directory_wait *w, *next;

	for (w = TAILQ_FIRST(&d->waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		free(w);
	}
	http_request_free(d->request);
	event_free(d->turn);
	json_object_put(d->doc);
	free(d->url);
	free(d->trust);
	free(d->proxy);
	free(d);
}

void
directories_free(struct directories *all)
{
	struct directory *d;

	if (all == NULL)
		return;
	while ((d = TAILQ_FIRST(&all->list)) != NULL) {
		TAILQ_REMOVE(&all->list, d, entry);
		directory_free(d);
	}
	free(all);
}
