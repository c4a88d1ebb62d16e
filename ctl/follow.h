/* SPDX-License-Identifier: ISC */
/*
 * follow - what happens to certificates while somebody looks on: each step as it comes,
 * and what has come of it. A new version is in force first, and in use later, or not.
 */
#ifndef ACMED_CTL_FOLLOW_H
#define ACMED_CTL_FOLLOW_H

#include "ctl/cmd.h"

struct follow {
	char **changed; /* certificates of which another version has come into force */
	char *news;     /* what was said of the last of them; NULL: nothing */
};

void follow_clear(struct follow *follow);

/* Calls a method that streams. Takes over `parameters`. As ctl_stream(), but where a
 * version has come into force and not into use, the failure says so. */
int follow_call(struct ctl *ctl, enum method method, struct json_object *parameters,
    struct follow *follow, struct json_object **ret);

/* "NAME: TEXT", printable; the daemon's text may or may not begin with the name itself. */
char *follow_line(const struct ctl *ctl, const char *name, const char *text);

/* ", deployed" and the like for how far its way into use a version is; NULL: it has none.
 */
const char *follow_use(const char *deploy);

/* All that `show` has, for what is printed at last: NULL with --json or --quiet, and where
 * the call fails, which has been reported. */
struct json_object *follow_look(struct ctl *ctl, const char *name);

/* What the daemon does about a version that is not in use. The name is printable. */
void follow_print_rescue(const struct ctl *ctl, const char *name,
    struct json_object *certificate);

#endif
