/* SPDX-License-Identifier: ISC */
/*
 * json - reading json-c documents with types, and printing them.
 *
 * `_get` borrows and may be absent (wrong type counts as absent), `_need` fails with an
 * err of kind ERR_PROTOCOL that names the member. Strings with an embedded NUL count as
 * absent. Pointers are borrowed from the document.
 */
#ifndef ACMED_JSON_H
#define ACMED_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clean.h"
#include "common/err.h"

static inline void
json_free(struct json_object *doc)
{
	json_object_put(doc);
}
DEFINE_CLEAN(json, struct json_object);

/* The whole of the text is one JSON value: UTF-8, no more than 16 levels deep, no single
 * quotes, no NaN, no comments, nothing after it. ERR_PROTOCOL otherwise. The caller
 * owns the result. */
struct json_object *json_parse(const char *text, size_t length, struct err *err);

/* Compact, slashes as they are, members in the order of insertion. Owned by the caller. */
char *json_print(struct json_object *doc);

const char *json_get_string(struct json_object *doc, const char *key);
struct json_object *json_get_array(struct json_object *doc, const char *key);
struct json_object *json_get_object(struct json_object *doc, const char *key);
bool json_get_bool(struct json_object *doc, const char *key, bool absent);
int64_t json_get_int(struct json_object *doc, const char *key, int64_t absent);

int json_need_string(struct json_object *doc, const char *key, const char **ret,
    struct err *err);
int json_need_array(struct json_object *doc, const char *key, struct json_object **ret,
    struct err *err);
int json_need_object(struct json_object *doc, const char *key, struct json_object **ret,
    struct err *err);

/* All members are strings: a new NULL-terminated list; NULL and an err otherwise. */
char **json_need_strings(struct json_object *doc, const char *key, struct err *err);

/* Whether a member is of that type, null, or absent. */
bool json_fits(struct json_object *doc, const char *key, enum json_type type);

/* Additions for building: a NULL string, a time of 0 add nothing. */
void json_add_string(struct json_object *doc, const char *key, const char *value);
void json_add_int(struct json_object *doc, const char *key, int64_t value);
void json_add_bool(struct json_object *doc, const char *key, bool value);
void json_add_time(struct json_object *doc, const char *key, time_t at); /* RFC 3339 */
void json_add_strings(struct json_object *doc, const char *key, const char *const *list);

#endif
