/* SPDX-License-Identifier: ISC */
/* What values are once they are read: to keep, to copy, to tell apart, to print. */
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/schema.h"

/* A list and its count are two members of struct cert_options, and one value here. */
#define SIDE_BY_SIDE(list, count_of_it)                                 \
	_Static_assert(offsetof(struct cert_options, count_of_it) ==    \
			   offsetof(struct cert_options, list) +        \
			       offsetof(struct schema_sections, count), \
	    #count_of_it " has to stand right behind " #list)

SIDE_BY_SIDE(rules, n_rules);
SIDE_BY_SIDE(outputs, n_outputs);
SIDE_BY_SIDE(deploy, n_deploy);
SIDE_BY_SIDE(verify, n_verify);
SIDE_BY_SIDE(notify, n_notify);

static const size_t sizes[STORAGE_COUNT] = {
	[STORAGE_BOOL] = sizeof(bool),
	[STORAGE_TEXT] = sizeof(char *),
	[STORAGE_LIST] = sizeof(char **),
	[STORAGE_NUMBER] = sizeof(unsigned),
	[STORAGE_SECONDS] = sizeof(time_t),
	[STORAGE_MILLISECONDS] = sizeof(long),
	[STORAGE_SHARE] = sizeof(struct config_share),
	[STORAGE_KEY_TYPE] = sizeof(enum key_type),
	[STORAGE_LOG_LEVEL] = sizeof(enum log_level),
	[STORAGE_RULES] = sizeof(struct challenge_rules),
	[STORAGE_SECTIONS] = sizeof(struct schema_sections),
};

static enum schema_storage
storage_of(const struct schema_row *row)
{
	return schema_types[row->type].storage;
}

/* The value of a row that has a place in the struct. */
void
schema_fetch(const struct schema_row *row, const void *target, union schema_value *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, (const char *)target + row->offset, sizes[storage_of(row)]);
}

static void
put(const struct schema_row *row, const union schema_value *value, void *target)
{
	memcpy((char *)target + row->offset, value, sizes[storage_of(row)]);
}

void *
schema_item(const struct schema_row *row, const struct schema_sections *sections,
    size_t index)
{
	return (char *)sections->list + index * row->size;
}

void
schema_drop(const struct schema_row *row, union schema_value *value)
{
	switch (storage_of(row)) {
	case STORAGE_TEXT:
		secret_free(value->text, value->text != NULL ? strlen(value->text) : 0);
		break;
	case STORAGE_LIST:
		strv_free(value->list);
		break;
	case STORAGE_RULES:
		for (size_t i = 0; i < value->rules.count; i++)
			free(value->rules.list[i].pattern);
		free(value->rules.list);
		break;
	case STORAGE_SECTIONS:
		for (size_t i = 0; i < value->sections.count; i++)
			schema_clear(row->inner, schema_item(row, &value->sections, i));
		free(value->sections.list);
		break;
	default:
		break;
	}
}

void
schema_store(const struct schema_row *row, union schema_value *value, void *target)
{
	union schema_value old;

	schema_fetch(row, target, &old);
	schema_drop(row, &old);
	put(row, value, target);
}

/* ---- walking: a function for each row of the section that has a place ---- */

typedef void row_fn(const struct schema_row *row, const void *target, void *arg);

static void
walk(enum schema_section section, const void *target, row_fn *fn, void *arg)
{
	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];

		if (row->section != section || (row->flags & SCHEMA_OWN) != 0)
			continue;
		if (row->type == TYPE_SECTION)
			walk(row->inner, target, fn, arg);
		else if (row->offset != SCHEMA_NOWHERE)
			fn(row, target, arg);
	}
}

static void
clear_row(const struct schema_row *row, const void *target, void *arg)
{
	union schema_value none = { 0 };

	(void)target;
	schema_store(row, &none, arg);
}

void
schema_clear(enum schema_section section, void *target)
{
	walk(section, target, clear_row, target);
}

