/* SPDX-License-Identifier: ISC */
#include "common/json.h"

#include <json-c/json_visit.h>
#include <limits.h>
#include <string.h>

#include "common/json_scan.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"

static inline void
tokener_free(struct json_tokener *t)
{
	if (t != NULL)
		json_tokener_free(t);
}
DEFINE_CLEAN(tokener, struct json_tokener);

/* ---- reading ---- */

static int
count_member(struct json_object *value, int flags, struct json_object *parent,
    const char *key, size_t *index, void *arg)
{
	size_t *n = arg;

	(void)value;
	(void)parent;
	(void)index;
	if (key != NULL && !(flags & JSON_C_VISIT_SECOND))
		++*n;
	return JSON_C_VISIT_RETURN_CONTINUE;
}

struct json_object *
json_parse(const char *text, size_t length, struct err *err)
{
	CLEAN(tokener) struct json_tokener *tokener = NULL;
	CLEAN(json) struct json_object *doc = NULL;
	size_t n_written = 0, n_kept = 0;

	if (length > INT_MAX) {
		err_set(err, ERR_PROTOCOL, "not JSON: %zu bytes are too many", length);
		return NULL;
	}
	if (json_scan(text, length, &n_written, err) == -1)
		return NULL;

	/* json_scan() has been strict; that of json-c 0.18 refuses all but ASCII. */
	tokener = must(json_tokener_new());
	doc = json_tokener_parse_ex(tokener, text, (int)length);
	/* A number needs something after it to end. */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		doc = json_tokener_parse_ex(tokener, " ", 1);
	if (doc == NULL) {
		enum json_tokener_error error = json_tokener_get_error(tokener);

		err_set(err, ERR_PROTOCOL, "not JSON: %s",
		    error == json_tokener_success ? "nothing but null"
						  : json_tokener_error_desc(error));
		return NULL;
	}
	/* json-c keeps the last of members with one name; other readers the first. */
	json_c_visit(doc, 0, count_member, &n_kept);
	if (n_kept != n_written) {
		err_set(err, ERR_PROTOCOL, "not JSON: two members of one name");
		return NULL;
	}
	return TAKE(doc);
}

static struct json_object *
get_typed(struct json_object *doc, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(doc, key, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

/* NULL where it is no string, or has a NUL inside. */
static const char *
plain_string(struct json_object *value)
{
	const char *s;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	s = json_object_get_string(value);
	return strlen(s) == (size_t)json_object_get_string_len(value) ? s : NULL;
}

const char *
json_get_string(struct json_object *doc, const char *key)
{
	return plain_string(get_typed(doc, key, json_type_string));
}

struct json_object *
json_get_array(struct json_object *doc, const char *key)
{
	return get_typed(doc, key, json_type_array);
}

struct json_object *
json_get_object(struct json_object *doc, const char *key)
{
	return get_typed(doc, key, json_type_object);
}

bool
json_get_bool(struct json_object *doc, const char *key, bool absent)
{
	struct json_object *value = get_typed(doc, key, json_type_boolean);

	return value != NULL ? json_object_get_boolean(value) : absent;
}

int64_t
json_get_int(struct json_object *doc, const char *key, int64_t absent)
{
	struct json_object *value = get_typed(doc, key, json_type_int);

	return value != NULL ? json_object_get_int64(value) : absent;
}

static int
absent_member(const char *key, struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "no \"%s\"", key);
}

int
json_need_string(struct json_object *doc, const char *key, const char **ret,
    struct err *err)
{
	const char *value = json_get_string(doc, key);

	if (value == NULL)
		return absent_member(key, err);
	*ret = value;
	return 0;
}

int
json_need_array(struct json_object *doc, const char *key, struct json_object **ret,
    struct err *err)
{
	struct json_object *value = json_get_array(doc, key);

	if (value == NULL)
		return absent_member(key, err);
	*ret = value;
	return 0;
}

int
json_need_object(struct json_object *doc, const char *key, struct json_object **ret,
    struct err *err)
{
	struct json_object *value = json_get_object(doc, key);

	if (value == NULL)
		return absent_member(key, err);
	*ret = value;
	return 0;
}

char **
json_need_strings(struct json_object *doc, const char *key, struct err *err)
{
	struct json_object *array = NULL;
	CLEAN(strv) char **list = NULL;
	size_t n;

	if (json_need_array(doc, key, &array, err) == -1)
		return NULL;
	n = json_object_array_length(array);
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		const char *s = plain_string(json_object_array_get_idx(array, i));

		if (s == NULL) {
			err_set(err, ERR_PROTOCOL, "\"%s\": not all are strings", key);
			return NULL;
		}
		list[i] = xstrdup(s);
	}
	return TAKE(list);
}

bool
json_fits(struct json_object *doc, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	return !json_object_object_get_ex(doc, key, &value) || value == NULL ||
	       json_object_is_type(value, type);
}

/* ---- building ---- */

char *
json_print(struct json_object *doc)
{
	const char *text = json_object_to_json_string_ext(doc,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	return text != NULL ? xstrdup(text) : must_pointer(NULL, "json_print");
}

/* The output of hooks and texts of the system are bytes; JSON is UTF-8. */
static struct json_object *
new_string(const char *s)
{
	CLEAN(string) char *copy = xstrdup(s);
	size_t length = strlen(s);
	uint32_t c;

	for (size_t i = 0, n; i < length; i += n) {
		n = str_utf8(s + i, length - i, &c);
		if (n > 0)
			continue;
		copy[i] = '?';
		n = 1;
	}
	return must(json_object_new_string(copy));
}

static void
add(struct json_object *doc, const char *key, struct json_object *value)
{
	if (json_object_object_add(doc, key, must(value)) != 0)
		must_pointer(NULL, key);
}

void
json_add_string(struct json_object *doc, const char *key, const char *value)
{
	if (value != NULL)
		add(doc, key, new_string(value));
}

void
json_add_int(struct json_object *doc, const char *key, int64_t value)
{
	add(doc, key, json_object_new_int64(value));
}

void
json_add_bool(struct json_object *doc, const char *key, bool value)
{
	add(doc, key, json_object_new_boolean(value));
}

void
json_add_time(struct json_object *doc, const char *key, time_t at)
{
	char text[TIMEFMT_SIZE];

	if (at != 0)
		json_add_string(doc, key, timefmt_rfc3339(at, text));
}

void
json_add_strings(struct json_object *doc, const char *key, const char *const *list)
{
	struct json_object *array = must(json_object_new_array());

	for (; list != NULL && *list != NULL; list++)
		json_object_array_add(array, new_string(*list));
	add(doc, key, array);
}
