#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <event2/buffer.h>
#include "clock.h"
#include "conn.h"
#include "json.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	/* what a client that reads slowly may have waiting */
	UNSENT_MAX = 4 * 1024 * 1024,
};

/* ---- life */

struct request *
request_new(struct conn *conn)
{
	struct request *request = xcalloc(1, sizeof *request);

	request->conn = conn;
	request->head.length = -1;
	return request;
}

void
request_free(struct request *request)
{
	struct header *next;

	for (struct header *h = request->headers; h != NULL; h = next) {
		next = h->next;
		free(h->name);
		free(h->value);
		free(h);
	}
	head_free(&request->head);
	buf_free(&request->body);
	free(request);
}

/* Its connection goes on without it. */
static void
leave(struct request *request)
{
	struct conn *conn = request->conn;

	conn->server->counts.running -=
	    request->handled && request->route != NULL && request->route->work;
	conn->request = NULL;
	request_free(request);
}

/* It is answered. */
static void
finish(struct request *request)
{
	struct conn *conn = request->conn;

	leave(request);
	conn_answered(conn);
	server_check_drained(conn->server);
}

void
request_on_gone(struct request *request, void (*gone)(void *arg), void *arg)
{
	request->gone = gone;
	request->gone_arg = arg;
}

struct bufferevent *
request_take(struct request *request)
{
	struct conn *conn = request->conn;
	struct bufferevent *bev = conn->bev;

	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	bufferevent_set_timeouts(bev, NULL, NULL);
	conn->bev = NULL;
	conn->server->taken++;
	leave(request);
	conn_cut(conn);
	return bev;
}

/* ---- what was asked */

const char *
request_method(const struct request *request)
{
	return request->head.method;
}

const char *
request_path(const struct request *request)
{
	return request->head.path;
}

const char *
request_rest(const struct request *request)
{
	size_t length = strlen(request->route->path);

	if (length == 0 || request->route->path[length - 1] != '*')
		return "";
	return request->head.path + length - 1;
}

const char *
request_header(const struct request *request, const char *name)
{
	return head_field(&request->head, name);
}

