#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "session.h"
#include "shared.h"
#include "state.h"
#include "xalloc.h"

enum { SETTINGS_MAX = 64 * 1024 }; /* a few keys */

static char *
settings_path(const char *session)
{
	char *name = state_name(session);
	char *path = state_path("sessions/%s.json", name);

	free(name);
	return path;
}

static char *
shared_path(const char *session)
{
	char *name = state_name(session);
	char *path = xasprintf("settings/%s.json", name);

	free(name);
	return path;
}

static jv
settings_read(const char *session)
{
	char *path = settings_path(session);
	char *shared = shared_path(session);
	struct buf text = {0};
	jv value = jv_null();

	if (redis_is_used())
		shared_read(shared, 0, SETTINGS_MAX, &text);
	if (text.length != 0 ||
	    io_read_file(AT_FDCWD, path, SETTINGS_MAX, &text))
		value = json_parse(buf_string(&text), text.length, NULL);
	buf_free(&text);
	free(shared);
	free(path);
	return value;
}

char *
settings_model(const char *session)
{
	jv settings = settings_read(session);
	const char *model = json_get_string(settings, "model", NULL);
	char *copy = model != NULL ? xstrdup(model) : NULL;

	jv_free(settings);
	return copy;
}

bool
settings_set_model(const char *session, const char *model)
{
	char *path = settings_path(session);
	char *directory = state_path("sessions");
	char *shared = shared_path(session);
	struct buf text = {0};
	jv settings = settings_read(session);
	bool ok;

	if (model != NULL)
		settings = json_set_string(settings, "model", model);
	else
		settings = json_delete(settings, "model");
	json_write(&text, settings);
	buf_add_byte(&text, '\n');
	if (redis_is_used())
		ok = shared_replace(shared, NULL, 0, text.data, text.length);
	else
		ok = io_make_directories(directory) &&
		     io_replace_file(path, text.data, text.length);
	free(shared);
	jv_free(settings);
	buf_free(&text);
	free(directory);
	free(path);
	return ok;
}
