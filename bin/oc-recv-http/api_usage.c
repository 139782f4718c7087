#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include "api_parts.h"
#include "clock.h"
#include "json.h"
#include "usage.h"
#include "xalloc.h"

/*
 * The files of usage are read a piece at a time in between other work, and
 * each day's sums are kept: a day that is over is read once.  An answer waits
 * until what it needs is read.
 */
enum {
	DAYS = 14,
	DAYS_MAX = 31,
	GROUPS_MAX = 300,  /* names of a kind in a day; the rest is "other" */
	ANSWERED_MAX = 50, /* sessions that an answer holds */
	WAITING_MAX = 100,
	DAY_MS = 24 * 60 * 60 * 1000,
};

struct group {
	struct group *next;
	char *name;
	struct usage_total total;
};

struct groups {
	struct group *first;
	int count;
};

struct day {
	char name[USAGE_DAY_SIZE];
	struct usage_reader *reader; /* NULL: it is over, and was read */
	bool read;                   /* up to now */
	struct usage_total total;
	struct groups models, sessions;
};

struct asking {
	struct asking *next;
	struct tally *tally;
	struct request *request;
	size_t days;
};

struct tally {
	struct event *work;
	struct day *day[DAYS_MAX]; /* today first */
	struct asking *asking;
	size_t asking_count;
};

/* ---- sums */

static void
merge(struct usage_total *into, const struct usage_total *from)
{
	into->attempts += from->attempts;
	into->failed += from->failed;
	into->input += from->input;
	into->output += from->output;
	into->cached += from->cached;
	into->cost += from->cost;
}

static struct usage_total *
group_of(struct groups *groups, const char *name)
{
	struct group *group = groups->first;

	while (group != NULL && strcmp(group->name, name) != 0)
		group = group->next;
	if (group == NULL && groups->count >= GROUPS_MAX &&
	    strcmp(name, "other") != 0)
		return group_of(groups, "other");
	if (group == NULL) {
		group = xcalloc(1, sizeof *group);
		group->name = xstrdup(name);
		group->next = groups->first;
		groups->first = group;
		groups->count++;
	}
	return &group->total;
}

static void
merge_groups(struct groups *into, const struct groups *from)
{
	for (const struct group *g = from->first; g != NULL; g = g->next)
		merge(group_of(into, g->name), &g->total);
}

static void
groups_free(struct groups *groups)
{
	struct group *next;

	for (struct group *g = groups->first; g != NULL; g = next) {
		next = g->next;
		free(g->name);
		free(g);
	}
	*groups = (struct groups){0};
}

static void
add_line(void *arg, jv ref_line)
{
	struct day *day = arg;
	const char *model = json_get_string(ref_line, "model", "?");
	const char *session = json_get_string(ref_line, "session", "?");

	usage_total_add(&day->total, ref_line);
	usage_total_add(group_of(&day->models, model), ref_line);
	usage_total_add(group_of(&day->sessions, session), ref_line);
}

/* ---- days */

static void
day_free(struct day *day)
{
	if (day == NULL)
		return;
	usage_free(day->reader);
	groups_free(&day->models);
	groups_free(&day->sessions);
	free(day);
}

/* Puts today first, and moves the days that are known. */
static void
arrange(struct tally *tally)
{
	struct day *old[DAYS_MAX];
	int64_t now = clock_now_ms();

	memcpy(old, tally->day, sizeof old);
	for (size_t i = 0; i < DAYS_MAX; i++) {
		char name[USAGE_DAY_SIZE];
		struct day *day = NULL;

		usage_day(now - (int64_t)i * DAY_MS, name);
		for (size_t k = 0; k < DAYS_MAX && day == NULL; k++)
			if (old[k] != NULL && strcmp(old[k]->name, name) == 0) {
				day = old[k];
				old[k] = NULL;
			}
		if (day == NULL) {
			day = xcalloc(1, sizeof *day);
			memcpy(day->name, name, sizeof day->name);
			day->reader = usage_open(name);
		}
		day->read = day->reader == NULL;
		tally->day[i] = day;
	}
	for (size_t i = 0; i < DAYS_MAX; i++)
		day_free(old[i]);
}

/* One piece; false: all that is asked for was read. */
static bool
read_piece(struct tally *tally, size_t days)
{
	for (size_t i = 0; i < days; i++) {
		struct day *day = tally->day[i];

		if (day->read)
			continue;
		if (usage_read_some(day->reader, add_line, day))
			return true;
		day->read = true;
		if (i != 0) {
			usage_free(day->reader);
			day->reader = NULL;
		}
	}
	return false;
}

