/* SPDX-License-Identifier: ISC */
/* Keys as files: which form it is, and the forms that are written. */
#include <ctype.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/crypto/keyparts.h"
#include "common/crypto/openssl.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define KEY_FILE_MOST   65536
#define PASSPHRASE_MOST 1024

/* ---- the passphrase ---- */

struct asking {
	key_passphrase_fn *ask;
	void *arg;
	bool failed;
};

/* The type of callback that OpenSSL wants. */
static int
on_passphrase_needed(char *out, int size, int writing, void *arg)
{
	struct asking *asking = arg;
	int length = asking->ask(out, (size_t)size, asking->arg);

	(void)writing;
	if (length < 0 || length > size) {
		asking->failed = true;
		return -1;
	}
	return length;
}

static int
refuse_passphrase(const struct asking *asking, struct err *err)
{
	const char *reason = openssl_reason();

	if (asking->failed)
		return err_set(err, ERR_CONFIG, "no passphrase for the encrypted key");
	return err_set(err, ERR_CONFIG, "the passphrase is wrong, or the key broken: %s",
	    reason);
}

static int
check_can_ask(const struct asking *asking, struct err *err)
{
	if (asking->ask == NULL)
		return err_set(err, ERR_CONFIG, "the key is encrypted");
	return 0;
}

static PKCS8_PRIV_KEY_INFO *
decrypt_pkcs8(struct octets der, struct asking *asking, struct err *err)
{
	const unsigned char *end = der.bytes;
	CLEAN(x509_sig) X509_SIG *encrypted = NULL;
	PKCS8_PRIV_KEY_INFO *info = NULL;
	char passphrase[PASSPHRASE_MOST];
	int length;

	if (check_can_ask(asking, err) == -1)
		return NULL;
	encrypted = d2i_X509_SIG(NULL, &end, (long)der.length);
	if (encrypted == NULL || end != der.bytes + der.length) {
		err_set(err, ERR_CONFIG, "not a valid encrypted key: %s", openssl_reason());
		return NULL;
	}
	length = on_passphrase_needed(passphrase, sizeof(passphrase), 0, asking);
	if (length >= 0)
		info = PKCS8_decrypt(encrypted, passphrase, length);
	OPENSSL_cleanse(passphrase, sizeof(passphrase));
	if (info == NULL)
		refuse_passphrase(asking, err);
	return info;
}

static EVP_PKEY *
read_encrypted(struct octets der, struct asking *asking, struct err *err)
{
	CLEAN(pkcs8) PKCS8_PRIV_KEY_INFO *info = decrypt_pkcs8(der, asking, err);
	unsigned char *plain = NULL;
	EVP_PKEY *pkey;
	int length;

	if (info == NULL)
		return NULL;
	length = i2d_PKCS8_PRIV_KEY_INFO(info, &plain);
	if (length <= 0) {
		err_set(err, ERR_CONFIG, "not a valid encrypted key: %s", openssl_reason());
		return NULL;
	}
	pkey = key_read_der((struct octets){ plain, (size_t)length }, err);
	OPENSSL_clear_free(plain, (size_t)length);
	return pkey;
}

static EVP_PKEY *
read_any_der(struct octets der, struct asking *asking, struct err *err)
{
	if (key_der_is_encrypted(der))
		return read_encrypted(der, asking, err);
	return key_read_der(der, err);
}

/* ---- PEM ---- */

struct block {
	char *label, *header;
	unsigned char *data;
	long length;
};

static inline void
block_free_at(struct block *block)
{
	OPENSSL_free(block->label);
	OPENSSL_free(block->header);
	OPENSSL_secure_clear_free(block->data,
	    block->length > 0 ? (size_t)block->length : 0);
}

static EVP_PKEY *
read_block(struct block *block, struct asking *asking, struct err *err)
{
	EVP_CIPHER_INFO cipher;

	/* The encryption of old, with the cipher in a header (RFC 1421). */
	if (block->header[0] != '\0') {
		if (PEM_get_EVP_CIPHER_INFO(block->header, &cipher) != 1) {
			err_set(err, ERR_CONFIG,
			    "the key is encrypted in an unknown way: %s", openssl_reason());
			return NULL;
		}
		if (cipher.cipher != NULL && check_can_ask(asking, err) == -1)
			return NULL;
		if (PEM_do_header(&cipher, block->data, &block->length,
			on_passphrase_needed, asking) != 1) {
			refuse_passphrase(asking, err);
			return NULL;
		}
	}
	return read_any_der((struct octets){ block->data, (size_t)block->length }, asking,
	    err);
}

/* 1: a private key; 0: something to skip, such as a certificate or the curve's name;
 * -1: a private key we cannot read. */
static int
look_at_label(const char *label, struct err *err)
{
	static const char *const known[] = { "PRIVATE KEY", "ENCRYPTED PRIVATE KEY",
		"RSA PRIVATE KEY", "EC PRIVATE KEY", NULL };
	CLEAN(string) char *shown = NULL;

	if (strv_contains(known, label))
		return 1;
	if (!str_ends(label, "PRIVATE KEY"))
		return 0;
	shown = str_printable(label, 40);
	return err_set(err, ERR_CONFIG, "a key of the kind \"%s\" is not supported", shown);
}

static EVP_PKEY *
read_pem(struct octets text, struct asking *asking, struct err *err)
{
	CLEAN(bio) BIO *bio = must(BIO_new_mem_buf(text.bytes, (int)text.length));

	for (;;) {
		CLEAN(block) struct block block = { 0 };
		int found;

		/* "secure" makes it overwrite what it read. */
		if (PEM_read_bio_ex(bio, &block.label, &block.header, &block.data,
			&block.length, PEM_FLAG_SECURE) != 1)
			break;
		found = look_at_label(block.label, err);
		if (found == -1)
			return NULL;
		if (found == 1)
			return read_block(&block, asking, err);
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		err_set(err, ERR_CONFIG, "no private key in the PEM text");
	} else {
		err_set(err, ERR_CONFIG, "not valid PEM: %s", openssl_reason());
	}
	return NULL;
}

