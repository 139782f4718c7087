#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "json.h"
#include "ws_request.h"

static const char *
parse(const char *text, struct ws_request *request)
{
	return ws_request_parse(request, text, strlen(text));
}

static void
test_a_request(void **state)
{
	struct ws_request request;

	(void)state;
	assert_null(
	    parse("{\"type\":\"req\",\"id\":\"7\",\"method\":\"health\","
		  "\"params\":{\"probe\":true},\"traceparent\":\"x\"}",
		&request));
	assert_string_equal(request.id, "7");
	assert_string_equal(request.method, "health");
	assert_true(json_get_bool(request.params, "probe", false));
	ws_request_free(&request);
	assert_null(parse("{\"type\":\"req\",\"id\":\"7\",\"method\":\"x\","
			  "\"params\":null}",
	    &request));
	assert_true(json_is_object(request.params));
	ws_request_free(&request);
}

static void
test_no_request(void **state)
{
	static const struct {
		const char *text;
		bool answerable;
	} wrong[] = {
	    {"", false},
	    {"nothing", false},
	    {"[]", false},
	    {"{}", false},
	    {"{\"type\":\"req\",\"id\":7,\"method\":\"x\"}", false},
	    {"{\"type\":\"req\",\"id\":\"\",\"method\":\"x\"}", false},
	    {"{\"type\":\"req\",\"id\":\"\\u0000\",\"method\":\"x\"}", false},
	    {"{\"type\":\"res\",\"id\":\"7\",\"method\":\"x\"}", true},
	    {"{\"type\":\"req\",\"id\":\"7\"}", true},
	    {"{\"type\":\"req\",\"id\":\"7\",\"method\":{}}", true},
	    {"{\"type\":\"req\",\"id\":\"7\",\"method\":\"x\",\"params\":[]}",
		true},
	};
	struct ws_request request;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_non_null(parse(wrong[i].text, &request));
		assert_int_equal(request.id != NULL, wrong[i].answerable);
		ws_request_free(&request);
	}
}

static const char *
hello(const char *text, struct ws_hello *out, jv *params)
{
	*params = json_parse(text, strlen(text), NULL);
	assert_true(json_is_valid(*params));
	return ws_hello_parse(out, *params);
}

#define CLIENT                                 \
	"\"minProtocol\":4,\"maxProtocol\":4," \
	"\"client\":{\"id\":\"cli\",\"mode\":\"cli\",\"platform\":\"linux\"}"

static void
test_hello(void **state)
{
	struct ws_hello out;
	jv params;

	(void)state;
	assert_null(hello("{" CLIENT ",\"auth\":{\"token\":\"t\"},\"scopes\":["
			  "\"operator.read\"],\"caps\":[\"tool-events\"]}",
	    &out, &params));
	assert_string_equal(out.client, "cli");
	assert_string_equal(out.role, "operator");
	assert_string_equal(out.token, "t");
	assert_string_equal(out.signed_token, "t");
	assert_true(out.tools);
	assert_int_equal(ws_scopes(out.scopes_asked), WS_SCOPE_READ);
	ws_hello_free(&out);
	jv_free(params);

	assert_null(hello("{" CLIENT "}", &out, &params));
	assert_null(out.token);
	assert_string_equal(out.signed_token, "");
	assert_false(out.tools);
	assert_int_equal(ws_scopes(out.scopes_asked), WS_SCOPE_NONE);
	ws_hello_free(&out);
	jv_free(params);

	/* a password is as good as a token, but is not what a device signs */
	assert_null(hello("{" CLIENT ",\"auth\":{\"password\":\"p\","
			  "\"deviceToken\":\"d\"}}",
	    &out, &params));
	assert_string_equal(out.token, "p");
	assert_string_equal(out.signed_token, "d");
	ws_hello_free(&out);
	jv_free(params);
}

static void
test_wrong_hello(void **state)
{
	static const char *const wrong[] = {
	    "{}",
	    "{" CLIENT ",\"auth\":{\"token\":7}}",
	    "{" CLIENT ",\"auth\":{\"password\":[]}}",
	    "{" CLIENT ",\"scopes\":\"operator.admin\"}",
	    "{" CLIENT ",\"scopes\":[7]}",
	    "{" CLIENT ",\"caps\":[null]}",
	    "{" CLIENT ",\"role\":7}",
	    "{" CLIENT ",\"device\":\"x\"}",
	    "{\"minProtocol\":4,\"client\":{}}",
	    "{\"minProtocol\":4,\"maxProtocol\":4,\"client\":\"cli\"}",
	    "{\"minProtocol\":4,\"maxProtocol\":4,\"client\":{\"id\":\"cli\"}}",
	};
	struct ws_hello out;
	jv params;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_non_null(hello(wrong[i], &out, &params));
		ws_hello_free(&out);
		jv_free(params);
	}
}

static void
test_scopes(void **state)
{
	(void)state;
	assert_true(ws_scope_allows(WS_SCOPE_READ, WS_SCOPE_READ));
	assert_true(ws_scope_allows(WS_SCOPE_WRITE, WS_SCOPE_READ));
	assert_true(ws_scope_allows(WS_SCOPE_ADMIN, WS_SCOPE_WRITE));
	assert_true(ws_scope_allows(WS_SCOPE_NONE, WS_SCOPE_NONE));
	assert_false(ws_scope_allows(WS_SCOPE_READ, WS_SCOPE_WRITE));
	assert_false(ws_scope_allows(WS_SCOPE_NONE, WS_SCOPE_READ));
	assert_string_equal(ws_scope_name(WS_SCOPE_WRITE), "operator.write");
}

static void
test_sessions(void **state)
{
	char one[WS_SESSION_ID_SIZE], other[WS_SESSION_ID_SIZE], *key;
	char long_key[1000];

	(void)state;
	assert_string_equal(ws_session_of("agent:main:main"), "main");
	assert_string_equal(ws_session_of("main"), "main");
	assert_string_equal(
	    ws_session_of("agent:main:telegram:42"), "telegram:42");
	assert_null(ws_session_of("agent:other:main"));
	assert_null(ws_session_of("agent:main:"));
	assert_null(ws_session_of(""));
	assert_null(ws_session_of(NULL));
	memset(long_key, 'x', sizeof long_key);
	long_key[sizeof long_key - 1] = '\0';
	assert_null(ws_session_of(long_key));
	key = ws_session_key("telegram:42");
	assert_string_equal(ws_session_of(key), "telegram:42");
	free(key);
	assert_int_equal(strlen(ws_session_id("a", one)), 32);
	assert_string_not_equal(one, ws_session_id("b", other));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_request),
	    cmocka_unit_test(test_no_request),
	    cmocka_unit_test(test_hello),
	    cmocka_unit_test(test_wrong_hello),
	    cmocka_unit_test(test_scopes),
	    cmocka_unit_test(test_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
