/* SPDX-License-Identifier: ISC */
#include "daemon/io/http_internal.h"

#include <string.h>
#include <sys/socket.h>

#include "common/clean.h"
#include "common/mem.h"

#define TIMEOUT_MS  60000
#define ANSWER_MAX  ((size_t)256 * 1024)
#define HEADERS_MAX 100 /* lines, of all answers to a request but redirects */
#define HEADER_MAX  ((size_t)64 * 1024)

/* ---- what arrives ---- */

static int
too_large(struct http_request *r)
{
	bool bytes = r->most < 1024;

	return err_set(&r->err, ERR_PROTOCOL, "the answer is larger than %zu %s",
	    bytes ? r->most : r->most / 1024, bytes ? "bytes" : "KiB");
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_request *r = arg;
	size_t length = size * count;

	if (length > r->most - r->body.length) {
		too_large(r);
		return 0;
	}
	text_add_bytes(&r->body, bytes, length);
	return length;
}

/* Also counts the bodies of redirects, which on_body() does not see. */
static int
on_progress(void *arg, curl_off_t all, curl_off_t now, curl_off_t up_all, curl_off_t up)
{
	struct http_request *r = arg;

	(void)all;
	(void)up_all;
	(void)up;
	if (now <= 0 || (size_t)now <= r->most)
		return 0;
	return too_large(r);
}

/* Once a line; the lines of 1xx answers and of trailers count like others. */
static size_t
on_header(char *line, size_t size, size_t count, void *arg)
{
	struct http_request *r = arg;
	size_t length = size * count;

	if (length > 5 && memcmp(line, "HTTP/", 5) == 0) {
		const char *status = memchr(line, ' ', length - 1);

		if (r->final) /* that was a redirect */
			r->header_bytes = r->n_headers = 0;
		r->final = status != NULL && status[1] != '1';
	}
	r->header_bytes += length;
	r->n_headers += length > 2;
	if (r->header_bytes <= HEADER_MAX && r->n_headers <= HEADERS_MAX)
		return length;
	err_set(&r->err, ERR_PROTOCOL,
	    "the answer has more than %d header lines or %zu KiB of them", HEADERS_MAX,
	    HEADER_MAX / 1024);
	return 0;
}

/* ---- what is asked for ---- */

/* curl itself would leave the descriptor open in hooks. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static const struct {
	CURLoption option;
	long value;
} fixed_options[] = {
	/* Without it one name server that does not answer stops the loop for seconds: curl
	 * would wait for its resolver thread when a request times out. */
	{ CURLOPT_QUICK_EXIT, 1 },
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS },
	{ CURLOPT_TCP_NODELAY, 1 },
	{ CURLOPT_TCP_KEEPALIVE, 1 },
	{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
	{ CURLOPT_CONNECTTIMEOUT_MS, HTTP_CONNECT_MS },
	{ CURLOPT_LOW_SPEED_LIMIT, HTTP_SLOW_BYTES },
	{ CURLOPT_MAXREDIRS, HTTP_REDIRECTS_MAX },
	{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
	{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
};

/* One bit of the result is set where curl refuses an option. */
static unsigned
set_fixed(struct http_request *r)
{
	CURL *easy = r->easy;
	unsigned failed = 0;

	for (size_t i = 0; i < sizeof(fixed_options) / sizeof(fixed_options[0]); i++)
		failed |=
		    curl_easy_setopt(easy, fixed_options[i].option, fixed_options[i].value);
	failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
	failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->detail);
	failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, r);
	failed |= curl_easy_setopt(easy, CURLOPT_USERAGENT, r->http->user_agent);
	return failed;
}

static void
add_header(struct http_request *r, const char *name, const char *value)
{
	CLEAN(string) char *line = NULL;

	if (value == NULL)
		return;
	line = xasprintf("%s: %s", name, value);
	r->headers = must(curl_slist_append(r->headers, line));
}

static unsigned
set_method(struct http_request *r, const struct http_call *call)
{
	CURL *easy = r->easy;
	unsigned failed = 0;

	add_header(r, "Accept-Language", "en");
	add_header(r, "Accept", call->accept);
	switch (call->method) {
	case HTTP_GET:
		failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
		failed |= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
		failed |= curl_easy_setopt(easy, CURLOPT_XFERINFODATA, r);
		failed |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
		break;
	case HTTP_HEAD:
		failed |= curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		break;
	case HTTP_POST:
		add_header(r, "Content-Type", call->content_type);
		/* No asking for leave before a body of a kilobyte. */
		r->headers = must(curl_slist_append(r->headers, "Expect:"));
		failed |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
		failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)call->body_length);
		failed |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
		    call->body != NULL ? call->body : "");
		break;
	}
	failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
	return failed;
}

long
http_timeout_ms(const struct http_peer *peer)
{
	return peer->timeout_ms > 0 ? peer->timeout_ms : TIMEOUT_MS;
}

static unsigned
set_peer(struct http_request *r, const char *url)
{
	CURL *easy = r->easy;
	bool plain = http_url_is_plain(url);
	long ms = http_timeout_ms(r->peer);
	unsigned failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_URL, url);
	/* An http URL is one on a loopback address here: that is no way to a proxy. */
	failed |=
	    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http,https" : "https");
	failed |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY, plain ? "" : r->peer->proxy);
	/* Better wait for a connection in the making, it may carry many requests. Without
	 * TLS curl would wait for the first answer to know. */
	failed |= curl_easy_setopt(easy, CURLOPT_PIPEWAIT, plain ? 0L : 1L);
	if (r->peer->proxy != NULL) /* $no_proxy is for those of the environment */
		failed |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms);
	/* Half of it in silence is enough, and the rest is for another try. */
	failed |=
	    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, ms >= 2000 ? ms / 2000 : 1L);
	return failed;
}

int
http_set_up(struct http_request *r, const struct http_call *call)
{
	r->most = call->most > 0 ? call->most : ANSWER_MAX;
	if ((set_fixed(r) | set_method(r, call) | set_peer(r, call->url)) != 0)
		return err_set(&r->err, ERR_SYSTEM,
		    "libcurl lacks something that is needed");
	return 0;
}
