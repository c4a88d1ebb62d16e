/* SPDX-License-Identifier: ISC */
/* handlers_internal - what handlers.c and stream.c share. */
#ifndef ACMED_HANDLERS_INTERNAL_H
#define ACMED_HANDLERS_INTERNAL_H

#include <stdbool.h>

#include "daemon/control/handlers.h"
#include "daemon/control/server.h"
#include "daemon/renew/scheduler.h"

typedef void handler_fn(struct call *call, const struct handlers *h);

/* stream.c: the methods that take their time */
handler_fn handle_issue, handle_renew, handle_watch, handle_rollback;

/* manage.c */
handler_fn handle_hold, handle_resume, handle_plan;

/* {key: value}, taking over the value. */
struct json_object *wrap(const char *key, struct json_object *value);

void fail_no_certificate(struct call *call, const char *name);
void fail_argument(struct call *call, const char *name, const char *detail);

/* The certificate that the parameter `name` names; false after an error was replied. */
bool need_certificate(struct call *call, const struct handlers *h, struct cert_look *look);

/* The parameter `names`: NULL where it is absent. -1 after an error was replied. */
int optional_names(struct call *call, const struct handlers *h, char ***ret);

#endif
