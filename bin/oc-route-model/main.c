/*
 * oc-route-model: chooses the models that may serve a turn.
 *
 * Reads turns, adds `route` to each that has none, writes them on.  The first
 * of the configuration's routes whose rule holds puts its model before the
 * usual order (the primary model, then the fallbacks).  A turn that asks for
 * a model by name gets that one alone.  With -n it explains instead.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "config.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "rule.h"
#include "secret.h"
#include "turn.h"
#include "xalloc.h"

struct route {
	char *name, *model, *where; /* where: file:line:column, for messages */
	char *when;
	struct rule *rule;
};

struct router {
	struct config config;
	struct route *route;
	int count;
	bool explain;
};

static void
print_help(void)
{
	puts("usage: oc-route-model [-n] [-c FILE]\n"
	     "\n"
	     "Reads turns (NDJSON) on standard input and writes each with "
	     "`route`, the models\n"
	     "that may serve it in the order in which they are tried.\n"
	     "\n"
	     "  -c FILE  configuration (default: $OC_CONFIG, "
	     "~/.openclaw/openclaw.yaml)\n"
	     "  -n       explain each decision instead of passing the turn "
	     "on\n"
	     "  -h       this help\n"
	     "\n"
	     "    echo '{\"text\":\"write a regex\"}' | oc-route-model -n\n"
	     "\n"
	     "See oc-route-model(1), oc-turn(7), openclaw.yaml(5).");
}

static void
compile_routes(struct router *router)
{
	jv routes = config_get(&router->config, "routes");

	router->count = json_length(routes);
	router->route = xcalloc((size_t)router->count, sizeof *router->route);
	for (int i = 0; i < router->count; i++) {
		struct route *route = &router->route[i];
		char *path = xasprintf("routes[%d].when", i), *error;
		jv entry = json_at(routes, i);

		route->name = xstrdup(json_get_string(entry, "name", ""));
		route->model = xstrdup(json_get_string(entry, "model", ""));
		route->when = xstrdup(json_get_string(entry, "when", ""));
		route->where = config_where(&router->config, path);
		route->rule = rule_compile(route->when, &error);
		if (route->rule == NULL)
			fatal(
			    EX_CONFIG, "%s: %s: %s", route->where, path, error);
		jv_free(entry);
		free(path);
	}
	jv_free(routes);
}

/* The first route whose rule holds, or NULL. */
static const struct route *
find_route(const struct router *router, jv ref_turn)
{
	for (int i = 0; i < router->count; i++) {
		const struct route *route = &router->route[i];
		char *error;
		bool holds =
		    rule_holds(route->rule, json_copy(ref_turn), &error);

		if (error != NULL)
			log_warn("%s: route %s: %s (turn %s)", route->where,
			    route->name, error, turn_id(ref_turn));
		if (router->explain)
			printf("  %-16s %-9s %s\n", route->name,
			    error != NULL ? "error"
			    : holds       ? "matches"
					  : "no match",
			    route->when);
		free(error);
		if (holds)
			return route;
	}
	return NULL;
}

static jv
append_once(jv own_models, const char *model)
{
	for (int i = 0, n = json_length(own_models); i < n; i++) {
		jv one = json_at(own_models, i);
		bool same = strcmp(json_as_string(one, ""), model) == 0;

		jv_free(one);
		if (same)
			return own_models;
	}
	return json_append_string(own_models, model);
}

/* `first` (NULL: none), then the usual order, each model once. */
static jv
model_order(const struct config *config, const char *first)
{
	jv fallbacks = config_get(config, "fallbacks"), models = json_array();
	const char *primary = config_string(config, "primary_model");

	if (first != NULL)
		models = append_once(models, first);
	models = append_once(models, primary);
	for (int i = 0, n = json_length(fallbacks); i < n; i++) {
		jv one = json_at(fallbacks, i);

		models = append_once(models, json_as_string(one, ""));
		jv_free(one);
	}
	jv_free(fallbacks);
	return models;
}

