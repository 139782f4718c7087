#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "auth.h"

static enum auth_result
check(struct auth *auth, enum need need, const char *target, const char *fields,
    const char *peer)
{
	const char *problem;
	enum auth_result result;
	struct head head;
	char text[512];
	int64_t retry;

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n",
	    target, fields);
	assert_int_equal(head_parse(&head, text, strlen(text), &problem), 0);
	result = auth_check(auth, need, &head, peer, &retry);
	head_free(&head);
	return result;
}

static struct auth *
make(const char *token, const char *hooks)
{
	if (token != NULL)
		setenv("OPENCLAW_GATEWAY_TOKEN", token, 1);
	if (hooks != NULL)
		setenv("OPENCLAW_HOOKS_TOKEN", hooks, 1);
	return auth_take(false);
}

static void
test_each_token_opens_its_own_door(void **state)
{
	struct auth *auth = make("gate", "hook");

	(void)state;
	assert_int_equal(check(auth, NEED_TOKEN, "/",
			     "Authorization: Bearer gate\r\n", "10.0.0.1"),
	    AUTH_OK);
	assert_int_equal(check(auth, NEED_TOKEN, "/",
			     "Authorization: Bearer hook\r\n", "10.0.0.1"),
	    AUTH_WRONG);
	assert_int_equal(check(auth, NEED_HOOK_TOKEN, "/",
			     "X-OpenClaw-Token: hook\r\n", "10.0.0.1"),
	    AUTH_OK);
	assert_int_equal(check(auth, NEED_HOOK_TOKEN, "/",
			     "Authorization: Bearer gate\r\n", "10.0.0.1"),
	    AUTH_WRONG);
	assert_int_equal(
	    check(auth, NEED_HOOK_TOKEN, "/?a=b&token=hook", "", "10.0.0.1"),
	    AUTH_QUERY);
	assert_int_equal(check(auth, NEED_TOKEN, "/",
			     "Authorization: Basic gate\r\n", "10.0.0.1"),
	    AUTH_WRONG);
	assert_int_equal(
	    check(auth, NEED_NOTHING, "/", "", "10.0.0.1"), AUTH_OK);
	auth_free(auth);
}

static void
test_without_a_token_nobody_has_it(void **state)
{
	struct auth *auth = make(NULL, NULL);

	(void)state;
	assert_false(auth_has_token(auth));
	assert_int_equal(check(auth, NEED_TOKEN, "/",
			     "Authorization: Bearer \r\n", "10.0.0.1"),
	    AUTH_WRONG);
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", "", "10.0.0.1"), AUTH_WRONG);
	auth_free(auth);
}

static void
fail_often(struct auth *auth, const char *peer, int count)
{
	for (int i = 0; i < count; i++)
		(void)check(auth, NEED_TOKEN, "/", "", peer);
}

static void
test_ten_failures_and_who_is_out(void **state)
{
	static const char right[] = "Authorization: Bearer gate\r\n";
	struct auth *auth = make("gate", NULL);

	(void)state;
	fail_often(auth, "10.0.0.1", 10);
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", right, "10.0.0.1"), AUTH_OK);
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", "", "10.0.0.1"), AUTH_OUT);
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", right, "10.0.0.1"), AUTH_OUT);
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", right, "10.0.0.2"), AUTH_OK);
	/* half a network of IPv6 is one caller */
	for (int i = 0; i < 11; i++) {
		char peer[64];

		snprintf(peer, sizeof peer, "2001:db8::%x", i + 1);
		(void)check(auth, NEED_TOKEN, "/", "", peer);
	}
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", right, "2001:db8::ffff"), AUTH_OUT);
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", right, "2001:db8:0:1::1"), AUTH_OK);
	/* this machine's own people only wait */
	fail_often(auth, "127.0.0.1", 11);
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", "", "127.0.0.1"), AUTH_SLOW);
	assert_int_equal(
	    check(auth, NEED_TOKEN, "/", right, "127.0.0.1"), AUTH_OK);
	auth_free(auth);
}

/* Who fails from many addresses pushes nobody out of the list for good. */
static void
test_more_addresses_than_are_remembered(void **state)
{
	struct auth *auth = make("gate", NULL);

	(void)state;
	for (int i = 0; i < 5000; i++) {
		char peer[64];

		snprintf(peer, sizeof peer, "10.1.%d.%d", i / 250, i % 250);
		assert_int_equal(
		    check(auth, NEED_TOKEN, "/", "", peer), AUTH_WRONG);
	}
	auth_free(auth);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_token_opens_its_own_door),
	    cmocka_unit_test(test_without_a_token_nobody_has_it),
	    cmocka_unit_test(test_ten_failures_and_who_is_out),
	    cmocka_unit_test(test_more_addresses_than_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
