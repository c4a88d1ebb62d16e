/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clean.h"
#include "common/endpoint.h"
#include "common/mem.h"
#include "common/str.h"

/* Every test has a directory of its own, with a `path` for a socket in it. */
struct place {
	char directory[64];
	char *path;
};

static const struct endpoint_access own = { .group = (gid_t)-1 };

static int
set_up(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));

	snprintf(place->directory, sizeof(place->directory), "/tmp/test_endpoint.XXXXXX");
	if (mkdtemp(place->directory) == NULL)
		return -1;
	place->path = xasprintf("%s/acmed.sock", place->directory);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;
	int r;

	unlink(place->path);
	r = rmdir(place->directory); /* whatever else is left is a mistake */
	free(place->path);
	free(place);
	return r;
}

static void
assert_text(const struct err *err, const char *path, const char *text)
{
	CLEAN(string) char *expected = xasprintf("%s: %s", path, text);

	assert_string_equal(err->text, expected);
}

static mode_t
mode_of(const char *path)
{
	struct stat st = { 0 };

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static bool
close_on_exec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void
test_who_listens_is_reached_and_knows_the_peer(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	struct endpoint_peer peer = { 0 };
	CLEAN(fd) int listener = endpoint_listen(place->path, &own, &err);
	CLEAN(fd) int client = -1;
	CLEAN(fd) int accepted = -1;

	assert_string_equal(err.text, "");
	assert_true(close_on_exec(listener));
	assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
	assert_int_equal(accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1);
	assert_int_equal(errno, EAGAIN);

	client = endpoint_connect(place->path, &err);
	assert_true(client >= 0);
	assert_true(close_on_exec(client));
	assert_false(fcntl(client, F_GETFL) & O_NONBLOCK);
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(endpoint_peer(accepted, &peer, &err), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	assert_int_equal(peer.pid, getpid());
}

static void
test_the_mode_does_not_depend_on_the_umask(void **state)
{
	static const mode_t umasks[] = { 0, 022, 077, 0777 };
	struct place *place = *state;
	CLEAN(string) char *inner = xasprintf("%s/a", place->directory);
	CLEAN(string) char *innermost = xasprintf("%s/a/b", place->directory);
	CLEAN(string) char *path = xasprintf("%s/a/b/acmed.sock", place->directory);

	for (size_t i = 0; i < COUNT(umasks); i++) {
		struct err err = { 0 };
		mode_t before = umask(umasks[i]);
		CLEAN(fd) int listener = endpoint_listen(path, &own, &err);

		umask(before);
		assert_string_equal(err.text, "");
		assert_int_equal(mode_of(path), 0660);
		assert_int_equal(mode_of(inner), 0755);
		assert_int_equal(mode_of(innermost), 0755);
		unlink(path);
		rmdir(innermost);
		rmdir(inner);
	}
}

static void
test_the_group_is_given_the_socket(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	/* Who is not root may give it to no group but one of his own. */
	const gid_t first = geteuid() == 0 ? 12345 : getegid();
	const gid_t second = geteuid() == 0 ? 23456 : getegid();
	struct endpoint_access access = { .group = first };
	struct stat st = { 0 };
	CLEAN(fd) int listener = endpoint_listen(place->path, &access, &err);

	assert_true(listener >= 0);
	assert_int_equal(lstat(place->path, &st), 0);
	assert_int_equal(st.st_gid, first);
	assert_int_equal(st.st_mode & 07777, 0660);

	access.group = second;
	assert_int_equal(endpoint_set_access(place->path, &access, &err), 0);
	assert_int_equal(lstat(place->path, &st), 0);
	assert_int_equal(st.st_gid, second);
}

static void
test_a_socket_can_be_for_everyone_and_for_fewer_again(void **state)
{
	struct place *place = *state;
	const struct endpoint_access all = { .group = (gid_t)-1, .everyone = true };
	struct err err = { 0 };
	mode_t before = umask(077);
	CLEAN(fd) int listener = endpoint_listen(place->path, &all, &err);

	umask(before);
	assert_true(listener >= 0);
	assert_int_equal(mode_of(place->path), 0666);
	assert_int_equal(endpoint_set_access(place->path, &own, &err), 0);
	assert_int_equal(mode_of(place->path), 0660);
	unlink(place->path);
	assert_int_equal(endpoint_set_access(place->path, &own, &err), -1);
	assert_text(&err, place->path, "No such file or directory");
}

static void
test_a_dead_socket_is_replaced(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	int dead = endpoint_listen(place->path, &own, &err);
	CLEAN(fd) int listener = -1;
	CLEAN(fd) int client = -1;

	close(dead); /* the file stays */
	assert_int_equal(endpoint_connect(place->path, &err), -1);
	assert_text(&err, place->path, "nobody listens, acmed is not running");
	listener = endpoint_listen(place->path, &own, &err);
	assert_true(listener >= 0);
	client = endpoint_connect(place->path, &err);
	assert_true(client >= 0);
}

static void
test_a_live_listener_is_not_displaced(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	CLEAN(fd) int listener = endpoint_listen(place->path, &own, &err);
	CLEAN(fd) int client = -1;

	assert_int_equal(endpoint_listen(place->path, &own, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_text(&err, place->path, "another process listens there");
	client = endpoint_connect(place->path, &err);
	assert_true(client >= 0);
}

static void
test_a_busy_listener_is_a_live_one(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	CLEAN(fd) int listener = endpoint_listen(place->path, &own, &err);
	CLEAN(fd) int client = -1;

	assert_int_equal(listen(listener, 0), 0); /* room for one that waits */
	client = endpoint_connect(place->path, &err);
	assert_true(client >= 0);
	assert_int_equal(endpoint_listen(place->path, &own, &err), -1);
	assert_text(&err, place->path, "another process listens there");
}

static void
test_anything_else_is_left_alone(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	CLEAN(fd) int fd = open(place->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(endpoint_listen(place->path, &own, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_text(&err, place->path, "something that is no socket is there");
	assert_int_equal(mode_of(place->path), 0600);

	unlink(place->path);
	assert_int_equal(symlink("/nowhere/else", place->path), 0);
	assert_int_equal(endpoint_listen(place->path, &own, &err), -1);
	assert_text(&err, place->path, "something that is no socket is there");
}

static void
test_a_socket_of_another_kind_is_left_alone(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEAN(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(endpoint_listen(place->path, &own, &err), -1);
	assert_text(&err, place->path, "a socket is there: Protocol wrong type for socket");
	assert_int_equal(access(place->path, F_OK), 0);
}

static void
test_why_nobody_is_reached_is_said(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	char longest[300] = { 0 };
	struct endpoint_peer peer;
	CLEAN(fd) int fd = -1;

	assert_int_equal(endpoint_connect(place->path, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_text(&err, place->path, "no such socket, acmed is not running");
	assert_int_equal(endpoint_connect("", &err), -1);
	assert_string_equal(err.text, "the path of the socket is empty");
	memset(longest, 'x', sizeof(longest) - 1);
	assert_int_equal(endpoint_connect(longest, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_text(&err, longest, "107 characters at most");
	assert_int_equal(endpoint_listen(longest, &own, &err), -1);
	assert_text(&err, longest, "107 characters at most");

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(endpoint_peer(fd, &peer, &err), -1);
	assert_string_equal(err.text, "who the peer is: not known");
	assert_int_equal(endpoint_peer(-1, &peer, &err), -1);
	assert_string_equal(err.text, "who the peer is: Bad file descriptor");
}

/* ---- groups: the kernel is ours ---- */

#define MANY 200 /* groups: more than fit at first */

static int n_groups;

int
getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	gid_t *groups = value;
	socklen_t needed = (socklen_t)((size_t)n_groups * sizeof(gid_t));

	if (name != SO_PEERGROUPS)
		return (int)syscall(SYS_getsockopt, fd, level, name, value, length);
	assert_int_equal(level, SOL_SOCKET);
	if (n_groups < 0) {
		errno = ENODATA;
		return -1;
	}
	if (*length < needed) {
		*length = needed;
		errno = ERANGE;
		return -1;
	}
	*length = needed;
	for (int i = 0; i < n_groups; i++)
		groups[i] = (gid_t)(5000 + i);
	return 0;
}

static void
test_a_peer_is_in_the_groups_that_the_kernel_names(void **state)
{
	const struct endpoint_peer peer = { .uid = 4242, .gid = 77 };

	(void)state;
	n_groups = MANY;
	assert_true(endpoint_peer_in_group(0, &peer, 77));
	assert_true(endpoint_peer_in_group(0, &peer, 5000));
	assert_true(endpoint_peer_in_group(0, &peer, 5000 + MANY - 1));
	assert_false(endpoint_peer_in_group(0, &peer, 5000 + MANY));
	assert_false(endpoint_peer_in_group(0, &peer, 0));
	assert_false(endpoint_peer_in_group(0, &peer, (gid_t)-1));
	for (n_groups = 0; n_groups >= -1; n_groups--) {
		assert_true(endpoint_peer_in_group(0, &peer, 77));
		assert_false(endpoint_peer_in_group(0, &peer, 5000));
		assert_false(endpoint_peer_in_group(0, &peer, 0));
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_who_listens_is_reached_and_knows_the_peer),
		TEST(test_the_mode_does_not_depend_on_the_umask),
		TEST(test_the_group_is_given_the_socket),
		TEST(test_a_socket_can_be_for_everyone_and_for_fewer_again),
		TEST(test_a_dead_socket_is_replaced),
		TEST(test_a_live_listener_is_not_displaced),
		TEST(test_a_busy_listener_is_a_live_one),
		TEST(test_anything_else_is_left_alone),
		TEST(test_a_socket_of_another_kind_is_left_alone),
		TEST(test_why_nobody_is_reached_is_said),
		cmocka_unit_test(test_a_peer_is_in_the_groups_that_the_kernel_names),
	};
#undef TEST

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
