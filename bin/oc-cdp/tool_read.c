/* Reading pages: browser_snapshot, browser_text, browser_evaluate. */
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "tools.h"
#include "tree.h"
#include "turn.h"
#include "xalloc.h"

enum {
	SNAPSHOT_USUAL = 16 * 1024, /* bytes: what a model reads with care */
	TEXT_USUAL = 20 * 1000,
	CHARS_MAX = 60 * 1000,
	WHOLE_MAX = 10 * 1000 * 1000, /* for a person */
	FRAMES_MAX = 50,
};

/* ---- browser_snapshot: the tree of each frame, one after the other */

static void ask_tree(struct job *job);

static int64_t
give_reference(void *arg, int64_t backend)
{
	struct job *job = arg;
	jv frame = json_at(job->list, (int)job->at);
	int64_t number = page_reference(job->page,
	    json_get_string(frame, "session", job->page->session), backend);

	jv_free(frame);
	return number;
}

static void
on_tree(struct job *job, const struct answer *answer)
{
	int64_t most =
	    job->whole ? WHOLE_MAX : job_int(job, "max_chars", SNAPSHOT_USUAL);
	struct tree_options options = {.reference = give_reference, .arg = job};
	jv nodes;

	if (job->page == NULL) {
		job_fail(job, "the page is gone");
		return;
	}
	if (answer->kind != ANSWER_OK && job->at == 0) {
		job_fail(job, "%s",
		    answer->kind == ANSWER_TOO_LARGE
			? "the page is too large for a snapshot; browser_text "
			  "reads it"
			: answer->message);
		return;
	}
	options.most = (size_t)most > job->text.length
			   ? (size_t)most - job->text.length
			   : 0;
	nodes = json_get(answer->result, "nodes");
	if (!tree_text(&job->text, nodes, &options)) {
		jv_free(nodes);
		buf_printf(&job->text,
		    "[cut: there is more; max_chars can be up to %d]\n",
		    CHARS_MAX);
		job_done(job);
		return;
	}
	jv_free(nodes);
	job->at++;
	ask_tree(job);
}

static void
ask_tree(struct job *job)
{
	jv frame = json_at(job->list, (int)job->at), params = json_object();
	const char *id = json_get_string(frame, "frame", "");
	const char *url = json_get_string(frame, "url", "");
	char *session;

	if (!json_is_object(frame)) {
		jv_free(frame);
		jv_free(params);
		job_done(job);
		return;
	}
	session =
	    xstrdup(json_get_string(frame, "session", job->page->session));
	if (*id != '\0')
		params = json_set_string(params, "frameId", id);
	if (job->at > 0)
		buf_printf(&job->text, "frame %.200s:\n", url);
	job_try(job, session, "Accessibility.getFullAXTree", params, on_tree);
	free(session);
	jv_free(frame);
}

/* The frames of the page's own process, breadth first. */
static jv
add_frames(jv own_list, jv ref_tree)
{
	jv waiting = json_append(json_array(), json_copy(ref_tree));

	for (int i = 0; i < json_length(waiting) && i < FRAMES_MAX; i++) {
		jv tree = json_at(waiting, i);
		jv frame = json_get(tree, "frame"),
		   children = json_get(tree, "childFrames");
		jv one =
		    json_set(json_object(), "frame", json_get(frame, "id"));

		own_list = json_append(
		    own_list, json_set(one, "url", json_get(frame, "url")));
		for (int k = 0, n = json_length(children); k < n; k++)
			waiting = json_append(waiting, json_at(children, k));
		jv_free(children);
		jv_free(frame);
		jv_free(tree);
	}
	jv_free(waiting);
	return own_list;
}

static void
on_frames(struct job *job, jv ref_result)
{
	jv tree = json_get(ref_result, "frameTree");
	struct frame_target *frame;

	jv_free(job->list);
	job->list = add_frames(json_array(), tree);
	jv_free(tree);
	for (frame = TAILQ_FIRST(&job->page->frames); frame != NULL;
	     frame = TAILQ_NEXT(frame, link))
		if (json_length(job->list) < FRAMES_MAX)
			job->list = json_append(
			    job->list, json_set_string(json_object(), "session",
					   frame->session));
	buf_printf(&job->text, "page at %s\n", job->page->url);
	job->at = 0;
	ask_tree(job);
}

