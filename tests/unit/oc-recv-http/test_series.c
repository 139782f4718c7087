#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "seen.h"
#include "series.h"

static void
check(const struct series *series, const char *wanted)
{
	struct buf text = {0};

	series_write(series, &text);
	assert_string_equal(buf_string(&text), wanted);
	buf_free(&text);
}

static void
counters_and_gauges(void **state)
{
	struct series *series = series_new();
	struct family *calls = series_family(
	    series, SERIES_COUNTER, "calls_total", "Calls.", "tool outcome");
	struct family *depth =
	    series_family(series, SERIES_GAUGE, "depth", "Depth.", "");

	(void)state;
	check(series, "");
	family_add(calls, 1, "exec", "ok");
	family_add(calls, 2.5, "exec", "failed");
	family_add(calls, 1, "exec", "ok");
	family_set(depth, 7);
	family_set(depth, 3);
	check(series, "# HELP calls_total Calls.\n# TYPE calls_total counter\n"
		      "calls_total{tool=\"exec\",outcome=\"ok\"} 2\n"
		      "calls_total{tool=\"exec\",outcome=\"failed\"} 2.5\n"
		      "# HELP depth Depth.\n# TYPE depth gauge\ndepth 3\n");
	family_clear(calls);
	family_clear(depth);
	check(series, "");
	series_free(series);
}

static void
a_histogram_adds_up(void **state)
{
	struct series *series = series_new();
	struct family *took = series_family(
	    series, SERIES_HISTOGRAM, "took_seconds", "Time.", "");
	struct buf text = {0};

	(void)state;
	family_observe(took, 0.001);
	family_observe(took, 0.3);
	family_observe(took, 10000);
	series_write(series, &text);
	assert_non_null(strstr(text.data, "bucket{le=\"0.001\"} 1\n"));
	assert_non_null(strstr(text.data, "bucket{le=\"0.25\"} 1\n"));
	assert_non_null(strstr(text.data, "bucket{le=\"0.5\"} 2\n"));
	assert_non_null(strstr(text.data, "bucket{le=\"600\"} 2\n"));
	assert_non_null(strstr(text.data, "bucket{le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(text.data, "took_seconds_sum 10000.301\n"));
	assert_non_null(strstr(text.data, "took_seconds_count 3\n"));
	buf_free(&text);
	series_free(series);
}

static void
values_are_escaped_and_cut(void **state)
{
	struct series *series = series_new();
	struct family *all =
	    series_family(series, SERIES_GAUGE, "g", "G.", "name");
	char longer[3 * SERIES_VALUE_MAX];
	struct buf text = {0};

	(void)state;
	family_set(all, 1, "a\"b\\c\nd");
	family_set(all, 1, "\xff");
	memset(longer, 'x', sizeof longer);
	longer[SERIES_VALUE_MAX - 1] = '\xc3'; /* half of a character */
	longer[SERIES_VALUE_MAX] = '\xa4';
	longer[sizeof longer - 1] = '\0';
	family_set(all, 2, longer);
	series_write(series, &text);
	assert_non_null(strstr(text.data, "g{name=\"a\\\"b\\\\c\\nd\"} 1\n"));
	assert_non_null(strstr(text.data, "g{name=\"\xef\xbf\xbd\"} 1\n"));
	assert_non_null(strstr(text.data, "xxx\"} 2\n"));
	buf_free(&text);
	series_free(series);
}

static void
what_is_too_many_is_other(void **state)
{
	struct series *series = series_new();
	struct family *all =
	    series_family(series, SERIES_COUNTER, "n_total", "N.", "a b");
	struct buf text = {0};
	size_t lines = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < 3 * SERIES_MAX; i++) {
		snprintf(name, sizeof name, "n%d", i);
		family_add(all, 1, name, "x");
	}
	family_add(all, 5, "n0", "x");
	series_write(series, &text);
	for (const char *c = text.data; *c != '\0'; c++)
		lines += *c == '\n';
	assert_int_equal(lines, SERIES_MAX + 2);
	assert_non_null(strstr(text.data, "{a=\"n0\",b=\"x\"} 6\n"));
	assert_non_null(strstr(text.data, "{a=\"other\",b=\"other\"} 201\n"));
	buf_free(&text);
	series_free(series);
}

static void
a_set_remembers(void **state)
{
	struct seen *seen = seen_new();
	char name[16];

	(void)state;
	assert_false(seen_has(seen, "a"));
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++) {
			snprintf(name, sizeof name, "n%d", i);
			assert_int_equal(seen_add(seen, name), round == 0);
			assert_true(seen_has(seen, name));
		}
	assert_false(seen_has(seen, "n5000"));
	seen_free(seen);
	seen_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counters_and_gauges),
	    cmocka_unit_test(a_histogram_adds_up),
	    cmocka_unit_test(values_are_escaped_and_cut),
	    cmocka_unit_test(what_is_too_many_is_other),
	    cmocka_unit_test(a_set_remembers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
