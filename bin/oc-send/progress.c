#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "clock.h"
#include "draft.h"
#include "event.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "progress.h"
#include "state.h"
#include "turn.h"
#include "xalloc.h"

enum {
	LOOK_MS = 400,           /* how often a running turn is looked at */
	TYPING_MS = 4000,        /* Telegram shows it for five seconds */
	FOR_TURN_MS = 10 * 1000, /* until turn.json must be there */
	/* A turn's directory that was left behind is not followed for ever. */
	BEYOND_DEADLINE_MS = 60 * 1000,
	RELEASE_MS = 3000, /* that a reply waits for a message under way */
	/* When the turn is gone and no reply comes, its message is removed. */
	STUB_MS = 60 * 1000,
	GIVEN_UP_MS = 1000, /* how often it is asked whether a turn was */
	TURN_MAX = RECORD_LINE_MAX,
	EVENTS_SIZE = 16 * 1024,
};

/* A turn that runs. */
struct follow {
	TAILQ_ENTRY(follow) entry;
	char *name; /* of its directory */
	int directory;
	bool known;         /* turn.json was read */
	struct draft draft; /* once it is known */
	struct event_reader events;
	int64_t from, typed_at, due;
	int64_t asked_at;    /* whether it was given up */
	int64_t gone_at;     /* its directory was removed; 0: not */
	int64_t released_at; /* its reply came; 0: not */
};

/* A call that nobody waits for. */
struct errand {
	TAILQ_ENTRY(errand) entry;
	struct progress *progress;
	struct chat *chat;
	struct ledger *ledger; /* of the message that it removes, or NULL */
	struct api_call *call;
};

struct progress {
	struct courier *courier;
	struct queue *queue; /* of the turns that run */
	int inotify, directory;
	int64_t turn_ms;
	TAILQ_HEAD(follow_list, follow) follows;
	TAILQ_HEAD(errand_list, errand) errands;
};

/* ---- errands */

static void
errand_free(struct errand *errand)
{
	errand->progress->courier->calls--;
	errand->chat->users--;
	TAILQ_REMOVE(&errand->progress->errands, errand, entry);
	ledger_free(errand->ledger);
	free(errand);
}

static void
on_errand(void *arg, const struct api_answer *answer)
{
	struct errand *errand = arg;
	struct courier *courier = errand->progress->courier;
	struct chat *chat = errand->chat;

	if (errand->ledger != NULL &&
	    (answer->outcome == API_OK || answer->outcome == API_REFUSED))
		ledger_remark(errand->ledger, ledger_line("removed"));
	errand_free(errand);
	chat_learn(courier, chat, answer);
}

static void
start_errand(struct progress *progress, struct chat *chat, const char *method,
    jv own_params, struct ledger *own_ledger)
{
	struct errand *errand = xcalloc(1, sizeof *errand);

	errand->progress = progress;
	errand->chat = chat;
	errand->ledger = own_ledger;
	chat->users++;
	progress->courier->calls++;
	TAILQ_INSERT_TAIL(&progress->errands, errand, entry);
	own_params = json_set(own_params, "chat_id", chat_number(chat));
	errand->call = api_start(progress->courier->api, method, own_params,
	    NULL, on_errand, errand);
}

/* ---- one turn */

static void
follow_free(struct progress *progress, struct follow *follow)
{
	TAILQ_REMOVE(&progress->follows, follow, entry);
	if (follow->known) {
		follow->draft.chat->users--;
		draft_free(&follow->draft);
	}
	event_reader_free(&follow->events);
	close(follow->directory);
	free(follow->name);
	free(follow);
}

static struct follow *
find(const struct progress *progress, const char *name)
{
	struct follow *follow;

	TAILQ_FOREACH (follow, &progress->follows, entry)
		if (strcmp(follow->name, name) == 0)
			return follow;
	return NULL;
}

