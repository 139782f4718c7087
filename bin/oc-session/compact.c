#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "compact.h"
#include "json.h"
#include "log.h"
#include "session.h"
#include "transcript.h"
#include "turn.h"
#include "xalloc.h"

/* More than was asked for, and less than a summary that is none. */
enum { SUMMARY_MAX = 16 * 1024 };

static const char request[] =
    "Before the beginning of this conversation is cut off, write down what "
    "must be remembered of all that was said and done so far: who the person "
    "is and what they want, what they prefer, names, paths and numbers, what "
    "was decided, what was done with which result, and what is still open. "
    "At most 400 words, plain text, no greeting. Do not use any tool.";

bool
compact_is(jv ref_turn)
{
	jv compact = json_get(ref_turn, "compact");
	bool is = json_is_object(compact);

	jv_free(compact);
	return is;
}

void
compact_request(struct queue *queue, jv ref_turn, bool tell)
{
	const char *session = turn_session(ref_turn);
	jv compact = json_set_bool(json_object(), "tell", tell);
	jv turn = json_set_string(json_object(), "type", "turn");
	struct queue_item item = {0};
	struct buf line = {0};
	/* the time of its first line changes when it is shortened */
	char *id = xasprintf("compact-%" PRId64 "-%s%s",
	    transcript_begun(session), session, tell ? "-asked" : "");

	compact = json_set(compact, "channel", json_get(ref_turn, "channel"));
	compact = json_set(compact, "to", json_get(ref_turn, "to"));
	turn = json_set_string(turn, "id", id);
	turn = json_set_string(turn, "session", session);
	turn = json_set_string(turn, "channel", "none");
	turn = json_set_string(turn, "text", request);
	turn = json_set(turn, "compact", compact);
	json_write(&line, turn);
	buf_add_byte(&line, '\n');
	item.id = id;
	item.line = line.data;
	item.length = line.length;
	queue_put_surely(queue, &item);
	buf_free(&line);
	jv_free(turn);
	free(id);
}

/* The built-in model cannot write a summary. */
static bool
is_by_runbook(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps");
	jv last = json_at(steps, json_length(steps) - 1);
	bool is = strncmp(json_get_string(last, "model", ""), "local/", 6) == 0;

	jv_free(last);
	jv_free(steps);
	return is;
}

/* The summary, or NULL when there is none worth the name. */
static char *
take_summary(jv ref_turn)
{
	jv error = json_get(ref_turn, "error"), reply;
	bool failed = !json_is_null(error) || is_by_runbook(ref_turn);
	char *summary = NULL;
	const char *text;

	jv_free(error);
	reply = json_get(ref_turn, "reply");
	text = json_as_string(reply, json_get_string(reply, "text", ""));
	if (!failed && *text != '\0' && strlen(text) <= SUMMARY_MAX)
		summary = xstrdup(text);
	jv_free(reply);
	return summary;
}

bool
compact_finish(jv *turn, int64_t limit)
{
	const char *session = turn_session(*turn);
	char *summary = take_summary(*turn);
	jv compact = json_get(*turn, "compact");
	bool asked = json_get_bool(compact, "tell", false), told = false;
	int64_t size = transcript_size(session);
	/* a summary takes room, too, and without one more is worth keeping */
	int64_t keep = summary != NULL ? limit / 4 : limit / 2;
	size_t dropped;

	if (asked && keep > size / 2)
		keep = size / 2;
	while (!transcript_shorten(session, keep, summary, &dropped))
		wait_for_disk("the session's transcript", &told);
	disk_recovered("the session's transcript", &told);
	*turn = json_set(*turn, "channel", json_get(compact, "channel"));
	*turn = json_set(*turn, "to", json_get(compact, "to"));
	*turn = json_delete(*turn, "error");
	*turn = turn_reply(*turn,
	    summary != NULL ? "I have put what I remember of this conversation "
			      "more briefly."
			    : "This conversation has grown long: I no longer "
			      "see its beginning.");
	asked = asked || (summary == NULL && dropped != 0);
	jv_free(compact);
	free(summary);
	return asked;
}
