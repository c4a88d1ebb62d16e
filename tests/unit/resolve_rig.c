/* SPDX-License-Identifier: ISC */
#include "tests/unit/resolve_rig.h"

#include <ares.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clean.h"
#include "common/mem.h"

struct resolve_rig rig;

/* What the name server knows; the list of addresses of a family is separated by blanks,
 * NULL is never answered. */
static const struct zone {
	const char *name;
	const char *a, *aaaa;
} zones[] = {
	{ "both.test", "192.0.2.1 192.0.2.2", "2001:db8::1" },
	{ "four.test", "192.0.2.4", "" },
	{ "six.test", "", "2001:db8::6" },
	{ "empty.test", "", "" },
	{ "silent.test", NULL, NULL },
	{ "half.test", "192.0.2.5", NULL },
	{ "twice.test", "192.0.2.7 192.0.2.7 192.0.2.8", "2001:db8::7 2001:db8::7" },
	{ "many.test",
	    "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 "
	    "192.0.2.8 192.0.2.9 192.0.2.10 192.0.2.11 192.0.2.12 192.0.2.13 192.0.2.14 "
	    "192.0.2.15 192.0.2.16 192.0.2.17 192.0.2.18",
	    "2001:db8::1" },
};

/* ---- c-ares, with our name server and our hosts file ---- */

/* Some versions of c-ares have it with a const, so it has its symbol only. */
int our_init_options(ares_channel *channel, const struct ares_options *options,
    int mask) __asm__("ares_init_options");

int
our_init_options(ares_channel *channel, const struct ares_options *options, int mask)
{
	int (*real)(ares_channel *, const struct ares_options *, int) =
	    (__typeof__(real))dlsym(RTLD_NEXT, "ares_init_options");
	struct ares_options ours = *options;
	char lookups[] = "fb";
	int status;

	if (rig.no_channel)
		return ARES_EFILE;
	ours.lookups = lookups;
	ours.timeout = 100;
	ours.domains = NULL;
	ours.ndomains = 0;
	status = real(channel, &ours,
	    mask | ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS | ARES_OPT_DOMAINS);
	if (status == ARES_SUCCESS)
		status = ares_set_servers_ports_csv(*channel, rig.address);
	return status;
}

void
ares_getaddrinfo(ares_channel channel, const char *node, const char *service,
    const struct ares_addrinfo_hints *hints, ares_addrinfo_callback callback, void *arg)
{
	void (*real)(ares_channel, const char *, const char *,
	    const struct ares_addrinfo_hints *, ares_addrinfo_callback, void *) =
	    (__typeof__(real))dlsym(RTLD_NEXT, "ares_getaddrinfo");
	struct ares_addrinfo_hints ours = *hints;

	ours.ai_flags |= ARES_AI_ENVHOSTS;
	real(channel, node, service, &ours, callback, arg);
}

/* ---- the name server ---- */

struct message {
	unsigned char octets[1500];
	size_t length;
};

static void
put(struct message *m, const void *octets, size_t length)
{
	assert_true(m->length + length <= sizeof(m->octets));
	memcpy(m->octets + m->length, octets, length);
	m->length += length;
}

static void
put_records(struct message *m, int family, const char *addresses)
{
	static const unsigned char head[] = { 0xc0, 12, 0, 0, 0, 1, 0, 0, 0, 60, 0, 0 };
	size_t length = family == AF_INET ? 4 : 16;
	CLEAN(string) char *copy = xstrdup(addresses);
	char *rest = copy;

	while (*rest != '\0') {
		char *one = rest;
		unsigned char octets[16];

		rest += strcspn(rest, " ");
		if (*rest != '\0')
			*rest++ = '\0';
		assert_int_equal(inet_pton(family, one, octets), 1);
		put(m, head, sizeof(head));
		m->octets[m->length - 9] = family == AF_INET ? 1 : 28;
		m->octets[m->length - 1] = (unsigned char)length;
		put(m, octets, length);
		m->octets[7]++;
	}
}

/* "both.test" from the question; the octets it takes. */
static size_t
read_name(const struct message *m, char *name)
{
	size_t at = 12;

	*name = '\0';
	while (m->octets[at] != 0) {
		size_t length = m->octets[at++];

		if (*name != '\0')
			memcpy(name + strlen(name), ".", 2);
		snprintf(name + strlen(name), length + 1, "%s",
		    (const char *)m->octets + at);
		at += length;
	}
	return at + 1 - 12;
}

static const struct zone *
find_zone(const char *name)
{
	for (size_t i = 0; i < COUNT(zones); i++) {
		if (strcmp(zones[i].name, name) == 0)
			return &zones[i];
	}
	return NULL;
}

static void
on_query(evutil_socket_t fd, short what, void *arg)
{
	struct message in = { 0 }, out = { 0 };
	static const unsigned char flags[] = { 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0 };
	struct sockaddr_in from;
	socklen_t from_length = sizeof(from);
	ssize_t n = recvfrom(fd, in.octets, sizeof(in.octets), 0, (struct sockaddr *)&from,
	    &from_length);
	char name[256];
	size_t length = read_name(&in, name);
	const struct zone *zone = find_zone(name);
	int family = in.octets[12 + length + 1] == 1 ? AF_INET : AF_INET6;
	const char *addresses = "";

	(void)what;
	(void)arg;
	assert_true(n > 12);
	rig.asked++;
	if (zone != NULL)
		addresses = family == AF_INET ? zone->a : zone->aaaa;
	if (addresses == NULL)
		return;
	put(&out, in.octets, 2);
	put(&out, flags, sizeof(flags));
	put(&out, in.octets + 12, length + 4);
	if (zone == NULL)
		out.octets[3] |= 3; /* NXDOMAIN */
	put_records(&out, family, addresses);
	assert_int_equal(sendto(fd, out.octets, out.length, 0, (struct sockaddr *)&from,
			     from_length),
	    out.length);
}

void
rig_start_server(struct event_base *loop)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t length = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rig.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(rig.fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(rig.fd, (struct sockaddr *)&in, &length), 0);
	snprintf(rig.address, sizeof(rig.address), "127.0.0.1:%u", ntohs(in.sin_port));
	rig.server = event_new(loop, rig.fd, EV_READ | EV_PERSIST, on_query, NULL);
	event_add(rig.server, NULL);
}

static void
write_hosts(void)
{
	static const char text[] = "192.0.2.99\tfrom-hosts.test alias.test\n"
				   "127.0.0.1 localhost\n"
				   "2001:db8::99 from-hosts.test\n";
	int fd;

	snprintf(rig.hosts, sizeof(rig.hosts), "/tmp/acmed-hosts-XXXXXX");
	fd = mkstemp(rig.hosts);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	setenv("CARES_HOSTS", rig.hosts, 1);
}

void
rig_stop_server(void)
{
	event_free(TAKE(rig.server));
	close(rig.fd);
}

void
rig_start(struct event_base *loop)
{
	memset(&rig, 0, sizeof(rig));
	rig_start_server(loop);
	write_hosts();
}

void
rig_stop(void)
{
	rig_stop_server();
	unlink(rig.hosts);
}
