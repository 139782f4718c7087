#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include "deliveries.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "notice.h"
#include "seen.h"
#include "state.h"
#include "timeline.h"
#include "xalloc.h"

enum { REMEMBERED = 10000 }; /* deliveries, before the older are forgotten */

struct deliveries {
	struct notice *notice;
	struct seen *now, *before; /* those that were told */
	int count;                 /* in `now` */
	void (*ended)(void *arg, jv ref_delivery);
	void *arg;
};

/* A record that is complete may be opened and closed again. */
static bool
is_told(struct deliveries *deliveries, const char *name)
{
	if (seen_has(deliveries->before, name) ||
	    !seen_add(deliveries->now, name))
		return true;
	if (++deliveries->count == REMEMBERED) {
		seen_free(deliveries->before);
		deliveries->before = deliveries->now;
		deliveries->now = seen_new();
		deliveries->count = 0;
	}
	return false;
}

static void
on_closed(void *arg, int watch, uint32_t mask, const char *name)
{
	struct deliveries *deliveries = arg;
	jv delivery;

	(void)mask;
	if (watch < 0 || name[0] == '\0' || name[0] == '.' ||
	    seen_has(deliveries->now, name))
		return;
	delivery = timeline_delivery(name);
	if (json_is_object(delivery) &&
	    strcmp(json_get_string(delivery, "status", ""), "sending") != 0 &&
	    !is_told(deliveries, name))
		deliveries->ended(deliveries->arg, delivery);
	jv_free(delivery);
}

struct deliveries *
deliveries_new(struct event_base *base,
    void (*ended)(void *arg, jv ref_delivery), void *arg)
{
	struct deliveries *deliveries = xcalloc(1, sizeof *deliveries);
	char *path = state_path("sent");

	deliveries->ended = ended;
	deliveries->arg = arg;
	deliveries->now = seen_new();
	deliveries->before = seen_new();
	deliveries->notice = notice_new(base, on_closed, deliveries);
	if (path == NULL || !io_make_directories(path) ||
	    notice_add(deliveries->notice, path, IN_CLOSE_WRITE | IN_ONLYDIR) <
		0)
		log_warn("metrics: deliveries cannot be counted");
	free(path);
	return deliveries;
}

void
deliveries_free(struct deliveries *deliveries)
{
	if (deliveries == NULL)
		return;
	notice_free(deliveries->notice);
	seen_free(deliveries->now);
	seen_free(deliveries->before);
	free(deliveries);
}
