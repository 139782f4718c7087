#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "runbook.h"

/* Reading only; test_runbook_match.c is about what is permitted. */

/* A machine with few programs, the same wherever the tests run. */
static bool
is_program(const char *word)
{
	static const char *const programs[] = {"node", "kubectl", "make",
	    "time", "find", "which", "git", "date", "uptime", "ls", "docker",
	    "df", NULL};

	for (size_t i = 0; programs[i] != NULL; i++)
		if (strcmp(programs[i], word) == 0)
			return true;
	return false;
}

static bool
is_nothing(const char *word)
{
	(void)word;
	return false;
}

static char *
grants_of(const char *text, size_t length, bool (*programs)(const char *))
{
	struct runbook runbook;
	struct buf out = {0};

	runbook_parse(&runbook, text, length, programs);
	for (size_t i = 0; i < runbook.count; i++)
		for (size_t j = 0; j < runbook.operation[i].count; j++)
			if (!runbook.operation[i].command[j].refused)
				buf_printf(&out, "%s|",
				    runbook.operation[i].command[j].text);
	runbook_free(&runbook);
	return buf_take(&out);
}

static void
assert_grants(const char *text, const char *expected)
{
	char *got = grants_of(text, strlen(text), is_program);

	if (strcmp(got, expected) != 0)
		fail_msg("%s\ngrants   %s\nexpected %s", text, got, expected);
	free(got);
}

static void
assert_why(const char *text, const char *why)
{
	struct runbook runbook;
	bool found = false;

	runbook_parse(&runbook, text, strlen(text), is_program);
	for (size_t i = 0; i < runbook.count; i++)
		for (size_t j = 0; j < runbook.operation[i].count; j++) {
			const char *refused =
			    runbook.operation[i].command[j].refused;

			assert_non_null(refused);
			found = found || strstr(refused, why) != NULL;
		}
	runbook_free(&runbook);
	if (!found)
		fail_msg("%s: not refused for \"%s\"", text, why);
}

static const char homelab[] =
    "# Homelab Operations\n"
    "\n"
    "## Trigger web-to-PDF article fetch\n"
    "node /scripts/trigger_articles.js\n"
    "\n"
    "## Run the morning brief manually\n"
    "kubectl create job --from=cronjob/morning-brief morning-brief-manual \\\n"
    "  -n zinfra\n"
    "\n"
    "## Parse job posting URLs for the resume pipeline\n"
    "node /scripts/parse_job_links.js <url1> [url2] ...\n"
    "\n"
    "## Trigger the gigs resume tailor pipeline\n"
    "# pipeline artifacts land at /mnt/gigs\n"
    "# check status: kubectl get jobs -n zinfra -l app=gigs-tailor\n";

static void
the_reference_deployment_is_understood(void **state)
{
	struct runbook b;
	const struct runbook_command *c;

	(void)state;
	/* without node and kubectl, too, by the built-in list of programs */
	runbook_parse(&b, homelab, strlen(homelab), NULL);
	assert_int_equal(b.count, 5);
	assert_string_equal(b.operation[0].title, "Homelab Operations");
	assert_int_equal(b.operation[0].count, 0);
	for (size_t i = 1; i < 5; i++) {
		assert_int_equal(b.operation[i].count, 1);
		assert_null(b.operation[i].command[0].refused);
	}
	c = &b.operation[2].command[0];
	assert_string_equal(c->text,
	    "kubectl create job --from=cronjob/morning-brief "
	    "morning-brief-manual -n zinfra");
	assert_int_equal(c->line, 7);
	assert_int_equal(c->count, 7);
	c = &b.operation[3].command[0];
	assert_int_equal(c->count, 5);
	assert_int_equal(c->part[2].kind, RUNBOOK_ONE);
	assert_string_equal(c->part[2].text, "url1");
	assert_int_equal(c->part[3].kind, RUNBOOK_OPTIONAL);
	assert_string_equal(c->part[3].text, "url2");
	assert_int_equal(c->part[4].kind, RUNBOOK_MORE);
	assert_string_equal(
	    b.operation[4].title, "Trigger the gigs resume tailor pipeline");
	assert_non_null(strstr(
	    b.operation[4].prose, "pipeline artifacts land at /mnt/gigs"));
	c = &b.operation[4].command[0];
	assert_string_equal(
	    c->text, "kubectl get jobs -n zinfra -l app=gigs-tailor");
	assert_string_equal(c->label, "check status");
	assert_int_equal(c->line, 15);
	runbook_free(&b);
}

