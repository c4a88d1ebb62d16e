/* SPDX-License-Identifier: ISC */
/* The table of all keys: see schema.h. */
#include "common/endpoint.h"
#include "daemon/config/schema.h"

#define MAIN(member)    offsetof(struct config, member)
#define ACCOUNT(member) offsetof(struct account_config, member)
#define CERT(member)    offsetof(struct cert_draft, options.member)
#define OUTPUT(member)  offsetof(struct output_config, member)
#define DEPLOY(member)  offsetof(struct deploy_config, member)
#define VERIFY(member)  offsetof(struct verify_config, member)
#define NOWHERE         SCHEMA_NOWHERE
#define INERT           SCHEMA_INERT
#define MINUTE          60L
#define HOUR            (60 * MINUTE)
#define DAY             (24 * HOUR)
#define YEAR            (366 * DAY)

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

#define ROW(in, name, kind, at, ...)                                                     \
	{                                                                                \
		.section = SECTION_##in, .key = name, .type = TYPE_##kind, .offset = at, \
		__VA_ARGS__                                                              \
	}

/* clang-format off */
const struct schema_row schema_rows[] = {
	/* section, key, type, where it goes */
	ROW(MAIN, "state-dir", PATH, MAIN(state_dir), .absent = LOCALSTATEDIR "/lib/acmed"),
	ROW(MAIN, "certificates", PATH, MAIN(cert_dir), .absent = "certs.d"),
	ROW(MAIN, "include", APART, NOWHERE),
	ROW(MAIN, "control", SECTION, 0, .inner = SECTION_CONTROL),
	ROW(CONTROL, "socket", SOCKET, MAIN(control_socket), .absent = ENDPOINT_DEFAULT),
	ROW(CONTROL, "group", GROUP, MAIN(control_group)),
	ROW(CONTROL, "read-group", GROUP, MAIN(control_read_group)),
	ROW(MAIN, "log", SECTION, 0, .inner = SECTION_LOG),
	ROW(LOG, "level", LOG_LEVEL, MAIN(log_level), .absent = "info"),
	ROW(LOG, "target", WORD, MAIN(log_target), .absent = "auto",
	    .words = WORDS("auto", "journal", "syslog", "stderr")),
	ROW(MAIN, "http-01", SECTION, 0, .inner = SECTION_HTTP01_SERVER),
	ROW(HTTP01_SERVER, "listen", LISTEN, MAIN(http01_listen),
	    .absent = "0.0.0.0:80 [::]:80"),
	ROW(HTTP01_SERVER, "answer", EITHER, MAIN(http01_live_only), .absent = "any",
	    .words = WORDS("any", "live")),
	ROW(MAIN, "tls-alpn-01", SECTION, 0, .inner = SECTION_TLS_ALPN01_SERVER),
	ROW(TLS_ALPN01_SERVER, "listen", LISTEN, MAIN(tls_alpn01_listen)),
	ROW(MAIN, "metrics", SECTION, 0, .flags = INERT, .inner = SECTION_METRICS),
	ROW(METRICS, "listen", ADDRESS, MAIN(metrics_listen)),
	ROW(MAIN, "limits", SECTION, 0, .inner = SECTION_LIMITS),
	ROW(LIMITS, "concurrent-orders", NUMBER, MAIN(concurrent_orders), .absent = "32",
	    .least = 1, .most = 1000),
	ROW(LIMITS, "concurrent-orders-per-account", NUMBER,
	    MAIN(concurrent_orders_per_account), .absent = "8", .least = 1, .most = 1000),
	ROW(LIMITS, "failed-validations-per-name", NUMBER,
	    MAIN(failed_validations_per_name), .absent = "4", .least = 1, .most = 1000),
	ROW(LIMITS, "ari-poll", SECTION, 0, .inner = SECTION_ARI_POLL),
	ROW(ARI_POLL, "min", DURATION, MAIN(ari_poll_min), .absent = "1m", .least = 1,
	    .most = YEAR),
	ROW(ARI_POLL, "max", DURATION, MAIN(ari_poll_max), .absent = "1d", .least = 1,
	    .most = YEAR),
	ROW(MAIN, "accounts", APART, NOWHERE),
	ROW(MAIN, "defaults", APART, NOWHERE),

	ROW(ACCOUNT, "directory", DIRECTORY, ACCOUNT(directory), .flags = SCHEMA_REQUIRED),
	ROW(ACCOUNT, "staging", DIRECTORY, ACCOUNT(staging)),
	ROW(ACCOUNT, "contact", CONTACTS, ACCOUNT(contact)),
	ROW(ACCOUNT, "agree-tos", BOOL, ACCOUNT(agree_tos), .absent = "false"),
	ROW(ACCOUNT, "key-type", KEY_TYPE, ACCOUNT(key_type), .absent = "ec:P-256"),
	ROW(ACCOUNT, "key", FILE, ACCOUNT(key)),
	ROW(ACCOUNT, "url", URL, ACCOUNT(url)),
	ROW(ACCOUNT, "eab", SECTION, 0, .inner = SECTION_EAB),
	ROW(EAB, "kid", TEXT, ACCOUNT(eab_kid), .flags = SCHEMA_REQUIRED),
	ROW(EAB, "key", SECRET, ACCOUNT(eab_key), .flags = SCHEMA_REQUIRED | SCHEMA_SECRET),
	ROW(EAB, "alg", WORD, ACCOUNT(eab_alg), .absent = "HS256",
	    .words = WORDS("HS256", "HS384", "HS512")),
	ROW(ACCOUNT, "gssapi-keytab", FILE, ACCOUNT(gssapi_keytab), .flags = INERT),
	ROW(ACCOUNT, "trust", FILE, ACCOUNT(trust)),
	ROW(ACCOUNT, "proxy", PROXY, ACCOUNT(proxy)),
	ROW(ACCOUNT, "timeout", TIMEOUT, ACCOUNT(timeout_ms), .absent = "30s", .least = 1,
	    .most = 10 * MINUTE),
	ROW(ACCOUNT, "budget", SECTION, 0, .inner = SECTION_BUDGET),
	ROW(BUDGET, "orders", NUMBER, ACCOUNT(budget_orders), .absent = "0",
	    .most = 1000000),
	ROW(BUDGET, "orders-per", DURATION, ACCOUNT(budget_orders_per), .absent = "3h",
	    .least = MINUTE, .most = YEAR),
	ROW(BUDGET, "duplicates", NUMBER, ACCOUNT(budget_duplicates), .absent = "0",
	    .most = 1000000),
	ROW(BUDGET, "duplicates-per", DURATION, ACCOUNT(budget_duplicates_per),
	    .absent = "7d", .least = MINUTE, .most = YEAR),

	ROW(CERT, "name", FILE_NAME, offsetof(struct cert_draft, name),
	    .flags = SCHEMA_OWN),
	ROW(CERT, "names", NAMES, offsetof(struct cert_draft, names),
	    .flags = SCHEMA_OWN | SCHEMA_REQUIRED),
	ROW(CERT, "account", ACCOUNT_NAMES, CERT(accounts)),
	ROW(CERT, "challenge", CHALLENGE, CERT(rules), .absent = "http-01"),
	ROW(CERT, "key-type", KEY_TYPE, CERT(key_type), .absent = "ec:P-256"),
	ROW(CERT, "reuse-key", BOOL, CERT(reuse_key), .absent = "false"),
	ROW(CERT, "key", FILE, NOWHERE, .flags = INERT),
	ROW(CERT, "csr", FILE, NOWHERE, .flags = INERT),
	ROW(CERT, "profile", TEXT, CERT(profile)),
	ROW(CERT, "preferred-chain", TEXT, CERT(preferred_chain), .flags = INERT),
	ROW(CERT, "not-after", LIFETIME, CERT(not_after), .least = HOUR, .most = 10 * YEAR),
	ROW(CERT, "must-staple", BOOL, CERT(must_staple), .absent = "false"),
	ROW(CERT, "renew", SECTION, 0, .inner = SECTION_RENEW),
	ROW(RENEW, "ari", BOOL, CERT(renew_ari), .absent = "true"),
	ROW(RENEW, "before", SHARE, CERT(renew_before), .absent = "33%", .least = 1,
	    .most = YEAR),
	ROW(CERT, "on-name-failure", WORD, NOWHERE, .absent = "fail", .flags = INERT,
	    .words = WORDS("fail", "drop")),
	ROW(CERT, "dns-01", SECTION, 0, .inner = SECTION_DNS01),
	ROW(DNS01, "hook", SECTION, 0, .flags = INERT, .inner = SECTION_HOOK),
	ROW(HOOK, "command", COMMAND, NOWHERE, .flags = SCHEMA_REQUIRED),
	ROW(HOOK, "protocol", WORD, NOWHERE, .absent = "acmed",
	    .words = WORDS("acmed", "akamu", "certbot", "dehydrated", "lego", "uacme",
	        "acme.sh")),
	ROW(HOOK, "timeout", DURATION, NOWHERE, .absent = "120s", .least = 1, .most = DAY),
	ROW(DNS01, "propagation", SECTION, 0, .flags = INERT, .inner = SECTION_PROPAGATION),
	ROW(PROPAGATION, "wait", WAIT, NOWHERE, .absent = "authoritative",
	    .words = WORDS("authoritative", "resolver", "none"), .least = 1, .most = DAY),
	ROW(PROPAGATION, "timeout", DURATION, NOWHERE, .absent = "300s", .least = 1,
	    .most = DAY),
	ROW(CERT, "dns-persist-01", SECTION, 0, .flags = INERT,
	    .inner = SECTION_DNS_PERSIST01),
	ROW(DNS_PERSIST01, "policy", WORD, NOWHERE, .words = WORDS("wildcard")),
	ROW(DNS_PERSIST01, "persist-until", TIME, NOWHERE),
	ROW(CERT, "http-01", SECTION, 0, .inner = SECTION_HTTP01),
	ROW(HTTP01, "mode", WORD, NOWHERE, .absent = "listen", .flags = INERT,
	    .words = WORDS("listen", "external", "webroot", "hook")),
	ROW(CERT, "preflight", WORD, NOWHERE, .absent = "off", .flags = INERT,
	    .words = WORDS("off", "warn", "require")),
	ROW(CERT, "rehearse", DURATION, NOWHERE, .flags = INERT, .least = HOUR,
	    .most = YEAR),
	ROW(CERT, "bootstrap", EITHER, CERT(bootstrap_self_signed), .absent = "none",
	    .flags = INERT, .words = WORDS("none", "self-signed")),
	ROW(CERT, "keep-versions", NUMBER, CERT(keep_versions), .absent = "5", .least = 1,
	    .most = 1000),
	ROW(CERT, "onion", SECTION, 0, .flags = INERT, .inner = SECTION_ONION),
	ROW(ONION, "key", FILE, NOWHERE, .flags = SCHEMA_REQUIRED),
	ROW(CERT, "tkauth", SECTION, 0, .flags = INERT, .inner = SECTION_TKAUTH),
	ROW(TKAUTH, "url", URL, NOWHERE, .flags = SCHEMA_REQUIRED),
	ROW(TKAUTH, "keytab", FILE, NOWHERE),
	ROW(TKAUTH, "jwtcc", BASE64URL, NOWHERE),
	ROW(CERT, "outputs", SECTIONS, CERT(outputs), .inner = SECTION_OUTPUT,
	    .size = sizeof(struct output_config)),
	ROW(OUTPUT, "path", PATH, OUTPUT(path), .flags = SCHEMA_REQUIRED),
	ROW(OUTPUT, "format", WORD, OUTPUT(format), .flags = SCHEMA_REQUIRED,
	    .words = WORDS("fullchain", "cert", "chain", "key", "combined", "pkcs12",
	        "der")), /* in the order of enum output_format */
	ROW(OUTPUT, "owner", TEXT, OUTPUT(owner)),
	ROW(OUTPUT, "group", TEXT, OUTPUT(group)),
	ROW(OUTPUT, "mode", FILE_MODE, OUTPUT(mode)),
	ROW(OUTPUT, "password", SECRET, OUTPUT(password), .flags = SCHEMA_SECRET),
	ROW(CERT, "deploy", SECTIONS, CERT(deploy), .flags = SCHEMA_ONE_KEY,
	    .inner = SECTION_DEPLOY, .size = sizeof(struct deploy_config)),
	ROW(DEPLOY, "reload", UNIT, DEPLOY(reload)),
	ROW(DEPLOY, "restart", UNIT, DEPLOY(restart)),
	ROW(DEPLOY, "start", UNIT, DEPLOY(start)),
	ROW(DEPLOY, "queue", FILE_NAME, DEPLOY(queue)),
	ROW(DEPLOY, "run", COMMAND, DEPLOY(run), .flags = SCHEMA_PROGRAM),
	ROW(CERT, "deploy-window", WINDOW, CERT(deploy_window)),
	ROW(CERT, "verify", SECTIONS, CERT(verify), .inner = SECTION_VERIFY,
	    .size = sizeof(struct verify_config)),
	ROW(VERIFY, "connect", CONNECT, VERIFY(connect), .flags = SCHEMA_REQUIRED),
	ROW(VERIFY, "starttls", WORD, VERIFY(starttls),
	    .words = WORDS("smtp", "lmtp", "imap", "pop3", "ftp", "ldap", "postgres",
	        "xmpp", "nntp", "sieve")),
	ROW(VERIFY, "sni", TEXT, VERIFY(sni)),
	ROW(CERT, "rollback-on-failure", BOOL, CERT(rollback_on_failure),
	    .absent = "false"),
	ROW(CERT, "notify", SECTIONS, CERT(notify), .inner = SECTION_NOTIFY,
	    .size = sizeof(struct notify_config)),
	ROW(NOTIFY, "run", COMMAND, offsetof(struct notify_config, run),
	    .flags = SCHEMA_REQUIRED | SCHEMA_PROGRAM),
};
/* clang-format on */

