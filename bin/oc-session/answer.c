#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "clock.h"
#include "command.h"
#include "compact.h"
#include "io.h"
#include "json.h"
#include "queue_files.h"
#include "record.h"
#include "session.h"
#include "state.h"
#include "transcript.h"
#include "turn.h"
#include "usage.h"
#include "xalloc.h"

/* ---- what is going on in a session */

struct activity {
	struct queue *queue;
	enum queue_directory directory;
	const char *session, *except; /* the turn that asks */
	unsigned running, waiting;
	int64_t since; /* when the running one came; 0: none runs */
};

static bool
count_turn(void *arg, const char *name)
{
	struct activity *activity = arg;
	struct buf text = {0};
	jv turn = jv_invalid();

	if (queue_read(activity->queue, activity->directory, name, &text))
		turn = json_parse(buf_string(&text), text.length, NULL);
	buf_free(&text);
	if (json_is_object(turn) && turn_is_turn(turn) &&
	    strcmp(turn_session(turn), activity->session) == 0 &&
	    strcmp(turn_id(turn), activity->except) != 0) {
		int64_t at = (int64_t)(strtoull(name, NULL, 10) / 1000000);

		if (activity->directory != QUEUE_DIR_CUR)
			activity->waiting++;
		else if (activity->running++ == 0)
			activity->since = at;
	}
	jv_free(turn);
	return true;
}

static struct activity
look_at(struct queue *queue, jv ref_turn, bool waiting_too)
{
	struct activity activity = {.queue = queue,
	    .directory = QUEUE_DIR_CUR,
	    .session = turn_session(ref_turn),
	    .except = turn_id(ref_turn)};

	queue_each(queue, QUEUE_DIR_CUR, count_turn, &activity);
	activity.directory = QUEUE_DIR_NEW;
	if (waiting_too)
		queue_each(queue, QUEUE_DIR_NEW, count_turn, &activity);
	return activity;
}

/* ---- the answers */

static void
answer_help(struct buf *out)
{
	buf_add_string(out,
	    "Write what you want done, in your own words. These commands are "
	    "for me, not for the model:\n"
	    "/new or /reset: begin a new conversation\n"
	    "/stop: end what I am doing for you\n"
	    "/status: what I am doing\n"
	    "/model: which model answers; /model NAME chooses one, /model "
	    "default goes back\n"
	    "/usage: tokens and cost of today\n"
	    "/compact: shorten what I remember of this conversation\n"
	    "/approve and /deny: what I may not run without you\n"
	    "/whoami: how I know you\n"
	    "/help: this");
}

static void
answer_reset(struct buf *out, jv ref_turn)
{
	if (transcript_reset(turn_session(ref_turn)))
		buf_add_string(out, "A new conversation. What was said before "
				    "is put aside.");
	else
		buf_printf(out,
		    "I could not put the old conversation aside: %s.",
		    strerror(errno));
}

static void
answer_stop(struct buf *out, struct answering *answering, jv ref_turn)
{
	struct activity now = look_at(answering->queue, ref_turn, false);

	answering->stop = now.running != 0;
	buf_add_string(out, now.running != 0 ? "Stopping what I was doing."
					     : "Nothing is running.");
}

static void
answer_status(struct buf *out, const struct answering *answering, jv ref_turn)
{
	struct activity now = look_at(answering->queue, ref_turn, true);
	char *model = settings_model(turn_session(ref_turn));
	int64_t size = transcript_size(turn_session(ref_turn));

	if (now.running != 0)
		buf_printf(out, "At work on your message of %" PRId64 " s ago.",
		    (clock_now_ms() - now.since) / 1000);
	else
		buf_add_string(out, "Idle.");
	if (now.waiting != 0)
		buf_printf(out, " %u waiting.", now.waiting);
	buf_printf(out, "\nmodel: %s\n",
	    model != NULL ? model
			  : config_string(answering->config, "primary_model"));
	buf_printf(out, "conversation: about %" PRId64 " tokens\n",
	    size / TRANSCRIPT_BYTES_PER_TOKEN);
	buf_printf(out, "session: %s", turn_session(ref_turn));
	free(model);
}

static bool
is_configured(const struct config *config, const char *model)
{
	const char *slash = strchr(model, '/');
	struct config_provider provider = {0};
	char *name;
	bool is;

	if (slash == NULL || slash[1] == '\0')
		return false;
	name = xstrndup(model, (size_t)(slash - model));
	is = config_provider(config, name, &provider);
	if (is)
		config_provider_free(&provider);
	free(name);
	return is;
}

