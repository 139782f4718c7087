#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <event2/event.h>
#include "api_parts.h"
#include "buf.h"
#include "io.h"
#include "json.h"
#include "notice.h"
#include "state.h"
#include "wait.h"
#include "xalloc.h"

/*
 * Events are sent as they stand in the turns' files, with `turn` added.  As
 * long as somebody wants those of all turns, the directory of turns is
 * watched, and each turn in it is waited for.
 */
enum {
	STREAMS_MAX = 100, /* more are refused: each costs a copy of all */
	TURNS_MAX = 500,
	ALIVE_S = 15,
	LOOK_S = 2, /* where new turns are not seen */
};

/* A turn that is followed. */
struct followed {
	struct followed *next;
	struct feed *feed;
	char *name, *id;
	struct waiting *waiting;
	bool ended;
};

/* A client. */
struct stream {
	struct stream *next;
	struct feed *feed;
	struct request *request;
	char *id; /* NULL: all turns */
	struct waiting *waiting;
	struct event *end; /* once it is through, out of any callback */
};

struct feed {
	struct api *api;
	struct notice *notice;
	struct event *alive, *look;
	int watch;
	struct followed *followed;
	struct stream *streams;
	size_t count, all_count, followed_count;
};

/* ---- to the clients */

static void
write_event(struct buf *out, const char *id, jv ref_event)
{
	jv event = json_set_string(json_copy(ref_event), "turn", id);

	buf_printf(
	    out, "event: %s\ndata: ", json_get_string(ref_event, "event", "?"));
	json_write(out, event);
	buf_add_string(out, "\n\n");
	jv_free(event);
}

static void
send_to_all(struct feed *feed, const struct buf *text)
{
	for (struct stream *s = feed->streams; s != NULL; s = s->next)
		if (s->id == NULL)
			(void)request_send(
			    s->request, text->data, text->length);
}

/* ---- turns, for those who want all */

static void
forget(struct feed *feed, struct followed **at)
{
	struct followed *followed = *at;

	*at = followed->next;
	feed->followed_count--;
	wait_cancel(followed->waiting);
	free(followed->name);
	free(followed->id);
	free(followed);
}

static void
on_event(jv ref_event, void *arg)
{
	struct followed *followed = arg;
	struct buf text = {0};

	write_event(&text, followed->id, ref_event);
	send_to_all(followed->feed, &text);
	buf_free(&text);
	if (strcmp(json_get_string(ref_event, "event", ""), "reply") == 0)
		followed->ended = true;
}

static bool
is_followed(const struct feed *feed, const char *name)
{
	const struct followed *one = feed->followed;

	while (one != NULL && strcmp(one->name, name) != 0)
		one = one->next;
	return one != NULL;
}

static void
follow(struct feed *feed, const char *name)
{
	struct followed *followed;
	char *id;

	/* a name that was cut does not tell the id */
	if (name[0] == '.' || strchr(name, '~') != NULL ||
	    is_followed(feed, name) || feed->followed_count == TURNS_MAX ||
	    (id = api_decode(name, strlen(name))) == NULL)
		return;
	followed = xcalloc(1, sizeof *followed);
	followed->feed = feed;
	followed->name = xstrdup(name);
	followed->id = id;
	followed->next = feed->followed;
	feed->followed = followed;
	feed->followed_count++;
	followed->waiting =
	    wait_events(feed->api->wait, id, on_event, followed);
}

/* Follows what is new, and forgets what is gone. */
static void
look_at_turns(struct feed *feed)
{
	char *path = state_path("turns");
	DIR *directory = path != NULL ? opendir(path) : NULL;
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		follow(feed, entry->d_name);
	if (directory != NULL)
		closedir(directory);
	free(path);
	for (struct followed **at = &feed->followed; *at != NULL;) {
		if (!api_turn_runs((*at)->id))
			forget(feed, at);
		else
			at = &(*at)->next;
	}
}

static void
on_notice(void *arg, int watch, uint32_t mask, const char *name)
{
	struct feed *feed = arg;

	if (watch < 0)
		look_at_turns(feed);
	else if ((mask & IN_CREATE) != 0)
		follow(feed, name);
	else
		for (struct followed **at = &feed->followed; *at != NULL;
		     at = &(*at)->next)
			if (strcmp((*at)->name, name) == 0) {
				forget(feed, at);
				break;
			}
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look_at_turns(arg);
}

static void
begin_all(struct feed *feed)
{
	static const struct timeval often = {.tv_sec = LOOK_S};
	char *path = state_path("turns");

	if (path != NULL && io_make_directories(path))
		feed->watch = notice_add(
		    feed->notice, path, IN_CREATE | IN_DELETE | IN_ONLYDIR);
	free(path);
	look_at_turns(feed);
	event_add(feed->look, &often);
}

