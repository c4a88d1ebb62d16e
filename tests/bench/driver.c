/* SPDX-License-Identifier: ISC */
/*
 * driver - the least that a client can do: the requests of an issuance one after another
 * over one blocking libcurl handle, a thread that answers http-01, and nothing else: no
 * loop, no files, no checks. What acmed is measured against.
 *
 *	driver DIRECTORY-URL TRUST-PEM HTTP-PORT NAME COUNT [KEEP-DIR]
 *
 * With KEEP-DIR it is the least that is of use to anybody: the key is on disk before it is
 * certified, the chain is checked as acmed checks it and is on disk beside the key, in a
 * new directory for each, and the CA is asked when to renew.
 *
 * Prints: issuances, wall ms and CPU ms (user + system) per issuance, requests.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/types.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "common/crypto/base64url.h"
#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/crypto/csr.h"
#include "daemon/crypto/jws.h"
#include "daemon/io/file.h"

/* The same pause before a first look as acmed's (daemon/acme/retry.c). */
#define FIRST_LOOK_MS 8

static struct {
	CURL *easy;
	struct curl_slist *headers;
	struct key *key;
	char *kid;
	char *thumbprint;
	char *nonce;
	char *location;
	struct text body;
	struct json_object *directory;
	unsigned requests; /* but those about renewal, which are not signed */
	int keep;          /* KEEP-DIR, or -1 */
	unsigned kept;
} t;

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "driver: %s: %s\n", what, why);
	exit(1);
}

/* ---- requests ---- */

static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	(void)arg;
	text_add_bytes(&t.body, bytes, size * count);
	return size * count;
}

static void
keep_header(const char *line, size_t length, const char *name, char **ret)
{
	size_t start = strlen(name);

	if (length <= start || strncasecmp(line, name, start) != 0)
		return;
	while (start < length && line[start] == ' ')
		start++;
	while (length > start && (line[length - 1] == '\r' || line[length - 1] == '\n'))
		length--;
	free(*ret);
	*ret = xstrndup(line + start, length - start);
}

static size_t
on_header(char *line, size_t size, size_t count, void *arg)
{
	(void)arg;
	keep_header(line, size * count, "Replay-Nonce:", &t.nonce);
	keep_header(line, size * count, "Location:", &t.location);
	return size * count;
}

static struct json_object *
perform(const char *url)
{
	struct err err = { 0 };
	long status = 0;
	CURLcode code;

	text_clear(&t.body);
	curl_easy_setopt(t.easy, CURLOPT_URL, url);
	code = curl_easy_perform(t.easy);
	if (code != CURLE_OK)
		die(url, curl_easy_strerror(code));
	t.requests++;
	curl_easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 400)
		die(url, t.body.s ? t.body.s : "refused");
	return json_parse(t.body.s ? t.body.s : "", t.body.length, &err);
}

static struct json_object *
post(const char *url, const char *payload)
{
	CLEAN(string) char *nonce = TAKE(t.nonce);
	const struct jws_header header = { .url = url, .nonce = nonce, .kid = t.kid };
	struct err err = { 0 };
	CLEAN(string) char *body = jws_sign(t.key, &header, payload, &err);

	if (body == NULL)
		die("jws", err.text);
	curl_easy_setopt(t.easy, CURLOPT_POST, 1L);
	curl_easy_setopt(t.easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(t.easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	return perform(url);
}

static const char *
resource(const char *name)
{
	return json_get_string(t.directory, name);
}

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* ---- http-01 ---- */

static void
answer(int fd)
{
	static const char path[] = "GET /.well-known/acme-challenge/";
	char in[2048], out[512];
	ssize_t n = recv(fd, in, sizeof(in) - 1, 0);
	const char *token;
	int token_length, length;

	if (n <= 0)
		return;
	in[n] = '\0';
	token = in + sizeof(path) - 1;
	token_length = (int)strcspn(token, " ");
	length = snprintf(out, sizeof(out),
	    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%.*s.%s",
	    (size_t)token_length + 1 + strlen(t.thumbprint), token_length, token,
	    t.thumbprint);
	if (send(fd, out, (size_t)length, MSG_NOSIGNAL) < 0)
		perror("driver: send");
}

static void *
responder(void *arg)
{
	int listener = (int)(intptr_t)arg;

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd == -1)
			continue;
		answer(fd);
		close(fd);
	}
	return NULL;
}

