/* SPDX-License-Identifier: ISC */
/* fuzz_chain - what a CA sends as a certificate. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/crypto/key.h"
#include "daemon/crypto/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "example.org", "192.0.2.1", NULL };

/* Any key: what counts is that nothing breaks. */
static const struct key *
some_key(void)
{
	static struct key *key;
	struct err err = { 0 };

	if (key == NULL)
		key = key_generate(KEY_EC_P256, &err);
	return key;
}

/* What was read can be written, and reads the same. */
static void
check_chain(const struct chain *c)
{
	struct err err = { 0 };
	CLEAN(cert_info) struct cert_info *info = chain_info(c);
	CLEAN(string) char *leaf = chain_leaf_pem(c);
	CLEAN(string) char *pem = chain_pem(c);
	CLEAN(chain) struct chain *again = NULL;
	CLEAN(string) char *pem_again = NULL;

	assert(info->chain_length >= 1 && info->chain_length <= 10);
	assert(chain_check(c, some_key(), names, 0, &err) == -1);
	assert(err.kind == ERR_PROTOCOL && err.text[0] != '\0');
	again = chain_parse(pem, strlen(pem), &err);
	if (again == NULL) /* canonical base64 may be longer than 128 KiB */
		return;
	pem_again = chain_pem(again);
	assert(strcmp(pem, pem_again) == 0);
	assert(strlen(leaf) <= strlen(pem));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	CLEAN(chain) struct chain *c = chain_parse((const char *)data, size, &err);

	if (c != NULL)
		check_chain(c);
	else
		assert(err.kind == ERR_PROTOCOL && err.text[0] != '\0');
	return 0;
}
