/*
 * oc-recv-telegram - messages from Telegram become turns
 *
 * Asks the Bot API for updates, or picks up those that came to the webhook of
 * oc-recv-http, and writes a turn for each message of somebody who is let in,
 * to a program that runs beside it (after --) and answers with the turn's id
 * once the turn is safe, or else to standard output.  Telegram is told that an
 * update arrived only then.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>
#include "child.h"
#include "clock.h"
#include "collect.h"
#include "config.h"
#include "edits.h"
#include "gate.h"
#include "http.h"
#include "inbox.h"
#include "io.h"
#include "json.h"
#include "ledger.h"
#include "log.h"
#include "notice.h"
#include "pickup.h"
#include "poller.h"
#include "redis.h"
#include "secret.h"
#include "sink.h"
#include "store.h"
#include "telegram.h"
#include "updates.h"

enum {
	CLOSE_MS = 10 * 1000, /* for the program's last answers */
};

struct receiver {
	jv config; /* channels.telegram */
	struct bot bot;
	struct ledger ledger;
	struct edits edits;
	struct store *store;
	struct telegram *telegram;
	struct inbox *inbox;
	struct notices *notices;
	struct collect *collect;
	struct sink *sink;
	struct poller *poller;
	struct pickup *pickup;
	char *webhook_secret; /* NULL: updates are asked for */
};

static void
print_usage(void)
{
	static const char usage[] =
	    "usage: oc-recv-telegram [-c config] [-- program [argument ...]]\n"
	    "\n"
	    "Writes a turn for each message that comes in over Telegram.\n"
	    "\n"
	    "  -c config  the configuration (default: $OC_CONFIG, else\n"
	    "             ~/.openclaw/openclaw.yaml)\n"
	    "  -h         this text\n"
	    "  program    takes the turns on its standard input and prints "
	    "the\n"
	    "             id of each once it is safe, as 'oc-spool put in' "
	    "does\n"
	    "             (default: turns go to standard output)\n"
	    "\n"
	    "The token is taken from TELEGRAM_BOT_TOKEN, or from the file "
	    "that\n"
	    "TELEGRAM_BOT_TOKEN_FILE names.\n";

	io_write_stdout(usage, sizeof usage - 1);
}

/* ---- one update */

static void
tell_membership(const struct update *update)
{
	jv member = json_get(update->message, "new_chat_member");
	const char *status = json_get_string(member, "status", "");

	log_info("chat %s: our membership is now '%s' (changed by %s)",
	    update->chat, status, update->from);
	jv_free(member);
}

/* Whether it becomes part of a turn; if not, all is done that is to be done. */
static bool
admit(struct receiver *r, const struct update *update, const char *former)
{
	if (!gate_is_addressed(r->config, update, former, &r->bot))
		return false;
	switch (gate_admit(r->config, update, former)) {
	case GATE_ADMIT: break;
	case GATE_PAIR: notices_pair(r->notices, update); return false;
	case GATE_IGNORE:
		log_info(
		    "chat %s: %s is not let in", update->chat, update->from);
		return false;
	}
	if (update->kind == UPDATE_BUTTON)
		notices_button(r->notices, update);
	else if (update->kind != UPDATE_REACTION &&
		 !edits_is_news(&r->edits, update) &&
		 update->kind == UPDATE_EDIT)
		return false;
	return true;
}

static void
on_update(jv ref_update, void *arg)
{
	struct receiver *r = arg;
	struct update update;
	char *former;
	bool taken = false;

	update_read(&update, ref_update);
	if (!ledger_add(&r->ledger, update.id)) {
		update_free(&update);
		return;
	}
	former = store_former(r->store, update.chat);
	switch (update.kind) {
	case UPDATE_MESSAGE:
	case UPDATE_EDIT:
	case UPDATE_BUTTON:
	case UPDATE_REACTION: taken = admit(r, &update, former); break;
	case UPDATE_MOVED:
		log_info("group %s is now the supergroup %s", update.chat,
		    update.moved_to);
		store_moved(r->store, update.chat, update.moved_to);
		break;
	case UPDATE_MEMBER: tell_membership(&update); break;
	case UPDATE_NOTHING: break;
	}
	if (taken)
		collect_add(r->collect, &update, former, &r->bot);
	else
		ledger_done(&r->ledger, update.id);
	free(former);
	update_free(&update);
}

/* What a webhook took comes first: those updates are the older ones. */
static bool
is_held(void *arg)
{
	const struct receiver *r = arg;

	return !pickup_is_over(r->pickup);
}

static void
on_confirmed(const char *id, void *arg)
{
	struct receiver *r = arg;

	collect_confirmed(r->collect, id);
}

/* ---- the loop */

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int64_t
time_left(const struct receiver *r)
{
	int64_t at = poller_deadline(r->poller);
	int64_t now = clock_mono_ms();

	at = sooner(at, inbox_deadline(r->inbox));
	at = sooner(at, notices_deadline(r->notices));
	at = sooner(at, collect_deadline(r->collect));
	at = sooner(at, store_deadline(r->store));
	if (r->bot.id != 0)
		at = sooner(at, pickup_deadline(r->pickup));
	return at < 0 ? -1 : at <= now ? 0 : at - now;
}

/* Everything that can be done without waiting. */
static void
work(struct receiver *r, struct http *http, bool woken)
{
	int64_t save_at = store_deadline(r->store);

	/* who we are decides what is meant for us */
	if (r->bot.id != 0)
		pickup_work(r->pickup, woken);
	inbox_work(r->inbox);
	collect_work(r->collect);
	poller_work(r->poller);
	notices_work(r->notices);
	if (save_at < 0 || save_at > clock_mono_ms())
		return;
	/* asked first and written then: the disk's time costs no message's */
	http_run(http, NULL, 0, 0);
	store_save(r->store);
}

