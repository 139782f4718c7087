#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <cmocka.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "turn.h"
#include "xalloc.h"
#include "../../../bin/oc-plan/runbook_model.h"

/* The command proposed for a message, or "" and the text in *said. */
static char *
ask_turn(const char *agents, jv own_turn, char **said)
{
	struct runbook runbook;
	struct answer answer = {0};
	jv call, args;
	char *command;

	runbook_parse(&runbook, agents, strlen(agents), NULL);
	answer_init(&answer);
	runbook_answer(&answer, &runbook, own_turn);
	assert_int_equal(answer.error, ANSWER_OK);
	assert_true(answer.finished);
	assert_true(json_length(answer.calls) <= 1);
	/* it says something or calls something, never both or neither */
	assert_true(
	    (answer.text.length > 0) == (json_length(answer.calls) == 0));
	call = json_at(answer.calls, 0);
	args = json_get(call, "args");
	if (json_length(answer.calls) > 0)
		assert_string_equal(json_get_string(call, "name", ""), "exec");
	command = strdup(json_get_string(args, "command", ""));
	if (said != NULL)
		*said = strdup(buf_string(&answer.text));
	jv_free(args);
	jv_free(call);
	answer_free(&answer);
	runbook_free(&runbook);
	jv_free(own_turn);
	return command;
}

static jv
turn_of(const char *text)
{
	return json_set_string(json_object(), "text", text);
}

/* Counts what is not as expected, so that one run shows all of it. */
static int
wrong(const char *agents, const char *text, const char *expected)
{
	char *said, *got = ask_turn(agents, turn_of(text), &said);
	int is_wrong = strcmp(got, expected) != 0;

	if (is_wrong)
		print_error("%s\n  gives    %s %.120s\n  expected %s\n", text,
		    got, said, expected);
	free(said);
	free(got);
	return is_wrong;
}

struct expected {
	const char *text, *command;
};

static void
assert_all(const char *agents, const struct expected *expected)
{
	int count = 0;

	for (; expected->text != NULL; expected++)
		count += wrong(agents, expected->text, expected->command);
	assert_int_equal(count, 0);
}

