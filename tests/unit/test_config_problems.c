#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "json.h"
#include "problem.h"

/* The text is refused with exactly these problems. */
static void
refuse_with(const char *text, const char *expected)
{
	struct buf problems = {0};
	struct config config;

	if (config_parse(&config, "f", text, strlen(text), &problems))
		fail_msg("accepted: %s", text);
	assert_string_equal(buf_string(&problems), expected);
	buf_free(&problems);
	config_free(&config);
}

/* The text is refused with one problem at the place, with the words. */
static void
refuse(const char *text, const char *place, const char *words)
{
	struct buf problems = {0};
	struct config config;
	char *newline;

	if (config_parse(&config, "f", text, strlen(text), &problems))
		fail_msg("accepted: %s", text);
	newline = strchr(problems.data, '\n');
	if (strncmp(problems.data, place, strlen(place)) != 0 ||
	    strstr(problems.data, words) == NULL || newline == NULL ||
	    newline[1] != '\0')
		fail_msg("%s\n%sis not %s ... %s", text, problems.data, place,
		    words);
	buf_free(&problems);
	config_free(&config);
}

static void
accept(const char *text)
{
	struct buf problems = {0};
	struct config config;

	if (!config_parse(&config, "f", text, strlen(text), &problems))
		fail_msg("%s\n%s", text, buf_string(&problems));
	config_free(&config);
}

static void
unknown_keys_get_a_suggestion(void **state)
{
	(void)state;
	refuse_with("fallback: []\n",
	    "f:1:1: unknown key `fallback`; did you mean `fallbacks`?\n");
	refuse("limits: {step: 1}", "f:1:10:", "did you mean `steps`?");
	refuse("limits: {trun_s: 1}", "f:1:10:", "did you mean `turn_s`?");
	refuse("tools: {exec: {zzzzz: 1}}", "f:1:16:",
	    "known here: policy, approvers, approve_within_s, look, allow, "
	    "deny, env, timeout_s, "
	    "output_bytes");
	refuse("providers: {x: {url: 'http://a'}}", "f:1:17:", "base_url");
	/* a key that reads like a path is no path */
	refuse("limits.turn_s: 5", "f:1:1:", "unknown key");
	refuse("'fallbacks[]': 5", "f:1:1:", "unknown key");
	refuse("'*': 5", "f:1:1:", "unknown key");
	refuse("\"a\\nb\": 5", "f:1:1:", "unknown key `a?b`");
	refuse("\"\": 5", "f:1:1:", "unknown key ``");
}

static void
wrong_types_are_refused(void **state)
{
	(void)state;
	refuse("allow_unconfigured: yes", "f:1:21:", "write true or false");
	refuse("allow_unconfigured: 'true'", "f:1:21:", "without quotes");
	refuse("allow_unconfigured: 1", "f:1:21:", "expected true or false");
	refuse("limits: {steps: '5'}", "f:1:17:", "without quotes");
	refuse("limits: {steps: 5.0}", "f:1:17:", "whole number");
	refuse("limits: {steps: null}", "f:1:17:", "found null");
	refuse("limits: {steps: [5]}", "f:1:17:", "found a list");
	refuse("limits: {steps: 0}", "f:1:17:", "from 1 to 1000");
	refuse("limits: {steps: 99999999999999999999}", "f:1:17:", "range");
	refuse("limits: {cost_per_day: .inf}", "f:1:24:", "range");
	refuse("limits: {cost_per_day: -1}", "f:1:24:", "range");
	refuse("limits: 5", "f:1:9:", "expected a mapping");
	refuse("fallbacks: local/runbook", "f:1:12:", "expected a list");
	refuse("fallbacks: {a: b}", "f:1:12:", "found a mapping");
	refuse("primary_model: 5", "f:1:16:", "put it in quotes");
	refuse("primary_model: {}", "f:1:16:", "found a mapping");
	refuse("workspace: ~", "f:1:12:", "found null");
	refuse("[1, 2]", "f:1:1:", "expected a mapping");
	refuse("just text", "f:1:1:", "expected a mapping");
	refuse("tools: {exec: {policy: fully}}",
	    "f:1:24:", "runbook|full|deny|ask");
	refuse("tools: {exec: {policy: ''}}", "f:1:24:", "one of");
	refuse("tools: {exec: {policy: 'full|deny'}}", "f:1:24:", "one of");
}

