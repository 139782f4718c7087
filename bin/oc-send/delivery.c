#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "courier.h"
#include "json.h"
#include "log.h"
#include "progress.h"
#include "turn.h"
#include "xalloc.h"

/*
 * A reply on its way: what step comes next is read off its ledger each time,
 * so that it makes no difference whether this process or one before it did
 * the last one.
 */

enum {
	DISK_WAIT_MS = 2000, /* after the ledger could not be written */
	DRAFT_WAIT_MS = 25,  /* while the growing message is being sent */
	RETRY_MS = 1000,     /* doubled up to the maximum */
	RETRY_MAX_MS = 60 * 1000,
	/*
	 * A part that may have arrived is sent again, marked, until an answer
	 * says that it is there.  Each may be a repeat to see: pauses grow.
	 */
	MAYBE_MAX_MS = 15 * 60 * 1000,
	MOVES_MAX = 5, /* of the chat to another one, in a row */
};

static void
wait_for(struct delivery *delivery, int64_t ms)
{
	delivery->due = clock_mono_ms() + ms;
}

static void
back_off(struct delivery *delivery, int64_t most)
{
	int64_t wait = RETRY_MS;

	for (unsigned int i = 0; i < delivery->failures; i++)
		if (wait < most)
			wait *= 2;
	delivery->failures++;
	wait_for(delivery, wait < most ? wait : most);
}

/* ---- the ledger */

static void
disk_refused(struct delivery *delivery, const char *what)
{
	if (!delivery->courier->disk_refused)
		log_error("turn %s: cannot %s: %s; nothing is sent that "
			  "cannot be recorded; trying again",
		    turn_id(delivery->turn), what, strerror(errno));
	delivery->courier->disk_refused = true;
	wait_for(delivery, DISK_WAIT_MS);
}

/* Records before anything is done.  False: not now. */
static bool
record(struct delivery *delivery, jv own_line)
{
	if (ledger_add(delivery->ledger, own_line, true)) {
		delivery->courier->disk_refused = false;
		return true;
	}
	delivery->taken = errno == ESTALE;
	if (delivery->taken)
		wait_for(delivery, 0);
	else
		disk_refused(delivery, "write the delivery ledger");
	return false;
}

/* Records what has happened: if not now then before anything else. */
static bool
settle(struct delivery *delivery)
{
	if (json_is_null(delivery->owed))
		return true;
	if (!record(delivery, json_copy(delivery->owed)))
		return false;
	jv_free(delivery->owed);
	delivery->owed = json_null();
	return true;
}

static void
owe(struct delivery *delivery, jv own_line)
{
	jv_free(delivery->owed);
	delivery->owed = own_line;
	(void)settle(delivery);
}

/* ---- begin */

static bool
make_plan(struct delivery *delivery, jv ref_reply)
{
	jv line = ledger_line("plan");
	bool caption = *ledger_draft(delivery->ledger) == '\0';

	parts_make(
	    &delivery->parts, ref_reply, delivery->courier->workspace, caption);
	line = json_set_int(line, "parts", (int64_t)delivery->parts.count);
	line = json_set_bool(line, "caption", caption);
	if (!caption)
		line = json_set_string(
		    line, "draft", ledger_draft(delivery->ledger));
	if (record(delivery, line))
		return true;
	parts_free(&delivery->parts);
	return false;
}

static void
follow_plan(struct delivery *delivery, jv ref_plan, jv ref_reply)
{
	jv splits = ledger_splits(delivery->ledger);

	parts_make(&delivery->parts, ref_reply, delivery->courier->workspace,
	    json_get_bool(ref_plan, "caption", false));
	for (int i = 0, n = json_length(splits); i < n; i++) {
		jv part = json_at(splits, i);

		parts_split(&delivery->parts, (size_t)json_as_int(part, 0));
		jv_free(part);
	}
	jv_free(splits);
}

/* Opens the ledger, and finds out what there is to send.  False: not now. */
static bool
begin(struct delivery *delivery)
{
	jv plan, reply;
	bool ok = true;

	if (!progress_release(delivery->courier->progress,
		turn_id(delivery->turn), &delivery->ledger)) {
		wait_for(delivery, DRAFT_WAIT_MS);
		return false;
	}
	if (delivery->ledger == NULL)
		delivery->ledger = ledger_open_taken(delivery->turn);
	if (delivery->ledger == NULL && errno == ESTALE) {
		delivery->taken = true;
		wait_for(delivery, 0);
		return false;
	}
	if (delivery->ledger == NULL) {
		disk_refused(delivery, "open the delivery ledger");
		return false;
	}
	reply = json_get(delivery->turn, "reply");
	plan = ledger_plan(delivery->ledger);
	if (json_is_null(plan))
		ok = make_plan(delivery, reply);
	else
		follow_plan(delivery, plan, reply);
	if (*ledger_draft(delivery->ledger) != '\0')
		delivery->draft = xstrdup(ledger_draft(delivery->ledger));
	jv_free(plan);
	jv_free(reply);
	if (!ok) {
		ledger_free(delivery->ledger);
		delivery->ledger = NULL;
		free(delivery->draft);
		delivery->draft = NULL;
	}
	return ok;
}

