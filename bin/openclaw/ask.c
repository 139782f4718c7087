#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "commands.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "turn.h"
#include "xalloc.h"

enum {
	PROGRESS_MS = 100, /* how often events are looked for */
};

struct ask {
	const char *config_file, *model, *session;
	bool json, interactive, show_progress;
	jv media;
	struct pipeline pipeline;
};

static void
print_help(void)
{
	puts("usage: openclaw ask [-c FILE] [-f FILE] [-m MODEL] [-s SESSION] "
	     "[--json] TEXT...\n"
	     "       openclaw ask [options] -      the text is standard input\n"
	     "       openclaw ask [options] -i     one question a line, until "
	     "the end of input\n"
	     "\n"
	     "Asks one question through the pipeline and prints the reply.  "
	     "Progress is shown\n"
	     "on standard error when that is a terminal.\n"
	     "\n"
	     "  -c FILE     configuration\n"
	     "  -f FILE     a file that goes along (an image, say); may be "
	     "repeated\n"
	     "  -i          interactive\n"
	     "  -m MODEL    this model and no other: provider/model\n"
	     "  -s SESSION  the session's name (default: local)\n"
	     "  --json      print the whole finished turn\n"
	     "\n"
	     "Exit status: 0, or 69 when no answer came (the reply says why).\n"
	     "See openclaw(1).");
}

static const char *
mime_of(const char *path)
{
	static const char *const types[][2] = {{".png", "image/png"},
	    {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"},
	    {".gif", "image/gif"}, {".webp", "image/webp"},
	    {".pdf", "application/pdf"}, {".txt", "text/plain"},
	    {".md", "text/markdown"}, {".json", "application/json"}};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++)
		if (strcasecmp(dot, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}

static void
add_media(struct ask *ask, const char *file)
{
	char *path = realpath(file, NULL);
	struct stat st;
	jv one = json_object();

	if (path == NULL || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		fatal(EX_NOINPUT, "%s: %s", file,
		    path == NULL ? strerror(errno) : "is not a file");
	one = json_set_string(one, "path", path);
	one = json_set_string(one, "mime", mime_of(path));
	one = json_set_int(one, "bytes", st.st_size);
	ask->media = json_append(ask->media, one);
	free(path);
}

static jv
make_turn(const struct ask *ask, const char *text, size_t length)
{
	jv turn =
	    json_set(json_object(), "text", json_string_sized(text, length));

	if (ask->model != NULL)
		turn = json_set_string(turn, "model", ask->model);
	if (ask->session != NULL)
		turn = json_set_string(turn, "session", ask->session);
	if (json_length(ask->media) != 0)
		turn = json_set(turn, "media", json_copy(ask->media));
	return turn_complete(turn, NULL);
}

/* The finished turn, or null when the pipeline ended or we were stopped. */
static jv
wait_for_turn(struct ask *ask, struct progress *progress)
{
	struct record_reader *from = &ask->pipeline.from;

	for (;;) {
		struct record record;
		enum record_status status = record_next(from, &record);
		struct pollfd p = {.fd = from->fd, .events = POLLIN};
		jv turn;

		if (status == RECORD_OK) {
			turn = json_copy(record.value);
			record_free(&record);
			return turn;
		}
		if (status == RECORD_END || lines_interrupted)
			return json_null();
		if (poll(&p, 1, progress->path != NULL ? PROGRESS_MS : -1) > 0)
			record_fill(from);
		progress_show(progress);
	}
}

/* Asks and prints; the exit status. */
static int
ask_one(struct ask *ask, const char *text, size_t length)
{
	struct progress progress = {.path = NULL};
	jv turn = make_turn(ask, text, length), answer, error;
	int status = EX_UNAVAILABLE;

	if (ask->show_progress)
		progress_start(&progress, turn_id(turn));
	answer = pipeline_send(&ask->pipeline, turn)
		     ? wait_for_turn(ask, &progress)
		     : json_null();
	progress_end(&progress);
	jv_free(turn);
	if (json_is_object(answer)) {
		reply_print(answer, ask->json);
		error = json_get(answer, "error");
		status = json_is_null(error) ? EX_OK : EX_UNAVAILABLE;
		jv_free(error);
	} else if (!lines_interrupted) {
		log_error("the pipeline ended without an answer");
	}
	if (lines_interrupted && ask->show_progress)
		(void)io_write_all(STDERR_FILENO, "\n", 1);
	jv_free(answer);
	return lines_interrupted ? INTERRUPTED : status;
}

static int
ask_line(void *arg, const char *line, size_t length)
{
	return ask_one(arg, line, length);
}

static void
read_stdin(struct buf *text)
{
	ssize_t n;

	do {
		n = buf_read(text, STDIN_FILENO, 64 * 1024);
		if (text->length > TURN_TEXT_MAX)
			fatal(EX_DATAERR,
			    "standard input: longer than 256 KiB; give a file "
			    "with -f, or ask about a part");
	} while (n > 0);
	if (n < 0)
		fatal(EX_IOERR, "standard input: %s", strerror(errno));
}

static void
join_arguments(struct buf *text, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		buf_printf(text, "%s%s", i == 0 ? "" : " ", argv[i]);
	if (text->length > TURN_TEXT_MAX)
		usage_error("the text is longer than 256 KiB");
}

static void
parse_options(struct ask *ask, int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},
	    {"model", required_argument, NULL, 'm'},
	    {"session", required_argument, NULL, 's'},
	    {"file", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "+c:f:him:s:", longs, NULL)) !=
	       -1) {
		switch (option) {
		case 'c': ask->config_file = optarg; break;
		case 'f': add_media(ask, optarg); break;
		case 'i': ask->interactive = true; break;
		case 'j': ask->json = true; break;
		case 'm': ask->model = optarg; break;
		case 's': ask->session = optarg; break;
		case 'h': print_help(); exit(EX_OK);
		default: usage_error("unknown option");
		}
	}
}

/* The stages would say so as well, but their status does not reach us. */
static void
check_rules(const struct config *config)
{
	struct buf problems = {0};

	if (!config_check_rules(config, &problems)) {
		fputs(buf_string(&problems), stderr);
		exit(EX_CONFIG);
	}
	buf_free(&problems);
}

int
command_ask(int argc, char **argv)
{
	struct ask ask = {
	    .media = json_array(), .show_progress = isatty(STDERR_FILENO)};
	struct config config;
	struct buf text = {0};
	int status;

	parse_options(&ask, argc, argv);
	argc -= optind;
	argv += optind;
	if (argc == 1 && strcmp(argv[0], "-") == 0)
		read_stdin(&text);
	else
		join_arguments(&text, argc, argv);
	if (text.length == 0 && !ask.interactive)
		usage_error("what is the question? openclaw ask TEXT..., or - "
			    "for standard input");
	lines_catch_signals();
	config_load(&config, ask.config_file);
	check_rules(&config);
	/* the progress says already what the stages would */
	if (ask.show_progress)
		setenv("OC_LOG", "warn", 0);
	pipeline_start(&ask.pipeline, &config);
	status = EX_OK;
	if (text.length != 0)
		status = ask_one(&ask, buf_string(&text), text.length);
	if (ask.interactive && status != INTERRUPTED)
		status = lines_read(ask_line, &ask);
	pipeline_end(&ask.pipeline, lines_interrupted);
	jv_free(ask.media);
	buf_free(&text);
	config_free(&config);
	return status;
}