static void
run(struct receiver *r, struct http *http, int signals)
{
	struct pollfd fds[SINK_POLLFDS + 2];
	bool woken = false;

	for (;;) {
		work(r, http, woken);
		fds[SINK_POLLFDS] =
		    (struct pollfd){.fd = signals, .events = POLLIN};
		fds[SINK_POLLFDS + 1] = pickup_pollfd(r->pickup);
		if (r->bot.id == 0)
			fds[SINK_POLLFDS + 1].fd = -1;
		sink_prepare(r->sink, fds);
		http_run(http, fds, SINK_POLLFDS + 2, time_left(r));
		sink_work(r->sink, fds);
		woken = fds[SINK_POLLFDS + 1].revents != 0;
		if (fds[SINK_POLLFDS].revents != 0)
			break;
	}
	log_debug("stopping");
}

/* ---- from the start to the end */

static int
catch_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
	    (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		fatal(EX_OSERR, "signalfd: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	return fd;
}

static char *
take_token(void)
{
	char *token = secret_take("TELEGRAM_BOT_TOKEN");

	if (token == NULL)
		fatal(EX_CONFIG, "TELEGRAM_BOT_TOKEN is not set; @BotFather on "
				 "Telegram gives out tokens");
	/* it stands in memory, and in addresses: never in a core file */
	setrlimit(RLIMIT_CORE, &(struct rlimit){.rlim_cur = 0});
	return token;
}

/* NULL: there is no webhook. */
static char *
take_webhook_secret(const struct config *config)
{
	jv url = config_get(config, "channels.telegram.webhook.url");
	char *secret = json_is_string(url) ? updates_take_secret() : NULL;

	jv_free(url);
	return secret;
}

static bool
is_shared(const struct config *config, const char *key)
{
	return strcmp(config_string(config, key), "shared") == 0;
}

static void
open_poller(struct receiver *r, const struct config *config)
{
	jv url = config_get(config, "channels.telegram.webhook.url");
	bool webhook = json_is_string(url);

	r->pickup = pickup_new(&(struct pickup_setup){.ledger = &r->ledger,
	    .update = on_update,
	    .arg = r,
	    .follow = webhook});
	r->poller = poller_new(&(struct poller_setup){.telegram = r->telegram,
	    .ledger = &r->ledger,
	    .store = r->store,
	    .bot = &r->bot,
	    .timeout_s = config_int(config, "channels.telegram.poll_timeout_s"),
	    .reactions = config_bool(config, "channels.telegram.reactions"),
	    .webhook =
		webhook ? config_string(config, "channels.telegram.webhook.url")
			: NULL,
	    .webhook_secret = r->webhook_secret,
	    .held = is_held,
	    .update = on_update,
	    .arg = r});
	jv_free(url);
}

static void
receiver_open(struct receiver *r, const struct config *config,
    struct http *http, char *own_token)
{
	char *workspace = config_workspace(config);

	r->config = config_get(config, "channels.telegram");
	r->store = store_open();
	r->telegram = telegram_new(http,
	    config_string(config, "channels.telegram.api_root"), own_token);
	r->inbox = inbox_new(r->telegram, workspace,
	    config_int(config, "channels.telegram.media_bytes"));
	r->notices = notices_new(r->telegram);
	r->collect = collect_new(&r->ledger, r->inbox,
	    &(struct compose_sessions){
		.dm_shared = is_shared(config, "sessions.dm"),
		.group_shared = is_shared(config, "sessions.group")});
	open_poller(r, config);
	free(workspace);
}

/* What was handed on comes to its end; the rest is asked for again. */
static void
receiver_close(struct receiver *r)
{
	poller_free(r->poller);
	notices_free(r->notices);
	sink_close(r->sink, CLOSE_MS);
	/* of updates that did not come by getUpdates it has no offset */
	if (pickup_is_over(r->pickup))
		store_set_offset(r->store, ledger_take_offset(&r->ledger));
	pickup_free(r->pickup);
	store_free(r->store);
	inbox_free(r->inbox);
	collect_free(r->collect);
	ledger_free(&r->ledger);
	telegram_free(r->telegram);
	jv_free(r->config);
}

int
main(int argc, char *argv[])
{
	const char *config_path = NULL;
	struct receiver receiver = {.config = jv_null()};
	struct config config;
	struct http *http;
	char *token;
	int c, signals;

	log_init("oc-recv-telegram");
	while ((c = getopt(argc, argv, "+c:h")) != -1)
		switch (c) {
		case 'c': config_path = optarg; break;
		case 'h': print_usage(); return EX_OK;
		default: usage_error("unknown option");
		}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		usage_error("%s: a program comes after --", argv[optind]);

	signals = catch_signals();
	config_load(&config, config_path);
	token = take_token();
	receiver.webhook_secret = take_webhook_secret(&config);
	redis_setup(&config, REDIS_WAITS, REDIS_TAKE);
	secret_scrub_environment();
	child_find_siblings();
	http = http_new();
	receiver_open(&receiver, &config, http, token);
	receiver.sink = sink_open(
	    optind < argc ? argv + optind : NULL, on_confirmed, &receiver);
	collect_set_sink(receiver.collect, receiver.sink);

	run(&receiver, http, signals);

	receiver_close(&receiver);
	secret_free(receiver.webhook_secret);
	http_free(http);
	redis_close();
	config_free(&config);
	close(signals);
	return EX_OK;
}
