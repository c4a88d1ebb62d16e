/* SPDX-License-Identifier: ISC */
/* Accounts are found or registered, once for all who wait. */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/crypto/jwk.h"
#include "common/mem.h"
#include "daemon/acme/directory.h"
#include "daemon/acme/session.h"
#include "tests/unit/account_rig.h"

#define ASKED(payload)                    \
	"GET " DIRECTORY "\n"             \
	"HEAD https://ca.example/nonce\n" \
	"POST https://ca.example/account jwk n1 " payload "\n"

static void
test_an_account_is_registered_once_for_all_who_wait(void **state)
{
	struct account *a = get_account();
	struct waiter w[3] = { 0 };
	CLEAN(string) char *expected = NULL;

	(void)state;
	ANSWER(DIRECTORY_WITH("\"termsOfService\":\"https://ca.example/tos\""), NONCE,
	    ACCOUNT(201));
	w[0].wait = account_ready(a, on_done, &w[0]);
	w[1].wait = account_load_key(a, on_done, &w[1]);
	w[2].wait = account_ready(a, on_done, &w[2]);
	scripted_http_run();
	for (size_t i = 0; i < COUNT(w); i++)
		assert_told(&w[i], "");
	assert_asked(ASKED("{\"termsOfServiceAgreed\":true,"
			   "\"contact\":[\"mailto:a@example.org\"]}"));
	assert_text(&t.store, "save key of main\nsave account of main\n");
	assert_text(&t.log, "info: account main: registered at " DIRECTORY " as " URL "\n");
	expected = xasprintf("{\"directory\":\"" DIRECTORY "\",\"url\":\"" URL
			     "\",\"thumbprint\":\"%s\",\"contact\":[\"mailto:a@example."
			     "org\"],\"registered\":\"2026-09-21T14:13:20Z\"}",
	    account_thumbprint(a));
	assert_string_equal(t.stored_json, expected);
	assert_string_equal(account_url(a), URL);
	assert_string_equal(account_name(a), "main");
	assert_string_equal(account_directory_url(a), DIRECTORY);
	assert_ptr_equal(session_directory(account_session(a)), account_directory(a));

	/* And never again. */
	assert_ready();
	assert_asked("");
	assert_text(&t.store, "");
}

static void
test_an_account_is_found_by_its_key(void **state)
{
	static char *nobody[] = { NULL };

	(void)state;
	store_a_key();
	t.settings.contact = nobody;
	ANSWER(DIRECTORY_WITH(""), NONCE, ACCOUNT(200));
	assert_ready();
	assert_asked(ASKED("{\"termsOfServiceAgreed\":true}"));
	assert_text(&t.log, "info: account main: found at " DIRECTORY " as " URL "\n");
	assert_text(&t.store, "save account of main\n");
}

static void
test_an_account_that_is_on_record_is_not_asked_about(void **state)
{
	CLEAN(string) char *thumbprint = NULL;

	(void)state;
	store_a_key();
	thumbprint = jwk_thumbprint(t.stored_key);
	t.stored_json = xasprintf("{\"directory\":\"" DIRECTORY "\",\"url\":\"" URL
				  "\",\"thumbprint\":\"%s\"}",
	    thumbprint);
	ANSWER(DIRECTORY_WITH(""));
	assert_ready();
	assert_asked("GET " DIRECTORY "\n");
	assert_string_equal(account_url(get_account()), URL);
	assert_text(&t.store, "");
}

static void
test_a_record_of_another_key_or_ca_does_not_count(void **state)
{
	static const char *const records[] = {
		"{\"directory\":\"" DIRECTORY "\",\"url\":\"https://ca.example/acct/9\","
		"\"thumbprint\":\"other\"}",
		"{\"directory\":\"https://other.example/\",\"url\":"
		"\"https://ca.example/acct/9\",\"thumbprint\":\"%s\"}",
		"{\"directory\":\"" DIRECTORY "\",\"thumbprint\":\"%s\"}",
		"{\"directory\":\"" DIRECTORY "\",\"thumbprint\":\"%s\",\"url\":7}",
		"{\"url\":\"https://ca.example/acct/9\"}",
		"{}",
		"[]",
	};

	for (size_t i = 0; i < COUNT(records); i++) {
		CLEAN(string) char *thumbprint = NULL;
		const char *mark = strstr(records[i], "%s");

		store_a_key();
		thumbprint = jwk_thumbprint(t.stored_key);
		t.stored_json = mark ? xasprintf("%.*s%s%s", (int)(mark - records[i]),
					   records[i], thumbprint, mark + 2)
				     : xstrdup(records[i]);
		ANSWER(DIRECTORY_WITH(""), NONCE, ACCOUNT(200));
		assert_ready();
		assert_string_equal(account_url(get_account()), URL);
		assert_int_equal(account_rig_tear_down(state), 0);
		account_rig_set_up(state);
	}
}

