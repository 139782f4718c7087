#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../../bin/oc-plan/plan.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "state.h"

static const char model[] = "google/gemini-2.5-flash";

static void
fail_once(struct breaker *breaker, enum answer_error error, int64_t wait_ms)
{
	struct answer answer;

	answer_init(&answer);
	answer_fail(&answer, error, "because");
	answer.retry_after_ms = wait_ms;
	breaker_failed(breaker, model, "key", &answer, INT64_MAX);
	answer_free(&answer);
}

static int
set_up(void **state)
{
	char *path = state_path("models.json");

	(void)state;
	unlink(path);
	free(path);
	return 0;
}

static void
test_opens_after_three(void **state)
{
	struct breaker *breaker = breaker_open();
	int64_t until;

	(void)state;
	fail_once(breaker, ANSWER_SERVER, -1);
	fail_once(breaker, ANSWER_TIMEOUT, -1);
	assert_true(breaker_allows(breaker, model, "key", &until));
	fail_once(breaker, ANSWER_CUT, -1);
	assert_false(breaker_allows(breaker, model, "key", &until));
	assert_in_range(until, clock_now_ms() + 25000, clock_now_ms() + 35000);
	breaker_free(breaker);
}

static void
test_connections_that_break_together_count_once(void **state)
{
	struct breaker *breaker = breaker_open();
	int64_t until, asked_at = clock_now_ms();
	struct answer answer;

	(void)state;
	answer_init(&answer);
	answer_fail(&answer, ANSWER_RESET, "because");
	for (int i = 0; i < 20; i++)
		assert_false(
		    breaker_failed(breaker, model, "key", &answer, asked_at));
	assert_true(breaker_allows(breaker, model, "key", &until));
	assert_false(breaker_failed(breaker, model, "key", &answer, INT64_MAX));
	assert_true(breaker_failed(breaker, model, "key", &answer, INT64_MAX));
	assert_true(breaker_failed(breaker, model, "key", &answer, asked_at));
	assert_false(breaker_allows(breaker, model, "key", &until));
	answer_free(&answer);
	breaker_free(breaker);
}

static void
test_success_forgets_failures(void **state)
{
	struct breaker *breaker = breaker_open();
	int64_t until;

	(void)state;
	fail_once(breaker, ANSWER_SERVER, -1);
	fail_once(breaker, ANSWER_SERVER, -1);
	breaker_succeeded(breaker, model);
	fail_once(breaker, ANSWER_SERVER, -1);
	assert_true(breaker_allows(breaker, model, "key", &until));
	breaker_free(breaker);
}

static void
test_auth_opens_at_once_for_that_key_only(void **state)
{
	struct breaker *breaker = breaker_open();
	int64_t until;

	(void)state;
	fail_once(breaker, ANSWER_AUTH, -1);
	assert_false(breaker_allows(breaker, model, "key", &until));
	assert_true(breaker_allows(breaker, model, "another", &until));
	breaker_free(breaker);
}

static void
test_billing_waits_for_an_hour(void **state)
{
	struct breaker *breaker = breaker_open();
	int64_t until;

	(void)state;
	fail_once(breaker, ANSWER_BILLING, -1);
	assert_false(breaker_allows(breaker, model, "key", &until));
	assert_true(until > clock_now_ms() + 55 * 60 * 1000);
	breaker_free(breaker);
}

static void
test_long_retry_after_is_kept(void **state)
{
	struct breaker *breaker = breaker_open();
	int64_t until;

	(void)state;
	fail_once(breaker, ANSWER_RATE_LIMIT, 120 * 1000);
	assert_false(breaker_allows(breaker, model, "key", &until));
	assert_true(until > clock_now_ms() + 110 * 1000);
	breaker_free(breaker);
}

static void
test_a_bad_request_is_not_the_models_fault(void **state)
{
	struct breaker *breaker = breaker_open();
	int64_t until;

	(void)state;
	for (int i = 0; i < 5; i++) {
		fail_once(breaker, ANSWER_BAD_REQUEST, -1);
		fail_once(breaker, ANSWER_BLOCKED, -1);
		fail_once(breaker, ANSWER_STOPPED, -1);
	}
	assert_true(breaker_allows(breaker, model, "key", &until));
	breaker_free(breaker);
}

static void
test_restart_remembers_and_a_burst_counts_once(void **state)
{
	struct breaker *breaker = breaker_open();
	int64_t until, first;

	(void)state;
	fail_once(breaker, ANSWER_AUTH, -1);
	assert_false(breaker_allows(breaker, model, "key", &first));
	breaker_free(breaker);
	breaker = breaker_open();
	assert_false(breaker_allows(breaker, model, "key", &until));
	assert_int_equal(until, first);
	/* what was under way with it fails late, and changes nothing */
	for (int i = 0; i < 20; i++)
		fail_once(breaker, ANSWER_AUTH, -1);
	assert_false(breaker_allows(breaker, model, "key", &until));
	assert_int_equal(until, first);
	breaker_free(breaker);
}

/* Writes a state whose cooldown has run down. */
static void
test_one_probe_after_the_cooldown(void **state)
{
	static const char past[] =
	    "{\"google/gemini-2.5-flash\":{\"failures\":3,\"key\":\"key\","
	    "\"until\":1000,\"cooldown_ms\":30000}}";
	char *path = state_path("models.json");
	struct breaker *breaker;
	int64_t until;

	(void)state;
	assert_true(io_replace_file(path, past, strlen(past)));
	free(path);
	breaker = breaker_open();
	assert_true(breaker_allows(breaker, model, "key", &until));
	assert_false(breaker_allows(breaker, model, "key", &until));
	breaker_undecided(breaker, model);
	assert_true(breaker_allows(breaker, model, "key", &until));
	fail_once(breaker, ANSWER_CONNECT, -1);
	assert_false(breaker_allows(breaker, model, "key", &until));
	assert_true(until > clock_now_ms() + 50 * 1000);
	breaker_free(breaker);
}

static void
test_rubbish_in_the_file(void **state)
{
	char *path = state_path("models.json");
	struct breaker *breaker;
	int64_t until;

	(void)state;
	assert_true(io_replace_file(path, "[1,2", 4));
	free(path);
	breaker = breaker_open();
	assert_true(breaker_allows(breaker, model, "key", &until));
	breaker_free(breaker);
}

int
main(void)
{
	char directory[] = "/tmp/oc-breaker-XXXXXX";
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_opens_after_three, set_up),
	    cmocka_unit_test_setup(
		test_connections_that_break_together_count_once, set_up),
	    cmocka_unit_test_setup(test_success_forgets_failures, set_up),
	    cmocka_unit_test_setup(
		test_auth_opens_at_once_for_that_key_only, set_up),
	    cmocka_unit_test_setup(test_billing_waits_for_an_hour, set_up),
	    cmocka_unit_test_setup(test_long_retry_after_is_kept, set_up),
	    cmocka_unit_test_setup(
		test_a_bad_request_is_not_the_models_fault, set_up),
	    cmocka_unit_test_setup(
		test_restart_remembers_and_a_burst_counts_once, set_up),
	    cmocka_unit_test_setup(test_one_probe_after_the_cooldown, set_up),
	    cmocka_unit_test_setup(test_rubbish_in_the_file, set_up),
	};
	int failed;

	if (mkdtemp(directory) == NULL)
		return 1;
	setenv("OC_STATE", directory, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	set_up(NULL);
	rmdir(directory);
	return failed;
}
