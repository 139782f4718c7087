#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "buf.h"
#include "json.h"
#include "ws_request.h"
#include "xalloc.h"

enum {
	WORD_MAX = 256,   /* bytes of a name, a version, a platform */
	TOKEN_MAX = 4096, /* of a token; ours are short, JWTs are not */
	SCOPES_MAX = 32,
	SESSION_MAX = 256,
};

/* ---- a frame */

static bool
is_name(const char *text, size_t most)
{
	return text != NULL && *text != '\0' && strlen(text) <= most;
}

const char *
ws_request_parse(struct ws_request *request, const char *text, size_t length)
{
	const char *id, *method;
	jv params;

	*request = (struct ws_request){
	    .frame = json_parse(text, length, NULL), .params = json_object()};
	if (!json_is_valid(request->frame))
		return "not JSON";
	if (!json_is_object(request->frame))
		return "not an object";
	id = json_get_string(request->frame, "id", NULL);
	if (!is_name(id, WS_ID_MAX))
		return "id must be a string of 1 to 128 bytes";
	request->id = id;
	if (strcmp(json_get_string(request->frame, "type", ""), "req") != 0)
		return "type must be req";
	method = json_get_string(request->frame, "method", NULL);
	if (!is_name(method, WS_ID_MAX))
		return "method must be a string of 1 to 128 bytes";
	params = json_get(request->frame, "params");
	if (json_is_null(params)) {
		jv_free(params);
	} else {
		jv_free(request->params);
		request->params = params;
	}
	if (!json_is_object(request->params))
		return "params must be an object";
	request->method = method;
	return NULL;
}

void
ws_request_free(struct ws_request *request)
{
	jv_free(request->frame);
	jv_free(request->params);
}

/* ---- scopes */

static const struct {
	const char *name;
	unsigned scope;
} scope_names[] = {
    {"operator.read", WS_SCOPE_READ},
    {"operator.write", WS_SCOPE_WRITE},
    {"operator.admin", WS_SCOPE_ADMIN},
};
enum { SCOPE_NAMES = sizeof scope_names / sizeof *scope_names };

unsigned
ws_scopes(jv ref_names)
{
	unsigned scopes = WS_SCOPE_NONE;

	for (int i = 0, n = json_length(ref_names); i < n; i++) {
		jv name = json_at(ref_names, i);

		for (size_t k = 0; k < SCOPE_NAMES; k++)
			if (strcmp(json_as_string(name, ""),
				scope_names[k].name) == 0)
				scopes |= scope_names[k].scope;
		jv_free(name);
	}
	return scopes;
}

bool
ws_scope_allows(unsigned scopes, unsigned wanted)
{
	if (wanted == WS_SCOPE_NONE || (scopes & WS_SCOPE_ADMIN) != 0)
		return true;
	if (wanted == WS_SCOPE_READ && (scopes & WS_SCOPE_WRITE) != 0)
		return true;
	return (scopes & wanted) != 0;
}

const char *
ws_scope_name(unsigned scope)
{
	for (size_t k = 0; k < SCOPE_NAMES; k++)
		if (scope_names[k].scope == scope)
			return scope_names[k].name;
	return "";
}

/* ---- connect */

/* A string of a bounded length, or `otherwise`; NULL when it is wrong. */
static const char *
word(jv ref_object, const char *key, const char *otherwise, size_t most)
{
	jv value = json_get(ref_object, key);
	bool missing = json_is_null(value);
	const char *text = json_as_string(value, NULL);

	jv_free(value); /* the object still holds it */
	if (missing)
		return otherwise;
	return text != NULL && strlen(text) <= most ? text : NULL;
}

static const char *
read_client(struct ws_hello *hello, jv ref_params)
{
	jv client = json_get(ref_params, "client");

	/* ref_params still holds what these point into */
	hello->client = word(client, "id", NULL, WORD_MAX);
	hello->mode = word(client, "mode", NULL, WORD_MAX);
	hello->platform = word(client, "platform", NULL, WORD_MAX);
	hello->family = word(client, "deviceFamily", "", WORD_MAX);
	jv_free(client);
	if (hello->client == NULL || *hello->client == '\0')
		return "client.id must be a string";
	if (hello->mode == NULL || *hello->mode == '\0')
		return "client.mode must be a string";
	if (hello->platform == NULL || hello->family == NULL)
		return "client.platform and client.deviceFamily must be "
		       "strings";
	return NULL;
}