static void
snapshot_begin(struct job *job)
{
	if (job_page_is_web(job))
		job_call(job, "Page.getFrameTree", json_object(), on_frames);
}

static const struct arg snapshot_args[] = {
    {"max_chars", ARG_INT, false, 500, CHARS_MAX},
};
const struct tool tool_snapshot = {"browser_snapshot",
    "What the page shows, as a tree of text. What can be clicked or typed "
    "into has a reference like [e12], which is good until the page changes "
    "to another.",
    JSON_OBJECT("\"max_chars\":" JSON_INTEGER, ""), snapshot_args,
    sizeof snapshot_args / sizeof *snapshot_args, NEEDS_PAGE, snapshot_begin};

/* ---- browser_text */

static void
on_text(struct job *job, jv ref_value)
{
	const char *error = json_get_string(ref_value, "error", "");
	jv text = json_get(ref_value, "text");
	int64_t more = json_get_int(ref_value, "more", 0);

	if (*error != '\0') {
		job_fail(job, "%s", error);
	} else {
		buf_add_string(&job->text, json_as_string(text, ""));
		if (more > 0)
			buf_printf(&job->text,
			    "\n[cut: %lld characters more; offset reads on]",
			    (long long)more);
		if (job->text.length == 0)
			buf_add_string(&job->text, "(no text)");
		job_done(job);
	}
	jv_free(text);
}

static void
text_begin(struct job *job)
{
	static const char function[] =
	    "function (selector, offset, most) {"
	    "  const read = (d, depth) => {"
	    "    let t = d.body ? d.body.innerText : "
	    "      d.documentElement ? d.documentElement.textContent : '';"
	    "    if (depth < 5) for (const f of "
	    "      d.querySelectorAll('iframe, frame')) {"
	    "      let inner = null;"
	    "      try { inner = f.contentDocument; } catch (e) {}"
	    "      if (inner) t += '\\n\\n' + read(inner, depth + 1); }"
	    "    return t; };"
	    "  let text;"
	    "  if (selector) {"
	    "    let all;"
	    "    try { all = [...document.querySelectorAll(selector)]; }"
	    "    catch (e) { return {error: 'not a CSS selector'}; }"
	    "    if (!all.length)"
	    "      return {error: 'nothing on the page fits the selector'};"
	    "    text = all.map(e => e.innerText ?? e.textContent).join('\\n');"
	    "  } else text = read(document, 0);"
	    "  text = text.replace(/[ \\t\\u00a0]+/g, ' ')"
	    "    .replace(/ ?\\n ?/g, '\\n').replace(/\\n{3,}/g, "
	    "'\\n\\n').trim();"
	    "  return {text: text.slice(offset, offset + most),"
	    "    more: Math.max(0, text.length - offset - most)}; }";
	jv args = json_array();

	if (!job_page_is_web(job)) {
		jv_free(args);
		return;
	}
	args = json_append_string(args, job_string(job, "selector"));
	args = json_append(args, json_int(job_int(job, "offset", 0)));
	args = json_append(
	    args, json_int(job->whole ? WHOLE_MAX
				      : job_int(job, "max_chars", TEXT_USUAL)));
	job_script(job, function, args, on_text);
}

static const struct arg text_args[] = {
    {"selector", ARG_STRING, false, 0, 0},
    {"offset", ARG_INT, false, 0, 1000000000},
    {"max_chars", ARG_INT, false, 1, CHARS_MAX},
};
const struct tool tool_text = {"browser_text",
    "The page's text, or that of what a CSS selector finds.",
    JSON_OBJECT("\"selector\":" JSON_STRING ",\"offset\":" JSON_INTEGER
		",\"max_chars\":" JSON_INTEGER,
	""),
    text_args, sizeof text_args / sizeof *text_args, NEEDS_PAGE, text_begin};