const size_t schema_row_count = sizeof(schema_rows) / sizeof(schema_rows[0]);

static const char *const prefixes[SECTION_COUNT] = {
	[SECTION_CONTROL] = "control.",
	[SECTION_LOG] = "log.",
	[SECTION_HTTP01_SERVER] = "http-01.",
	[SECTION_TLS_ALPN01_SERVER] = "tls-alpn-01.",
	[SECTION_METRICS] = "metrics.",
	[SECTION_LIMITS] = "limits.",
	[SECTION_ARI_POLL] = "limits.ari-poll.",
	[SECTION_EAB] = "eab.",
	[SECTION_BUDGET] = "budget.",
	[SECTION_RENEW] = "renew.",
	[SECTION_DNS01] = "dns-01.",
	[SECTION_HOOK] = "dns-01.hook.",
	[SECTION_PROPAGATION] = "dns-01.propagation.",
	[SECTION_DNS_PERSIST01] = "dns-persist-01.",
	[SECTION_HTTP01] = "http-01.",
	[SECTION_ONION] = "onion.",
	[SECTION_TKAUTH] = "tkauth.",
	[SECTION_OUTPUT] = "outputs.",
	[SECTION_DEPLOY] = "deploy.",
	[SECTION_VERIFY] = "verify.",
	[SECTION_NOTIFY] = "notify.",
};

