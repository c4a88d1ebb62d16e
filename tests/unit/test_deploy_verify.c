/* SPDX-License-Identifier: ISC */
/* How long, how often, and what is said when an endpoint does not serve it. */
#include "tests/unit/deploy_rig.h"

#include "tests/unit/unit.h"

#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_set_up, rig_tear_down)

#define WEB  "www.example:443"
#define WEB4 "192.0.2.1:443"
#define WEB6 "[2001:db8::1]:443"

static struct rig_server *
web(const char *address)
{
	return rig_server(WEB, address);
}

/* ---- it is served, at last ---- */

static void
test_the_old_leaf_is_served_for_some_seconds(void **state)
{
	(void)state;
	rig_verify(WEB);
	web(WEB4)->new_from = 20000;
	rig_succeeds();
	assert_true(rig.verified);
	rig_expect("read site/7\n"
		   "step verify " WEB "\n"
		   "0 ms: ask " WEB "\n"
		   "250 ms: ask " WEB "\n"
		   "750 ms: ask " WEB "\n"
		   "1750 ms: ask " WEB "\n"
		   "3750 ms: ask " WEB "\n"
		   "7750 ms: ask " WEB "\n"
		   "15750 ms: ask " WEB "\n"
		   "25750 ms: ask " WEB "\n");
}

static void
test_a_server_that_restarts_is_down_for_a_while(void **state)
{
	struct rig_server *server;

	(void)state;
	rig_verify(WEB);
	server = web(WEB4);
	server->fails_until = 5000;
	server->fails = ERR_NETWORK;
	rig_succeeds();
	assert_true(rig.verified);
	assert_int_equal(rig.now, 7750);
}

static void
test_a_name_that_has_no_address_gets_one(void **state)
{
	(void)state;
	rig_verify(WEB);
	rig_start();
	while (rig.now < 500)
		assert_true(rig_step());
	assert_false(rig.ended);
	web(WEB4);
	rig_run();
	assert_true(rig.ended);
	assert_int_equal(rig.err.kind, ERR_NONE);
	assert_true(rig.verified);
}

static void
test_it_is_served_at_the_last_look(void **state)
{
	(void)state;
	rig_verify(WEB);
	web(WEB4)->new_from = 60000;
	rig_succeeds();
	assert_true(rig.verified);
	assert_int_equal(rig.now, 60000);
}

/* ---- addresses ---- */

static struct rig_server *
without_route(const char *address)
{
	struct rig_server *server = web(address);

	server->fails_until = RIG_NEVER;
	server->fails = ERR_SYSTEM;
	return server;
}

static void
test_an_address_without_route_beside_a_good_one_is_fine(void **state)
{
	(void)state;
	rig_verify(WEB);
	without_route(WEB6);
	web(WEB4);
	rig_succeeds();
	assert_true(rig.verified);
	assert_int_equal(rig.now, 0);
}

static void
test_so_it_is_behind_a_good_one(void **state)
{
	(void)state;
	rig_verify(WEB);
	web(WEB4);
	without_route(WEB6);
	rig_succeeds();
	assert_int_equal(rig.now, 0);
}

static void
test_addresses_without_route_alone_are_not(void **state)
{
	(void)state;
	rig_verify(WEB);
	without_route(WEB6);
	without_route("[2001:db8::2]:443");
	rig_fails(ERR_SYSTEM, "verify " WEB ": [2001:db8::2]:443: it fails");
}

static void
test_one_that_refuses_beside_a_good_one_is_not(void **state)
{
	struct rig_server *server;

	(void)state;
	rig_verify(WEB);
	web(WEB4);
	server = web(WEB6);
	server->fails_until = RIG_NEVER;
	server->fails = ERR_NETWORK;
	rig_fails(ERR_NETWORK, "verify " WEB ": " WEB6 ": it fails");
}

static void
test_one_family_serves_the_old_leaf_until_the_end(void **state)
{
	(void)state;
	rig_verify(WEB);
	web(WEB6);
	web(WEB4)->new_from = RIG_NEVER;
	rig_fails(ERR_SYSTEM, "verify " WEB ": " WEB4 " serves another certificate, "
			      "0123456789abcdef...");
}

/* What can be mended there is named, whichever comes first. */
static void
test_the_old_leaf_counts_more_than_no_route(void **state)
{
	(void)state;
	rig_verify(WEB);
	without_route(WEB6);
	web(WEB4)->new_from = RIG_NEVER;
	without_route("[2001:db8::2]:443");
	rig_fails(ERR_SYSTEM, "verify " WEB ": " WEB4 " serves another certificate, "
			      "0123456789abcdef...");
}

static void
test_all_have_to_serve_it_at_the_same_look(void **state)
{
	(void)state;
	rig_verify(WEB);
	web(WEB6)->new_from = 700;
	web(WEB4)->new_from = 3000;
	rig_succeeds();
	assert_int_equal(rig.now, 3750);
}

/* ---- sixty seconds ---- */

static void
test_after_a_minute_it_is_over(void **state)
{
	(void)state;
	rig_verify(WEB);
	web(WEB4)->new_from = 60001;
	rig_fails(ERR_SYSTEM, "verify " WEB ": " WEB4 " serves another certificate, "
			      "0123456789abcdef...");
	assert_int_equal(rig.now, 60000);
	assert_int_equal(rig_count("ask"), 12);
}

