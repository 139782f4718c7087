/*
 * oc-send: delivers the replies of finished turns.
 *
 * Reads turns with `reply` and hands each to the channel given by -c: `stdout`
 * prints it, `telegram` sends it through the Bot API and writes a receipt.  A
 * turn without a reply has nothing to deliver: it is named on standard error,
 * and the exit status is 65.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "channel.h"
#include "config.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "redis.h"
#include "secret.h"
#include "turn.h"

static void
print_help(void)
{
	puts("usage: oc-send -c CHANNEL [-f FILE]\n"
	     "\n"
	     "Reads finished turns (NDJSON) on standard input and delivers "
	     "their replies.\n"
	     "\n"
	     "  -c CHANNEL  stdout: print each reply's text\n"
	     "              telegram: send it, and write a receipt for each\n"
	     "  -f FILE     configuration (default: $OC_CONFIG, "
	     "~/.openclaw/openclaw.yaml)\n"
	     "  -h          this help\n"
	     "\n"
	     "Token: TELEGRAM_BOT_TOKEN, or the file that "
	     "TELEGRAM_BOT_TOKEN_FILE names.\n"
	     "\n"
	     "    echo '{\"text\":\"hi\",\"reply\":{\"text\":\"Hello.\"}}' | "
	     "oc-send -c stdout\n"
	     "\n"
	     "See oc-send(1), oc-turn(7), openclaw.yaml(5).");
}

/* Whether the record had something to deliver. */
static bool
deliver(const struct record *record)
{
	if (!turn_is_turn(record->value))
		return true; /* not ours to act on, and this is the end */
	if (turn_has_reply(record->value)) {
		send_stdout(record->value);
		return true;
	}
	log_warn("turn %s: has no reply, nothing was sent; is oc-loop "
		 "missing from the pipe?",
	    turn_id(record->value));
	return false;
}

/* Prints what comes. */
static int
serve_stdout(struct record_reader *reader)
{
	struct record record;
	bool all = true;

	secret_scrub_environment();
	while (record_read(reader, &record) == RECORD_OK) {
		all = deliver(&record) && all;
		record_free(&record);
	}
	return all ? record_status(reader) : EX_DATAERR;
}

static int
serve_telegram(struct record_reader *reader, const char *config_file)
{
	struct config config;
	int status;

	config_load(&config, config_file);
	redis_setup(&config, REDIS_WAITS, REDIS_TAKE);
	status = courier_run(&config, reader);
	redis_close();
	config_free(&config);
	return status;
}

int
main(int argc, char **argv)
{
	const char *channel = "", *config_file = NULL;
	struct record_reader reader;
	bool telegram;
	int option, status;

	log_init("oc-send");
	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "c:f:h")) != -1) {
		switch (option) {
		case 'c': channel = optarg; break;
		case 'f': config_file = optarg; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (optind != argc)
		usage_error("%s: no arguments are taken", argv[optind]);
	if (*channel == '\0')
		usage_error("which channel? -c stdout or -c telegram");
	else if (strcmp(channel, "telegram") != 0 &&
		 strcmp(channel, "stdout") != 0)
		usage_error("%s: no such channel; there are: stdout, telegram",
		    channel);
	telegram = strcmp(channel, "telegram") == 0;
	record_reader_init(&reader, STDIN_FILENO, "standard input");
	status = telegram ? serve_telegram(&reader, config_file)
			  : serve_stdout(&reader);
	record_reader_free(&reader);
	return status;
}