static void
end_all(struct feed *feed)
{
	notice_remove(feed->notice, feed->watch);
	feed->watch = -1;
	event_del(feed->look);
	while (feed->followed != NULL)
		forget(feed, &feed->followed);
}

/* ---- clients */

static void
stream_free(struct stream *stream)
{
	struct feed *feed = stream->feed;
	struct stream **at = &feed->streams;

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	feed->count--;
	if (stream->id == NULL && --feed->all_count == 0)
		end_all(feed);
	if (feed->count == 0)
		event_del(feed->alive);
	wait_cancel(stream->waiting);
	event_free(stream->end);
	free(stream->id);
	free(stream);
}

static void
on_gone(void *arg)
{
	stream_free(arg);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	static const char last[] = "event: end\ndata: {}\n\n";
	struct stream *stream = arg;
	struct request *request = stream->request;

	(void)fd;
	(void)what;
	request_on_gone(request, NULL, NULL);
	stream_free(stream);
	(void)request_send(request, last, strlen(last));
	request_end(request);
}

static void
end_soon(struct stream *stream)
{
	static const struct timeval now = {0, 0};

	evtimer_add(stream->end, &now);
}

static void
on_own_event(jv ref_event, void *arg)
{
	struct stream *stream = arg;
	struct buf text = {0};

	write_event(&text, stream->id, ref_event);
	(void)request_send(stream->request, text.data, text.length);
	buf_free(&text);
	if (strcmp(json_get_string(ref_event, "event", ""), "reply") == 0)
		end_soon(stream);
}

/* A comment keeps proxies from cutting what is silent. */
static void
on_alive(evutil_socket_t fd, short what, void *arg)
{
	static const char comment[] = ": alive\n\n";
	struct feed *feed = arg;

	(void)fd;
	(void)what;
	for (struct stream *s = feed->streams; s != NULL; s = s->next) {
		(void)request_send(s->request, comment, strlen(comment));
		if (s->id != NULL && !api_turn_runs(s->id))
			end_soon(s);
	}
}

static struct stream *
stream_new(struct feed *feed, struct request *request, const char *id)
{
	static const struct timeval often = {.tv_sec = ALIVE_S};
	struct stream *stream;

	if (feed->count == STREAMS_MAX) {
		request_set_header(request, "Retry-After", "10");
		request_error(request, 503, "api_error",
		    "too many follow events already");
		return NULL;
	}
	stream = xcalloc(1, sizeof *stream);
	stream->feed = feed;
	stream->request = request;
	stream->id = id != NULL ? xstrdup(id) : NULL;
	stream->end =
	    evtimer_new(server_base(feed->api->server), on_end, stream);
	stream->next = feed->streams;
	feed->streams = stream;
	if (feed->count++ == 0)
		event_add(feed->alive, &often);
	request_set_header(request, "Cache-Control", "no-store");
	request_stream(request, "text/event-stream");
	request_on_gone(request, on_gone, stream);
	(void)request_send(request, ": events\n\n", strlen(": events\n\n"));
	return stream;
}

void
feed_all(struct request *request, void *arg)
{
	struct api *api = arg;
	struct feed *feed = api->feed;
	struct stream *stream = stream_new(feed, request, NULL);

	if (stream != NULL && feed->all_count++ == 0)
		begin_all(feed);
}

void
feed_turn(struct request *request, struct api *api, const char *id)
{
	struct stream *stream;

	if (!api_turn_runs(id)) {
		api_not_found(request);
		return;
	}
	stream = stream_new(api->feed, request, id);
	if (stream != NULL)
		stream->waiting =
		    wait_events(api->wait, id, on_own_event, stream);
}

/* ---- the whole */

/* Nobody waits for our end because he watches. */
static void
on_drain(void *arg)
{
	const struct feed *feed = arg;

	for (struct stream *s = feed->streams; s != NULL; s = s->next)
		end_soon(s);
}

struct feed *
feed_new(struct api *api)
{
	struct event_base *base = server_base(api->server);
	struct feed *feed = xcalloc(1, sizeof *feed);

	feed->api = api;
	feed->watch = -1;
	feed->notice = notice_new(base, on_notice, feed);
	feed->alive = event_new(base, -1, EV_PERSIST, on_alive, feed);
	feed->look = event_new(base, -1, EV_PERSIST, on_look, feed);
	server_on_drain(api->server, on_drain, feed);
	return feed;
}

void
feed_free(struct feed *feed)
{
	if (feed == NULL)
		return;
	while (feed->streams != NULL) {
		request_on_gone(feed->streams->request, NULL, NULL);
		stream_free(feed->streams);
	}
	event_free(feed->alive);
	event_free(feed->look);
	notice_free(feed->notice);
	free(feed);
}