static void
add_models(struct buf *out, const struct config *config)
{
	jv models = config_models(config);

	buf_add_string(out, "Configured:");
	for (int i = 0, n = json_length(models); i < n; i++) {
		jv model = json_at(models, i);

		buf_printf(out, "\n%s", json_as_string(model, ""));
		jv_free(model);
	}
	jv_free(models);
}

static void
answer_model(struct buf *out, const struct answering *answering, jv ref_turn,
    const char *wanted)
{
	const char *session = turn_session(ref_turn);
	char *name = xstrndup(wanted, strcspn(wanted, " \t\r\n")), *model;
	bool usual = strcmp(name, "default") == 0;

	if (*name == '\0') {
		model = settings_model(session);
		buf_printf(out, "%s\n",
		    model != NULL
			? model
			: config_string(answering->config, "primary_model"));
		add_models(out, answering->config);
		free(model);
	} else if (!usual && !is_configured(answering->config, name)) {
		buf_printf(out, "There is no model %s. ", name);
		add_models(out, answering->config);
	} else if (!settings_set_model(session, usual ? NULL : name)) {
		buf_printf(
		    out, "I could not remember that: %s.", strerror(errno));
	} else {
		buf_printf(out, "From the next message on: %s.",
		    usual ? "the usual model" : name);
	}
	free(name);
}

struct share {
	const char *session;
	struct usage_total total;
};

static void
add_share(void *arg, jv ref_line)
{
	struct share *share = arg;

	if (strcmp(json_get_string(ref_line, "session", ""), share->session) ==
	    0)
		usage_total_add(&share->total, ref_line);
}

static void
add_total(struct buf *out, const char *what, const struct usage_total *total)
{
	buf_printf(out,
	    "%s: %" PRId64 " calls, %" PRId64 " tokens in, %" PRId64 " out",
	    what, total->attempts, total->input, total->output);
	if (total->cost > 0)
		buf_printf(out, ", cost %.4f", total->cost);
}

static void
answer_usage(struct buf *out, jv ref_turn)
{
	struct share share = {.session = turn_session(ref_turn)};
	char day[USAGE_DAY_SIZE];
	struct usage_reader *reader =
	    usage_open(usage_day(clock_now_ms(), day));
	const struct usage_total *all = usage_read(reader, add_share, &share);

	add_total(out, "This conversation today", &share.total);
	buf_add_byte(out, '\n');
	add_total(out, "All of today", all);
	usage_free(reader);
}

static void
answer_whoami(struct buf *out, jv ref_turn)
{
	jv from = json_get(ref_turn, "from"), id = json_get(from, "id");
	char *text = json_is_string(id) ? xstrdup(json_as_string(id, ""))
					: json_text(id);

	buf_printf(out, "id: %s\nname: %s\nchannel: %s\nsession: %s", text,
	    json_get_string(from, "name", "unknown"),
	    json_get_string(ref_turn, "channel", "stdout"),
	    turn_session(ref_turn));
	free(text);
	jv_free(id);
	jv_free(from);
}

static void
answer_compact(struct buf *out, const struct answering *answering, jv ref_turn)
{
	if (transcript_size(turn_session(ref_turn)) == 0) {
		buf_add_string(out, "There is nothing to shorten.");
		return;
	}
	compact_request(answering->queue, ref_turn, true);
	buf_add_string(out, "Putting what I remember more briefly: a moment.");
}

jv
command_answer(struct answering *answering, jv own_turn)
{
	char *text = xstrdup(json_get_string(own_turn, "text", ""));
	const char *argument;
	enum command command = command_parse(text, &argument);
	struct buf out = {0};
	bool granted = false;

	answering->stop = false;
	switch (command) {
	case COMMAND_NONE: break;
	case COMMAND_HELP: answer_help(&out); break;
	case COMMAND_NEW:
	case COMMAND_RESET: answer_reset(&out, own_turn); break;
	case COMMAND_STOP: answer_stop(&out, answering, own_turn); break;
	case COMMAND_STATUS: answer_status(&out, answering, own_turn); break;
	case COMMAND_MODEL:
		answer_model(&out, answering, own_turn, argument);
		break;
	case COMMAND_USAGE: answer_usage(&out, own_turn); break;
	case COMMAND_WHOAMI: answer_whoami(&out, own_turn); break;
	case COMMAND_COMPACT: answer_compact(&out, answering, own_turn); break;
	case COMMAND_APPROVE:
	case COMMAND_DENY:
		granted = approve_answer(answering, &own_turn, argument,
		    command == COMMAND_APPROVE, &out);
		break;
	}
	if (!granted && command != COMMAND_NONE) {
		own_turn =
		    json_set_string(own_turn, "command", command_name(command));
		own_turn = turn_reply(own_turn, buf_string(&out));
	}
	buf_free(&out);
	free(text);
	return own_turn;
}
