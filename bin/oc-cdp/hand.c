#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "browser.h"
#include "hand.h"
#include "io.h"
#include "json.h"
#include "launch.h"
#include "log.h"
#include "record.h"
#include "stage.h"
#include "tools.h"
#include "xalloc.h"

enum { FAILURES_TOLD = 100 };

static const struct {
	const char *name;
	const struct tool *tool;
} commands[] = {
    {"pdf", &tool_pdf},
    {"text", &tool_text},
    {"screenshot", &tool_screenshot},
    {"snapshot", &tool_snapshot},
    {"eval", &tool_evaluate},
};

/* One address: first it is opened, then the tool is used on it. */
struct page_work {
	struct hand_run *run;
	size_t slot;
	jv line; /* null: of the command line */
	char *url;
	bool opened;
};

struct hand_run {
	const struct hand *hand;
	struct browser browser;
	struct loop *loop;
	struct record_reader input;
	struct watch in;
	bool more;
	bool *slot; /* taken */
	size_t open, done, failed;
	size_t refused, late; /* of the failed */
	struct buf failures;  /* what is told at the end */
};

static bool
makes_file(const struct hand *hand)
{
	return hand->tool == &tool_pdf || hand->tool == &tool_screenshot;
}

void
hand_arguments(struct hand *hand, int argc, char **argv)
{
	int more = argc - 1;

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[0], commands[i].name) == 0) {
			hand->tool = commands[i].tool;
			hand->what = commands[i].name;
		}
	if (hand->tool == NULL)
		usage_error("there is no command %s", argv[0]);
	if (hand->tool == &tool_evaluate) {
		if (more < 1)
			usage_error("eval: an expression is needed");
		hand->expression = argv[argc - 1];
		more--;
	}
	if (more > 1)
		usage_error(
		    "%s: one address; many are lines of input", argv[0]);
	if (more == 1)
		hand->url = argv[1];
	if (hand->url != NULL && makes_file(hand) && isatty(STDOUT_FILENO))
		usage_error("%s: standard output is a terminal; write the "
			    "file with > page.%s",
		    argv[0], hand->tool == &tool_pdf ? "pdf" : "png");
}

/* ---- one page */

static void
show_progress(const struct hand_run *run)
{
	if (run->hand->url == NULL && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%zu done, %zu failed, %zu open  ", run->done,
		    run->failed, run->open);
}

/* The line with what became of it. */
static void
write_line(struct page_work *work, const struct job_result *result)
{
	jv line = json_copy(work->line), media = json_at(result->media, 0);

	line = json_set_bool(line, "ok", result->ok);
	if (!result->ok) {
		line = json_set_string(line, "error", result->text);
	} else if (makes_file(work->run->hand)) {
		line = json_set(line, "path", json_get(media, "path"));
		line = json_set(line, "bytes", json_get(media, "bytes"));
	} else {
		line = json_set_string(line, "text", result->text);
	}
	jv_free(media);
	if (!record_write(line)) {
		line = json_delete(line, "text");
		line = json_set_bool(line, "ok", false);
		line = json_set_string(
		    line, "error", "the text is longer than a line may be");
		record_write(line);
	}
	jv_free(line);
}

static void
finish(struct page_work *work, const struct job_result *result)
{
	struct hand_run *run = work->run;

	run->open--;
	run->slot[work->slot] = false;
	if (result->ok) {
		run->done++;
	} else {
		run->failed++;
		run->refused += result->denied;
		run->late += result->timeout;
		if (run->failed <= FAILURES_TOLD)
			buf_printf(&run->failures, "%s: %s\n", work->url,
			    result->text);
	}
	if (!json_is_null(work->line))
		write_line(work, result);
	else if (result->ok && !makes_file(run->hand)) {
		io_write_stdout(result->text, strlen(result->text));
		io_write_stdout("\n", 1);
	}
	show_progress(run);
	jv_free(work->line);
	free(work->url);
	free(work);
}

static void on_result(void *arg, const struct job_result *result);

static void
add_job(struct page_work *work, const struct tool *tool, jv own_args, int out)
{
	char *session = xasprintf("hand-%zu", work->slot);
	struct browser *browser = &work->run->browser;
	struct context *context = context_of(browser, session);
	jv turn = json_set_string(json_object(), "session", "hand");

	if (context->state == CONTEXT_NEW)
		context->with_cookies = stage_gives_cookies(browser, turn);
	jv_free(turn);
	job_add(browser, session, tool, own_args, out, on_result, work)->whole =
	    true;
	free(session);
}

