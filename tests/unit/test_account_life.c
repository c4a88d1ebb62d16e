/* SPDX-License-Identifier: ISC */
/* An account's key, its directory that ages, and its end. */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/mem.h"
#include "tests/unit/account_rig.h"

/* ---- the key ---- */

static void
test_a_key_is_made_once_for_all_who_wait(void **state)
{
	struct account *a = get_account();
	struct waiter w[4] = { 0 };
	CLEAN(string) char *thumbprint = NULL;

	(void)state;
	assert_null(account_thumbprint(a));
	for (size_t i = 0; i < COUNT(w); i++)
		w[i].wait = account_load_key(a, on_done, &w[i]);
	scripted_http_run();
	for (size_t i = 0; i < COUNT(w); i++)
		assert_told(&w[i], "");
	assert_text(&t.store, "save key of main\n");
	assert_int_equal(key_type_of(t.stored_key), KEY_EC_P256);
	thumbprint = jwk_thumbprint(t.stored_key);
	assert_string_equal(account_thumbprint(a), thumbprint);
	assert_null(account_session(a));
	assert_asked(""); /* nobody wanted more than the key */
}

static void
test_the_key_of_before_is_used(void **state)
{
	CLEAN(string) char *thumbprint = NULL;
	struct waiter w = { 0 };

	(void)state;
	store_a_key();
	thumbprint = jwk_thumbprint(t.stored_key);
	w.wait = account_load_key(get_account(), on_done, &w);
	scripted_http_run();
	assert_told(&w, "");
	assert_string_equal(account_thumbprint(get_account()), thumbprint);
	assert_text(&t.store, "");
}

static void
test_a_damaged_key_is_not_replaced(void **state)
{
	(void)state;
	err_set(&t.cannot_load, ERR_CONFIG, "account.key: not a key");
	assert_not_ready(ERR_CONFIG, "account main: account.key: not a key");
	assert_text(&t.store, "");
	assert_null(account_thumbprint(get_account()));

	/* Somebody mends it. */
	t.cannot_load = (struct err){ 0 };
	store_a_key();
	t.settings.url = text_of(URL);
	ANSWER(DIRECTORY_WITH(""));
	assert_ready();
}

static void
test_a_key_that_cannot_be_saved_is_not_used(void **state)
{
	(void)state;
	err_set(&t.cannot_save, ERR_SYSTEM, "no space");
	assert_not_ready(ERR_SYSTEM, "account main: no space");
	assert_null(account_thumbprint(get_account()));
	assert_text(&t.store, "save key of main\n");
}

static void
test_a_key_of_the_administrators_is_read_from_its_file(void **state)
{
	static const char sec1[] = "-----BEGIN EC PRIVATE KEY-----\n"
				   "x\n"
				   "-----END EC PRIVATE KEY-----\n";
	char path[] = "/tmp/test_account.XXXXXX";
	CLEAN(fd) int fd = mkstemp(path);
	struct waiter w = { 0 };
	size_t length;
	char *pem;
	struct err err = { 0 };

	(void)state;
	assert_true(fd != -1);
	t.settings.key = path;
	assert_int_equal(write(fd, sec1, strlen(sec1)), strlen(sec1));
	w.wait = account_load_key(get_account(), on_done, &w);
	scripted_http_run();
	assert_int_equal(w.calls, 1);
	assert_int_not_equal(w.err.kind, ERR_NONE);
	assert_non_null(strstr(w.err.text, path));

	store_a_key();
	pem = key_save(t.stored_key, KEY_PEM, &length, &err);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, pem, length, 0), length);
	secret_free(pem, length);
	w = (struct waiter){ .wait = account_load_key(get_account(), on_done, &w) };
	scripted_http_run();
	assert_told(&w, "");
	unlink(path);
	assert_text(&t.store, "");
}

static void
test_a_key_file_that_is_missing_is_named_and_not_made(void **state)
{
	(void)state;
	t.settings.key = text_of("/nonexistent/account.key");
	assert_not_ready(ERR_SYSTEM, "account main: cannot read /nonexistent/account.key: "
				     "No such file or directory");
	assert_text(&t.store, "");
}

/* ---- a directory that ages ---- */

static void
test_the_directory_is_looked_at_daily_and_the_account_stays(void **state)
{
	struct account *a = get_account();
	struct waiter w = { 0 };

	(void)state;
	t.settings.url = text_of(URL);
	ANSWER(DIRECTORY_WITH(""));
	assert_ready();
	assert_asked("GET " DIRECTORY "\n");
	assert_ready();
	assert_asked("");

	h.now += 86400;
	ANSWER({ .status = 503 });
	w.wait = account_ready(a, on_done, &w);
	while (h.left > 0)
		event_base_loop(h.loop, EVLOOP_ONCE);
	assert_non_null(account_session(a)); /* orders under way go on */
	assert_string_equal(account_url(a), URL);
	scripted_http_run();
	assert_told(&w,
	    "account main: directory " DIRECTORY ": the CA answered 503 and no reason");
	assert_non_null(account_session(a));

	w = (struct waiter){ .wait = account_load_key(a, on_done, &w) };
	scripted_http_run();
	assert_told(&w, "");
	text_clear(&h.transcript);
	ANSWER(DIRECTORY_WITH(""));
	assert_ready();
	assert_asked("GET " DIRECTORY "\n");
}

