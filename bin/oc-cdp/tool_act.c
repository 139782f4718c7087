/*
 * Acting on pages: browser_click, browser_type, browser_select and
 * browser_press.
 */
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "keys.h"
#include "tools.h"
#include "xalloc.h"

enum { START_MS = 150 }; /* for what an action sets off to begin */

/* ---- what is acted on */

/* Finds what `ref` names; false after the job has failed. */
static bool
find_element(struct job *job)
{
	const char *ref = job_string(job, "ref"), *error = NULL;
	const char *digits = ref + (*ref == '[');
	const struct reference *found;
	char *number = xstrdup(*digits == 'e' ? digits + 1 : digits);

	number[strcspn(number, "]")] = '\0';
	job->number = strtonum(number, 1, INT64_MAX, &error);
	free(number);
	if (!job_page_is_web(job))
		return false;
	if (error != NULL) {
		job_fail(job, "ref is a reference of browser_snapshot, like "
			      "e12");
		return false;
	}
	found = page_find_reference(job->page, job->number);
	if (found == NULL) {
		job_fail(job,
		    "there is no %s%lld on this page (any more); "
		    "browser_snapshot gives the references of now",
		    "e", (long long)job->number);
		return false;
	}
	job->backend = found->backend;
	job->frame_session = xstrdup(found->session);
	if (job->context->page_count > 1)
		cdp_tell(job->context->browser->cdp, job->page->session,
		    "Page.bringToFront", json_object());
	return true;
}

/* "clicked; the page is "Title" at URL" */
static void
after_action(struct job *job)
{
	if (!job_page_is_web(job))
		return;
	buf_add_string(&job->text, "; the page is ");
	job_done_with_page(job);
}

static jv
of_node(const struct job *job)
{
	return json_set_int(json_object(), "backendNodeId", job->backend);
}

/* ---- a function that runs on the element, in the page's own world */

static void
on_element_value(struct job *job, jv ref_result)
{
	jv exception = json_get(ref_result, "exceptionDetails");
	jv result = json_get(ref_result, "result"),
	   value = json_get(result, "value");
	const char *error = json_get_string(value, "error", "");

	if (json_is_object(exception))
		job_fail(job, "the element cannot be used: %s",
		    json_get_string(exception, "text", ""));
	else if (*error != '\0')
		job_fail(job, "%s", error);
	else
		job->function_next(job, value);
	jv_free(value);
	jv_free(result);
	jv_free(exception);
}

static void
on_resolved(struct job *job, const struct answer *answer)
{
	jv object = json_get(answer->result, "object"), params, args;
	const char *id = json_get_string(object, "objectId", "");

	if (answer->kind != ANSWER_OK || *id == '\0') {
		job_fail(job,
		    "e%lld is not on the page any more; browser_snapshot "
		    "gives the references of now",
		    (long long)job->number);
		jv_free(object);
		return;
	}
	params = json_set_string(json_object(), "objectId", id);
	params = json_set_string(params, "functionDeclaration", job->function);
	args = json_array();
	for (int i = 0, n = json_length(job->function_args); i < n; i++)
		args = json_append(args, json_set(json_object(), "value",
					     json_at(job->function_args, i)));
	params = json_set(params, "arguments", args);
	params = json_set_bool(params, "returnByValue", true);
	params = json_set_bool(params, "userGesture", true);
	job_call_in(job, job->frame_session, "Runtime.callFunctionOn", params,
	    on_element_value);
	jv_free(object);
}

static void
run_on_element(struct job *job, const char *function, jv own_args,
    void (*next)(struct job *job, jv ref_value))
{
	job->function = function;
	job->function_next = next;
	jv_free(job->function_args);
	job->function_args = own_args;
	job_try(job, job->frame_session, "DOM.resolveNode", of_node(job),
	    on_resolved);
}

/* ---- browser_click */

static void
on_clicked(struct job *job, jv ref_result)
{
	(void)ref_result;
	buf_add_string(&job->text, "clicked");
	job_settle(job, START_MS, after_action);
}

/* Where there is nothing to point at, as of an option or in another process. */
static void
click_by_script(struct job *job)
{
	static const char function[] =
	    "function () { if (!this.click) return {error: "
	    "'this cannot be clicked'}; this.click(); return {}; }";

	run_on_element(job, function, json_array(), on_clicked);
}

static jv
mouse(const char *type, double x, double y)
{
	jv params = json_set_string(json_object(), "type", type);

	params = json_set(params, "x", json_number(x));
	params = json_set(params, "y", json_number(y));
	if (strcmp(type, "mouseMoved") == 0)
		return params;
	params = json_set_string(params, "button", "left");
	return json_set_int(params, "clickCount", 1);
}