static const char *
read_auth(struct ws_hello *hello, jv ref_params)
{
	static const char *const keys[] = {
	    "token", "deviceToken", "bootstrapToken"};
	jv auth = json_get(ref_params, "auth");
	const char *password = word(auth, "password", "", TOKEN_MAX);
	const char *problem = NULL;

	hello->signed_token = "";
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *token = word(auth, keys[i], "", TOKEN_MAX);

		if (token == NULL)
			problem = "auth must hold strings";
		else if (*hello->signed_token == '\0')
			hello->signed_token = token;
	}
	if (password == NULL)
		problem = "auth.password must be a string";
	hello->token = word(auth, "token", NULL, TOKEN_MAX);
	if (hello->token == NULL && password != NULL && *password != '\0')
		hello->token = password;
	jv_free(auth);
	return problem;
}

static bool
are_strings(jv ref_array, int most)
{
	int count = json_length(ref_array);
	bool right = json_is_null(ref_array) ||
		     (json_is_array(ref_array) && count <= most);

	for (int i = 0; right && i < count; i++) {
		jv one = json_at(ref_array, i);

		right =
		    json_is_string(one) && json_string_length(one) <= WORD_MAX;
		jv_free(one);
	}
	return right;
}

static bool
names(jv ref_array, const char *wanted)
{
	bool is = false;

	for (int i = 0, n = json_length(ref_array); !is && i < n; i++) {
		jv one = json_at(ref_array, i);

		is = strcmp(json_as_string(one, ""), wanted) == 0;
		jv_free(one);
	}
	return is;
}

static const char *
read_lists(struct ws_hello *hello, jv ref_params)
{
	jv caps = json_get(ref_params, "caps");
	bool right = are_strings(caps, SCOPES_MAX);

	hello->tools = right && names(caps, "tool-events");
	jv_free(caps);
	if (!right)
		return "caps must be an array of strings";
	hello->scopes_asked = json_get(ref_params, "scopes");
	if (!are_strings(hello->scopes_asked, SCOPES_MAX))
		return "scopes must be an array of strings";
	return NULL;
}

const char *
ws_hello_parse(struct ws_hello *hello, jv ref_params)
{
	const char *problem;

	*hello = (struct ws_hello){
	    .scopes_asked = json_null(), .device = json_null()};
	hello->min = json_get_int(ref_params, "minProtocol", -1);
	hello->max = json_get_int(ref_params, "maxProtocol", -1);
	if (hello->min < 1 || hello->max < 1)
		return "minProtocol and maxProtocol must be numbers";
	problem = read_client(hello, ref_params);
	if (problem == NULL)
		problem = read_auth(hello, ref_params);
	if (problem == NULL)
		problem = read_lists(hello, ref_params);
	if (problem != NULL)
		return problem;
	hello->role = word(ref_params, "role", "operator", WORD_MAX);
	if (hello->role == NULL)
		return "role must be a string";
	hello->device = json_get(ref_params, "device");
	if (!json_is_null(hello->device) && !json_is_object(hello->device))
		return "device must be an object";
	return NULL;
}

void
ws_hello_free(struct ws_hello *hello)
{
	jv_free(hello->scopes_asked);
	jv_free(hello->device);
}

/* ---- sessions */

static const char ours[] = "agent:main:";

const char *
ws_session_of(const char *key)
{
	size_t prefix = sizeof ours - 1;

	if (key == NULL || strlen(key) > SESSION_MAX)
		return NULL;
	if (strncmp(key, ours, prefix) == 0)
		key += prefix;
	else if (strncmp(key, "agent:", 6) == 0)
		return NULL;
	return *key != '\0' ? key : NULL;
}

char *
ws_session_key(const char *session)
{
	return xasprintf("%s%s", ours, session);
}

char *
ws_session_id(const char *session, char out[WS_SESSION_ID_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};

	(void)EVP_Digest(
	    session, strlen(session), digest, NULL, EVP_sha256(), NULL);
	for (size_t i = 0; i < WS_SESSION_ID_SIZE / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return out;
}
