/* SPDX-License-Identifier: ISC */
#include "daemon/renew/ledger.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/config/schema.h"

#define SLOTS_FIRST 64

/* Written in one go: some milliseconds at most. */
#define SLOTS_AT_ONCE 8192

/* More than any host has names; and what a file that is none of ours may cost. */
#define ENTRIES_READ_MAX 1000000
#define KEY_READ_MAX     1024

/* Microseconds: seven a day are no whole number of seconds apart. */
#define SECOND INT64_C(1000000)

/* Instants beyond are none that a clock shows; half of what fits. */
#define INSTANT_MAX ((time_t)(INT64_MAX / SECOND / 2))

struct key {
	enum ledger_kind kind;
	const char *who;
	const char *what;
	uint64_t hash;
};

struct entry {
	struct key key;
	int64_t full_at; /* microseconds */
	char texts[];    /* who, what */
};

/* Open addressing, at most half full; nothing leaves but when all are placed anew. */
struct ledger {
	struct entry **slots;
	size_t n_slots; /* a power of two */
	size_t count;
	size_t placings; /* how many times all were placed anew */
};

struct ledger *
ledger_new(void)
{
	struct ledger *l = xcalloc(1, sizeof(*l));

	l->n_slots = SLOTS_FIRST;
	l->slots = xcalloc(l->n_slots, sizeof(struct entry *));
	return l;
}

void
ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n_slots; i++)
		free(l->slots[i]);
	free(l->slots);
	free(l);
}

size_t
ledger_count(const struct ledger *l)
{
	return l->count;
}

/* ---- the table ---- */

static struct key
key_of(enum ledger_kind kind, const char *who, const char *what)
{
	struct schema_hash hash = SCHEMA_HASH_START;
	struct key key = { kind, who ? who : "", what ? what : "", 0 };
	unsigned char number = (unsigned char)kind;

	schema_hash_bytes(&hash, &number, 1);
	schema_hash_bytes(&hash, key.who, strlen(key.who) + 1);
	schema_hash_bytes(&hash, key.what, strlen(key.what) + 1);
	key.hash = hash.high ^ hash.low ^ hash.low >> 32;
	return key;
}

static bool
is_same(const struct key *a, const struct key *b)
{
	return a->hash == b->hash && a->kind == b->kind && str_eq(a->who, b->who) &&
	       str_eq(a->what, b->what);
}

/* Where it is, or would go. */
static struct entry **
slot_of(const struct ledger *l, const struct key *key)
{
	size_t i = key->hash & (l->n_slots - 1);

	while (l->slots[i] != NULL && !is_same(&l->slots[i]->key, key))
		i = (i + 1) & (l->n_slots - 1);
	return &l->slots[i];
}

static struct entry *
entry_new(const struct key *key)
{
	size_t who = strlen(key->who) + 1, what = strlen(key->what) + 1;
	struct entry *e = xcalloc(1, sizeof(*e) + who + what);

	e->key = *key;
	e->key.who = memcpy(e->texts, key->who, who);
	e->key.what = memcpy(e->texts + who, key->what, what);
	return e;
}

static size_t
count_alive(const struct ledger *l, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_slots; i++)
		n += l->slots[i] != NULL && l->slots[i]->full_at > now;
	return n;
}

/* Drops what has become full. Afterwards the table is a quarter full at most, so that this
 * comes once in as many additions as it takes steps. */
static void
make_room(struct ledger *l, int64_t now)
{
	struct ledger old = *l;

	l->placings++;
	l->count = count_alive(&old, now);
	for (l->n_slots = SLOTS_FIRST; l->count * 4 > l->n_slots;)
		l->n_slots *= 2;
	l->slots = xcalloc(l->n_slots, sizeof(struct entry *));
	for (size_t i = 0; i < old.n_slots; i++) {
		struct entry *e = old.slots[i];

		if (e != NULL && e->full_at > now)
			*slot_of(l, &e->key) = e;
		else
			free(e);
	}
	free(old.slots);
}