/* ---- the end ---- */

static void
test_a_wait_freed_early_is_not_told(void **state)
{
	struct waiter w[2] = { 0 };

	(void)state;
	t.settings.url = text_of(URL);
	ANSWER(DIRECTORY_WITH(""));
	w[0].wait = account_ready(get_account(), on_done, &w[0]);
	w[1].wait = account_ready(get_account(), on_done, &w[1]);
	account_wait_free(w[0].wait);
	scripted_http_run();
	assert_int_equal(w[0].calls, 0);
	assert_told(&w[1], "");
	account_wait_free(NULL);
}

static void
test_an_account_can_be_freed_at_any_step(void **state)
{
	(void)state;
	for (int turns = 0; turns < 12; turns++) {
		struct waiter w = { 0 };
		unsigned calls;

		ANSWER(DIRECTORY_WITH(""), NONCE, ACCOUNT(201));
		w.wait = account_ready(get_account(), on_done, &w);
		for (int i = 0; i < turns && w.calls == 0; i++)
			event_base_loop(h.loop, EVLOOP_ONCE);
		calls = w.calls;
		accounts_set_config(t.all, &(struct config){ 0 });
		assert_null(accounts_find(t.all, "main"));
		scripted_http_run();
		assert_int_equal(w.calls, calls);
		h.left = 0;
		assert_int_equal(account_rig_tear_down(state), 0);
		account_rig_set_up(state);
	}
}

static void
on_done_drop_all(const struct err *err, void *arg)
{
	on_done(err, arg);
	accounts_set_config(t.all, &(struct config){ 0 });
}

static void
test_whoever_is_told_may_drop_the_account(void **state)
{
	struct waiter w[2] = { 0 };

	(void)state;
	w[0].wait = account_load_key(get_account(), on_done_drop_all, &w[0]);
	w[1].wait = account_load_key(get_account(), on_done, &w[1]);
	scripted_http_run();
	assert_told(&w[0], "");
}

static void
test_accounts_whose_settings_stay_go_on(void **state)
{
	struct account_config changed = t.settings;
	char *more[] = { contacts[0], text_of("mailto:b@example.org"), NULL };
	struct account_config same = t.settings;
	struct account_config *list[] = { &same };
	struct config next = { .accounts = list, .n_accounts = 1 };
	struct account *a = account_ref(get_account());

	(void)state;
	accounts_set_config(t.all, &next);
	assert_ptr_equal(get_account(), a);
	changed.contact = more;
	list[0] = &changed;
	accounts_set_config(t.all, &next);
	assert_ptr_not_equal(get_account(), a);
	assert_string_equal(account_name(a), "main"); /* who keeps it keeps its settings */
	account_free(a);
	account_free(NULL);
	accounts_free(NULL);
}

static void
test_every_setting_counts(void **state)
{
	for (int field = 0; field < 11; field++) {
		struct account_config other = t.settings;
		struct account_config *list[] = { &other };
		struct config next = { .accounts = list, .n_accounts = 1 };
		struct account *a = account_ref(get_account());
		char **strings[] = { &other.directory, &other.key, &other.url,
			&other.eab_kid, &other.eab_key, &other.eab_alg, &other.trust,
			&other.proxy };

		if (field < 8)
			*strings[field] = text_of("https://other.example/");
		other.agree_tos ^= field == 8;
		other.key_type += field == 9;
		other.timeout_ms += field == 10;
		accounts_set_config(t.all, &next);
		assert_ptr_not_equal(get_account(), a);
		account_free(a);
		assert_int_equal(account_rig_tear_down(state), 0);
		account_rig_set_up(state);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ACCOUNT_TEST(test_a_key_is_made_once_for_all_who_wait),
		ACCOUNT_TEST(test_the_key_of_before_is_used),
		ACCOUNT_TEST(test_a_damaged_key_is_not_replaced),
		ACCOUNT_TEST(test_a_key_that_cannot_be_saved_is_not_used),
		ACCOUNT_TEST(test_a_key_of_the_administrators_is_read_from_its_file),
		ACCOUNT_TEST(test_a_key_file_that_is_missing_is_named_and_not_made),
		ACCOUNT_TEST(test_the_directory_is_looked_at_daily_and_the_account_stays),
		ACCOUNT_TEST(test_a_wait_freed_early_is_not_told),
		ACCOUNT_TEST(test_an_account_can_be_freed_at_any_step),
		ACCOUNT_TEST(test_whoever_is_told_may_drop_the_account),
		ACCOUNT_TEST(test_accounts_whose_settings_stay_go_on),
		ACCOUNT_TEST(test_every_setting_counts),
	};

	return cmocka_run_group_tests_name("account life", tests, NULL, NULL);
}
