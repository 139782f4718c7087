/*
 * oc-recv-http: the HTTP API of the gateway
 *
 * Answers requests.  What asks the agent for something becomes a turn, which
 * goes to a program that runs beside it (after --) and answers with the
 * turn's id once it is safe; the reply comes back through the queue out/http,
 * and what happens meanwhile through the turn's event file.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <event2/event.h>
#include "auth.h"
#include "child.h"
#include "config.h"
#include "intake.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "openai.h"
#include "probes.h"
#include "redis.h"
#include "secret.h"
#include "server.h"
#include "state.h"
#include "submit.h"
#include "viewer.h"
#include "wait.h"
#include "ws.h"
#include "xalloc.h"

enum {
	DRAIN_S = 60, /* for running requests, after SIGTERM */
	DRAIN_MOST_S = 86400,
	BUSY = 1, /* the exit status when another program has the port */
	/* a predecessor that was killed may have it for a moment */
	BUSY_TRIES = 5,
	BUSY_WAIT_MS = 100,
	GOODBYE_S = 2, /* for answers on their way, after a second SIGTERM */
};

/* Where it listens, and whom it answers. */
struct place {
	const char *bind, *host;
	int port;
	bool open; /* no token is asked for */
};

/* What stops it. */
struct stopper {
	struct server *server;
	struct event_base *base;
	int drain_s;
};

static void
print_help(void)
{
	puts("usage: oc-recv-http [-n] [-c FILE] [-d SECONDS] [--port N]\n"
	     "                    [--bind loopback|lan|auto|custom] "
	     "[--auth token|none]\n"
	     "                    [-- PROGRAM [ARGUMENT...]]\n"
	     "\n"
	     "Answers the gateway's HTTP API.\n"
	     "\n"
	     "  -c FILE     configuration (default: $OC_CONFIG, "
	     "~/.openclaw/openclaw.yaml)\n"
	     "  -d SECONDS  after SIGTERM, how long to wait for requests that "
	     "run (60)\n"
	     "  -n          only check that it could start, and end\n"
	     "  --bind      loopback: this machine; lan: every address; auto: "
	     "lan if there is\n"
	     "              a token; custom: gateway.host of the "
	     "configuration\n"
	     "  --port N    default: $OPENCLAW_GATEWAY_PORT, else gateway.port "
	     "(18789); 0: any\n"
	     "  --auth      none: whoever reaches it may use it; on loopback "
	     "only\n"
	     "  -h          this help\n"
	     "  PROGRAM     takes the turns on its standard input and prints "
	     "the id of each\n"
	     "              once it is safe, as 'oc-spool put in' does "
	     "(default: turns go to\n"
	     "              standard output)\n"
	     "\n"
	     "Tokens: OPENCLAW_GATEWAY_TOKEN and OPENCLAW_HOOKS_TOKEN, or the "
	     "files that\n"
	     "..._FILE names.  See oc-recv-http(1), openclaw.yaml(5).");
}

/* ---- options */

static int
read_number(const char *option, const char *text, int most)
{
	const char *problem;
	int number = (int)strtonum(text, 0, most, &problem);

	if (problem != NULL)
		usage_error("%s %s: %s", option, text, problem);
	return number;
}

static const char *
one_of(const char *option, const char *text, const char *const *words)
{
	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return words[i];
	usage_error("%s %s: there is no such thing; see -h", option, text);
}

struct options {
	const char *config, *bind, *auth;
	int port, drain_s; /* port -1: not given */
	bool check;
};

static void
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
	    {"bind", required_argument, NULL, 'b'},
	    {"port", required_argument, NULL, 'p'},
	    {"auth", required_argument, NULL, 'a'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	static const char *const binds[] = {
	    "loopback", "lan", "auto", "custom", NULL};
	static const char *const auths[] = {"token", "none", NULL};
	int c;

	while ((c = getopt_long(argc, argv, "+c:d:hn", longs, NULL)) != -1)
		switch (c) {
		case 'c': options->config = optarg; break;
		case 'd':
			options->drain_s =
			    read_number("-d", optarg, DRAIN_MOST_S);
			break;
		case 'b':
			options->bind = one_of("--bind", optarg, binds);
			break;
		case 'p':
			options->port = read_number("--port", optarg, 65535);
			break;
		case 'a':
			options->auth = one_of("--auth", optarg, auths);
			break;
		case 'n': options->check = true; break;
		case 'h': print_help(); exit(EX_OK);
		default: usage_error("unknown option");
		}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		usage_error("%s: a program comes after --", argv[optind]);
}

