/* SPDX-License-Identifier: ISC */
#include "daemon/io/http_internal.h"

#include <stdio.h>
#include <string.h>

#include "common/clean.h"
#include "common/mem.h"
#include "common/str.h"

/* As much of curl's words as an error takes. */
#define DETAIL_MAX 160

/* CURLE_TOO_LARGE, since curl 8.6; before, CURLE_OUT_OF_MEMORY said it, too. */
#define TOO_LARGE 100

static bool
mentions(const struct http_failure *f, const char *words)
{
	return strstr(f->detail, words) != NULL;
}

static curl_off_t
get_number(const struct http_failure *f, CURLINFO which)
{
	curl_off_t number = 0;

	curl_easy_getinfo(f->easy, which, &number);
	return number;
}

static void
explain_timeout(const struct http_failure *f, const char *where, struct err *err)
{
	bool waited = get_number(f, CURLINFO_SIZE_DOWNLOAD_T) == 0;
	long ms = f->timeout_ms;

	if (get_number(f, CURLINFO_PRETRANSFER_TIME_T) == 0) {
		ms = ms < HTTP_CONNECT_MS ? ms : HTTP_CONNECT_MS;
		if (get_number(f, CURLINFO_NAMELOOKUP_TIME_T) == 0)
			err_set(err, ERR_NETWORK,
			    "cannot reach %s: its name is not resolved within %g s", where,
			    (double)ms / 1000);
		else
			err_set(err, ERR_NETWORK,
			    "cannot reach %s: no connection within %g s", where,
			    (double)ms / 1000);
		return;
	}
	if (!mentions(f, "too slow"))
		err_set(err, ERR_NETWORK, "no %sanswer from %s within %g s",
		    waited ? "" : "whole ", where, (double)ms / 1000);
	else if (waited)
		err_set(err, ERR_NETWORK, "no answer from %s within %g s", where,
		    (double)ms / 2000);
	else
		err_set(err, ERR_NETWORK,
		    "the answer from %s is too slow: less than %d bytes a second", where,
		    HTTP_SLOW_BYTES);
}

static void
explain_connect(const struct http_failure *f, const char *where, struct err *err)
{
	CLEAN(string) char *proxy = NULL;
	CLEAN(string) char *reason = NULL;
	long errnum = 0;

	curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &errnum);
	if (errnum == 0) {
		reason = str_printable(f->detail, DETAIL_MAX);
	} else {
		reason = xstrdup(strerror((int)errnum));
		str_lower(reason);
	}
	if (f->proxy != NULL)
		proxy = http_url_authority(f->proxy);
	err_set(err, ERR_NETWORK, "cannot reach %s%s%s: %s", where,
	    proxy != NULL ? " through the proxy " : "", proxy != NULL ? proxy : "", reason);
}

static const char *
hint(const struct http_failure *f)
{
	if (mentions(f, "issuer") || mentions(f, "self-signed") ||
	    mentions(f, "self signed"))
		return f->trust != NULL ? " (its root is neither the system's nor in the "
					  "file under trust:)"
					: " (where the CA has a root of its own, name its "
					  "file under trust:)";
	if (mentions(f, "expired") || mentions(f, "not yet valid"))
		return " (or the clock of this host is wrong)";
	if (mentions(f, "target host name"))
		return " (is it the right host under directory:?)";
	return "";
}

static void
explain_certificate(const struct http_failure *f, const char *where, struct err *err)
{
	static const char *const common[] = { "SSL certificate problem: ", "SSL: " };
	CLEAN(string) char *why = str_printable(f->detail, DETAIL_MAX);
	const char *rest = why;

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (str_starts(rest, common[i]))
			rest += strlen(common[i]);
	err_set(err, ERR_NETWORK, "the certificate of %s cannot be verified: %s%s", where,
	    rest, hint(f));
}

static void
explain_other(const struct http_failure *f, const char *where, struct err *err)
{
	CLEAN(string) char *why = NULL;

	why = str_printable(f->detail[0] != '\0' ? f->detail : curl_easy_strerror(f->code),
	    DETAIL_MAX);
	err_set(err, ERR_NETWORK, "the connection to %s failed: %s%s", where, why,
	    mentions(f, "protocol version") || mentions(f, "unsupported protocol")
		? " (TLS 1.2 or newer is wanted)"
		: "");
}

static void
explain_resolving(const struct http_failure *f, const char *where, struct err *err)
{
	CLEAN(string) char *proxy = NULL;

	if (f->code == CURLE_COULDNT_RESOLVE_PROXY && f->proxy != NULL)
		proxy = http_url_authority(f->proxy);
	if (f->code == CURLE_COULDNT_RESOLVE_HOST)
		err_set(err, ERR_NETWORK, "cannot reach %s: its name does not resolve",
		    where);
	else
		err_set(err, ERR_NETWORK,
		    "cannot reach %s: its proxy's name%s%s does not resolve", where,
		    proxy != NULL ? " " : "", proxy != NULL ? proxy : "");
}

/* What the server had no right to do. */
static void
explain_protocol(const struct http_failure *f, const char *where, struct err *err)
{
	if (f->code == CURLE_OUT_OF_MEMORY || (int)f->code == TOO_LARGE)
		/* Only this comes to it: a line beyond curl's own limit of 100 KiB. */
		err_set(err, ERR_PROTOCOL, "the answer from %s has an endless header line",
		    where);
	else if (f->code == CURLE_TOO_MANY_REDIRECTS)
		err_set(err, ERR_PROTOCOL, "%s: more than %d redirects", where,
		    HTTP_REDIRECTS_MAX);
	else if (f->code == CURLE_UNSUPPORTED_PROTOCOL && mentions(f, "HTTP/0.9"))
		err_set(err, ERR_PROTOCOL, "the answer from %s is not HTTP", where);
	else
		err_set(err, ERR_PROTOCOL, "%s: redirects to what is not a plain https URL",
		    where);
}

/* With OpenSSL 3.5 curl tells of it like this, whatever had come by then. */
static int
code_of(const struct http_failure *f)
{
	long status = 0;

	if (f->code != CURLE_RECV_ERROR || !mentions(f, "unexpected eof"))
		return (int)f->code;
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	return status != 0 ? CURLE_PARTIAL_FILE : CURLE_GOT_NOTHING;
}

void
http_explain(const struct http_failure *f, struct err *err)
{
	CLEAN(string) char *where = NULL;
	char *url = NULL;

	curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &url);
	where = http_url_authority(url != NULL ? url : "");
	switch (code_of(f)) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		explain_resolving(f, where, err);
		break;
	case CURLE_COULDNT_CONNECT:
		explain_connect(f, where, err);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		explain_timeout(f, where, err);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		explain_certificate(f, where, err);
		break;
	case CURLE_SSL_CACERT_BADFILE:
		err_set(err, ERR_CONFIG, "the roots in %s cannot be read",
		    f->trust != NULL ? f->trust : "the system's bundle");
		break;
	case CURLE_GOT_NOTHING:
		err_set(err, ERR_NETWORK, "%s closed the connection without an answer",
		    where);
		break;
	case CURLE_PARTIAL_FILE:
		err_set(err, ERR_NETWORK, "the answer from %s broke off", where);
		break;
	case CURLE_OUT_OF_MEMORY:
	case TOO_LARGE:
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_LOGIN_DENIED:
	case CURLE_URL_MALFORMAT:
		explain_protocol(f, where, err);
		break;
	default:
		explain_other(f, where, err);
	}
}
