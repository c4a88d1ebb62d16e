/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "common/mem.h"
#include "daemon/renew/units.h"
#include "tests/unit/bus_rig.h"

#define NGINX "nginx.service"

static void
test_a_unit_is_reloaded(void **state)
{
	(void)state;
	rig_expect_done(BUS_RELOAD, NGINX);
	rig_expect_jobs("reload nginx.service\n");
	assert_string_equal(rig.lines.s, "nginx.service: reload done\n");
}

static void
test_each_verb_has_its_job(void **state)
{
	(void)state;
	rig_units("nginx.service active\nidle.service inactive\n");
	rig_expect_done(BUS_RESTART, NGINX);
	rig_expect_done(BUS_START, "idle.service");
	rig_expect_done(BUS_RELOAD, "idle.service"); /* it runs now */
	rig_expect_jobs("restart nginx.service\nstart idle.service\nreload idle.service\n");
}

static void
test_what_is_not_running_is_not_reloaded(void **state)
{
	(void)state;
	rig_units("a.service inactive\nb.service failed\nc.service deactivating\n");
	rig_expect_done(BUS_RELOAD, "a.service");
	rig_expect_done(BUS_RELOAD, "b.service");
	rig_expect_done(BUS_RELOAD, "c.service");
	rig_expect_jobs("");
	assert_string_equal(rig.lines.s,
	    "a.service: is not running, so there is nothing to reload\n"
	    "b.service: is not running, so there is nothing to reload\n"
	    "c.service: is not running, so there is nothing to reload\n");
}

static void
test_what_is_being_reloaded_or_started_is_reloaded(void **state)
{
	(void)state;
	rig_units("a.service reloading\nb.service activating\n");
	rig_expect_done(BUS_RELOAD, "a.service");
	rig_expect_done(BUS_RELOAD, "b.service");
	rig_expect_jobs("reload a.service\nreload b.service\n");
}

static void
test_a_job_fails_and_the_next_does_not(void **state)
{
	(void)state;
	rig_units("nginx.service active fail=2\n");
	rig_expect_error(BUS_RELOAD, NGINX, ERR_SYSTEM,
	    "nginx.service: reload failed: see journalctl -u nginx.service");
	rig_expect_error(BUS_RESTART, NGINX, ERR_SYSTEM,
	    "nginx.service: restart failed: see journalctl -u nginx.service");
	rig_expect_done(BUS_RELOAD, NGINX);
	rig_expect_jobs(
	    "reload nginx.service\nrestart nginx.service\nreload nginx.service\n");
}

