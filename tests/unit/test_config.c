#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>
#include "config.h"
#include "json.h"
#include "secret.h"

/* openclaw.yaml(5)'s example. */
static const char sample[] =
    "primary_model: google/gemini-2.5-flash\n"
    "fallbacks: [openai/llama3.1:latest, openai/qwen3:latest, "
    "openai/qwen2.5-coder:14b, local/runbook]\n"
    "litellm_base_url: "
    "http://litellm-service.llama.svc.cluster.local:4000\n"
    "providers:\n"
    "  google: {base_url: "
    "\"https://generativelanguage.googleapis.com/v1beta\"}     # key: "
    "GEMINI_API_KEY\n"
    "  openai: {base_url: null}\n"
    "routes:                                   # first match wins\n"
    "  - {name: code, when: '.text | test(\"json|yaml|regex|script\"; "
    "\"i\")', model: \"openai/qwen2.5-coder:14b\"}\n"
    "channels:\n"
    "  telegram: {enabled: true, api_root: \"https://api.telegram.org\", "
    "dm_policy: pairing, allow_from: [], groups: {}}\n"
    "tools:\n"
    "  exec: {policy: runbook, look: true, allow: [], deny: [], "
    "timeout_s: 120, output_bytes: 65536}\n"
    "workspace: ~/.openclaw/workspace\n"
    "limits: {turn_s: 600, steps: 32, in_flight: 64, call_s: 120, "
    "connect_s: 5, first_byte_s: 30, idle_s: 30}\n";

static void
load(struct config *config, const char *text)
{
	struct buf problems = {0};

	if (!config_parse(config, "f", text, strlen(text), &problems))
		fail_msg("%s\n%s", text, buf_string(&problems));
	assert_int_equal(problems.length, 0);
}

static void
expect_json(jv own, const char *text)
{
	char *found = json_text(own);

	assert_string_equal(found, text);
	free(found);
	jv_free(own);
}

static void
expect_where(const struct config *config, const char *path, const char *place)
{
	char *where = config_where(config, path);

	assert_string_equal(where, place);
	free(where);
}

static void
the_sample_loads(void **state)
{
	struct config config;
	struct buf problems = {0};

	(void)state;
	load(&config, sample);
	assert_string_equal(
	    config_string(&config, "primary_model"), "google/gemini-2.5-flash");
	assert_int_equal(config_int(&config, "limits.turn_s"), 600);
	assert_true(config_bool(&config, "channels.telegram.enabled"));
	expect_json(config_models(&config),
	    "[\"google/gemini-2.5-flash\",\"openai/llama3.1:latest\","
	    "\"openai/qwen3:latest\",\"openai/qwen2.5-coder:14b\","
	    "\"local/runbook\"]");
	expect_where(&config, "routes[0].when", "f:8:24");
	assert_true(config_check_rules(&config, &problems));
	config_free(&config);
}

static void
nothing_gives_the_defaults(void **state)
{
	static const char *const text[] = {"", "{}", "---\n", "# nothing\n",
	    "tools:\nlimits:\nmodels:\nfallbacks:\n"};
	struct config config;

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
		load(&config, text[i]);
		assert_string_equal(config_string(&config, "primary_model"),
		    "google/gemini-2.5-flash");
		expect_json(
		    config_get(&config, "fallbacks"), "[\"local/runbook\"]");
		assert_string_equal(
		    config_string(&config, "tools.exec.policy"), "runbook");
		assert_int_equal(config_int(&config, "tools.parallel"), 16);
		assert_int_equal(
		    config_int(&config, "tools.fetch.bytes"), 5242880);
		assert_int_equal(
		    config_int(&config, "limits.prompt_chars"), 60000);
		assert_false(config_bool(&config, "allow_unconfigured"));
		assert_true(
		    config_bool(&config, "channels.telegram.require_mention"));
		expect_json(
		    config_get(&config, "limits.tokens_per_day"), "null");
		expect_json(
		    config_get(&config, "limits.tokens_per_day"), "null");
		expect_json(config_get(&config, "tools.stages"),
		    "[\"oc-exec-tool\",\"oc-cdp\"]");
		expect_json(config_get(&config, "models"), "{}");
		config_free(&config);
	}
}

static void
yaml_and_json_say_the_same(void **state)
{
	struct config yaml, json;

	(void)state;
	load(&yaml, "limits: {steps: 5}\n"
		    "tools:\n"
		    "  exec:\n"
		    "    env: [LANG]\n");
	load(&json, "{\n\t\"limits\": {\"steps\": 5},\n"
		    "\t\"tools\":\n\t{\"exec\": {\"env\": [\"LANG\"]}}}\n");
	assert_true(json_equal(yaml.value, json.value));
	expect_where(&json, "tools.exec.env[0]", "f:4:20");
	config_free(&yaml);
	config_free(&json);
}

