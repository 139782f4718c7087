#include <stdlib.h>
#include "clock.h"
#include "json.h"
#include "probes.h"
#include "ready.h"
#include "xalloc.h"

enum { LOOK_MS = 1000 };

struct probes {
	struct server *server;
	struct submit *submit;
	int64_t started, looked_at; /* clock_mono_ms */
	jv failing;                 /* ready.h, as it was seen last */
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

/* Strangers may ask as often as they like: the files are read once a second. */
static void
look(struct probes *probes)
{
	int64_t now = clock_mono_ms();

	if (probes->looked_at != 0 && now - probes->looked_at < LOOK_MS)
		return;
	probes->looked_at = now;
	jv_free(probes->failing);
	probes->failing = ready_failing(
	    server_config(probes->server), probes->submit, probes->started);
}

static void
on_ready(struct request *request, void *arg)
{
	struct probes *probes = arg;
	bool draining = server_is_draining(probes->server), ready;
	jv body = json_object(), names = json_array();

	look(probes);
	ready = !draining && json_length(probes->failing) == 0;
	body = json_set_bool(body, "ready", ready);
	if (draining)
		names = json_append_string(names, "draining");
	for (int i = 0, n = json_length(probes->failing); i < n; i++) {
		jv one = json_at(probes->failing, i);

		names = json_append(names, json_get(one, "check"));
		jv_free(one);
	}
	if (request_is_trusted(request)) {
		body = json_set(body, "failing", names);
		body = json_set(body, "details", json_copy(probes->failing));
	} else {
		jv_free(names);
	}
	request_answer(request, ready ? 200 : 503, body);
}

struct probes *
probes_init(struct server *server, struct submit *submit)
{
	static const struct {
		const char *path;
		void (*handle)(struct request *request, void *arg);
	} paths[] = {{"/health", on_health}, {"/healthz", on_health},
	    {"/livez", on_health}, {"/ready", on_ready}, {"/readyz", on_ready},
	    {"/startup", on_startup}, {"/startupz", on_startup}};
	struct probes *probes = xcalloc(1, sizeof *probes);

	probes->server = server;
	probes->submit = submit;
	probes->started = clock_mono_ms();
	probes->failing = json_array();
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
	if (probes == NULL)
		return;
	jv_free(probes->failing);
	free(probes);
}