static void
test_the_url_of_the_configuration_counts_most(void **state)
{
	(void)state;
	t.settings.url = text_of("https://ca.example/acct/7");
	t.stored_json = xstrdup("{\"directory\":\"" DIRECTORY "\",\"url\":\"" URL "\"}");
	ANSWER(DIRECTORY_WITH(""));
	assert_ready();
	assert_string_equal(account_url(get_account()), "https://ca.example/acct/7");
	assert_asked("GET " DIRECTORY "\n");
}

static void
test_what_the_ca_will_want_is_said_before_it_has_to(void **state)
{
	(void)state;
	t.settings.agree_tos = false;
	ANSWER(DIRECTORY_WITH("\"termsOfService\":\"https://ca.example/tos\\u001b\""));
	assert_not_ready(ERR_CONFIG,
	    "account main: the CA has terms of service (https://ca.example/tos?): read "
	    "them, then set agree-tos: true");
	directory_forget(account_directory(get_account()));
	accounts_set_config(t.all, &(struct config){ 0 });
	t.settings.agree_tos = true;
	accounts_set_config(t.all, &t.config);
	ANSWER(DIRECTORY_WITH("\"externalAccountRequired\":true"));
	assert_not_ready(ERR_CONFIG,
	    "account main: the CA wants an external account: get a key id and a key from "
	    "it, and set eab: {kid: …, key: …}");
}

static void
test_without_terms_there_is_nothing_to_agree_to(void **state)
{
	(void)state;
	t.settings.agree_tos = false;
	ANSWER(DIRECTORY_WITH(""), NONCE, ACCOUNT(201));
	assert_ready();
	assert_asked(ASKED("{\"termsOfServiceAgreed\":false,"
			   "\"contact\":[\"mailto:a@example.org\"]}"));
}

static void
test_an_external_account_is_bound(void **state)
{
	(void)state;
	t.settings.eab_kid = text_of("kid-1");
	t.settings.eab_key = text_of("c2VjcmV0"); /* secret */
	ANSWER(DIRECTORY_WITH("\"externalAccountRequired\":true"), NONCE, ACCOUNT(201));
	assert_ready();
	assert_asked(ASKED("{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@"
			   "example.org\"],\"externalAccountBinding\":\"kid-1 HS256 secret "
			   "https://ca.example/account\"}"));
}

static void
test_an_external_account_may_choose_its_algorithm(void **state)
{
	(void)state;
	t.settings.eab_kid = text_of("kid-1");
	t.settings.eab_key = text_of("c2VjcmV0");
	t.settings.eab_alg = text_of("HS512");
	ANSWER(DIRECTORY_WITH(""), NONCE, ACCOUNT(201));
	assert_ready();
	assert_non_null(strstr(h.transcript.s, "\"kid-1 HS512 secret "));
}

static void
test_a_wrong_external_key_is_no_secret_to_tell(void **state)
{
	(void)state;
	t.settings.eab_kid = text_of("kid-1");
	t.settings.eab_key = text_of("not base64!");
	ANSWER(DIRECTORY_WITH(""));
	assert_not_ready(ERR_CONFIG,
	    "account main: eab.key: not base64: a character is not in the alphabet");
	t.settings.eab_key = text_of("YQ");
	assert_not_ready(ERR_CONFIG, "account main: eab.key: too short");
}

/* ---- failures ---- */

static void
test_a_failure_is_told_to_all_and_the_next_try_goes_on_from_there(void **state)
{
	struct account *a = get_account();
	struct waiter w[3] = { 0 };

	(void)state;
	ANSWER(DIRECTORY_WITH(""), NONCE, { .status = 503, .headers = "Retry-After: 9" });
	w[0].wait = account_ready(a, on_done, &w[0]);
	w[1].wait = account_load_key(a, on_done, &w[1]);
	w[2].wait = account_ready(a, on_done, &w[2]);
	scripted_http_run();
	assert_told(&w[0], "account main: newAccount: the CA answered 503 and no reason");
	assert_told(&w[1], ""); /* who wanted the key has it */
	assert_told(&w[2], "account main: newAccount: the CA answered 503 and no reason");
	assert_int_equal(w[0].err.retry_after, 9);
	assert_text(&t.store, "save key of main\n");
	text_clear(&h.transcript);

	ANSWER(NONCE, ACCOUNT(201));
	assert_ready();
	assert_asked("HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/account jwk n1 {\"termsOfServiceAgreed\":"
		     "true,\"contact\":[\"mailto:a@example.org\"]}\n");
	assert_text(&t.store, "save account of main\n");
}