static void
a_place_is_that_of_the_key_or_of_what_is_around(void **state)
{
	struct config config;

	(void)state;
	load(&config, "limits:\n"
		      "  steps: 5\n"
		      "models:\n"
		      "  openai/a.b:\n"
		      "    images: true\n");
	expect_where(&config, "limits", "f:1:1");
	expect_where(&config, "limits.steps", "f:2:10");
	expect_where(&config, "limits.turn_s", "f:1:1");
	expect_where(&config, "models[\"openai/a.b\"].images", "f:5:13");
	expect_where(&config, "models[\"openai/a.b\"].context", "f:4:3");
	expect_where(&config, "tools.exec.allow[0]", "built-in");
	expect_where(&config, "", "built-in");
	config_free(&config);
}

static void
expect_provider(const struct config *config, const char *name, const char *kind,
    const char *url, const char *key, bool stream)
{
	struct config_provider provider;

	assert_true(config_provider(config, name, &provider));
	assert_string_equal(provider.kind, kind);
	assert_string_equal(provider.base_url, url);
	assert_string_equal(provider.key_name, key);
	assert_int_equal(provider.stream, stream);
	config_provider_free(&provider);
}

static void
providers_have_kind_address_and_key(void **state)
{
	struct config_provider provider;
	struct config config;

	(void)state;
	load(&config,
	    "litellm_base_url: http://llm:4000/\n"
	    "providers:\n"
	    "  google: {stream: false}\n"
	    "  openrouter: {base_url: 'https://openrouter.ai/api/v1/', "
	    "key: OPENROUTER_API_KEY}\n"
	    "  proxy: {kind: google, key: null}\n");
	expect_provider(&config, "google", "google",
	    "https://generativelanguage.googleapis.com/v1beta",
	    "GEMINI_API_KEY", false);
	expect_provider(&config, "openai", "openai", "http://llm:4000/v1",
	    "LITELLM_API_KEY", true);
	expect_provider(&config, "openrouter", "openai",
	    "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", true);
	expect_provider(&config, "proxy", "google",
	    "https://generativelanguage.googleapis.com/v1beta", "", true);
	expect_provider(&config, "local", "local", "", "", false);
	assert_false(config_provider(&config, "mistral", &provider));
	config_provider_free(&provider);
	config_register_secrets(&config);
	assert_true(secret_is_name("OPENROUTER_API_KEY"));
	config_free(&config);
}

static void
the_version_is_added_where_there_is_none(void **state)
{
	static const char *const url[][2] = {
	    {"http://a:4000", "http://a:4000/v1"},
	    {"http://a:4000//", "http://a:4000/v1"},
	    {"http://a/v1", "http://a/v1"},
	    {"http://a/v1/", "http://a/v1"},
	    {"http://a/v2beta", "http://a/v2beta"},
	    {"http://a/v1/proxy", "http://a/v1/proxy"},
	    {"http://a/vllm", "http://a/vllm/v1"},
	    {"http://v1", "http://v1/v1"},
	    {"http://v1.example/api", "http://v1.example/api/v1"},
	};
	struct config config;

	(void)state;
	for (size_t i = 0; i < sizeof url / sizeof url[0]; i++) {
		char text[128];

		snprintf(
		    text, sizeof text, "litellm_base_url: '%s'\n", url[i][0]);
		load(&config, text);
		expect_provider(&config, "openai", "openai", url[i][1],
		    "LITELLM_API_KEY", true);
		config_free(&config);
	}
	load(&config, "");
	expect_provider(
	    &config, "openai", "openai", "", "LITELLM_API_KEY", true);
	config_free(&config);
}

static void
each_model_is_named_once_in_the_usual_order(void **state)
{
	struct config config;

	(void)state;
	load(&config, "primary_model: openai/a\n"
		      "fallbacks: [openai/b, openai/a, google/c]\n"
		      "routes:\n"
		      "  - {name: x, when: 'true', model: openai/d/e}\n"
		      "  - {name: y, when: 'true', model: openai/b}\n");
	expect_json(config_models(&config),
	    "[\"openai/a\",\"openai/b\",\"google/c\",\"openai/d/e\"]");
	config_free(&config);
}

static void
ids_are_kept_as_strings(void **state)
{
	struct config config;

	(void)state;
	load(&config, "channels:\n"
		      "  telegram:\n"
		      "    allow_from: [42, \"43\", 5000000001]\n"
		      "    groups:\n"
		      "      -1001234567890: {require_mention: false}\n"
		      "      \"-5\": {allow_from: [7]}\n");
	expect_json(config_get(&config, "channels.telegram.allow_from"),
	    "[\"42\",\"43\",\"5000000001\"]");
	expect_json(config_get(&config, "channels.telegram.groups"),
	    "{\"-1001234567890\":{\"require_mention\":false,\"allow_from\":"
	    "null,\"policy\":null},\"-5\":{\"allow_from\":[\"7\"],"
	    "\"require_mention\":null,\"policy\":null}}");
	config_free(&config);
}