const char *
schema_section_prefix(enum schema_section section)
{
	return prefixes[section] != NULL ? prefixes[section] : "";
}

/* The types that schema.c walks into have no reader. */
const struct schema_type_info schema_types[TYPE_COUNT] = {
	[TYPE_APART] = { NULL, STORAGE_NONE },
	[TYPE_SECTION] = { NULL, STORAGE_NONE },
	[TYPE_SECTIONS] = { NULL, STORAGE_SECTIONS },
	[TYPE_BOOL] = { schema_read_bool, STORAGE_BOOL },
	[TYPE_EITHER] = { schema_read_either, STORAGE_BOOL },
	[TYPE_TEXT] = { schema_read_text, STORAGE_TEXT },
	[TYPE_WORD] = { schema_read_word, STORAGE_TEXT },
	[TYPE_NUMBER] = { schema_read_number, STORAGE_NUMBER },
	[TYPE_DURATION] = { schema_read_duration, STORAGE_SECONDS },
	[TYPE_TIMEOUT] = { schema_read_timeout, STORAGE_MILLISECONDS },
	[TYPE_SHARE] = { schema_read_share, STORAGE_SHARE },
	[TYPE_LIFETIME] = { schema_read_lifetime, STORAGE_SHARE },
	[TYPE_TIME] = { schema_read_time, STORAGE_SECONDS },
	[TYPE_WAIT] = { schema_read_wait, STORAGE_TEXT },
	[TYPE_WINDOW] = { schema_read_window, STORAGE_TEXT },
	[TYPE_LOG_LEVEL] = { schema_read_log_level, STORAGE_LOG_LEVEL },
	[TYPE_KEY_TYPE] = { schema_read_key_type, STORAGE_KEY_TYPE },
	[TYPE_PATH] = { schema_read_path, STORAGE_TEXT },
	[TYPE_SOCKET] = { schema_read_socket, STORAGE_TEXT },
	[TYPE_FILE] = { schema_read_file, STORAGE_TEXT },
	[TYPE_SECRET] = { schema_read_secret, STORAGE_TEXT },
	[TYPE_GROUP] = { schema_read_group, STORAGE_TEXT },
	[TYPE_FILE_MODE] = { schema_read_mode, STORAGE_TEXT },
	[TYPE_COMMAND] = { schema_read_command, STORAGE_LIST },
	[TYPE_UNIT] = { schema_read_unit, STORAGE_TEXT },
	[TYPE_FILE_NAME] = { schema_read_file_name, STORAGE_TEXT },
	[TYPE_BASE64URL] = { schema_read_base64url, STORAGE_TEXT },
	[TYPE_DIRECTORY] = { schema_read_directory, STORAGE_TEXT },
	[TYPE_URL] = { schema_read_url, STORAGE_TEXT },
	[TYPE_PROXY] = { schema_read_proxy, STORAGE_TEXT },
	[TYPE_CONTACTS] = { schema_read_contacts, STORAGE_LIST },
	[TYPE_LISTEN] = { schema_read_listen, STORAGE_LIST },
	[TYPE_ADDRESS] = { schema_read_address, STORAGE_TEXT },
	[TYPE_CONNECT] = { schema_read_connect, STORAGE_TEXT },
	[TYPE_NAMES] = { schema_read_names, STORAGE_LIST },
	[TYPE_CHALLENGE] = { schema_read_challenge, STORAGE_RULES },
	[TYPE_ACCOUNT_NAMES] = { schema_read_account_names, STORAGE_LIST },
};
