#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "courier.h"
#include "json.h"
#include "log.h"
#include "xalloc.h"

enum {
	/* A little more than Telegram's own seconds: its clock counts. */
	SECOND_MS = 1050,
	CHAT_BURST = 3, /* in three seconds: one a second in the long run */
	CHAT_BURST_MS = 3 * SECOND_MS,
	GROUP_MOST = 20, /* a minute */
	GROUP_MS = 60 * SECOND_MS,
	ALL_MOST = 30, /* a second */
	ROOM_CHAT = 2, /* what progress leaves for replies */
	ROOM_GROUP = 8,
	ROOM_ALL = 10,
	KEEP_MS = 2 * 60 * 1000, /* longer than every window */
	SWEEP_COUNT = 64,        /* chats that are kept whatever their age */
	TOKEN_WAIT_MS = 1000,    /* doubled up to the maximum */
	TOKEN_WAIT_MAX_MS = 5 * 60 * 1000,
	/* So many chats in a row that must wait: it is the bot's own rate. */
	LIMITED_CHATS = 3,
};

static bool
is_group(const struct chat *chat)
{
	return (chat->new_id != NULL ? chat->new_id : chat->id)[0] == '-';
}

struct chat *
chat_get(struct courier *courier, const char *id)
{
	struct chat *chat;

	TAILQ_FOREACH (chat, &courier->chats, entry)
		if (strcmp(chat->id, id) == 0)
			return chat;
	if (courier->rate.most == 0)
		courier->rate =
		    (struct rate){.most = ALL_MOST, .span_ms = SECOND_MS};
	chat = xcalloc(1, sizeof *chat);
	chat->id = xstrdup(id);
	chat->rate =
	    (struct rate){.most = CHAT_BURST, .span_ms = CHAT_BURST_MS};
	chat->group_rate =
	    (struct rate){.most = GROUP_MOST, .span_ms = GROUP_MS};
	TAILQ_INIT(&chat->deliveries);
	TAILQ_INSERT_TAIL(&courier->chats, chat, entry);
	return chat;
}

static void
chat_free(struct courier *courier, struct chat *chat)
{
	if (courier->limited == chat)
		courier->limited = NULL;
	TAILQ_REMOVE(&courier->chats, chat, entry);
	free(chat->id);
	free(chat->new_id);
	free(chat);
}

void
chat_sweep(struct courier *courier, int64_t now)
{
	struct chat *chat, *next;
	size_t count = 0;

	for (chat = TAILQ_FIRST(&courier->chats); chat != NULL; chat = next) {
		next = TAILQ_NEXT(chat, entry);
		if (++count > SWEEP_COUNT && chat->users == 0 &&
		    TAILQ_EMPTY(&chat->deliveries) &&
		    now - chat->used > KEEP_MS && chat->paused_until <= now)
			chat_free(courier, chat);
	}
}

void
chat_free_all(struct courier *courier)
{
	struct chat *chat;

	while ((chat = TAILQ_FIRST(&courier->chats)) != NULL)
		chat_free(courier, chat);
}

jv
chat_integer(const char *text)
{
	const char *problem;
	int64_t value =
	    strtonum(text, -(INT64_C(1) << 53), INT64_C(1) << 53, &problem);

	return problem == NULL ? json_int(value) : json_null();
}

jv
chat_number(const struct chat *chat)
{
	const char *id = chat->new_id != NULL ? chat->new_id : chat->id;
	jv number = chat_integer(id);

	/* "@name" of a public channel */
	return json_is_null(number) ? json_string(id) : number;
}

jv
chat_place(jv own_params, jv ref_to, bool thread, bool reply)
{
	jv topic = chat_integer(json_get_string(ref_to, "thread", ""));
	jv message = chat_integer(json_get_string(ref_to, "message", "")), to;

	/* the General topic has the number 1 only for chat actions */
	if (thread && json_as_int(topic, 0) > 1)
		own_params =
		    json_set(own_params, "message_thread_id", json_copy(topic));
	if (reply && json_as_int(message, 0) > 0) {
		to = json_set(json_object(), "message_id", json_copy(message));
		to = json_set_bool(to, "allow_sending_without_reply", true);
		own_params = json_set(own_params, "reply_parameters", to);
	}
	jv_free(topic);
	jv_free(message);
	return own_params;
}

