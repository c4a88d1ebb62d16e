/* SPDX-License-Identifier: ISC */
/* fuzz_key - key files, whatever is in them. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A key that was read can be written, and is the same one then. */
static void
check_key(const struct key *key)
{
	CLEAN(key) struct key *again = NULL;
	struct err err = { 0 };
	size_t length = 0;
	char *saved = key_save(key, KEY_DER8, &length, &err);

	if (saved == NULL)
		return;
	again = key_load(saved, length, NULL, NULL, &err);
	assert(again != NULL);
	assert(key_equal(key, again));
	secret_free(saved, length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	CLEAN(key) struct key *key = key_load(data, size, NULL, NULL, &err);

	if (key != NULL)
		check_key(key);
	else
		assert(err.kind == ERR_CONFIG && err.text[0] != '\0');
	return 0;
}