/* Whether a header shows who asks, so that rules have no business with it. */
static bool
is_credential(const char *name)
{
	static const char *const names[] = {"authorization", "cookie",
	    "proxy-authorization", "x-openclaw-token", "x-hub-signature",
	    "x-hub-signature-256", "x-telegram-bot-api-secret-token"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

jv
request_headers(const struct request *request)
{
	jv headers = json_object();

	for (size_t i = 0; i < request->head.count; i++) {
		char *name = xstrdup(request->head.field[i].name);

		for (char *c = name; *c != '\0'; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c + ('a' - 'A'));
		if (!is_credential(name))
			headers = json_set_string(
			    headers, name, request->head.field[i].value);
		free(name);
	}
	return headers;
}

const char *
request_query_text(const struct request *request)
{
	return request->head.query;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Without percent signs and pluses; NULL when it is not UTF-8 then. */
static char *
decode(const char *text, size_t length)
{
	struct buf out = {0};

	buf_reserve(&out, length + 1);
	for (size_t i = 0; i < length; i++) {
		bool coded = text[i] == '%' && i + 2 < length &&
			     hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;

		if (coded) {
			buf_add_byte(&out,
			    (char)(hex(text[i + 1]) << 4 | hex(text[i + 2])));
			i += 2;
		} else {
			buf_add_byte(&out, text[i] == '+' ? ' ' : text[i]);
		}
	}
	if (memchr(buf_string(&out), '\0', out.length) != NULL ||
	    !utf8_valid(buf_string(&out), out.length)) {
		buf_free(&out);
		return NULL;
	}
	return buf_take(&out);
}

char *
request_query(const struct request *request, const char *name)
{
	const char *at = request->head.query;
	size_t length = strlen(name);

	while (at != NULL && *at != '\0') {
		size_t whole = strcspn(at, "&");

		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return decode(at + length + 1, whole - length - 1);
		if (whole == length && strncmp(at, name, length) == 0)
			return xstrdup("");
		at += whole;
		at += *at == '&';
	}
	return NULL;
}

const char *
request_peer(const struct request *request)
{
	return request->conn->peer;
}

bool
request_is_trusted(const struct request *request)
{
	return request->trusted;
}

const struct buf *
request_body(const struct request *request)
{
	return &request->body;
}

struct server *
request_server(const struct request *request)
{
	return request->conn->server;
}

bool
request_json(struct request *request, jv *own_out)
{
	const char *problem = NULL;
	struct buf text = {0};

	*own_out = json_parse(
	    buf_string(&request->body), request->body.length, &problem);
	if (json_is_object(*own_out))
		return true;
	if (request->body.length == 0)
		buf_add_string(&text, "the body is missing");
	else if (problem != NULL)
		buf_printf(&text, "the body is no JSON: %s", problem);
	else
		buf_add_string(&text, "the body must be a JSON object");
	jv_free(*own_out);
	*own_out = json_null();
	request_error(request, 400, "invalid_request_error", buf_string(&text));
	buf_free(&text);
	return false;
}

/* ---- the head of an answer */

static const char *
reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {{200, "OK"}, {201, "Created"}, {202, "Accepted"},
	    {204, "No Content"}, {206, "Partial Content"},
	    {304, "Not Modified"}, {400, "Bad Request"}, {401, "Unauthorized"},
	    {402, "Payment Required"}, {403, "Forbidden"}, {404, "Not Found"},
	    {405, "Method Not Allowed"}, {408, "Request Timeout"},
	    {409, "Conflict"}, {413, "Content Too Large"},
	    {415, "Unsupported Media Type"}, {417, "Expectation Failed"},
	    {422, "Unprocessable Content"}, {426, "Upgrade Required"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"}, {501, "Not Implemented"},
	    {502, "Bad Gateway"}, {503, "Service Unavailable"},
	    {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

void
request_set_header(struct request *request, const char *name, const char *value)
{
	struct header *header = xcalloc(1, sizeof *header);

	header->name = xstrdup(name);
	header->value = xstrdup(value);
	/* a line end would begin a header of somebody else's */
	for (char *c = header->value; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	header->next = request->headers;
	request->headers = header;
}

static bool
has_header(const struct request *request, const char *name)
{
	for (const struct header *h = request->headers; h != NULL; h = h->next)
		if (strcasecmp(h->name, name) == 0)
			return true;
	return false;
}

static const char *
date(struct server *server)
{
	time_t now = (time_t)(clock_now_ms() / 1000);
	struct tm tm;

	if (server->date_s != (int64_t)now) {
		server->date_s = (int64_t)now;
		strftime(server->date, sizeof server->date,
		    "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	}
	return server->date;
}

static struct evbuffer *
output(const struct request *request)
{
	return bufferevent_get_output(request->conn->bev);
}

/* All but the lines about the length, and the empty line. */
static void
begin(struct request *request, int status, const char *type)
{
	struct evbuffer *out = output(request);
	struct conn *conn = request->conn;

	server_count(conn->server, status);
	evbuffer_add_printf(out,
	    "HTTP/1.1 %d %s\r\nDate: %s\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Referrer-Policy: no-referrer\r\n",
	    status, reason(status), date(conn->server));
	if (type != NULL)
		evbuffer_add_printf(out, "Content-Type: %s\r\n", type);
	if (!has_header(request, "Cache-Control"))
		evbuffer_add_printf(out, "Cache-Control: no-store\r\n");
	for (const struct header *h = request->headers; h != NULL; h = h->next)
		evbuffer_add_printf(out, "%s: %s\r\n", h->name, h->value);
	if (conn->last || conn->server->draining)
		evbuffer_add_printf(out, "Connection: close\r\n");
	else if (request->head.minor == 0)
		evbuffer_add_printf(out, "Connection: keep-alive\r\n");
}

static bool
is_head(const struct request *request)
{
	return request->head.method != NULL &&
	       strcmp(request->head.method, "HEAD") == 0;
}

/* ---- whole answers */

void
request_answer_bytes(struct request *request, int status, const char *type,
    const void *bytes, size_t length)
{
	begin(request, status, length != 0 ? type : NULL);
	if (status != 204 && status != 304)
		evbuffer_add_printf(
		    output(request), "Content-Length: %zu\r\n", length);
	evbuffer_add(output(request), "\r\n", 2);
	if (!is_head(request))
		evbuffer_add(output(request), bytes, length);
	finish(request);
}

void
request_answer(struct request *request, int status, jv own_body)
{
	struct buf text = {0};

	json_write(&text, own_body);
	buf_add_byte(&text, '\n');
	jv_free(own_body);
	request_answer_bytes(
	    request, status, "application/json", text.data, text.length);
	buf_free(&text);
}

void
request_error(
    struct request *request, int status, const char *type, const char *message)
{
	jv error = json_set_string(json_object(), "message", message);

	error = json_set_string(error, "type", type);
	if (status == 401 && !has_header(request, "WWW-Authenticate"))
		request_set_header(request, "WWW-Authenticate", "Bearer");
	request_answer(
	    request, status, json_set(json_object(), "error", error));
}

/* ---- answers in pieces */

void
request_stream(struct request *request, const char *type)
{
	request->streaming = true;
	/* without chunks the end of the connection is the end of the answer */
	if (request->head.minor == 0)
		request->conn->last = true;
	begin(request, 200, type);
	evbuffer_add_printf(output(request), "X-Accel-Buffering: no\r\n%s\r\n",
	    request->head.minor == 0 ? "" : "Transfer-Encoding: chunked\r\n");
}

bool
request_is_streaming(const struct request *request)
{
	return request->streaming;
}

bool
request_send(struct request *request, const char *data, size_t length)
{
	struct evbuffer *out = output(request);

	if (is_head(request) || length == 0)
		return true; /* a chunk of length 0 would be the end */
	if (request->head.minor == 0) {
		evbuffer_add(out, data, length);
	} else {
		evbuffer_add_printf(out, "%zx\r\n", length);
		evbuffer_add(out, data, length);
		evbuffer_add(out, "\r\n", 2);
	}
	if (evbuffer_get_length(out) <= UNSENT_MAX)
		return true;
	conn_cut(request->conn);
	return false;
}

void
request_end(struct request *request)
{
	if (request->head.minor != 0 && !is_head(request))
		evbuffer_add(output(request), "0\r\n\r\n", 5);
	finish(request);
}
