/*
 * oc-fetch-url - the readable text of a page
 *
 * Fetches one page over http or https from a public address, or one that
 * tools.fetch.allow names, and prints its text.  The page is taken apart in a
 * confined child.  oc-exec-tool(1) runs this for its tool fetch_url.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "clock.h"
#include "config.h"
#include "extract.h"
#include "fetch.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "netaddr.h"
#include "secret.h"
#include "utf8.h"

enum {
	BYTES_MAX = 64 << 20, /* what a child of ours may hold in memory */
	SECONDS_MAX = 3600,
	ERROR_TEXT_MAX = 2048, /* of the page that comes with a failure */
};

struct options {
	const char *config, *url;
	size_t bytes;    /* 0: as configured */
	int64_t seconds; /* 0: likewise */
};

static void
print_usage(void)
{
	static const char usage[] =
	    "usage: oc-fetch-url [-c config] [-m bytes] [-t seconds] URL\n"
	    "\n"
	    "Fetches a page over http or https and prints its readable text.\n"
	    "\n"
	    "  -c config   the configuration (default: $OC_CONFIG, else\n"
	    "              ~/.openclaw/openclaw.yaml)\n"
	    "  -m bytes    read at most this much of the page\n"
	    "              (default: tools.fetch.bytes)\n"
	    "  -t seconds  give up after this time\n"
	    "              (default: tools.fetch.timeout_s)\n"
	    "  -h          this text\n"
	    "\n"
	    "Exit status: 0 done, 65 not a kind that has text, 69 not found\n"
	    "or not reachable, 75 too slow, 77 an address that is not "
	    "allowed.\n";

	io_write_stdout(usage, sizeof usage - 1);
}

static int64_t
number_option(int option, const char *text, int64_t most)
{
	const char *error = NULL;
	int64_t value = strtonum(text, 1, most, &error);

	if (error != NULL)
		usage_error("-%c %s: %s; 1 to %lld is taken", option, text,
		    error, (long long)most);
	return value;
}

static void
read_options(int argc, char *argv[], struct options *options)
{
	int c;

	while ((c = getopt(argc, argv, "c:hm:t:")) != -1)
		switch (c) {
		case 'c': options->config = optarg; break;
		case 'm':
			options->bytes =
			    (size_t)number_option(c, optarg, BYTES_MAX);
			break;
		case 't':
			options->seconds =
			    number_option(c, optarg, SECONDS_MAX);
			break;
		case 'h': print_usage(); exit(EX_OK);
		default: usage_error("unknown option");
		}
	if (argc - optind != 1)
		usage_error("one URL is needed");
	options->url = argv[optind];
}

static void
read_allow(const struct config *config, struct netaddr_allow *allow)
{
	jv list = config_get(config, "tools.fetch.allow");

	for (int i = 0; i < json_length(list); i++) {
		jv entry = json_at(list, i);
		const char *problem = NULL;
		const char *text = json_as_string(entry, "");

		if (!netaddr_allow_add(allow, text, &problem))
			fatal(EX_CONFIG, "%s: tools.fetch.allow: %s: %s",
			    config_where(config, "tools.fetch.allow"), text,
			    problem);
		jv_free(entry);
	}
	jv_free(list);
}

/* The text, and what the reader must know of it. */
static int
print_text(const struct fetch_result *result, size_t most,
    const struct fetch_limits *limits)
{
	struct extract_input input = {.type = result->type,
	    .charset = result->charset,
	    .url = result->url,
	    .body = buf_string(&result->body),
	    .length = result->body.length};
	enum extract_kind kind = extract_kind(&input);
	struct buf text = {.data = NULL};
	bool whole;

	if (kind == EXTRACT_NONE) {
		buf_printf(&text,
		    "%s%s, %s%zu bytes: not a kind of page that "
		    "has text\n",
		    result->type[0] != '\0' ? "" : "no type", result->type,
		    result->cut ? "more than " : "", result->body.length);
		io_write_stdout(text.data, text.length);
		buf_free(&text);
		return EX_DATAERR;
	}
	whole =
	    extract_confined(&input, kind, most, limits->deadline_ms, &text);
	io_write_stdout(buf_string(&text), text.length);
	if (text.length > 0 && text.data[text.length - 1] != '\n')
		io_write_stdout("\n", 1);
	if (result->cut)
		log_warn("the page is longer than %zu bytes; the rest is left "
			 "out",
		    limits->bytes);
	else if (!whole && most >= limits->bytes)
		log_warn("the page could not be read to its end");
	else if (text.length == 0)
		log_warn("no readable text in %zu bytes", result->body.length);
	buf_free(&text);
	return EX_OK;
}

static int
print_result(const char *url, const struct fetch_result *result,
    const struct fetch_limits *limits)
{
	char line[64];
	int n;

	if (result->status >= 200 && result->status < 300)
		return print_text(result, limits->bytes, limits);
	n = snprintf(line, sizeof line, "HTTP status %ld\n\n", result->status);
	io_write_stdout(line, (size_t)n);
	print_text(result, ERROR_TEXT_MAX, limits);
	log_error("%s: HTTP status %ld", url, result->status);
	return EX_UNAVAILABLE;
}

static int
exit_status(enum fetch_outcome outcome)
{
	switch (outcome) {
	case FETCH_OK: return EX_OK;
	case FETCH_BAD_URL: return EX_USAGE;
	case FETCH_REFUSED: return EX_NOPERM;
	case FETCH_UNAVAILABLE: return EX_UNAVAILABLE;
	case FETCH_TIMEOUT: return EX_TEMPFAIL;
	}
	return EX_SOFTWARE;
}

int
main(int argc, char *argv[])
{
	struct options options = {.url = NULL};
	struct config config;
	struct netaddr_allow allow = {.count = 0};
	struct fetch_limits limits = {.allow = &allow};
	struct fetch_result result = {.status = 0};
	enum fetch_outcome outcome;
	int status;

	log_init("oc-fetch-url");
	read_options(argc, argv, &options);
	signal(SIGPIPE, SIG_IGN);
	config_load(&config, options.config);
	secret_scrub_environment();
	read_allow(&config, &allow);
	limits.bytes = options.bytes != 0
			   ? options.bytes
			   : (size_t)config_int(&config, "tools.fetch.bytes");
	if (options.seconds == 0)
		options.seconds = config_int(&config, "tools.fetch.timeout_s");
	limits.deadline_ms = clock_mono_ms() + options.seconds * 1000;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		fatal(EX_OSERR, "libcurl cannot be started");

	outcome = fetch_page(options.url, &limits, &result);
	status = exit_status(outcome);
	if (outcome == FETCH_OK)
		status = print_result(options.url, &result, &limits);
	else
		log_error("%s: %s", options.url, buf_string(&result.message));

	fetch_result_free(&result);
	netaddr_allow_free(&allow);
	config_free(&config);
	curl_global_cleanup();
	return status;
}
