#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runbook.h"

static bool
is_program(const char *word)
{
	return strcmp(word, "p") == 0 || strcmp(word, "node") == 0 ||
	       strcmp(word, "kubectl") == 0;
}

/*
 * Whether the runbook's text permits the words, divided by '|'.  `bad`, if not
 * NULL: the word that keeps it from that, or "none".
 */
static bool
permits_but(const char *text, const char *words, const char *bad)
{
	struct runbook runbook;
	char *copy = strdup(words), *argv[WORDS_MAX + 2] = {copy};
	char *const *found;
	size_t argc = 1;
	bool permitted;

	for (char *p = copy; *p != '\0'; p++)
		if (*p == '|') {
			*p = '\0';
			argv[argc++] = p + 1;
		}
	runbook_parse(&runbook, text, strlen(text), is_program);
	permitted = runbook_match(&runbook, argv, argc) != NULL;
	found = runbook_bad_argument(&runbook, argv, argc);
	if (bad != NULL)
		assert_string_equal(found != NULL ? *found : "none", bad);
	runbook_free(&runbook);
	free(copy);
	return permitted;
}

static bool
permits(const char *text, const char *words)
{
	return permits_but(text, words, NULL);
}

static const char homelab[] =
    "## Trigger web-to-PDF article fetch\n"
    "node /scripts/trigger_articles.js\n"
    "\n"
    "## Parse job posting URLs for the resume pipeline\n"
    "node /scripts/parse_job_links.js <url1> [url2] ...\n"
    "\n"
    "## Run\n"
    "kubectl create job --from=cronjob/morning-brief morning-brief-manual \\\n"
    "  -n zinfra\n";

#define LINKS "node|/scripts/parse_job_links.js|"

static void
the_reference_grants_its_commands(void **state)
{
	(void)state;
	assert_true(permits(homelab, "node|/scripts/trigger_articles.js"));
	assert_true(permits(homelab, LINKS "https://a.example/1"));
	assert_true(permits(homelab, LINKS "https://a.example/1|https://b/2"));
	assert_true(permits(homelab, LINKS "a|b|c|d|e"));
	assert_true(
	    permits(homelab, "kubectl|create|job|--from=cronjob/morning-brief|"
			     "morning-brief-manual|-n|zinfra"));
	/* one argument, whatever it says, as there is no shell */
	assert_true(permits(homelab, LINKS "; rm -rf x"));
	assert_true(permits(homelab, LINKS "$(id)"));
}

static void
the_argument_that_is_at_fault_is_found(void **state)
{
	static const char job[] =
	    "## Run\n```sh\np create --from=cron/<name> -n x\n```\n";

	(void)state;
	assert_true(permits_but(homelab, LINKS "https://a", "none"));
	assert_false(permits_but(homelab, LINKS "--eval=1", "--eval=1"));
	assert_false(permits_but(homelab, LINKS "a|-e|b", "-e"));
	assert_false(permits_but(homelab, LINKS "a|", ""));
	assert_false(permits_but(homelab, LINKS "a\nb", "a\nb"));
	assert_false(
	    permits_but(job, "p|create|--from=cron/-x|-n|x", "--from=cron/-x"));
	assert_false(
	    permits_but(job, "p|create|--from=cron/|-n|x", "--from=cron/"));
	/* nothing that one argument alone would mend */
	assert_false(permits_but(homelab, "node|/scripts/x.js|-e", "none"));
	assert_false(permits_but(homelab, "sh|-c|node", "none"));
	assert_false(permits_but(job, "p|create|--from=job/x|-n|x", "none"));
}

static void
the_reference_grants_nothing_else(void **state)
{
	(void)state;
	assert_false(permits(homelab, "node"));
	assert_false(permits(homelab, "node|/scripts/trigger_articles.js|x"));
	assert_false(permits(homelab, "node|/scripts/trigger_articles.js|;"));
	assert_false(permits(homelab, "node|/scripts/trigger_articles.js|"));
	assert_false(permits(homelab, "node|/scripts/../x.js"));
	assert_false(
	    permits(homelab, "/bin/node|/scripts/trigger_articles.js"));
	assert_false(permits(homelab, "./node|/scripts/trigger_articles.js"));
	assert_false(permits(homelab, "NODE|/scripts/trigger_articles.js"));
	assert_false(permits(homelab, "node|--|/scripts/trigger_articles.js"));
	assert_false(
	    permits(homelab, "sh|-c|node /scripts/trigger_articles.js"));
	assert_false(permits(homelab, "node|/scripts/parse_job_links.js"));
	assert_false(permits(homelab, LINKS ""));
	assert_false(permits(homelab, LINKS "--require=/tmp/x"));
	assert_false(permits(homelab, LINKS "a|-x"));
	assert_false(permits(homelab, LINKS "a\nb"));
	assert_false(permits(homelab, LINKS "a\tb"));
	assert_false(permits(homelab, LINKS "a\x7f"));
	assert_false(permits(homelab, LINKS "a\xc2\x85"));
	assert_false(permits(homelab, LINKS "a\xff"));
	assert_false(permits(homelab, LINKS "a|\xc3"));
	assert_false(permits(homelab, "kubectl|get|secrets"));
	assert_false(
	    permits(homelab, "kubectl|create|job|--from=cronjob/morning-brief|"
			     "morning-brief-manual|-n|kube-system"));
}

