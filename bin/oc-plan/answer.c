#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "answer.h"
#include "json.h"
#include "ulid.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	ID_RANDOM = 8, /* characters of a ULID's random end: 40 bits */
};

void
answer_init(struct answer *answer)
{
	*answer = (struct answer){
	    .calls = json_array(),
	    .extra = json_object(),
	    .input = -1,
	    .output = -1,
	    .retry_after_ms = -1,
	    .state = xcalloc(1, sizeof *answer->state),
	};
	answer->state->tools = json_null();
	answer->state->taken = json_object();
}

static void
free_state(struct answer_state *state)
{
	if (state == NULL)
		return;
	for (size_t i = 0; i < state->piece_count; i++) {
		buf_free(&state->pieces[i].id);
		buf_free(&state->pieces[i].name);
		buf_free(&state->pieces[i].args);
		jv_free(state->pieces[i].extra);
	}
	free(state->pieces);
	buf_free(&state->parts);
	buf_free(&state->held);
	jv_free(state->tools);
	jv_free(state->taken);
	free(state);
}

void
answer_free(struct answer *answer)
{
	if (answer == NULL || answer->state == NULL)
		return;
	buf_free(&answer->text);
	jv_free(answer->calls);
	jv_free(answer->extra);
	free(answer->message);
	free_state(answer->state);
	*answer = (struct answer){0};
}

/* Adds an entry's ids of calls to an object, as keys. */
static jv
add_ids(jv own_ids, jv ref_entry)
{
	jv calls = json_get(ref_entry, "calls");

	for (int i = 0, n = json_length(calls); i < n; i++) {
		jv call = json_at(calls, i);

		own_ids = json_set_bool(
		    own_ids, json_get_string(call, "id", ""), true);
		jv_free(call);
	}
	jv_free(calls);
	return own_ids;
}

void
answer_expect(struct answer *answer, const struct prompt *prompt)
{
	struct answer_state *state = answer->state;

	jv_free(state->tools);
	state->tools = json_copy(prompt->tools);
	for (int i = 0, n = json_length(prompt->conversation); i < n; i++) {
		jv entry = json_at(prompt->conversation, i);

		state->taken = add_ids(state->taken, entry);
		jv_free(entry);
	}
}

/* Control bytes, C1 controls too, become blanks; the length stays. */
static void
blank_controls(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == 0xc2 && i + 1 < length &&
		    (unsigned char)text[i + 1] < 0xa0)
			text[i] = text[i + 1] = ' ';
		else if (byte < 0x20 || byte == 0x7f)
			text[i] = ' ';
	}
}

void
answer_fail(
    struct answer *answer, enum answer_error error, const char *format, ...)
{
	struct buf clean = {0};
	char *text;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	answer->error = error;
	free(answer->message);
	if (n < 0) {
		answer->message = xstrdup(answer_error_name(error));
		return;
	}
	utf8_repair(&clean, text, (size_t)n);
	free(text);
	if (clean.length > ANSWER_MESSAGE_MAX)
		buf_truncate(&clean,
		    utf8_floor(clean.data, clean.length, ANSWER_MESSAGE_MAX));
	blank_controls(clean.data, clean.length);
	answer->message = buf_take(&clean);
}

void
answer_scrub(struct answer *answer, const char *key)
{
	static const char mark[] = "[key]";
	size_t length = key != NULL ? strlen(key) : 0;
	size_t left;
	struct buf out = {0};
	const char *rest, *found;

	if (answer->message == NULL || length == 0)
		return;
	rest = answer->message;
	while ((found = strstr(rest, key)) != NULL) {
		buf_add(&out, rest, (size_t)(found - rest));
		buf_add_string(&out, mark);
		rest = found + length;
	}
	/* where the message was cut a beginning of the key may stand */
	left = strlen(rest);
	for (size_t n = length < left ? length : left; n >= 4; n--) {
		if (strncmp(rest + left - n, key, n) != 0)
			continue;
		buf_add(&out, rest, left - n);
		rest = mark;
		break;
	}
	buf_add_string(&out, rest);
	free(answer->message);
	answer->message = buf_take(&out);
}

bool
answer_add_text(struct answer *answer, const char *text, size_t length)
{
	if (length > ANSWER_TEXT_MAX - answer->text.length) {
		answer_fail(answer, ANSWER_MALFORMED,
		    "the answer's text is longer than %d bytes",
		    ANSWER_TEXT_MAX);
		return false;
	}
	buf_add(&answer->text, text, length);
	return true;
}