static void
headings_begin_operations(void **state)
{
	struct runbook b;
	static const char text[] =
	    "before\n\n# One #\n## Two\n"
	    "Three\n=====\nFour\n---\n\n"
	    "####### seven\n\n#hash\n\n# Five\n# comment\n";

	(void)state;
	runbook_parse(&b, text, strlen(text), is_program);
	assert_int_equal(b.count, 6);
	assert_string_equal(b.operation[0].title, "");
	assert_string_equal(b.operation[0].prose, "before");
	assert_string_equal(b.operation[1].title, "One");
	assert_int_equal(b.operation[1].line, 3);
	assert_string_equal(b.operation[2].title, "Two");
	assert_string_equal(b.operation[3].title, "Three");
	assert_string_equal(b.operation[4].title, "Four");
	assert_string_equal(b.operation[5].title, "Five");
	assert_string_equal(b.operation[5].prose, "comment");
	runbook_free(&b);
}

static void
comments_are_no_headings(void **state)
{
	(void)state;
	assert_grants("## A\nls -l\n# check: df -h\n", "ls -l|df -h|");
	assert_grants("## A\n# anything at all: df -h\n", "df -h|");
	assert_grants("## A\nls -l\n\n# check: df -h\n", "ls -l|");
	assert_grants("## A\n# df -h\n", "");
	assert_grants("## A\n# see: make sure that all is well\n", "");
	assert_grants("## A\n# kind: date\n", "");
	assert_grants("## A\n# note: frob -x\n", "");
	assert_grants("```\n# look: df -h\n# df -i\n```\n", "df -h|");
}

static void
commands_in_blocks(void **state)
{
	(void)state;
	assert_grants("```\nls -l\n```\nprose\n", "ls -l|");
	assert_grants("~~~ sh\nls -l\n```\n~~~\n", "ls -l|");
	assert_grants("```bash\nfrobnicate now\n```\n", "frobnicate now|");
	assert_grants("```\nfrobnicate now\nTotal 4\n/srv/x.sh\n/srv/\n```\n",
	    "/srv/x.sh|");
	assert_grants("````\nls -l\n```\nls -a\n````\n", "ls -l|ls -a|");
	assert_grants("```text\nls -l\n```\n```yaml\nls -l\n```\n", "ls -l|");
	assert_grants("``` {.sh}\nls -l\n```\n", "");
	assert_grants(
	    "```console\n$ ls -l\ntotal 4\n$ df -h\n```\n", "ls -l|df -h|");
	assert_grants("```zsh\n% ls -l\n```\n", "ls -l|");
	assert_grants(
	    "# A\n\n    ls -l\n    df -h\n\n\tdf -i\n", "ls -l|df -h|df -i|");
	assert_grants("no heading\n\n    frob -x\n", "");
	assert_grants(
	    "1. do\n   ```sh\n   ls -l \\\n     -a\n   ```\n", "ls -l -a|");
	assert_grants("```sh\nls -l # all\n```\n", "ls -l # all|");
	/* a fence that is never closed goes to the end, as in Markdown */
	assert_grants("```yaml\n\n# Heading\n\nls -l\n", "");
}

static void
scripts_are_no_commands(void **state)
{
	(void)state;
	assert_grants("```sh\ncd /srv\nrm -rf x\n```\n", "");
	assert_grants(
	    "```sh\nif [ -d x ]; then\n  rm -rf x\nfi\nls\n```\n", "");
	assert_grants("```sh\n#!/bin/sh\nrm -rf x\n```\n", "");
	assert_grants("```sh\ncat <<END\nrm -rf x\nEND\n```\n", "");
	assert_grants("```sh\necho 'a\nrm -rf x\n'\n```\n", "");
	assert_grants("```sh\nD=/srv\nrm -rf x\n```\nls -l\n", "ls -l|");
	assert_grants("```sh\nf() {\nrm -rf x\n}\n```\n", "");
}