/* ---- rates */

static int64_t
longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
chat_wait(const struct courier *courier, const struct chat *chat,
    unsigned int count, int64_t now)
{
	int64_t wait =
	    longer(chat->paused_until - now, courier->paused_until - now);

	wait = longer(wait, rate_wait(&courier->rate, count, now));
	wait = longer(wait, rate_wait(&chat->rate, count, now));
	if (is_group(chat))
		wait = longer(wait, rate_wait(&chat->group_rate, count, now));
	return wait;
}

bool
chat_has_room(
    const struct courier *courier, const struct chat *chat, int64_t now)
{
	return !courier->token_refused && chat->paused_until <= now &&
	       courier->paused_until <= now &&
	       rate_wait(&courier->rate, ROOM_ALL, now) == 0 &&
	       rate_wait(&chat->rate, ROOM_CHAT, now) == 0 &&
	       (!is_group(chat) ||
		   rate_wait(&chat->group_rate, ROOM_GROUP, now) == 0);
}

void
chat_note(
    struct courier *courier, struct chat *chat, unsigned int count, int64_t now)
{
	rate_note(&courier->rate, count, now);
	rate_note(&chat->rate, count, now);
	rate_note(&chat->group_rate, count, now);
	chat->used = now;
}

/* ---- what answers tell */

static void
learn_wait(struct courier *courier, struct chat *chat,
    const struct api_answer *answer, int64_t now)
{
	chat->paused_until = longer(chat->paused_until, now + answer->wait_ms);
	if (courier->limited != chat)
		courier->limited_chats++;
	courier->limited = chat;
	if (courier->limited_chats >= LIMITED_CHATS)
		courier->paused_until =
		    longer(courier->paused_until, now + answer->wait_ms);
	log_info("telegram: 429, waiting %" PRId64 " s (%s)",
	    (answer->wait_ms + 999) / 1000,
	    courier->limited_chats >= LIMITED_CHATS ? "all chats" : "one chat");
}

static void
learn_token(
    struct courier *courier, const struct api_answer *answer, int64_t now)
{
	if (!courier->token_refused)
		log_error("telegram: the token is refused (%s); check "
			  "TELEGRAM_BOT_TOKEN and channels.telegram.api_root; "
			  "replies wait until it is accepted",
		    answer->error);
	courier->token_refused = true;
	courier->token_wait_ms = courier->token_wait_ms == 0
				     ? TOKEN_WAIT_MS
				     : 2 * courier->token_wait_ms;
	if (courier->token_wait_ms > TOKEN_WAIT_MAX_MS)
		courier->token_wait_ms = TOKEN_WAIT_MAX_MS;
	courier->paused_until = now + courier->token_wait_ms;
}

void
chat_learn(
    struct courier *courier, struct chat *chat, const struct api_answer *answer)
{
	int64_t now = clock_mono_ms();

	if (answer->outcome == API_BAD_TOKEN) {
		learn_token(courier, answer, now);
		return;
	}
	if (answer->outcome == API_WAIT) {
		learn_wait(courier, chat, answer, now);
	} else if (answer->outcome == API_OK) {
		courier->limited_chats = 0;
		courier->limited = NULL;
	}
	if (courier->token_refused &&
	    (answer->outcome == API_OK || answer->outcome == API_REFUSED)) {
		log_info("telegram: the token is accepted again");
		courier->token_refused = false;
		courier->token_wait_ms = 0;
		courier->paused_until = 0;
	}
	if (answer->new_id != NULL) {
		free(chat->new_id);
		chat->new_id = xstrdup(answer->new_id);
		log_info(
		    "telegram: chat %s is chat %s now", chat->id, chat->new_id);
	}
}
