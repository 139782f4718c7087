#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "server.h"
#include "ws_device.h"
#include "ws_parts.h"
#include "xalloc.h"

/*
 * connect: the first request.  Refusals tell the client's own code what to
 * make of them (`details.code`), and end the connection.
 */

static jv
detail(const char *code)
{
	return json_set_string(json_object(), "code", code);
}

static void
refuse(struct ws_conn *conn, const char *id, enum websocket_code close,
    const char *message, jv own_details)
{
	ws_error_with(
	    conn, id, "INVALID_REQUEST", message, own_details, json_null());
	ws_conn_close(conn, close, message);
}

/* ---- the token */

static void
refuse_token(struct ws_conn *conn, const char *id, bool missing)
{
	jv details =
	    detail(missing ? "AUTH_TOKEN_MISSING" : "AUTH_TOKEN_MISMATCH");

	details = json_set_bool(details, "canRetryWithDeviceToken", false);
	details = json_set_string(details, "recommendedNextStep",
	    missing ? "update_auth_configuration" : "update_auth_credentials");
	refuse(conn, id, WEBSOCKET_POLICY,
	    missing ? "unauthorized: gateway token missing (provide gateway "
		      "auth token)"
		    : "unauthorized: gateway token mismatch (provide gateway "
		      "auth token)",
	    details);
}

static void
refuse_out(struct ws_conn *conn, const char *id, int64_t retry_s)
{
	jv details = json_set_string(detail("AUTH_RATE_LIMITED"),
	    "recommendedNextStep", "wait_then_retry");

	details = json_set_int(details, "retryAfterMs", retry_s * 1000);
	refuse(conn, id, WEBSOCKET_POLICY,
	    "unauthorized: too many failed authentication attempts (retry "
	    "later)",
	    details);
}

void
ws_refuse_slow(struct ws_conn *conn)
{
	char *id = conn->slow;

	conn->slow = NULL;
	refuse_token(conn, id, false);
	free(id);
}

/* False: it was refused, or will be. */
static bool
check_token(struct ws_conn *conn, const char *id, const struct ws_hello *hello)
{
	struct auth *auth = server_auth(conn->ws->server);
	int64_t retry_s = 0;

	if (auth_is_open(auth))
		return true;
	if (auth_is_out(auth, conn->peer, &retry_s)) {
		refuse_out(conn, id, retry_s);
		return false;
	}
	if (hello->token != NULL && auth_token_is(auth, hello->token))
		return true;
	switch (auth_failed(auth, conn->peer, &retry_s)) {
	case AUTH_OUT: refuse_out(conn, id, retry_s); break;
	case AUTH_SLOW:
		conn->slow = xstrdup(id);
		ws_conn_hold(conn);
		break;
	default: refuse_token(conn, id, hello->token == NULL);
	}
	return false;
}

/* ---- the device */

/*
 * A client of this machine that has the token needs no device of its own;
 * one from elsewhere proves that it is one and the same, and that its words
 * were not said before.
 */
static bool
check_device(struct ws_conn *conn, const char *id, const struct ws_hello *hello)
{
	static const struct {
		const char *code, *message;
	} wrong[] = {
	    [WS_DEVICE_MALFORMED] = {"DEVICE_AUTH_INVALID",
		"device identity malformed"},
	    [WS_DEVICE_WRONG_NONCE] = {"DEVICE_AUTH_NONCE_MISMATCH",
		"device nonce mismatch"},
	    [WS_DEVICE_WRONG_ID] = {"DEVICE_AUTH_DEVICE_ID_MISMATCH",
		"device identity mismatch"},
	    [WS_DEVICE_WRONG_KEY] = {"DEVICE_AUTH_PUBLIC_KEY_INVALID",
		"device public key invalid"},
	    [WS_DEVICE_STALE] = {"DEVICE_AUTH_SIGNATURE_EXPIRED",
		"device signature expired"},
	    [WS_DEVICE_WRONG_SIGNATURE] = {"DEVICE_AUTH_SIGNATURE_INVALID",
		"device signature invalid"},
	};
	enum ws_device_result result;

	if (json_is_null(hello->device)) {
		if (auth_is_loopback(conn->peer))
			return true;
		refuse(conn, id, WEBSOCKET_POLICY, "device identity required",
		    detail("DEVICE_IDENTITY_REQUIRED"));
		return false;
	}
	result = ws_device_check(hello, conn->nonce, clock_now_ms());
	if (result == WS_DEVICE_OK)
		return true;
	log_info("%s: WebSocket: %s", conn->peer, wrong[result].message);
	refuse(conn, id, WEBSOCKET_POLICY, wrong[result].message,
	    detail(wrong[result].code));
	return false;
}

