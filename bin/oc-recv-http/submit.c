#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/event.h>
#include "clock.h"
#include "json.h"
#include "log.h"
#include "redis.h"
#include "sink.h"
#include "submit.h"
#include "turn.h"
#include "ulid.h"
#include "xalloc.h"

enum {
	PATIENCE_MS = 5000, /* a sync takes milliseconds, unless the disk is
	                     * full */
	WAITING_MAX = 4096, /* beyond that more would only wait longer */
	CLOSE_MS = 5000,
};

/* A turn that is not safe yet. */
struct pending {
	TAILQ_ENTRY(pending) entry;
	char *id, *session;
	int64_t since;
	bool given_up, written, safe;
	bool keyed; /* asked for again it is the same turn */
	void (*done)(bool safe, void *arg); /* NULL: nobody waits */
	void *arg;
};

struct submit {
	struct sink *sink;
	struct event *readable, *writable, *timer;
	TAILQ_HEAD(pending_list, pending) pending;
	size_t count;
};

static void
forget(struct submit *submit, struct pending *pending)
{
	TAILQ_REMOVE(&submit->pending, pending, entry);
	submit->count--;
	free(pending->id);
	free(pending->session);
	free(pending);
}

static void
tell(struct pending *pending, bool safe)
{
	void (*done)(bool safe, void *arg) = pending->done;

	pending->done = NULL;
	if (done != NULL)
		done(safe, pending->arg);
}

/* An id came back.  They come in the order of the lines. */
static void
on_confirmed(const char *id, void *arg)
{
	struct submit *submit = arg;
	struct pending *pending;

	TAILQ_FOREACH (pending, &submit->pending, entry)
		if (strcmp(pending->id, id) == 0)
			break;
	if (pending == NULL)
		return; /* of a stop */
	if (submit->readable == NULL) {
		/* standard output says so at once: not from inside of it */
		pending->safe = true;
		event_active(submit->timer, EV_TIMEOUT, 0);
		return;
	}
	tell(pending, true);
	forget(submit, pending);
}

/* ---- the event loop */

static void
watch(struct submit *submit)
{
	struct pollfd fds[SINK_POLLFDS];

	sink_prepare(submit->sink, fds);
	if (fds[1].fd >= 0)
		event_add(submit->writable, NULL);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct submit *submit = arg;
	struct pollfd fds[SINK_POLLFDS];

	(void)fd;
	sink_prepare(submit->sink, fds);
	if (what & EV_READ)
		fds[0].revents = POLLIN;
	if (what & EV_WRITE)
		fds[1].revents = POLLOUT;
	sink_work(submit->sink, fds);
	watch(submit);
}

/* What takes too long, or was refused: asked about once in a while. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct submit *submit = arg;
	struct pending *pending, *next;
	int64_t now = clock_mono_ms();

	(void)fd;
	(void)what;
	/* so that it is known before somebody asks */
	(void)redis_answers();
	for (pending = TAILQ_FIRST(&submit->pending); pending != NULL;
	     pending = next) {
		next = TAILQ_NEXT(pending, entry);
		if (pending->safe) {
			tell(pending, true);
			forget(submit, pending);
			continue;
		}
		if (pending->given_up || now - pending->since < PATIENCE_MS)
			continue;
		pending->given_up = true;
		if (pending->written)
			log_warn("turn %s: not safe on disk after %d s; it is "
				 "refused",
			    pending->id, PATIENCE_MS / 1000);
		if (pending->written && !pending->keyed)
			submit_stop(submit, pending->session, pending->id);
		tell(pending, false);
		if (!pending->written)
			forget(submit, pending);
	}
}

struct submit *
submit_new(struct event_base *base, char *const *argv)
{
	static const struct timeval second = {.tv_sec = 1};
	struct submit *submit = xcalloc(1, sizeof *submit);
	struct pollfd fds[SINK_POLLFDS];

	TAILQ_INIT(&submit->pending);
	submit->sink = sink_open(argv, on_confirmed, submit);
	sink_prepare(submit->sink, fds);
	submit->timer =
	    event_new(base, -1, EV_TIMEOUT | EV_PERSIST, on_timer, submit);
	event_add(submit->timer, &second);
	if (fds[0].fd < 0)
		return submit; /* standard output: safe at once */
	submit->readable =
	    event_new(base, fds[0].fd, EV_READ | EV_PERSIST, on_ready, submit);
	submit->writable = event_new(
	    base, sink_output(submit->sink), EV_WRITE, on_ready, submit);
	event_add(submit->readable, NULL);
	return submit;
}

void
submit_free(struct submit *submit)
{
	if (submit == NULL)
		return;
	event_free(submit->timer);
	if (submit->readable != NULL) {
		event_free(submit->readable);
		event_free(submit->writable);
	}
	while (!TAILQ_EMPTY(&submit->pending))
		forget(submit, TAILQ_FIRST(&submit->pending));
	sink_close(submit->sink, CLOSE_MS);
	free(submit);
}

/* ---- turns */

static void
write_line(struct submit *submit, const char *id, jv own_record)
{
	struct buf line = {0};

	json_write(&line, own_record);
	buf_add_byte(&line, '\n');
	sink_write(submit->sink, id, line.data, line.length);
	buf_free(&line);
	jv_free(own_record);
	if (submit->writable != NULL)
		watch(submit);
}

static void
put(struct submit *submit, jv own_turn, bool keyed,
    void (*done)(bool safe, void *arg), void *arg)
{
	struct pending *pending = xcalloc(1, sizeof *pending);

	*pending = (struct pending){.id = xstrdup(turn_id(own_turn)),
	    .session = xstrdup(turn_session(own_turn)),
	    .since = clock_mono_ms(),
	    .keyed = keyed,
	    .done = done,
	    .arg = arg};
	TAILQ_INSERT_TAIL(&submit->pending, pending, entry);
	submit->count++;
	if (submit->count > WAITING_MAX || redis_is_down()) {
		log_warn("turn %s: %s; it is refused", pending->id,
		    redis_is_down() ? "redis: not reachable"
				    : "too many wait already");
		jv_free(own_turn);
		pending->since -= PATIENCE_MS; /* not from inside of here */
		event_active(submit->timer, EV_TIMEOUT, 0);
		return;
	}
	pending->written = true;
	write_line(submit, pending->id, own_turn);
}

void
submit_turn(struct submit *submit, jv own_turn,
    void (*done)(bool safe, void *arg), void *arg)
{
	put(submit, own_turn, false, done, arg);
}

void
submit_keyed(struct submit *submit, jv own_turn,
    void (*done)(bool safe, void *arg), void *arg)
{
	put(submit, own_turn, true, done, arg);
}

void
submit_forget(struct submit *submit, void *arg)
{
	struct pending *pending;

	TAILQ_FOREACH (pending, &submit->pending, entry)
		if (pending->arg == arg)
			pending->done = NULL;
}

void
submit_stop(struct submit *submit, const char *session, const char *id)
{
	jv stop = json_set_string(json_object(), "type", "stop");
	char stop_id[ULID_SIZE];

	ulid_make(stop_id);
	stop = json_set_string(stop, "session", session);
	stop = json_set_string(stop, "id", id);
	stop = json_set_string(stop, "stop_id", stop_id);
	stop = json_set_string(stop, "by", log_program());
	write_line(submit, stop_id, stop);
}

size_t
submit_waiting(const struct submit *submit, int64_t *since)
{
	const struct pending *first = TAILQ_FIRST(&submit->pending);

	*since = first != NULL ? first->since : 0;
	return submit->count;
}