static void
what_is_forbidden_is_not_granted(void **state)
{
	(void)state;
	assert_why("## Never do this\n\nls -l\n", "heading");
	assert_why("## Do not run\n```\nls -l\n```\n", "heading");
	assert_why("## A\nNever run:\n\n    ls -l\n", "line above");
	assert_why("## A\nls -l |\n# don't: ls -a\n", "comment");
	assert_why("## A\n# old: ls -a\n", "comment");
	assert_grants("## A\nNever run:\n\n    ls -l\n\nBut do:\n\n    ls -a\n",
	    "ls -a|");
	assert_grants("## Pods that are not ready\nkubectl get pods\n",
	    "kubectl get pods|");
	assert_grants("## A\n<!--\nls -l\n```\n-->\nls -a\n", "ls -a|");
	assert_grants("## A\nls <!-- x --> -a <!-- ls -l\n", "ls  -a|");
}

static void
prose_is_no_command(void **state)
{
	static const char *const prose[] = {"time flies",
	    "make sure that the pods are fine.", "find out why",
	    "which one is it?", "Make test", "node is the runtime",
	    "date of the last run: see the log", "find the log in /var/log",
	    "git is used for that", "docker run is not needed here.",
	    "kubectl get pods, then wait", "make -j is faster.",
	    "time e.g. noon", "node v18.2 required", "time 10:30",
	    "make and/or node", "git push to the server", "node - the runtime",
	    "frobnicate --now", "git isn't happy", "find /var/log and look",
	    "- ls -l", "> ls -l", "* ls -l", "`ls -l`", "| ls -l |", "ls",
	    "node 20 --", NULL};

	(void)state;
	for (size_t i = 0; prose[i] != NULL; i++) {
		char *got = grants_of(prose[i], strlen(prose[i]), is_program);

		if (*got != '\0')
			fail_msg("%s grants %s", prose[i], got);
		free(got);
	}
}

static void
plain_commands(void **state)
{
	(void)state;
	assert_grants("git status", "git status|");
	assert_grants("ls -l", "ls -l|");
	assert_grants("ls -l\r\n", "ls -l|");
	assert_grants("\xef\xbb\xbfls -l", "ls -l|");
	assert_grants("docker build .", "docker build .|");
	assert_grants("node x.js <file>...", "node x.js <file>...|");
	assert_grants("git commit -m 'do it for the team.'",
	    "git commit -m 'do it for the team.'|");
	assert_grants("$ ls -l", "ls -l|");
	assert_grants("# Up\n\nuptime\n", "uptime|");
	assert_grants("# Up\nuptime\nis fine\n", "");
	assert_grants("# Up\nLook:\nls -l\n", "ls -l|");
	assert_grants("# Up\nsee the output of\nls -l\n", "");
	assert_grants("ls \\\n-l", "ls -l|");
	assert_grants("ls -\\\nl", "ls -l|");
	assert_grants("ls -l \\", "");
	assert_grants("x\n\n \\\n \nls -l", "ls -l|");
	assert_grants("```sh\n \\\n \nls -l\n```\n", "ls -l|");
	assert_grants("- item\n\n    ls -l\n", "ls -l|");
	assert_grants("- item\n\n    ls went wrong\n", "");
}