bool
answer_knows_tool(const struct answer *answer, const char *name)
{
	jv tools = answer->state->tools;
	bool known = false;

	for (int i = 0, n = json_length(tools); i < n && !known; i++) {
		jv tool = json_at(tools, i);

		known = strcmp(json_get_string(tool, "name", ""), name) == 0;
		jv_free(tool);
	}
	return known;
}

bool
answer_id_is_plain(const char *id)
{
	size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz"
				   "0123456789_-.:");

	return id[length] == '\0' && length >= 1 && length <= ANSWER_ID_MAX &&
	       id[0] != '.' && id[0] != '-';
}

/* Nine letters and digits, which is what Mistral's API insists on. */
static void
make_id(char id[ANSWER_ID_MAX + 1])
{
	char ulid[ULID_SIZE];

	ulid_make(ulid);
	id[0] = 'c';
	for (size_t i = 0; i < ID_RANDOM; i++) {
		char c = ulid[ULID_SIZE - 1 - ID_RANDOM + i];

		id[1 + i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	id[1 + ID_RANDOM] = '\0';
}

/* Consumes own_call, which lacks its id. */
static void
append_call(
    struct answer *answer, const char *wanted, jv own_call, const char **id)
{
	jv *taken = &answer->state->taken;
	char made[ANSWER_ID_MAX + 1];

	if (!answer_id_is_plain(wanted) || json_has(*taken, wanted)) {
		do
			make_id(made);
		while (json_has(*taken, made));
		wanted = made;
	}
	*taken = json_set_bool(*taken, wanted, true);
	own_call = json_set_string(own_call, "id", wanted);
	if (id != NULL)
		*id = json_get_string(own_call, "id", "");
	answer->calls = json_append(answer->calls, own_call);
}

static bool
room_for_call(struct answer *answer, const char *name, size_t args_length)
{
	if (json_length(answer->calls) >= ANSWER_CALLS_MAX)
		answer_fail(answer, ANSWER_MALFORMED,
		    "the answer has more than %d calls", ANSWER_CALLS_MAX);
	else if (args_length > ANSWER_ARGS_MAX)
		answer_fail(answer, ANSWER_MALFORMED,
		    "a call's arguments are longer than %d bytes",
		    ANSWER_ARGS_MAX);
	else if (name[0] == '\0' || strlen(name) > ANSWER_NAME_MAX)
		answer_fail(answer, ANSWER_MALFORMED,
		    "a call has no name, or one of over %d bytes",
		    ANSWER_NAME_MAX);
	else
		return true;
	return false;
}

bool
answer_add_call(struct answer *answer, const char *wanted, const char *name,
    jv own_args, const char **id)
{
	struct buf text = {0};
	bool room;
	jv call;

	json_write(&text, own_args);
	room = room_for_call(answer, name, text.length);
	if (room && (json_is_object(own_args) || json_is_null(own_args))) {
		call = json_set_string(json_object(), "name", name);
		call = json_set(call, "args",
		    json_is_object(own_args) ? json_copy(own_args)
					     : json_object());
		append_call(answer, wanted, call, id);
	} else if (room) {
		room = answer_add_call_text(
		    answer, wanted, name, text.data, text.length, id);
	}
	buf_free(&text);
	jv_free(own_args);
	return room;
}

bool
answer_add_call_text(struct answer *answer, const char *wanted,
    const char *name, const char *args, size_t length, const char **id)
{
	size_t kept = utf8_floor(args, length, ANSWER_BAD_ARGS_MAX);
	jv call, value;

	if (!room_for_call(answer, name, length))
		return false;
	value = answer_parse(args, length);
	if (json_is_object(value) ||
	    (json_is_valid(value) && json_is_null(value)))
		return answer_add_call(answer, wanted, name, value, id);
	jv_free(value);
	call = json_set_string(json_object(), "name", name);
	call = json_set(call, "args", json_object());
	call = json_set(call, "bad_args", json_string_sized(args, kept));
	append_call(answer, wanted, call, id);
	return true;
}

void
answer_finish(struct answer *answer)
{
	const char *text = buf_string(&answer->text);

	if (answer->error != ANSWER_OK)
		return;
	if (text[strspn(text, " \t\r\n")] == '\0')
		buf_clear(&answer->text);
	if (!answer->finished)
		answer_fail(
		    answer, ANSWER_CUT, "the answer broke off before its end");
	else if (answer->text.length == 0 && json_length(answer->calls) == 0)
		answer_fail(answer, ANSWER_EMPTY, "the answer is empty%s",
		    answer->truncated ? " (output limit reached)" : "");
}