/* Options before the environment before the configuration. */
static struct place
find_place(const struct options *options, const struct config *config)
{
	const char *port = getenv("OPENCLAW_GATEWAY_PORT");
	const char *auth = options->auth != NULL
			       ? options->auth
			       : config_string(config, "gateway.auth");
	jv host = config_get(config, "gateway.host");
	struct place place = {.port = options->port,
	    .open = strcmp(auth, "none") == 0,
	    .bind = options->bind != NULL
			? options->bind
			: config_string(config, "gateway.bind"),
	    .host = json_as_string(host, NULL)};

	if (place.port < 0 && port != NULL && *port != '\0')
		place.port = read_number("OPENCLAW_GATEWAY_PORT", port, 65535);
	if (place.port < 0)
		place.port = (int)config_int(config, "gateway.port");
	jv_free(host); /* the configuration still holds it */
	return place;
}

/* Whoever reaches the port could command the agent. */
static void
check_place(struct place *place, const struct auth *auth)
{
	if (strcmp(place->bind, "auto") == 0)
		place->bind =
		    auth_has_token(auth) && !place->open ? "lan" : "loopback";
	if (strcmp(place->bind, "custom") == 0 && place->host == NULL)
		fatal(EX_CONFIG,
		    "--bind custom: gateway.host is not set; it is the "
		    "address to listen on");
	if (strcmp(place->bind, "custom") == 0 && auth_is_loopback(place->host))
		return;
	if (strcmp(place->bind, "loopback") != 0 &&
	    (place->open || !auth_has_token(auth)))
		fatal(EX_CONFIG,
		    "Refusing to bind gateway to %s without auth. Set "
		    "OPENCLAW_GATEWAY_TOKEN (and not --auth none), or use "
		    "--bind loopback.",
		    place->bind);
}

static void
warn_without_token(const struct place *place, const struct auth *auth)
{
	if (!place->open && !auth_has_token(auth))
		log_warn("OPENCLAW_GATEWAY_TOKEN is not set: only probes are "
			 "answered; set it, or use --auth none for everyone "
			 "on this machine");
}

/* ---- listening */

static void
listen_on(struct server *server, const char *address, int *port, bool must)
{
	for (int i = 0; i < BUSY_TRIES; i++) {
		if (server_listen(server, address, port))
			return;
		if (errno != EADDRINUSE || *port == 0)
			break;
		poll(NULL, 0, BUSY_WAIT_MS);
		errno = EADDRINUSE;
	}
	if (errno == EADDRINUSE)
		fatal(BUSY,
		    "port %d of %s is in use by another program (another "
		    "gateway?); end it, or choose another with --port",
		    *port, address);
	if (must)
		fatal(errno == EACCES ? EX_NOPERM : EX_OSERR, "%s port %d: %s",
		    address, *port, strerror(errno));
	log_debug("%s port %d: %s", address, *port, strerror(errno));
}

/* The port. */
static int
listen_everywhere(struct server *server, const struct place *place)
{
	int port = place->port;
	bool lan = strcmp(place->bind, "lan") == 0;

	if (strcmp(place->bind, "custom") == 0) {
		listen_on(server, place->host, &port, true);
		return port;
	}
	/* the second is there only where there is IPv6 */
	listen_on(server, lan ? "0.0.0.0" : "127.0.0.1", &port, true);
	listen_on(server, lan ? "::" : "::1", &port, false);
	return port;
}

/* For those who look what runs here. */
static void
tell_place(const struct place *place, int port)
{
	jv where = json_set_int(json_object(), "port", port);
	char *path, *text;

	log_info("listens on %s port %d",
	    strcmp(place->bind, "custom") == 0 ? place->host
	    : strcmp(place->bind, "lan") == 0  ? "0.0.0.0"
					       : "127.0.0.1",
	    port);
	where = json_set_string(where, "bind", place->bind);
	text = json_text(where);
	path = state_path("run");
	if (path == NULL)
		fatal(EX_CONFIG, "neither OC_STATE nor HOME is set");
	(void)io_make_directories(path);
	free(path);
	path = state_path("run/http.json");
	if (!io_replace_file(path, text, strlen(text)))
		log_debug("%s: %s", path, strerror(errno));
	free(path);
	free(text);
	jv_free(where);
}

/* ---- the end */

static void
on_goodbye(evutil_socket_t fd, short what, void *arg)
{
	struct stopper *stopper = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(stopper->base);
}

