#include <string.h>
#include "config_schema.h"

#define TEXT(text)    "\"" text "\""
#define DEFAULT(json) .value = json
#define GIVEN         .value = NULL /* whoever writes the thing gives it */
#define RANGE(lo, hi) .low = (lo), .high = (hi)

#define KINDS    .words = "google|openai"
#define GROUPS   .words = "disabled|allowlist|open"
#define SESSIONS .words = "per_person|shared"
#define TELEGRAM "channels.telegram"
#define MAPPING  "hooks.mappings[]"

enum {
	DAY_S = 24 * 60 * 60,
	ANY_MAX = 1000000000, /* more than anybody means */
};
#define BYTES_MAX (INT64_C(1) << 50) /* a number that a double holds */

/* Adding a key is adding a row.  The man page is openclaw.yaml(5). */
/* clang-format off */
static const struct schema_key key[] = {
/* which model answers */
{"primary_model", SCHEMA_MODEL, DEFAULT(TEXT("google/gemini-2.5-flash"))},
{"fallbacks", SCHEMA_LIST, DEFAULT("[" TEXT("local/runbook") "]")},
{"fallbacks[]", SCHEMA_MODEL, GIVEN},
{"litellm_base_url", SCHEMA_URL, DEFAULT("null")},
{"allow_unconfigured", SCHEMA_BOOL, DEFAULT("false")},

{"providers", SCHEMA_MAP, .keys = SCHEMA_NAME},
{"providers.google.kind", SCHEMA_WORD, DEFAULT(TEXT("google")), KINDS},
{"providers.google.base_url", SCHEMA_URL, DEFAULT("null")},
{"providers.google.key", SCHEMA_VARIABLE, DEFAULT(TEXT("GEMINI_API_KEY"))},
{"providers.google.stream", SCHEMA_BOOL, DEFAULT("true")},
{"providers.openai.kind", SCHEMA_WORD, DEFAULT(TEXT("openai")), KINDS},
{"providers.openai.base_url", SCHEMA_URL, DEFAULT("null")},
{"providers.openai.key", SCHEMA_VARIABLE, DEFAULT(TEXT("LITELLM_API_KEY"))},
{"providers.openai.stream", SCHEMA_BOOL, DEFAULT("true")},
{"providers.*.kind", SCHEMA_WORD, DEFAULT(TEXT("openai")), KINDS},
{"providers.*.base_url", SCHEMA_URL, DEFAULT("null")},
{"providers.*.key", SCHEMA_VARIABLE, DEFAULT("null")},
{"providers.*.stream", SCHEMA_BOOL, DEFAULT("true")},

{"models", SCHEMA_MAP, .keys = SCHEMA_MODEL},
{"models.*.images", SCHEMA_BOOL, DEFAULT("null")},
{"models.*.context", SCHEMA_INT, DEFAULT("null"), RANGE(1, ANY_MAX)}, /* gateway */
{"models.*.max_output", SCHEMA_INT, DEFAULT("null"), RANGE(1, ANY_MAX)},
{"models.*.price", SCHEMA_OBJECT, DEFAULT("null")},
{"models.*.price.input", SCHEMA_NUMBER, GIVEN, RANGE(0, ANY_MAX)},
{"models.*.price.output", SCHEMA_NUMBER, GIVEN, RANGE(0, ANY_MAX)},

{"routes", SCHEMA_LIST, DEFAULT("[]")},
{"routes[].name", SCHEMA_STRING, GIVEN},
{"routes[].when", SCHEMA_RULE, GIVEN},
{"routes[].model", SCHEMA_MODEL, GIVEN},

/* what the agent may do */
{"workspace", SCHEMA_PATH, DEFAULT(TEXT("~/.openclaw/workspace"))},
{"tools.stages", SCHEMA_LIST, DEFAULT("[" TEXT("oc-exec-tool") "," TEXT("oc-cdp") "]")},
{"tools.stages[]", SCHEMA_PROGRAM, GIVEN},
{"tools.parallel", SCHEMA_INT, DEFAULT("16"), RANGE(1, 1024)},
{"tools.exec.policy", SCHEMA_WORD, DEFAULT(TEXT("runbook")),
    .words = "runbook|full|deny|ask"},
{"tools.exec.approvers", SCHEMA_LIST, DEFAULT("[]")},
{"tools.exec.approvers[]", SCHEMA_STRING, GIVEN},
{"tools.exec.approve_within_s", SCHEMA_INT, DEFAULT("3600"), RANGE(10, 7 * DAY_S)},
{"tools.exec.look", SCHEMA_BOOL, DEFAULT("true")},
{"tools.exec.allow", SCHEMA_LIST, DEFAULT("[]")},
{"tools.exec.allow[]", SCHEMA_RULE, GIVEN},
{"tools.exec.deny", SCHEMA_LIST, DEFAULT("[]")},
{"tools.exec.deny[]", SCHEMA_RULE, GIVEN},
{"tools.exec.env", SCHEMA_LIST, DEFAULT("[]")},
{"tools.exec.env[]", SCHEMA_TOOL_VARIABLE, GIVEN},
{"tools.exec.timeout_s", SCHEMA_INT, DEFAULT("120"), RANGE(1, DAY_S)},
{"tools.exec.output_bytes", SCHEMA_INT, DEFAULT("65536"), RANGE(1024, 65536)},
{"tools.files.read", SCHEMA_LIST, DEFAULT("[]")},
{"tools.files.read[]", SCHEMA_PATH, GIVEN},
{"tools.files.write", SCHEMA_LIST, DEFAULT("[]")},
{"tools.files.write[]", SCHEMA_PATH, GIVEN},
{"tools.fetch.allow", SCHEMA_LIST, DEFAULT("[]")},
{"tools.fetch.allow[]", SCHEMA_HOST, GIVEN},
{"tools.fetch.timeout_s", SCHEMA_INT, DEFAULT("30"), RANGE(1, 600)},
{"tools.fetch.bytes", SCHEMA_INT, DEFAULT("5242880"), RANGE(1024, ANY_MAX)},

/* the browser */
{"browser.url", SCHEMA_URL, DEFAULT("null")},
{"browser.command", SCHEMA_LIST, DEFAULT("null")},
{"browser.command[]", SCHEMA_STRING, GIVEN},
{"browser.timeout_s", SCHEMA_INT, DEFAULT("30"), RANGE(1, 600)},
{"browser.keep", SCHEMA_WORD, DEFAULT(TEXT("turn")), .words = "turn|session"},
{"browser.idle_s", SCHEMA_INT, DEFAULT("300"), RANGE(1, DAY_S)},
{"browser.sessions", SCHEMA_INT, DEFAULT("8"), RANGE(1, 100)},
{"browser.cookies", SCHEMA_PATH, DEFAULT("null")},
{"browser.cookies_domains", SCHEMA_LIST, DEFAULT("null")},
{"browser.cookies_domains[]", SCHEMA_STRING, GIVEN},
{"browser.cookies_when", SCHEMA_RULE, DEFAULT("null")},
{"browser.download_bytes", SCHEMA_INT, DEFAULT("52428800"), RANGE(0, ANY_MAX)},
{"browser.download_dir", SCHEMA_PATH, DEFAULT("null")},

/* how long and how much */
{"limits.turn_s", SCHEMA_INT, DEFAULT("600"), RANGE(1, DAY_S)},
{"limits.steps", SCHEMA_INT, DEFAULT("32"), RANGE(1, 1000)},
{"limits.in_flight", SCHEMA_INT, DEFAULT("64"), RANGE(1, 100000)},
{"limits.call_s", SCHEMA_INT, DEFAULT("120"), RANGE(1, DAY_S)},
{"limits.connect_s", SCHEMA_INT, DEFAULT("5"), RANGE(1, 600)},
{"limits.first_byte_s", SCHEMA_INT, DEFAULT("30"), RANGE(1, DAY_S)},
{"limits.idle_s", SCHEMA_INT, DEFAULT("30"), RANGE(1, DAY_S)},
{"limits.prompt_chars", SCHEMA_INT, DEFAULT("60000"), RANGE(1000, ANY_MAX)},
{"limits.prompt_file_chars", SCHEMA_INT, DEFAULT("20000"),
    RANGE(1000, ANY_MAX)},
{"limits.tokens_per_day", SCHEMA_INT, DEFAULT("null"), RANGE(0, BYTES_MAX)},
{"limits.cost_per_day", SCHEMA_NUMBER, DEFAULT("null"), RANGE(0, ANY_MAX)},

/* where the work is shared */
{"queue", SCHEMA_REDIS, DEFAULT("null")},
{"labels", SCHEMA_LIST, DEFAULT("[]")},
{"labels[].name", SCHEMA_LABEL, GIVEN},
{"labels[].when", SCHEMA_RULE, GIVEN},
{"node.labels", SCHEMA_LIST, DEFAULT("[]")},
{"node.labels[]", SCHEMA_LABEL, GIVEN},
{"node.only", SCHEMA_BOOL, DEFAULT("false")},
{"node.lease_s", SCHEMA_INT, DEFAULT("30"), RANGE(1, 3600)},

/* channels */
{TELEGRAM ".enabled", SCHEMA_BOOL, DEFAULT("false")},
{TELEGRAM ".api_root", SCHEMA_URL, DEFAULT(TEXT("https://api.telegram.org"))},
{TELEGRAM ".reactions", SCHEMA_BOOL, DEFAULT("false")},
{TELEGRAM ".dm_policy", SCHEMA_WORD, DEFAULT(TEXT("pairing")),
    .words = "pairing|allowlist|open|disabled"},
{TELEGRAM ".allow_from", SCHEMA_LIST, DEFAULT("[]")},
{TELEGRAM ".allow_from[]", SCHEMA_ID, GIVEN},
{TELEGRAM ".group_policy", SCHEMA_WORD, DEFAULT(TEXT("allowlist")), GROUPS},
{TELEGRAM ".group_allow_from", SCHEMA_LIST, DEFAULT("[]")},
{TELEGRAM ".group_allow_from[]", SCHEMA_ID, GIVEN},
{TELEGRAM ".require_mention", SCHEMA_BOOL, DEFAULT("true")},
{TELEGRAM ".delivery", SCHEMA_WORD, DEFAULT(TEXT("at_least_once")),
    .words = "at_least_once|at_most_once"},
{TELEGRAM ".media_bytes", SCHEMA_INT, DEFAULT("20971520"), RANGE(0, ANY_MAX)},
{TELEGRAM ".progress", SCHEMA_BOOL, DEFAULT("true")},
{TELEGRAM ".poll_timeout_s", SCHEMA_INT, DEFAULT("30"), RANGE(0, 50)},
{TELEGRAM ".webhook.url", SCHEMA_URL, DEFAULT("null")},
{TELEGRAM ".webhook.path", SCHEMA_URL_PATH, DEFAULT("null")},
{TELEGRAM ".groups", SCHEMA_MAP, .keys = SCHEMA_ID},
{TELEGRAM ".groups.*.require_mention", SCHEMA_BOOL, DEFAULT("null")},
{TELEGRAM ".groups.*.allow_from", SCHEMA_LIST, DEFAULT("null")},
{TELEGRAM ".groups.*.allow_from[]", SCHEMA_ID, GIVEN},
{TELEGRAM ".groups.*.policy", SCHEMA_WORD, DEFAULT("null"), GROUPS},

/* the HTTP API */
{"gateway.bind", SCHEMA_WORD, DEFAULT(TEXT("loopback")),
    .words = "loopback|lan|auto|custom"},
{"gateway.host", SCHEMA_HOST, DEFAULT("null")},
{"gateway.port", SCHEMA_INT, DEFAULT("18789"), RANGE(0, 65535)},
{"gateway.auth", SCHEMA_WORD, DEFAULT(TEXT("token")), .words = "token|none"},
{"gateway.body_bytes", SCHEMA_INT, DEFAULT("20971520"), RANGE(1024, ANY_MAX)},
{"gateway.connections", SCHEMA_INT, DEFAULT("4096"), RANGE(1, 10000)},
{"gateway.head_s", SCHEMA_INT, DEFAULT("10"), RANGE(1, 600)},
{"gateway.body_s", SCHEMA_INT, DEFAULT("60"), RANGE(1, DAY_S)},
{"gateway.idle_s", SCHEMA_INT, DEFAULT("75"), RANGE(1, DAY_S)},

/* hooks */
{"hooks.to", SCHEMA_ID, DEFAULT("null")},
{"hooks.sessions", SCHEMA_LIST, DEFAULT("[]")},
{"hooks.sessions[]", SCHEMA_STRING, GIVEN},
{"hooks.wrap", SCHEMA_BOOL, DEFAULT("true")},
{"hooks.mappings", SCHEMA_LIST, DEFAULT("[]")},
{MAPPING ".path", SCHEMA_STRING, GIVEN},
{MAPPING ".name", SCHEMA_STRING, DEFAULT("null")},
{MAPPING ".when", SCHEMA_RULE, DEFAULT("null")},
{MAPPING ".message", SCHEMA_RULE, GIVEN},
{MAPPING ".task", SCHEMA_STRING, DEFAULT("null")},
{MAPPING ".session", SCHEMA_RULE, DEFAULT("null")},
{MAPPING ".id", SCHEMA_RULE, DEFAULT("null")},
{MAPPING ".model", SCHEMA_MODEL, DEFAULT("null")},
{MAPPING ".to", SCHEMA_ID, DEFAULT("null")},
{MAPPING ".thread", SCHEMA_ID, DEFAULT("null")},
{MAPPING ".deliver", SCHEMA_BOOL, DEFAULT("true")},
{MAPPING ".wrap", SCHEMA_BOOL, DEFAULT("true")},
{MAPPING ".timeout_s", SCHEMA_INT, DEFAULT("null"), RANGE(1, DAY_S)},
{MAPPING ".secret", SCHEMA_VARIABLE, DEFAULT("null")},

/* what is remembered */
{"sessions.dm", SCHEMA_WORD, DEFAULT(TEXT("per_person")), SESSIONS},
{"sessions.group", SCHEMA_WORD, DEFAULT(TEXT("per_person")), SESSIONS},
{"sessions.retention_days", SCHEMA_INT, DEFAULT("90"), RANGE(1, 36500)},
{"sessions.archive_bytes", SCHEMA_INT, DEFAULT("1073741824"),
    RANGE(0, BYTES_MAX)},
{"sessions.inbox_bytes", SCHEMA_INT, DEFAULT("2147483648"),
    RANGE(0, BYTES_MAX)},
{"sessions.unread_days", SCHEMA_INT, DEFAULT("7"), RANGE(1, 36500)},
{"sessions.compact_tokens", SCHEMA_INT, DEFAULT("null"), RANGE(1000, ANY_MAX)},

/* what is put in place at the start */
{"provision.files", SCHEMA_LIST, DEFAULT("[]")},
{"provision.files[].from", SCHEMA_PATH, GIVEN},
{"provision.files[].to", SCHEMA_PATH, GIVEN},
{"provision.binaries", SCHEMA_LIST, DEFAULT("[]")},
{"provision.binaries[].url", SCHEMA_URL, GIVEN},
{"provision.binaries[].sha256", SCHEMA_SHA256, GIVEN},
{"provision.binaries[].to", SCHEMA_PATH, GIVEN},
{"provision.ssh.key", SCHEMA_PATH, DEFAULT("null")},
{"provision.ssh.known_hosts", SCHEMA_PATH, DEFAULT("null")},
{"provision.telegram", SCHEMA_BOOL, DEFAULT("false")},
{"provision.timeout_s", SCHEMA_INT, DEFAULT("60"), RANGE(1, 3600)},
};
/* clang-format on */
enum { KEYS = sizeof key / sizeof key[0] };

const struct schema_key *
schema_find(const char *path)
{
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(key[i].path, path) == 0)
			return &key[i];
	return NULL;
}

bool
schema_knows(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < KEYS; i++)
		if (strncmp(key[i].path, path, length) == 0 &&
		    strchr(".[", key[i].path[length]) != NULL)
			return true; /* strchr finds the final NUL as well */
	return false;
}

bool
schema_child(const char *path, size_t *position, struct buf *name)
{
	size_t length = strlen(path);

	while (*position < KEYS) {
		const char *row = key[(*position)++].path;

		if (strncmp(row, path, length) != 0)
			continue;
		row += length;
		if (length != 0 && *row++ != '.')
			continue;
		if (*row == '*')
			continue;
		buf_clear(name);
		buf_add(name, row, strcspn(row, ".["));
		return true;
	}
	return false;
}
