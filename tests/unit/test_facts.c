/* SPDX-License-Identifier: ISC */
#include "daemon/renew/facts.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/unit.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char *names[] = { (char *)"a.example", (char *)"192.0.2.1", NULL };

static const struct cert_info info = { .names = names,
	.serial = (char *)"03ab",
	.issuer = (char *)"Some CA",
	.root = (char *)"",
	.ari_id = (char *)"AAAA.A6s",
	.fingerprint = (char *)DIGEST,
	.key_type = (char *)"ec:P-256",
	.not_before = 1772323200,
	.not_after = 1780099200,
	.chain_length = 2,
	.stamp = UINT64_C(0xF00000000000000D) };

#define WRITTEN                                                                       \
	"{\"certificate\":{\"version\":3,\"stamp\":\"f00000000000000d\",\"names\":"   \
	"[\"a.example\",\"192.0.2.1\"],\"serial\":\"03ab\",\"issuer\":\"Some CA\","   \
	"\"root\":\"\",\"ari_id\":\"AAAA.A6s\",\"fingerprint\":\"" DIGEST             \
	"\",\"key_type\":\"ec:P-256\",\"not_before\":\"2026-03-01T00:00:00Z\",\"not_" \
	"after\""                                                                     \
	":\"2026-05-30T00:00:00Z\",\"chain_length\":2}}"

static struct json_object *
parse(const char *text)
{
	struct err err = { 0 };
	struct json_object *doc = json_parse(text, strlen(text), &err);

	assert_non_null(doc);
	return doc;
}

static void
test_they_are_written_as_promised(void **state)
{
	CLEAN(json) struct json_object *doc = json_object_new_object();
	CLEAN(string) char *text = NULL;

	(void)state;
	facts_to_json(doc, &info, 3);
	text = json_print(doc);
	assert_string_equal(text, WRITTEN);
}

static void
test_what_is_written_is_read(void **state)
{
	CLEAN(json) struct json_object *doc = parse(WRITTEN);
	CLEAN(cert_info) struct cert_info *read = facts_read(doc, 3);

	(void)state;
	assert_non_null(read);
	assert_string_equal(read->names[0], "a.example");
	assert_string_equal(read->names[1], "192.0.2.1");
	assert_null(read->names[2]);
	assert_string_equal(read->serial, "03ab");
	assert_string_equal(read->issuer, "Some CA");
	assert_string_equal(read->root, "");
	assert_string_equal(read->ari_id, "AAAA.A6s");
	assert_string_equal(read->fingerprint, DIGEST);
	assert_string_equal(read->key_type, "ec:P-256");
	assert_int_equal(read->not_before, info.not_before);
	assert_int_equal(read->not_after, info.not_after);
	assert_int_equal(read->chain_length, 2);
	assert_true(read->stamp == info.stamp);
}

static void
test_nothing_is_written_where_nobody_could_compare(void **state)
{
	CLEAN(json) struct json_object *doc = json_object_new_object();
	struct cert_info without = info;

	(void)state;
	without.stamp = 0;
	facts_to_json(doc, &without, 3);
	facts_to_json(doc, NULL, 0);
	assert_int_equal(json_object_object_length(doc), 0);
}

static void
test_those_of_another_version_are_none(void **state)
{
	CLEAN(json) struct json_object *doc = parse(WRITTEN);

	(void)state;
	assert_null(facts_read(doc, 2));
	assert_null(facts_read(doc, 0));
	assert_null(facts_read(NULL, 3));
}

/* `part` of the text is something else. */
static void
assert_refused(const char *part, const char *other)
{
	const char *at = strstr(WRITTEN, part);
	CLEAN(string) char *text = NULL;
	CLEAN(json) struct json_object *doc = NULL;

	assert_non_null(at);
	text =
	    xasprintf("%.*s%s%s", (int)(at - WRITTEN), WRITTEN, other, at + strlen(part));
	doc = parse(text);
	assert_null(facts_read(doc, 3));
}

static void
test_what_cannot_be_is_refused(void **state)
{
	(void)state;
	assert_refused("\"f00000000000000d\"", "\"f0\"");
	assert_refused("\"f00000000000000d\"", "\"f00000000000000g\"");
	assert_refused("\"f00000000000000d\"", "\"0000000000000000\"");
	assert_refused("\"f00000000000000d\"", "7");
	assert_refused("[\"a.example\",\"192.0.2.1\"]", "\"a.example\"");
	assert_refused("\"192.0.2.1\"", "4");
	assert_refused("\"serial\"", "\"cereal\"");
	assert_refused("\"issuer\"", "\"tissue\"");
	assert_refused("\"root\"", "\"boot\"");
	assert_refused(DIGEST, "00");
	assert_refused(DIGEST, DIGEST "00");
	assert_refused("\"key_type\"", "\"type\"");
	assert_refused("\"2026-05-30T00:00:00Z\"", "\"some day\"");
	assert_refused("\"chain_length\":2", "\"chain_length\":0");
	assert_refused("\"version\":3", "\"version\":\"3\"");
}

static void
test_there_need_be_no_id_for_renewal_information(void **state)
{
	CLEAN(json) struct json_object *doc = json_object_new_object();
	CLEAN(cert_info) struct cert_info *read = NULL;
	struct cert_info without = info;

	(void)state;
	without.ari_id = NULL;
	facts_to_json(doc, &without, 3);
	read = facts_read(doc, 3);
	assert_non_null(read);
	assert_null(read->ari_id);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_they_are_written_as_promised),
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_nothing_is_written_where_nobody_could_compare),
		cmocka_unit_test(test_those_of_another_version_are_none),
		cmocka_unit_test(test_what_cannot_be_is_refused),
		cmocka_unit_test(test_there_need_be_no_id_for_renewal_information),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