/* ---- answers */

static jv
total_object(const struct usage_total *total)
{
	jv one = json_set_int(json_object(), "calls", total->attempts);

	one = json_set_int(one, "failed", total->failed);
	one = json_set_int(one, "input", total->input);
	one = json_set_int(one, "output", total->output);
	one = json_set_int(one, "cached", total->cached);
	return json_set(one, "cost", json_number(total->cost));
}

static int
compare(const void *a, const void *b)
{
	const struct group *const *left = a, *const *right = b;
	int64_t l = (*left)->total.input + (*left)->total.output;
	int64_t r = (*right)->total.input + (*right)->total.output;

	if (l != r)
		return l > r ? -1 : 1;
	return strcmp((*left)->name, (*right)->name);
}

/* The largest first. */
static jv
groups_array(const struct groups *groups, size_t most)
{
	const struct group **list =
	    xcalloc((size_t)groups->count + 1, sizeof *list);
	size_t count = 0;
	jv all = json_array();

	for (const struct group *g = groups->first; g != NULL; g = g->next)
		list[count++] = g;
	if (count != 0)
		qsort(list, count, sizeof *list, compare);
	for (size_t i = 0; i < count && i < most; i++)
		all = json_append(
		    all, json_set_string(total_object(&list[i]->total), "name",
			     list[i]->name));
	free(list);
	return all;
}

static jv
answer(const struct tally *tally, size_t days)
{
	struct groups models = {0}, sessions = {0};
	struct usage_total total = {0};
	jv list = json_array(), all = json_object();

	for (size_t i = days; i-- > 0;) {
		const struct day *day = tally->day[i];
		jv one = total_object(&day->total);

		one = json_set_string(one, "day", day->name);
		list = json_append(
		    list, json_set(one, "models",
			      groups_array(&day->models, GROUPS_MAX)));
		merge(&total, &day->total);
		merge_groups(&models, &day->models);
		merge_groups(&sessions, &day->sessions);
	}
	all = json_set(all, "total", total_object(&total));
	all = json_set(all, "days", list);
	all = json_set(all, "models", groups_array(&models, GROUPS_MAX));
	all = json_set(all, "sessions", groups_array(&sessions, ANSWERED_MAX));
	groups_free(&models);
	groups_free(&sessions);
	return all;
}

static void
asking_free(struct asking *asking)
{
	struct asking **at = &asking->tally->asking;

	while (*at != asking)
		at = &(*at)->next;
	*at = asking->next;
	asking->tally->asking_count--;
	free(asking);
}

static void
on_gone(void *arg)
{
	asking_free(arg);
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now = {0, 0};
	struct tally *tally = arg;
	struct asking *asking = tally->asking;
	struct request *request;

	(void)fd;
	(void)what;
	if (asking == NULL)
		return;
	if (!read_piece(tally, asking->days)) {
		request = asking->request;
		request_on_gone(request, NULL, NULL);
		request_answer(request, 200, answer(tally, asking->days));
		asking_free(asking);
	}
	if (tally->asking != NULL)
		evtimer_add(tally->work, &now);
}

void
tally_answer(struct request *request, void *arg)
{
	static const struct timeval now = {0, 0};
	struct tally *tally = ((struct api *)arg)->tally;
	struct asking *asking;

	if (!api_has_state(request))
		return;
	if (tally->asking_count == WAITING_MAX) {
		request_error(request, 503, "api_error",
		    "too many wait for the usage already");
		return;
	}
	arrange(tally);
	asking = xcalloc(1, sizeof *asking);
	asking->tally = tally;
	asking->request = request;
	asking->days = api_number(request, "days", DAYS, DAYS_MAX);
	asking->next = tally->asking;
	tally->asking = asking;
	tally->asking_count++;
	request_on_gone(request, on_gone, asking);
	evtimer_add(tally->work, &now);
}

struct tally *
tally_new(struct event_base *base)
{
	struct tally *tally = xcalloc(1, sizeof *tally);

	tally->work = evtimer_new(base, on_work, tally);
	return tally;
}

void
tally_free(struct tally *tally)
{
	if (tally == NULL)
		return;
	while (tally->asking != NULL) {
		request_on_gone(tally->asking->request, NULL, NULL);
		asking_free(tally->asking);
	}
	for (size_t i = 0; i < DAYS_MAX; i++)
		day_free(tally->day[i]);
	event_free(tally->work);
	free(tally);
}
