/* SPDX-License-Identifier: ISC */
/*
 * handshakes PORT NAME COUNT CLIENTS - so many whole TLS handshakes with 127.0.0.1, as a CA
 * makes them for tls-alpn-01, by that many clients at a time. Prints how many a second.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const unsigned char protocol[] = "\x0a"
					"acme-tls/1";

static int
dial(const char *port)
{
	static const int on = 1;
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons((in_port_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	perror("handshakes: connect");
	close(fd);
	return -1;
}

static bool
shake(SSL_CTX *context, const char *port, const char *name)
{
	int fd = dial(port);
	SSL *ssl = SSL_new(context);
	const unsigned char *chosen;
	unsigned length = 0;
	bool good;

	SSL_set_fd(ssl, fd);
	SSL_set_tlsext_host_name(ssl, name);
	good = fd != -1 && SSL_connect(ssl) == 1;
	SSL_get0_alpn_selected(ssl, &chosen, &length);
	good = good && length == sizeof(protocol) - 2 && !SSL_session_reused(ssl);
	SSL_free(ssl);
	close(fd);
	return good;
}

static int
run_client(const char *port, const char *name, unsigned long count)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	unsigned long done = 0;

	SSL_CTX_set_alpn_protos(context, protocol, sizeof(protocol) - 1);
	SSL_CTX_set_quiet_shutdown(context, 1);
	while (done < count && shake(context, port, name))
		done++;
	SSL_CTX_free(context);
	if (done < count)
		fprintf(stderr, "handshakes: number %lu has failed\n", done);
	return done < count;
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	unsigned long count = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;
	unsigned long clients = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
	double begun = now();
	int status = 0;
	int one;

	if (count == 0 || clients == 0) {
		fprintf(stderr, "usage: handshakes PORT NAME COUNT CLIENTS\n");
		return 2;
	}
	for (unsigned long i = 0; i < clients; i++)
		if (fork() == 0)
			_exit(run_client(argv[1], argv[2], count / clients));
	while (wait(&one) != -1)
		status |= one;
	if (status != 0)
		return 1;
	printf("%.0f\n", (double)(count / clients * clients) / (now() - begun));
	return 0;
}