/* Why a turn may not have the model that it asks for by name; NULL: it may. */
static char *
refuse_model(const struct config *config, const char *model)
{
	jv models = config_models(config);
	struct buf names = {0};
	struct config_provider provider;
	const char *slash = strchr(model, '/');
	bool known = false, configured;
	char *name;

	for (int i = 0, n = json_length(models); i < n; i++) {
		jv one = json_at(models, i);

		known = known || strcmp(json_as_string(one, ""), model) == 0;
		buf_printf(&names, "%s%s", i == 0 ? "" : ", ",
		    json_as_string(one, ""));
		jv_free(one);
	}
	jv_free(models);
	name = xstrndup(model, slash != NULL ? (size_t)(slash - model) : 0);
	configured = slash != NULL && slash[1] != '\0' &&
		     config_provider(config, name, &provider);
	free(name);
	if (configured)
		config_provider_free(&provider);
	if (known ||
	    (configured && config_bool(config, "allow_unconfigured"))) {
		buf_free(&names);
		return NULL;
	}
	name = xasprintf("There is no model %s here. There are: %s.", model,
	    buf_string(&names));
	buf_free(&names);
	return name;
}

static jv
add_route(jv own_turn, jv own_models, const char *rule)
{
	jv route = json_set(json_object(), "models", own_models);

	return json_set(
	    own_turn, "route", json_set_string(route, "rule", rule));
}

static jv
route_turn(const struct router *router, jv own_turn)
{
	const char *asked = json_get_string(own_turn, "model", "");
	const struct route *route;
	char *refusal;

	if (*asked != '\0') {
		refusal = refuse_model(&router->config, asked);
		if (refusal == NULL)
			return add_route(own_turn,
			    json_append_string(json_array(), asked), "asked");
		own_turn =
		    turn_fail(own_turn, "unknown_model", refusal, refusal);
		free(refusal);
		return own_turn;
	}
	route = find_route(router, own_turn);
	return add_route(own_turn,
	    model_order(&router->config, route != NULL ? route->model : NULL),
	    route != NULL ? route->name : "default");
}

static void
print_decision(jv ref_turn)
{
	jv models = json_path(ref_turn, "route.models");
	jv error = json_path(ref_turn, "error.message");
	jv rule = json_path(ref_turn, "route.rule");

	if (json_is_string(error))
		printf("  refused: %s\n", json_as_string(error, ""));
	else
		printf("  route %s:", json_as_string(rule, ""));
	for (int i = 0, n = json_length(models); i < n; i++) {
		jv one = json_at(models, i);

		printf("%s %s", i == 0 ? "" : ",", json_as_string(one, ""));
		jv_free(one);
	}
	if (!json_is_string(error))
		putchar('\n');
	jv_free(models);
	jv_free(error);
	jv_free(rule);
}

static bool
needs_route(jv ref_turn)
{
	jv models = json_path(ref_turn, "route.models");
	bool has = json_length(models) != 0;

	jv_free(models);
	return !has && !turn_has_reply(ref_turn);
}

static void
handle(const struct router *router, struct record *record)
{
	const char *problem;
	jv turn;

	if (!turn_is_turn(record->value)) {
		if (!router->explain)
			record_forward(record);
		return;
	}
	problem = turn_check(record->value);
	if (problem == NULL && !needs_route(record->value) &&
	    !router->explain) {
		record_forward(record);
		return;
	}
	turn = record->value;
	record->value = jv_null();
	if (problem != NULL)
		turn = turn_complete(
		    turn_fail(turn, "bad_turn", problem, problem), NULL);
	else
		turn = turn_complete(turn, NULL);
	if (router->explain)
		printf("%s:\n", turn_id(turn));
	if (needs_route(turn))
		turn = route_turn(router, turn);
	if (!router->explain) {
		turn_write(turn);
		return;
	}
	print_decision(turn);
	jv_free(turn);
}

static void
router_free(struct router *router)
{
	for (int i = 0; i < router->count; i++) {
		free(router->route[i].name);
		free(router->route[i].model);
		free(router->route[i].where);
		free(router->route[i].when);
		rule_free(router->route[i].rule);
	}
	free(router->route);
	config_free(&router->config);
}

int
main(int argc, char **argv)
{
	struct router router = {0};
	struct record_reader reader;
	struct record record;
	const char *config_file = NULL;
	int option, status;

	log_init("oc-route-model");
	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "c:hn")) != -1) {
		switch (option) {
		case 'c': config_file = optarg; break;
		case 'n': router.explain = true; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (optind != argc)
		usage_error("%s: no arguments are taken", argv[optind]);
	config_load(&router.config, config_file);
	secret_scrub_environment();
	compile_routes(&router);
	record_reader_init(&reader, STDIN_FILENO, "standard input");
	while (record_read(&reader, &record) == RECORD_OK) {
		handle(&router, &record);
		record_free(&record);
	}
	status = record_status(&reader);
	record_reader_free(&reader);
	router_free(&router);
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return status;
}
