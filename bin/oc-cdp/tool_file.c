/* Files of pages: browser_screenshot, browser_pdf. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "file.h"
#include "json.h"
#include "tools.h"
#include "xalloc.h"

enum {
	WIDTH = 1280,
	HEIGHT = 800,
	SIDE_MAX = 8000,     /* pixels: more is no use and much memory */
	PDF_PIECE = 1 << 20, /* bytes of one reply */
	PDF_MAX = 512 * 1024 * 1024,
};

/* The file, or NULL after the job has failed. */
static struct file_out *
begin_file(struct job *job, const char *suffix)
{
	struct settings *settings = job->context->browser->settings;
	struct buf problem = {0};

	if (job->out >= 0)
		job->file = file_of(job->out);
	else
		job->file = file_new(settings->files, settings->files_below,
		    job_string(job, "name"),
		    job->page != NULL ? job->page->title : "", suffix,
		    &problem);
	if (job->file == NULL)
		job_fail(job, "%s", buf_string(&problem));
	buf_free(&problem);
	return job->file;
}

static void
end_file(struct job *job, const char *what, const char *mime)
{
	bool send = job_bool(job, "send");

	job->media = json_append(job->media, file_media(job->file, mime, send));
	buf_printf(&job->text, "%s in %s, %" PRIu64 " bytes%s", what,
	    job->file->name != NULL ? job->file->name : "the output",
	    job->file->written,
	    send ? "; it goes to the person with your reply" : "");
	job_done(job);
}

static void
write_failed(struct job *job)
{
	job_fail(job, "%s cannot be written: %s",
	    job->file->name != NULL ? job->file->name : "the output",
	    errno == EBADMSG ? "the browser sent no base64" : strerror(errno));
}

/* ---- browser_screenshot */

static void
restore_size(struct job *job)
{
	if (job->page != NULL)
		cdp_tell(job->context->browser->cdp, job->page->session,
		    "Emulation.clearDeviceMetricsOverride", json_object());
}

static void
on_picture(struct job *job, const struct answer *answer)
{
	jv data = json_get(answer->result, "data");
	const char *text = json_as_string(data, "");
	size_t length = json_string_length(data);

	restore_size(job);
	if (answer->kind != ANSWER_OK)
		job_fail(job, "%s%s", answer->message,
		    answer->kind == ANSWER_TOO_LARGE
			? "; a smaller size, or not full_page, may do"
			: "");
	else if (length == 0)
		job_fail(job, "the browser gave no picture");
	else if (begin_file(job, ".png") != NULL) {
		if (file_write_base64(job->file, text, length))
			end_file(job, "a screenshot", "image/png");
		else
			write_failed(job);
	}
	jv_free(data);
}

static void
take_picture(struct job *job)
{
	jv params = json_set_string(json_object(), "format", "png");

	job_try(job, NULL, "Page.captureScreenshot", params, on_picture);
}

static void
on_sized(struct job *job, jv ref_result)
{
	(void)ref_result;
	/* a page lays itself out anew for its new size */
	job_sleep(job, 50, take_picture);
}

static void
set_size(struct job *job, double width, double height,
    void (*next)(struct job *job, jv ref_result))
{
	jv params = json_set(json_object(), "width", json_number(width));

	params = json_set(params, "height", json_number(height));
	params = json_set_int(params, "deviceScaleFactor", 1);
	params = json_set_bool(params, "mobile", false);
	job_call(job, "Emulation.setDeviceMetricsOverride", params, next);
}

static void
on_layout(struct job *job, jv ref_result)
{
	jv size = json_get(ref_result, "cssContentSize");
	double width = (double)job_int(job, "width", WIDTH);
	double height = ceil(json_get_number(size, "height", HEIGHT));

	jv_free(size);
	set_size(job, width,
	    height < 1          ? 1
	    : height > SIDE_MAX ? SIDE_MAX
				: height,
	    on_sized);
}

static void
on_width(struct job *job, jv ref_result)
{
	(void)ref_result;
	job_call(job, "Page.getLayoutMetrics", json_object(), on_layout);
}

