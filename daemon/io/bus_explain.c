/* SPDX-License-Identifier: ISC */
/* Errors as an administrator reads them. */
#include "common/str.h"
#include "daemon/io/bus_internal.h"

#define NO_SYSTEMD "systemd is not on the system bus; use queue: or run: instead"
#define DENIED                                                        \
	"systemd does not allow it: add a polkit rule for this unit " \
	"(org.freedesktop.systemd1.manage-units), or use queue: instead"

/* Of what others say, as much as a line of the log can bear. */
#define SAID_MOST 256

static const struct {
	const char *name; /* or how it begins, where it ends in a dot */
	enum err_kind kind;
	const char *text;
} explanations[] = {
	{ SD_BUS_ERROR_ACCESS_DENIED, ERR_SYSTEM, DENIED },
	{ SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, ERR_SYSTEM, DENIED },
	{ SYSTEMD_ERROR("NoSuchUnit"), ERR_CONFIG, BUS_NO_UNIT },
	{ SYSTEMD_ERROR("JobTypeNotApplicable"), ERR_CONFIG,
	    "it has no way to do that (systemctl show -p CanReload); use restart: "
	    "instead" },
	{ SD_BUS_ERROR_SERVICE_UNKNOWN, ERR_SYSTEM, NO_SYSTEMD },
	{ SD_BUS_ERROR_NAME_HAS_NO_OWNER, ERR_SYSTEM, NO_SYSTEMD },
	{ "org.freedesktop.DBus.Error.Spawn.", ERR_SYSTEM, NO_SYSTEMD },
};

void
bus_explain(const sd_bus_error *error, struct err *err)
{
	CLEAN(string) char *said = NULL;

	for (size_t i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++) {
		const char *name = explanations[i].name;

		if (str_eq(error->name, name) ||
		    (str_ends(name, ".") && str_starts(error->name, name))) {
			err_set(err, explanations[i].kind, "%s", explanations[i].text);
			return;
		}
	}
	said =
	    str_printable(error->message != NULL ? error->message : error->name, SAID_MOST);
	err_set(err, ERR_SYSTEM, "%s", said);
}

static const struct {
	const char *result;
	const char *text;
} results[] = {
	{ "failed", "" },
	{ "timeout", "it did not end in the time that the unit allows: " },
	{ "canceled", "another request for the unit came between: " },
	{ "dependency", "a unit that it needs has failed: " },
	{ "skipped", "it does not apply to the unit in its present state: " },
	{ "invalid", "it does not apply to the unit in its present state: " },
};

void
bus_explain_result(const char *unit, const char *result, struct err *err)
{
	CLEAN(string) char *said = NULL;

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (str_eq(results[i].result, result)) {
			err_set(err, ERR_SYSTEM, "%ssee journalctl -u %s", results[i].text,
			    unit);
			return;
		}
	said = str_printable(result, SAID_MOST);
	err_set(err, ERR_SYSTEM, "systemd calls it \"%s\": see journalctl -u %s", said,
	    unit);
}
