#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>
#include "channel.h"
#include "clock.h"
#include "courier.h"
#include "json.h"
#include "log.h"
#include "progress.h"
#include "secret.h"
#include "state.h"
#include "turn.h"

enum {
	DELIVERIES_MAX = 1024, /* taken in before earlier ones are done */
	SWEEP_MS = 24 * 60 * 60 * 1000, /* old ledgers */
	STOP_MS = 10 * 1000, /* for what is being sent when we must end */
};

/* ---- what comes in */

/* Nobody can deliver it: it leaves the queue, and whoever reads is told. */
static void
refuse_turn(struct courier *courier, jv ref_turn, const char *problem)
{
	jv receipt = json_set_string(json_object(), "type", "receipt");

	log_warn("turn %s: %s; nothing was sent", turn_id(ref_turn), problem);
	courier->bad_input = true;
	receipt = json_set_string(receipt, "id", turn_id(ref_turn));
	receipt = json_set_string(receipt, "channel", "telegram");
	receipt = json_set_string(receipt, "status", "failed");
	receipt = json_set(receipt, "messages", json_array());
	receipt = json_set_int(receipt, "at", clock_now_ms());
	receipt = json_set_string(receipt, "error", problem);
	if (!queue_finish_record(courier->queue, ref_turn))
		log_error("turn %s: cannot finish the entry of the queue: %s",
		    turn_id(ref_turn), strerror(errno));
	(void)record_write(receipt);
	jv_free(receipt);
}

/* What keeps a turn from being delivered by anybody, or NULL. */
static const char *
problem_of(jv ref_turn, const char *chat)
{
	const char *channel = json_get_string(ref_turn, "channel", "telegram");
	const char *problem = turn_check(ref_turn);

	if (problem != NULL)
		return problem;
	if (*turn_id(ref_turn) == '\0')
		return "it has no id";
	if (!turn_has_reply(ref_turn))
		return "it has no reply";
	if (strcmp(channel, "telegram") != 0)
		return "it is for another channel";
	if (*chat == '\0')
		return "it has no chat to send to (to.chat)";
	return NULL;
}

static void
take_turn(struct courier *courier, struct record *record)
{
	jv to = json_get(record->value, "to");
	const char *chat = json_get_string(to, "chat", "");
	const char *problem = problem_of(record->value, chat);

	if (problem == NULL) {
		delivery_start(courier, record->value, chat);
		record->value = json_null();
	} else {
		refuse_turn(courier, record->value, problem);
	}
	jv_free(to);
}

static void
take_records(struct courier *courier, struct record_reader *reader)
{
	struct record record;

	while (courier->count < DELIVERIES_MAX &&
	       record_next(reader, &record) == RECORD_OK) {
		if (turn_is_turn(record.value))
			take_turn(courier, &record);
		record_free(&record);
	}
}

/* ---- what is due */

static int64_t
sooner(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Steps until it waits; how long, -1: until its call is answered. */
static int64_t
run_chat(struct courier *courier, struct chat *chat)
{
	struct delivery *first;
	int64_t now;

	while ((first = TAILQ_FIRST(&chat->deliveries)) != NULL) {
		now = clock_mono_ms();
		if (first->call != NULL || courier->stopping)
			return -1;
		if (first->due > now)
			return first->due - now;
		delivery_step(first);
	}
	return -1;
}

static int64_t
run_chats(struct courier *courier)
{
	struct chat *chat;
	int64_t wait = -1;

	TAILQ_FOREACH (chat, &courier->chats, entry)
		wait = sooner(wait, run_chat(courier, chat));
	return wait;
}

/* ---- the loop */

static int
open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
	    (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
		fatal(EX_OSERR, "signalfd: %s", strerror(errno));
	return fd;
}

static bool
was_told(int signals)
{
	struct signalfd_siginfo info;

	return read(signals, &info, sizeof info) == sizeof info;
}

static void
serve(struct courier *courier, struct record_reader *reader, int signals)
{
	int64_t wait, now, stop_at = 0, sweep_at = 0;

	for (;;) {
		struct pollfd p[3] = {
		    {.fd = signals, .events = POLLIN},
		    progress_poll(courier->progress),
		    {.fd = reader->fd, .events = POLLIN},
		};
		bool admit;

		now = clock_mono_ms();
		if (now >= sweep_at) {
			ledger_sweep();
			sweep_at = now + SWEEP_MS;
		}
		chat_sweep(courier, now);
		take_records(courier, reader);
		wait = sooner(
		    run_chats(courier), progress_step(courier->progress));
		wait = sooner(wait, sweep_at - now);
		admit = !reader->ended && !courier->stopping &&
			courier->count < DELIVERIES_MAX;
		if (!admit)
			p[2].fd = -1;
		if (reader->ended && courier->count == 0)
			return;
		if (courier->stopping)
			wait = sooner(wait, stop_at - now);
		if (courier->stopping &&
		    (courier->calls == 0 || now >= stop_at))
			return;
		http_run(api_http(courier->api), p, 3, wait);
		if (was_told(signals) && !courier->stopping) {
			courier->stopping = true;
			stop_at = clock_mono_ms() + STOP_MS;
		}
		if (p[2].fd >= 0 && p[2].revents != 0)
			record_fill(reader);
	}
}

/* What is not sent yet stays where it was: in the queue. */
static void
drop_deliveries(struct courier *courier)
{
	struct delivery *delivery;
	struct chat *chat;

	TAILQ_FOREACH (chat, &courier->chats, entry) {
		while ((delivery = TAILQ_FIRST(&chat->deliveries)) != NULL) {
			if (delivery->call != NULL)
				api_cancel(delivery->call);
			delivery_free(delivery);
		}
	}
}

int
courier_run(struct config *config, struct record_reader *reader)
{
	struct courier courier = {
	    .config = config,
	    .chats = TAILQ_HEAD_INITIALIZER(courier.chats),
	};
	jv delivery = config_get(config, "channels.telegram.delivery");
	int signals, status;

#ifndef OC_SANITIZED
	/* The token is in memory; LeakSanitizer traces its own process. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	courier.at_most_once =
	    strcmp(json_as_string(delivery, ""), "at_most_once") == 0;
	jv_free(delivery);
	courier.api = api_new(config);
	secret_scrub_environment();
	signals = open_signals();
	courier.queue = queue_open("out/telegram");
	courier.workspace = config_workspace(config);
	if (config_bool(config, "channels.telegram.progress"))
		courier.progress = progress_new(&courier);
	serve(&courier, reader, signals);
	drop_deliveries(&courier);
	progress_free(courier.progress);
	status = courier.bad_input ? EX_DATAERR : record_status(reader);
	chat_free_all(&courier);
	free(courier.workspace);
	queue_free(courier.queue);
	api_free(courier.api);
	close(signals);
	return status;
}
