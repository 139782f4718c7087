#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "request.h"
#include "url.h"

static void
assert_request(const char *text, bool tunnel, const char *host, uint16_t port,
    const char *head)
{
	struct request request;

	assert_int_equal(
	    request_read(&request, text, strlen(text)), REQUEST_WHOLE);
	assert_int_equal(request.tunnel, tunnel);
	assert_string_equal(request.host, host);
	assert_int_equal(request.port, port);
	assert_string_equal(buf_string(&request.head), head);
	request_free(&request);
}

static void
assert_bad(const char *text)
{
	struct request request;

	assert_int_equal(
	    request_read(&request, text, strlen(text)), REQUEST_BAD);
	request_free(&request);
}

static void
test_requests(void **state)
{
	struct request request;

	(void)state;
	assert_request("GET http://example.com/a?b HTTP/1.1\r\n"
		       "Host: example.com\r\nProxy-Connection: keep-alive\r\n"
		       "Connection: x\r\nAccept: y\r\n\r\nbody",
	    false, "example.com", 80,
	    "GET /a?b HTTP/1.1\r\nHost: example.com\r\nAccept: y\r\n"
	    "Connection: close\r\n\r\n");
	assert_request("POST http://[::1]:8080?q HTTP/1.1\r\n\r\n", false,
	    "::1", 8080, "POST /?q HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_request("CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
	    true, "example.com", 443, "");
	assert_int_equal(request_read(&request, "GET http", 8), REQUEST_MORE);
	request_free(&request);
}

static void
test_bad_requests(void **state)
{
	(void)state;
	assert_bad("\r\n\r\n");
	assert_bad("GET / HTTP/1.1\r\n\r\n");
	assert_bad("GET https://x/ HTTP/1.1\r\n\r\n");
	assert_bad("GET http:///x HTTP/1.1\r\n\r\n");
	assert_bad("GET http://user@x/ HTTP/1.1\r\n\r\n");
	assert_bad("GET http://x:99999/ HTTP/1.1\r\n\r\n");
	assert_bad("GET http://x:0/ HTTP/1.1\r\n\r\n");
	assert_bad("CONNECT example.com HTTP/1.1\r\n\r\n");
	assert_bad("CONNECT [::1 HTTP/1.1\r\n\r\n");
}

static void
assert_url(const char *text, const char *want, bool refused)
{
	struct buf url = {0};
	bool was_refused;
	const char *problem = url_check(text, &url, &was_refused);

	assert_int_equal(was_refused, refused);
	if (want == NULL)
		assert_non_null(problem);
	else
		assert_string_equal(buf_string(&url), want);
	buf_free(&url);
}

static void
test_urls(void **state)
{
	(void)state;
	assert_url("http://x.com/a", "http://x.com/a", false);
	assert_url("x.com/a", "https://x.com/a", false);
	assert_url("x.com:8080/a", "https://x.com:8080/a", false);
	assert_url("HTTP://x.com", "HTTP://x.com", false);
	assert_url("file:///etc/passwd", NULL, true);
	assert_url("javascript:alert(1)", NULL, true);
	assert_url("view-source:http://x", NULL, true);
	assert_url("http://a:b@x.com/", NULL, true);
	assert_url("http://x.com /", NULL, false);
	assert_url("http://", NULL, false);
	assert_url("", NULL, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_bad_requests),
	    cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
