#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "browser.h"
#include "file.h"
#include "job.h"
#include "json.h"
#include "xalloc.h"

enum {
	DOWNLOADS_MAX = 8, /* of one context at once */
	PIECE = 64 * 1024,
};

/* A file that the browser writes, under a name that it made itself. */
struct download {
	TAILQ_ENTRY(download) link;
	struct context *context;
	char *guid, *name;
};

char *
download_directory(const struct browser *browser)
{
	if (browser->launch.directory != NULL)
		return xasprintf("%s/downloads", browser->launch.directory);
	return browser->settings->download_dir != NULL
		   ? xstrdup(browser->settings->download_dir)
		   : NULL;
}

static void
forget(struct download *download)
{
	TAILQ_REMOVE(&download->context->downloads, download, link);
	download->context->downloading--;
	free(download->guid);
	free(download->name);
	free(download);
}

void
download_forget_all(struct context *context)
{
	struct download *download;

	while ((download = TAILQ_FIRST(&context->downloads)) != NULL)
		forget(download);
}

static void
cancel(struct context *context, const char *guid)
{
	jv params = json_set_string(json_object(), "guid", guid);

	cdp_tell(context->browser->cdp, NULL, "Browser.cancelDownload",
	    json_set_string(params, "browserContextId", context->id));
}

void
download_begin(struct context *context, jv ref_params)
{
	const char *guid = json_get_string(ref_params, "guid", "");
	const char *name =
	    json_get_string(ref_params, "suggestedFilename", "download");
	char *directory = download_directory(context->browser);
	struct download *download;

	if (directory == NULL) {
		context_note(context,
		    "the page offers the file %s for download; this browser "
		    "runs elsewhere, and browser.download_dir does not name a "
		    "directory that it shares",
		    name);
	} else if (context->downloading == DOWNLOADS_MAX || *guid == '\0' ||
		   strchr(guid, '/') != NULL) {
		context_note(context, "a download of %s was refused", name);
		cancel(context, guid);
	} else {
		download = xcalloc(1, sizeof *download);
		download->context = context;
		download->guid = xstrdup(guid);
		download->name = xstrdup(name);
		TAILQ_INSERT_TAIL(&context->downloads, download, link);
		context->downloading++;
	}
	free(directory);
}

static bool
copy(int from, struct file_out *to, uint64_t most)
{
	char piece[PIECE];
	ssize_t n;

	while ((n = read(from, piece, sizeof piece)) > 0) {
		if (to->written + (uint64_t)n > most) {
			errno = EFBIG;
			return false;
		}
		if (!file_write(to, piece, (size_t)n))
			return false;
	}
	return n == 0;
}

/* The file that has come, into the workspace. */
static void
take(struct download *download)
{
	struct context *context = download->context;
	struct settings *settings = context->browser->settings;
	char *directory = download_directory(context->browser);
	char *path = xasprintf("%s/%s", directory, download->guid);
	const char *dot = strrchr(download->name, '.');
	struct buf problem = {0};
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct file_out *file = NULL;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		buf_printf(&problem, "%s is not there to be read: %s", path,
		    strerror(errno));
	else
		file = file_new(settings->files, settings->files_below,
		    download->name, "",
		    dot != NULL && strlen(dot) < 8 ? dot : "", &problem);
	if (file != NULL && !copy(fd, file, settings->download_bytes)) {
		buf_printf(&problem, "%s", strerror(errno));
		file_discard(file);
		file = NULL;
	}
	if (file != NULL) {
		context_note(context, "downloaded %s to %s, %" PRIu64 " bytes",
		    download->name, file->name, file->written);
		context->files = json_append(context->files,
		    file_media(file, "application/octet-stream", false));
	} else {
		context_note(context, "the download of %s failed: %s",
		    download->name, buf_string(&problem));
	}
	file_free(file);
	if (fd >= 0)
		close(fd);
	unlink(path);
	free(path);
	free(directory);
	buf_free(&problem);
}

void
download_progress(struct browser *browser, jv ref_params)
{
	const char *guid = json_get_string(ref_params, "guid", "");
	const char *state = json_get_string(ref_params, "state", "");
	double bytes = json_get_number(ref_params, "receivedBytes", 0),
	       total = json_get_number(ref_params, "totalBytes", 0);
	double most = (double)browser->settings->download_bytes;
	struct download *download = NULL;
	struct context *context;

	for (context = TAILQ_FIRST(&browser->contexts);
	     context != NULL && download == NULL;
	     context = TAILQ_NEXT(context, link))
		for (download = TAILQ_FIRST(&context->downloads);
		     download != NULL && strcmp(download->guid, guid) != 0;
		     download = TAILQ_NEXT(download, link))
			continue;
	if (download == NULL)
		return;
	context = download->context;
	if (strcmp(state, "completed") == 0) {
		take(download);
		forget(download);
	} else if (strcmp(state, "canceled") == 0) {
		context_note(
		    context, "the download of %s failed", download->name);
		forget(download);
	} else if (bytes > most || total > most) {
		context_note(context,
		    "the download of %s was stopped: it has more than %" PRIu64
		    " bytes (browser.download_bytes)",
		    download->name, browser->settings->download_bytes);
		cancel(context, guid);
		forget(download);
	}
	if (context->running != NULL)
		job_look(context->running);
}
