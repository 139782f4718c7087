#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>
#include "clock.h"
#include "commands.h"
#include "json.h"
#include "log.h"
#include "redis.h"
#include "survey.h"
#include "xalloc.h"

enum {
	STOP_WAIT_MS = 15 * 60 * 1000, /* longer than a turn may last */
};

static void
print_help(void)
{
	puts("usage: openclaw gateway run [OPTION...]\n"
	     "       openclaw gateway status [-c FILE] [--json]\n"
	     "       openclaw gateway stop\n"
	     "\n"
	     "run:     is oc-gateway(1): starts the programs of the gateway "
	     "and keeps them up\n"
	     "status:  what runs, what waits, what is wrong; the status is 0 "
	     "when all is well\n"
	     "         and 1 when it is not\n"
	     "stop:    ends it after its running turns, and waits for that\n"
	     "\n"
	     "See oc-gateway(1), openclaw(1).");
}

/* ---- status, for people */

static void
print_roles(jv ref_roles)
{
	struct json_iter iter = {0};
	const char *role;
	jv one;

	while (json_next(&iter, ref_roles, &role, &one)) {
		bool runs = json_get_bool(one, "running", false);

		printf("%-12s %s%s\n", role, runs ? "runs      " : "is down",
		    json_get_string(one, "holder", ""));
		jv_free(one);
	}
}

static void
print_chains(jv ref_chains)
{
	char age[SURVEY_AGE_SIZE];
	struct json_iter iter = {0};
	const char *name;
	jv one;

	while (json_next(&iter, ref_chains, &name, &one)) {
		int64_t since = json_get_int(one, "since", 0);
		const char *why = json_get_string(one, "why", "");

		printf("  %-10s %-9s since %s, %" PRId64 " restarts%s%s%s%s\n",
		    name, json_get_string(one, "state", "?"),
		    survey_age(clock_now_ms() / 1000 - since, age),
		    json_get_int(one, "restarts", 0), *why != '\0' ? "; " : "",
		    why, *why != '\0' ? ": " : "",
		    *why != '\0' ? json_get_string(one, "last", "") : "");
		jv_free(one);
	}
}

static void
print_queues(jv ref_queues)
{
	char age[SURVEY_AGE_SIZE];
	struct json_iter iter = {0};
	const char *name;
	jv one;

	while (json_next(&iter, ref_queues, &name, &one)) {
		int64_t oldest = json_get_int(one, "oldest_s", -1);

		printf("  %-14s %" PRId64 " waiting%s%s%s, %" PRId64
		       " running, %" PRId64 " given up\n",
		    name, json_get_int(one, "waiting", 0),
		    oldest >= 0 ? " (the oldest for " : "",
		    oldest >= 0 ? survey_age(oldest, age) : "",
		    oldest >= 0 ? ")" : "", json_get_int(one, "running", 0),
		    json_get_int(one, "given_up", 0));
		jv_free(one);
	}
}

static void
print_models(jv ref_models)
{
	char age[SURVEY_AGE_SIZE];
	struct json_iter iter = {0};
	const char *name;
	jv one;

	while (json_next(&iter, ref_models, &name, &one)) {
		int64_t until = json_get_int(one, "until", 0);

		printf("model        %s is not asked for %s: %s %s\n", name,
		    survey_age((until - clock_now_ms()) / 1000, age),
		    json_get_string(one, "class", ""),
		    json_get_string(one, "message", ""));
		jv_free(one);
	}
}

static void
print_telegram(jv ref_telegram)
{
	char age[SURVEY_AGE_SIZE];
	int64_t polled = json_get_int(ref_telegram, "polled_s", -1);

	if (polled >= 0)
		printf("telegram     last poll answered %s ago\n",
		    survey_age(polled, age));
}

static void
print_disk(jv ref_disk)
{
	char text[SURVEY_AGE_SIZE];

	if (json_is_object(ref_disk))
		printf("disk         %s free\n",
		    survey_bytes(
			json_get_int(ref_disk, "free_bytes", 0), text));
}

static void
print_problems(jv ref_problems)
{
	int count = json_length(ref_problems);

	puts(count == 0 ? "\nAll is well." : "\nNot well:");
	for (int i = 0; i < count; i++) {
		jv one = json_at(ref_problems, i);

		printf("  %s\n", json_as_string(one, ""));
		jv_free(one);
	}
}

static void
print_survey(jv ref_survey)
{
	static const struct {
		const char *key, *heading;
		void (*print)(jv ref);
	} parts[] = {
	    {"roles", NULL, print_roles},
	    {"chains", "chains", print_chains},
	    {"queues", "queues", print_queues},
	    {"telegram", NULL, print_telegram},
	    {"models", NULL, print_models},
	    {"disk", NULL, print_disk},
	    {"problems", NULL, print_problems},
	};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		jv part = json_get(ref_survey, parts[i].key);

		if (parts[i].heading != NULL && json_length(part) != 0)
			puts(parts[i].heading);
		parts[i].print(part);
		jv_free(part);
	}
}

static int
status(const char *config_file, bool json)
{
	struct config config;
	jv survey, problems;
	int wrong;

	config_load(&config, config_file);
	redis_setup(&config, REDIS_FAILS, REDIS_LEND);
	survey = survey_all(config_bool(&config, "channels.telegram.enabled"));
	problems = json_get(survey, "problems");
	wrong = json_length(problems);
	if (json) {
		char *text = json_text(survey);

		puts(text);
		free(text);
	} else {
		print_survey(survey);
	}
	jv_free(problems);
	jv_free(survey);
	config_free(&config);
	return wrong == 0 ? EX_OK : 1;
}

/* ---- stop */

static bool
stop_role(const char *role)
{
	int pid = survey_role_pid(role), fd;
	struct pollfd p = {.events = POLLIN};

	if (pid == 0 && survey_role_runs(role))
		fatal(EX_UNAVAILABLE,
		    "the gateway with the role %s is not a process of this "
		    "machine; stop it where it runs",
		    role);
	if (pid == 0)
		return false;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (kill(pid, SIGTERM) != 0) {
		if (errno == ESRCH)
			return true;
		fatal(EX_NOPERM, "process %d: %s", pid, strerror(errno));
	}
	p.fd = fd;
	if (fd >= 0 && poll(&p, 1, STOP_WAIT_MS) == 0)
		fatal(EX_TEMPFAIL, "process %d has not ended yet", pid);
	if (fd >= 0)
		close(fd);
	return true;
}

static int
stop(void)
{
	bool gateway = stop_role("gateway"), node = stop_role("node");

	if (gateway || node)
		return EX_OK;
	log_error("no gateway runs");
	return 1;
}

int
command_gateway(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *config_file = NULL, *verb;
	bool json = false;
	int option, result;

	if (argc > 1 && strcmp(argv[1], "run") == 0) {
		char name[] = "gateway";

		argv[1] = name;
		command_program(argv + 1);
		fatal(EX_UNAVAILABLE, "oc-gateway is not installed");
	}
	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (option) {
		case 'c': config_file = optarg; break;
		case 'j': json = true; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	verb = argc - optind == 1 ? argv[optind] : "";
	if (strcmp(verb, "status") == 0)
		result = status(config_file, json);
	else if (strcmp(verb, "stop") == 0)
		result = stop();
	else
		usage_error("gateway takes run, status or stop");
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return result;
}
