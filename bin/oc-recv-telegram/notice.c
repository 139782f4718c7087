#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "json.h"
#include "log.h"
#include "notice.h"
#include "senders.h"
#include "xalloc.h"

enum {
	ATTEMPTS_MAX = 4,
	RETRY_MS = 2000, /* doubled each time */
};

struct notice {
	struct notice *next;
	struct notices *notices;
	const char *method;
	jv params;
	char *stranger; /* NULL: of a button */
	struct telegram_call *call;
	int64_t at;
	int attempts;
};

struct notices {
	struct telegram *telegram;
	struct notice *first;
};

struct notices *
notices_new(struct telegram *telegram)
{
	struct notices *notices = xcalloc(1, sizeof *notices);

	notices->telegram = telegram;
	return notices;
}

static void
notice_free(struct notice *notice)
{
	struct notice **link = &notice->notices->first;

	while (*link != notice)
		link = &(*link)->next;
	*link = notice->next;
	jv_free(notice->params);
	free(notice->stranger);
	free(notice);
}

void
notices_free(struct notices *notices)
{
	while (notices->first != NULL) {
		if (notices->first->call != NULL)
			telegram_cancel(notices->first->call);
		notice_free(notices->first);
	}
	free(notices);
}

/*
 * Said once: not again where it may have arrived.  One that surely did not
 * arrive is taken back, so that the next message starts anew.
 */
static void
on_done(const struct telegram_answer *answer, void *arg)
{
	struct notice *notice = arg;
	bool again = answer->outcome == TELEGRAM_FLOOD ||
		     answer->outcome == TELEGRAM_NOT_SENT;

	notice->call = NULL;
	if (again && ++notice->attempts < ATTEMPTS_MAX) {
		int64_t wait = RETRY_MS << (notice->attempts - 1);

		if (answer->outcome == TELEGRAM_FLOOD)
			wait = answer->retry_after_s * 1000;
		notice->at = clock_mono_ms() + wait;
		return;
	}
	if (answer->outcome != TELEGRAM_OK)
		log_warn("%s", answer->message);
	if (notice->stranger != NULL && answer->outcome != TELEGRAM_OK &&
	    answer->outcome != TELEGRAM_UNKNOWN)
		senders_withdraw("telegram", notice->stranger);
	notice_free(notice);
}

static struct notice *
notice_new(struct notices *notices, const char *method, jv own_params)
{
	struct notice *notice = xcalloc(1, sizeof *notice);

	notice->notices = notices;
	notice->method = method;
	notice->params = own_params;
	notice->next = notices->first;
	notices->first = notice;
	return notice;
}

static void
tell_code(
    struct notices *notices, const struct update *update, const char *code)
{
	jv params = json_object();
	char *text =
	    xasprintf("Access to this bot is not configured for you.\n\n"
		      "Your Telegram user id: %s\n"
		      "Pairing code: %s (valid for one hour)\n\n"
		      "Whoever runs the bot can let you in with:\n"
		      "openclaw pairing approve telegram %s",
		update->from, code, code);

	params = json_set_string(params, "chat_id", update->chat);
	params = json_set_string(params, "text", text);
	free(text);
	notice_new(notices, "sendMessage", params)->stranger =
	    xstrdup(update->from);
}

void
notices_pair(struct notices *notices, const struct update *update)
{
	char *name = update_name(update->sender);
	char code[SENDERS_CODE_SIZE];

	switch (senders_request("telegram", update->from, name, code)) {
	case SENDERS_NEW:
		log_info("%s asks to be let in: openclaw pairing list telegram",
		    update->from);
		tell_code(notices, update, code);
		break;
	case SENDERS_WAITING: break;
	case SENDERS_FULL:
		log_info("%s is not let in, and too many wait already",
		    update->from);
		break;
	case SENDERS_FAILED:
		log_error("senders.json: cannot be written: %s; %s was not "
			  "told how to be let in",
		    strerror(errno), update->from);
	}
	free(name);
}

void
notices_button(struct notices *notices, const struct update *update)
{
	const char *id = json_get_string(update->query, "id", "");

	notice_new(notices, "answerCallbackQuery",
	    json_set_string(json_object(), "callback_query_id", id));
}

int64_t
notices_deadline(const struct notices *notices)
{
	int64_t soonest = -1;

	for (const struct notice *n = notices->first; n != NULL; n = n->next)
		if (n->call == NULL && (soonest < 0 || n->at < soonest))
			soonest = n->at;
	return soonest;
}

void
notices_work(struct notices *notices)
{
	int64_t now = clock_mono_ms();

	for (struct notice *n = notices->first; n != NULL; n = n->next)
		if (n->call == NULL && n->at <= now)
			n->call = telegram_ask(notices->telegram,
			    &(struct telegram_request){.method = n->method,
				.once = n->stranger != NULL,
				.done = on_done,
				.arg = n},
			    json_copy(n->params));
}