/* ---- the rest */

static bool
check_protocol(
    struct ws_conn *conn, const char *id, const struct ws_hello *hello)
{
	jv details;

	if (hello->min <= WS_PROTOCOL && hello->max >= WS_PROTOCOL)
		return true;
	details = detail("PROTOCOL_MISMATCH");
	details = json_set_int(details, "clientMinProtocol", hello->min);
	details = json_set_int(details, "clientMaxProtocol", hello->max);
	details = json_set_int(details, "expectedProtocol", WS_PROTOCOL);
	refuse(conn, id, WEBSOCKET_PROTOCOL, "protocol mismatch", details);
	return false;
}

static bool
check_role(struct ws_conn *conn, const char *id, const struct ws_hello *hello)
{
	if (strcmp(hello->role, "operator") == 0)
		return true;
	refuse(conn, id, WEBSOCKET_POLICY,
	    "this gateway serves the role operator only",
	    detail("ROLE_NOT_SERVED"));
	return false;
}

static jv
make_features(void)
{
	static const char *const events[] = {"connect.challenge", "agent",
	    "chat", "sessions.changed", "tick", "shutdown"};
	jv methods = json_array(), names = json_array();

	for (const struct ws_method *m = ws_methods; m->name != NULL; m++)
		methods = json_append_string(methods, m->name);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		names = json_append_string(names, events[i]);
	return json_set(
	    json_set(json_object(), "methods", methods), "events", names);
}

static jv
make_snapshot(struct ws *ws)
{
	jv version = json_set_int(
	    json_set_int(json_object(), "presence", 0), "health", 0);
	jv defaults = json_object(), snapshot;

	defaults = json_set_string(defaults, "defaultAgentId", "main");
	defaults = json_set_string(defaults, "mainKey", "main");
	defaults =
	    json_set_string(defaults, "mainSessionKey", "agent:main:main");
	defaults = json_set_string(defaults, "scope", "per-sender");
	snapshot = json_set(json_object(), "presence", json_array());
	snapshot = json_set(snapshot, "health", ws_health(ws));
	snapshot = json_set(snapshot, "stateVersion", version);
	snapshot = json_set(snapshot, "sessionDefaults", defaults);
	return json_set_int(
	    snapshot, "uptimeMs", clock_mono_ms() - ws->started);
}

static jv
make_policy(void)
{
	jv policy = json_set_int(json_object(), "maxPayload", WS_PAYLOAD_MAX);

	policy = json_set_int(policy, "maxBufferedBytes", WS_BUFFERED_MAX);
	return json_set_int(policy, "tickIntervalMs", WS_TICK_MS);
}

static jv
make_hello(struct ws_conn *conn, const struct ws_hello *hello)
{
	jv server = json_set_string(json_object(), "version", OC_VERSION);
	jv payload = json_set_string(json_object(), "type", "hello-ok"), auth;
	jv scopes = json_is_array(hello->scopes_asked)
			? json_copy(hello->scopes_asked)
			: json_array();

	server = json_set_string(server, "connId", conn->id);
	auth = json_set_string(json_object(), "role", hello->role);
	auth = json_set(auth, "scopes", scopes);
	payload = json_set_int(payload, "protocol", WS_PROTOCOL);
	payload = json_set(payload, "server", server);
	payload = json_set(payload, "features", make_features());
	payload = json_set(payload, "snapshot", make_snapshot(conn->ws));
	payload = json_set(payload, "auth", auth);
	return json_set(payload, "policy", make_policy());
}

void
ws_connect(struct ws_conn *conn, const char *id, jv ref_params)
{
	struct ws_hello hello;
	const char *problem = ws_hello_parse(&hello, ref_params);

	if (problem != NULL) {
		ws_bad_params(conn, id, "connect", problem);
		ws_conn_close(conn, WEBSOCKET_POLICY, "invalid connect params");
	} else if (check_protocol(conn, id, &hello) &&
		   check_token(conn, id, &hello) &&
		   check_role(conn, id, &hello) &&
		   check_device(conn, id, &hello)) {
		conn->scopes = ws_scopes(hello.scopes_asked);
		conn->tools = hello.tools;
		ws_conn_greeted(conn);
		ws_answer(conn, id, make_hello(conn, &hello));
		log_debug("%s: WebSocket: %s", conn->peer, hello.client);
	}
	ws_hello_free(&hello);
}
