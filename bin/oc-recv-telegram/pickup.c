#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "clock.h"
#include "json.h"
#include "json_outside.h"
#include "log.h"
#include "pickup.h"
#include "state.h"
#include "updates.h"
#include "xalloc.h"

enum {
	LOOK_MS = 2000, /* where inotify cannot see: another machine's disk */
	TIDY_MS = 60 * 60 * 1000,
	EVENTS_SIZE = 4096,
	AT_ONCE_MAX = 1000, /* that are being made turns of */
};

struct pickup {
	struct pickup_setup setup;
	struct updates *updates;
	int notify; /* -1: none */
	int64_t look_at, tidy_at;
	bool full;   /* the disk did not let go of one */
	bool looked; /* all that was there is in the ledger */
	bool over;   /* and done with: the ledger is others' from now on */
};

/* Whether there ever was a webhook. */
static bool
was_used(void)
{
	char *path = state_path("updates");
	bool used = path != NULL && access(path, F_OK) == 0;

	free(path);
	return used;
}

static int
watch(const char *folder)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0 || inotify_add_watch(fd, folder, IN_MOVED_TO) >= 0)
		return fd;
	close(fd);
	return -1;
}

struct pickup *
pickup_new(const struct pickup_setup *setup)
{
	struct pickup *pickup;

	if (!setup->follow && !was_used())
		return NULL;
	pickup = xcalloc(1, sizeof *pickup);
	pickup->setup = *setup;
	pickup->updates = updates_open();
	pickup->notify = -1;
	if (setup->follow)
		pickup->notify = watch(updates_folder(pickup->updates));
	return pickup;
}

void
pickup_free(struct pickup *pickup)
{
	if (pickup == NULL)
		return;
	if (pickup->notify >= 0)
		close(pickup->notify);
	updates_free(pickup->updates);
	free(pickup);
}

struct pollfd
pickup_pollfd(const struct pickup *pickup)
{
	return (struct pollfd){
	    .fd = pickup != NULL ? pickup->notify : -1, .events = POLLIN};
}

int64_t
pickup_deadline(const struct pickup *pickup)
{
	if (pickup_is_over(pickup) || (!pickup->setup.follow && pickup->looked))
		return -1;
	return pickup->look_at;
}

/* One that is no update is put away, so that it is told once. */
static void
take(struct pickup *pickup, int64_t id)
{
	struct buf text = {0};
	jv update;

	if (!updates_read(pickup->updates, id, &text)) {
		log_warn("update %" PRId64 ": %s", id, strerror(errno));
		buf_free(&text);
		return;
	}
	update = json_parse_outside(buf_string(&text), text.length);
	if (json_get_int(update, "update_id", 0) == id) {
		pickup->setup.update(update, pickup->setup.arg);
	} else {
		log_error("update %" PRId64 ": its file holds no update; "
			  "passed over",
		    id);
		(void)updates_done(pickup->updates, id);
	}
	jv_free(update);
	buf_free(&text);
}

/* Those that are in the ledger already are told apart there. */
static void
look(struct pickup *pickup)
{
	int64_t *ids;
	size_t count = updates_waiting(pickup->updates, &ids), i = 0;

	for (; i < count && pickup->setup.ledger->waiting < AT_ONCE_MAX; i++)
		if (!ledger_knows(pickup->setup.ledger, ids[i]))
			take(pickup, ids[i]);
	pickup->looked = i == count;
	pickup->look_at = clock_mono_ms() + LOOK_MS;
	free(ids);
}

/* Lets go of what became a turn, or was for nobody. */
static void
let_go(struct pickup *pickup)
{
	int64_t id;

	while (ledger_take_done(pickup->setup.ledger, &id)) {
		if (updates_done(pickup->updates, id))
			continue;
		/* it will come again, and the queue knows its turn */
		if (!pickup->full)
			log_error("update %" PRId64 " cannot be put away: %s",
			    id, strerror(errno));
		pickup->full = true;
		return;
	}
	pickup->full = false;
}

static void
drain_events(struct pickup *pickup)
{
	char events[EVENTS_SIZE];

	while (read(pickup->notify, events, sizeof events) > 0)
		continue;
}

void
pickup_work(struct pickup *pickup, bool woken)
{
	int64_t now = clock_mono_ms();

	if (pickup_is_over(pickup))
		return;
	if (woken)
		drain_events(pickup);
	if ((woken || now >= pickup->look_at) &&
	    (pickup->setup.follow || !pickup->looked))
		look(pickup);
	let_go(pickup);
	pickup->over = !pickup->setup.follow && pickup->looked &&
		       pickup->setup.ledger->count == 0;
	if (now < pickup->tidy_at)
		return;
	updates_tidy(pickup->updates);
	pickup->tidy_at = now + TIDY_MS;
}

bool
pickup_is_over(const struct pickup *pickup)
{
	return pickup == NULL || pickup->over;
}