static void
add(struct progress *progress, const char *name)
{
	struct follow *follow;
	int directory;

	if (name[0] == '.' || find(progress, name) != NULL)
		return;
	directory = openat(progress->directory, name,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (directory < 0)
		return; /* it ended meanwhile, or is no turn */
	follow = xcalloc(1, sizeof *follow);
	follow->name = xstrdup(name);
	follow->directory = directory;
	follow->from = clock_mono_ms();
	TAILQ_INSERT_TAIL(&progress->follows, follow, entry);
}

/* Whether it is a turn of this channel; *again: it cannot be told yet. */
static bool
read_turn(struct progress *progress, struct follow *follow, bool *again)
{
	struct buf text = {0};
	jv turn = json_null(), to;
	const char *chat;
	bool ours;

	if (io_read_file(follow->directory, "turn.json", TURN_MAX, &text))
		turn = json_parse(buf_string(&text), text.length, NULL);
	buf_free(&text);
	*again = !json_is_object(turn);
	to = json_get(turn, "to");
	chat = json_get_string(to, "chat", "");
	ours = strcmp(json_get_string(turn, "channel", ""), "telegram") == 0 &&
	       *chat != '\0';
	if (ours) {
		follow->known = true;
		follow->draft = (struct draft){.courier = progress->courier,
		    .chat = chat_get(progress->courier, chat),
		    .id = xstrdup(turn_id(turn)),
		    .to = json_copy(to)};
		follow->draft.chat->users++;
	}
	jv_free(to);
	jv_free(turn);
	return ours;
}

static void
on_turn_event(jv ref_event, void *arg)
{
	draft_event(arg, ref_event);
}

static void
show_typing(struct progress *progress, struct follow *follow, int64_t now)
{
	struct courier *courier = progress->courier;
	struct chat *chat = follow->draft.chat;
	jv params, thread;

	if ((follow->typed_at != 0 && now - follow->typed_at < TYPING_MS) ||
	    courier->token_refused || chat->paused_until > now ||
	    courier->paused_until > now)
		return;
	follow->typed_at = now;
	params = json_set_string(json_object(), "action", "typing");
	thread = chat_integer(json_get_string(follow->draft.to, "thread", ""));
	if (json_as_int(thread, 0) > 0)
		params =
		    json_set(params, "message_thread_id", json_copy(thread));
	jv_free(thread);
	start_errand(progress, chat, "sendChatAction", params, NULL);
}

static void
delete_message(struct progress *progress, struct chat *chat,
    const char *message, struct ledger *own_ledger)
{
	jv params =
	    json_set(json_object(), "message_id", chat_integer(message));

	start_errand(progress, chat, "deleteMessage", params, own_ledger);
}

/* No reply came for what is shown: it would stay half a reply. */
static void
remove_stub(struct progress *progress, struct follow *follow)
{
	const char *message = draft_message(&follow->draft);

	if (*message == '\0' || ledger_has_plan(follow->draft.ledger))
		return;
	delete_message(
	    progress, follow->draft.chat, message, follow->draft.ledger);
	follow->draft.ledger = NULL;
}

/*
 * Its directory stays, since it may be tried again.  The person was told, so
 * what was shown of it goes, also when a process before this one showed it.
 */
static bool
was_given_up(struct progress *progress, struct follow *follow, int64_t now)
{
	if (follow->asked_at != 0 && now - follow->asked_at < GIVEN_UP_MS)
		return false;
	follow->asked_at = now;
	if (follow->draft.call != NULL ||
	    queue_find(progress->queue, follow->draft.id) != QUEUE_DEAD)
		return false;
	if (follow->draft.ledger == NULL)
		follow->draft.ledger = ledger_reopen(follow->draft.id);
	remove_stub(progress, follow);
	return true;
}

/* False: it need not be followed any longer. */
static bool
step_gone(struct progress *progress, struct follow *follow, int64_t now)
{
	if (!follow->known || (follow->draft.call == NULL &&
				  *draft_message(&follow->draft) == '\0'))
		return false;
	if (now - follow->gone_at < STUB_MS)
		return true;
	remove_stub(progress, follow);
	return false;
}

static bool
step(struct progress *progress, struct follow *follow, int64_t now)
{
	bool again;

	follow->due = now + LOOK_MS;
	if (follow->gone_at != 0)
		return step_gone(progress, follow, now);
	if (!follow->known && !read_turn(progress, follow, &again))
		return again && now - follow->from < FOR_TURN_MS;
	if (follow->released_at != 0)
		return true;
	if (now - follow->from > progress->turn_ms ||
	    was_given_up(progress, follow, now))
		return false;
	(void)event_read(&follow->events, follow->directory, "events.ndjson",
	    on_turn_event, &follow->draft);
	if (follow->draft.finished)
		return true;
	show_typing(progress, follow, now);
	draft_show(&follow->draft, now);
	return true;
}

/* ---- what runs */

static void
scan(struct progress *progress)
{
	int fd = openat(
	    progress->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (directory == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(directory)) != NULL)
		add(progress, entry->d_name);
	closedir(directory);
}

static void
on_event(struct progress *progress, const struct inotify_event *event)
{
	struct follow *follow;

	if (event->mask & IN_Q_OVERFLOW)
		scan(progress);
	if (event->len == 0)
		return;
	if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
		add(progress, event->name);
		return;
	}
	follow = find(progress, event->name);
	if (follow != NULL) {
		follow->gone_at = clock_mono_ms();
		follow->due = 0;
	}
}

