#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>
#include <event2/buffer.h>
#include "conn.h"
#include "log.h"
#include "xalloc.h"

enum {
	BODY_MAX_STRANGER = 1024 * 1024, /* before anybody checked a token */
	CONNECTIONS_MAX = 10000,
	OTHER_FILES = 128, /* descriptors that are no connections */
};

struct drainer {
	struct drainer *next;
	void (*drain)(void *arg);
	void *arg;
};

static const struct route upgrade_route = {
    .method = "GET", .path = "/*", .need = NEED_OWN, .work = true};

/* ---- routes */

void
server_add(struct server *server, const struct route *route)
{
	server->route = xreallocarray(
	    server->route, server->route_count + 1, sizeof *route);
	server->route[server->route_count++] = *route;
}

void
server_on_upgrade(struct server *server,
    void (*take)(struct request *request, void *arg), void *arg)
{
	server->upgrade = take;
	server->upgrade_arg = arg;
}

static bool
path_fits(const struct route *route, const char *path)
{
	size_t length = strlen(route->path);

	if (route->path[length - 1] == '*')
		return strncmp(path, route->path, length - 1) == 0;
	return strcmp(path, route->path) == 0;
}

static bool
method_fits(const struct route *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 &&
		   strcmp(route->method, "GET") == 0);
}

/*
 * The route whose path says most, of this method (NULL: of any).  An exact
 * path says more than a prefix of the same length.
 */
static const struct route *
find_route(const struct server *server, const char *path, const char *method)
{
	const struct route *best = NULL;

	for (size_t i = 0; i < server->route_count; i++) {
		const struct route *one = &server->route[i];

		if (path_fits(one, path) &&
		    (method == NULL || method_fits(one, method)) &&
		    (best == NULL || strlen(one->path) > strlen(best->path) ||
			best->path[strlen(best->path) - 1] == '*'))
			best = one;
	}
	return best;
}

static void
refuse_method(struct server *server, struct request *request)
{
	struct buf allow = {0};

	for (size_t i = 0; i < server->route_count; i++) {
		const struct route *one = &server->route[i];

		if (!path_fits(one, request->head.path) ||
		    strstr(buf_string(&allow), one->method) != NULL)
			continue;
		buf_printf(&allow, "%s%s%s", allow.length == 0 ? "" : ", ",
		    one->method,
		    strcmp(one->method, "GET") == 0 ? ", HEAD" : "");
	}
	request_set_header(request, "Allow", buf_string(&allow));
	request_error(request, 405, "invalid_request_error",
	    "this path is not for this method");
	buf_free(&allow);
}

/* ---- who may */

static bool
refuse_busy(struct request *request, const char *why)
{
	request_set_header(request, "Retry-After", "5");
	request_error(request, 503, "api_error", why);
	return false;
}

static bool
check_auth(struct server *server, struct request *request)
{
	enum need need = request->route->need;
	const char *peer = request->conn->peer;
	char seconds[24];
	int64_t retry_s = 0;

	request->trusted = auth_is_loopback(peer);
	/* a probe may show more to who has the token */
	if (need == NEED_NOTHING && !request->trusted &&
	    head_field(&request->head, "Authorization") != NULL)
		request->trusted =
		    auth_check(server->auth, NEED_TOKEN, &request->head, peer,
			&retry_s) == AUTH_OK;
	switch (
	    auth_check(server->auth, need, &request->head, peer, &retry_s)) {
	case AUTH_OK:
		request->trusted = request->trusted || need == NEED_TOKEN;
		return true;
	case AUTH_SLOW: return false;
	case AUTH_WRONG:
		request_error(request, 401, "unauthorized", "Unauthorized");
		return false;
	case AUTH_QUERY:
		request_error(request, 400, "invalid_request_error",
		    "send the token in a header: addresses are written to "
		    "logs");
		return false;
	case AUTH_FOREIGN:
		request_error(request, 403, "forbidden",
		    "without a token only programs of this machine are "
		    "answered, under localhost or an address");
		return false;
	case AUTH_OUT: break;
	}
	snprintf(seconds, sizeof seconds, "%lld", (long long)retry_s);
	request_set_header(request, "Retry-After", seconds);
	request_error(request, 429, "rate_limit_error",
	    "too many wrong tokens from this address");
	return false;
}

static bool
is_upgrade(const struct server *server, const struct head *head)
{
	const char *to = head_field(head, "Upgrade");

	return server->upgrade != NULL && to != NULL && head->minor == 1 &&
	       strcasecmp(to, "websocket") == 0 &&
	       strcmp(head->method, "GET") == 0;
}

