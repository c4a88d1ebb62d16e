/* SPDX-License-Identifier: ISC */
#include "daemon/io/http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/http_internal.h"

/* What curl and servers take without complaint; no CA needs more than 200. */
#define URL_MAX 2048

/* As much of a wrong URL as an error shows. */
#define SHOWN_MAX 120

static inline void
parsed_free(CURLU *u)
{
	curl_url_cleanup(u);
}
DEFINE_CLEAN(parsed, CURLU);

static inline void
part_free(char *s)
{
	curl_free(s);
}
DEFINE_CLEAN(part, char);

static int
refuse(struct err *err, const char *url, const char *why)
{
	CLEAN(string) char *shown = str_printable(url, SHOWN_MAX);

	return err_set(err, ERR_PROTOCOL, "URL \"%s\": %s", shown, why);
}

/* NULL where the URL has no such part. */
static char *
get_part(CURLU *u, CURLUPart which)
{
	char *s;

	return curl_url_get(u, which, &s, 0) == CURLUE_OK ? s : NULL;
}

static bool
has_part(CURLU *u, CURLUPart which)
{
	CLEAN(part) char *s = get_part(u, which);

	return s != NULL;
}

/* Three slashes: curl would take what follows for the host, others for the path. */
static bool
lacks_host(const char *s)
{
	s += strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.");
	s += *s == ':';
	return strncmp(s, "///", 3) == 0;
}

/* What a parser and the next might take for different things, and what may hide the rest
 * of a line in a log or a request. */
static const char *
find_fault(const char *s)
{
	size_t length = strnlen(s, URL_MAX + 1);

	if (length == 0)
		return "is empty";
	if (length > URL_MAX)
		return "is longer than 2048 bytes";
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)s[i] >= 0x80)
			return "has a character beyond ASCII (write names as xn--...)";
		if (s[i] <= ' ' || s[i] == 0x7F)
			return "has a blank or a control character";
		if (s[i] == '\\')
			return "has a backslash";
	}
	return NULL;
}

/* `host` as curl writes it: an IPv4 address in four decimal numbers, IPv6 in brackets. */
static bool
is_loopback(const char *host)
{
	struct in_addr address;

	if (inet_pton(AF_INET, host, &address) == 1)
		return ntohl(address.s_addr) >> 24 == 127;
	return strcmp(host, "[::1]") == 0 || strcasecmp(host, "localhost") == 0;
}

static const char *
find_host_fault(const char *host)
{
	if (host[0] == '[')
		return host[strspn(host, "[]0123456789abcdefABCDEF:.")] == '\0'
			   ? NULL
			   : "has a wrong IPv6 address";
	for (const char *c = host; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
			return "has a wrong host name";
	}
	return NULL;
}

