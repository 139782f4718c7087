#include <stdlib.h>
#include "cdp.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "xalloc.h"

enum {
	TELL_MS = 30 * 1000,
	SLACK_MS = 1, /* so that a deadline is over when its timer is due */
};

struct cdp {
	struct loop *loop;
	struct cdp_hooks hooks;
	struct wire *wire;
	struct table table;
	struct timer timer; /* the earliest deadline */
	uint64_t strange;   /* messages that are none */
};

struct cdp *
cdp_new(struct loop *loop, const struct cdp_hooks *hooks)
{
	struct cdp *cdp = xcalloc(1, sizeof *cdp);

	cdp->loop = loop;
	cdp->hooks = *hooks;
	table_init(&cdp->table);
	return cdp;
}

void
cdp_open(struct cdp *cdp, struct wire *wire)
{
	cdp->wire = wire;
}

bool
cdp_is_open(const struct cdp *cdp)
{
	return cdp->wire != NULL;
}

static void set_timer(struct cdp *cdp);

static void
on_deadline(void *arg)
{
	struct cdp *cdp = arg;

	table_expire(&cdp->table, clock_mono_ms());
	set_timer(cdp);
}

static void
set_timer(struct cdp *cdp)
{
	int64_t at = table_deadline(&cdp->table);
	int64_t in = at - clock_mono_ms() + SLACK_MS;

	if (at < 0)
		loop_stop_timer(&cdp->timer);
	else if (cdp->timer.loop == NULL || at + SLACK_MS < cdp->timer.at)
		loop_timer(
		    cdp->loop, &cdp->timer, in > 0 ? in : 0, on_deadline, cdp);
}

void
cdp_close(struct cdp *cdp, const char *why)
{
	wire_free(cdp->wire);
	cdp->wire = NULL;
	table_fail(&cdp->table, why);
}

void
cdp_free(struct cdp *cdp)
{
	struct table_entry *entry;

	if (cdp == NULL)
		return;
	for (entry = TAILQ_FIRST(&cdp->table.entries); entry != NULL;
	     entry = TAILQ_NEXT(entry, link))
		entry->done = NULL;
	cdp_close(cdp, "");
	loop_stop_timer(&cdp->timer);
	free(cdp);
}

static void
take_answer(struct cdp *cdp, const struct message *message)
{
	struct answer answer = {.kind = ANSWER_OK};
	jv error = json_get(message->value, "error");

	answer.result = json_get(message->value, "result");
	if (message->cut) {
		answer.kind = ANSWER_TOO_LARGE;
		answer.message = "the browser's answer is too large";
	} else if (json_is_object(error)) {
		answer.kind = ANSWER_ERROR;
		answer.message = json_get_string(
		    error, "message", "an error without a word");
	}
	table_answer(&cdp->table, message->id, &answer);
	jv_free(answer.result);
	jv_free(error);
}

void
cdp_message(void *arg, const char *text, size_t length)
{
	struct cdp *cdp = arg;
	struct message message;
	jv params;

	if (!message_read(&message, text, length, WIRE_MESSAGE_MAX)) {
		if (cdp->strange++ == 0)
			log_warn("the browser sent what is no message of the "
				 "protocol, %zu bytes; it is ignored",
			    length);
		return;
	}
	if (message.id >= 0) {
		take_answer(cdp, &message);
	} else {
		params = json_get(message.value, "params");
		cdp->hooks.event(
		    cdp->hooks.arg, message.session, message.method, params);
		jv_free(params);
	}
	jv_free(message.value);
}

void
cdp_call(struct cdp *cdp, const char *session, const char *method,
    jv own_params, int64_t within_ms,
    void (*done)(void *arg, const struct answer *answer), void *arg)
{
	struct buf text = {0};
	jv call = json_object();
	int64_t id;

	/* without a connection it is answered at its deadline, at once */
	if (cdp->wire == NULL)
		within_ms = 0;
	id = table_add(&cdp->table, clock_mono_ms() + within_ms, done, arg);
	call = json_set_int(call, "id", id);
	call = json_set_string(call, "method", method);
	call = json_set(call, "params",
	    json_is_object(own_params) ? own_params : json_object());
	if (session != NULL)
		call = json_set_string(call, "sessionId", session);
	json_write(&text, call);
	jv_free(call);
	if (cdp->wire != NULL)
		wire_send(cdp->wire, buf_string(&text), text.length);
	buf_wipe(&text);
	set_timer(cdp);
}

void
cdp_tell(
    struct cdp *cdp, const char *session, const char *method, jv own_params)
{
	cdp_call(cdp, session, method, own_params, TELL_MS, NULL, NULL);
}

void
cdp_forget(struct cdp *cdp, const void *arg)
{
	table_forget(&cdp->table, arg);
}
