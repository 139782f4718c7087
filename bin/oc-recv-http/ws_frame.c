#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "json.h"
#include "log.h"
#include "ws_parts.h"

/* ---- what is sent */

void
ws_answer(struct ws_conn *conn, const char *id, jv own_payload)
{
	jv frame = json_set_string(json_object(), "type", "res");

	frame = json_set_string(frame, "id", id);
	frame = json_set_bool(frame, "ok", true);
	ws_send(conn, json_set(frame, "payload", own_payload));
}

static void
send_error(struct ws_conn *conn, const char *id, jv own_error, jv own_payload)
{
	jv frame = json_set_string(json_object(), "type", "res");

	frame = json_set_string(frame, "id", id);
	frame = json_set_bool(frame, "ok", false);
	if (json_is_null(own_payload))
		jv_free(own_payload);
	else
		frame = json_set(frame, "payload", own_payload);
	ws_send(conn, json_set(frame, "error", own_error));
}

static jv
make_error(const char *code, const char *message)
{
	return json_set_string(
	    json_set_string(json_object(), "code", code), "message", message);
}

void
ws_error(
    struct ws_conn *conn, const char *id, const char *code, const char *message)
{
	send_error(conn, id, make_error(code, message), json_null());
}

void
ws_error_with(struct ws_conn *conn, const char *id, const char *code,
    const char *message, jv own_details, jv own_payload)
{
	send_error(conn, id,
	    json_set(make_error(code, message), "details", own_details),
	    own_payload);
}

void
ws_unavailable(struct ws_conn *conn, const char *id, const char *message)
{
	jv error = json_set_bool(
	    make_error("UNAVAILABLE", message), "retryable", true);

	send_error(
	    conn, id, json_set_int(error, "retryAfterMs", 1000), json_null());
}

void
ws_event(struct ws_conn *conn, const char *event, jv own_payload)
{
	jv frame = json_set_string(json_object(), "type", "event");

	frame = json_set_string(frame, "event", event);
	/* a client that is not greeted yet counts nothing */
	if (conn->greeted)
		frame = json_set_int(frame, "seq", (int64_t)++conn->seq);
	ws_send(conn, json_set(frame, "payload", own_payload));
}

/* ---- what comes */

static bool
may(struct ws_conn *conn, const char *id, unsigned wanted)
{
	const char *name = ws_scope_name(wanted);
	struct buf message = {0};
	jv details;

	if (ws_scope_allows(conn->scopes, wanted))
		return true;
	details = json_set_string(json_object(), "code", "MISSING_SCOPE");
	details = json_set_string(details, "missingScope", name);
	details = json_set(
	    details, "requiredScopes", json_append_string(json_array(), name));
	buf_printf(&message, "missing scope: %s", name);
	ws_error_with(
	    conn, id, "FORBIDDEN", buf_string(&message), details, json_null());
	buf_free(&message);
	return false;
}

static void
call(struct ws_conn *conn, const struct ws_request *request)
{
	struct buf message = {0};

	for (const struct ws_method *m = ws_methods; m->name != NULL; m++)
		if (strcmp(m->name, request->method) == 0) {
			if (may(conn, request->id, m->scope))
				m->handle(conn, request->id, request->params);
			return;
		}
	buf_printf(&message, "unknown method: %s", request->method);
	ws_error(conn, request->id, "INVALID_REQUEST", buf_string(&message));
	buf_free(&message);
}

/* A client that cannot even ask is not one of ours. */
static void
refuse(
    struct ws_conn *conn, const struct ws_request *request, const char *problem)
{
	struct buf message = {0};

	buf_printf(&message, "invalid request frame: %s", problem);
	if (request->id != NULL)
		ws_error(
		    conn, request->id, "INVALID_REQUEST", buf_string(&message));
	if (request->id == NULL || !conn->greeted)
		ws_conn_close(conn, WEBSOCKET_PROTOCOL, buf_string(&message));
	buf_free(&message);
}

void
ws_frame(struct ws_conn *conn, const char *data, size_t length)
{
	static const char first[] =
	    "invalid handshake: first request must be connect";
	struct ws_request request;
	const char *problem = ws_request_parse(&request, data, length);
	bool connects =
	    problem == NULL && strcmp(request.method, "connect") == 0;

	if (problem != NULL) {
		refuse(conn, &request, problem);
	} else if (conn->greeted) {
		call(conn, &request);
	} else if (conn->slow != NULL) {
		; /* its refusal is on the way */
	} else if (connects) {
		ws_connect(conn, request.id, request.params);
	} else {
		ws_error(conn, request.id, "INVALID_REQUEST", first);
		ws_conn_close(conn, WEBSOCKET_POLICY, first);
	}
	ws_request_free(&request);
}
