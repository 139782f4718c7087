#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "doctor.h"
#include "http.h"
#include "json.h"
#include "json_outside.h"
#include "xalloc.h"

enum {
	TOTAL_MS = 5000,
	ANSWER_MAX = 64 * 1024,
};

struct asked {
	struct doctor *doctor;
	const char *url;
	bool done;
};

static void
on_version(struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	struct asked *asked = arg;
	const struct buf *body = http_body(transfer);
	jv version = json_parse_outside(buf_string(body), body->length);

	asked->done = true;
	if (failure != HTTP_OK)
		doctor_note(asked->doctor, DOCTOR_WARNING, "browser",
		    "%s; start Chromium with --remote-debugging-port, or "
		    "correct browser.url",
		    http_message(transfer));
	else if (!json_has(version, "webSocketDebuggerUrl"))
		doctor_note(asked->doctor, DOCTOR_WARNING, "browser",
		    "what answers at %s is not a browser's debugging port; "
		    "correct browser.url",
		    asked->url);
	else
		doctor_note(asked->doctor, DOCTOR_OK, "browser",
		    "%s answers at %s",
		    json_get_string(version, "Browser", "a browser"),
		    asked->url);
	jv_free(version);
}

static void
ask(struct doctor *doctor, const char *url)
{
	static const char *const headers[] = {"Host: localhost", NULL};
	struct asked asked = {.doctor = doctor, .url = url};
	char *whole = xasprintf("%s/json/version", url);
	struct http *http = http_new();
	struct http_request request = {.method = "GET",
	    .url = whole,
	    .headers = headers,
	    .total_ms = TOTAL_MS,
	    .answer_max = ANSWER_MAX,
	    .done = on_version,
	    .arg = &asked};

	http_start(http, &request);
	while (!asked.done)
		http_run(http, NULL, 0, -1);
	http_free(http);
	free(whole);
}

void
doctor_check_browser(struct doctor *doctor, const struct config *config)
{
	jv url = config_get(config, "browser.url"),
	   command = config_get(config, "browser.command");
	jv program = json_at(command, 0);
	const char *path = json_as_string(program, "");

	if (json_is_string(url))
		ask(doctor, json_as_string(url, ""));
	else if (*path == '/' && access(path, X_OK) == 0)
		doctor_note(doctor, DOCTOR_OK, "browser",
		    "%s is started when it is needed", path);
	else if (*path == '/')
		doctor_note(doctor, DOCTOR_ERROR, "browser",
		    "%s of browser.command cannot be run; install it, or "
		    "correct the path",
		    path);
	jv_free(program);
	jv_free(command);
	jv_free(url);
}
