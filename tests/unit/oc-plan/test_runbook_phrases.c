#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "xalloc.h"
#include "../../../bin/oc-plan/runbook_model.h"

/*
 * Messages that were written down before it was seen what local/runbook makes
 * of them: the example workspaces, asked in many words.  "" means that
 * nothing may be run.
 */
struct expected {
	const char *text, *command;
};

#define ARTICLES "node /scripts/trigger_articles.js"
#define BRIEF                                              \
	"kubectl create job --from=cronjob/morning-brief " \
	"morning-brief-manual -n zinfra"
#define LINKS  "node /scripts/parse_job_links.js "
#define STATUS "kubectl get jobs -n zinfra -l app=gigs-tailor"

static bool
answers(const struct runbook *runbook, const struct expected *expected)
{
	struct answer answer = {0};
	jv turn = json_set_string(json_object(), "text", expected->text), call,
	   args;
	const char *got;
	bool right;

	answer_init(&answer);
	runbook_answer(&answer, runbook, turn);
	call = json_at(answer.calls, 0);
	args = json_get(call, "args");
	got = json_get_string(args, "command", "");
	right = strcmp(got, expected->command) == 0;
	if (!right)
		print_error("%s\n  gives    %s %.200s\n  expected %s\n",
		    expected->text, got, buf_string(&answer.text),
		    expected->command);
	jv_free(args);
	jv_free(call);
	jv_free(turn);
	answer_free(&answer);
	return right;
}

static void
assert_all(const char *path, const struct expected *expected)
{
	/* tests/run says where the tree is; by hand it is here */
	const char *source = getenv("OC_SOURCE");
	char *file = xasprintf("%s/%s", source != NULL ? source : ".", path);
	struct buf text = {0};
	struct runbook runbook;
	int wrong = 0;

	if (!io_read_file(AT_FDCWD, file, 1 << 20, &text))
		fail_msg("cannot read %s", file);
	free(file);
	runbook_parse(&runbook, buf_string(&text), text.length, NULL);
	for (; expected->text != NULL; expected++)
		wrong += !answers(&runbook, expected);
	runbook_free(&runbook);
	buf_free(&text);
	assert_int_equal(wrong, 0);
}

static void
homelab(void **state)
{
	static const struct expected expected[] = {
	    {"Run the article fetch", ARTICLES},
	    {"fetch new articles", ARTICLES}, {"go fetch articles", ARTICLES},
	    {"trigger the article fetch for me", ARTICLES},
	    {"let's fetch the articles", ARTICLES},
	    {"execute trigger_articles", ARTICLES},
	    {"start fetching articles to PDF", ARTICLES},
	    {"Do the web-to-PDF job", ARTICLES},
	    {"brief me: run the morning brief", BRIEF},
	    {"launch the morning brief", BRIEF},
	    {"please run today's morning brief", BRIEF},
	    {"manually run the brief", BRIEF},
	    {"can you run the brief?", BRIEF},
	    {"make the morning brief", BRIEF},
	    {"parse these job links: https://a.example/1 https://a.example/2 "
	     "https://a.example/3",
		LINKS
		"https://a.example/1 https://a.example/2 https://a.example/3"},
	    {"https://a.example/1 parse that posting",
		LINKS "https://a.example/1"},
	    {"add https://a.example/1 to the pipeline",
		LINKS "https://a.example/1"},
	    {"can you parse https://a.example/1 for my resume?",
		LINKS "https://a.example/1"},
	    {"status of the gigs", STATUS},
	    {"how are the gigs jobs going?", STATUS},
	    {"is the gigs tailor still running", STATUS},
	    {"show the tailor jobs", STATUS},
	    {"what about the gigs pipeline?", STATUS},
	    {"check on gigs", STATUS}, {"good morning", ""},
	    {"good morning! how are you?", ""},
	    {"is the article fetch running?", ""}, {"kill the brief job", ""},
	    {"who wrote the articles", ""}, {"read me the morning brief", ""},
	    {"email the brief to bob@example.org", ""},
	    {"publish an article about kubernetes", ""},
	    {"write an article", ""}, {"open https://a.example/1", ""},
	    {"what is in https://a.example/1", ""},
	    {"parse the log of the morning brief", ""},
	    {"patch the cronjob", ""}, {"create a secret", ""},
	    {"show me the secrets", ""}, {"drain worker2", ""}, {"no", ""},
	    {"fetch", ""}, {"run", ""}, {"pipeline", ""}, {"the job", ""},
	    {"should I run the morning brief?", ""},
	    {"do you have the articles?", ""}, {"when do articles arrive", ""},
	    {NULL, NULL}};

	(void)state;
	assert_all("share/examples/homelab/AGENTS.md", expected);
}

static void
laptop(void **state)
{
	static const struct expected expected[] = {
	    {"how full is my disk", "df -h"}, {"space left on disk", "df -h"},
	    {"memory", "free -m"},
	    {"how much memory do I have left", "free -m"},
	    {"which process eats memory", "ps aux --sort=-%mem"},
	    {"show the processes", "ps aux --sort=-%mem"},
	    {"how long is it up", "uptime"}, {"show uptime", "uptime"},
	    {"is the machine busy?", "uptime"}, {"time", "date"},
	    {"what is the date today", "date"},
	    {"which weekday is it, what day?", "date"}, {"files", "ls -l"},
	    {"list the workspace", "ls -l"}, {"what files do I have", "ls -l"},
	    {"how large is the folder /srv", "du -sh /srv"},
	    {"folder size of /tmp", "du -sh /tmp"}, {"make coffee", ""},
	    {"empty the disk", ""}, {"format the disk", ""},
	    {"format /dev/sda", ""}, {"free the memory of worker2", ""},
	    {"sing a song", ""}, {"what do you know", ""},
	    {"explain quantum physics", ""}, {"stop the machine", ""},
	    {NULL, NULL}};

	(void)state;
	assert_all("share/workspace/AGENTS.md", expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(homelab), cmocka_unit_test(laptop)};

	return cmocka_run_group_tests_name(
	    "runbook_phrases", tests, NULL, NULL);
}
