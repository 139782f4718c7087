#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <unistd.h>
#include "clock.h"
#include "commands.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "queue.h"
#include "queue_files.h"
#include "state.h"
#include "survey.h"
#include "turn.h"
#include "xalloc.h"

enum {
	SHOW_MS = 100,           /* how often progress is looked for */
	LOOK_MS = 1000,          /* and the gateway, and what nobody told */
	GATEWAY_GONE_MS = 10000, /* longer than a restart takes */
	EVENTS_SIZE = 4096,
	LOOK_START_MS = 20,
	PATIENCE_MOST_S = 3600,
};

static const char channel[] = "terminal";

struct chat {
	const char *session;
	bool json, show_progress;
	struct queue *in, *out;
	int lock, notify;
	char *waits_for; /* N of the turn's files; NULL: nothing */
	bool answered;
	int status;
	int64_t gateway_seen; /* when it was last there */
	int patience_ms;      /* how long to wait for its start */
};

static void
print_help(void)
{
	puts("usage: openclaw chat [-i] [-s SESSION] [-w SECONDS] [--json] "
	     "[TEXT...]\n"
	     "\n"
	     "Talks to the gateway that runs on this state: each line of "
	     "standard input is a\n"
	     "message, and its reply is printed.  TEXT is one message; then "
	     "standard input is\n"
	     "read only with -i.  Progress is shown on a terminal.\n"
	     "\n"
	     "  -i          go on with standard input\n"
	     "  -s SESSION  the session's name (default: terminal)\n"
	     "  -w SECONDS  wait so long for a gateway that starts (default: "
	     "0)\n"
	     "  --json      print the finished turns, one a line\n"
	     "\n"
	     "A reply that was not waited for is printed by the next chat of "
	     "that session.\n"
	     "Exit status: 0, or 69 when no answer came.  See openclaw(1).");
}

/* ---- replies */

static bool
is_ours(const struct chat *chat, jv ref_turn)
{
	jv to = json_path(ref_turn, "to.chat");
	bool ours = strcmp(json_as_string(to, ""), chat->session) == 0;

	jv_free(to);
	return ours;
}

static void
deliver(struct chat *chat, jv ref_turn)
{
	jv error = json_get(ref_turn, "error");
	const char *id = turn_id(ref_turn);
	char *name = state_name(id);

	if (chat->waits_for != NULL && strcmp(name, chat->waits_for) == 0) {
		chat->answered = true;
		chat->status = json_is_null(error) ? EX_OK : EX_UNAVAILABLE;
	}
	reply_print(ref_turn, chat->json);
	if (!queue_finish(chat->out, &id, 1))
		log_error("the reply was shown, but %s; it will be shown again",
		    strerror(errno));
	free(name);
	jv_free(error);
}

/* A file in out/terminal/new/. */
static bool
look_at(void *arg, const char *file_name)
{
	struct chat *chat = arg;
	struct queue_file file;
	struct buf line = {0};
	jv turn;

	if (!queue_file_parse(&file, file_name))
		return true;
	if (!queue_read(chat->out, QUEUE_DIR_NEW, file_name, &line))
		return true;
	turn = json_parse(line.data, line.length, NULL);
	if (json_is_valid(turn) && is_ours(chat, turn))
		deliver(chat, turn);
	jv_free(turn);
	buf_free(&line);
	return true;
}

/* ---- waiting */

static void
check_gateway(struct chat *chat)
{
	int64_t now = clock_mono_ms();

	if (survey_role_runs("node"))
		chat->gateway_seen = now;
	else if (now - chat->gateway_seen > GATEWAY_GONE_MS)
		fatal(EX_UNAVAILABLE,
		    "the gateway has ended; the message is kept, and its "
		    "reply is shown by 'openclaw chat' once it runs again");
}

static void
wait_for_reply(struct chat *chat, struct progress *progress)
{
	struct pollfd p = {.fd = chat->notify, .events = POLLIN};
	char events[EVENTS_SIZE];
	int64_t look_at_ms = 0;

	while (!chat->answered && !lines_interrupted) {
		int64_t now = clock_mono_ms();

		if (poll(&p, 1,
			chat->show_progress || chat->out->shared ? SHOW_MS
								 : LOOK_MS) > 0)
			while (read(chat->notify, events, sizeof events) > 0)
				look_at_ms = 0;
		if (now >= look_at_ms) {
			check_gateway(chat);
			queue_each(chat->out, QUEUE_DIR_NEW, look_at, chat);
			/* nobody tells of what is in Redis */
			look_at_ms =
			    now + (chat->out->shared ? SHOW_MS : LOOK_MS);
		}
		if (chat->show_progress && !chat->answered)
			progress_show(progress);
	}
}

/* ---- messages */