static const char *
find_parsed_fault(CURLU *u, const char *host)
{
	CLEAN(part) char *scheme = get_part(u, CURLUPART_SCHEME);
	CLEAN(part) char *port = get_part(u, CURLUPART_PORT);

	if (scheme == NULL || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		return "does not begin with https://";
	if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
		return "has a user name or a password";
	if (host == NULL || host[0] == '\0')
		return "has no host";
	if (has_part(u, CURLUPART_ZONEID))
		return "has an IPv6 zone";
	if (find_host_fault(host) != NULL)
		return find_host_fault(host);
	if (port != NULL && strtoul(port, NULL, 10) == 0)
		return "has port 0";
	if (strcmp(scheme, "http") == 0 && !is_loopback(host))
		return "does not begin with https://";
	return NULL;
}

static const char *
explain(CURLUcode code)
{
	switch (code) {
	case CURLUE_BAD_SCHEME:
	case CURLUE_UNSUPPORTED_SCHEME:
		return "does not begin with https://";
	case CURLUE_NO_HOST:
		return "has no host";
	case CURLUE_BAD_PORT_NUMBER:
		return "has a wrong port";
	case CURLUE_BAD_HOSTNAME:
		return "has a wrong host name";
	case CURLUE_BAD_IPV6:
		return "has a wrong IPv6 address";
	default:
		return "is no URL";
	}
}

/* Parses `url` after what `u` holds, if anything, and checks the outcome. */
static const char *
parse(CURLU *u, const char *url)
{
	CURLUcode code = curl_url_set(u, CURLUPART_URL, url, 0);
	CLEAN(part) char *host = NULL;
	const char *fault;

	if (code != CURLUE_OK)
		return explain(code);
	host = get_part(u, CURLUPART_HOST);
	fault = find_parsed_fault(u, host);
	return fault == NULL && lacks_host(url) ? "has no host" : fault;
}

/* ---- what URLs look like, but for a few ---- */

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

struct usual {
	const char *host;
	size_t host_length;
	const char *port; /* without its colon */
	size_t port_length;
};

/* A name, or four decimal numbers. What ends with anything else than a name may be an
 * address in one of the ways that only curl still knows. */
static bool
is_usual_host(const char *host, size_t length)
{
	char text[INET_ADDRSTRLEN] = "";
	const char *dot = memrchr(host, '.', length);
	const char *last = dot != NULL ? dot + 1 : host;
	struct in_addr address;

	if (length == 0 || !isalnum((unsigned char)host[0]) ||
	    memmem(host, length, "..", 2) != NULL)
		return false;
	if (last < host + length && isalpha((unsigned char)*last))
		return true;
	if (length >= sizeof(text))
		return false;
	memcpy(text, host, length);
	return inet_pton(AF_INET, text, &address) == 1;
}

static bool
is_usual_port(const struct usual *u)
{
	return u->port_length > 0 && u->port_length <= 5 && u->port[0] != '0' &&
	       strtoul(u->port, NULL, 10) <= 65535;
}

/* https, a host in small letters, perhaps a port, and a path of plain characters without
 * dots at the start of a name: curl would find nothing wrong with it and nothing to change,
 * but takes fifty times as long to say so. */
static bool
read_usual(const char *url, struct usual *u)
{
	static const char start[] = "https://";
	const char *s = url;
	size_t length;

	if (strncmp(s, start, strlen(start)) != 0)
		return false;
	*u = (struct usual){ .host = s + strlen(start) };
	u->host_length = strspn(u->host, LETTERS DIGITS ".-");
	s = u->host + u->host_length;
	if (*s == ':') {
		u->port = s + 1;
		u->port_length = strspn(u->port, DIGITS);
		s = u->port + u->port_length;
		if (!is_usual_port(u))
			return false;
	}
	length = strspn(s, LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "-._~/");
	return *s == '/' && s[length] == '\0' && strstr(s, "/.") == NULL &&
	       (size_t)(s - url) + length <= URL_MAX &&
	       is_usual_host(u->host, u->host_length);
}

/* ---- the ways in ---- */

int
http_check_url(const char *url, struct err *err)
{
	CLEAN(parsed) CURLU *u = NULL;
	struct usual usual;
	const char *fault;

	if (read_usual(url, &usual))
		return 0;
	u = must(curl_url());
	fault = find_fault(url);
	if (fault == NULL)
		fault = parse(u, url);
	return fault == NULL ? 0 : refuse(err, url, fault);
}

bool
http_url_is_plain(const char *url)
{
	return strncasecmp(url, "http:", strlen("http:")) == 0;
}

char *
http_resolve_url(const char *base, const char *reference, struct err *err)
{
	CLEAN(parsed) CURLU *u = NULL;
	CLEAN(part) char *url = NULL;
	const char *fault = find_fault(reference);
	struct usual usual;

	if (http_check_url(base, err) == -1)
		return NULL;
	if (read_usual(reference, &usual))
		return xstrdup(reference);
	u = must(curl_url());
	curl_url_set(u, CURLUPART_URL, base, 0);
	if (fault == NULL)
		fault = parse(u, reference);
	if (fault == NULL) {
		url = get_part(u, CURLUPART_URL);
		fault = url == NULL ? "is no URL" : find_fault(url);
	}
	if (fault == NULL && http_url_is_plain(url) && !http_url_is_plain(base))
		fault = "does not begin with https://";
	if (fault != NULL) {
		refuse(err, reference, fault);
		return NULL;
	}
	return xstrdup(url);
}

char *
http_url_authority(const char *url)
{
	CLEAN(parsed) CURLU *u = NULL;
	CLEAN(part) char *host = NULL;
	char *port = NULL, *authority;
	struct usual usual;

	if (read_usual(url, &usual))
		return xasprintf("%.*s:%.*s", (int)usual.host_length, usual.host,
		    (int)(usual.port != NULL ? usual.port_length : strlen("443")),
		    usual.port != NULL ? usual.port : "443");
	u = must(curl_url());
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
		host = get_part(u, CURLUPART_HOST);
	if (host == NULL)
		return str_printable(url, SHOWN_MAX);
	if (curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return xstrdup(host);
	authority = xasprintf("%s:%s", host, port);
	curl_free(port);
	return authority;
}
