/* SPDX-License-Identifier: ISC */
/* The configuration in force, under the names that its keys have in the files. */
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config_internal.h"

/* As it is written in a file: the largest unit that leaves no rest. */
static struct json_object *
json_duration(time_t seconds)
{
	static const struct {
		long seconds;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	CLEAN(string) char *text = NULL;
	size_t i = 0;

	while (seconds % units[i].seconds != 0)
		i++;
	text = xasprintf("%lld%c", (long long)(seconds / units[i].seconds), units[i].unit);
	return must(json_object_new_string(text));
}

static struct json_object *
json_share(const struct config_share *share)
{
	CLEAN(string) char *text = NULL;

	if (share->seconds != 0)
		return json_duration(share->seconds);
	if (share->percent == 0)
		return NULL;
	text = xasprintf("%d%%", share->percent);
	return must(json_object_new_string(text));
}

/* NULL for a list that nobody has set: an empty one may say something. */
static struct json_object *
json_list(char *const *list)
{
	struct json_object *array;

	if (list == NULL)
		return NULL;
	array = must(json_object_new_array());
	for (; *list != NULL; list++)
		json_object_array_add(array, must(json_object_new_string(*list)));
	return array;
}

static struct json_object *
json_rules(const struct challenge_rules *rules)
{
	struct json_object *map;

	if (rules->count == 1 && str_eq(rules->list[0].pattern, "*"))
		return must(
		    json_object_new_string(challenge_type_name(rules->list[0].type)));
	map = must(json_object_new_object());
	for (size_t i = 0; i < rules->count; i++)
		json_add_string(map, rules->list[i].pattern,
		    challenge_type_name(rules->list[i].type));
	return map;
}

/* A proxy's URL may hold a password. */
static struct json_object *
json_text(const char *text)
{
	const char *host = text != NULL ? strstr(text, "://") : NULL;
	const char *at = host != NULL ? strpbrk(host + 3, "/@") : NULL;
	CLEAN(string) char *masked = NULL;

	if (text == NULL)
		return NULL;
	if (at == NULL || *at != '@')
		return must(json_object_new_string(text));
	masked = xasprintf("%.*s***%s", (int)(host + 3 - text), text, at);
	return must(json_object_new_string(masked));
}

static void add_section(struct json_object *doc, enum schema_section section,
    const void *target);

static struct json_object *
json_sections(const struct schema_row *row, const struct schema_sections *sections)
{
	struct json_object *array;

	if (sections->count == 0)
		return NULL;
	array = must(json_object_new_array());
	for (size_t i = 0; i < sections->count; i++) {
		struct json_object *item = must(json_object_new_object());

		add_section(item, row->inner, schema_item(row, sections, i));
		json_object_array_add(array, item);
	}
	return array;
}

static struct json_object *
json_value(const struct schema_row *row, const void *at)
{
	union schema_value v = { 0 };

	schema_fetch(row, at, &v);
	switch (schema_types[row->type].storage) {
	case STORAGE_BOOL:
		if (row->type == TYPE_EITHER)
			return must(json_object_new_string(row->words[v.flag]));
		return must(json_object_new_boolean(v.flag));
	case STORAGE_TEXT:
		return json_text(v.text);
	case STORAGE_LIST:
		return json_list(v.list);
	case STORAGE_NUMBER:
		return must(json_object_new_int64(v.number));
	case STORAGE_SECONDS:
		return json_duration(v.seconds);
	case STORAGE_MILLISECONDS:
		return json_duration(v.milliseconds / 1000);
	case STORAGE_SHARE:
		return json_share(&v.share);
	case STORAGE_KEY_TYPE:
		return must(json_object_new_string(key_type_name(v.key_type)));
	case STORAGE_LOG_LEVEL:
		return must(json_object_new_string(log_level_name(v.log_level)));
	case STORAGE_RULES:
		return json_rules(&v.rules);
	case STORAGE_SECTIONS:
		return json_sections(row, &v.sections);
	default:
		return NULL;
	}
}

/* NULL where there is nothing to say. */
static struct json_object *
json_row(const struct schema_row *row, const void *target)
{
	struct json_object *inner;

	if (row->type != TYPE_SECTION)
		return row->offset != SCHEMA_NOWHERE ? json_value(row, target) : NULL;
	inner = must(json_object_new_object());
	add_section(inner, row->inner, target);
	if (json_object_object_length(inner) > 0)
		return inner;
	json_object_put(inner);
	return NULL;
}

static void
add_section(struct json_object *doc, enum schema_section section, const void *target)
{
	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];
		struct json_object *value = NULL;

		if (row->section == section &&
		    (row->flags & (SCHEMA_OWN | SCHEMA_SECRET)) == 0)
			value = json_row(row, target);
		if (value != NULL)
			json_object_object_add(doc, row->key, value);
	}
}

static struct json_object *
cert_to_json(const struct cert_config *cert)
{
	struct json_object *doc = must(json_object_new_object());

	json_add_string(doc, "name", cert->name);
	json_object_object_add(doc, "names", json_list(cert->names));
	add_section(doc, SECTION_CERT, cert->options);
	return doc;
}

struct json_object *
config_to_json(const struct config *c, const struct cert_config *cert)
{
	const struct config_owned *owned = (const struct config_owned *)c;
	struct json_object *doc, *accounts, *defaults;

	if (cert != NULL)
		return cert_to_json(cert);
	doc = must(json_object_new_object());
	add_section(doc, SECTION_MAIN, c);
	accounts = must(json_object_new_object());
	for (size_t i = 0; i < c->n_accounts; i++) {
		struct json_object *account = must(json_object_new_object());

		add_section(account, SECTION_ACCOUNT, c->accounts[i]);
		json_object_object_add(accounts, c->accounts[i]->name, account);
	}
	json_object_object_add(doc, "accounts", accounts);
	defaults = must(json_object_new_object());
	add_section(defaults, SECTION_CERT, &owned->defaults);
	json_object_object_add(doc, "defaults", defaults);
	return doc;
}
