/* SPDX-License-Identifier: ISC */
/* view - what things look like as JSON: the types of io.acmed. Owned by the caller. */
#ifndef ACMED_VIEW_H
#define ACMED_VIEW_H

#include <stdbool.h>
#include <time.h>

struct cert_look;
struct config_diff;
struct json_object;
struct problems;
struct scheduler_event;

/* Certificate: one line of a table. */
struct json_object *view_certificate(const struct cert_look *look);

/* All that is known of it; `state_dir` is where its files are. */
struct json_object *view_details(const struct cert_look *look, const char *state_dir);

/* The decision and its reasons. */
struct json_object *view_decision(const struct cert_look *look, time_t now);

struct json_object *view_event(const struct scheduler_event *event);

/* []Problem; only the warnings where `warnings` is set, else only the errors. */
struct json_object *view_problems(const struct problems *problems, bool warnings);

struct json_object *view_diff(const struct config_diff *diff);

#endif
