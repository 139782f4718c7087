#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "xalloc.h"

enum {
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_MOST_MS = 30 * 1000,   /* Telegram or the network is down */
	CONFLICT_MOST_MS = 60 * 1000,  /* a former pod ends within minutes */
	TOKEN_MOST_MS = 5 * 60 * 1000, /* bots were deleted for hammering */
	PACE_FIRST_MS = 100, /* between polls while some updates are not safe */
	PACE_MOST_MS = 1000,
	ANSWER_SLACK_MS = 15 * 1000, /* beyond the poll's own time */
	UPDATES_MAX = 100,           /* what one answer holds at most */
	TELL_EVERY = 20,             /* failures in a row */
	INFO_MS = 60 * 1000,         /* between two looks at the webhook */
	OFFSET_AGE_MS = 5 * 24 * 3600 * 1000, /* see store_bot */
};

enum step { STEP_ME, STEP_WEBHOOK, STEP_COMMANDS, STEP_POLL };

struct poller {
	struct poller_setup setup;
	enum step step;
	struct telegram_call *call; /* NULL: none is under way */
	int64_t at;                 /* the next one starts */
	int64_t moved_at;           /* updates came (clock_now_ms) */
	int64_t pace;               /* it waits for what is not safe; 0: not */
	unsigned failures;          /* in a row */
	enum telegram_outcome failure; /* the last one */
	int64_t told_at; /* the last failure of the webhook that was told */
	bool began;
};

static const struct {
	const char *command, *description;
} commands[] = {
    {"help", "What I can do"},
    {"new", "Begin a new conversation"},
    {"stop", "Stop what is running"},
    {"status", "What is running, and how it goes"},
    {"model", "Show or choose the model"},
    {"usage", "Tokens and cost"},
    {"compact", "Shorten the conversation by a summary"},
    {"approve", "Run a command that waits for your approval, once"},
    {"deny", "Do not run it"},
    {"whoami", "Your number and session"},
    {"reset", "Forget this conversation"},
};

struct poller *
poller_new(const struct poller_setup *setup)
{
	struct poller *poller = xcalloc(1, sizeof *poller);

	poller->setup = *setup;
	return poller;
}

void
poller_free(struct poller *poller)
{
	if (poller->call != NULL)
		telegram_cancel(poller->call);
	free(poller);
}

/* ---- failures */

static int64_t
backoff(unsigned failures, int64_t most)
{
	unsigned doublings = failures < 12 ? failures - 1 : 11;
	int64_t wait = (int64_t)BACKOFF_FIRST_MS << doublings;

	if (wait > most)
		wait = most;
	/* spread, so that many bots do not come back at once */
	return wait * (75 + arc4random_uniform(51)) / 100;
}

static void
tell(const struct poller *poller, const struct telegram_answer *answer,
    int64_t wait)
{
	switch (answer->outcome) {
	case TELEGRAM_TOKEN:
		log_error("%s; check TELEGRAM_BOT_TOKEN and "
			  "channels.telegram.api_root; it is tried again ever "
			  "more slowly",
		    answer->message);
		break;
	case TELEGRAM_CONFLICT:
		log_warn("%s; waiting until whoever else polls with this "
			 "token has ended",
		    answer->message);
		break;
	default:
		log_warn("%s; again in %" PRId64 " s (failure %u in a row)",
		    answer->message, (wait + 999) / 1000, poller->failures);
	}
}

static void
failed(struct poller *poller, const struct telegram_answer *answer)
{
	int64_t wait;

	if (poller->failures != 0 && poller->failure != answer->outcome)
		poller->failures = 0;
	poller->failures++;
	poller->failure = answer->outcome;
	switch (answer->outcome) {
	case TELEGRAM_TOKEN:
		wait = backoff(poller->failures, TOKEN_MOST_MS);
		break;
	case TELEGRAM_CONFLICT:
		wait = backoff(poller->failures, CONFLICT_MOST_MS);
		if (strstr(answer->description, "webhook") != NULL)
			poller->step = STEP_WEBHOOK;
		break;
	case TELEGRAM_FLOOD: wait = answer->retry_after_s * 1000; break;
	default: wait = backoff(poller->failures, BACKOFF_MOST_MS);
	}
	if (poller->failures % TELL_EVERY == 1 &&
	    (poller->failures == 1 || answer->outcome != TELEGRAM_TOKEN))
		tell(poller, answer, wait);
	store_set_problem(poller->setup.store, answer->message);
	poller->at = clock_mono_ms() + wait;
}

