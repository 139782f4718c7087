#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "clock.h"
#include "commands.h"
#include "json.h"
#include "log.h"
#include "senders.h"
#include "survey.h"

static void
print_help(void)
{
	puts("usage: openclaw pairing list [telegram] [--json]\n"
	     "       openclaw pairing approve telegram CODE\n"
	     "       openclaw pairing revoke telegram ID\n"
	     "\n"
	     "list:     who waits to be let in, with the code that they were "
	     "told\n"
	     "approve:  lets in whoever was told CODE; it is valid for an "
	     "hour\n"
	     "revoke:   takes that back; ID is the person's number\n"
	     "\n"
	     "See openclaw(1).");
}

static int
list(const char *channel, bool json)
{
	jv waiting = senders_waiting(channel);
	int n = json_length(waiting);
	char age[SURVEY_AGE_SIZE];

	if (json) {
		jv all = json_set(json_object(), channel, json_copy(waiting));
		char *text = json_text(all);

		puts(text);
		free(text);
		jv_free(all);
	}
	for (int i = 0; !json && i < n; i++) {
		jv one = json_at(waiting, i);
		int64_t at = json_get_int(one, "at", 0);
		char *name = lines_plain(json_get_string(one, "name", ""));

		printf("%s  %s  %s (asked %s ago)\n",
		    json_get_string(one, "code", ""),
		    json_get_string(one, "id", ""), name,
		    survey_age((clock_now_ms() - at) / 1000, age));
		free(name);
		jv_free(one);
	}
	if (!json && n == 0)
		printf("nobody waits on %s\n", channel);
	jv_free(waiting);
	return EX_OK;
}

static int
approve(const char *channel, const char *code)
{
	char *id = NULL;

	switch (senders_approve(channel, code, &id)) {
	case SENDERS_APPROVED:
		printf("%s %s is let in\n", channel, id);
		free(id);
		return EX_OK;
	case SENDERS_NO_CODE:
		log_error("nobody on %s waits with the code %s; a code is "
			  "valid for an hour, see: openclaw pairing list",
		    channel, code);
		return 1;
	case SENDERS_NOT_WRITTEN:
	default:
		fatal(EX_IOERR, "it cannot be written: %s; nobody was let in",
		    strerror(errno));
	}
}

static int
take_back(const char *channel, const char *id)
{
	if (!senders_is_approved(channel, id)) {
		log_error("%s %s was not let in by a code (allow_from of the "
			  "configuration is another matter)",
		    channel, id);
		return 1;
	}
	if (!senders_revoke(channel, id))
		fatal(EX_IOERR, "it cannot be written: %s; nothing was changed",
		    strerror(errno));
	printf("%s %s is not let in any more\n", channel, id);
	return EX_OK;
}

int
command_pairing(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *verb, *channel;
	bool json = false;
	int option, result, count;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (option) {
		case 'j': json = true; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	count = argc - optind;
	argv += optind;
	verb = count > 0 ? argv[0] : "";
	channel = count > 1 ? argv[1] : "telegram";
	if (strcmp(channel, "telegram") != 0)
		usage_error("%s: only telegram knows pairing", channel);
	command_find_state();
	if (strcmp(verb, "list") == 0 && count <= 2)
		result = list(channel, json);
	else if (strcmp(verb, "approve") == 0 && count == 3)
		result = approve(channel, argv[2]);
	else if (strcmp(verb, "revoke") == 0 && count == 3)
		result = take_back(channel, argv[2]);
	else
		usage_error("pairing list, pairing approve telegram CODE, or "
			    "pairing revoke telegram ID?");
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return result;
}