static struct entry *
find(const struct ledger *l, const struct key *key)
{
	return *slot_of(l, key);
}

/* A new one is full. */
static struct entry *
find_or_add(struct ledger *l, const struct key *key, int64_t now)
{
	struct entry *e = find(l, key);

	if (e != NULL)
		return e;
	if ((l->count + 1) * 2 > l->n_slots)
		make_room(l, now);
	e = *slot_of(l, key) = entry_new(key);
	e->full_at = now;
	l->count++;
	return e;
}

/* ---- the arithmetic ---- */

static int64_t
to_instant(time_t at)
{
	if (at > INSTANT_MAX || at < -INSTANT_MAX)
		at = at < 0 ? -INSTANT_MAX : INSTANT_MAX;
	return at * SECOND;
}

static time_t
to_seconds_up(int64_t instant)
{
	return (time_t)(instant / SECOND + (instant % SECOND > 0));
}

static bool
is_limited(struct ledger_budget b)
{
	return b.limit > 0 && b.per > 0;
}

/* From one to the next, rounded up: rather too slow than too fast. */
static int64_t
step_of(struct ledger_budget b)
{
	int64_t per = (b.per < LEDGER_PER_MAX ? b.per : LEDGER_PER_MAX) * SECOND;

	return (per + b.limit - 1) / b.limit;
}

/* Microseconds until it is full. What is emptier than empty is made empty where it is
 * first seen: left alone it would hold for as long as the clock was wrong. */
static int64_t
missing(struct entry *e, struct ledger_budget b, int64_t now)
{
	int64_t all = step_of(b) * b.limit;

	if (e == NULL || e->full_at <= now)
		return 0;
	if (e->full_at > now + all)
		e->full_at = now + all;
	return e->full_at - now;
}

static int64_t
missing_at(const struct ledger *l, const struct key *key, struct ledger_budget b,
    time_t now)
{
	return missing(find(l, key), b, to_instant(now));
}

time_t
ledger_next(const struct ledger *l, enum ledger_kind kind, const char *who,
    const char *what, struct ledger_budget b, time_t now)
{
	struct key key = key_of(kind, who, what);
	int64_t wait;

	if (!is_limited(b))
		return now;
	wait = missing_at(l, &key, b, now) - step_of(b) * (b.limit - 1);
	return wait > 0 ? now + to_seconds_up(wait) : now;
}

unsigned
ledger_left(const struct ledger *l, enum ledger_kind kind, const char *who,
    const char *what, struct ledger_budget b, time_t now)
{
	struct key key = key_of(kind, who, what);
	int64_t step, gone;

	if (!is_limited(b))
		return UINT_MAX;
	step = step_of(b);
	gone = missing_at(l, &key, b, now);
	return b.limit - (unsigned)((gone + step - 1) / step);
}

void
ledger_take(struct ledger *l, enum ledger_kind kind, const char *who, const char *what,
    struct ledger_budget b, time_t now)
{
	struct key key = key_of(kind, who, what);
	int64_t at = to_instant(now), gone;
	struct entry *e;

	if (!is_limited(b))
		return;
	e = find_or_add(l, &key, at);
	gone = missing(e, b, at) + step_of(b);
	e->full_at = at + gone;
	missing(e, b, at);
}

/* ---- sets of names ---- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *
ledger_set_key(const char *const *names)
{
	CLEAN(strv) char **sorted = strv_copy(names);
	struct schema_hash hash = SCHEMA_HASH_START;
	size_t n = strv_length(names);

	for (size_t i = 0; i < n; i++)
		str_lower(sorted[i]);
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !str_eq(sorted[i], sorted[i - 1]))
			schema_hash_bytes(&hash, sorted[i], strlen(sorted[i]) + 1);
	return xasprintf("%016llx%016llx", (unsigned long long)hash.high,
	    (unsigned long long)hash.low);
}

/* ---- on disk ---- */

