/*
 * oc-provision - puts in place what the gateway needs
 *
 * Copies the configuration and other files from where they are mounted,
 * fetches programs by their checksums, and prepares ssh; what is right already
 * is left alone, and what cannot be done is told and does not stop the start.
 * With -w it stays, and takes changes over.  Reads no turns.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "child.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "provision.h"
#include "secret.h"
#include "xalloc.h"
#include "yamldoc.h"

enum {
	/* a mirror that was down; an hour is too long for who waits for it */
	RETRY_MS = 5 * 60 * 1000,
};

struct options {
	const char *role, *source;
	char *target;
	pid_t tell;
	bool stay;
};

static void
print_usage(void)
{
	static const char usage[] =
	    "usage: oc-provision [-w [-p pid]] [-c config] [-r role] "
	    "[-s source]\n"
	    "\n"
	    "Copies the configuration and the files of provision.files into "
	    "place, fetches\n"
	    "the programs of provision.binaries, and prepares ssh.  What is "
	    "right is left\n"
	    "alone; what cannot be done is told.\n"
	    "\n"
	    "  -c config  the configuration (default: $OC_CONFIG, else\n"
	    "             ~/.openclaw/openclaw.yaml)\n"
	    "  -s source  where it is copied from, if it is right (default:\n"
	    "             $OC_CONFIG_SOURCE, else it is not copied)\n"
	    "  -r role    gateway: registers channels; node: programs and "
	    "ssh;\n"
	    "             all: both (default)\n"
	    "  -w         stay, and do it again when something changes\n"
	    "  -p pid     tell this process by SIGHUP of a new configuration "
	    "or secret\n"
	    "  -h         this text\n"
	    "\n"
	    "Exit status: 0 done, 75 something could not be done, 78 the "
	    "configuration\n"
	    "is wrong.\n";

	io_write_stdout(usage, sizeof usage - 1);
}

static pid_t
parse_pid(const char *text)
{
	const char *error = NULL;
	pid_t pid = (pid_t)strtonum(text, 2, INT_MAX, &error);

	if (error != NULL)
		usage_error("-p %s: %s; a process is needed", text, error);
	return pid;
}

static void
read_options(int argc, char *argv[], struct options *options)
{
	const char *target = getenv("OC_CONFIG");
	int c;

	options->source = getenv("OC_CONFIG_SOURCE");
	while ((c = getopt(argc, argv, "c:hp:r:s:w")) != -1)
		switch (c) {
		case 'c': target = optarg; break;
		case 'p': options->tell = parse_pid(optarg); break;
		case 'r': options->role = optarg; break;
		case 's': options->source = optarg; break;
		case 'w': options->stay = true; break;
		case 'h': print_usage(); exit(EX_OK);
		default: usage_error("unknown option");
		}
	if (argc != optind)
		usage_error("%s: no argument is taken", argv[optind]);
	if (strcmp(options->role, "gateway") != 0 &&
	    strcmp(options->role, "node") != 0 &&
	    strcmp(options->role, "all") != 0)
		usage_error("-r %s: it is gateway, node or all", options->role);
	if (options->source != NULL && *options->source == '\0')
		options->source = NULL;
	if (target != NULL && *target != '\0')
		options->target = config_expand_home(target);
	else if (options->source != NULL)
		options->target =
		    config_expand_home("~/.openclaw/openclaw.yaml");
	if (options->target != NULL && *options->target == '~')
		fatal(EX_CONFIG, "HOME is not set; name the file with -c");
}

/*
 * The files of the secrets that we, and so our neighbours, were given: an
 * array of paths.  None of them is read here.
 */
static jv
secret_files(void)
{
	jv files = json_array();

	for (char **one = environ; *one != NULL; one++) {
		size_t length = strcspn(*one, "=");
		char *name;

		if (length < 5 || strncmp(*one + length - 5, "_FILE", 5) != 0)
			continue;
		name = xstrndup(*one, length - 5);
		if (secret_is_name(name) && (*one)[length] == '=')
			files = json_append_string(files, *one + length + 1);
		free(name);
	}
	return files;
}

static void
watch_secrets(struct watch *watch, jv ref_files)
{
	for (int i = 0; i < json_length(ref_files); i++) {
		jv one = json_at(ref_files, i);

		watch_add(watch, json_as_string(one, ""), WATCH_TAKEN);
		jv_free(one);
	}
}

static void
watch_inputs(struct watch *watch, const struct config *config)
{
	static const char *const keys[] = {
	    "provision.ssh.key", "provision.ssh.known_hosts"};
	jv files = config_get(config, "provision.files");

	for (int i = 0; i < json_length(files); i++) {
		jv one = json_at(files, i);
		char *from =
		    config_expand_home(json_get_string(one, "from", ""));

		watch_add(watch, from, WATCH_INPUT);
		free(from);
		jv_free(one);
	}
	jv_free(files);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		jv value = config_get(config, keys[i]);
		char *path = config_expand_home(json_as_string(value, ""));

		if (*path != '\0')
			watch_add(watch, path, WATCH_INPUT);
		free(path);
		jv_free(value);
	}
}