/* The last look may take its time. */
static void
test_looks_that_take_long_count(void **state)
{
	(void)state;
	rig_verify(WEB);
	without_route(WEB4)->fails = ERR_NETWORK;
	rig.probe_takes = 9999;
	rig_fails(ERR_NETWORK, "verify " WEB ": " WEB4 ": it fails");
	assert_in_range(rig.now, 60000, 60000 + 9999);
}

static void
test_the_last_look_is_told_of(void **state)
{
	struct rig_server *server;

	(void)state;
	rig_verify(WEB);
	server = web(WEB4);
	server->fails = ERR_PROTOCOL;
	server->fails_until = 30000;
	server->new_from = RIG_NEVER;
	rig_fails(ERR_SYSTEM, "verify " WEB ": " WEB4 " serves another certificate, "
			      "0123456789abcdef...");
}

static void
test_a_name_that_gets_no_address(void **state)
{
	(void)state;
	rig_verify(WEB);
	rig_fails(ERR_NETWORK, "verify " WEB ": " WEB ": it has no address");
	assert_int_equal(rig.now, 60000);
}

/* ---- several ---- */

static void
test_endpoints_are_asked_one_after_the_other(void **state)
{
	(void)state;
	rig_verify("a.example:443");
	rig_verify("b.example:443");
	rig_verify("c.example:443");
	rig_server("c.example:443", "192.0.2.3:443");
	rig_server("b.example:443", "192.0.2.2:443")->new_from = 800;
	rig_server("a.example:443", "192.0.2.1:443")->new_from = 600;
	rig_succeeds();
	assert_true(rig.verified);
	rig_expect("read site/7\n"
		   "step verify a.example:443\n"
		   "0 ms: ask a.example:443\n"
		   "250 ms: ask a.example:443\n"
		   "750 ms: ask a.example:443\n"
		   "step verify b.example:443\n"
		   "750 ms: ask b.example:443\n"
		   "1000 ms: ask b.example:443\n" /* the pauses begin anew */
		   "step verify c.example:443\n"
		   "1000 ms: ask c.example:443\n");
}

static void
test_each_has_its_minute(void **state)
{
	(void)state;
	rig_verify("a.example:443");
	rig_verify("b.example:443");
	rig_server("a.example:443", "192.0.2.1:443")->new_from = 50000;
	rig_server("b.example:443", "192.0.2.2:443")->new_from = 100000;
	rig_succeeds();
	assert_true(rig.verified);
}

static void
test_the_first_that_fails_is_the_last_to_be_asked(void **state)
{
	(void)state;
	rig_verify("a.example:443");
	rig_verify("b.example:443");
	rig_verify("c.example:443");
	rig_server("a.example:443", "192.0.2.1:443");
	rig_server("b.example:443", "192.0.2.2:443")->new_from = RIG_NEVER;
	rig_server("c.example:443", "192.0.2.3:443");
	rig_fails(ERR_SYSTEM, "verify b.example:443: 192.0.2.2:443 serves another "
			      "certificate, 0123456789abcdef...");
	assert_int_equal(rig_count("c.example"), 0);
}

/* ---- how they are asked ---- */

static void
test_protocol_and_name_are_passed_on(void **state)
{
	static char smtp[] = "smtp", imap[] = "imap", name[] = "mx.example";
	struct verify_config *verify;

	(void)state;
	rig_verify("mail.example:25")->starttls = smtp;
	rig_verify("192.0.2.7:443")->sni = name;
	verify = rig_verify("192.0.2.7:143");
	verify->starttls = imap;
	verify->sni = name;
	rig_server("mail.example:25", "192.0.2.7:25")->new_from = 100;
	rig_server("192.0.2.7:443", "192.0.2.7:443");
	rig_server("192.0.2.7:143", "192.0.2.7:143");
	rig_succeeds();
	rig_expect("read site/7\n"
		   "step verify mail.example:25\n"
		   "0 ms: ask mail.example:25 starttls smtp\n"
		   "250 ms: ask mail.example:25 starttls smtp\n"
		   "step verify 192.0.2.7:443\n"
		   "250 ms: ask 192.0.2.7:443 for mx.example\n"
		   "step verify 192.0.2.7:143\n"
		   "250 ms: ask 192.0.2.7:143 starttls imap for mx.example\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_the_old_leaf_is_served_for_some_seconds),
		TEST(test_a_server_that_restarts_is_down_for_a_while),
		TEST(test_a_name_that_has_no_address_gets_one),
		TEST(test_it_is_served_at_the_last_look),
		TEST(test_an_address_without_route_beside_a_good_one_is_fine),
		TEST(test_so_it_is_behind_a_good_one),
		TEST(test_addresses_without_route_alone_are_not),
		TEST(test_one_that_refuses_beside_a_good_one_is_not),
		TEST(test_one_family_serves_the_old_leaf_until_the_end),
		TEST(test_the_old_leaf_counts_more_than_no_route),
		TEST(test_all_have_to_serve_it_at_the_same_look),
		TEST(test_after_a_minute_it_is_over),
		TEST(test_looks_that_take_long_count),
		TEST(test_the_last_look_is_told_of),
		TEST(test_a_name_that_gets_no_address),
		TEST(test_endpoints_are_asked_one_after_the_other),
		TEST(test_each_has_its_minute),
		TEST(test_the_first_that_fails_is_the_last_to_be_asked),
		TEST(test_protocol_and_name_are_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
