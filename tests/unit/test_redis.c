#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "redis.h"

/* ---- addresses */

static void
url_right(void **state)
{
	static const struct {
		const char *text, *host, *user;
		int port, database;
	} urls[] = {
	    {"redis://box", "box", NULL, 6379, 0},
	    {"redis://box:7000", "box", NULL, 7000, 0},
	    {"redis://box:7000/3", "box", NULL, 7000, 3},
	    {"redis://10.0.0.1/12", "10.0.0.1", NULL, 6379, 12},
	    {"redis://[fd00::1]:7000/1", "fd00::1", NULL, 7000, 1},
	    {"redis://oc@box:7000/", "box", "oc", 7000, 0},
	    {"redis://redis.llama.svc.cluster.local:6379/0",
		"redis.llama.svc.cluster.local", NULL, 6379, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct redis_url url;

		assert_null(redis_url_parse(urls[i].text, &url));
		assert_string_equal(url.host, urls[i].host);
		assert_int_equal(url.port, urls[i].port);
		assert_int_equal(url.database, urls[i].database);
		if (urls[i].user != NULL)
			assert_string_equal(url.user, urls[i].user);
		else
			assert_null(url.user);
		redis_url_free(&url);
	}
}

static void
url_wrong(void **state)
{
	static const char *const urls[] = {"", "redis:", "redis://",
	    "redis://:6379", "http://box", "redis://box:", "redis://box:0",
	    "redis://box:65536", "redis://box:6379x", "redis://box:-1",
	    "redis://box/x", "redis://box/-1", "redis://box/1/2",
	    "redis://b ox", "redis://[fd00::1", "redis://[]:1", "redis://@box",
	    "redis://box?db=1", "redis://box:6379:1"};
	struct redis_url url;

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		assert_non_null(redis_url_parse(urls[i], &url));
		assert_null(url.host);
	}
	assert_non_null(strstr(
	    redis_url_parse("redis://u:secret@box", &url), "REDIS_PASSWORD"));
	assert_non_null(
	    strstr(redis_url_parse("redis://:secret@box", &url), "PASSWORD"));
	assert_non_null(strstr(redis_url_parse("rediss://box", &url), "TLS"));
}

/* ---- arguments */

static void
arguments_keep_their_bytes(void **state)
{
	struct redis_args args = {.end = NULL};

	(void)state;
	redis_args_text(&args, "");
	redis_args_add(&args, "a\0b", 3);
	redis_args_int(&args, INT64_MIN);
	for (int i = 0; i < 100; i++)
		redis_args_text(&args, "x");
	assert_int_equal(args.count, 103);
	assert_int_equal(args.end[0], 0);
	assert_int_equal(args.end[1], 3);
	assert_memory_equal(args.bytes.data, "a\0b-9223372036854775808x", 24);
	redis_args_free(&args);
	assert_null(args.end);
}

/* ---- replies */

/* What the server sent, as hiredis hands it over. */
static redisReply *
read_reply(const char *bytes)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	assert_int_equal(
	    redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	redisReaderFree(reader);
	return reply;
}

static void
replies_of_every_kind(void **state)
{
	redisReply *reply = read_reply("*6\r\n$3\r\nabc\r\n:42\r\n$-1\r\n"
				       "+OK\r\n*0\r\n$2\r\n17\r\n");

	(void)state;
	assert_int_equal(reply_count(reply), 6);
	assert_string_equal(reply_text(reply_at(reply, 0), "-"), "abc");
	assert_int_equal(reply_length(reply_at(reply, 0)), 3);
	assert_int_equal(reply_int(reply_at(reply, 1), -1), 42);
	assert_string_equal(reply_text(reply_at(reply, 2), "nil"), "nil");
	assert_int_equal(reply_int(reply_at(reply, 2), -1), -1);
	assert_string_equal(reply_text(reply_at(reply, 3), "-"), "OK");
	assert_int_equal(reply_count(reply_at(reply, 4)), 0);
	/* scripts give numbers as texts */
	assert_int_equal(reply_int(reply_at(reply, 5), -1), 17);
	assert_null(reply_at(reply, 6));
	freeReplyObject(reply);
}

static void
replies_of_the_wrong_kind(void **state)
{
	redisReply *reply = read_reply("$9\r\nnot array\r\n");

	(void)state;
	assert_int_equal(reply_count(reply), 0);
	assert_null(reply_at(reply, 0));
	assert_int_equal(reply_int(reply, 7), 7);
	freeReplyObject(reply);
	reply = read_reply(":1\r\n");
	assert_string_equal(reply_text(reply, "x"), "x");
	assert_int_equal(reply_length(reply), 0);
	freeReplyObject(reply);
	assert_int_equal(reply_count(NULL), 0);
	assert_null(reply_at(NULL, 0));
	assert_int_equal(reply_int(NULL, 3), 3);
	assert_null(reply_text(NULL, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(url_right),
	    cmocka_unit_test(url_wrong),
	    cmocka_unit_test(arguments_keep_their_bytes),
	    cmocka_unit_test(replies_of_every_kind),
	    cmocka_unit_test(replies_of_the_wrong_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