static void
listen_at(const void *address, socklen_t length, int family)
{
	pthread_t thread;
	int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return; /* a host without that family */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, address, length) == -1 || listen(fd, 64) == -1) {
		close(fd);
		return;
	}
	if (pthread_create(&thread, NULL, responder, (void *)(intptr_t)fd) != 0)
		die("http-01", "no thread");
}

static void
start_responder(const char *port)
{
	uint16_t number = htons((uint16_t)strtoul(port, NULL, 10));
	const struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_port = number,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct sockaddr_in6 six = { .sin6_family = AF_INET6,
		.sin6_port = number,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };

	listen_at(&four, sizeof(four), AF_INET);
	listen_at(&six, sizeof(six), AF_INET6);
}

/* ---- what is kept ---- */

static void
keep_file(int dir, const char *name, const char *text, size_t length)
{
	struct err err = { 0 };
	CLEAN(fd) int fd = file_write(dir, name, 0600, text, length, &err);

	if (fd == -1 || file_sync(fd, name, &err) == -1)
		die(name, err.text);
}

/* In a new directory, which is returned. */
static int
keep_key(const struct key *key)
{
	struct err err = { 0 };
	CLEAN(string) char *name = xasprintf("%06u", ++t.kept);
	size_t length = 0;
	char *pem = key_save(key, KEY_PEM, &length, &err);
	int dir = file_open_dir(t.keep, name, 0700, &err);

	if (pem == NULL || dir == -1)
		die("key", err.text);
	keep_file(dir, "privkey.pem", pem, length);
	secret_free(pem, length);
	if (file_sync_dir(dir, &err) == -1)
		die("key", err.text);
	return dir;
}

static void
ask_when_to_renew(const struct chain *chain)
{
	CLEAN(cert_info) struct cert_info *info = chain_info(chain);
	CLEAN(string) char *url = xasprintf("%s/%s", resource("renewalInfo"), info->ari_id);

	curl_easy_setopt(t.easy, CURLOPT_HTTPGET, 1L);
	json_object_put(perform(url));
	t.requests--;
}

static void
keep_chain(int dir, const struct key *key, const char *const *names)
{
	struct err err = { 0 };
	CLEAN(chain) struct chain *chain = chain_parse(t.body.s, t.body.length, &err);
	CLEAN(string) char *pem = NULL;

	if (chain == NULL || chain_check(chain, key, names, time(NULL), &err) == -1)
		die("chain", err.text);
	pem = chain_pem(chain);
	keep_file(dir, "fullchain.pem", pem, strlen(pem));
	if (file_sync_dir(dir, &err) == -1)
		die("chain", err.text);
	ask_when_to_renew(chain);
}

/* ---- an issuance ---- */

static struct json_object *
poll_until(const char *url, const char *wanted, struct json_object *doc)
{
	for (long ms = FIRST_LOOK_MS; ms < 1000; ms *= 2) {
		const char *status = doc ? json_get_string(doc, "status") : "pending";

		if (str_eq(status, wanted))
			return doc;
		if (str_eq(status, "invalid"))
			die(url, t.body.s);
		json_object_put(doc);
		pause_ms(ms);
		doc = post(url, "");
	}
	die(url, "not done in time");
	return NULL;
}

