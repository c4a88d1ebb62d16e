/* SPDX-License-Identifier: ISC */
/* What is known of a certificate, in one piece: the struct, its list, all its strings. */
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"

static size_t
size_of(const char *s)
{
	return s != NULL ? strlen(s) + 1 : 0;
}

/* Puts a copy to where there is room for it, and moves on. */
static char *
put(char **room, const char *s)
{
	size_t size = size_of(s);
	char *copy = *room;

	if (s == NULL)
		return NULL;
	memcpy(copy, s, size);
	*room += size;
	return copy;
}

struct cert_info *
cert_info_copy(const struct cert_info *info)
{
	size_t n = strv_length((const char *const *)info->names);
	size_t lists = sizeof(*info) + (n + 1) * sizeof(char *);
	size_t size = lists + size_of(info->serial) + size_of(info->issuer) +
		      size_of(info->root) + size_of(info->ari_id) +
		      size_of(info->fingerprint) + size_of(info->key_type);
	struct cert_info *copy;
	char *room;

	for (size_t i = 0; i < n; i++)
		size += size_of(info->names[i]);
	copy = xcalloc(1, size);
	room = (char *)copy + lists;
	*copy = *info;
	copy->names = (char **)(copy + 1);
	for (size_t i = 0; i < n; i++)
		copy->names[i] = put(&room, info->names[i]);
	copy->serial = put(&room, info->serial);
	copy->issuer = put(&room, info->issuer);
	copy->root = put(&room, info->root);
	copy->ari_id = put(&room, info->ari_id);
	copy->fingerprint = put(&room, info->fingerprint);
	copy->key_type = put(&room, info->key_type);
	return copy;
}