static void
values_of_each_kind_are_checked(void **state)
{
	(void)state;
	refuse("workspace: here", "f:1:12:", "begins with / or ~/");
	refuse("workspace: \"/a\\tb\"", "f:1:12:", "one line");
	refuse("tools: {stages: ['a b']}", "f:1:18:", "without arguments");
	refuse("tools: {stages: ['-a']}", "f:1:18:", "name or path");
	refuse("tools: {files: {read: [a]}}", "f:1:24:", "begins with /");
	refuse("litellm_base_url: ftp://a", "f:1:19:", "http:// or https://");
	refuse("litellm_base_url: http://", "f:1:19:", "host");
	refuse("litellm_base_url: http://a?key=b", "f:1:19:", "`?`");
	refuse("litellm_base_url: 'http://a b'", "f:1:19:", "spaces");
	accept("tools: {exec: {env: [PATH, LANG]}}");
	refuse("providers: {x: {key: PATH}}", "f:1:22:", "no key's");
	refuse("tools: {exec: {env: [lang]}}", "f:1:22:", "NAME");
	refuse("tools: {exec: {env: [9A]}}", "f:1:22:", "NAME");
	refuse("tools: {exec: {env: [GEMINI_API_KEY]}}",
	    "f:1:22:", "holds a secret");
	refuse("tools: {exec: {env: [GEMINI_API_KEY_FILE]}}",
	    "f:1:22:", "holds a secret");
	refuse("tools: {exec: {env: [MY_KEY]}}\n"
	       "providers: {my: {key: MY_KEY}}",
	    "f:1:22:", "holds a secret");
	refuse("tools: {exec: {allow: ['']}}", "f:1:24:", "jq expression");
}

static void
hosts_are_checked(void **state)
{
	static const char *const right[] = {"example.org", "a_b-c", "10.0.0.1",
	    "10.0.0.0/8", "fd00::/8", "fd00::1", "[fd00::1]", "[fd00::1]:80",
	    "localhost:8080", "10.0.0.1:1"};
	static const char *const wrong[] = {"10.0.0.0/33", "10.0.0.0/", "a/8",
	    "a:0", "a:65536", "a:", ":80", "*.a", "a b", "[::1]x",
	    "[::1]:", "[::1", "fd00::/129", "http://a", "a:b:c", "10.0.0.0/8/8",
	    "a@b", "10.0.0.0/ 8", "a:+1"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
		snprintf(text, sizeof text, "tools: {fetch: {allow: ['%s']}}",
		    right[i]);
		accept(text);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		snprintf(text, sizeof text, "tools: {fetch: {allow: ['%s']}}",
		    wrong[i]);
		refuse(text, "f:1:25:", "a host");
	}
}

static void
models_need_a_configured_provider(void **state)
{
	(void)state;
	accept("primary_model: local/runbook");
	accept("providers: {x: {}}\nprimary_model: x/y/z");
	refuse("primary_model: gpt", "f:1:16:", "PROVIDER/MODEL");
	refuse("primary_model: /a", "f:1:16:", "PROVIDER/MODEL");
	refuse("primary_model: a/", "f:1:16:", "PROVIDER/MODEL");
	refuse("primary_model: 'openai/a b'", "f:1:16:", "PROVIDER/MODEL");
	refuse("primary_model: x/y", "f:1:16:", "no provider `x`");
	refuse("primary_model: local/other", "f:1:16:", "`local/runbook`");
	refuse("fallbacks:\n  - openai/a\n  - x/y", "f:3:5:", "provider `x`");
	refuse("models:\n  x/y: {}", "f:2:3:", "no provider `x`");
	refuse("models:\n  gpt: {}", "f:2:3:", "PROVIDER/MODEL");
	refuse("routes: [{name: a, when: '.', model: x/y}]",
	    "f:1:38:", "no provider `x`");
}