static void
on_too_long(evutil_socket_t fd, short what, void *arg)
{
	struct stopper *stopper = arg;

	(void)fd;
	(void)what;
	log_warn("requests that still run are cut off");
	event_base_loopbreak(stopper->base);
}

static void
on_signal(evutil_socket_t signal_number, short what, void *arg)
{
	struct stopper *stopper = arg;
	struct timeval most = {.tv_sec = stopper->drain_s};

	(void)signal_number;
	(void)what;
	if (server_is_draining(stopper->server)) {
		most.tv_sec = GOODBYE_S;
		event_base_once(
		    stopper->base, -1, EV_TIMEOUT, on_goodbye, stopper, &most);
		return;
	}
	log_debug("stopping");
	event_base_once(
	    stopper->base, -1, EV_TIMEOUT, on_too_long, stopper, &most);
	server_drain(stopper->server);
}

static void
run(struct event_base *base, struct stopper *stopper)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	enum { COUNT = sizeof numbers / sizeof *numbers };
	struct event *signals[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		signals[i] = evsignal_new(base, numbers[i], on_signal, stopper);
		event_add(signals[i], NULL);
	}
	event_base_dispatch(base);
	for (size_t i = 0; i < COUNT; i++)
		event_free(signals[i]);
}

static struct server_limits
read_limits(const struct config *config)
{
	return (struct server_limits){
	    .body_max = (size_t)config_int(config, "gateway.body_bytes"),
	    .connections = (size_t)config_int(config, "gateway.connections"),
	    .head_s = (int)config_int(config, "gateway.head_s"),
	    .body_s = (int)config_int(config, "gateway.body_s"),
	    .idle_s = (int)config_int(config, "gateway.idle_s"),
	};
}

/* ---- who answers what */

struct handlers {
	struct probes *probes;
	struct viewer *viewer;
	struct openai *openai;
	struct ws *ws;
	struct intake *intake; /* made before: it takes secrets */
};

static void
handlers_open(struct handlers *handlers, struct server *server,
    struct submit *submit, struct wait *wait)
{
	handlers->probes = probes_init(server, submit);
	handlers->viewer = viewer_new(server, wait);
	handlers->openai = openai_new(server, submit, wait);
	handlers->ws = ws_init(server, submit, wait);
	intake_serve(handlers->intake, server, submit, wait);
}

/* The server goes first, so that each open request is told. */
static void
handlers_close(struct handlers *handlers, struct server *own_server)
{
	ws_free(handlers->ws);
	server_free(own_server);
	openai_free(handlers->openai);
	viewer_free(handlers->viewer);
	probes_free(handlers->probes);
	intake_free(handlers->intake);
}

/* From the first request to the end; frees the server and the handlers. */
static void
serve(struct server *server, struct handlers *handlers, char *const *program,
    int drain_s)
{
	struct event_base *base = server_base(server);
	struct submit *submit = submit_new(base, program);
	struct wait *wait = wait_new(base);

	handlers_open(handlers, server, submit, wait);
	run(base, &(struct stopper){
		      .server = server, .base = base, .drain_s = drain_s});
	handlers_close(handlers, server);
	wait_free(wait);
	submit_free(submit);
}

int
main(int argc, char **argv)
{
	struct options options = {.port = -1, .drain_s = DRAIN_S};
	struct handlers handlers = {.intake = NULL};
	struct server_limits limits;
	struct config config;
	struct place place;
	struct event_base *base;
	struct server *server;
	struct auth *auth;
	int port;

	log_init("oc-recv-http");
	parse_options(argc, argv, &options);
	signal(SIGPIPE, SIG_IGN);
	config_load(&config, options.config);
	place = find_place(&options, &config);
	auth = auth_take(place.open);
	handlers.intake = intake_new(&config);
	redis_setup(&config, REDIS_TRIES, REDIS_TAKE);
	secret_scrub_environment();
	check_place(&place, auth);
	child_find_siblings();
	limits = read_limits(&config);
	base = event_base_new();
	if (base == NULL)
		fatal(EX_OSERR, "libevent: %s", strerror(errno));
	server = server_new(base, &config, auth, &limits);
	port = listen_everywhere(server, &place);

	if (options.check) {
		server_free(server);
		intake_free(handlers.intake);
	} else {
		tell_place(&place, port);
		warn_without_token(&place, auth);
		serve(server, &handlers, optind < argc ? argv + optind : NULL,
		    options.drain_s);
	}

	event_base_free(base);
	auth_free(auth);
	redis_close();
	config_free(&config);
	return EX_OK;
}