static void
succeeded(struct poller *poller)
{
	if (poller->failures != 0 && poller->step == STEP_POLL)
		log_info("polling again after %u failures", poller->failures);
	if (poller->step == STEP_POLL)
		poller->failures = 0;
	poller->at = clock_mono_ms();
}

/* ---- the steps */

static void
on_me(const struct telegram_answer *answer, void *arg)
{
	struct poller *poller = arg;
	struct bot *bot = poller->setup.bot;

	poller->call = NULL;
	if (answer->outcome != TELEGRAM_OK) {
		failed(poller, answer);
		return;
	}
	bot->id = json_get_int(answer->result, "id", 0);
	snprintf(bot->username, sizeof bot->username, "%s",
	    json_get_string(answer->result, "username", ""));
	poller->setup.ledger->offset = store_bot(poller->setup.store, bot);
	poller->moved_at = clock_now_ms();
	poller->step = STEP_WEBHOOK;
	succeeded(poller);
}

/* ---- a webhook */

/* What Telegram says of it, once; it goes on trying by itself. */
static void
tell_webhook(struct poller *poller, jv ref_info)
{
	int64_t at = json_get_int(ref_info, "last_error_date", 0);
	const char *why = json_get_string(ref_info, "last_error_message", "");
	int64_t waiting = json_get_int(ref_info, "pending_update_count", 0);
	char *problem;

	if (at == 0 || at == poller->told_at)
		return;
	poller->told_at = at;
	problem = xasprintf("Telegram cannot deliver to the webhook: %s "
			    "(%" PRId64 " updates wait there)",
	    why, waiting);
	log_warn("%s", problem);
	store_set_problem(poller->setup.store, problem);
	free(problem);
}

static void
on_info(const struct telegram_answer *answer, void *arg)
{
	struct poller *poller = arg;

	poller->call = NULL;
	if (answer->outcome != TELEGRAM_OK) {
		failed(poller, answer);
		return;
	}
	succeeded(poller);
	store_polled(poller->setup.store);
	tell_webhook(poller, answer->result);
	poller->at = clock_mono_ms() + INFO_MS;
	if (strcmp(json_get_string(answer->result, "url", ""),
		poller->setup.webhook) != 0) {
		log_warn("someone else has changed the webhook of this bot; "
			 "it is set anew");
		poller->step = STEP_WEBHOOK;
	} else if (!poller->began) {
		log_info("updates for @%s (%" PRId64 ") come by the webhook",
		    poller->setup.bot->username, poller->setup.bot->id);
		poller->began = true;
	}
}

static void
on_webhook(const struct telegram_answer *answer, void *arg)
{
	struct poller *poller = arg;

	poller->call = NULL;
	if (answer->outcome != TELEGRAM_OK) {
		failed(poller, answer);
		return;
	}
	poller->step = poller->began ? STEP_POLL : STEP_COMMANDS;
	succeeded(poller);
}

/* The list is a comfort: without it everything works. */
static void
on_commands(const struct telegram_answer *answer, void *arg)
{
	struct poller *poller = arg;

	poller->call = NULL;
	if (answer->outcome == TELEGRAM_REFUSED) {
		log_warn("%s; going on without it", answer->message);
	} else if (answer->outcome != TELEGRAM_OK) {
		failed(poller, answer);
		return;
	}
	poller->step = STEP_POLL;
	succeeded(poller);
}

static void
on_updates(const struct telegram_answer *answer, void *arg)
{
	struct poller *poller = arg;
	const struct poller_setup *setup = &poller->setup;
	int count = json_length(answer->result);

	poller->call = NULL;
	if (answer->outcome != TELEGRAM_OK || !json_is_array(answer->result)) {
		failed(poller, answer);
		return;
	}
	if (!poller->began)
		log_info("polling as @%s (%" PRId64 ")", setup->bot->username,
		    setup->bot->id);
	poller->began = true;
	succeeded(poller);
	store_polled(setup->store);
	if (count != 0)
		poller->moved_at = clock_now_ms();
	for (int i = 0; i < count; i++) {
		jv update = json_at(answer->result, i);

		setup->update(update, setup->arg);
		jv_free(update);
	}
	poller->pace = poller->pace == 0 ? PACE_FIRST_MS : poller->pace * 2;
	if (poller->pace > PACE_MOST_MS)
		poller->pace = PACE_MOST_MS;
	poller->at = clock_mono_ms() + poller->pace;
}