/* The middle of the first quad with an area; false when there is none. */
static bool
find_middle(jv ref_quads, double *x, double *y)
{
	for (int i = 0, n = json_length(ref_quads); i < n; i++) {
		jv quad = json_at(ref_quads, i);
		double at[8], area = 0;

		for (int k = 0; k < 8; k++) {
			jv one = json_at(quad, k);

			at[k] = json_as_number(one, 0);
			jv_free(one);
		}
		jv_free(quad);
		for (int k = 0; k < 8; k += 2)
			area += at[k] * at[(k + 3) % 8] -
				at[(k + 2) % 8] * at[k + 1];
		*x = (at[0] + at[2] + at[4] + at[6]) / 4;
		*y = (at[1] + at[3] + at[5] + at[7]) / 4;
		if (area > 1 || area < -1)
			return true;
	}
	return false;
}

static void
on_quads(struct job *job, const struct answer *answer)
{
	struct cdp *cdp = job->context->browser->cdp;
	jv quads = json_get(answer->result, "quads");
	double x = 0, y = 0;
	bool found = answer->kind == ANSWER_OK && find_middle(quads, &x, &y);

	jv_free(quads);
	if (!found || x < 0 || y < 0) {
		click_by_script(job);
		return;
	}
	cdp_tell(cdp, job->page->session, "Input.dispatchMouseEvent",
	    mouse("mouseMoved", x, y));
	cdp_tell(cdp, job->page->session, "Input.dispatchMouseEvent",
	    mouse("mousePressed", x, y));
	job_call(job, "Input.dispatchMouseEvent", mouse("mouseReleased", x, y),
	    on_clicked);
}

static void
on_scrolled(struct job *job, const struct answer *answer)
{
	(void)answer; /* an element without a box is clicked by script */
	job_try(job, NULL, "DOM.getContentQuads", of_node(job), on_quads);
}

static void
click_begin(struct job *job)
{
	if (!find_element(job))
		return;
	job->context->accept_dialogs = job_bool(job, "accept_dialog");
	if (strcmp(job->frame_session, job->page->session) != 0)
		click_by_script(job);
	else
		job_try(job, NULL, "DOM.scrollIntoViewIfNeeded", of_node(job),
		    on_scrolled);
}

static const struct arg click_args[] = {
    {"ref", ARG_STRING, true, 0, 0},
    {"accept_dialog", ARG_BOOL, false, 0, 0},
};
const struct tool tool_click = {"browser_click",
    "Click what a reference names. accept_dialog: say yes where the page asks "
    "to confirm.",
    JSON_OBJECT(
	"\"ref\":" JSON_STRING ",\"accept_dialog\":" JSON_BOOLEAN, "\"ref\""),
    click_args, sizeof click_args / sizeof *click_args, NEEDS_PAGE,
    click_begin};

/* ---- keys */

static void
on_pressed(struct job *job, jv ref_result)
{
	(void)ref_result;
	job_settle(job, START_MS, after_action);
}

/* False when there is no such key; then nothing was done. */
static bool
press(struct job *job, const char *key)
{
	jv down, up;

	if (!keys_event(key, &down, &up))
		return false;
	if (job->page == NULL) {
		jv_free(down);
		jv_free(up);
		job_fail(job, "the page is gone");
		return true;
	}
	cdp_tell(job->context->browser->cdp, job->page->session,
	    "Input.dispatchKeyEvent", down);
	job_call(job, "Input.dispatchKeyEvent", up, on_pressed);
	return true;
}

static void
on_focused(struct job *job, const struct answer *answer)
{
	if (answer->kind != ANSWER_OK) {
		job_fail(job, "%s", answer->message);
		return;
	}
	buf_printf(&job->text, "pressed %s", job_string(job, "key"));
	press(job, job_string(job, "key"));
}

static void
press_begin(struct job *job)
{
	jv down, up;

	if (!keys_event(job_string(job, "key"), &down, &up)) {
		job_fail(job, "there is no such key; keys are Enter, Tab, "
			      "Escape, ArrowDown, PageDown, F5, a, "
			      "Control+a and so on");
		return;
	}
	jv_free(down);
	jv_free(up);
	if (*job_string(job, "ref") != '\0') {
		if (find_element(job))
			job_try(job, job->frame_session, "DOM.focus",
			    of_node(job), on_focused);
	} else if (job_page_is_web(job)) {
		buf_printf(&job->text, "pressed %s", job_string(job, "key"));
		press(job, job_string(job, "key"));
	}
}

static const struct arg press_args[] = {
    {"key", ARG_STRING, true, 0, 0},
    {"ref", ARG_STRING, false, 0, 0},
};
const struct tool tool_press = {"browser_press",
    "Press a key (Enter, Escape, ArrowDown, Control+a, ...) where the focus "
    "is, or in what a reference names.",
    JSON_OBJECT("\"key\":" JSON_STRING ",\"ref\":" JSON_STRING, "\"key\""),
    press_args, sizeof press_args / sizeof *press_args, NEEDS_PAGE,
    press_begin};

/* ---- browser_type */

static void
on_inserted(struct job *job, jv ref_result)
{
	(void)ref_result;
	buf_add_string(&job->text, "typed");
	if (job_bool(job, "submit"))
		press(job, "Enter");
	else
		job_settle(job, 50, after_action);
}

