#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <cmocka.h>
#include "buf.h"
#include "log.h"
#include "utf8.h"
#include "watch.h"

/* What log_warn("%s", message) writes, for the caller to free. */
static char *
logged(const char *message)
{
	struct capture capture;
	struct buf text = {0};

	capture_begin(&capture, STDERR_FILENO);
	log_warn("%s", message);
	capture_end(&capture, &text);
	return buf_take(&text);
}

static void
assert_matches(const char *text, const char *pattern)
{
	regex_t regex;

	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED), 0);
	if (regexec(&regex, text, 0, NULL, 0) != 0)
		fail_msg("%s does not match %s", text, pattern);
	regfree(&regex);
}

static void
line_has_time_level_program_and_pid(void **state)
{
	char *line = logged("telegram: 429, waiting 3 s");

	(void)state;
	assert_matches(line,
	    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
	    "\\.[0-9]{3}Z warn oc-test\\[[0-9]+\\]: "
	    "telegram: 429, waiting 3 s\n$");
	free(line);
}

static void
control_bytes_are_replaced(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"a\nfake line", "a?fake line"},
	    {"a\rb\tc\x1b[2Jd\x7f", "a?b?c?[2Jd?"},
	    {"\xc2\x9b"
	     "31m",
		"??31m"}, /* CSI as one character */
	    {"\xff\xc3(", "?\?("},
	    {"\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *line = logged(cases[i].in);
		char *message = strstr(line, "]: ") + 3;

		message[strcspn(message, "\n")] = '\0';
		assert_string_equal(message, cases[i].out);
		free(line);
	}
}

static void
long_message_is_cut_between_characters(void **state)
{
	struct buf message = {0};

	(void)state;
	for (int shift = 0; shift < 4; shift++) {
		char *line;

		buf_clear(&message);
		for (int i = 0; i < shift; i++)
			buf_add_byte(&message, 'x');
		while (message.length < 3 * LOG_LINE_MAX)
			buf_add_string(&message, "\xf0\x9f\x98\x80");
		line = logged(buf_string(&message));
		assert_true(strlen(line) <= LOG_LINE_MAX);
		assert_true(strlen(line) > LOG_LINE_MAX - 8);
		assert_true(utf8_valid(line, strlen(line)));
		assert_null(strchr(line, '?'));
		assert_int_equal(line[strlen(line) - 1], '\n');
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		free(line);
	}
	buf_free(&message);
}

static void
errno_stays(void **state)
{
	(void)state;
	errno = EXDEV;
	free(logged("x"));
	errno = EXDEV;
	log_debug("not shown");
	assert_int_equal(errno, EXDEV);
}

static void
log_each_level(void *level)
{
	if (level != NULL)
		setenv("OC_LOG", level, 1);
	else
		unsetenv("OC_LOG");
	log_init("oc-test");
	log_error("E");
	log_warn("W");
	log_info("I");
	log_debug("D");
}

static void
levels(void **state)
{
	static struct {
		char level[8];
		const char *shown;
	} cases[] = {{"error", "E"}, {"warn", "EW"}, {"info", "EWI"},
	    {"debug", "EWID"}, {"loud", "EWI"}, {"", "EWI"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf err = {0};
		char shown[8] = "";
		size_t n = 0;

		assert_int_equal(
		    ends_with(log_each_level, cases[i].level, &err), 0);
		for (const char *at = buf_string(&err);
		     (at = strstr(at, "]: ")) != NULL; at += 3)
			shown[n++] = at[3];
		assert_string_equal(shown, cases[i].shown);
		buf_free(&err);
	}
}

static void
end_fatally(void *arg)
{
	(void)arg;
	fatal(EX_CONFIG, "%s:%d:%d: unknown key", "file.yaml", 3, 5);
}

static void
use_wrongly(void *arg)
{
	(void)arg;
	usage_error("-%c: no such option", 'Z');
}

static void
ends(void **state)
{
	struct buf err = {0};

	(void)state;
	assert_int_equal(ends_with(end_fatally, NULL, &err), EX_CONFIG);
	assert_non_null(strstr(buf_string(&err), "error oc-test["));
	assert_non_null(
	    strstr(buf_string(&err), "file.yaml:3:5: unknown key\n"));
	buf_clear(&err);
	assert_int_equal(ends_with(use_wrongly, NULL, &err), EX_USAGE);
	assert_non_null(
	    strstr(buf_string(&err), "-Z: no such option; try 'oc-test -h'\n"));
	buf_free(&err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(line_has_time_level_program_and_pid),
	    cmocka_unit_test(control_bytes_are_replaced),
	    cmocka_unit_test(long_message_is_cut_between_characters),
	    cmocka_unit_test(errno_stays),
	    cmocka_unit_test(levels),
	    cmocka_unit_test(ends),
	};

	log_init("oc-test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