static void
read_inotify(struct progress *progress)
{
	char bytes[EVENTS_SIZE]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(progress->inotify, bytes, sizeof bytes)) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event =
			    (const void *)(bytes + at);

			on_event(progress, event);
			at += (ssize_t)(sizeof *event + event->len);
		}
	}
}

int64_t
progress_step(struct progress *progress)
{
	struct follow *follow, *next;
	int64_t now = clock_mono_ms(), wait = -1;

	if (progress == NULL)
		return -1;
	read_inotify(progress);
	if (progress->courier->stopping)
		return -1;
	for (follow = TAILQ_FIRST(&progress->follows); follow != NULL;
	     follow = next) {
		next = TAILQ_NEXT(follow, entry);
		if (follow->due <= now && !step(progress, follow, now)) {
			follow_free(progress, follow);
			continue;
		}
		if (wait < 0 || follow->due - now < wait)
			wait = follow->due - now;
	}
	return wait;
}

bool
progress_release(
    struct progress *progress, const char *turn_id, struct ledger **ledger)
{
	int64_t now = clock_mono_ms();
	struct follow *follow;
	char *name;

	*ledger = NULL;
	if (progress == NULL)
		return true;
	name = state_name(turn_id);
	follow = find(progress, name);
	free(name);
	if (follow == NULL)
		return true;
	if (follow->released_at == 0)
		follow->released_at = now;
	follow->draft.over = true;
	if (follow->draft.call != NULL &&
	    now - follow->released_at < RELEASE_MS)
		return false;
	*ledger = follow->draft.ledger;
	follow->draft.ledger = NULL;
	follow_free(progress, follow);
	return true;
}

void
progress_remove(
    struct progress *progress, struct chat *chat, const char *message)
{
	if (progress != NULL)
		delete_message(progress, chat, message, NULL);
}

/* ---- life */

struct progress *
progress_new(struct courier *courier)
{
	struct progress *progress = xcalloc(1, sizeof *progress);
	char *path = state_path("turns");

	progress->courier = courier;
	progress->queue = queue_open("in");
	progress->turn_ms =
	    config_int(courier->config, "limits.turn_s") * 1000 +
	    BEYOND_DEADLINE_MS;
	TAILQ_INIT(&progress->follows);
	TAILQ_INIT(&progress->errands);
	progress->directory = -1;
	progress->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (progress->inotify >= 0 && io_make_directories(path) &&
	    inotify_add_watch(progress->inotify, path,
		IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM |
		    IN_ONLYDIR) >= 0)
		progress->directory =
		    open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (progress->directory < 0) {
		log_warn("%s: cannot be watched: %s; no progress is shown",
		    path, strerror(errno));
		progress_free(progress);
		progress = NULL;
	} else {
		scan(progress);
	}
	free(path);
	return progress;
}

void
progress_free(struct progress *progress)
{
	struct follow *follow;
	struct errand *errand;

	if (progress == NULL)
		return;
	while ((follow = TAILQ_FIRST(&progress->follows)) != NULL)
		follow_free(progress, follow);
	while ((errand = TAILQ_FIRST(&progress->errands)) != NULL) {
		api_cancel(errand->call);
		errand_free(errand);
	}
	queue_free(progress->queue);
	if (progress->inotify >= 0)
		close(progress->inotify);
	if (progress->directory >= 0)
		close(progress->directory);
	free(progress);
}

struct pollfd
progress_poll(const struct progress *progress)
{
	return (struct pollfd){
	    .fd = progress != NULL ? progress->inotify : -1,
	    .events = POLLIN,
	};
}