/* ---- the end */

static void
write_receipt(const struct delivery *delivery, jv ref_done)
{
	jv receipt = json_set_string(json_object(), "type", "receipt");
	jv error = json_get(ref_done, "error");

	receipt = json_set_string(receipt, "id", turn_id(delivery->turn));
	receipt = json_set_string(receipt, "channel", "telegram");
	receipt = json_set_string(
	    receipt, "status", json_get_string(ref_done, "status", "unknown"));
	receipt = json_set(receipt, "messages", json_get(ref_done, "messages"));
	receipt = json_set(receipt, "at", json_get(ref_done, "at"));
	if (!json_is_null(error))
		receipt = json_set(receipt, "error", json_copy(error));
	(void)record_write(receipt);
	jv_free(receipt);
	jv_free(error);
}

/* It is recorded; only the queue must still learn it. */
static void
finish(struct delivery *delivery)
{
	jv done = ledger_done(delivery->ledger);

	if (queue_finish_record(delivery->courier->queue, delivery->turn)) {
		if (delivery->draft != NULL && !delivery_is_edit(delivery, 0))
			progress_remove(delivery->courier->progress,
			    delivery->chat, delivery->draft);
		write_receipt(delivery, done);
		jv_free(done);
		delivery_free(delivery);
		return;
	}
	jv_free(done);
	disk_refused(delivery, "finish the entry of the queue");
}

static void
conclude(struct delivery *delivery, const char *status, jv own_error)
{
	jv line = json_set_string(ledger_line("done"), "status", status);
	jv messages = ledger_messages(delivery->ledger, delivery->parts.count);

	line = json_set(line, "messages", messages);
	if (strcmp(status, "sent") != 0)
		log_warn("turn %s: the reply to chat %s is %s%s%s",
		    turn_id(delivery->turn), delivery->chat->id,
		    strcmp(status, "failed") == 0
			? "not delivered"
			: "perhaps not delivered, and not sent again",
		    json_is_string(own_error) ? ": " : "",
		    json_as_string(own_error, ""));
	if (json_is_string(own_error))
		line = json_set(line, "error", own_error);
	else
		jv_free(own_error);
	owe(delivery, line);
}

/* Every part is sent, or given up. */
static void
conclude_parts(struct delivery *delivery)
{
	const char *status = "sent";

	for (size_t i = 0; i < delivery->parts.count; i++) {
		enum ledger_state state = ledger_part(delivery->ledger, i);

		if (state == LEDGER_FAILED)
			status = "failed";
		else if (state == LEDGER_UNKNOWN && *status == 's')
			status = "unknown";
	}
	conclude(delivery, status,
	    strcmp(status, "unknown") == 0
		? json_string("the connection broke off")
		: ledger_error(delivery->ledger));
}

/* ---- what an answer means for the part */

static void
sent(struct delivery *delivery, jv own_messages)
{
	jv line = ledger_part_line("sent", delivery->part);

	delivery->failures = 0;
	delivery->plain = delivery->no_thread = delivery->no_reply = false;
	owe(delivery, json_set(line, "messages", own_messages));
}

static void
failed(struct delivery *delivery, const char *error)
{
	jv line = ledger_part_line("failed", delivery->part);

	delivery->plain = delivery->no_thread = delivery->no_reply = false;
	owe(delivery, json_set_string(line, "error", error));
}

/* The growing message cannot be edited: the reply is a new message. */
static void
drop_draft(struct delivery *delivery)
{
	free(delivery->draft);
	delivery->draft = NULL;
}

/* What can be mended about a refused part is; false: nothing can. */
static bool
mend(struct delivery *delivery, const struct api_answer *answer)
{
	const struct part *part = &delivery->parts.part[delivery->part];

	if (api_error_says(answer, "can't parse entities") && !delivery->plain)
		return delivery->plain = true;
	if (api_error_says(answer, "thread not found") && !delivery->no_thread)
		return delivery->no_thread = true;
	if ((api_error_says(answer, "replied not found") ||
		api_error_says(answer, "REPLY_MESSAGE_ID_INVALID")) &&
	    !delivery->no_reply)
		return delivery->no_reply = true;
	if (delivery_is_edit(delivery, delivery->part) &&
	    (api_error_says(answer, "message to edit not found") ||
		api_error_says(answer, "can't be edited") ||
		api_error_says(answer, "MESSAGE_ID_INVALID"))) {
		drop_draft(delivery);
		return true;
	}
	if ((part->kind == PART_IMAGE || part->kind == PART_ALBUM) &&
	    !api_error_says(answer, "chat not found")) {
		/* owed: the part is taken from the plan once that is told */
		parts_split(&delivery->parts, delivery->part);
		owe(delivery, ledger_part_line("split", delivery->part));
		return true;
	}
	return false;
}

