#ifndef OC_RECV_HTTP_WS_REQUEST_H
#define OC_RECV_HTTP_WS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>

/*
 * What clients send, checked before anything is done with it.  Nothing here
 * depends on a connection.
 */

enum {
	WS_ID_MAX = 128, /* bytes of a request's id, and of a method's name */
	WS_KEY_MAX = 256,
};

/* {"type":"req","id","method","params"} */
struct ws_request {
	jv frame;
	jv params; /* an object, empty when there are none */
	/* Both point into frame. */
	const char *id, *method;
};

/*
 * NULL when it is a request, else what is wrong; then `id` is set if an
 * answer can be given at all, else NULL.  ws_request_free in both cases.
 */
const char *ws_request_parse(
    struct ws_request *request, const char *text, size_t length);
void ws_request_free(struct ws_request *request);

/*
 * What a client may do.  What it asks for, it gets: it has the token.  Others
 * of the official scopes (approvals, pairing) are granted and mean nothing.
 */
enum ws_scope {
	WS_SCOPE_NONE = 0,
	WS_SCOPE_READ = 1,
	WS_SCOPE_WRITE = 2, /* and read */
	WS_SCOPE_ADMIN = 4, /* and all else */
};
/* What the names of an array are worth. */
unsigned ws_scopes(jv ref_names);
bool ws_scope_allows(unsigned scopes, unsigned wanted);
const char *ws_scope_name(unsigned scope);

/* The parameters of connect; strings point into them. */
struct ws_hello {
	int64_t min, max; /* of the protocol */
	const char *client, *mode, *platform, *family;
	const char *role;
	const char *token;        /* NULL: none */
	const char *signed_token; /* what a device's proof covers, or "" */
	jv scopes_asked;          /* an array of strings, as sent */
	jv device;                /* null: none */
	bool tools;
};
/* NULL when right, else what is wrong.  ws_hello_free in both cases. */
const char *ws_hello_parse(struct ws_hello *hello, jv ref_params);
void ws_hello_free(struct ws_hello *hello);

/*
 * Sessions.  A key "agent:main:NAME", or NAME alone, is the session NAME here;
 * "main" is the one that clients use when nobody says which.  NULL: the key
 * is empty, too long, or of an agent that is not ours.  It points into the
 * key.
 */
const char *ws_session_of(const char *key);
/* The key of a session; the caller frees it. */
char *ws_session_key(const char *session);
/* What clients tell sessions apart by: 32 hexadecimal digits. */
enum { WS_SESSION_ID_SIZE = 33 };
char *ws_session_id(const char *session, char out[WS_SESSION_ID_SIZE]);

#endif
