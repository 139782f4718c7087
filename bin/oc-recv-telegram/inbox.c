#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "inbox.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "name.h"
#include "xalloc.h"

enum {
	SIDE_BY_SIDE = 2, /* each is in memory until it is written */
	ATTEMPTS_MAX = 4,
	RETRY_MS = 1000, /* doubled each time */
};

/* One file on its way. */
struct fetch {
	struct fetch *next;
	struct inbox *inbox;
	struct inbox_file file;
	int64_t update;
	int number;
	int attempts;
	int64_t at;                 /* not before */
	struct telegram_call *call; /* NULL: it waits */
	void (*done)(jv own_media, const char *problem, void *arg);
	void *arg;
};

struct inbox {
	struct telegram *telegram;
	char *folder;
	int64_t most;
	struct fetch *first;
	size_t under_way;
};

/* ---- what a message brings */

void
inbox_file_free(struct inbox_file *file)
{
	free(file->file_id);
	free(file->name);
	free(file->mime);
	*file = (struct inbox_file){.bytes = 0};
}

static bool
read_file(
    jv ref_file, const char *name, const char *mime, struct inbox_file *file)
{
	const char *id = json_get_string(ref_file, "file_id", "");

	if (*id == '\0')
		return false;
	file->file_id = xstrdup(id);
	file->name = xstrdup(json_get_string(ref_file, "file_name", name));
	file->mime = xstrdup(json_get_string(ref_file, "mime_type", mime));
	file->bytes = json_get_int(ref_file, "file_size", 0);
	return true;
}

/* A photo comes in several sizes; the largest stands last. */
static bool
read_photo(jv ref_message, struct inbox_file *file)
{
	jv sizes = json_get(ref_message, "photo");
	jv best = json_at(sizes, json_length(sizes) - 1);
	bool found = read_file(best, "photo.jpg", "image/jpeg", file);

	jv_free(best);
	jv_free(sizes);
	return found;
}

/* A message holds one of these; an animation is there as a document as well. */
static size_t
files_of(jv ref_message, struct inbox_file *files)
{
	static const struct {
		const char *key, *name, *mime;
	} kinds[] = {{"document", "document", "application/octet-stream"},
	    {"voice", "voice.ogg", "audio/ogg"},
	    {"audio", "audio.mp3", "audio/mpeg"},
	    {"video", "video.mp4", "video/mp4"},
	    {"video_note", "video.mp4", "video/mp4"},
	    {"animation", "animation.mp4", "video/mp4"}};

	if (read_photo(ref_message, files))
		return 1;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		jv file = json_get(ref_message, kinds[i].key);
		bool found =
		    read_file(file, kinds[i].name, kinds[i].mime, files);

		jv_free(file);
		if (found)
			return 1;
	}
	return 0;
}

size_t
inbox_files(jv ref_message, struct inbox_file files[INBOX_FILES_MAX])
{
	jv answered = json_get(ref_message, "reply_to_message");
	size_t count = files_of(ref_message, files);

	count += files_of(answered, files + count);
	jv_free(answered);
	return count;
}

/* ---- the list of those on their way */

struct inbox *
inbox_new(struct telegram *telegram, const char *workspace, int64_t most)
{
	struct inbox *inbox = xcalloc(1, sizeof *inbox);

	inbox->telegram = telegram;
	inbox->folder = xasprintf("%s/inbox", workspace);
	inbox->most = most;
	return inbox;
}

static void
fetch_free(struct fetch *fetch)
{
	struct fetch **link = &fetch->inbox->first;

	while (*link != fetch)
		link = &(*link)->next;
	*link = fetch->next;
	inbox_file_free(&fetch->file);
	free(fetch);
}

static void
finish(struct fetch *fetch, jv own_media, const char *problem)
{
	void (*done)(jv own_media, const char *problem, void *arg) =
	    fetch->done;
	void *arg = fetch->arg;

	fetch_free(fetch);
	done(own_media, problem, arg);
}

void
inbox_free(struct inbox *inbox)
{
	if (inbox == NULL)
		return;
	while (inbox->first != NULL) {
		if (inbox->first->call != NULL)
			telegram_cancel(inbox->first->call);
		finish(inbox->first, json_null(), "stopped");
	}
	free(inbox->folder);
	free(inbox);
}

static void
give_up(struct fetch *fetch, const char *why)
{
	char *problem = xasprintf(
	    "the file %s could not be taken: %s", fetch->file.name, why);

	finish(fetch, json_null(), problem);
	free(problem);
}

static void
give_up_too_large(struct fetch *fetch)
{
	char *why = xasprintf(
	    "it is larger than %" PRId64 " bytes", fetch->inbox->most);

	give_up(fetch, why);
	free(why);
}