static void
refused(struct delivery *delivery, const struct api_answer *answer)
{
	jv messages;

	if (delivery_is_edit(delivery, delivery->part) &&
	    api_error_says(answer, "message is not modified")) {
		messages = json_append_string(json_array(), delivery->draft);
		sent(delivery, messages);
		return;
	}
	ledger_remark(
	    delivery->ledger, ledger_part_line("not_sent", delivery->part));
	if (answer->new_id != NULL && delivery->failures < MOVES_MAX) {
		delivery->failures++;
		return; /* to the new chat, at once */
	}
	if (api_error_says(answer, "text is empty") ||
	    api_error_says(answer, "text must be non-empty")) {
		sent(delivery, json_array()); /* nothing can be seen of it */
		return;
	}
	if (mend(delivery, answer))
		return;
	if (api_error_says(answer, "Forbidden") ||
	    api_error_says(answer, "chat not found"))
		conclude(delivery, "failed", json_string(answer->error));
	else
		failed(delivery, answer->error);
}

static void
not_sent(struct delivery *delivery, const struct api_answer *answer)
{
	ledger_remark(
	    delivery->ledger, ledger_part_line("not_sent", delivery->part));
	if (answer->outcome == API_BAD_TOKEN || answer->outcome == API_WAIT)
		return; /* the pause is the chat's, or everybody's */
	if (delivery->failures == 0)
		log_warn("turn %s: telegram: %s; trying again",
		    turn_id(delivery->turn), answer->error);
	back_off(delivery, RETRY_MAX_MS);
}

static void
broke_off(struct delivery *delivery, const struct api_answer *answer)
{
	log_warn("turn %s: telegram: %s; it may have arrived",
	    turn_id(delivery->turn), answer->error);
	back_off(delivery, MAYBE_MAX_MS);
}

static void
on_done(void *arg, const struct api_answer *answer)
{
	struct delivery *delivery = arg;
	struct courier *courier = delivery->courier;

	delivery->call = NULL;
	delivery->due = 0;
	courier->calls--;
	chat_learn(courier, delivery->chat, answer);
	switch (answer->outcome) {
	case API_OK: sent(delivery, delivery_messages(answer->result)); break;
	case API_REFUSED: refused(delivery, answer); break;
	case API_MAYBE: broke_off(delivery, answer); break;
	case API_NOT_SENT:
	case API_WAIT:
	case API_SERVER:
	case API_BAD_TOKEN: not_sent(delivery, answer); break;
	}
}

/* ---- steps */

/* The first part that is neither sent nor given up. */
static size_t
next_part(const struct delivery *delivery)
{
	size_t i = 0;

	while (i < delivery->parts.count &&
	       ledger_part(delivery->ledger, i) != LEDGER_OPEN &&
	       ledger_part(delivery->ledger, i) != LEDGER_MAYBE)
		i++;
	return i;
}

/* With a token that is refused one request at a time finds out. */
static int64_t
must_wait(const struct delivery *delivery, size_t part)
{
	const struct courier *courier = delivery->courier;
	int64_t now = clock_mono_ms(), wait;

	wait = chat_wait(courier, delivery->chat,
	    delivery->parts.part[part].kind == PART_ALBUM
		? (unsigned int)delivery->parts.part[part].count
		: 1,
	    now);
	if (wait <= 0 && courier->token_refused && courier->calls > 0)
		wait = RETRY_MS;
	return wait;
}

static void
send_part(struct delivery *delivery, size_t part)
{
	bool edit = delivery_is_edit(delivery, part);
	bool maybe = ledger_part(delivery->ledger, part) == LEDGER_MAYBE;
	bool lost = part == 0 && ledger_draft_is_lost(delivery->ledger);
	int64_t wait;
	jv line;

	if (maybe && delivery->courier->at_most_once) {
		(void)record(delivery, ledger_part_line("unknown", part));
		return;
	}
	wait = must_wait(delivery, part);
	if (wait > 0) {
		wait_for(delivery, wait);
		return;
	}
	line = ledger_part_line("intent", part);
	if (edit)
		line = json_set_bool(line, "edit", true);
	if (!record(delivery, line))
		return;
	if (delivery_send(delivery, part, (maybe || lost) && !edit, on_done)) {
		chat_note(delivery->courier, delivery->chat,
		    (unsigned int)(delivery->parts.part[part].kind == PART_ALBUM
				       ? delivery->parts.part[part].count
				       : 1),
		    clock_mono_ms());
		return;
	}
	delivery->part = part;
	ledger_remark(delivery->ledger, ledger_part_line("not_sent", part));
	failed(delivery, "a file of the reply changed or is gone");
}

void
delivery_step(struct delivery *delivery)
{
	size_t part;

	delivery->due = 0;
	if (delivery->taken) {
		log_warn("turn %s: another gateway has taken its delivery "
			 "over; this one ends here",
		    turn_id(delivery->turn));
		delivery_free(delivery);
		return;
	}
	if (delivery->ledger == NULL && !begin(delivery))
		return;
	if (!settle(delivery))
		return;
	if (ledger_is_done(delivery->ledger)) {
		finish(delivery);
		return;
	}
	part = next_part(delivery);
	if (part < delivery->parts.count)
		send_part(delivery, part);
	else
		conclude_parts(delivery);
}
