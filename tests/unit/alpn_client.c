/* SPDX-License-Identifier: ISC */
#include "tests/unit/alpn_client.h"

#include <openssl/err.h>
#include <string.h>

void
alpn_client_open(struct alpn_client *c, const struct alpn_hello *hello)
{
	int least = hello->version != 0 ? hello->version : TLS1_2_VERSION;

	*c = (struct alpn_client){ .context = SSL_CTX_new(TLS_client_method()) };
	assert_non_null(c->context);
	SSL_CTX_set_security_level(c->context, 0); /* or it would not speak 1.1 */
	assert_int_equal(SSL_CTX_set_min_proto_version(c->context, least), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(c->context, hello->version), 1);
	if (hello->groups != NULL)
		assert_int_equal(SSL_CTX_set1_groups_list(c->context, hello->groups), 1);

	c->ssl = SSL_new(c->context);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	assert_non_null(c->ssl);
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_connect_state(c->ssl);
	if (hello->name != NULL)
		assert_int_equal(SSL_set_tlsext_host_name(c->ssl, hello->name), 1);
	if (hello->protocols != NULL)
		assert_int_equal(SSL_set_alpn_protos(c->ssl,
				     (const unsigned char *)hello->protocols,
				     (unsigned)strlen(hello->protocols)),
		    0);
	alpn_client_hears(c, "", 0);
}

void
alpn_client_close(struct alpn_client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->context);
	*c = (struct alpn_client){ 0 };
}

size_t
alpn_client_says(struct alpn_client *c, unsigned char *out, size_t room)
{
	int n = BIO_read(c->out, out, (int)room);

	return n > 0 ? (size_t)n : 0;
}

void
alpn_client_hears(struct alpn_client *c, const void *bytes, size_t length)
{
	BIO_write(c->in, bytes, (int)length);
	c->done = SSL_do_handshake(c->ssl) == 1;
	ERR_clear_error();
}
