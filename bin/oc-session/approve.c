#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "approval.h"
#include "clock.h"
#include "json.h"
#include "queue.h"
#include "session.h"
#include "turn.h"
#include "xalloc.h"

/* ---- who decides */

static char *
person_of(jv ref)
{
	jv from = json_get(ref, "from");
	char *person =
	    xasprintf("%s:%s", json_get_string(ref, "channel", "stdout"),
		json_get_string(from, "id", ""));

	jv_free(from);
	return person;
}

static bool
is_approver(const struct config *config, const char *person)
{
	jv list = config_get(config, "tools.exec.approvers");
	bool is = false;

	for (int i = 0, n = json_length(list); i < n && !is; i++) {
		jv one = json_at(list, i);

		is = strcmp(json_as_string(one, ""), person) == 0;
		jv_free(one);
	}
	jv_free(list);
	return is;
}

static bool
is_own_session(jv ref_turn, jv ref_approval)
{
	return strcmp(turn_session(ref_turn),
		   json_get_string(ref_approval, "session", "local")) == 0;
}

/* The person who was asked, where they were asked; or an approver. */
static bool
may_decide(const struct config *config, jv ref_turn, jv ref_approval)
{
	char *decides = person_of(ref_turn), *asked = person_of(ref_approval);
	bool may = is_approver(config, decides) ||
		   (is_own_session(ref_turn, ref_approval) &&
		       strcmp(decides, asked) == 0);

	free(asked);
	free(decides);
	return may;
}

/* ---- what is decided */

/* The turn runs the command, and tells the model what came of it. */
static void
make_granted(jv *turn, jv ref_approval)
{
	char *text = xasprintf("I approve this command, once: %s",
	    json_get_string(ref_approval, "command", ""));

	*turn = json_set_string(*turn, "text", text);
	*turn = json_set_string(
	    *turn, "approval", json_get_string(ref_approval, "id", ""));
	*turn = json_set(*turn, "steps",
	    json_append(json_array(), json_get(ref_approval, "step")));
	free(text);
}

/*
 * An approver from elsewhere: the command runs in the session that asked, as
 * a turn of its own, in the order of that session.
 */
static void
put_granted(struct answering *answering, jv ref_approval, const char *id)
{
	static const char *const keys[] = {"session", "channel", "to", "from"};
	jv turn = json_set_string(json_object(), "type", "turn");
	char *text =
	    xasprintf("/approve %s", json_get_string(ref_approval, "id", ""));
	struct queue_item item = {.id = id};
	struct buf line = {0};

	turn = json_set_string(turn, "id", id);
	turn = json_set_string(turn, "text", text);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		turn = json_set(turn, keys[i], json_get(ref_approval, keys[i]));
	json_write(&line, turn);
	buf_add_byte(&line, '\n');
	item.line = line.data;
	item.length = line.length;
	queue_put_surely(answering->queue, &item);
	buf_free(&line);
	jv_free(turn);
	free(text);
}

/* Used or not: what came of it is in the turn's journal. */
static bool
is_granted_to(jv ref_approval, const char *id)
{
	return strcmp(json_get_string(ref_approval, "granted_to", ""), id) == 0;
}

/*
 * Grants what waits.  A turn that is taken again after a crash finds what it
 * has granted already.
 */
static bool
grant(struct answering *answering, jv *turn, jv ref_approval, struct buf *out)
{
	bool own = is_own_session(*turn, ref_approval);
	char *elsewhere =
	    xasprintf("approved-%s", json_get_string(ref_approval, "id", ""));
	const char *to = own ? turn_id(*turn) : elsewhere;

	if (!is_granted_to(ref_approval, to) &&
	    !approval_grant(ref_approval, to)) {
		buf_printf(out,
		    "I could not record your approval, so nothing is run: %s.",
		    strerror(errno));
		own = false;
	} else if (own) {
		make_granted(turn, ref_approval);
	} else {
		put_granted(answering, ref_approval, elsewhere);
		buf_add_string(out, "Approved: it is run where it was asked "
				    "for.");
	}
	free(elsewhere);
	return own;
}

static void
deny(jv ref_approval, struct buf *out)
{
	if (approval_deny(ref_approval))
		buf_add_string(out, "Denied: it is not run.");
	else
		buf_printf(out,
		    "I could not record that (%s); nothing is run without an "
		    "approval all the same.",
		    strerror(errno));
}

static int64_t
within_ms(const struct config *config)
{
	return config_int(config, "tools.exec.approve_within_s") * 1000;
}

static bool
decide(struct answering *answering, jv *turn, jv ref_approval, bool approves,
    struct buf *out)
{
	const char *state = json_get_string(ref_approval, "state", "");
	int64_t age = clock_now_ms() - json_get_int(ref_approval, "at", 0);