static void
screenshot_begin(struct job *job)
{
	double width = (double)job_int(job, "width", WIDTH);
	double height = (double)job_int(job, "height", HEIGHT);

	if (!job_page_is_web(job))
		return;
	if (job->context->page_count > 1)
		cdp_tell(job->context->browser->cdp, job->page->session,
		    "Page.bringToFront", json_object());
	/* how high the whole is depends on how wide it is */
	set_size(job, width, height,
	    job_bool(job, "full_page") ? on_width : on_sized);
}

static const struct arg screenshot_args[] = {
    {"width", ARG_INT, false, 1, SIDE_MAX},
    {"height", ARG_INT, false, 1, SIDE_MAX},
    {"full_page", ARG_BOOL, false, 0, 0},
    {"name", ARG_STRING, false, 0, 0},
    {"send", ARG_BOOL, false, 0, 0},
};
const struct tool tool_screenshot = {"browser_screenshot",
    "A picture of the page (PNG) in the workspace. send: the person gets it "
    "with your reply.",
    JSON_OBJECT("\"width\":" JSON_INTEGER ",\"height\":" JSON_INTEGER
		",\"full_page\":" JSON_BOOLEAN ",\"name\":" JSON_STRING
		",\"send\":" JSON_BOOLEAN,
	""),
    screenshot_args, sizeof screenshot_args / sizeof *screenshot_args,
    NEEDS_PAGE, screenshot_begin};

/* ---- browser_pdf: as a stream, however large it is */

static void read_more(struct job *job);

static void
close_stream(struct job *job)
{
	if (job->page != NULL && job->object != NULL)
		cdp_tell(job->context->browser->cdp, job->page->session,
		    "IO.close",
		    json_set_string(json_object(), "handle", job->object));
}

static void
on_piece(struct job *job, const struct answer *answer)
{
	jv data = json_get(answer->result, "data");
	bool encoded = json_get_bool(answer->result, "base64Encoded", false);
	bool last = json_get_bool(answer->result, "eof", false);
	const char *text = json_as_string(data, "");
	size_t length = json_string_length(data);
	bool written;

	if (answer->kind != ANSWER_OK) {
		close_stream(job);
		jv_free(data);
		job_fail(job, "%s", answer->message);
		return;
	}
	written = encoded ? file_write_base64(job->file, text, length)
			  : file_write(job->file, text, length);
	jv_free(data);
	if (written && !last && job->file->written < PDF_MAX) {
		read_more(job);
		return;
	}
	close_stream(job);
	if (!written)
		write_failed(job);
	else if (!last)
		job_fail(job, "the PDF is larger than 512 MiB");
	else
		end_file(job, "a PDF", "application/pdf");
}

static void
read_more(struct job *job)
{
	jv params = json_set_string(json_object(), "handle", job->object);

	job_try(job, NULL, "IO.read", json_set_int(params, "size", PDF_PIECE),
	    on_piece);
}

static void
on_printed(struct job *job, jv ref_result)
{
	const char *stream = json_get_string(ref_result, "stream", "");

	if (*stream == '\0') {
		job_fail(job, "the browser gave no PDF");
		return;
	}
	job->object = xstrdup(stream);
	if (begin_file(job, ".pdf") != NULL)
		read_more(job);
}

static void
pdf_begin(struct job *job)
{
	jv params =
	    json_set_string(json_object(), "transferMode", "ReturnAsStream");

	if (!job_page_is_web(job)) {
		jv_free(params);
		return;
	}
	params = json_set_bool(params, "printBackground", true);
	params = json_set_bool(params, "preferCSSPageSize", true);
	params = json_set_bool(params, "landscape", job_bool(job, "landscape"));
	/* A4 in inches */
	params = json_set(params, "paperWidth", json_number(8.27));
	params = json_set(params, "paperHeight", json_number(11.69));
	job_call(job, "Page.printToPDF", params, on_printed);
}

static const struct arg pdf_args[] = {
    {"landscape", ARG_BOOL, false, 0, 0},
    {"name", ARG_STRING, false, 0, 0},
    {"send", ARG_BOOL, false, 0, 0},
};
const struct tool tool_pdf = {"browser_pdf",
    "The page as a PDF in the workspace. send: the person gets it with your "
    "reply.",
    JSON_OBJECT("\"landscape\":" JSON_BOOLEAN ",\"name\":" JSON_STRING
		",\"send\":" JSON_BOOLEAN,
	""),
    pdf_args, sizeof pdf_args / sizeof *pdf_args, NEEDS_PAGE, pdf_begin};