static struct challenge_rule *
copy_rules(const struct challenge_rules *rules)
{
	struct challenge_rule *copy = xcalloc(rules->count + 1, sizeof(*copy));

	for (size_t i = 0; i < rules->count; i++) {
		copy[i].type = rules->list[i].type;
		copy[i].pattern = xstrdup(rules->list[i].pattern);
	}
	return copy;
}

static struct schema_sections
copy_sections(const struct schema_row *row, const struct schema_sections *from)
{
	struct schema_sections copy = { .count = from->count };

	if (copy.count > 0)
		copy.list = xcalloc(copy.count, row->size);
	for (size_t i = 0; i < copy.count; i++)
		schema_copy(row->inner, schema_item(row, from, i),
		    schema_item(row, &copy, i));
	return copy;
}

static void
copy_row(const struct schema_row *row, const void *target, void *arg)
{
	union schema_value v;

	schema_fetch(row, target, &v);
	switch (storage_of(row)) {
	case STORAGE_TEXT:
		v.text = xstrdup(v.text);
		break;
	case STORAGE_LIST:
		v.list = v.list != NULL ? strv_copy((const char *const *)v.list) : NULL;
		break;
	case STORAGE_RULES:
		v.rules.list = copy_rules(&v.rules);
		break;
	case STORAGE_SECTIONS:
		v.sections = copy_sections(row, &v.sections);
		break;
	default:
		break;
	}
	put(row, &v, arg);
}

void
schema_copy(enum schema_section section, const void *from, void *to)
{
	walk(section, from, copy_row, to);
}

/* ---- telling apart ---- */

/* FNV-1a in one half, a rotating multiplication in the other. */
void
schema_hash_bytes(struct schema_hash *hash, const void *bytes, size_t length)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < length; i++) {
		hash->high = (hash->high ^ p[i]) * UINT64_C(0x100000001B3);
		hash->low = (hash->low << 23 | hash->low >> 41) + p[i];
		hash->low *= UINT64_C(0xFF51AFD7ED558CCD);
	}
}

static void
hash_text(struct schema_hash *hash, const char *text)
{
	unsigned char kind = text != NULL;

	schema_hash_bytes(hash, &kind, 1);
	if (text != NULL)
		schema_hash_bytes(hash, text, strlen(text) + 1);
}

void
schema_hash_list(struct schema_hash *hash, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		hash_text(hash, *list);
	hash_text(hash, NULL);
}

static void
hash_row(const struct schema_row *row, const void *target, void *arg)
{
	struct schema_hash *hash = arg;
	union schema_value v;

	schema_fetch(row, target, &v);
	hash_text(hash, row->key);
	switch (storage_of(row)) {
	case STORAGE_TEXT:
		hash_text(hash, v.text);
		break;
	case STORAGE_LIST:
		schema_hash_list(hash, (const char *const *)v.list);
		break;
	case STORAGE_SHARE: /* by member: there may be padding */
		schema_hash_bytes(hash, &v.share.seconds, sizeof(v.share.seconds));
		schema_hash_bytes(hash, &v.share.percent, sizeof(v.share.percent));
		break;
	case STORAGE_RULES:
		for (size_t i = 0; i < v.rules.count; i++) {
			hash_text(hash, v.rules.list[i].pattern);
			schema_hash_bytes(hash, &v.rules.list[i].type,
			    sizeof(v.rules.list[i].type));
		}
		hash_text(hash, NULL);
		break;
	case STORAGE_SECTIONS: /* each begins with a key: no list looks like another */
		for (size_t i = 0; i < v.sections.count; i++)
			schema_hash(row->inner, schema_item(row, &v.sections, i), hash);
		hash_text(hash, NULL);
		break;
	default:
		schema_hash_bytes(hash, &v, sizes[storage_of(row)]);
	}
}

void
schema_hash(enum schema_section section, const void *target, struct schema_hash *hash)
{
	walk(section, target, hash_row, hash);
}
