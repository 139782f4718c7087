#include <stdlib.h>
#include <string.h>
#include "draft.h"
#include "json.h"
#include "log.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	FIRST_MS = 2000,      /* quicker replies need no message before */
	EDIT_MS = 1000,       /* between two edits */
	UNITS_MAX = 3900,     /* then it is not shown any longer */
	TEXT_MAX = 64 * 1024, /* more than is ever shown */
	TOOLS_MAX = 2 * 1024, /* of lines about tools */
	ARGUMENTS_MAX = 100,  /* bytes of a call that are shown */
};

/* ---- what is shown */

static void
add_line(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_add_byte(out,
		    (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
}

/* The argument that says most: the command, else a string, else all. */
static void
add_arguments(struct buf *out, jv ref_args)
{
	static const char *const telling[] = {"command", "path", "url"};
	struct buf all = {0};
	const char *text = NULL;
	size_t length;

	for (size_t i = 0; i < sizeof telling / sizeof *telling && text == NULL;
	     i++)
		text = json_get_string(ref_args, telling[i], NULL);
	if (text == NULL) {
		json_write(&all, ref_args);
		text = buf_string(&all);
	}
	length = strlen(text);
	if (length > ARGUMENTS_MAX) {
		char *cut =
		    xstrndup(text, utf8_floor(text, length, ARGUMENTS_MAX));

		add_line(out, cut);
		buf_add_string(out, "...");
		free(cut);
	} else {
		add_line(out, text);
	}
	buf_free(&all);
}

static void
begin_anew(struct draft *draft)
{
	buf_clear(&draft->text);
	buf_clear(&draft->tools);
	draft->outdated = false;
}

static void
add_tool(struct draft *draft, jv ref_event)
{
	jv args = json_get(ref_event, "args");

	if (draft->tools.length < TOOLS_MAX) {
		buf_add_string(&draft->tools, "\nrunning ");
		add_line(&draft->tools,
		    json_get_string(ref_event, "name", "a tool"));
		buf_add_string(&draft->tools, ": ");
		add_arguments(&draft->tools, args);
	}
	jv_free(args);
}

void
draft_event(struct draft *draft, jv ref_event)
{
	const char *event = json_get_string(ref_event, "event", "");
	const char *delta = json_get_string(ref_event, "delta", "");

	if (strcmp(event, "text") == 0) {
		if (draft->outdated)
			begin_anew(draft);
		if (draft->text.length < TEXT_MAX)
			buf_add_string(&draft->text, delta);
	} else if (strcmp(event, "attempt") == 0) {
		draft->outdated = true;
	} else if (strcmp(event, "failed") == 0) {
		begin_anew(draft);
	} else if (strcmp(event, "tool_start") == 0) {
		add_tool(draft, ref_event);
	} else if (strcmp(event, "reply") == 0) {
		draft->finished = true;
	}
}

/* What to show now, NULL: nothing can be seen of it.  The caller frees it. */
static char *
compose(const struct draft *draft)
{
	struct buf all = {0};
	struct rich rich;
	struct chunk piece;
	size_t position = 0;
	char *text = NULL;

	buf_add(&all, buf_string(&draft->text), draft->text.length);
	buf_add(&all, buf_string(&draft->tools), draft->tools.length);
	rich_plain(&rich, buf_string(&all), all.length);
	if (chunk_next(&rich, &position, UNITS_MAX, &piece))
		text = xasprintf("%.*s \u2026", (int)(piece.to - piece.from),
		    rich.text.data + piece.from);
	rich_free(&rich);
	buf_free(&all);
	return text;
}

/* ---- sending it */

const char *
draft_message(const struct draft *draft)
{
	return draft->ledger != NULL ? ledger_draft(draft->ledger) : "";
}

static void
on_sent(struct draft *draft, const struct api_answer *answer)
{
	jv messages = delivery_messages(answer->result);
	jv first = json_at(messages, 0);
	jv line = json_set_string(
	    ledger_line("draft"), "message", json_as_string(first, ""));

	/* on a full disk at least this process must know it */
	if (!ledger_add(draft->ledger, json_copy(line), true))
		ledger_remark(draft->ledger, json_copy(line));
	jv_free(line);
	jv_free(first);
	jv_free(messages);
}

static void
on_done(void *arg, const struct api_answer *answer)
{
	struct draft *draft = arg;
	bool edited = *draft_message(draft) != '\0';

	draft->call = NULL;
	draft->courier->calls--;
	chat_learn(draft->courier, draft->chat, answer);
	if (answer->outcome == API_OK && !edited) {
		on_sent(draft, answer);
		return;
	}
	if (answer->outcome == API_OK ||
	    api_error_says(answer, "message is not modified"))
		return;
	log_debug("turn %s: progress: %s", draft->id, answer->error);
	if (!edited && answer->outcome != API_MAYBE)
		ledger_remark(draft->ledger, ledger_line("not_sent"));
	/* a message that may be there already is not sent again */
	if (!edited || answer->outcome == API_REFUSED)
		draft->over = true;
}

static void
start(struct draft *draft, const char *method, jv own_params)
{
	own_params = json_set(own_params, "chat_id", chat_number(draft->chat));
	own_params = json_set_string(own_params, "text", draft->shown);
	own_params = json_set(own_params, "link_preview_options",
	    json_set_bool(json_object(), "is_disabled", true));
	draft->courier->calls++;
	draft->call = api_start(
	    draft->courier->api, method, own_params, NULL, on_done, draft);
}

/*
 * Opens the ledger.  False: there must be no growing message, because the
 * reply is on its way already, or one may be there whose number is not known.
 */
static bool
begin(struct draft *draft)
{
	if (draft->ledger == NULL)
		draft->ledger = ledger_open(draft->id);
	if (draft->ledger == NULL || ledger_has_plan(draft->ledger))
		return false;
	if (*draft_message(draft) != '\0')
		return true;
	return !ledger_has_begun(draft->ledger) &&
	       ledger_add(draft->ledger, ledger_line("begun"), true);
}

static void
send_or_edit(struct draft *draft, int64_t now)
{
	jv params;

	if (!begin(draft)) {
		draft->over = true;
		return;
	}
	chat_note(draft->courier, draft->chat, 1, now);
	draft->shown_at = now;
	if (*draft_message(draft) == '\0') {
		params = chat_place(json_object(), draft->to, true, true);
		start(draft, "sendMessage", params);
	} else {
		params = json_set(json_object(), "message_id",
		    chat_integer(draft_message(draft)));
		start(draft, "editMessageText", params);
	}
}

void
draft_show(struct draft *draft, int64_t now)
{
	char *text;

	if (draft->over || draft->finished || draft->call != NULL)
		return;
	text = compose(draft);
	if (text != NULL && draft->since == 0)
		draft->since = now;
	if (text == NULL || now - draft->since < FIRST_MS ||
	    (draft->shown_at != 0 && now - draft->shown_at < EDIT_MS) ||
	    (draft->shown != NULL && strcmp(text, draft->shown) == 0) ||
	    !chat_has_room(draft->courier, draft->chat, now)) {
		free(text);
		return;
	}
	free(draft->shown);
	draft->shown = text;
	send_or_edit(draft, now);
}

void
draft_free(struct draft *draft)
{
	if (draft->call != NULL) {
		api_cancel(draft->call);
		draft->courier->calls--;
	}
	ledger_free(draft->ledger);
	buf_free(&draft->text);
	buf_free(&draft->tools);
	free(draft->shown);
	free(draft->id);
	jv_free(draft->to);
}
