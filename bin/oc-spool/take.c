#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <fcntl.h>
#include <unistd.h>
#include "clock.h"
#include "handout.h"
#include "json.h"
#include "lineup.h"
#include "log.h"
#include "take.h"
#include "turn.h"
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
	int signals;
	char **unread; /* names of new/ in the order of arrival */
	size_t unread_count, unread_at, unread_capacity;
	bool draining, refused;
	int64_t drain_until;
	int drain_ms;
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

/*
 * A turn is written when its move is safe: after a crash of the machine it
 * must be known that it had been begun.
 */
static void
write_out(struct take *take, struct handout *handout)
{
	bool told = false;

	while (handout->count != 0 && !queue_sync(take->queue, QUEUE_DIR_CUR)) {
		if (!told)
			log_error("queue %s: cannot sync: %s; trying again",
			    queue_name(take->queue), strerror(errno));
		told = true;
		poll(NULL, 0, TRY_AGAIN_MS);
	}
	for (size_t i = 0; i < handout->count; i++)
		turn_write(handout->turn[i]);
}

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
		write_out(take, &handout);
	} while (!take->refused && handout.count == HANDOUT_MAX);
}

/* ---- the loop */

/*
 * No new turns; what is out is finished by others, and then we end.  Told
 * twice, we end at once.
 */
static void
drain(struct take *take)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (take->draining)
		take->drain_until = 0;
	if (take->draining)
		return;
	take->draining = true;
	take->drain_until = clock_mono_ms() + take->drain_ms;
	/* those behind us end after their last turn */
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		fatal(EX_OSERR, "/dev/null: %s", strerror(errno));
	close(null);
}

static int
shorter(int timeout, int64_t until)
{
	int64_t left = until - clock_mono_ms();

	if (left < 0)
		left = 0;
	return left < timeout ? (int)left : timeout;
}

static void
wait_for_more(struct take *take)
{
	static const int reader_gone = POLLERR | POLLHUP | POLLNVAL;
	const struct watcher watcher = {
	    .came = on_came, .left = on_left, .arg = take};
	struct pollfd p[] = {
	    {.fd = watch_fd(take->watch), .events = POLLIN},
	    {.fd = take->signals, .events = POLLIN},
	    {.fd = STDOUT_FILENO, .events = 0},
	};
	struct signalfd_siginfo info;
	int timeout = watch_timeout(take->watch);

	if (take->draining)
		timeout = shorter(timeout, take->drain_until);
	if (take->unread_count != 0)
		timeout = 0;
	else if (take->refused && timeout > TRY_AGAIN_MS)
		timeout = TRY_AGAIN_MS;
	if (poll(p, 3, timeout) < 0 && errno != EINTR)
		fatal(EX_OSERR, "poll: %s", strerror(errno));
	if (!watch_read(take->watch, &watcher))
		look(take);
	if (read(take->signals, &info, sizeof info) == sizeof info)
		drain(take);
	else if (!take->draining && (p[2].revents & reader_gone) != 0)
		fatal(EX_UNAVAILABLE,
		    "standard output: the reader is gone; the next program "
		    "of the pipe ended");
}

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
adopt(void *arg, const char *name)
{
	struct take *take = arg;

	handout_line_up(take->queue, take->lineup, name);
	return true;
}

static bool
is_finished(const struct take *take, bool until_empty)
{
	if (take->draining)
		return lineup_count_out(take->lineup) == 0 ||
		       clock_mono_ms() >= take->drain_until;
	return until_empty && take->unread_count == 0 &&
	       lineup_count(take->lineup) == 0;
}

int
take_run(struct queue *queue, const struct take_options *options)
{
	struct take take = {.queue = queue, .drain_ms = options->drain_ms};
	int lock = queue_lock_take(queue);

	if (lock < 0)
		fatal(EX_TEMPFAIL,
		    "queue %s: another 'oc-spool take' hands it out; one at a "
		    "time can",
		    queue_name(queue));
	take.signals = open_signals();
	take.lineup = lineup_new(options->in_flight);
	take.watch = watch_open(queue, options->poll_ms);
	queue_each(queue, QUEUE_DIR_CUR, adopt, &take);
	look(&take);
	for (;;) {
		read_some(&take);
		if (!take.draining)
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
	close(take.signals);
	close(lock);
	return EX_OK;
}