static void
on_result(void *arg, const struct job_result *result)
{
	struct page_work *work = arg;
	const struct hand *hand = work->run->hand;
	const char *name = json_get_string(work->line, "name", "");
	jv args = json_object();

	if (work->opened || !result->ok) {
		jv_free(args);
		finish(work, result);
		return;
	}
	work->opened = true;
	if (hand->expression != NULL)
		args = json_set_string(args, "expression", hand->expression);
	if (makes_file(hand) && *name != '\0')
		args = json_set_string(args, "name", name);
	add_job(work, hand->tool, args,
	    makes_file(hand) && hand->url != NULL ? STDOUT_FILENO : -1);
}

static void
start_page(struct hand_run *run, const char *url, jv own_line)
{
	struct page_work *work = xcalloc(1, sizeof *work);
	struct job_result result = {.media = json_null()};
	struct buf why = {0};
	jv args;

	while (run->slot[work->slot])
		work->slot++;
	run->slot[work->slot] = true;
	run->open++;
	work->run = run;
	work->line = own_line;
	work->url = xstrdup(url);
	args = json_set_string(json_object(), "url", url);
	if (tool_permits(&tool_open, args, &why, &result.denied)) {
		add_job(work, &tool_open, args, -1);
		show_progress(run);
	} else {
		jv_free(args);
		result.text = buf_string(&why);
		finish(work, &result);
	}
	buf_free(&why);
}

/* ---- all of them */

static void
on_input(void *arg, short revents)
{
	struct hand_run *run = arg;

	(void)revents;
	record_fill(&run->input);
}

static void
take_lines(struct hand_run *run)
{
	enum record_status status = RECORD_AGAIN;
	struct record record;

	while (run->open < run->hand->parallel &&
	       (status = record_next(&run->input, &record)) == RECORD_OK) {
		start_page(run, json_get_string(record.value, "url", ""),
		    json_copy(record.value));
		record_free(&record);
	}
	if (status == RECORD_END)
		run->more = false;
	if (run->more && run->open < run->hand->parallel)
		loop_watch(
		    run->loop, &run->in, run->input.fd, POLLIN, on_input, run);
	else
		loop_unwatch(&run->in);
}

static void
sum_up(const struct hand_run *run)
{
	const char *at = buf_string(&run->failures);

	if (run->hand->url == NULL && isatty(STDERR_FILENO))
		fputs("\n", stderr);
	while (*at != '\0') {
		size_t length = strcspn(at, "\n");

		log_error("%.*s", (int)length, at);
		at += length + (at[length] == '\n');
	}
	if (run->hand->url == NULL && run->failed > 0)
		log_error("%zu of %zu pages failed", run->failed,
		    run->done + run->failed);
}

static int
exit_status(const struct hand_run *run)
{
	if (run->failed > 0)
		return run->refused == run->failed ? EX_NOPERM
		       : run->late == run->failed  ? EX_TEMPFAIL
						   : EX_UNAVAILABLE;
	return record_status(&run->input);
}

/* Whatever browser is here, when the configuration names none. */
static void
need_browser(struct settings *settings)
{
	char *path;

	if (settings_has_browser(settings))
		return;
	path = launch_find();
	if (path == NULL)
		fatal(EX_UNAVAILABLE, "no browser: the configuration names "
				      "none and no Chromium is installed "
				      "here; see browser in openclaw.yaml(5)");
	jv_free(settings->command);
	settings->command = json_append_string(json_array(), path);
	free(path);
}

int
hand_run(const struct hand *hand, struct settings *settings)
{
	struct hand_run run = {.hand = hand, .more = hand->url == NULL};
	int status;

	need_browser(settings);
	free(settings->files);
	settings->files = xstrdup(hand->directory);
	settings->files_below = ".";
	settings->sessions = hand->parallel;
	run.loop = loop_new();
	run.slot = xcalloc(hand->parallel, sizeof *run.slot);
	record_reader_init(&run.input, STDIN_FILENO, "standard input");
	browser_init(&run.browser, run.loop, settings);
	if (hand->url != NULL)
		start_page(&run, hand->url, json_null());
	while (run.more || run.open > 0) {
		if (run.more)
			take_lines(&run);
		if (run.more || run.open > 0)
			loop_run(run.loop);
	}
	sum_up(&run);
	status = exit_status(&run);
	loop_unwatch(&run.in);
	browser_free(&run.browser);
	record_reader_free(&run.input);
	buf_free(&run.failures);
	loop_free(run.loop);
	free(run.slot);
	return status;
}
