#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "clock.h"
#include "json.h"
#include "survey.h"
#include "xalloc.h"

static char directory[] = "/tmp/oc-survey-XXXXXX";

static void
make(const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);

	if (mkdir(path, 0700) != 0)
		abort();
	free(path);
}

static void
put_file(const char *name, const char *content)
{
	char *path = xasprintf("%s/%s", directory, name);
	FILE *file = fopen(path, "we");

	if (file == NULL || fputs(content, file) < 0 || fclose(file) != 0)
		abort();
	free(path);
}

static int64_t
number(jv ref_all, const char *part, const char *name, const char *key)
{
	jv group = json_get(ref_all, part), one = json_get(group, name);
	int64_t value = json_get_int(one, key, -1);

	jv_free(one);
	jv_free(group);
	return value;
}

static bool
says(jv ref_survey, const char *wanted)
{
	jv problems = json_get(ref_survey, "problems");
	char *text = json_text(problems);
	bool found = strstr(text, wanted) != NULL;

	jv_free(problems);
	free(text);
	return found;
}

static void
nothing_is_there(void **state)
{
	jv all = survey_all(true);

	(void)state;
	assert_true(says(all, "no gateway runs"));
	assert_true(says(all, "no poll was answered yet"));
	assert_int_equal(number(all, "queues", "in", "waiting"), 0);
	jv_free(all);
	all = survey_all(false);
	assert_false(says(all, "telegram"));
	jv_free(all);
}

static void
queues_are_counted(void **state)
{
	int64_t old = (clock_now_ms() - INT64_C(300) * 1000) * 1000000;
	char *name = xasprintf("in/new/%020" PRId64 ".a", old);
	jv all;

	(void)state;
	put_file(name, "{}\n");
	put_file("in/new/not-a-turn", "{}\n");
	put_file("in/dead/00000000000000000001.b", "{}\n");
	all = survey_all(false);
	assert_int_equal(number(all, "queues", "in", "waiting"), 1);
	assert_int_equal(number(all, "queues", "in", "given_up"), 1);
	assert_true(number(all, "queues", "in", "oldest_s") >= 300);
	assert_true(says(all, "the oldest of 1 messages has waited for 5 min"));
	assert_true(says(all, "1 messages were given up"));
	jv_free(all);
	free(name);
}

static void
a_role_is_held_by_its_lock(void **state)
{
	char *path = xasprintf("%s/run/node.lock", directory);
	int fd;
	jv all;

	(void)state;
	put_file("run/node.lock", "process 1 on box since 0\n");
	assert_false(survey_role_runs("node"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_true(survey_role_runs("node"));
	/* process 1 is no gateway of ours */
	assert_int_equal(survey_role_pid("node"), 0);
	put_file("run/agent.json",
	    "{\"state\":\"failed\",\"why\":\"oc-plan ended\",\"last\":\"x\"}");
	all = survey_all(false);
	assert_true(says(all, "nobody has the role gateway"));
	assert_true(says(all, "chain agent: oc-plan ended"));
	jv_free(all);
	close(fd);
	free(path);
}

static void
only_open_breakers_are_shown(void **state)
{
	char *text = xasprintf("{\"a/b\":{\"until\":%" PRId64
			       ",\"class\":\"auth\"},\"c/d\":{\"until\":1}}",
	    clock_now_ms() + 60000);
	jv models, one;

	(void)state;
	put_file("models.json", text);
	models = survey_models();
	assert_int_equal(json_length(models), 1);
	one = json_get(models, "a/b");
	assert_string_equal(json_get_string(one, "class", ""), "auth");
	jv_free(one);
	jv_free(models);
	free(text);
	put_file("models.json", "{\"a/b\":");
	models = survey_models();
	assert_int_equal(json_length(models), 0);
	jv_free(models);
}

static void
a_failing_poll_is_told(void **state)
{
	jv all;

	(void)state;
	put_file("telegram.json", "{\"polled_at\":1,\"problem\":\"401\"}");
	all = survey_all(true);
	assert_true(says(all, "telegram: 401"));
	jv_free(all);
	put_file("telegram.json", "{\"polled_at\":1}");
	all = survey_all(true);
	assert_true(says(all, "the last poll was answered"));
	jv_free(all);
}

static void
ages_and_sizes_are_short(void **state)
{
	char text[SURVEY_AGE_SIZE];

	(void)state;
	assert_string_equal(survey_age(-3, text), "0 s");
	assert_string_equal(survey_age(119, text), "119 s");
	assert_string_equal(survey_age(720, text), "12 min");
	assert_string_equal(survey_age(7200, text), "2 h");
	assert_string_equal(survey_age(172800, text), "2 d");
	assert_string_equal(survey_bytes(78123456789, text), "78.1 GB");
	assert_string_equal(survey_bytes(64000000, text), "64 MB");
}

static int
enter(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return 1;
	make("run");
	make("in");
	make("in/new");
	make("in/dead");
	return setenv("OC_STATE", directory, 1);
}

static int
gone(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static int
leave(void **state)
{
	(void)state;
	return nftw(directory, gone, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_there),
	    cmocka_unit_test(queues_are_counted),
	    cmocka_unit_test(a_role_is_held_by_its_lock),
	    cmocka_unit_test(only_open_breakers_are_shown),
	    cmocka_unit_test(a_failing_poll_is_told),
	    cmocka_unit_test(ages_and_sizes_are_short),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