static void
test_whoever_tries_again_at_once_takes_the_others_along(void **state)
{
	struct account *a = get_account();
	struct waiter w[2] = { 0 };

	(void)state;
	ANSWER({ .status = 503 }, DIRECTORY_WITH(""), NONCE, ACCOUNT(201));
	w[0].again = a;
	w[0].wait = account_ready(a, on_done, &w[0]);
	w[1].wait = account_ready(a, on_done, &w[1]);
	scripted_http_run();
	assert_int_equal(w[0].calls, 2);
	assert_int_equal(w[0].err.kind, ERR_NONE);
	assert_told(&w[1], "");
}

static void
test_failures_name_what_failed(void **state)
{
	static const struct {
		struct scripted_reply replies[3];
		size_t count;
		enum err_kind kind;
		const char *text;
	} cases[] = {
		{ { { .status = 404 } }, 1, ERR_PROTOCOL,
		    "account main: directory " DIRECTORY
		    ": the CA answered 404 and no reason" },
		{ { DIRECTORY_WITH(""), { .status = 500 } }, 2, ERR_NETWORK,
		    "account main: newAccount: newNonce: the CA answered 500 and no "
		    "reason" },
		{ { DIRECTORY_WITH(""), NONCE,
		      { .status = 201, .body = "{\"status\":\"valid\"}" } },
		    3, ERR_PROTOCOL,
		    "account main: newAccount: no Location in the answer" },
		{ { DIRECTORY_WITH(""), NONCE,
		      { .status = 201, .headers = "Location: https://evil.test/acct/1" } },
		    3, ERR_PROTOCOL,
		    "account main: newAccount: Location: the CA refers to a host that is "
		    "not its own: "
		    "https://evil.test/acct/1" },
		{ { DIRECTORY_WITH(""), NONCE,
		      { .status = 403,
			  .body = "{\"type\":\"urn:ietf:params:acme:error:unauthorized\","
				  "\"detail\":\"deactivated\"}" } },
		    3, ERR_REFUSED,
		    "account main: newAccount: deactivated (unauthorized)" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		scripted_http_answer(cases[i].replies, cases[i].count);
		assert_not_ready(cases[i].kind, cases[i].text);
		assert_int_equal(account_rig_tear_down(state), 0);
		account_rig_set_up(state);
	}
}

static void
test_a_record_that_cannot_be_saved_does_no_harm(void **state)
{
	(void)state;
	store_a_key();
	err_set(&t.cannot_save, ERR_SYSTEM, "no space");
	ANSWER(DIRECTORY_WITH(""), NONCE, ACCOUNT(201));
	assert_ready();
	assert_text(&t.log, "info: account main: registered at " DIRECTORY " as " URL "\n"
			    "warn: account main: no space\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ACCOUNT_TEST(test_an_account_is_registered_once_for_all_who_wait),
		ACCOUNT_TEST(test_an_account_is_found_by_its_key),
		ACCOUNT_TEST(test_an_account_that_is_on_record_is_not_asked_about),
		ACCOUNT_TEST(test_a_record_of_another_key_or_ca_does_not_count),
		ACCOUNT_TEST(test_the_url_of_the_configuration_counts_most),
		ACCOUNT_TEST(test_what_the_ca_will_want_is_said_before_it_has_to),
		ACCOUNT_TEST(test_without_terms_there_is_nothing_to_agree_to),
		ACCOUNT_TEST(test_an_external_account_is_bound),
		ACCOUNT_TEST(test_an_external_account_may_choose_its_algorithm),
		ACCOUNT_TEST(test_a_wrong_external_key_is_no_secret_to_tell),
		ACCOUNT_TEST(
		    test_a_failure_is_told_to_all_and_the_next_try_goes_on_from_there),
		ACCOUNT_TEST(test_whoever_tries_again_at_once_takes_the_others_along),
		ACCOUNT_TEST(test_failures_name_what_failed),
		ACCOUNT_TEST(test_a_record_that_cannot_be_saved_does_no_harm),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