static void
what_must_be_given_is_missed(void **state)
{
	(void)state;
	refuse("routes:\n  - {name: a, when: '.'}",
	    "f:2:5:", "`model` is missing");
	refuse("routes:\n  - {when: '.', model: openai/x}",
	    "f:2:5:", "`name` is missing");
	refuse("models: {openai/x: {price: {input: 1}}}",
	    "f:1:21:", "`output` is missing");
}

static void
usernames_are_no_ids(void **state)
{
	(void)state;
	refuse("channels: {telegram: {allow_from: ['@ada']}}",
	    "f:1:36:", "usernames change hands");
	refuse("channels: {telegram: {allow_from: [ada]}}",
	    "f:1:36:", "a numeric id");
	refuse("channels: {telegram: {allow_from: [1.5]}}", "f:1:36:", "");
	refuse("channels: {telegram: {allow_from: [0x1f]}}", "f:1:36:", "");
	refuse("channels: {telegram: {groups: {'@g': {}}}}",
	    "f:1:32:", "usernames change hands");
}

/* Each is refused, and neither the value nor a part of it is repeated. */
static void
secrets_are_refused_and_not_repeated(void **state)
{
	static const char *const text[] = {
	    "api_key: sk-hush",
	    "providers: {google: {api_key: sk-hush}}",
	    "providers: {google: {apiKey: sk-hush}}",
	    "providers: {google: {key: sk-hush}}",
	    "providers: {google: {key: \"hush hush\"}}",
	    "channels: {telegram: {token: '12:hush'}}",
	    "channels: {telegram: {bot_token: '12:hush'}}",
	    "gateway_password: hush",
	    "openai_key: hush",
	    "litellm_base_url: http://me:hush@llm:4000",
	    "litellm_base_url: http://hush@llm:4000",
	    "litellm_base_url: http://llm:4000?key=hush",
	    "tools: {exec: {env: [hush]}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
		struct buf problems = {0};
		struct config config;

		if (config_parse(
			&config, "f", text[i], strlen(text[i]), &problems))
			fail_msg("accepted: %s", text[i]);
		if (strstr(problems.data, "hush") != NULL)
			fail_msg("%s", problems.data);
		buf_free(&problems);
	}
	refuse("api_key: sk-hush", "f:1:1:", "<NAME>_FILE");
	refuse("providers: {google: {key: sk-hush}}",
	    "f:1:27:", "never a key itself");
}

static void
the_built_in_provider_cannot_be_configured(void **state)
{
	(void)state;
	refuse("providers: {local: {kind: openai}}", "f:1:13:", "built in");
	refuse("providers: {'a/b': {}}", "f:1:13:", "letters");
}

static void
all_problems_are_told_up_to_a_limit(void **state)
{
	struct buf text = {0}, problems = {0};
	struct config config;
	int lines = 0;

	(void)state;
	refuse_with("limits: {steps: 0}\n"
		    "primary_modle: 1\n"
		    "limits: {}\n",
	    "f:3:1: the key `limits` is there twice; remove one\n"
	    "f:1:17: out of range; write a number from 1 to 1000\n"
	    "f:2:1: unknown key `primary_modle`; did you mean "
	    "`primary_model`?\n");
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "k%d: 1\n", i);
	assert_false(
	    config_parse(&config, "f", text.data, text.length, &problems));
	for (const char *p = problems.data; *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, PROBLEMS_MAX + 1);
	assert_non_null(strstr(problems.data, "\nf: more is wrong"));
	buf_free(&text);
	buf_free(&problems);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(unknown_keys_get_a_suggestion),
	    cmocka_unit_test(wrong_types_are_refused),
	    cmocka_unit_test(values_of_each_kind_are_checked),
	    cmocka_unit_test(hosts_are_checked),
	    cmocka_unit_test(models_need_a_configured_provider),
	    cmocka_unit_test(what_must_be_given_is_missed),
	    cmocka_unit_test(usernames_are_no_ids),
	    cmocka_unit_test(secrets_are_refused_and_not_repeated),
	    cmocka_unit_test(the_built_in_provider_cannot_be_configured),
	    cmocka_unit_test(all_problems_are_told_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