static void
test_every_result_is_explained(void **state)
{
	static const struct {
		const char *result;
		const char *text;
	} rows[] = {
		{ "timeout", "it did not end in the time that the unit allows: " },
		{ "canceled", "another request for the unit came between: " },
		{ "dependency", "a unit that it needs has failed: " },
		{ "skipped", "it does not apply to the unit in its present state: " },
		{ "invalid", "it does not apply to the unit in its present state: " },
		{ "once", "systemd calls it \"once\": " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEAN(string)
		char *units =
		    xasprintf("nginx.service active fail=1 result=%s\n", rows[i].result);
		CLEAN(string)
		char *text = xasprintf(
		    "nginx.service: reload failed: %ssee journalctl -u nginx.service",
		    rows[i].text);

		rig_units(units);
		rig_expect_error(BUS_RELOAD, NGINX, ERR_SYSTEM, text);
	}
}

static void
test_there_is_no_such_unit(void **state)
{
	(void)state;
	rig_expect_error(BUS_RELOAD, "other.service", ERR_CONFIG,
	    "other.service: reload failed: there is no such unit");
	rig_expect_error(BUS_RESTART, "other.service", ERR_CONFIG,
	    "other.service: restart failed: there is no such unit");
	rig_expect_error(BUS_RELOAD, "nginx", ERR_SYSTEM,
	    "nginx: reload failed: Unit name nginx is not valid.");
	rig_expect_jobs("");
}

static void
test_who_is_denied_learns_the_remedies(void **state)
{
	static const char text[] =
	    "nginx.service: reload failed: systemd does not allow it: add a polkit rule "
	    "for "
	    "this unit (org.freedesktop.systemd1.manage-units), or use queue: instead";

	(void)state;
	rig_units("nginx.service active denied\n");
	rig_expect_error(BUS_RELOAD, NGINX, ERR_SYSTEM, text);
	rig_units("nginx.service active interactive\n");
	rig_expect_error(BUS_RELOAD, NGINX, ERR_SYSTEM, text);
	rig_expect_jobs("");
}

static void
test_some_units_cannot_be_reloaded(void **state)
{
	(void)state;
	rig_units("nginx.service active noreload\n");
	rig_expect_error(BUS_RELOAD, NGINX, ERR_CONFIG,
	    "nginx.service: reload failed: it has no way to do that (systemctl show -p "
	    "CanReload); use restart: instead");
	rig_expect_done(BUS_RESTART, NGINX);
}

static void
test_an_answer_that_is_none(void **state)
{
	(void)state;
	rig_units("nginx.service active strange\n");
	rig_expect_error(BUS_RELOAD, NGINX, ERR_SYSTEM,
	    "nginx.service: reload failed: talking to systemd: No such device or address");
}

static void
test_a_job_that_ends_before_its_name_is_known(void **state)
{
	(void)state;
	rig_units("nginx.service active early\nbad.service active early fail=1\n");
	rig_expect_done(BUS_RELOAD, NGINX);
	rig_expect_error(BUS_RELOAD, "bad.service", ERR_SYSTEM,
	    "bad.service: reload failed: see journalctl -u bad.service");
	for (int i = 0; i < 40; i++) /* more than are remembered */
		rig_expect_done(BUS_RELOAD, NGINX);
}

static void
test_without_a_bus(void **state)
{
	CLEAN(string)
	char *text = xasprintf("nginx.service: reload failed: no system bus at %s: No such "
			       "file or directory (Debian package: dbus; without systemd "
			       "use queue: or run: instead)",
	    rig.address);

	(void)state;
	rig_expect_error(BUS_RELOAD, NGINX, ERR_SYSTEM, text);
	rig_start_daemon();
	rig_start_systemd();
	rig_expect_done(BUS_RELOAD, NGINX);
}

static void
test_without_systemd(void **state)
{
	(void)state;
	rig_start_daemon();
	rig_expect_error(BUS_RESTART, NGINX, ERR_SYSTEM,
	    "nginx.service: restart failed: systemd is not on the system bus; use queue: "
	    "or "
	    "run: instead");
	rig_start_systemd();
	rig_expect_done(BUS_RELOAD, NGINX);
}

/* It listens, and that is all. */
static int
start_mute(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/bus", rig.dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void
test_a_bus_that_says_nothing_holds_up_nothing(void **state)
{
	int fd = start_mute();

	(void)state;
	bus_set_limits(rig.bus, 1000, 10);
	rig_call(BUS_RELOAD, NGINX);
	rig_pass(20); /* its timer fires: the loop goes on */
	assert_int_equal(rig.n_done, 0);
	rig_run(1);
	assert_string_equal(rig.err.text,
	    "nginx.service: reload failed: systemd has not "
	    "finished it within 1 s: see systemctl list-jobs");
	close(fd);
}

static void
test_a_bus_that_hangs_up(void **state)
{
	CLEAN(fd) int fd = start_mute();
	CLEAN(string) char *start = NULL;

	(void)state;
	rig_call(BUS_RELOAD, NGINX);
	close(accept(fd, NULL, NULL));
	rig_run(1);
	start =
	    xasprintf("nginx.service: reload failed: no system bus at %s: ", rig.address);
	assert_true(str_starts(rig.err.text, start));
}

static void
test_the_bus_is_lost_during_a_call(void **state)
{
	(void)state;
	rig_units("nginx.service active hangs\nother.service active\n");
	rig_call(BUS_RELOAD, NGINX);
	rig_expect_jobs("reload nginx.service\n");
	assert_int_equal(rig.n_done, 0);
	rig_end(&rig.daemon);
	rig_run(1);
	assert_string_equal(rig.err.text,
	    "nginx.service: reload failed: the connection to the system bus was lost");

	rig_end(&rig.systemd);
	rig_start_daemon();
	rig_start_systemd();
	rig_expect_done(BUS_RELOAD, "other.service");
}

/* The daemon is stopped, so that nothing is answered before it goes. */
static void
test_the_bus_is_lost_before_the_answer(void **state)
{
	(void)state;
	rig_expect_done(BUS_RELOAD, NGINX);
	kill(rig.daemon, SIGSTOP);
	rig_call(BUS_RELOAD, NGINX);
	rig_call(BUS_RESTART, NGINX);
	rig_pass(20);
	assert_int_equal(rig.n_done, 1);
	rig_end(&rig.daemon);
	rig_run(3);
	assert_string_equal(rig.err.text,
	    "nginx.service: restart failed: the connection to the system bus was lost");
}

static void
test_the_bus_is_lost_while_idle(void **state)
{
	(void)state;
	rig_expect_done(BUS_RELOAD, NGINX);
	rig_end(&rig.daemon);
	rig_end(&rig.systemd);
	rig_pass(50);
	rig_start_daemon();
	rig_start_systemd();
	rig_expect_done(BUS_RELOAD, NGINX);
	rig_expect_jobs("reload nginx.service\nreload nginx.service\n");
}

static void
test_an_idle_connection_is_given_up(void **state)
{
	(void)state;
	bus_set_limits(rig.bus, 90000, 1);
	rig_expect_done(BUS_RELOAD, NGINX);
	assert_int_equal(event_base_loop(rig.loop, 0), 1); /* no events any more */
	rig_expect_done(BUS_RELOAD, NGINX);                /* and it subscribes anew */
	rig_expect_jobs("reload nginx.service\nreload nginx.service\n");
}

static void
test_a_job_that_hangs_is_given_up(void **state)
{
	(void)state;
	rig_units("nginx.service active hangs\nother.service active\n");
	bus_set_limits(rig.bus, 1000, 10000);
	rig_expect_error(BUS_RELOAD, NGINX, ERR_SYSTEM,
	    "nginx.service: reload failed: systemd has not finished it within 1 s: see "
	    "systemctl list-jobs");
	bus_set_limits(rig.bus, 90000, 10000);
	rig_expect_done(BUS_RELOAD, "other.service");
}

static void
test_cancelling_leaves_the_job(void **state)
{
	struct bus_call *call;

	(void)state;
	rig_units("nginx.service active delay=20\nother.service active delay=200\n");
	call = rig_call(BUS_RELOAD, NGINX);
	rig_expect_jobs("reload nginx.service\n");
	bus_call_free(call);
	bus_call_free(rig_call(BUS_RELOAD, NGINX));
	bus_call_free(NULL);
	rig_expect_done(BUS_RELOAD, "other.service"); /* the other's end is past by then */
	assert_int_equal(rig.n_done, 1);
	rig_expect_jobs("reload nginx.service\nreload other.service\n");
}

static void
test_calls_go_side_by_side(void **state)
{
	struct text units = { 0 };

	(void)state;
	for (int i = 0; i < 40; i++)
		text_add(&units, "unit%d.service active delay=%d\n", i, (40 - i) * 5);
	rig_units(units.s);
	text_clear(&units);
	for (int i = 0; i < 40; i++) {
		char name[32];

		snprintf(name, sizeof(name), "unit%d.service", i);
		rig_call(i % 2 ? BUS_RELOAD : BUS_RESTART, name);
	}
	rig_run(40);
	assert_string_equal(rig.err.text, "");
}

static void
test_a_callback_frees_another_call(void **state)
{
	(void)state;
	rig_units("nginx.service active\nother.service active delay=100\n");
	rig_call(BUS_RELOAD, NGINX);
	rig.frees = rig_call(BUS_RELOAD, "other.service");
	rig_run(1);
	rig_pass(150);
	assert_int_equal(rig.n_done, 1);
}

static void
test_a_callback_frees_the_bus(void **state)
{
	struct bus_call *left;

	(void)state;
	rig_units("nginx.service active\nother.service active hangs\n");
	left = rig_call(BUS_RELOAD, "other.service");
	rig_call(BUS_RELOAD, NGINX);
	rig.frees_bus = true;
	rig_run(1);
	assert_int_equal(event_base_loop(rig.loop, 0), 1); /* nothing is left of it */
	assert_int_equal(rig.n_done, 1);
	bus_call_free(left);
	bus_free(NULL);
}

/* Somebody on the bus says to everybody that the first job has failed. */
static void
forge_an_end(void)
{
	CLEAN(strv) char **names = NULL;
	CLEAN(strv) char **again = NULL;
	sd_bus *bus = NULL;

	assert_true(sd_bus_open_system(&bus) >= 0);
	assert_true(sd_bus_list_names(bus, &names, NULL) >= 0);
	for (size_t i = 0; names[i] != NULL; i++) {
		sd_bus_message *m = NULL;

		sd_bus_message_new_signal(bus, &m, "/org/freedesktop/systemd1",
		    "org.freedesktop.systemd1.Manager", "JobRemoved");
		sd_bus_message_append(m, "uoss", 1, "/org/freedesktop/systemd1/job/1",
		    NGINX, "failed");
		assert_true(sd_bus_send_to(bus, m, names[i], NULL) >= 0);
		sd_bus_message_unref(m);
	}
	/* When that is answered, all before it has been passed on. */
	assert_true(sd_bus_list_names(bus, &again, NULL) >= 0);
	sd_bus_flush_close_unref(bus);
}

static void
test_only_systemd_is_believed(void **state)
{
	struct bus_call *call;

	(void)state;
	rig_units("nginx.service active hangs\nother.service active\n");
	call = rig_call(BUS_RELOAD, NGINX);
	rig_expect_jobs("reload nginx.service\n");
	forge_an_end();
	rig_expect_done(BUS_RELOAD, "other.service"); /* what was forged came before */
	bus_call_free(call);
}

static void
test_a_hundred_asks_are_one_job(void **state)
{
	CLEAN(units) struct units *units = units_new(rig.loop, rig.bus);

	(void)state;
	units_set_quiet(units, 20, 200);
	for (int i = 0; i < 100; i++)
		units_ask(units, BUS_RELOAD, NGINX, rig_done, NULL);
	rig_run(100);
	assert_int_equal(rig.err.kind, ERR_NONE);
	rig_expect_jobs("reload nginx.service\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bus_rig_set_up, bus_rig_tear_down)
#define TEST_ALONE(name) \
	cmocka_unit_test_setup_teardown(name, bus_rig_set_up_alone, bus_rig_tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_unit_is_reloaded),
		TEST(test_each_verb_has_its_job),
		TEST(test_what_is_not_running_is_not_reloaded),
		TEST(test_what_is_being_reloaded_or_started_is_reloaded),
		TEST(test_a_job_fails_and_the_next_does_not),
		TEST(test_every_result_is_explained),
		TEST(test_there_is_no_such_unit),
		TEST(test_who_is_denied_learns_the_remedies),
		TEST(test_some_units_cannot_be_reloaded),
		TEST(test_an_answer_that_is_none),
		TEST(test_a_job_that_ends_before_its_name_is_known),
		TEST_ALONE(test_without_a_bus),
		TEST_ALONE(test_without_systemd),
		TEST_ALONE(test_a_bus_that_says_nothing_holds_up_nothing),
		TEST_ALONE(test_a_bus_that_hangs_up),
		TEST(test_the_bus_is_lost_during_a_call),
		TEST(test_the_bus_is_lost_before_the_answer),
		TEST(test_the_bus_is_lost_while_idle),
		TEST(test_an_idle_connection_is_given_up),
		TEST(test_a_job_that_hangs_is_given_up),
		TEST(test_cancelling_leaves_the_job),
		TEST(test_calls_go_side_by_side),
		TEST(test_a_callback_frees_another_call),
		TEST(test_a_callback_frees_the_bus),
		TEST(test_only_systemd_is_believed),
		TEST(test_a_hundred_asks_are_one_job),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