static const char *const kind_names[LEDGER_KIND_COUNT] = {
	[LEDGER_ORDERS] = "orders",
	[LEDGER_DUPLICATES] = "duplicates",
	[LEDGER_FAILED] = "failed",
};

static struct json_object *
entry_to_json(const struct entry *e)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "kind", kind_names[e->key.kind]);
	json_add_string(doc, "who", e->key.who);
	json_add_string(doc, "what", e->key.what);
	json_add_time(doc, "until", to_seconds_up(e->full_at));
	return doc;
}

/* As JSON has it without more ado: what is not comes from somebody's configuration, or from
 * a CA's errors. */
static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~' || *s == '"' || *s == '\\')
			return false;
	return true;
}

static void
write_entry(struct text *t, const struct entry *e)
{
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(string) char *text = NULL;
	char until[TIMEFMT_SIZE];

	if (is_plain(e->key.who) && is_plain(e->key.what)) {
		text_add(t,
		    "{\"kind\":\"%s\",\"who\":\"%s\",\"what\":\"%s\",\"until\":\"%s\"}",
		    kind_names[e->key.kind], e->key.who, e->key.what,
		    timefmt_rfc3339(to_seconds_up(e->full_at), until));
		return;
	}
	doc = entry_to_json(e);
	text = json_print(doc);
	text_add(t, "%s", text);
}

bool
ledger_write(const struct ledger *l, time_t now, struct ledger_writer *w)
{
	size_t until;

	if (w->next == 0 || w->placing != l->placings) {
		text_clear(&w->text);
		text_add(&w->text, "{\"entries\":[");
		w->next = 0;
		w->placing = l->placings;
	}
	until = w->next + SLOTS_AT_ONCE < l->n_slots ? w->next + SLOTS_AT_ONCE : l->n_slots;
	for (; w->next < until; w->next++) {
		const struct entry *e = l->slots[w->next];

		if (e == NULL || e->full_at <= to_instant(now))
			continue;
		if (w->text.s[w->text.length - 1] == '}')
			text_add(&w->text, ",");
		write_entry(&w->text, e);
	}
	if (w->next < l->n_slots)
		return false;
	text_add(&w->text, "]}");
	return true;
}

static bool
read_until(struct json_object *doc, time_t now, int64_t *ret)
{
	const char *text = json_get_string(doc, "until");
	struct err ignored = { 0 };
	time_t at = 0;

	if (text == NULL || timefmt_parse(text, &at, &ignored) == -1 || at <= now ||
	    at - LEDGER_PER_MAX > now)
		return false;
	*ret = to_instant(at);
	return true;
}

static void
read_entry(struct ledger *l, struct json_object *doc, time_t now)
{
	const char *who = json_get_string(doc, "who"), *what = json_get_string(doc, "what");
	const char *name = json_get_string(doc, "kind");
	int64_t full_at = 0;
	struct entry *e;
	struct key key;
	int kind = 0;

	while (kind < LEDGER_KIND_COUNT && !str_eq(kind_names[kind], name))
		kind++;
	if (kind == LEDGER_KIND_COUNT || who == NULL || what == NULL ||
	    strlen(who) > KEY_READ_MAX || strlen(what) > KEY_READ_MAX ||
	    !read_until(doc, now, &full_at))
		return;
	key = key_of((enum ledger_kind)kind, who, what);
	e = find_or_add(l, &key, to_instant(now));
	if (e->full_at < full_at)
		e->full_at = full_at;
}

void
ledger_read(struct ledger *l, struct json_object *doc, time_t now)
{
	struct json_object *entries = json_get_array(doc, "entries");
	size_t n = entries != NULL ? json_object_array_length(entries) : 0;

	for (size_t i = 0; i < n && l->count < ENTRIES_READ_MAX; i++)
		read_entry(l, json_object_array_get_idx(entries, i), now);
}