static jv
make_turn(const struct chat *chat, const char *text, size_t length)
{
	const struct passwd *user = getpwuid(getuid());
	char *id = xasprintf("%u", (unsigned)getuid());
	jv turn =
	       json_set(json_object(), "text", json_string_sized(text, length)),
	   from = json_set_string(json_object(), "id", id);

	if (user != NULL)
		from = json_set_string(from, "name", user->pw_name);
	turn = json_set_string(turn, "session", chat->session);
	turn = json_set_string(turn, "channel", channel);
	turn = json_set(
	    turn, "to", json_set_string(json_object(), "chat", chat->session));
	turn = json_set(turn, "from", from);
	free(id);
	return turn_complete(turn, NULL);
}

static void
put(struct chat *chat, jv ref_turn)
{
	struct buf line = {0};
	struct queue_item item;

	json_write(&line, ref_turn);
	buf_add_byte(&line, '\n');
	item = (struct queue_item){
	    .id = turn_id(ref_turn), .line = line.data, .length = line.length};
	if (queue_put(chat->in, &item, 1) != 1)
		fatal(EX_IOERR, "the message cannot be kept: %s",
		    strerror(errno));
	buf_free(&line);
}

static int
say(void *arg, const char *text, size_t length)
{
	struct chat *chat = arg;
	struct progress progress = {.path = NULL};
	jv turn;

	if (length > TURN_TEXT_MAX) {
		log_error("that is longer than 256 KiB");
		return EX_DATAERR;
	}
	turn = make_turn(chat, text, length);
	chat->waits_for = state_name(turn_id(turn));
	chat->answered = false;
	if (chat->show_progress)
		progress_follow(&progress, turn_id(turn));
	put(chat, turn);
	wait_for_reply(chat, &progress);
	progress_end(&progress);
	free(chat->waits_for);
	chat->waits_for = NULL;
	jv_free(turn);
	return chat->answered ? chat->status : INTERRUPTED;
}

/* ---- the start */

/* One chat has a session, so that each reply has one reader. */
static void
take_session(struct chat *chat)
{
	char *name = state_name(chat->session);
	char *directory = state_path("run/terminal");
	char *path = state_path("run/terminal/%s.lock", name);

	if (directory == NULL)
		fatal(EX_CONFIG, "neither OC_STATE nor HOME is set");
	if (!io_make_directories(directory) ||
	    (chat->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
		fatal(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	if (flock(chat->lock, LOCK_EX | LOCK_NB) != 0)
		fatal(EX_TEMPFAIL,
		    "another chat has the session %s; take another one: "
		    "openclaw chat -s NAME",
		    chat->session);
	free(path);
	free(directory);
	free(name);
}

static void
open_chat(struct chat *chat)
{
	int64_t until = clock_mono_ms() + chat->patience_ms;
	char *path;

	while (!survey_role_runs("node") && !lines_interrupted &&
	       clock_mono_ms() < until)
		poll(NULL, 0, LOOK_START_MS);
	if (!survey_role_runs("node"))
		fatal(EX_UNAVAILABLE,
		    "no gateway runs here; start it in another terminal: "
		    "openclaw gateway run (or ask without one: openclaw ask)");
	chat->gateway_seen = clock_mono_ms();
	take_session(chat);
	chat->in = queue_open("in");
	path = queue_of_channel(channel);
	chat->out = queue_open(path);
	free(path);
	chat->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	path = state_path("out/%s/new", channel);
	if (chat->notify >= 0)
		(void)inotify_add_watch(
		    chat->notify, path, IN_MOVED_TO | IN_CREATE);
	free(path);
	/* what came while nobody was here */
	queue_each(chat->out, QUEUE_DIR_NEW, look_at, chat);
}

static void
close_chat(struct chat *chat)
{
	queue_free(chat->in);
	queue_free(chat->out);
	if (chat->notify >= 0)
		close(chat->notify);
	close(chat->lock);
}

int
command_chat(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
	    {"session", required_argument, NULL, 's'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct chat chat = {
	    .session = channel, .show_progress = isatty(STDERR_FILENO)};
	struct buf text = {0};
	const char *problem = NULL;
	bool interactive = false;
	int option, status = EX_OK;

	while (
	    (option = getopt_long(argc, argv, "+his:w:", longs, NULL)) != -1) {
		switch (option) {
		case 'i': interactive = true; break;
		case 'j': chat.json = true; break;
		case 's': chat.session = optarg; break;
		case 'w':
			chat.patience_ms =
			    1000 *
			    (int)strtonum(optarg, 0, PATIENCE_MOST_S, &problem);
			if (problem != NULL)
				usage_error("-w %s: %s", optarg, problem);
			break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	for (int i = optind; i < argc; i++)
		buf_printf(&text, "%s%s", i == optind ? "" : " ", argv[i]);
	command_find_state();
	lines_catch_signals();
	open_chat(&chat);
	if (text.length != 0)
		status = say(&chat, text.data, text.length);
	if ((text.length == 0 || interactive) && status != INTERRUPTED) {
		int later = lines_read(say, &chat);

		status = later != EX_OK ? later : status;
	}
	close_chat(&chat);
	buf_free(&text);
	return status;
}
