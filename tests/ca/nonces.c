/* SPDX-License-Identifier: ISC */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/mem.h"
#include "tests/ca/jws_check.h"

struct nonces {
	unsigned char secret[32];
	unsigned char *used; /* a bit for each that was made */
	uint64_t room, made;
};

struct nonce {
	uint64_t number;
	unsigned char mac[16];
};

struct nonces *
nonces_new(void)
{
	struct nonces *n = xcalloc(1, sizeof(*n));

	RAND_bytes(n->secret, sizeof(n->secret));
	return n;
}

void
nonces_free(struct nonces *n)
{
	if (n != NULL)
		free(n->used);
	free(n);
}

static struct nonce
nonce_of(const struct nonces *n, uint64_t number)
{
	struct nonce nonce = { .number = number };
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned length;

	HMAC(EVP_sha256(), n->secret, sizeof(n->secret), (const unsigned char *)&number,
	    sizeof(number), mac, &length);
	memcpy(nonce.mac, mac, sizeof(nonce.mac));
	return nonce;
}

char *
nonces_make(struct nonces *n)
{
	struct nonce nonce = nonce_of(n, n->made++);

	if (n->made > n->room) {
		uint64_t room = n->room * 2 + 8192;

		n->used = xrealloc(n->used, room / 8, 1);
		memset(n->used + n->room / 8, 0, (room - n->room) / 8);
		n->room = room;
	}
	return base64url_encode(&nonce, sizeof(nonce));
}

bool
nonces_use(struct nonces *n, const char *text)
{
	size_t length;
	struct err err = { 0 };
	CLEAN(string) char *bytes = (char *)base64url_decode(text, &length, &err);
	struct nonce nonce, real;
	unsigned char bit;

	if (bytes == NULL || length != sizeof(nonce))
		return false;
	memcpy(&nonce, bytes, sizeof(nonce));
	real = nonce_of(n, nonce.number);
	if (nonce.number >= n->made || memcmp(nonce.mac, real.mac, sizeof(real.mac)) != 0)
		return false;
	bit = (unsigned char)(1U << nonce.number % 8);
	if (n->used[nonce.number / 8] & bit)
		return false;
	n->used[nonce.number / 8] |= bit;
	return true;
}
