#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/http.h>
#include "api_parts.h"
#include "clock.h"
#include "config.h"
#include "json.h"
#include "redis.h"
#include "survey.h"
#include "utf8.h"
#include "xalloc.h"

/* ---- for all parts */

size_t
api_number(const struct request *request, const char *name, size_t otherwise,
    size_t most)
{
	char *text = request_query(request, name);
	const char *problem = "missing";
	size_t value = 0;

	if (text != NULL)
		value = (size_t)strtonum(text, 0, (long long)most, &problem);
	free(text);
	return problem == NULL ? value : otherwise;
}

char *
api_decode(const char *text, size_t length)
{
	char *encoded = xstrndup(text, length), *plain;
	size_t size = 0;

	plain = evhttp_uridecode(encoded, 0, &size);
	free(encoded);
	if (plain != NULL && size != 0 && strlen(plain) == size &&
	    utf8_valid(plain, size))
		return plain;
	free(plain);
	return NULL;
}

void
api_not_found(struct request *request)
{
	request_error(
	    request, 404, "invalid_request_error", "there is no such thing");
}

bool
api_has_state(struct request *request)
{
	if (redis_answers())
		return true;
	request_set_header(request, "Retry-After", "5");
	request_error(
	    request, 503, "api_error", "redis: not reachable; try again later");
	return false;
}

/* ---- status and queues */

static void
queues(struct request *request, void *arg)
{
	(void)arg;
	if (!api_has_state(request))
		return;
	request_answer(
	    request, 200, json_set(json_object(), "queues", survey_queues()));
}

static void
status(struct request *request, void *arg)
{
	const struct api *api = arg;
	const struct config *config = server_config(api->server);
	jv all;

	if (!api_has_state(request))
		return;
	all = survey_all(config_bool(config, "channels.telegram.enabled"));
	all = json_set(all, "configured_models", config_models(config));
	all = json_set_string(all, "version", OC_VERSION);
	all = json_set_int(all, "pid", getpid());
	all = json_set_int(all, "started", api->started);
	all = json_set_int(all, "now", clock_now_ms());
	request_answer(request, 200, all);
}

/* ---- the routes */

struct api *
api_new(struct server *server, struct archive *archive, struct wait *wait)
{
	struct api *api = xcalloc(1, sizeof *api);
	const struct {
		const char *path;
		void (*handle)(struct request *request, void *arg);
	} routes[] = {
	    {"/api/turns", api_turns},
	    {"/api/turns/*", api_turn},
	    {"/api/sessions", api_sessions},
	    {"/api/sessions/*", api_session},
	    {"/api/events", feed_all},
	    {"/api/usage", tally_answer},
	    {"/api/queues", queues},
	    {"/api/status", status},
	};

	api->server = server;
	api->archive = archive;
	api->wait = wait;
	api->started = clock_now_ms();
	api->feed = feed_new(api);
	api->tally = tally_new(server_base(server));
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		server_add(server, &(struct route){.method = "GET",
				       .path = routes[i].path,
				       .need = NEED_TOKEN,
				       .handle = routes[i].handle,
				       .arg = api});
	return api;
}

void
api_free(struct api *api)
{
	if (api == NULL)
		return;
	feed_free(api->feed);
	tally_free(api->tally);
	free(api);
}
