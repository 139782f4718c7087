/*
 * oc-send: delivers the replies of finished turns.
 *
 * Reads turns with `reply` and hands each to the channel given by -c; the
 * channel `stdout` prints it.  A turn without a reply has nothing to deliver:
 * it is named on standard error, and the exit status is 65.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "channel.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "secret.h"
#include "turn.h"

static void
print_help(void)
{
	puts("usage: oc-send -c CHANNEL\n"
	     "\n"
	     "Reads finished turns (NDJSON) on standard input and delivers "
	     "their replies.\n"
	     "\n"
	     "  -c CHANNEL  stdout: print each reply's text\n"
	     "  -h          this help\n"
	     "\n"
	     "    echo '{\"text\":\"hi\",\"reply\":{\"text\":\"Hello.\"}}' | "
	     "oc-send -c stdout\n"
	     "\n"
	     "See oc-send(1), oc-turn(7).");
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

int
main(int argc, char **argv)
{
	const char *channel = NULL;
	struct record_reader reader;
	struct record record;
	bool all = true;
	int option, status;

	log_init("oc-send");
	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "c:h")) != -1) {
		switch (option) {
		case 'c': channel = optarg; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (optind != argc)
		usage_error("%s: no arguments are taken", argv[optind]);
	if (channel == NULL)
		usage_error("which channel? -c stdout");
	else if (strcmp(channel, "stdout") != 0)
		usage_error("%s: no such channel; there is: stdout", channel);
	secret_scrub_environment();
	record_reader_init(&reader, STDIN_FILENO, "standard input");
	while (record_read(&reader, &record) == RECORD_OK) {
		all = deliver(&record) && all;
		record_free(&record);
	}
	status = record_status(&reader);
	record_reader_free(&reader);
	return all ? status : EX_DATAERR;
}
