#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "claim.h"

static redisReply *
read_reply(const char *bytes)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	redisReaderFeed(reader, bytes, strlen(bytes));
	redisReaderGetReply(reader, &reply);
	redisReaderFree(reader);
	assert_non_null(reply);
	return reply;
}

static void
a_session(void **state)
{
	redisReply *reply =
	    read_reply("*7\r\n$1\r\ns\r\n$11\r\ntelegram:42\r\n$3\r\ngpu\r\n"
		       "$3\r\n1-0\r\n$4\r\n0123\r\n*1\r\n$3\r\nx#1\r\n"
		       "*2\r\n$1\r\ny\r\n$1\r\nz\r\n");
	struct claim claim = {.of = NULL};

	(void)state;
	assert_true(claim_parse(&claim, reply));
	assert_false(claim.urgent);
	assert_string_equal(claim.of, "telegram:42");
	assert_string_equal(claim.label, "gpu");
	assert_string_equal(claim.ticket, "1-0");
	/* a number that only grows; as a text, since it may be long */
	assert_string_equal(claim.lease, "0123");
	assert_int_equal(reply_count(reply_at(reply, CLAIM_OUT)), 1);
	assert_int_equal(reply_count(reply_at(reply, CLAIM_WAITING)), 2);
	claim_clear(&claim);
	freeReplyObject(reply);
}

static void
what_has_not_the_form(void **state)
{
	static const char *const replies[] = {"*0\r\n", ":1\r\n", "$-1\r\n",
	    "*5\r\n$1\r\ns\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n:5\r\n",
	    "*5\r\n$1\r\nx\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n",
	    "*5\r\n$1\r\ns\r\n$-1\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n",
	    "*4\r\n$1\r\ns\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"};
	struct claim claim = {.of = NULL};

	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		redisReply *reply = read_reply(replies[i]);

		assert_false(claim_parse(&claim, reply));
		assert_null(claim.of);
		freeReplyObject(reply);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_session),
	    cmocka_unit_test(what_has_not_the_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
