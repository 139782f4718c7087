#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "caller.h"
#include "completions.h"
#include "json.h"
#include "server.h"

static const char *const agents[] = {"openclaw", "openclaw/default"};
enum { AGENTS = sizeof agents / sizeof *agents };

static jv
describe(const char *agent)
{
	jv one = json_set_string(json_object(), "id", agent);

	one = json_set_string(one, "object", "model");
	one = json_set_int(one, "created", 0);
	return json_set_string(one, "owned_by", "openclaw");
}

static void
on_list(struct request *request, void *arg)
{
	jv data = json_array(), list;

	(void)arg;
	for (size_t i = 0; i < AGENTS; i++)
		data = json_append(data, describe(agents[i]));
	list = json_set_string(json_object(), "object", "list");
	request_answer(request, 200, json_set(list, "data", data));
}

static void
on_one(struct request *request, void *arg)
{
	/* clients write the slash of a name as %2F */
	const char *rest = request_rest(request);

	(void)arg;
	for (size_t i = 0; i < AGENTS; i++)
		if (strcmp(rest, agents[i]) == 0 ||
		    (strncasecmp(rest, "openclaw%2F", 11) == 0 &&
			strchr(agents[i], '/') != NULL &&
			strcmp(rest + 11, strchr(agents[i], '/') + 1) == 0)) {
			request_answer(request, 200, describe(agents[i]));
			return;
		}
	caller_refuse(request, 404, "there is no such model");
}

void
models_init(struct asker *asker)
{
	server_add(asker->server, &(struct route){.method = "GET",
				      .path = "/v1/models",
				      .need = NEED_TOKEN,
				      .handle = on_list});
	server_add(asker->server, &(struct route){.method = "GET",
				      .path = "/v1/models/*",
				      .need = NEED_TOKEN,
				      .handle = on_one});
}
