#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "child.h"
#include "clock.h"
#include "commands.h"
#include "doctor.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "state.h"
#include "state_format.h"
#include "survey.h"
#include "xalloc.h"

#define YEAR_2024_MS INT64_C(1704067200000)
#define DISK_FEW     INT64_C(1000000000)

static const char *const level_names[] = {"ok", "warning", "error"};

static void
print_help(void)
{
	puts("usage: openclaw doctor [-c FILE] [--offline] [--json]\n"
	     "\n"
	     "Checks the configuration, secrets, the directory of state, "
	     "permissions, disk,\n"
	     "clock, workspace, programs, and whether providers and Telegram "
	     "can be reached;\n"
	     "says of each what is wrong and what to do.\n"
	     "\n"
	     "  -c FILE    configuration\n"
	     "  --offline  connect to nothing\n"
	     "  --json     one JSON object\n"
	     "\n"
	     "Exit status: 0 all is well, 1 warnings, 2 errors.  See "
	     "openclaw(1).");
}

void
doctor_note(struct doctor *doctor, enum doctor_level level, const char *name,
    const char *format, ...)
{
	jv one = json_set_string(json_object(), "name", name);
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		fatal(EX_OSERR, "out of memory");
	va_end(args);
	one = json_set_string(one, "level", level_names[level]);
	one = json_set_string(one, "text", text);
	doctor->checks = json_append(doctor->checks, one);
	if (level > doctor->worst)
		doctor->worst = level;
	free(text);
}

/* ---- the machine */

static void
check_format(struct doctor *doctor)
{
	char *path = state_path("format");
	struct buf text = {0};
	long number;

	if (io_read_file(AT_FDCWD, path, 1000, &text)) {
		number = strtol(buf_string(&text), NULL, 10);
		if (number < 1 || number > STATE_FORMAT)
			doctor_note(doctor, DOCTOR_ERROR, "state",
			    "%s: format %ld, but this version knows %d; use "
			    "the version that wrote it, or another OC_STATE",
			    path, number, STATE_FORMAT);
	}
	buf_free(&text);
	free(path);
}

static void
check_state(struct doctor *doctor)
{
	const char *directory = state_directory();
	struct stat st;

	if (directory == NULL) {
		doctor_note(doctor, DOCTOR_ERROR, "state",
		    "neither OC_STATE nor HOME is set; set one");
	} else if (stat(directory, &st) != 0) {
		doctor_note(doctor, errno == ENOENT ? DOCTOR_OK : DOCTOR_ERROR,
		    "state", "%s: %s", directory,
		    errno == ENOENT ? "is not there yet, and is made when it "
				      "is needed"
				    : strerror(errno));
	} else if (!S_ISDIR(st.st_mode) ||
		   access(directory, R_OK | W_OK | X_OK) != 0) {
		doctor_note(doctor, DOCTOR_ERROR, "state",
		    "%s: is no directory that can be written; look at its "
		    "owner and mode",
		    directory);
	} else if ((st.st_mode & 077) != 0) {
		doctor_note(doctor, DOCTOR_WARNING, "state",
		    "%s: others may look into it; chmod 700 %s", directory,
		    directory);
		check_format(doctor);
	} else {
		doctor_note(doctor, DOCTOR_OK, "state", "%s", directory);
		check_format(doctor);
	}
}

static void
check_disk(struct doctor *doctor)
{
	jv disk = survey_disk();
	int64_t left = json_get_int(disk, "free_bytes", INT64_MAX);
	char text[SURVEY_AGE_SIZE];

	if (json_is_object(disk))
		doctor_note(doctor,
		    left < SURVEY_DISK_LOW ? DOCTOR_ERROR
		    : left < DISK_FEW      ? DOCTOR_WARNING
					   : DOCTOR_OK,
		    "disk", "%s are free for the state%s",
		    survey_bytes(left, text),
		    left < DISK_FEW ? "; make room" : "");
	jv_free(disk);
}

