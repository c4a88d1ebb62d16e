/* SPDX-License-Identifier: ISC */
#include "ctl/health.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"

/* How late a renewal may begin before a monitoring system is told: the daemon's timers
 * and its question to the CA take seconds. */
#define LATE_S 60

/* ---- what is known ---- */

static bool
instant_of(struct json_object *certificate, const char *key, time_t *ret)
{
	const char *text = json_get_string(certificate, key);
	struct err err = { 0 };

	return text != NULL && timefmt_parse(text, ret, &err) == 0;
}

static bool
is_past(const struct screen *screen, struct json_object *certificate, const char *key,
    time_t grace)
{
	time_t at;

	return instant_of(certificate, key, &at) && at + grace < screen->now;
}

static bool
is_state(struct json_object *certificate, const char *state)
{
	return str_eq(json_get_string(certificate, "state"), state);
}

static bool
is_expired(const struct screen *screen, struct json_object *certificate)
{
	return is_state(certificate, "expired") ||
	       is_past(screen, certificate, "not_after", 0);
}

/* Also while it is tried again. */
static bool
is_out_of_use(struct json_object *certificate)
{
	return is_state(certificate, "not-deployed") ||
	       str_eq(json_get_string(certificate, "deploy"), "failed");
}

/* Who holds a certificate and forgets it is told like anybody else. */
static bool
is_expiring(const struct screen *screen, struct json_object *certificate)
{
	time_t begins, ends;

	if (is_state(certificate, "expiring"))
		return true;
	return is_state(certificate, "held") &&
	       instant_of(certificate, "not_before", &begins) &&
	       instant_of(certificate, "not_after", &ends) &&
	       ends - screen->now < (ends - begins) / 10;
}

/* ---- in words ---- */

static const char *
error_of(struct json_object *certificate)
{
	const char *error = json_get_string(certificate, "last_error");

	return error != NULL
		   ? text_without_name(json_get_string(certificate, "name"), error)
		   : NULL;
}

enum color
health_color(const struct screen *screen, struct json_object *certificate)
{
	if (is_state(certificate, "failed") || is_state(certificate, "not-deployed") ||
	    is_state(certificate, "expiring") || is_expired(screen, certificate))
		return COLOR_BAD;
	return is_state(certificate, "valid") || is_state(certificate, "verified")
		   ? COLOR_GOOD
		   : COLOR_WARN;
}

/* What is to be said of a version that is in force and not in use; NULL: nothing. */
static char *
out_of_use(struct json_object *certificate, const char *error)
{
	const char *deploy = json_get_string(certificate, "deploy");

	if (str_eq(deploy, "pending"))
		return xstrdup("not in use yet");
	if (!is_out_of_use(certificate))
		return NULL;
	return error != NULL ? xasprintf("not in use: %s", error) : xstrdup("not in use");
}

char *
health_result(struct json_object *certificate)
{
	const char *step = json_get_string(certificate, "step");
	const char *result = json_get_string(certificate, "last_result");
	const char *error = error_of(certificate);
	CLEAN(string) char *use = NULL;

	if (step != NULL)
		return xasprintf("now: %s", step);
	if (!str_eq(result, "failed"))
		use = out_of_use(certificate, error);
	if (use != NULL)
		return result != NULL ? xasprintf("%s, %s", result, use) : TAKE(use);
	if (result != NULL && error != NULL)
		return xasprintf("%s: %s", result, error);
	if (result == NULL)
		result = error;
	return xstrdup(result != NULL ? result : "-");
}

/* ---- for a monitoring system ---- */

static char *
overdue(const struct screen *screen, struct json_object *certificate)
{
	CLEAN(string) char *when = NULL;

	if (json_get_string(certificate, "step") != NULL ||
	    !is_past(screen, certificate, "next_renewal", LATE_S))
		return NULL;
	when = render_time(screen, json_get_string(certificate, "next_renewal"), TIME_FULL);
	return xasprintf("renewal overdue since %s", when);
}

char *
health_complaint(const struct screen *screen, struct json_object *certificate)
{
	const char *not_after = json_get_string(certificate, "not_after");
	const char *error = error_of(certificate);
	const char *what = NULL;
	CLEAN(string) char *when = NULL;

	if (is_expired(screen, certificate))
		what = "expired";
	else if (is_state(certificate, "failed"))
		what = "failed";
	else if (is_out_of_use(certificate))
		what = "not in use";
	else if (is_expiring(screen, certificate))
		what = "expiring";
	if (what == NULL)
		return overdue(screen, certificate);
	if (error != NULL)
		return xasprintf("%s: %s", what, error);
	if (not_after == NULL)
		return xstrdup(what);
	when = render_time(screen, not_after, TIME_FULL);
	return xasprintf("%s, not after %s", what, when);
}
