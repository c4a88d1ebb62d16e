/* SPDX-License-Identifier: ISC */
#include "daemon/renew/facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"

#define FINGERPRINT_DIGITS 64

static void
add_stamp(struct json_object *doc, uint64_t stamp)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, stamp);
	json_add_string(doc, "stamp", text);
}

void
facts_to_json(struct json_object *doc, const struct cert_info *info, unsigned version)
{
	struct json_object *facts;

	if (info == NULL || info->stamp == 0)
		return;
	facts = json_object_new_object();
	json_add_int(facts, "version", version);
	add_stamp(facts, info->stamp);
	json_add_strings(facts, "names", (const char *const *)info->names);
	json_add_string(facts, "serial", info->serial);
	json_add_string(facts, "issuer", info->issuer);
	json_add_string(facts, "root", info->root);
	json_add_string(facts, "ari_id", info->ari_id);
	json_add_string(facts, "fingerprint", info->fingerprint);
	json_add_string(facts, "key_type", info->key_type);
	json_add_time(facts, "not_before", info->not_before);
	json_add_time(facts, "not_after", info->not_after);
	json_add_int(facts, "chain_length", (int64_t)info->chain_length);
	json_object_object_add(doc, "certificate", facts);
}

/* ---- reading ---- */

static time_t
read_time(struct json_object *doc, const char *key)
{
	const char *text = json_get_string(doc, key);
	struct err ignored = { 0 };
	time_t at = 0;

	if (text == NULL || timefmt_parse(text, &at, &ignored) == -1)
		return 0;
	return at;
}

static uint64_t
read_stamp(struct json_object *doc)
{
	const char *text = json_get_string(doc, "stamp");

	if (text == NULL || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return 0;
	return strtoull(text, NULL, 16);
}

static bool
is_possible(const struct cert_info *info)
{
	return info->stamp != 0 && info->names != NULL && info->serial != NULL &&
	       info->issuer != NULL && info->root != NULL && info->key_type != NULL &&
	       info->fingerprint != NULL &&
	       strspn(info->fingerprint, "0123456789abcdef") == FINGERPRINT_DIGITS &&
	       info->fingerprint[FINGERPRINT_DIGITS] == '\0' && info->not_after != 0 &&
	       info->chain_length >= 1;
}

struct cert_info *
facts_read(struct json_object *doc, unsigned version)
{
	struct json_object *facts = json_get_object(doc, "certificate");
	int64_t length = json_get_int(facts, "chain_length", 0);
	struct err ignored = { 0 };
	CLEAN(strv) char **names = NULL;
	struct cert_info info = { 0 };

	if (facts == NULL || json_get_int(facts, "version", 0) != (int64_t)version)
		return NULL;
	names = json_need_strings(facts, "names", &ignored);
	info = (struct cert_info){ .names = names,
		.serial = (char *)json_get_string(facts, "serial"),
		.issuer = (char *)json_get_string(facts, "issuer"),
		.root = (char *)json_get_string(facts, "root"),
		.ari_id = (char *)json_get_string(facts, "ari_id"),
		.fingerprint = (char *)json_get_string(facts, "fingerprint"),
		.key_type = (char *)json_get_string(facts, "key_type"),
		.not_before = read_time(facts, "not_before"),
		.not_after = read_time(facts, "not_after"),
		.chain_length = length > 0 ? (size_t)length : 0,
		.stamp = read_stamp(facts) };
	return is_possible(&info) ? cert_info_copy(&info) : NULL;
}