static void
shell_syntax_is_kept_and_refused(void **state)
{
	(void)state;
	assert_why("ls -l | wc", "pipe");
	assert_why("ls -l > x", "redirection");
	assert_why("ls -l <in >out", "redirection");
	assert_why("ls -l <in>out", "redirection");
	assert_why("ls -l && df -h", "more than one");
	assert_why("ls -l; df -h", "sentence");
	assert_why("```sh\nls -l; df -h\n```", "more than one");
	assert_why("ls -l $HOME", "variable");
	assert_why("ls -l \"$HOME\"", "variable");
	assert_why("ls -l $(id)", "variable");
	assert_why("ls -l `id`", "substitution");
	assert_why("ls *.txt", "pattern");
	assert_why("ls -l a?b", "pattern");
	assert_why("ls a[ab].txt", "pattern");
	assert_why("ls ~/x", "~");
	assert_why("ls --a=~/x", "~");
	assert_why("ls /{a,b}", "braces");
	assert_why("ls -l {file}", "write <name>");
	assert_why("ls -l 'x", "not closed");
	assert_why("```sh\nX=1 ls\n```", "variable");
	assert_why("```sh\ncd /x\n```", "shell itself");
	assert_grants(
	    "ls -l 'a|b' a\\;b HEAD~1 {}", "ls -l 'a|b' a\\;b HEAD~1 {}|");
}

static void
odd_placeholders_are_refused(void **state)
{
	(void)state;
	assert_why("```sh\n<program> -x\n```", "program is a placeholder");
	assert_why("```sh\n[program]\n```", "program is a placeholder");
	assert_why("ls -l [-n <ns>]", "several words");
	assert_why("ls -l [--all]", "[ ]");
	assert_why("ls -l ...", "does not follow");
	assert_why("ls -l <a>/<b>", "two placeholders");
	assert_why("ls -l \"<a>\"", "in quotes");
	assert_why("ls -l 'x/<a>'", "in quotes");
	assert_why("ls -l <a|b>", "redirection");
	assert_why("ls -l x/<a b>", "several words");
	assert_grants("ls -l <a file> <path/to/x> [<y>] x/<n>.txt",
	    "ls -l <a file> <path/to/x> [<y>] x/<n>.txt|");
}

static void
arguments_that_would_be_run_are_refused(void **state)
{
	static const char *const risky[] = {"sh -c <command>", "bash -lc <x>",
	    "docker exec <c> sh -c <x>", "node -e <code>",
	    "python3 -W ignore -c <x>", "perl -pe <x>", "ssh host.x ls <dir>",
	    "ssh <host> <command>", "ssh -p 22 h.x ls [dir]", "sudo <program>",
	    "env <x>", "watch ls <dir>", "node --eval=1 <x>", NULL};
	static const char *const safe[] = {"bash x.sh <url>", "node x.js <url>",
	    "python3 x.py -c <url>", "ssh <host> uptime", "ssh -4 <host> ls",
	    "sudo ls <dir>", "python3 -m x <url>", NULL};
	char text[256];

	(void)state;
	for (size_t i = 0; risky[i] != NULL; i++) {
		snprintf(text, sizeof(text), "```sh\n%s\n```", risky[i]);
		assert_why(text, "run as a program");
	}
	for (size_t i = 0; safe[i] != NULL; i++) {
		char *got;

		snprintf(text, sizeof(text), "```sh\n%s\n```", safe[i]);
		got = grants_of(text, strlen(text), is_program);
		if (*got == '\0')
			fail_msg("refused: %s", safe[i]);
		free(got);
	}
}

static void
hidden_bytes_are_refused(void **state)
{
	static const char nul[] = "```sh\nls -l\0 x\n```\n";
	char *got;

	(void)state;
	assert_why("ls -l\xc2\xa0x", "cannot be seen");
	assert_why("ls -l \xe2\x80\xae x", "cannot be seen");
	assert_why("ls -l \xe2\x80\x8bx", "cannot be seen");
	assert_why("ls -l \x1b[1m", "control byte");
	assert_why("ls -l \xff", "not UTF-8");
	assert_why("ls -l 'a\tb'", "a tab");
	assert_why("ls -l a\\\tb", "a tab");
	assert_grants("ls\t-l", "ls -l|");
	got = grants_of(nul, sizeof(nul) - 1, is_program);
	assert_string_equal(got, "");
	free(got);
}