static void
check_clock(struct doctor *doctor)
{
	char text[CLOCK_RFC3339_SIZE];
	int64_t now = clock_now_ms();

	clock_rfc3339(now, text);
	if (now < YEAR_2024_MS)
		doctor_note(doctor, DOCTOR_ERROR, "clock",
		    "it says %s; set it, or no certificate is valid", text);
	else
		doctor_note(doctor, DOCTOR_OK, "clock", "%s", text);
}

/* ---- the gateway */

static void
check_gateway(struct doctor *doctor, const struct config *config)
{
	jv survey =
	    survey_all(config_bool(config, "channels.telegram.enabled"));
	jv problems = json_get(survey, "problems"),
	   models = json_get(survey, "models"), value;
	bool runs = survey_role_runs("gateway") || survey_role_runs("node");
	struct json_iter iter = {0};
	const char *model;

	doctor_note(doctor, DOCTOR_OK, "gateway", "%s",
	    runs ? "runs" : "does not run (openclaw gateway run)");
	/* without a gateway the first problem is that, and a poll is none */
	for (int i = runs ? 0 : 1, n = json_length(problems); i < n; i++) {
		jv one = json_at(problems, i);
		const char *text = json_as_string(one, "");

		/* the disk has a check of its own */
		if (strncmp(text, "disk:", 5) != 0 &&
		    (runs || strncmp(text, "telegram:", 9) != 0))
			doctor_note(
			    doctor, DOCTOR_WARNING, "gateway", "%s", text);
		jv_free(one);
	}
	while (json_next(&iter, models, &model, &value)) {
		doctor_note(doctor, DOCTOR_WARNING, "models",
		    "%s failed (%s) and is not asked for a while; the next "
		    "of the route is",
		    model, json_get_string(value, "class", "?"));
		jv_free(value);
	}
	jv_free(models);
	jv_free(problems);
	jv_free(survey);
}

/* ---- what is shown */

static void
print_text(const struct doctor *doctor)
{
	for (int i = 0, n = json_length(doctor->checks); i < n; i++) {
		jv one = json_at(doctor->checks, i);
		char *text = lines_plain(json_get_string(one, "text", ""));

		printf("%-8s %-14s %s\n", json_get_string(one, "level", ""),
		    json_get_string(one, "name", ""), text);
		free(text);
		jv_free(one);
	}
	puts(doctor->worst == DOCTOR_OK        ? "\nAll is well."
	     : doctor->worst == DOCTOR_WARNING ? "\nIt works, with warnings."
					       : "\nThere are errors.");
}

static void
print_json(const struct doctor *doctor)
{
	jv all =
	    json_set_string(json_object(), "worst", level_names[doctor->worst]);
	char *text;

	all = json_set(all, "checks", json_copy(doctor->checks));
	text = json_text(all);
	puts(text);
	free(text);
	jv_free(all);
}

int
command_doctor(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
	    {"offline", no_argument, NULL, 'o'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct doctor doctor = {.checks = json_array()};
	const char *config_file = NULL;
	bool json = false, offline = false;
	struct config config;
	int option;

	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (option) {
		case 'c': config_file = optarg; break;
		case 'j': json = true; break;
		case 'o': offline = true; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (optind != argc)
		usage_error("no arguments are taken");
	child_find_siblings();
	check_clock(&doctor);
	check_state(&doctor);
	check_disk(&doctor);
	if (doctor_check_config(&doctor, &config, config_file)) {
		doctor_check_secrets(&doctor, &config);
		doctor_check_workspace(&doctor, &config);
		doctor_check_programs(&doctor, &config);
		if (!offline) {
			doctor_check_reach(&doctor, &config);
			doctor_check_browser(&doctor, &config);
		}
		check_gateway(&doctor, &config);
		config_free(&config);
	}
	if (json)
		print_json(&doctor);
	else
		print_text(&doctor);
	jv_free(doctor.checks);
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return (int)doctor.worst;
}
