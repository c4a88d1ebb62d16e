/* SPDX-License-Identifier: ISC */
/* The table of keys, walked: what a new row may forget. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/schema.h"

static void
test_each_row_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];
		bool is_walked = row->type == TYPE_APART || row->type == TYPE_SECTION ||
				 row->type == TYPE_SECTIONS;
		bool is_words = row->type == TYPE_WORD || row->type == TYPE_EITHER ||
				row->type == TYPE_WAIT;
		bool is_range = row->type == TYPE_NUMBER || row->type == TYPE_DURATION ||
				row->type == TYPE_TIMEOUT || row->type == TYPE_SHARE ||
				row->type == TYPE_LIFETIME || row->type == TYPE_WAIT;

		assert_ptr_equal(schema_find(row->section, row->key), row); /* only one */
		assert_true(is_walked == (schema_types[row->type].read == NULL));
		assert_true(is_words == (row->words != NULL));
		assert_true(is_range == (row->least < row->most));
		assert_true((row->type == TYPE_SECTION || row->type == TYPE_SECTIONS) ==
			    (row->inner != SECTION_NONE));
		assert_true((row->type == TYPE_SECTIONS) == (row->size != 0));
		assert_true(row->type != TYPE_SECTIONS || row->offset != SCHEMA_NOWHERE);
	}
}

static void
test_suggestions_have_room_for_each_section(void **state)
{
	(void)state;
	for (int section = 0; section < SECTION_COUNT; section++) {
		size_t n = 0;

		for (size_t i = 0; i < schema_row_count; i++)
			n += schema_rows[i].section == (enum schema_section)section;
		assert_true(n < 40);
		assert_true(section == SECTION_NONE || n > 0);
	}
}

/* A default is what somebody might have written. */
static void
test_each_default_can_be_read(void **state)
{
	struct problems problems = { 0 };
	struct config config = { 0 };
	struct schema_reader r = { .file = "f",
		.directory = "/",
		.problems = &problems,
		.config = &config };

	(void)state;
	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];
		struct yaml_node node = { .kind = YAML_SCALAR,
			.text = (char *)row->absent };
		union schema_value value = { 0 };

		if (row->absent == NULL || row->type == TYPE_LISTEN)
			continue;
		assert_true(schema_types[row->type].read(&r, row, &node, &value));
		schema_drop(row, &value);
	}
	assert_int_equal(problems.count, 0);
}

static void
test_challenges_have_names(void **state)
{
	(void)state;
	for (int type = 0; type < CHALLENGE_TYPE_COUNT; type++) {
		const char *name = challenge_type_name((enum challenge_type)type);

		assert_int_equal(challenge_type_find(name), type);
	}
	assert_int_equal(challenge_type_find("http"), CHALLENGE_TYPE_COUNT);
	assert_string_equal(challenge_type_name(CHALLENGE_TYPE_COUNT), "none");
}

static void
test_output_formats_are_those_of_the_table(void **state)
{
	static const struct {
		const char *name;
		enum output_format format;
	} formats[] = {
		{ "fullchain", OUTPUT_FULLCHAIN },
		{ "cert", OUTPUT_CERT },
		{ "chain", OUTPUT_CHAIN },
		{ "key", OUTPUT_KEY },
		{ "combined", OUTPUT_COMBINED },
		{ "pkcs12", OUTPUT_PKCS12 },
		{ "der", OUTPUT_DER },
		{ "PEM", OUTPUT_FORMAT_COUNT },
		{ NULL, OUTPUT_FORMAT_COUNT },
	};

	(void)state;
	assert_int_equal(strv_length(schema_find(SECTION_OUTPUT, "format")->words),
	    OUTPUT_FORMAT_COUNT);
	for (size_t i = 0; i < COUNT(formats); i++)
		assert_int_equal(output_format_find(formats[i].name), formats[i].format);
}

static void
test_the_manual_has_every_key(void **state)
{
	const char *srcdir = getenv("srcdir");
	CLEAN(string)
	char *path = xasprintf("%s/docs/acmed.yaml.5", srcdir != NULL ? srcdir : ".");
	CLEAN(stream) FILE *f = fopen(path, "r");
	CLEAN(string) char *text = xcalloc(65536, 1);

	(void)state;
	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];
		CLEAN(string) char *item = xasprintf("\n.It Cm %s", row->key);
		const char *const *word = row->words;

		if (strstr(text, item) == NULL)
			fail_msg("%s is not in %s", row->key, path);
		for (; word != NULL && *word != NULL; word++)
			if (strstr(text, *word) == NULL)
				fail_msg("%s of %s is not in %s", *word, row->key, path);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_row_is_whole),
		cmocka_unit_test(test_suggestions_have_room_for_each_section),
		cmocka_unit_test(test_each_default_can_be_read),
		cmocka_unit_test(test_challenges_have_names),
		cmocka_unit_test(test_output_formats_are_those_of_the_table),
		cmocka_unit_test(test_the_manual_has_every_key),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
