#ifndef OC_RECV_HTTP_ANSWERID_H
#define OC_RECV_HTTP_ANSWERID_H

/*
 * The id of a response names the session that it belongs to, so that
 * previous_response_id finds it after any restart: "resp_", a ULID, and the
 * session's key in hexadecimal digits.
 */
char *answerid_make(const char *ulid, const char *key); /* caller frees */
/* The key, for the caller to free; NULL when it is no such id. */
char *answerid_key(const char *id);

#endif