static bool
choose_route(struct server *server, struct request *request)
{
	const struct head *head = &request->head;

	if (is_upgrade(server, head)) {
		request->route = &server->upgrade_route;
		return true;
	}
	request->route = find_route(server, head->path, head->method);
	if (request->route != NULL)
		return true;
	if (find_route(server, head->path, NULL) != NULL)
		refuse_method(server, request);
	else
		request_error(request, 404, "invalid_request_error",
		    "there is nothing here");
	return false;
}

bool
server_admit(struct server *server, struct request *request)
{
	const struct route *route;

	server->counts.requests++;
	if (!choose_route(server, request))
		return false;
	route = request->route;
	if (request->conn->crowded && route->need != NEED_NOTHING)
		return refuse_busy(request, "too many connections");
	if (server->draining && route->work)
		return refuse_busy(request, "the gateway is stopping");
	if (!check_auth(server, request))
		return false;
	request->body_max =
	    route->need == NEED_TOKEN || route->need == NEED_HOOK_TOKEN
		? server->limits.body_max
		: BODY_MAX_STRANGER;
	if (request->head.length > (int64_t)request->body_max) {
		request_error(request, 413, "invalid_request_error",
		    "the body is too large");
		return false;
	}
	return true;
}

void
server_count(struct server *server, int status)
{
	server->counts.status[status / 100 % 6]++;
	server->counts.refused += status == 429 || status == 503;
}

struct server_counts
server_counts(const struct server *server)
{
	struct server_counts counts = server->counts;

	counts.connections += server->taken;
	return counts;
}

/* ---- draining */

void
server_on_drain(struct server *server, void (*drain)(void *arg), void *arg)
{
	struct drainer *drainer = xcalloc(1, sizeof *drainer);

	drainer->drain = drain;
	drainer->arg = arg;
	drainer->next = server->drainers;
	server->drainers = drainer;
}

void
server_check_drained(struct server *server)
{
	struct conn *conn;

	if (!server->draining || server->counts.running != 0 ||
	    server->taken != 0)
		return;
	TAILQ_FOREACH (conn, &server->conns, entry)
		if (conn->phase == CONN_CLOSING)
			return;
	event_base_loopexit(server->base, NULL);
}

void
server_drain(struct server *server)
{
	server->draining = true;
	for (const struct drainer *d = server->drainers; d != NULL; d = d->next)
		d->drain(d->arg);
	server_check_drained(server);
}

bool
server_is_draining(const struct server *server)
{
	return server->draining;
}

void
server_release(struct server *server)
{
	server->taken--;
	server_check_drained(server);
}

/* ---- life */

/* As many connections as there can be descriptors. */
static size_t
raise_limit(size_t wanted)
{
	struct rlimit files;

	if (wanted == 0 || wanted > CONNECTIONS_MAX)
		wanted = CONNECTIONS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return wanted < 256 ? wanted : 256;
	if (files.rlim_cur < wanted + OTHER_FILES + CONN_RESERVE) {
		files.rlim_cur = wanted + OTHER_FILES + CONN_RESERVE;
		if (files.rlim_cur > files.rlim_max)
			files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_cur < wanted + OTHER_FILES + CONN_RESERVE)
		wanted =
		    files.rlim_cur > 2 * (OTHER_FILES + CONN_RESERVE)
			? (size_t)files.rlim_cur - OTHER_FILES - CONN_RESERVE
			: OTHER_FILES;
	return wanted;
}

static void
on_upgrade(struct request *request, void *arg)
{
	struct server *server = arg;

	server->upgrade(request, server->upgrade_arg);
}

struct server *
server_new(struct event_base *base, const struct config *config,
    struct auth *auth, const struct server_limits *limits)
{
	struct server *server = xcalloc(1, sizeof *server);

	server->base = base;
	server->config = config;
	server->auth = auth;
	server->limits = *limits;
	server->room = raise_limit(limits->connections);
	server->upgrade_route = upgrade_route;
	server->upgrade_route.handle = on_upgrade;
	server->upgrade_route.arg = server;
	TAILQ_INIT(&server->conns);
	return server;
}

void
server_free(struct server *server)
{
	struct drainer *drainer;

	if (server == NULL)
		return;
	while (!TAILQ_EMPTY(&server->conns))
		conn_free(TAILQ_FIRST(&server->conns));
	listen_stop(server);
	while ((drainer = server->drainers) != NULL) {
		server->drainers = drainer->next;
		free(drainer);
	}
	free(server->route);
	free(server);
}

struct event_base *
server_base(const struct server *server)
{
	return server->base;
}

const struct config *
server_config(const struct server *server)
{
	return server->config;
}

struct auth *
server_auth(const struct server *server)
{
	return server->auth;
}
