#include <stdlib.h>
#include "api.h"
#include "archive.h"
#include "metrics.h"
#include "page.h"
#include "server.h"
#include "viewer.h"
#include "xalloc.h"

struct viewer {
	struct archive *archive;
	struct metrics *metrics;
	struct api *api;
	struct page *page;
};

static void
finished(void *arg, jv ref_timeline)
{
	metrics_turn(arg, ref_timeline);
}

struct viewer *
viewer_new(struct server *server, struct wait *wait)
{
	struct viewer *viewer = xcalloc(1, sizeof *viewer);

	viewer->metrics = metrics_new(server);
	viewer->archive =
	    archive_new(server_base(server), finished, viewer->metrics);
	viewer->api = api_new(server, viewer->archive, wait);
	viewer->page = page_new(server);
	return viewer;
}

void
viewer_free(struct viewer *viewer)
{
	if (viewer == NULL)
		return;
	api_free(viewer->api);
	archive_free(viewer->archive);
	metrics_free(viewer->metrics);
	page_free(viewer->page);
	free(viewer);
}
