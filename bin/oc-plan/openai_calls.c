#include <string.h>
#include "answer.h"
#include "json.h"
#include "xalloc.h"

/*
 * Calls as OpenAI-compatible servers stream them: in pieces, which are put
 * together here.
 */

/* Follows the JSON text of the arguments until its first value is closed. */
static void
follow(struct answer_piece *piece, const char *text, size_t length)
{
	for (size_t i = 0; i < length && !piece->complete; i++) {
		char c = text[i];

		if (piece->escaped)
			piece->escaped = false;
		else if (piece->in_string && c == '\\')
			piece->escaped = true;
		else if (c == '"')
			piece->in_string = !piece->in_string;
		else if (!piece->in_string && (c == '{' || c == '['))
			piece->depth++;
		else if (!piece->in_string && (c == '}' || c == ']') &&
			 piece->depth > 0)
			piece->complete = --piece->depth == 0;
	}
}

static struct answer_piece *
new_piece(struct answer *answer, int64_t index)
{
	struct answer_state *state = answer->state;
	struct answer_piece *piece;

	if (state->piece_count >= ANSWER_CALLS_MAX) {
		answer_fail(answer, ANSWER_MALFORMED,
		    "the answer has more than %d calls", ANSWER_CALLS_MAX);
		return NULL;
	}
	state->pieces =
	    xreallocarray(state->pieces, state->piece_count + 1, sizeof *piece);
	piece = &state->pieces[state->piece_count++];
	*piece = (struct answer_piece){.index = index, .extra = json_object()};
	return piece;
}

/*
 * The call that a piece belongs to, or NULL for a new one.  By the book that
 * is told by the index alone.  But servers leave the index out, give 0 to each
 * call (Ollama), repeat id and name with each piece (vLLM), or make up a new
 * id for each piece; so a piece that has a name begins a new call if its id is
 * another, if both names are tools, or if the arguments of the call before
 * are complete.
 */
static struct answer_piece *
find_piece(struct answer *answer, int64_t index, const char *id,
    const char *name, bool has_args)
{
	struct answer_state *state = answer->state;
	struct answer_piece *found = NULL;

	for (size_t i = state->piece_count; i-- > 0 && found == NULL;) {
		struct answer_piece *piece = &state->pieces[i];

		if (index >= 0 ? piece->index == index
			       : id[0] == '\0' ||
				     strcmp(buf_string(&piece->id), id) == 0)
			found = piece;
	}
	if (found == NULL || name[0] == '\0')
		return found;
	if (id[0] != '\0' && found->id.length != 0 &&
	    strcmp(found->id.data, id) != 0)
		return NULL;
	if (found->complete && has_args)
		return NULL;
	if (found->name.length != 0 && strcmp(found->name.data, name) != 0 &&
	    answer_knows_tool(answer, found->name.data) &&
	    answer_knows_tool(answer, name))
		return NULL;
	if (index < 0 && id[0] == '\0' && found->name.length != 0)
		return NULL;
	return found;
}

/* A name comes as a whole, in pieces, or as a whole with each piece. */
static void
add_name(struct answer *answer, struct answer_piece *piece, const char *name)
{
	bool again =
	    piece->name.length != 0 && strcmp(piece->name.data, name) == 0;

	if (again || piece->name.length > ANSWER_NAME_MAX ||
	    (piece->name.length != 0 &&
		answer_knows_tool(answer, piece->name.data)))
		return;
	buf_add_string(&piece->name, name);
}

static bool
add_args(struct answer *answer, struct answer_piece *piece, jv ref_args)
{
	struct buf text = {0};
	bool fits;

	if (json_is_string(ref_args))
		buf_add(&text, json_as_string(ref_args, ""),
		    json_string_length(ref_args));
	else if (!json_is_null(ref_args))
		json_write(&text, ref_args);
	fits = text.length <= ANSWER_ARGS_MAX - piece->args.length;
	if (fits) {
		buf_add(&piece->args, text.data, text.length);
		follow(piece, text.data, text.length);
	} else {
		answer_fail(answer, ANSWER_MALFORMED,
		    "a call's arguments are longer than %d bytes",
		    ANSWER_ARGS_MAX);
	}
	buf_free(&text);
	return fits;
}