/*
 * `openclaw channels add` edits the configuration, and does nothing when that
 * is done already.  It needs the token, which nobody holds who stays.
 */
static void
register_channels(const struct config *config, const struct options *options,
    struct report *report)
{
	static char program[] = "openclaw", channels[] = "channels",
		    add[] = "add", channel[] = "--channel",
		    telegram[] = "telegram", use_env[] = "--use-env",
		    file[] = "-c";
	char *argv[] = {program, channels, add, channel, telegram, use_env,
	    options->target != NULL ? file : NULL, options->target, NULL};
	int null, status = -1;
	pid_t pid;

	if (!config_bool(config, "provision.telegram") || options->stay ||
	    strcmp(options->role, "node") == 0)
		return;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid = child_start(&(struct child_spec){
	    .argv = argv, .in = -1, .out = null, .err = STDERR_FILENO});
	if (pid > 0)
		status = child_exit_code(child_wait(pid));
	if (status != EX_OK)
		report_problem(report,
		    "telegram is not registered: openclaw channels add ended "
		    "with %d",
		    status);
	close(null);
}

/* False when it is wrong now; what runs goes on with what it has read. */
static bool
load_again(struct config *config, const char *path, struct report *report)
{
	struct buf text = {0}, problems = {0};
	bool ok = io_read_file(AT_FDCWD, path, YAMLDOC_SIZE_MAX, &text) &&
		  config_parse(
		      config, path, buf_string(&text), text.length, &problems);
	const char *line = buf_string(&problems);

	if (!ok)
		report_problem(report,
		    "%.*s; what runs goes on with what it has read",
		    problems.length > 0 ? (int)strcspn(line, "\n") : INT_MAX,
		    problems.length > 0 ? line : path);
	buf_free(&text);
	buf_free(&problems);
	return ok;
}

static bool
load(struct config *config, const struct options *options, bool again,
    struct report *report)
{
	if (again && options->target != NULL)
		return load_again(config, options->target, report);
	config_load(config, options->target);
	return true;
}

struct round {
	jv secrets;   /* files, see secret_files */
	bool again;   /* it is not the first */
	bool retry;   /* one more is due without a change */
	bool changed; /* set: the programs must start again */
};

/*
 * Each file is watched before it is read, so that no change is missed.
 * Whether all could be done.
 */
static bool
do_round(const struct options *options, struct round *round,
    struct watch *watch, struct report *report)
{
	struct config config;

	report_begin(report);
	watch_clear(watch);
	watch_secrets(watch, round->secrets);
	if (options->source != NULL) {
		watch_add(watch, options->source, WATCH_INPUT);
		if (source_take(options->source, options->target, report))
			round->changed = true;
	} else if (options->target != NULL) {
		watch_add(watch, options->target, WATCH_TAKEN);
	}
	round->retry = false;
	if (options->source != NULL && access(options->target, R_OK) != 0) {
		report_end(report);
		fatal(EX_CONFIG, "there is no configuration to start with");
	}
	if (!load(&config, options, round->again, report)) {
		round->changed = false;
		return report_end(report);
	}
	watch_inputs(watch, &config);
	files_copy(&config, report);
	register_channels(&config, options, report);
	if (strcmp(options->role, "gateway") != 0) {
		int64_t deadline =
		    clock_mono_ms() +
		    config_int(&config, "provision.timeout_s") * 1000;

		ssh_prepare(&config, report);
		round->retry = !binaries_fetch(&config, deadline, report);
	}
	config_free(&config);
	return report_end(report);
}

/* Nothing is half done at any moment: what is replaced is renamed. */
static void
end_now(int number)
{
	(void)number;
	_exit(EX_OK);
}

static void
stay(const struct options *options, struct round *round, struct watch *watch,
    struct report *report)
{
	int64_t for_ever = INT64_MAX / 2;

	round->again = true;
	log_info("looks after what may change");
	for (;;) {
		bool taken = false, changed;

		if (round->changed && options->tell > 0) {
			log_info("a configuration or secret is new: it is "
				 "taken over");
			kill(options->tell, SIGHUP);
		}
		round->changed = false;
		changed = watch_wait(
		    watch, round->retry ? RETRY_MS : for_ever, &taken);
		if (!changed && !round->retry)
			continue;
		round->changed = taken;
		do_round(options, round, watch, report);
	}
}

int
main(int argc, char *argv[])
{
	struct options options = {.role = "all"};
	struct round round = {.again = false};
	struct report *report;
	struct watch *watch;
	bool all;

	log_init("oc-provision");
	read_options(argc, argv, &options);
	signal(SIGPIPE, SIG_IGN);
	child_find_siblings();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		fatal(EX_OSERR, "libcurl cannot be started");
	round.secrets = secret_files();
	report = report_new(options.role);
	watch = watch_new();
	if (options.stay) {
		secret_scrub_environment();
		signal(SIGTERM, end_now);
	}

	all = do_round(&options, &round, watch, report);
	if (options.stay)
		stay(&options, &round, watch, report);

	jv_free(round.secrets);
	watch_free(watch);
	report_free(report);
	free(options.target);
	curl_global_cleanup();
	return all ? EX_OK : EX_TEMPFAIL;
}
