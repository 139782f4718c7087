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
#include "utf8.h"
#include "xalloc.h"

enum {
	PROGRESS_MS = 100, /* how often events are looked for */
	INTERRUPTED = 130, /* as a shell says it: 128 and SIGINT */
};

struct ask {
	const char *config_file, *model, *session;
	bool json, interactive, show_progress;
	jv media;
	struct pipeline pipeline;
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

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
		if (status == RECORD_END || interrupted)
			return json_null();
		if (poll(&p, 1, progress->path != NULL ? PROGRESS_MS : -1) > 0)
			record_fill(from);
		progress_show(progress);
	}
}

/* A reply may be a string as well as an object. */
static void
add_reply(struct buf *out, jv ref_reply)
{
	const char *text = json_as_string(ref_reply, NULL);
	jv media;

	if (text == NULL)
		text = json_get_string(ref_reply, "text", "");
	buf_add_string(out, text);
	media = json_get(ref_reply, "media");
	for (int i = 0, n = json_length(media); i < n; i++) {
		jv one = json_at(media, i);

		buf_printf(
		    out, "\n[file] %s", json_get_string(one, "path", ""));
		jv_free(one);
	}
	jv_free(media);
}

static void
print_turn(const struct ask *ask, jv ref_turn)
{
	struct buf out = {0}, plain = {0};
	jv reply = json_get(ref_turn, "reply");

	if (ask->json)
		json_write(&out, ref_turn);
	else
		add_reply(&out, reply);
	if (out.length == 0 || out.data[out.length - 1] != '\n')
		buf_add_byte(&out, '\n');
	if (isatty(STDOUT_FILENO)) {
		utf8_plain(&plain, out.data, out.length);
		io_write_stdout(plain.data, plain.length);
	} else {
		io_write_stdout(out.data, out.length);
	}
	jv_free(reply);
	buf_free(&plain);
	buf_free(&out);
}

/* Asks and prints; the exit status. */
static int
ask_one(struct ask *ask, const char *text, size_t length)
{
	struct progress progress = {.fd = -1};
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
		print_turn(ask, answer);
		error = json_get(answer, "error");
		status = json_is_null(error) ? EX_OK : EX_UNAVAILABLE;
		jv_free(error);
	} else if (!interrupted) {
		log_error("the pipeline ended without an answer");
	}
	if (interrupted && ask->show_progress)
		(void)io_write_all(STDERR_FILENO, "\n", 1);
	jv_free(answer);
	return interrupted ? INTERRUPTED : status;
}

static int
ask_lines(struct ask *ask)
{
	bool prompt = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	int status = EX_OK, one;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	for (;;) {
		if (prompt)
			(void)io_write_all(STDERR_FILENO, "> ", 2);
		n = getline(&line, &size, stdin);
		if (n < 0 || interrupted)
			break;
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (n == 0)
			continue;
		one = ask_one(ask, line, (size_t)n);
		if (one != EX_OK)
			status = one;
		if (one == INTERRUPTED)
			break;
	}
	if (prompt)
		(void)io_write_all(STDERR_FILENO, "\n", 1);
	free(line);
	return status;
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

int
command_ask(int argc, char **argv)
{
	struct ask ask = {
	    .media = json_array(), .show_progress = isatty(STDERR_FILENO)};
	struct sigaction action = {.sa_handler = on_signal};
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
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	config_load(&config, ask.config_file);
	/* the progress says already what the stages would */
	if (ask.show_progress)
		setenv("OC_LOG", "warn", 0);
	pipeline_start(&ask.pipeline, &config);
	status = EX_OK;
	if (text.length != 0)
		status = ask_one(&ask, buf_string(&text), text.length);
	if (ask.interactive && status != INTERRUPTED)
		status = ask_lines(&ask);
	pipeline_end(&ask.pipeline);
	jv_free(ask.media);
	buf_free(&text);
	config_free(&config);
	return status;
}