static void
no_programs_no_plain_commands(void **state)
{
	char *got = grants_of(homelab, strlen(homelab), is_nothing);

	(void)state;
	assert_string_equal(got, "");
	free(got);
}

static void
labels_are_kept(void **state)
{
	static const char text[] = "# A\n```sh\n# restart it\nls -l\nls -a\n"
				   "\n# far\n\nls -b\n```\n";
	struct runbook b;

	(void)state;
	runbook_parse(&b, text, strlen(text), is_program);
	assert_int_equal(b.operation[0].count, 3);
	assert_string_equal(b.operation[0].command[0].label, "restart it");
	assert_null(b.operation[0].command[1].label);
	assert_null(b.operation[0].command[2].label);
	runbook_free(&b);
	runbook_parse(&b, "# A\n# x\xff: df -h", 15, is_program);
	assert_string_equal(b.operation[0].command[0].label, "x\xef\xbf\xbd");
	runbook_free(&b);
}

static void
limits_hold(void **state)
{
	struct buf text = {0};
	struct runbook b;
	char *got;

	(void)state;
	for (int i = 0; i < 3000; i++)
		buf_printf(&text, "# h%d\nls -l\n\n", i);
	runbook_parse(&b, text.data, text.length, is_program);
	assert_int_equal(b.count, RUNBOOK_OPERATIONS_MAX);
	runbook_free(&b);
	buf_clear(&text);
	buf_add_string(&text, "# A\nls -l\n");
	for (int i = 0; i < RUNBOOK_STANZA_MAX; i++)
		buf_add_byte(&text, 'x');
	buf_add_string(&text, "\nls -a\n# note: ls -b\n\n# B\ndf -h\n");
	got = grants_of(text.data, text.length, is_program);
	assert_string_equal(got, "ls -l|df -h|");
	free(got);
	buf_clear(&text);
	buf_add_string(&text, "ls -l\n\n# A\n");
	for (int i = 0; i < RUNBOOK_TEXT_MAX / 16; i++)
		buf_add_string(&text, "# Heading padded\n");
	buf_add_string(&text, "\n# B\ndf -h\n");
	got = grants_of(text.data, text.length, is_program);
	assert_string_equal(got, "ls -l|");
	free(got);
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_add_string(&text, "ls \\\n");
	got = grants_of(text.data, text.length, is_program);
	assert_string_equal(got, "");
	free(got);
	buf_free(&text);
}

static void
known_programs(void **state)
{
	(void)state;
	assert_true(runbook_is_program("kubectl"));
	assert_true(runbook_is_program("node"));
	assert_true(runbook_is_program("/bin/sh"));
	assert_false(runbook_is_program("/bin"));
	assert_false(runbook_is_program("bin/sh"));
	assert_false(runbook_is_program("/no/such"));
	assert_true(runbook_is_program("/no/such.sh"));
	assert_false(runbook_is_program("no/such.sh"));
	assert_false(runbook_is_program("/no/.sh"));
	assert_false(runbook_is_program("no-such-program-anywhere"));
	assert_false(runbook_is_program(""));
	assert_false(runbook_is_program("."));
	assert_false(runbook_is_program("A=b"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_reference_deployment_is_understood),
	    cmocka_unit_test(headings_begin_operations),
	    cmocka_unit_test(comments_are_no_headings),
	    cmocka_unit_test(commands_in_blocks),
	    cmocka_unit_test(scripts_are_no_commands),
	    cmocka_unit_test(what_is_forbidden_is_not_granted),
	    cmocka_unit_test(prose_is_no_command),
	    cmocka_unit_test(plain_commands),
	    cmocka_unit_test(shell_syntax_is_kept_and_refused),
	    cmocka_unit_test(odd_placeholders_are_refused),
	    cmocka_unit_test(arguments_that_would_be_run_are_refused),
	    cmocka_unit_test(hidden_bytes_are_refused),
	    cmocka_unit_test(no_programs_no_plain_commands),
	    cmocka_unit_test(labels_are_kept),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(known_programs),
	};

	return cmocka_run_group_tests_name("runbook", tests, NULL, NULL);
}