/* Again later, or never. */
static void
failed(struct fetch *fetch, const struct telegram_answer *answer)
{
	bool again = answer->outcome == TELEGRAM_FLOOD ||
		     answer->outcome == TELEGRAM_NOT_SENT ||
		     answer->outcome == TELEGRAM_UNKNOWN;
	int64_t wait = RETRY_MS << fetch->attempts;

	if (again && ++fetch->attempts < ATTEMPTS_MAX) {
		if (answer->outcome == TELEGRAM_FLOOD)
			wait = answer->retry_after_s * 1000;
		fetch->at = clock_mono_ms() + wait;
		return;
	}
	log_warn(
	    "file of update %" PRId64 ": %s", fetch->update, answer->message);
	give_up(fetch,
	    again ? "Telegram could not be reached" : "Telegram refused it");
}

/* ---- one file: getFile, the bytes, the disk */

static void
save(struct fetch *fetch, const struct buf *body)
{
	char day[CLOCK_RFC3339_SIZE];
	char *folder, *name, *path;
	jv media = json_object();

	clock_rfc3339(clock_now_ms(), day);
	folder = xasprintf("%s/%.10s", fetch->inbox->folder, day);
	name = name_clean(fetch->file.name);
	path = xasprintf(
	    "%s/%" PRId64 "-%d-%s", folder, fetch->update, fetch->number, name);
	if (io_make_directories(folder) &&
	    io_replace_file(path, buf_string(body), body->length)) {
		media = json_set_string(media, "path", path);
		media = json_set_string(media, "mime", fetch->file.mime);
		media = json_set_int(media, "bytes", (int64_t)body->length);
		finish(fetch, media, NULL);
	} else {
		log_error("%s: %s", path, strerror(errno));
		jv_free(media);
		give_up(fetch, "it could not be written");
	}
	free(folder);
	free(name);
	free(path);
}

static void
on_bytes(const struct telegram_answer *answer, void *arg)
{
	struct fetch *fetch = arg;

	fetch->call = NULL;
	fetch->inbox->under_way--;
	if (answer->outcome == TELEGRAM_OK)
		save(fetch, answer->body);
	else if (answer->outcome == TELEGRAM_REFUSED && answer->status == 200)
		give_up_too_large(fetch);
	else
		failed(fetch, answer);
}

static void
on_path(const struct telegram_answer *answer, void *arg)
{
	struct fetch *fetch = arg;
	const char *path = json_get_string(answer->result, "file_path", "");

	fetch->call = NULL;
	fetch->inbox->under_way--;
	if (answer->outcome == TELEGRAM_REFUSED &&
	    strstr(answer->description, "too big") != NULL)
		give_up(fetch, "it is larger than Telegram gives to bots");
	else if (answer->outcome != TELEGRAM_OK)
		failed(fetch, answer);
	else if (*path == '\0')
		give_up(fetch, "Telegram did not say where it is");
	else if (json_get_int(answer->result, "file_size", 0) >
		 fetch->inbox->most)
		give_up_too_large(fetch);
	else {
		fetch->inbox->under_way++;
		fetch->call = telegram_fetch(fetch->inbox->telegram, path,
		    (size_t)fetch->inbox->most, on_bytes, fetch);
	}
}

static void
start(struct fetch *fetch)
{
	jv params =
	    json_set_string(json_object(), "file_id", fetch->file.file_id);

	fetch->inbox->under_way++;
	fetch->call = telegram_ask(fetch->inbox->telegram,
	    &(struct telegram_request){
		.method = "getFile", .done = on_path, .arg = fetch},
	    params);
}

void
inbox_fetch(struct inbox *inbox, struct inbox_file *own_file, int64_t update,
    int number, void (*done)(jv own_media, const char *problem, void *arg),
    void *arg)
{
	struct fetch *fetch = xcalloc(1, sizeof *fetch), **link = &inbox->first;

	fetch->inbox = inbox;
	fetch->file = *own_file;
	*own_file = (struct inbox_file){.bytes = 0};
	fetch->update = update;
	fetch->number = number;
	fetch->done = done;
	fetch->arg = arg;
	while (*link != NULL)
		link = &(*link)->next;
	*link = fetch;
}

int64_t
inbox_deadline(const struct inbox *inbox)
{
	int64_t soonest = -1;

	if (inbox->under_way >= SIDE_BY_SIDE)
		return -1;
	for (const struct fetch *f = inbox->first; f != NULL; f = f->next)
		if (f->call == NULL && (soonest < 0 || f->at < soonest))
			soonest = f->at;
	return soonest;
}

void
inbox_work(struct inbox *inbox)
{
	int64_t now = clock_mono_ms();

	for (struct fetch *f = inbox->first, *next; f != NULL; f = next) {
		next = f->next;
		if (inbox->under_way >= SIDE_BY_SIDE)
			break;
		if (f->call != NULL || f->at > now)
			continue;
		if (f->file.bytes > inbox->most)
			give_up_too_large(f);
		else
			start(f);
	}
}
