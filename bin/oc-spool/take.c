#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "drain.h"
#include "handout.h"
#include "lineup.h"
#include "log.h"
#include "take.h"
#include "watch.h"
#include "xalloc.h"

enum {
	READ_AT_ONCE = 256,  /* files of a long queue between two hand-outs */
	TRY_AGAIN_MS = 1000, /* after the disk refused */
};

struct take {
	struct queue *queue;
	struct lineup *lineup;
	struct watch *watch;
	struct drain drain;
	char **unread; /* names of new/ in the order of arrival */
	size_t unread_count, unread_at, unread_capacity;
	bool refused;
};

/* ---- what is there */

static bool
add_unread(void *arg, const char *name)
{
	struct take *take = arg;

	if (take->unread_count == take->unread_capacity) {
		take->unread_capacity = take->unread_capacity * 2 + 64;
		take->unread = xreallocarray(
		    take->unread, take->unread_capacity, sizeof *take->unread);
	}
	take->unread[take->unread_count++] = xstrdup(name);
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static void
read_some(struct take *take)
{
	size_t until = take->unread_at + READ_AT_ONCE;

	for (; take->unread_at < take->unread_count && take->unread_at < until;
	     take->unread_at++) {
		handout_line_up(
		    take->queue, take->lineup, take->unread[take->unread_at]);
		free(take->unread[take->unread_at]);
	}
	if (take->unread_at == take->unread_count)
		take->unread_at = take->unread_count = 0;
}

static bool
add_new(void *arg, const char *name)
{
	struct take *take = arg;
	struct queue_file file;

	if (queue_file_parse(&file, name) && file.attempt == 0 &&
	    lineup_find(take->lineup, name) == NULL)
		add_unread(take, name);
	return true;
}

struct gone {
	struct take *take;
	struct entry **entry;
	size_t count;
};

static void
check_out(void *arg, struct entry *entry)
{
	struct gone *gone = arg;
	char *file = xasprintf("%s#%u", entry->base, entry->attempts);

	if (faccessat(gone->take->queue->fd[QUEUE_DIR_CUR], file, F_OK, 0) !=
		0 &&
	    errno == ENOENT)
		gone->entry[gone->count++] = entry;
	free(file);
}

/* Looks at both directories instead of being told. */
static void
look(struct take *take)
{
	struct gone gone = {.take = take};

	gone.entry =
	    xcalloc(lineup_count_out(take->lineup) + 1, sizeof *gone.entry);
	lineup_each_out(take->lineup, check_out, &gone);
	for (size_t i = 0; i < gone.count; i++)
		lineup_remove(take->lineup, gone.entry[i]);
	free(gone.entry);
	queue_each(take->queue, QUEUE_DIR_NEW, add_new, take);
	if (take->unread_count != take->unread_at)
		qsort(take->unread + take->unread_at,
		    take->unread_count - take->unread_at, sizeof *take->unread,
		    compare_names);
}

static void
on_came(void *arg, const char *name)
{
	(void)add_new(arg, name);
}

static void
on_left(void *arg, const char *name)
{
	struct take *take = arg;
	struct queue_file file;
	struct entry *entry;
	char *base;

	if (!queue_file_parse(&file, name) || file.attempt == 0)
		return;
	base = xstrndup(name, file.base_length);
	entry = lineup_find(take->lineup, base);
	/* our own move to the next attempt leaves the old name */
	if (entry != NULL && entry->out && entry->attempts == file.attempt)
		lineup_remove(take->lineup, entry);
	free(base);
}

/* ---- handing out */

static void
hand_out(struct take *take)
{
	struct handout handout;

	do {
		bool ok = handout_gather(take->queue, take->lineup, &handout);

		if (!ok && !take->refused)
			log_error("queue %s: cannot move a turn: %s; trying "
				  "again",
			    queue_name(take->queue), strerror(errno));
		take->refused = !ok;
		handout_write(take->queue, &handout);
	} while (!take->refused && handout.count == HANDOUT_MAX);
}

/* ---- the loop */

static void
wait_for_more(struct take *take)
{
	const struct watcher watcher = {
	    .came = on_came, .left = on_left, .arg = take};
	struct pollfd p[] = {
	    {.fd = watch_fd(take->watch), .events = POLLIN},
	    {.fd = take->drain.signals, .events = POLLIN},
	    {.fd = STDOUT_FILENO, .events = 0},
	};
	int timeout = drain_timeout(&take->drain, watch_timeout(take->watch));

	if (take->unread_count != 0)
		timeout = 0;
	else if (take->refused && timeout > TRY_AGAIN_MS)
		timeout = TRY_AGAIN_MS;
	if (poll(p, 3, timeout) < 0 && errno != EINTR)
		fatal(EX_OSERR, "poll: %s", strerror(errno));
	if (!watch_read(take->watch, &watcher))
		look(take);
	drain_check(&take->drain, p[2].revents);
}

static bool
adopt(void *arg, const char *name)
{
	struct take *take = arg;

	handout_line_up(take->queue, take->lineup, name);
	return true;
}

static bool
is_finished(const struct take *take, bool until_empty)
{
	if (take->drain.begun)
		return lineup_count_out(take->lineup) == 0 ||
		       drain_is_over(&take->drain);
	return until_empty && take->unread_count == 0 &&
	       lineup_count(take->lineup) == 0;
}

int
take_run(struct queue *queue, const struct take_options *options)
{
	struct take take = {.queue = queue};
	int lock = queue_lock_take(queue);

	if (lock < 0)
		fatal(EX_TEMPFAIL,
		    "queue %s: another 'oc-spool take' hands it out; one at a "
		    "time can",
		    queue_name(queue));
	drain_open(&take.drain, options->drain_ms);
	take.lineup = lineup_new(options->in_flight);
	take.watch = watch_open(queue, options->poll_ms);
	queue_each(queue, QUEUE_DIR_CUR, adopt, &take);
	look(&take);
	for (;;) {
		read_some(&take);
		if (!take.drain.begun)
			hand_out(&take);
		if (is_finished(&take, options->until_empty))
			break;
		wait_for_more(&take);
	}
	if (lineup_count_out(take.lineup) != 0)
		log_warn("queue %s: %zu messages were not finished in time; "
			 "they go on at the next start",
		    queue_name(queue), lineup_count_out(take.lineup));
	while (take.unread_at < take.unread_count)
		free(take.unread[take.unread_at++]);
	free(take.unread);
	watch_free(take.watch);
	lineup_free(take.lineup);
	drain_close(&take.drain);
	close(lock);
	return EX_OK;
}