	/* ours already, before a crash, or from an approver elsewhere */
	if (approves && is_granted_to(ref_approval, turn_id(*turn)))
		return grant(answering, turn, ref_approval, out);
	if (!may_decide(answering->config, *turn, ref_approval))
		buf_add_string(
		    out, "Only the person who was asked can decide that.");
	else if (strcmp(state, "waiting") != 0)
		buf_printf(out, "That was decided before: %s.",
		    strcmp(state, "denied") == 0 ? "denied" : "approved");
	else if (age < 0 || age > within_ms(answering->config))
		buf_printf(out,
		    "That was asked %" PRId64 " minutes ago, which is too long "
		    "ago; nothing is run. Ask me for it once more.",
		    age / 60000);
	else if (approves)
		return grant(answering, turn, ref_approval, out);
	else
		deny(ref_approval, out);
	return false;
}

/* Without an id: what there is to decide. */
static void
list_waiting(struct answering *answering, jv ref_turn, struct buf *out)
{
	jv list = approval_waiting(turn_session(ref_turn),
	    clock_now_ms() - within_ms(answering->config));
	int n = json_length(list);

	if (n == 0)
		buf_add_string(out, "Nothing waits for your approval.");
	for (int i = 0; i < n; i++) {
		jv one = json_at(list, i);

		buf_printf(out, "%s%s: %s", i != 0 ? "\n" : "",
		    json_get_string(one, "id", ""),
		    json_get_string(one, "command", ""));
		jv_free(one);
	}
	jv_free(list);
}

bool
approve_answer(struct answering *answering, jv *turn, const char *argument,
    bool approves, struct buf *out)
{
	char *id = xstrndup(argument, strcspn(argument, " \t\r\n"));
	jv approval = approval_read(id);
	bool granted = false;

	if (*id == '\0')
		list_waiting(answering, *turn, out);
	else if (json_is_null(approval))
		buf_add_string(out, "There is nothing of that name that waits "
				    "for approval.");
	else
		granted = decide(answering, turn, approval, approves, out);
	jv_free(approval);
	free(id);
	return granted;
}

/* ---- telling the person */

/* A fence that nothing in the command ends. */
static void
add_fenced(struct buf *out, const char *command)
{
	size_t longest = 0, run = 0;

	for (const char *c = command; *c != '\0'; c++) {
		run = *c == '`' ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	for (int twice = 0; twice < 2; twice++) {
		for (size_t i = 0; i < (longest < 3 ? 3 : longest + 1); i++)
			buf_add_byte(out, '`');
		if (twice == 0)
			buf_printf(out, "\n%s\n", command);
	}
}

static jv
button(jv own_row, const char *what, const char *command, const char *id)
{
	char *text = xasprintf("%s %s", what, id);
	char *data = xasprintf("/%s %s", command, id);
	jv one = json_set_string(json_object(), "text", text);

	one = json_set_string(one, "data", data);
	free(data);
	free(text);
	return json_append(own_row, one);
}

static jv
announce_one(jv ref_approval, struct buf *text, jv own_buttons)
{
	const char *id = json_get_string(ref_approval, "id", "");
	jv row = json_array();

	if (text->length != 0)
		buf_add_string(text, "\n\n");
	buf_add_string(text, "I may not run this without your approval:\n");
	add_fenced(text, json_get_string(ref_approval, "command", ""));
	buf_printf(
	    text, "\nTo run it, once: /approve %s\nIf not: /deny %s", id, id);
	row = button(row, "Approve", "approve", id);
	row = button(row, "Deny", "deny", id);
	return json_append(own_buttons, row);
}

/* What the turn asked for and nobody has decided yet. */
static jv
asked_in(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps"), list = json_array();

	for (int i = 0, n = json_length(steps); i < n; i++) {
		jv step = json_at(steps, i);
		jv one = approval_read(json_get_string(step, "approval", ""));

		if (strcmp(json_get_string(one, "turn", ""),
			turn_id(ref_turn)) == 0)
			list = json_append(list, json_copy(one));
		jv_free(one);
		jv_free(step);
	}
	jv_free(steps);
	return list;
}

void
approve_announce(jv *turn)
{
	jv list = asked_in(*turn), reply = json_get(*turn, "reply");
	jv buttons = json_array();
	struct buf text = {0};
	int n = json_length(list);

	if (n != 0 && !json_has(reply, "buttons")) {
		buf_add_string(&text,
		    json_as_string(reply, json_get_string(reply, "text", "")));
		for (int i = 0; i < n; i++) {
			jv one = json_at(list, i);

			buttons = announce_one(one, &text, buttons);
			jv_free(one);
		}
		if (!json_is_object(reply)) {
			jv_free(reply);
			reply = json_object();
		}
		reply = json_set_string(reply, "text", buf_string(&text));
		reply = json_set(reply, "buttons", json_copy(buttons));
		*turn = json_set(*turn, "reply", json_copy(reply));
	}
	buf_free(&text);
	jv_free(buttons);
	jv_free(reply);
	jv_free(list);
}