/* Where Gemini's signatures ride, directly or through LiteLLM. */
static void
add_extra(struct answer_piece *piece, jv ref_call)
{
	static const char *const keys[] = {
	    "extra_content", "provider_specific_fields"};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		jv value = json_get(ref_call, keys[i]);

		if (json_is_object(value) && json_length(value) != 0)
			piece->extra = json_set(piece->extra, keys[i], value);
		else
			jv_free(value);
	}
}

bool
openai_take_call(struct answer *answer, jv ref_call, bool whole)
{
	jv function = json_get(ref_call, "function");
	jv args = json_get(function, "arguments");
	const char *id = json_get_string(ref_call, "id", "");
	const char *name = json_get_string(function, "name", "");
	bool has_args = !json_is_null(args) &&
			(!json_is_string(args) || json_string_length(args));
	int64_t index = json_get_int(ref_call, "index", -1);
	struct answer_piece *piece =
	    whole ? NULL : find_piece(answer, index, id, name, has_args);
	bool ok;

	if (piece == NULL)
		piece = new_piece(answer, index);
	if (piece != NULL) {
		if (piece->id.length == 0)
			buf_add_string(&piece->id, id);
		add_name(answer, piece, name);
		add_extra(piece, ref_call);
	}
	ok = piece != NULL && add_args(answer, piece, args);
	jv_free(args);
	jv_free(function);
	return ok;
}

/*
 * Names with the marks of a model's own format around them: "exec<|channel|>",
 * "functions.exec".
 */
static const char *
plain_name(const struct answer *answer, struct buf *name)
{
	char *mark = strstr(buf_string(name), "<|");
	const char *dot;

	if (mark != NULL)
		buf_truncate(name, (size_t)(mark - name->data));
	if (answer_knows_tool(answer, buf_string(name)))
		return buf_string(name);
	dot = strrchr(buf_string(name), '.');
	if (dot != NULL && answer_knows_tool(answer, dot + 1))
		return dot + 1;
	return buf_string(name);
}

/*
 * Arguments as they were meant: nothing is {}, and an empty object before the
 * real one is the server's (it began with an empty input).  Text inside of a
 * string is taken out.
 */
static void
plain_args(struct buf *args)
{
	jv value;

	buf_drop(args, strspn(buf_string(args), " \t\r\n"));
	if (args->length == 0) {
		buf_add_string(args, "{}");
		return;
	}
	if (args->length > 2 && strncmp(args->data, "{}{", 3) == 0)
		buf_drop(args, 2);
	if (args->data[0] != '"')
		return;
	value = answer_parse(args->data, args->length);
	if (json_is_string(value)) {
		buf_clear(args);
		buf_add(
		    args, json_as_string(value, ""), json_string_length(value));
	}
	jv_free(value);
}

static bool
complete_piece(struct answer *answer, struct answer_piece *piece)
{
	const char *wire = buf_string(&piece->id), *id = "";
	jv openai, calls, own;

	if (piece->name.length == 0 && piece->args.length == 0)
		return true; /* an empty one, as a last piece often is */
	plain_args(&piece->args);
	if (!answer_add_call_text(answer, wire,
		plain_name(answer, &piece->name), buf_string(&piece->args),
		piece->args.length, &id))
		return false;
	/* LiteLLM hides Gemini's signature in the id, which is not plain then */
	own = json_copy(piece->extra);
	if (wire[0] != '\0' && !answer_id_is_plain(wire))
		own = json_set_string(own, "id", wire);
	if (json_length(own) == 0) {
		jv_free(own);
		return true;
	}
	openai = json_take(&answer->extra, "openai");
	calls = json_take(&openai, "calls");
	calls = json_set(calls, id, own);
	openai = json_set(openai, "calls", calls);
	answer->extra = json_set(answer->extra, "openai", openai);
	return true;
}

static bool
extra_fits(struct answer *answer)
{
	struct buf text = {0};
	bool fits;

	json_write(&text, answer->extra);
	fits = text.length <= ANSWER_EXTRA_MAX;
	if (!fits)
		answer_fail(answer, ANSWER_MALFORMED,
		    "the ids of the answer's calls are longer than %d bytes",
		    ANSWER_EXTRA_MAX);
	buf_free(&text);
	return fits;
}

bool
openai_complete_calls(struct answer *answer)
{
	struct answer_state *state = answer->state;
	bool ok = true;

	for (size_t i = 0; i < state->piece_count && ok; i++)
		ok = complete_piece(answer, &state->pieces[i]);
	return ok && extra_fits(answer);
}