static void
assert_says(const char *agents, const char *text, const char *part)
{
	char *said, *got = ask_turn(agents, turn_of(text), &said);

	assert_string_equal(got, "");
	if (strstr(said, part) == NULL)
		fail_msg("%s: %s", text, said);
	free(said);
	free(got);
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

#define ARTICLES "node /scripts/trigger_articles.js"
#define BRIEF                                              \
	"kubectl create job --from=cronjob/morning-brief " \
	"morning-brief-manual -n zinfra"
#define LINKS  "node /scripts/parse_job_links.js "
#define STATUS "kubectl get jobs -n zinfra -l app=gigs-tailor"

static void
the_reference_deployment(void **state)
{
	static const struct expected expected[] = {
	    {"fetch today's articles", ARTICLES},
	    {"run the morning brief", BRIEF},
	    {"parse https://a.example/1 and https://b.example/2",
		LINKS "https://a.example/1 https://b.example/2"},
	    {"is the tailor pipeline done?", STATUS},
	    {"check gigs status", STATUS}, {NULL, NULL}};

	(void)state;
	assert_all(homelab, expected);
}

static void
the_reference_in_other_words(void **state)
{
	static const struct expected expected[] = {
	    {"Fetch the articles please", ARTICLES},
	    {"Could you fetch today's articles?", ARTICLES},
	    {"trigger the web to pdf article fetch", ARTICLES},
	    {"start the article fetcher", ARTICLES},
	    {"article fetch", ARTICLES},
	    {"please do the morning briefing now", BRIEF},
	    {"Run the Morning Brief!", BRIEF}, {"morning brief", BRIEF},
	    {"can you kick off the morning brief manually", BRIEF},
	    {"run the mornign brief", BRIEF},
	    {"parse this job posting: https://a.example/1.",
		LINKS "https://a.example/1"},
	    {"add (https://a.example/x?y=1&z=2) to the resume pipeline",
		LINKS "'https://a.example/x?y=1&z=2'"},
	    {"Parse the postings <https://a.example/1>, "
	     "<https://b.example/2>, https://c.example/3",
		LINKS "https://a.example/1 https://b.example/2 "
		      "https://c.example/3"},
	    {"how is the gigs pipeline doing?", STATUS},
	    {"status of the tailor pipeline", STATUS},
	    {"did the gigs tailor finish", STATUS},
	    {"show me the gigs jobs", STATUS}, {ARTICLES, ARTICLES},
	    {"run `" ARTICLES "`", ARTICLES}, {STATUS, STATUS}, {NULL, NULL}};

	(void)state;
	assert_all(homelab, expected);
}

static void
nothing_is_run_unless_it_is_asked_for(void **state)
{
	static const struct expected expected[] = {{"", ""}, {"hi", ""},
	    {"help", ""}, {"what can you do?", ""},
	    {"don't run the morning brief", ""},
	    {"do not fetch the articles", ""}, {"stop the morning brief", ""},
	    {"cancel the article fetch", ""},
	    {"delete the morning brief job", ""},
	    {"did the morning brief run?", ""},
	    {"when does the morning brief run?", ""},
	    {"is the morning brief done yet", ""},
	    {"what is the morning brief", ""},
	    {"how do I run the morning brief?", ""},
	    {"will the morning brief run today?", ""},
	    {"show the morning brief", ""}, {"list the nodes", ""},
	    {"node", ""}, {"scripts", ""},
	    {"send the articles to my wife and my brother", ""},
	    {"fetch the articles from https://a.example/", ""},
	    {"fetch the articles on worker2", ""},
	    {"trigger the gigs resume tailor pipeline", ""},
	    {"parse the job postings", ""}, {"https://a.example/1", ""},
	    {"write a poem about the sea", ""}, {"run it", ""}, {"yes", ""},
	    {"run the pipeline", ""},
	    {"node /scripts/trigger_articles.js; rm -rf x", ""},
	    {"sh -c 'node /scripts/trigger_articles.js'", ""},
	    {"parse '--require=/tmp/x' job postings", ""}, {NULL, NULL}};

	(void)state;
	assert_all(homelab, expected);
}

static void
it_says_why_not(void **state)
{
	(void)state;
	assert_says(homelab, "hi", "This is the built-in runbook, no model.");
	assert_says(
	    homelab, "hi", "- Run the morning brief manually: `kubectl");
	assert_says(homelab, "write a poem", "No operation fits");
	assert_says(homelab, "run the pipeline", "More than one operation");
	assert_says(homelab, "parse the job postings", "<url1> is missing");
	assert_says(homelab, "stop the morning brief", "Nothing was run");
	assert_says(homelab, "did the morning brief run?", "did not ask");
	assert_says(homelab, "trigger the gigs tailor pipeline",
	    "only how to look at it");
	assert_says("## Count\n```sh\nls | wc -l\n```\n", "count", "a pipe");
	assert_says("## Two\n```sh\nmake a\nmake b\n```\n", "do the two",
	    "more than one command");
}

/* Each heading is a message that asks for what stands below it. */
static void
headings_are_understood(void **state)
{
	struct buf text = {0};

	(void)state;
	assert_int_equal(
	    wrong(homelab, "Trigger web-to-PDF article fetch", ARTICLES), 0);
	assert_int_equal(
	    wrong(homelab, "Run the morning brief manually", BRIEF), 0);
	buf_free(&text);
}

static const char many[] = "## Restart the broker\n"
			   "systemctl restart mosquitto\n"
			   "\n"
			   "## Restart the broker and the bridge\n"
			   "systemctl restart mosquitto zigbee2mqtt\n"
			   "\n"
			   "## Logs of a pod\n"
			   "kubectl logs <pod> -n apps --tail=100\n"
			   "\n"
			   "## Restart a service\n"
			   "kubectl rollout restart deploy/<service> -n apps\n"
			   "\n"
			   "## Delete old backups\n"
			   "/srv/backup/prune.sh --days <days>\n"
			   "\n"
			   "## Backups\n"
			   "```sh\n"
			   "# make a backup now\n"
			   "/srv/backup/run.sh --now\n"
			   "# list the backups\n"
			   "/srv/backup/list.sh --all\n"
			   "```\n";

static void
placeholders_are_filled(void **state)
{
	static const struct expected expected[] = {
	    {"show the logs of pod grafana-7f9", "kubectl logs grafana-7f9 -n "
						 "apps --tail=100"},
	    {"logs of \"my pod\"", "kubectl logs 'my pod' -n apps --tail=100"},
	    {"pod logs of grafana", "kubectl logs grafana -n apps --tail=100"},
	    {"restart the service jellyfin",
		"kubectl rollout restart deploy/jellyfin -n apps"},
	    {"delete backups older than 30 days",
		"/srv/backup/prune.sh --days 30"},
	    {"restart the broker", "systemctl restart mosquitto"},
	    {"restart the broker and the bridge",
		"systemctl restart mosquitto zigbee2mqtt"},
	    {"make a backup", "/srv/backup/run.sh --now"},
	    {"list the backups", "/srv/backup/list.sh --all"},
	    {"show the logs of a pod", ""}, {"delete the old backups", ""},
	    {"logs of '-n kube-system'", ""}, {"don't restart the broker", ""},
	    {NULL, NULL}};

	(void)state;
	assert_all(many, expected);
}

static void
the_example_workspace(void **state)
{
	static const struct expected expected[] = {
	    {"How full are the disks?", "df -h"},
	    {"how full are the disks", "df -h"},
	    {"is there still space on the disk?", "df -h"},
	    {"how much memory is free?", "free -m"},
	    {"what uses the memory?", "ps aux --sort=-%mem"},
	    {"what eats the memory", "ps aux --sort=-%mem"},
	    {"uptime", "uptime"}, {"how long is this machine up?", "uptime"},
	    {"what time is it?", "date"}, {"which date is it", "date"},
	    {"list the files", "ls -l"},
	    {"what files are in the workspace?", "ls -l"},
	    {"how large is /usr/share?", "du -sh /usr/share"},
	    {"begin a note \"ideas\"", "touch note-ideas.txt"},
	    {"what eats the memory of worker2?", ""}, {"hello", ""},
	    {"what is the weather?", ""}, {"tell me a joke", ""}, {NULL, NULL}};
	const char *source = getenv("OC_SOURCE");
	char *file = xasprintf(
	    "%s/share/workspace/AGENTS.md", source != NULL ? source : ".");
	struct buf text = {0};

	(void)state;
	if (!io_read_file(AT_FDCWD, file, 1 << 20, &text))
		fail_msg("cannot read %s", file);
	free(file);
	assert_all(buf_string(&text), expected);
	buf_free(&text);
}

static void
without_agents_md(void **state)
{
	static const struct expected expected[] = {
	    {"how full are the disks?", "df -h"},
	    {"how much memory is free", "free -m"},
	    {"what time is it?", "date"}, {"run the morning brief", ""},
	    {"hi", ""}, {NULL, NULL}};

	(void)state;
	assert_all("", expected);
	assert_all("# Only prose\n\nNothing here.\n", expected);
	assert_says("", "hi", "no AGENTS.md that documents a command");
	assert_says("", "run the morning brief", "## Restart");
	/* an owner's own operations are all that there is */
	assert_says(homelab, "how full are the disks?", "No operation fits");
}

static jv
parse(const char *text)
{
	jv value = json_parse(text, strlen(text), NULL);

	assert_true(json_is_valid(value));
	return value;
}

#define STEPS                                                                  \
	"{\"text\":\"how full are the disks?\",\"steps\":[{\"role\":"          \
	"\"assistant\",\"model\":\"local/runbook\",\"calls\":[{\"id\":\"c1\"," \
	"\"name\":\"exec\",\"args\":{\"command\":\"df -h\"}}]}"

static void
assert_report(const char *json, const char *part)
{
	char *said, *got = ask_turn("## Disks\ndf -h\n", parse(json), &said);

	assert_string_equal(got, "");
	if (strstr(said, part) == NULL)
		fail_msg("%s: %s", json, said);
	free(said);
	free(got);
}

static void
results_are_reported(void **state)
{
	(void)state;
	assert_report(STEPS ",{\"role\":\"tool\",\"call\":\"c1\",\"ok\":true,"
			    "\"exit\":0,\"output\":\"all well\\n\"}]}",
	    "Done: `df -h`\n\n```\nall well\n```\n");
	assert_report(STEPS ",{\"role\":\"tool\",\"call\":\"c1\",\"ok\":false,"
			    "\"exit\":2,\"output\":\"oh\"}]}",
	    "`df -h` failed with exit status 2:\n\n```\noh\n```\n");
	assert_report(STEPS ",{\"role\":\"tool\",\"call\":\"c1\",\"ok\":false,"
			    "\"output\":\"not permitted\"}]}",
	    "refused or did not end:\n\n```\nnot permitted\n```\n");
	assert_report(STEPS ",{\"role\":\"tool\",\"call\":\"c1\",\"ok\":true,"
			    "\"exit\":0,\"output\":\" \\n\"}]}",
	    "It printed nothing.");
	assert_report(STEPS ",{\"role\":\"tool\",\"call\":\"c1\",\"ok\":true,"
			    "\"output\":\"a ``` b\"}]}",
	    "````\na ``` b\n````");
	assert_report("{\"text\":\"x\",\"steps\":[{\"role\":\"assistant\","
		      "\"model\":\"google/g\",\"calls\":[{\"id\":\"c1\","
		      "\"name\":\"read_file\",\"args\":{\"path\":\"x\"}}]},"
		      "{\"role\":\"tool\",\"call\":\"c1\",\"ok\":true,"
		      "\"output\":\"y\"}]}",
	    "Done: `read_file`");
	assert_report("{\"text\":\"disks\",\"steps\":[{\"role\":\"tool\"}]}",
	    "no result");
	assert_report("{\"text\":\"disks\",\"steps\":[{\"role\":\"tool\","
		      "\"call\":7,\"output\":[]},{\"role\":\"assistant\","
		      "\"calls\":[5]}]}",
	    "no result");
}

static void
long_outputs_are_cut(void **state)
{
	struct buf json = {0};
	char *said, *got;

	(void)state;
	buf_add_string(&json, STEPS ",{\"role\":\"tool\",\"call\":\"c1\","
				    "\"ok\":true,\"output\":\"begin");
	for (int i = 0; i < 20000; i++)
		buf_add_string(&json, "\xc3\xbc");
	buf_add_string(&json, "end\"}]}");
	got = ask_turn("", parse(buf_string(&json)), &said);
	assert_string_equal(got, "");
	assert_true(strlen(said) < 3500);
	assert_non_null(strstr(said, "```\nbegin"));
	assert_non_null(strstr(said, "bytes left out"));
	assert_non_null(strstr(said, "end\n```"));
	assert_null(strstr(said, "\xef\xbf\xbd"));
	free(said);
	free(got);
	buf_free(&json);
}

static void
hostile_messages(void **state)
{
	struct buf text = {0};
	char *said, *got;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "'word%d \"https://a/%d (\n", i, i);
	got = ask_turn(homelab, turn_of(buf_string(&text)), &said);
	assert_string_equal(got, "");
	free(said);
	free(got);
	buf_free(&text);
	got = ask_turn(
	    homelab, turn_of("parse job posting https://a/\x7f\xff"), &said);
	free(said);
	free(got);
	got = ask_turn(homelab, parse("{\"text\":7,\"steps\":{}}"), &said);
	assert_string_equal(got, "");
	free(said);
	free(got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_reference_deployment),
	    cmocka_unit_test(the_reference_in_other_words),
	    cmocka_unit_test(nothing_is_run_unless_it_is_asked_for),
	    cmocka_unit_test(it_says_why_not),
	    cmocka_unit_test(headings_are_understood),
	    cmocka_unit_test(placeholders_are_filled),
	    cmocka_unit_test(the_example_workspace),
	    cmocka_unit_test(without_agents_md),
	    cmocka_unit_test(results_are_reported),
	    cmocka_unit_test(long_outputs_are_cut),
	    cmocka_unit_test(hostile_messages),
	};

	return cmocka_run_group_tests_name("runbook_model", tests, NULL, NULL);
}
