#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "commands.h"
#include "json.h"
#include "log.h"
#include "outbox.h"
#include "queue.h"
#include "survey.h"
#include "turn.h"
#include "xalloc.h"

static void
print_help(void)
{
	puts("usage: openclaw send --channel telegram --to CHAT [--thread N] "
	     "[--json] TEXT...\n"
	     "\n"
	     "Puts a message into the queue out/CHANNEL and prints its id; "
	     "the gateway delivers\n"
	     "it, now or when it runs again.  CHAT is the number of a person "
	     "or group that has\n"
	     "written to the bot.  (openclaw send -c CHANNEL is oc-send(1).)\n"
	     "\n"
	     "See openclaw(1).");
}

struct message {
	const char *channel, *to, *thread;
	bool json;
	struct buf text;
};

static void
parse_options(int argc, char **argv, struct message *message)
{
	static const struct option longs[] = {
	    {"channel", required_argument, NULL, 'C'},
	    {"to", required_argument, NULL, 't'},
	    {"thread", required_argument, NULL, 'T'},
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "+h", longs, NULL)) != -1) {
		switch (option) {
		case 'C': message->channel = optarg; break;
		case 't': message->to = optarg; break;
		case 'T': message->thread = optarg; break;
		case 'j': message->json = true; break;
		case 'h': print_help(); exit(EX_OK);
		default: usage_error("unknown option");
		}
	}
	for (int i = optind; i < argc; i++)
		buf_printf(
		    &message->text, "%s%s", i == optind ? "" : " ", argv[i]);
}

static bool
is_number(const char *text)
{
	text += *text == '-';
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static void
check(const struct message *message)
{
	if (message->channel == NULL)
		usage_error("which channel? --channel telegram");
	if (strcmp(message->channel, "telegram") != 0 &&
	    strcmp(message->channel, "terminal") != 0)
		usage_error(
		    "%s: there is telegram, and terminal", message->channel);
	if (message->to == NULL)
		usage_error("to whom? --to CHAT");
	if (strcmp(message->channel, "telegram") == 0 &&
	    (!is_number(message->to) ||
		(message->thread != NULL && !is_number(message->thread))))
		usage_error("--to and --thread are numbers on telegram; a "
			    "name is not enough, since names change hands");
	if (message->text.length == 0)
		usage_error("what is the message?");
	if (message->text.length > TURN_TEXT_MAX)
		usage_error("the message is longer than 256 KiB");
}

static jv
make_record(const struct message *message)
{
	char *session = xasprintf("%s:%s", message->channel, message->to);
	jv to = json_set_string(json_object(), "chat", message->to), turn;

	if (message->thread != NULL)
		to = json_set_string(to, "thread", message->thread);
	turn = json_set_string(json_object(), "session", session);
	turn = json_set_string(turn, "channel", message->channel);
	turn = json_set(turn, "to", to);
	turn = turn_reply(turn, buf_string(&message->text));
	free(session);
	return turn_complete(turn, NULL);
}

static void
put(const struct message *message, jv ref_turn)
{
	char *name = queue_of_channel(message->channel);
	struct queue *queue = queue_open(name);
	struct queue_item item = {.id = turn_id(ref_turn)};
	char *line = outbox_line(ref_turn, &item.length);

	item.line = line;
	if (queue_put(queue, &item, 1) != 1)
		fatal(EX_IOERR, "%s: %s; nothing was sent", name,
		    strerror(errno));
	free(line);
	queue_free(queue);
	free(name);
}

int
command_send(int argc, char **argv)
{
	struct message message = {0};
	jv turn;

	/* the program has short options only, and its arguments are these */
	if (argc > 1 && strncmp(argv[1], "-c", 2) == 0) {
		command_program(argv);
		fatal(EX_UNAVAILABLE, "oc-send is not installed");
	}
	parse_options(argc, argv, &message);
	check(&message);
	command_find_state();
	turn = make_record(&message);
	put(&message, turn);
	if (message.json) {
		jv out = json_set_string(json_object(), "id", turn_id(turn));
		char *text = json_text(out);

		puts(text);
		free(text);
		jv_free(out);
	} else {
		puts(turn_id(turn));
	}
	if (!survey_role_runs("gateway"))
		log_warn("no gateway runs; it is delivered when one does: "
			 "openclaw gateway run");
	jv_free(turn);
	buf_free(&message.text);
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return EX_OK;
}