static jv
command_list(void)
{
	jv list = json_array();

	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		jv one = json_set_string(
		    json_object(), "command", commands[i].command);

		list = json_append(list, json_set_string(one, "description",
					     commands[i].description));
	}
	return list;
}

static jv
allowed_updates(const struct poller_setup *setup)
{
	static const char *const kinds[] = {"message", "edited_message",
	    "channel_post", "callback_query", "my_chat_member"};
	jv allowed = json_array();

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		allowed = json_append_string(allowed, kinds[i]);
	if (setup->reactions)
		allowed = json_append_string(allowed, "message_reaction");
	return allowed;
}

/*
 * Asks for long only when all that came is safe: what is not would be
 * answered again at once.
 */
static void
ask_updates(struct poller *poller)
{
	struct ledger *ledger = poller->setup.ledger;
	bool probe = !poller->began || poller->failures != 0;
	int64_t offset = ledger_take_offset(ledger), timeout;
	jv params = json_object();

	timeout = probe || ledger_waits(ledger) ? 0 : poller->setup.timeout_s;
	params = json_set(
	    params, "allowed_updates", allowed_updates(&poller->setup));
	params = json_set_int(params, "timeout", timeout);
	params = json_set_int(params, "limit", UPDATES_MAX);
	if (offset != 0 &&
	    (ledger_waits(ledger) ||
		clock_now_ms() - poller->moved_at < OFFSET_AGE_MS))
		params = json_set_int(params, "offset", offset);
	store_set_offset(poller->setup.store, offset);
	poller->call = telegram_ask(poller->setup.telegram,
	    &(struct telegram_request){.method = "getUpdates",
		.answer_ms = timeout * 1000 + ANSWER_SLACK_MS,
		.fresh = poller->failures != 0,
		.done = on_updates,
		.arg = poller},
	    params);
}

/* Where updates are to be sent; NULL: nowhere, they are asked for. */
static jv
webhook_params(const struct poller_setup *setup)
{
	jv params = json_set_bool(json_object(), "drop_pending_updates", false);

	if (setup->webhook == NULL)
		return params;
	params = json_set_string(params, "url", setup->webhook);
	params = json_set_string(params, "secret_token", setup->webhook_secret);
	return json_set(params, "allowed_updates", allowed_updates(setup));
}

static void
ask(struct poller *poller)
{
	struct telegram_request request = {.arg = poller};
	jv params = json_object();

	switch (poller->step) {
	case STEP_ME:
		request.method = "getMe";
		request.done = on_me;
		break;
	case STEP_WEBHOOK:
		request.method = poller->setup.webhook != NULL
				     ? "setWebhook"
				     : "deleteWebhook";
		request.done = on_webhook;
		jv_free(params);
		params = webhook_params(&poller->setup);
		break;
	case STEP_COMMANDS:
		request.method = "setMyCommands";
		request.done = on_commands;
		params = json_set(params, "commands", command_list());
		break;
	case STEP_POLL:
		if (poller->setup.webhook != NULL) {
			request.method = "getWebhookInfo";
			request.done = on_info;
			break;
		}
		jv_free(params);
		ask_updates(poller);
		return;
	}
	poller->call = telegram_ask(poller->setup.telegram, &request, params);
}

static bool
is_held(const struct poller *poller)
{
	return poller->step == STEP_POLL && poller->setup.webhook == NULL &&
	       poller->setup.held(poller->setup.arg);
}

int64_t
poller_deadline(const struct poller *poller)
{
	return poller->call == NULL && !is_held(poller) ? poller->at : -1;
}

void
poller_work(struct poller *poller)
{
	/* all is safe by now: no need to wait out the pause */
	if (poller->pace != 0 && poller->failures == 0 &&
	    !ledger_waits(poller->setup.ledger)) {
		poller->pace = 0;
		poller->at = clock_mono_ms();
	}
	if (poller->call == NULL && !is_held(poller) &&
	    clock_mono_ms() >= poller->at)
		ask(poller);
}
