#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "entity.h"
#include "json.h"

static const struct bot bot = {.id = 7001, .username = "claw_bot"};

static jv
message(const char *json)
{
	jv value = json_parse(json, strlen(json), NULL);

	assert_true(json_is_object(value));
	return value;
}

static void
check(const char *json, enum entity_target target, const char *expected)
{
	jv value = message(json);
	struct buf text = {.data = NULL};

	assert_int_equal(entity_target(value, &bot), target);
	entity_text(&text, value, &bot);
	assert_string_equal(buf_string(&text), expected);
	buf_free(&text);
	jv_free(value);
}

static void
test_no_entities(void **state)
{
	(void)state;
	check("{\"text\":\"hello\"}", ENTITY_NOBODY, "hello");
	check("{\"caption\":\"hello\"}", ENTITY_NOBODY, "hello");
	check("{}", ENTITY_NOBODY, "");
	check("{\"text\":5,\"entities\":7}", ENTITY_NOBODY, "");
	/* the text alone is no mention: it may be part of an address */
	check("{\"text\":\"x@claw_bot\"}", ENTITY_NOBODY, "x@claw_bot");
}

static void
test_our_name(void **state)
{
	(void)state;
	check("{\"text\":\"@CLAW_bot: hi\",\"entities\":[{\"type\":\"mention\","
	      "\"offset\":0,\"length\":9}]}",
	    ENTITY_US, "hi");
	check("{\"text\":\"hi @claw_bot\",\"entities\":[{\"type\":\"mention\","
	      "\"offset\":3,\"length\":9}]}",
	    ENTITY_US, "hi @claw_bot");
	check("{\"text\":\"@claw_bots\",\"entities\":[{\"type\":\"mention\","
	      "\"offset\":0,\"length\":10}]}",
	    ENTITY_NOBODY, "@claw_bots");
	check("{\"caption\":\"@claw_bot x\",\"caption_entities\":[{\"type\":"
	      "\"mention\",\"offset\":0,\"length\":9}]}",
	    ENTITY_US, "x");
	check("{\"text\":\"Claw, x\",\"entities\":[{\"type\":\"text_mention\","
	      "\"offset\":0,\"length\":4,\"user\":{\"id\":7001}}]}",
	    ENTITY_US, "x");
}

static void
test_offsets_count_in_utf16(void **state)
{
	(void)state;
	/* an emoji is two units and four bytes, u-umlaut one and two */
	check("{\"text\":\"\xf0\x9f\x98\x80\xc3\xbc @claw_bot\",\"entities\":["
	      "{\"type\":\"mention\",\"offset\":4,\"length\":9}]}",
	    ENTITY_US, "\xf0\x9f\x98\x80\xc3\xbc @claw_bot");
	check(
	    "{\"text\":\"\xf0\x9f\x98\x80 see\",\"entities\":[{\"type\":"
	    "\"text_link\",\"offset\":3,\"length\":3,\"url\":\"http://x/\"}]}",
	    ENTITY_NOBODY, "\xf0\x9f\x98\x80 see (http://x/)");
}

static void
test_commands(void **state)
{
	(void)state;
	check("{\"text\":\"/stop@claw_bot now\",\"entities\":[{\"type\":"
	      "\"bot_command\",\"offset\":0,\"length\":14}]}",
	    ENTITY_US, "/stop now");
	check("{\"text\":\"/stop@other_bot\",\"entities\":[{\"type\":"
	      "\"bot_command\",\"offset\":0,\"length\":15}]}",
	    ENTITY_OTHER_BOT, "/stop@other_bot");
	check("{\"text\":\"/stop\",\"entities\":[{\"type\":\"bot_command\","
	      "\"offset\":0,\"length\":5}]}",
	    ENTITY_NOBODY, "/stop");
	check("{\"text\":\"@claw_bot /stop\",\"entities\":[{\"type\":"
	      "\"mention\",\"offset\":0,\"length\":9},{\"type\":"
	      "\"bot_command\",\"offset\":10,\"length\":5}]}",
	    ENTITY_US, "/stop");
}

static void
test_offsets_that_make_no_sense(void **state)
{
	(void)state;
	check("{\"text\":\"abc\",\"entities\":[{\"type\":\"mention\","
	      "\"offset\":-1,\"length\":99},{\"type\":\"text_link\","
	      "\"offset\":1,\"length\":1e300,\"url\":\"u\"},{\"type\":"
	      "\"bot_command\",\"offset\":2147483647,\"length\":2147483647},"
	      "5,null,{}]}",
	    ENTITY_NOBODY, "abc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_entities),
	    cmocka_unit_test(test_our_name),
	    cmocka_unit_test(test_offsets_count_in_utf16),
	    cmocka_unit_test(test_commands),
	    cmocka_unit_test(test_offsets_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