/* ---- loading ---- */

static EVP_PKEY *
read_json(struct octets text, struct err *err)
{
	CLEAN(json)
	struct json_object *jwk = json_parse((const char *)text.bytes, text.length, err);
	EVP_PKEY *pkey = NULL;

	if (jwk == NULL)
		return NULL;
	pkey = jwk_to_evp(jwk, err);
	jwk_cleanse(jwk);
	return pkey;
}

static EVP_PKEY *
read_any(struct octets in, struct asking *asking, struct err *err)
{
	static const char begin[] = "-----BEGIN ";
	size_t blank = 0;

	while (blank < in.length && isspace(in.bytes[blank]))
		blank++;
	if (blank < in.length && in.bytes[blank] == '{')
		return read_json(in, err);
	if (memmem(in.bytes, in.length, begin, sizeof(begin) - 1) != NULL)
		return read_pem(in, asking, err);
	if (in.length > 0 && in.bytes[0] == 0x30)
		return read_any_der(in, asking, err);
	err_set(err, ERR_CONFIG, "not a key: neither PEM nor DER nor JSON");
	return NULL;
}

struct key *
key_load(const void *bytes, size_t length, key_passphrase_fn *ask, void *arg,
    struct err *err)
{
	struct asking asking = { .ask = ask, .arg = arg };
	EVP_PKEY *pkey;

	if (length > KEY_FILE_MOST) {
		err_set(err, ERR_CONFIG, "not a key: more than 64 KiB");
		return NULL;
	}
	pkey = read_any((struct octets){ bytes, length }, &asking, err);
	if (pkey == NULL) {
		err->kind = ERR_CONFIG;
		return NULL;
	}
	return key_from_evp(pkey, err);
}

/* ---- saving ---- */

static const char *const form_names[KEY_FORM_COUNT] = {
	[KEY_PEM] = "pem",
	[KEY_PKCS1] = "pkcs1",
	[KEY_PKCS8] = "pkcs8",
	[KEY_DER1] = "der1",
	[KEY_DER8] = "der8",
	[KEY_JSON] = "json",
};

const char *
key_form_name(enum key_form form)
{
	return (unsigned)form < KEY_FORM_COUNT ? form_names[form] : "unknown";
}

static char *
save_json(const struct key *key, size_t *length, struct err *err)
{
	CLEAN(json) struct json_object *doc = jwk_private(key, err);
	char *text, *copy;

	if (doc == NULL)
		return NULL;
	/* json_print() would leave this text behind. */
	text = (char *)json_object_to_json_string_length(doc,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, length);
	must(text);
	copy = xmemdup(text, *length);
	OPENSSL_cleanse(text, *length);
	jwk_cleanse(doc);
	return copy;
}

/* As PKCS#1 or SEC1. */
static int
encode_traditional(const struct key *key, unsigned char **der, struct err *err)
{
	int length;

	if (key->type == KEY_ED25519)
		return err_set(err, ERR_CONFIG,
		    "a key of type ed25519 has no traditional form: use pkcs8 or der8");
	length = i2d_PrivateKey(key->pkey, der);
	if (length <= 0)
		return err_set(err, ERR_SYSTEM, "cannot write the key: %s",
		    openssl_reason());
	return length;
}

static int
encode_pkcs8(const struct key *key, unsigned char **der, struct err *err)
{
	CLEAN(pkcs8) PKCS8_PRIV_KEY_INFO *info = NULL;
	int length = -1;

	/* OpenSSL's way takes ten times as long. */
	if (key_kind(key->type)->base == EVP_PKEY_EC)
		length = key_write_ec(key, der);
	if (length > 0)
		return length;
	info = EVP_PKEY2PKCS8(key->pkey);
	if (info != NULL)
		length = i2d_PKCS8_PRIV_KEY_INFO(info, der);
	if (length <= 0)
		return err_set(err, ERR_SYSTEM, "cannot write the key: %s",
		    openssl_reason());
	return length;
}

static char *
armour(const char *label, const unsigned char *der, int der_length, size_t *length)
{
	CLEAN(bio) BIO *bio = must(BIO_new(BIO_s_mem()));
	char *text = NULL;

	if (PEM_write_bio(bio, label, "", der, der_length) <= 0)
		must_pointer(NULL, "PEM_write_bio");
	*length = (size_t)BIO_get_mem_data(bio, &text);
	return xmemdup(text, *length);
}

char *
key_save(const struct key *key, enum key_form form, size_t *length, struct err *err)
{
	bool traditional = form == KEY_PKCS1 || form == KEY_DER1;
	const char *label = "PRIVATE KEY";
	unsigned char *der = NULL;
	char *saved;
	int n;

	if (form == KEY_JSON)
		return save_json(key, length, err);
	n = traditional ? encode_traditional(key, &der, err) : encode_pkcs8(key, &der, err);
	if (n == -1)
		return NULL;
	if (traditional)
		label = key_kind(key->type)->base == EVP_PKEY_EC ? "EC PRIVATE KEY"
								 : "RSA PRIVATE KEY";
	if (form == KEY_DER1 || form == KEY_DER8) {
		*length = (size_t)n;
		saved = xmemdup(der, *length);
	} else {
		saved = armour(label, der, n, length);
	}
	OPENSSL_clear_free(der, (size_t)n);
	return saved;
}