static void
models_may_have_a_price(void **state)
{
	struct config config;

	(void)state;
	load(&config, "models:\n"
		      "  google/gemini-2.5-flash: {images: true, context: "
		      "1048576, price: {input: 0.3, output: 2}}\n"
		      "  openai/x: {}\n");
	expect_json(config_get(&config, "models"),
	    "{\"google/gemini-2.5-flash\":{\"images\":true,\"context\":1048576"
	    ",\"price\":{\"input\":0.3,\"output\":2},\"max_output\":null},"
	    "\"openai/x\":{\"images\":null,\"context\":null,\"max_output\":"
	    "null,\"price\":null}}");
	config_free(&config);
}

static void
wrong_rules_are_found_on_request(void **state)
{
	struct buf problems = {0};
	struct config config;

	(void)state;
	load(&config, "routes:\n"
		      "  - {name: x, when: '.a &&', model: openai/d}\n"
		      "  - {name: x, when: 'true', model: openai/d}\n"
		      "tools:\n"
		      "  exec:\n"
		      "    allow: [input]\n"
		      "    deny: ['.', '$ENV']\n");
	assert_false(config_check_rules(&config, &problems));
	assert_string_equal(buf_string(&problems),
	    "f:2:21: the rule routes[0].when: syntax error, unexpected "
	    "INVALID_CHARACTER, expecting $end, line 1\n"
	    "f:6:13: the rule tools.exec.allow[0]: line 1: `input` reaches "
	    "outside of the rule\n"
	    "f:7:17: the rule tools.exec.deny[1]: line 1: `ENV` reaches "
	    "outside of the rule\n");
	buf_free(&problems);
	config_free(&config);
}

/* Runs config_load in a child of its own: its exit status. */
static int
load_in_child(const char *path)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct config config;

		config_load(&config, path);
		status = (int)config_int(&config, "limits.steps");
		config_free(&config);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
files_are_looked_for_in_order(void **state)
{
	char home[] = "/tmp/oc-test-config.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(home));
	assert_int_equal(chdir(home), 0);
	assert_int_equal(setenv("HOME", home, 1), 0);
	unsetenv("OC_CONFIG");
	assert_int_equal(load_in_child(NULL), 32);
	assert_int_equal(mkdir(".openclaw", 0700), 0);
	assert_int_equal(load_in_child(NULL), 32);
	write_file(".openclaw/openclaw.json", "{\"limits\":{\"steps\":4}}");
	assert_int_equal(load_in_child(NULL), 4);
	write_file(".openclaw/openclaw.yaml", "limits: {steps: 3}\n");
	assert_int_equal(load_in_child(NULL), 3);
	write_file("other", "limits: {steps: 2}\n");
	setenv("OC_CONFIG", "~/other", 1);
	assert_int_equal(load_in_child(NULL), 2);
	write_file("third", "limits: {steps: 1}\n");
	assert_int_equal(load_in_child("third"), 1);
	assert_int_equal(load_in_child("missing"), EX_NOINPUT);
	write_file("bad", "limits: {stepps: 1}\n");
	assert_int_equal(load_in_child("bad"), EX_CONFIG);
	setenv("OC_CONFIG", "", 1);
	assert_int_equal(load_in_child(NULL), 3);
	unsetenv("HOME");
	assert_int_equal(load_in_child(NULL), 32);
	unlink("bad");
	unlink("third");
	unlink("other");
	unlink(".openclaw/openclaw.yaml");
	unlink(".openclaw/openclaw.json");
	rmdir(".openclaw");
	rmdir(home);
}

static void
home_is_expanded(void **state)
{
	struct config config;
	char *path;

	(void)state;
	setenv("HOME", "/home/ada", 1);
	path = config_expand_home("~/x");
	assert_string_equal(path, "/home/ada/x");
	free(path);
	path = config_expand_home("/x~/~");
	assert_string_equal(path, "/x~/~");
	free(path);
	load(&config, "");
	path = config_workspace(&config);
	assert_string_equal(path, "/home/ada/.openclaw/workspace");
	free(path);
	config_free(&config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_sample_loads),
	    cmocka_unit_test(nothing_gives_the_defaults),
	    cmocka_unit_test(yaml_and_json_say_the_same),
	    cmocka_unit_test(a_place_is_that_of_the_key_or_of_what_is_around),
	    cmocka_unit_test(providers_have_kind_address_and_key),
	    cmocka_unit_test(the_version_is_added_where_there_is_none),
	    cmocka_unit_test(each_model_is_named_once_in_the_usual_order),
	    cmocka_unit_test(ids_are_kept_as_strings),
	    cmocka_unit_test(models_may_have_a_price),
	    cmocka_unit_test(wrong_rules_are_found_on_request),
	    cmocka_unit_test(files_are_looked_for_in_order),
	    cmocka_unit_test(home_is_expanded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
