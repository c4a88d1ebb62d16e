/* SPDX-License-Identifier: ISC */
/* stamp - whether the files of a generation are what they were, without reading them. */
#include <fcntl.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "daemon/store/store.h"
#include "daemon/store/store_internal.h"

/* Fowler, Noll and Vo's hash, of numbers instead of octets. */
#define HASH_START UINT64_C(0xCBF29CE484222325)
#define HASH_PRIME UINT64_C(0x00000100000001B3)

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	for (int i = 0; i < 4; i++)
		hash = (hash ^ (value >> (16 * i) & 0xffff)) * HASH_PRIME;
	return hash;
}

static uint64_t
mix_time(uint64_t hash, const struct timespec *at)
{
	return mix(mix(hash, (uint64_t)at->tv_sec), (uint64_t)at->tv_nsec);
}

uint64_t
store_stamp(const struct store *s, const char *cert, unsigned version)
{
	static const char *const files[] = { KEY_FILE, LEAF_FILE, REST_FILE, CHAIN_FILE };
	uint64_t hash = HASH_START;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		CLEAN(string)
		char *name =
		    xasprintf("%s/%s/%s", cert, number_print(version).text, files[i]);
		struct stat st;

		/* What is open to others is closed by who reads it. */
		if (fstatat(s->archive, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode) || (st.st_mode & 07177) != 0)
			return 0;
		hash = mix(mix(hash, st.st_ino), (uint64_t)st.st_size);
		hash = mix_time(mix_time(hash, &st.st_mtim), &st.st_ctim);
	}
	return hash != 0 ? hash : 1;
}