static void
placeholders_inside_words(void **state)
{
	static const char text[] = "```\np --from=x/<name>.y -n <ns>\n```\n";

	(void)state;
	assert_true(permits(text, "p|--from=x/a.y|-n|b"));
	assert_true(permits(text, "p|--from=x/a/b.y|-n|b"));
	assert_false(permits(text, "p|--from=x/.y|-n|b"));
	assert_false(permits(text, "p|--from=x/-a.y|-n|b"));
	assert_false(permits(text, "p|--from=x/a.z|-n|b"));
	assert_false(permits(text, "p|--from=z/a.y|-n|b"));
	assert_false(permits(text, "p|--from=x/a.y|-n|-b"));
	assert_false(permits(text, "p|--from=x/a\n.y|-n|b"));
	assert_false(permits("```\np a<x>ab\n```\n", "p|aab"));
	assert_false(permits("```\np a<x>aa\n```\n", "p|aa"));
}

static void
optional_and_more(void **state)
{
	(void)state;
	assert_true(permits("```\np [a] end\n```", "p|end"));
	assert_true(permits("```\np [a] end\n```", "p|x|end"));
	assert_true(permits("```\np [a] end\n```", "p|end|end"));
	assert_false(permits("```\np [a] end\n```", "p|x|y|end"));
	assert_true(permits("```\np <a> ... end\n```", "p|x|end"));
	assert_true(permits("```\np <a> ... end\n```", "p|x|y|z|end"));
	assert_true(permits("```\np <a>... <b>\n```", "p|x|y"));
	assert_true(permits("```\np <a>... <b>\n```", "p|x|y|z"));
	assert_false(permits("```\np <a>... <b>\n```", "p|x"));
	assert_true(permits("```\np [a]... [b] x\n```", "p|x"));
	assert_true(permits("```\np [a...]\n```", "p|x|y|z"));
	assert_true(permits("```\np [a...]\n```", "p"));
	assert_true(permits("```\np <a...>\n```", "p|x|y"));
	assert_false(permits("```\np <a...>\n```", "p"));
	assert_true(permits("```\np --u=<u> ...\n```", "p|--u=x|--u=y"));
	assert_false(permits("```\np --u=<u> ...\n```", "p|--u=x|y"));
}

static void
a_refused_command_permits_nothing(void **state)
{
	(void)state;
	assert_false(permits("```sh\np a | x\n```", "p|a"));
	assert_false(permits("```sh\np *\n```", "p|*"));
	assert_false(permits("## Never\n```sh\np a\n```", "p|a"));
}

static void
many_optional_parts_take_no_time(void **state)
{
	char text[4096] = "```sh\np", words[4096] = "p";

	(void)state;
	for (int i = 0; i < 80; i++)
		strlcat(text, " <a>... [b]", sizeof(text));
	strlcat(text, " end\n```\n", sizeof(text));
	for (int i = 0; i < 200; i++)
		strlcat(words, "|x", sizeof(words));
	assert_false(permits(text, words));
	strlcat(words, "|end", sizeof(words));
	assert_true(permits(text, words));
}

static void
quoted_words_are_one_argument(void **state)
{
	(void)state;
	assert_true(permits("```sh\np 'a b' \"c\"\n```", "p|a b|c"));
	assert_false(permits("```sh\np 'a b' \"c\"\n```", "p|a|b|c"));
	assert_true(permits("```sh\np ''\n```", "p|"));
	assert_true(permits("```sh\np a # not this\n```", "p|a"));
}

static void
nothing_permits_nothing(void **state)
{
	struct runbook runbook;

	(void)state;
	runbook_parse(&runbook, "", 0, is_program);
	assert_null(runbook_match(&runbook, NULL, 0));
	runbook_free(&runbook);
	runbook_parse(&runbook, homelab, strlen(homelab), is_program);
	assert_null(runbook_match(&runbook, NULL, 0));
	runbook_free(&runbook);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_reference_grants_its_commands),
	    cmocka_unit_test(the_argument_that_is_at_fault_is_found),
	    cmocka_unit_test(the_reference_grants_nothing_else),
	    cmocka_unit_test(placeholders_inside_words),
	    cmocka_unit_test(optional_and_more),
	    cmocka_unit_test(a_refused_command_permits_nothing),
	    cmocka_unit_test(many_optional_parts_take_no_time),
	    cmocka_unit_test(quoted_words_are_one_argument),
	    cmocka_unit_test(nothing_permits_nothing),
	};

	return cmocka_run_group_tests_name("runbook_match", tests, NULL, NULL);
}
