/* SPDX-License-Identifier: ISC */
/* service - org.varlink.service: what every Varlink service says about itself. */
#ifndef ACMED_SERVICE_H
#define ACMED_SERVICE_H

#include <stdbool.h>

struct call;
struct json_object;

/* Answers what is no call at all, and the methods of that interface; false where the
 * message is neither. */
bool service_run(struct call *call, struct json_object *message);

void service_no_method(struct call *call, const char *method);

#endif
