#include <stdlib.h>
#include "json.h"
#include "probes.h"
#include "xalloc.h"

struct probes {
	struct server *server;
	struct submit *submit;
};

/* As long as this is answered the process lives and its loop turns. */
static void
on_health(struct request *request, void *arg)
{
	jv body = json_set_bool(json_object(), "ok", true);

	(void)arg;
	request_answer(request, 200, json_set_string(body, "status", "live"));
}

static void
on_startup(struct request *request, void *arg)
{
	const struct probes *probes = arg;
	bool draining = server_is_draining(probes->server);
	jv body = json_set_bool(json_object(), "ok", !draining);

	body =
	    json_set_string(body, "status", draining ? "draining" : "started");
	request_answer(request, draining ? 503 : 200, body);
}

static void
on_ready(struct request *request, void *arg)
{
	const struct probes *probes = arg;
	bool ready = !server_is_draining(probes->server);

	request_answer(request, ready ? 200 : 503,
	    json_set_bool(json_object(), "ready", ready));
}

struct probes *
probes_init(struct server *server, struct submit *submit)
{
	static const struct {
		const char *path;
		void (*handle)(struct request *request, void *arg);
	} paths[] = {{"/health", on_health}, {"/healthz", on_health},
	    {"/ready", on_ready}, {"/readyz", on_ready},
	    {"/startup", on_startup}, {"/startupz", on_startup}};
	struct probes *probes = xcalloc(1, sizeof *probes);

	probes->server = server;
	probes->submit = submit;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		server_add(server, &(struct route){.method = "GET",
				       .path = paths[i].path,
				       .need = NEED_NOTHING,
				       .handle = paths[i].handle,
				       .arg = probes});
	return probes;
}

void
probes_free(struct probes *probes)
{
	free(probes);
}
