#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "api_parts.h"
#include "archive.h"
#include "clock.h"
#include "json.h"
#include "state.h"
#include "timeline.h"
#include "xalloc.h"

enum {
	PAGE = 30,
	PAGE_MAX = 100,
	RUNNING_MAX = 200,
	LOOK_MS = 30, /* for the running ones of a list */
};

static const char events[] = "/events";

/* ---- the list */

/* Those whose journals are not reached in time have their id alone. */
static jv
running(const char *session)
{
	char *root = state_path("turns");
	DIR *directory = root != NULL ? opendir(root) : NULL;
	int64_t until = clock_mono_ms() + LOOK_MS;
	struct dirent *entry;
	jv list = json_array();

	while (directory != NULL && (entry = readdir(directory)) != NULL &&
	       json_length(list) < RUNNING_MAX) {
		char *path;
		jv all;

		if (entry->d_name[0] == '.')
			continue;
		path = xasprintf("%s/%s/journal.ndjson", root, entry->d_name);
		all =
		    clock_mono_ms() < until ? timeline_read(path) : json_null();
		if (json_is_object(all) &&
		    (session == NULL ||
			strcmp(json_get_string(all, "session", ""), session) ==
			    0))
			list = json_append(list, timeline_summary(all));
		else if (session == NULL && clock_mono_ms() >= until)
			list = json_append(
			    list, json_set_string(json_set_string(json_object(),
						      "state", "running"),
				      "id", entry->d_name));
		jv_free(all);
		free(path);
	}
	if (directory != NULL)
		closedir(directory);
	free(root);
	return list;
}

void
api_turns(struct request *request, void *arg)
{
	struct api *api = arg;
	char *before = request_query(request, "before");
	char *session = request_query(request, "session");
	size_t most = api_number(request, "limit", PAGE, PAGE_MAX);
	jv all = json_object(), page, last;
	bool more;

	if (before == NULL)
		all = json_set(all, "running", running(session));
	page = archive_page(api->archive, before, session, most, &more);
	if (more) {
		last = json_at(page, json_length(page) - 1);
		all = json_set(all, "next", json_get(last, "id"));
		jv_free(last);
	}
	request_answer(request, 200, json_set(all, "turns", page));
	free(session);
	free(before);
}

/* ---- one turn */

static char *
running_path(const char *id, const char *file)
{
	char *name = state_name(id);
	char *path = state_path("turns/%s%s", name, file);

	free(name);
	return path;
}

bool
api_turn_runs(const char *id)
{
	char *path = running_path(id, "");
	struct stat st;
	bool runs = path != NULL && stat(path, &st) == 0;

	free(path);
	return runs;
}

/* It may be archived between the two looks, so the first is done again. */
static jv
find_turn(const char *id)
{
	jv all = json_null();

	for (int i = 0; i < 2 && !json_is_object(all); i++) {
		char *path = running_path(id, "/journal.ndjson");

		jv_free(all);
		all = path != NULL ? timeline_read(path) : json_null();
		free(path);
		if (json_is_object(all))
			break;
		path = archive_path(id);
		if (path != NULL) {
			jv_free(all);
			all = timeline_read(path);
		}
		free(path);
	}
	return all;
}

static void
answer_turn(struct request *request, const char *id)
{
	jv all = find_turn(id), delivery;
	char *name;

	if (!json_is_object(all)) {
		jv_free(all);
		api_not_found(request);
		return;
	}
	name = state_name(id);
	delivery = timeline_delivery(name);
	if (json_is_object(delivery))
		all = json_set(all, "delivery", delivery);
	else
		jv_free(delivery);
	free(name);
	request_answer(request, 200, all);
}

/* /api/turns/<id> and /api/turns/<id>/events */
void
api_turn(struct request *request, void *arg)
{
	const char *rest = request_rest(request);
	size_t length = strlen(rest), tail = sizeof events - 1;
	bool stream =
	    length > tail && strcmp(rest + length - tail, events) == 0;
	char *id = api_decode(rest, stream ? length - tail : length);

	if (id == NULL)
		api_not_found(request);
	else if (stream)
		feed_turn(request, arg, id);
	else
		answer_turn(request, id);
	free(id);
}