static void
on_ready_to_type(struct job *job, jv ref_value)
{
	if (json_get_bool(ref_value, "set", false))
		on_inserted(job, ref_value);
	else
		job_call(job, "Input.insertText",
		    json_set_string(
			json_object(), "text", job_string(job, "text")),
		    on_inserted);
}

static void
type_begin(struct job *job)
{
	/* what no keyboard types into (a date, a colour) is set */
	static const char function[] =
	    "function (text, append) {"
	    "  if (this.disabled || this.readOnly)"
	    "    return {error: 'it is disabled, or can only be read'};"
	    "  const tag = this.tagName, type = (this.type || '')."
	    "    toLowerCase();"
	    "  if (tag === 'INPUT' && type === 'file') return {error: "
	    "    'files cannot be chosen'};"
	    "  this.focus();"
	    "  if (tag === 'INPUT' && ['date', 'datetime-local', 'month', "
	    "    'week', 'time', 'color', 'range'].includes(type)) {"
	    "    Object.getOwnPropertyDescriptor("
	    "      HTMLInputElement.prototype, 'value').set.call(this, text);"
	    "    this.dispatchEvent(new Event('input', {bubbles: true}));"
	    "    this.dispatchEvent(new Event('change', {bubbles: true}));"
	    "    return {set: true}; }"
	    "  if (tag === 'INPUT' || tag === 'TEXTAREA') {"
	    "    if (!append) this.select();"
	    "    else try { const n = this.value.length;"
	    "      this.setSelectionRange(n, n); } catch (e) {}"
	    "  } else if (this.isContentEditable) {"
	    "    const s = getSelection(); s.selectAllChildren(this);"
	    "    if (append) s.collapseToEnd();"
	    "  } else return {error: 'it takes no text'};"
	    "  if (text === '' && !append) {"
	    "    document.execCommand('delete'); return {set: true}; }"
	    "  return {set: false}; }";
	jv args = json_array();

	if (!find_element(job)) {
		jv_free(args);
		return;
	}
	args = json_append_string(args, job_string(job, "text"));
	args = json_append(args, json_bool(job_bool(job, "append")));
	run_on_element(job, function, args, on_ready_to_type);
}

static const struct arg type_args[] = {
    {"ref", ARG_STRING, true, 0, 0},
    {"text", ARG_TEXT, true, 0, 0},
    {"append", ARG_BOOL, false, 0, 0},
    {"submit", ARG_BOOL, false, 0, 0},
};
const struct tool tool_type = {"browser_type",
    "Type text into a field, in the place of what is there. submit: press "
    "Enter after it.",
    JSON_OBJECT("\"ref\":" JSON_STRING ",\"text\":" JSON_STRING
		",\"append\":" JSON_BOOLEAN ",\"submit\":" JSON_BOOLEAN,
	"\"ref\",\"text\""),
    type_args, sizeof type_args / sizeof *type_args, NEEDS_PAGE, type_begin};

/* ---- browser_select */

static void
on_selected(struct job *job, jv ref_value)
{
	buf_printf(&job->text, "selected %s",
	    json_get_string(ref_value, "chosen", ""));
	job_settle(job, START_MS, after_action);
}

static void
select_begin(struct job *job)
{
	static const char function[] =
	    "function (value) {"
	    "  const s = this.tagName === 'OPTION' ? this.closest('select') "
	    "    : this;"
	    "  if (!s || s.tagName !== 'SELECT') return {error: "
	    "    'it is no list to select from; browser_click may do'};"
	    "  if (s.disabled) return {error: 'it is disabled'};"
	    "  const all = [...s.options], t = o => o.text.trim();"
	    "  const o = all.find(o => t(o) === value) || "
	    "    all.find(o => o.value === value) || "
	    "    all.find(o => t(o).toLowerCase() === value.toLowerCase());"
	    "  if (!o) return {error: 'there is no such option; there are: ' +"
	    "    all.map(t).join(', ').slice(0, 1000)};"
	    "  s.focus(); if (s.multiple) o.selected = true; "
	    "  else s.value = o.value, o.selected = true;"
	    "  s.dispatchEvent(new Event('input', {bubbles: true}));"
	    "  s.dispatchEvent(new Event('change', {bubbles: true}));"
	    "  return {chosen: t(o).slice(0, 200)}; }";
	jv args = json_array();

	if (!find_element(job)) {
		jv_free(args);
		return;
	}
	run_on_element(job, function,
	    json_append_string(args, job_string(job, "option")), on_selected);
}

static const struct arg select_args[] = {
    {"ref", ARG_STRING, true, 0, 0},
    {"option", ARG_TEXT, true, 0, 0},
};
const struct tool tool_select = {"browser_select",
    "Select an option of a list, by its text.",
    JSON_OBJECT("\"ref\":" JSON_STRING ",\"option\":" JSON_STRING,
	"\"ref\",\"option\""),
    select_args, sizeof select_args / sizeof *select_args, NEEDS_PAGE,
    select_begin};