static void
prove(const char *authz_url)
{
	struct json_object *authz = post(authz_url, "");
	struct json_object *list = json_get_array(authz, "challenges");
	bool proven = str_eq(json_get_string(authz, "status"), "valid");

	/* Pebble uses one in a hundred again, whatever it was told. */
	for (size_t i = 0; !proven && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (str_eq(json_get_string(one, "type"), "http-01"))
			json_object_put(post(json_get_string(one, "url"), "{}"));
	}
	json_object_put(authz);
	if (!proven)
		json_object_put(poll_until(authz_url, "valid", NULL));
}

static void
finalize(const char *name, const char *order_url, const char *finalize_url)
{
	const char *names[] = { name, NULL };
	struct err err = { 0 };
	CLEAN(key) struct key *key = key_generate(KEY_EC_P256, &err);
	CLEAN(fd) int kept = t.keep != -1 ? keep_key(key) : -1;
	size_t length;
	unsigned char *der =
	    csr_make(key, &(struct csr_options){ .names = names }, &length, &err);
	CLEAN(string) char *csr = base64url_encode(der, length);
	CLEAN(string) char *payload = xasprintf("{\"csr\":\"%s\"}", csr);
	struct json_object *order =
	    poll_until(order_url, "valid", post(finalize_url, payload));
	CLEAN(string) char *certificate = xstrdup(json_get_string(order, "certificate"));

	free(der);
	json_object_put(order);
	json_object_put(post(certificate, ""));
	if (t.body.length == 0)
		die("certificate", "empty");
	if (kept != -1)
		keep_chain(kept, key, names);
}

static void
issue(const char *name)
{
	CLEAN(string)
	char *payload =
	    xasprintf("{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]}", name);
	struct json_object *order = post(resource("newOrder"), payload);
	CLEAN(string) char *url = xstrdup(t.location);

	prove(json_object_get_string(
	    json_object_array_get_idx(json_get_array(order, "authorizations"), 0)));
	finalize(name, url, json_get_string(order, "finalize"));
	json_object_put(order);
}

static void
set_up(const char *directory, const char *trust)
{
	struct err err = { 0 };

	t.easy = curl_easy_init();
	t.headers = curl_slist_append(NULL, "Content-Type: application/jose+json");
	curl_easy_setopt(t.easy, CURLOPT_CAINFO, trust);
	curl_easy_setopt(t.easy, CURLOPT_USERAGENT, "acmed-bench-driver");
	curl_easy_setopt(t.easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t.easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t.easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	t.directory = perform(directory);
	curl_easy_setopt(t.easy, CURLOPT_NOBODY, 1L);
	perform(resource("newNonce"));
	curl_easy_setopt(t.easy, CURLOPT_HTTPHEADER, t.headers);
	t.key = key_generate(KEY_EC_P256, &err);
	t.thumbprint = jwk_thumbprint(t.key);
	json_object_put(post(resource("newAccount"), "{\"termsOfServiceAgreed\":true}"));
	t.kid = xstrdup(t.location);
}

static double
cpu_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static double
wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int
main(int argc, char **argv)
{
	double wall, cpu;
	unsigned long count;

	if (argc != 6 && argc != 7)
		die("usage",
		    "driver DIRECTORY-URL TRUST-PEM HTTP-PORT NAME COUNT [KEEP-DIR]");
	count = strtoul(argv[5], NULL, 10);
	t.keep = argc == 7 ? open(argv[6], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (argc == 7 && t.keep == -1)
		die(argv[6], "cannot be opened");
	set_up(argv[1], argv[2]);
	start_responder(argv[3]);
	issue(argv[4]); /* not counted: the first of everything */
	t.requests = 0;
	wall = wall_ms();
	cpu = cpu_ms();
	for (unsigned long i = 0; i < count; i++)
		issue(argv[4]);
	printf("%lu %.3f %.3f %u\n", count, (wall_ms() - wall) / (double)count,
	    (cpu_ms() - cpu) / (double)count, t.requests);
	return 0;
}