/* ---- browser_evaluate */

static void
release(struct job *job)
{
	if (job->page != NULL)
		cdp_tell(job->context->browser->cdp, job->page->session,
		    "Runtime.releaseObjectGroup",
		    json_set_string(json_object(), "objectGroup", "openclaw"));
}

static void
on_json(struct job *job, jv ref_result)
{
	jv result = json_get(ref_result, "result"),
	   value = json_get(result, "value");

	release(job);
	buf_add_string(&job->text, json_as_string(value, "(no value)"));
	jv_free(value);
	jv_free(result);
	job_done(job);
}

static void
ask_object(struct job *job, const char *object)
{
	static const char function[] =
	    "function (most) {"
	    "  let t; if (this instanceof Node) t = this.outerHTML ?? "
	    "    this.textContent;"
	    "  else try { t = JSON.stringify(this); } catch (e) {}"
	    "  return String(t ?? this).slice(0, most); }";
	jv params = json_set_string(json_object(), "objectId", object);

	params = json_set_string(params, "functionDeclaration", function);
	params = json_set(params, "arguments",
	    json_append(json_array(), json_set_int(json_object(), "value",
					  job->whole ? WHOLE_MAX : CHARS_MAX)));
	params = json_set_bool(params, "returnByValue", true);
	job_call(job, "Runtime.callFunctionOn", params, on_json);
}

/* A string, no longer than what is told of it. */
static void
add_string(struct job *job, jv ref_value)
{
	size_t length = json_string_length(ref_value);

	if (!job->whole && length > 2 * CHARS_MAX)
		length = 2 * CHARS_MAX;
	buf_add(&job->text, json_as_string(ref_value, ""), length);
}

static void
on_evaluated(struct job *job, const struct answer *answer)
{
	jv exception, thrown, result, value;
	const char *object;

	if (answer->kind != ANSWER_OK) {
		job_fail(job, "%s%s", answer->message,
		    answer->kind == ANSWER_TOO_LARGE ? "; return a part of it"
						     : "");
		return;
	}
	exception = json_get(answer->result, "exceptionDetails");
	thrown = json_get(exception, "exception");
	result = json_get(answer->result, "result");
	value = json_get(result, "value");
	object = json_get_string(result, "objectId", "");
	if (json_is_object(exception)) {
		release(job);
		job_fail(job, "%.2000s",
		    json_get_string(thrown, "description",
			json_get_string(exception, "text", "an exception")));
	} else if (*object != '\0') {
		ask_object(job, object);
	} else {
		if (json_is_string(value))
			add_string(job, value);
		else if (json_has(result, "value"))
			json_write(&job->text, value);
		else
			buf_add_string(&job->text,
			    json_get_string(result, "unserializableValue",
				json_get_string(result, "type", "undefined")));
		job_done(job);
	}
	jv_free(value);
	jv_free(result);
	jv_free(thrown);
	jv_free(exception);
}

static void
evaluate_begin(struct job *job)
{
	jv params = json_object();

	if (!job_page_is_web(job)) {
		jv_free(params);
		return;
	}
	params = json_set_string(
	    params, "expression", job_string(job, "expression"));
	params = json_set_string(params, "objectGroup", "openclaw");
	params = json_set_bool(params, "awaitPromise", true);
	/* which knows await by itself, and would give promises as they are */
	params = json_set_bool(params, "replMode",
	    strstr(job_string(job, "expression"), "await ") != NULL);
	params = json_set_bool(params, "userGesture", true);
	job_try(job, NULL, "Runtime.evaluate", params, on_evaluated);
}

static const struct arg evaluate_args[] = {
    {"expression", ARG_STRING, true, 0, 0},
};
const struct tool tool_evaluate = {"browser_evaluate",
    "The value of a JavaScript expression in the page, as JSON.",
    JSON_OBJECT("\"expression\":" JSON_STRING, "\"expression\""), evaluate_args,
    sizeof evaluate_args / sizeof *evaluate_args, NEEDS_PAGE, evaluate_begin};
