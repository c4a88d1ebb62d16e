/* SPDX-License-Identifier: ISC */
/*
 * publish_tool - what the daemon does to its state directory when a certificate has been
 * obtained, and nothing else: store_kill.sh kills it, and lets its system calls fail.
 *
 *	publish_tool STATE-DIR CERT KEYFILE CHAINFILE	prints "published N"
 *	publish_tool check STATE-DIR CERT		prints the generation of a whole
 *pair
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/file.h"
#include "daemon/store/store.h"

#define KEEP 2

static struct key *
read_key(const char *path, struct err *err)
{
	size_t length;
	CLEAN(string) char *bytes = file_read(AT_FDCWD, path, 65536, &length, err);

	return bytes == NULL ? NULL : key_load(bytes, length, NULL, NULL, err);
}

static struct chain *
read_chain(const char *path, struct err *err)
{
	size_t length;
	CLEAN(string) char *bytes = file_read(AT_FDCWD, path, 131072, &length, err);

	return bytes == NULL ? NULL : chain_parse(bytes, length, err);
}

static int
publish(struct store *s, const char *cert, const char *const *files, struct err *err)
{
	CLEAN(key) struct key *key = read_key(files[0], err);
	CLEAN(chain) struct chain *chain = key == NULL ? NULL : read_chain(files[1], err);
	const struct pair pair = { key, chain };
	unsigned version;

	if (chain == NULL)
		return -1;
	if (store_stage_key(s, cert, key, err) == -1 ||
	    store_save_state(s, cert, "{\"order\":\"under way\"}", err) == -1 ||
	    store_publish(s, cert, &pair, KEEP, &version, err) == -1 ||
	    store_save_state(s, cert, "{\"order\":\"done\"}", err) == -1)
		return -1;
	printf("published %u\n", version);
	return 0;
}

static int
check(struct store *s, const char *cert, struct err *err)
{
	CLEAN(key) struct key *key = NULL;
	CLEAN(chain) struct chain *chain = store_live(s, cert, &key, err);

	if (chain == NULL)
		return -1;
	if (!chain_has_key(chain, key))
		return err_set(err, ERR_SYSTEM, "key and chain do not match");
	printf("%u\n", store_live_version(s, cert));
	return 0;
}

static int
run(int argc, const char *const *argv, struct err *err)
{
	int checking = argc == 4 && strcmp(argv[1], "check") == 0;
	CLEAN(store) struct store *s = NULL;

	if (!checking && argc != 5)
		return err_set(err, ERR_CONFIG, "give STATE-DIR CERT KEYFILE CHAINFILE");
	s = store_open(argv[1 + checking], err);
	if (s == NULL)
		return -1;
	return checking ? check(s, argv[3], err) : publish(s, argv[2], argv + 3, err);
}

int
main(int argc, char **argv)
{
	struct err err = { 0 };

	if (run(argc, (const char *const *)argv, &err) == -1) {
		fprintf(stderr, "publish_tool: %s\n", err.text);
		return 1;
	}
	return 0;
}
