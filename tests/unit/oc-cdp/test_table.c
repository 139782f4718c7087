#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "json.h"
#include "table.h"

static void
note(void *arg, const struct answer *answer)
{
	struct buf *seen = arg;

	buf_printf(seen, "%d", (int)answer->kind);
}

/* Asks again from inside of an answer, as jobs do. */
struct again {
	struct table *table;
	struct buf *seen;
};

static void
ask_again(void *arg, const struct answer *answer)
{
	struct again *again = arg;

	(void)answer;
	buf_add_byte(again->seen, 'a');
	table_add(again->table, 1000, note, again->seen);
}

static void
test_each_call_is_answered_once(void **state)
{
	struct answer answer = {.kind = ANSWER_OK, .result = json_null()};
	struct table table;
	struct buf seen = {0};
	int64_t first, second;

	(void)state;
	table_init(&table);
	first = table_add(&table, 100, note, &seen);
	second = table_add(&table, 50, note, &seen);
	assert_true(second > first);
	assert_int_equal(table_deadline(&table), 50);
	assert_true(table_answer(&table, second, &answer));
	assert_false(table_answer(&table, second, &answer));
	assert_false(table_answer(&table, 77, &answer));
	assert_string_equal(buf_string(&seen), "0");
	table_expire(&table, 99);
	table_expire(&table, 100);
	table_expire(&table, 200);
	assert_string_equal(buf_string(&seen), "02");
	assert_int_equal(table_deadline(&table), -1);
	buf_free(&seen);
}

static void
test_who_is_told_may_ask_again(void **state)
{
	struct table table;
	struct buf seen = {0};
	struct again again = {&table, &seen};

	(void)state;
	table_init(&table);
	table_add(&table, 10, ask_again, &again);
	table_add(&table, 10, ask_again, &again);
	table_fail(&table, "gone");
	assert_string_equal(buf_string(&seen), "aa");
	assert_int_equal(table.count, 2);
	table_expire(&table, 1000);
	assert_string_equal(buf_string(&seen), "aa22");
	buf_free(&seen);
}

static void
test_who_forgot_is_not_told(void **state)
{
	struct table table;
	struct buf seen = {0};

	(void)state;
	table_init(&table);
	table_add(&table, 10, note, &seen);
	table_forget(&table, &seen);
	table_fail(&table, "gone");
	assert_int_equal(seen.length, 0);
	assert_int_equal(table.count, 0);
}

static void
read_message(const char *text, size_t most, bool good, int64_t id)
{
	struct message message;

	assert_int_equal(
	    message_read(&message, text, strlen(text), most), good);
	assert_int_equal(message.id, id);
	jv_free(message.value);
}

static void
test_messages(void **state)
{
	struct message message;
	const char event[] =
	    "{\"method\":\"A.b\",\"params\":{},\"sessionId\":\"S\"}";

	(void)state;
	read_message("{\"id\":7,\"result\":{}}", 1000, true, 7);
	read_message("{\"id\":7,\"result\":\"long", 10, true, 7);
	read_message("{\"id\":99999999999999,\"result\":\"long", 10, false, -1);
	read_message("{\"method\":\"Page.long\"}", 10, false, -1);
	read_message("{}", 1000, false, -1);
	read_message("[]", 1000, false, -1);
	read_message("nonsense", 1000, false, -1);
	read_message("", 1000, false, -1);
	read_message("{\"id\":\"x\"}", 1000, false, -1);
	read_message("{\"id\":3,\"result\":\"\\ud800\"}", 1000, true, 3);
	assert_true(message_read(&message, event, strlen(event), 1000));
	assert_string_equal(message.method, "A.b");
	assert_string_equal(message.session, "S");
	jv_free(message.value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_call_is_answered_once),
	    cmocka_unit_test(test_who_is_told_may_ask_again),
	    cmocka_unit_test(test_who_forgot_is_not_told),
	    cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
