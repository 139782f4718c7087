#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cookies.h"
#include "json.h"

enum { NOW = 1000 };

/* Those that can be used, as "name=value@domain path;" with s for secure. */
static void
assert_cookies(const char *text, const char *domains, const char *want)
{
	struct cookies cookies;
	jv list = domains != NULL ? json_parse(domains, strlen(domains), NULL)
				  : json_null();
	struct buf seen = {0};
	jv usable;

	cookies_read(&cookies, text, strlen(text));
	usable = cookies_usable(&cookies, list, NOW);
	for (int i = 0; i < json_length(usable); i++) {
		jv one = json_at(usable, i);

		assert_true(json_get_bool(one, "httpOnly", false));
		buf_printf(&seen, "%s=%s@%s %s%s;",
		    json_get_string(one, "name", ""),
		    json_get_string(one, "value", ""),
		    json_get_string(one, "domain", ""),
		    json_get_string(one, "path", ""),
		    json_get_bool(one, "secure", false) ? " s" : "");
		jv_free(one);
	}
	assert_string_equal(buf_string(&seen), want);
	buf_free(&seen);
	jv_free(usable);
	jv_free(list);
	cookies_free(&cookies);
}

static void
test_netscape(void **state)
{
	(void)state;
	assert_cookies(
	    "# Netscape HTTP Cookie File\r\n\n"
	    ".example.com\tTRUE\t/\tTRUE\t2000\ta\t1\r\n"
	    "#HttpOnly_www.example.com\tFALSE\t/x\tFALSE\t0\tb\t2 3\n"
	    "old.com\tFALSE\t/\tFALSE\t999\tc\t3\n"
	    "wide.com\tTRUE\t/\tFALSE\t0\td\t\n"
	    "no tabs here\n"
	    "e.com\tFALSE\t/\tFALSE\t0\te\t5",
	    NULL,
	    "a=1@.example.com / s;b=2 3@www.example.com /x;"
	    "d=@.wide.com /;e=5@e.com /;");
}

static void
test_json(void **state)
{
	(void)state;
	assert_cookies("[{\"name\":\"a\",\"value\":\"1\",\"domain\":\".x.com\","
		       "\"secure\":true,\"sameSite\":\"no_restriction\","
		       "\"expirationDate\":1000.5},"
		       "{\"name\":\"b\",\"value\":\"2\",\"domain\":\"y.com\","
		       "\"expires\":-1,\"path\":\"/p\"},"
		       "{\"name\":\"c\",\"value\":3,\"domain\":\"y.com\"},"
		       "{\"name\":\"d\",\"value\":\"4\"},7,null,"
		       "{\"name\":\"e\",\"value\":\"5\",\"domain\":\"z.com\","
		       "\"expires\":12}]",
	    NULL, "a=1@.x.com / s;b=2@y.com /p;c=@y.com /;");
	assert_cookies("{\"cookies\":[{\"name\":\"a\",\"value\":\"1\","
		       "\"domain\":\"x.com\"}],\"origins\":[]}",
	    NULL, "a=1@x.com /;");
	assert_cookies("[", NULL, "");
	assert_cookies("{}", NULL, "");
	assert_cookies("", NULL, "");
}

static void
test_hostile(void **state)
{
	(void)state;
	assert_cookies("x.com\tFALSE\t/\tFALSE\t0\ta\tv\001\n"
		       "x/y\tFALSE\t/\tFALSE\t0\ta\tv\n"
		       "x.com\tFALSE\t/\tFALSE\tnonsense\ta\tv\n"
		       "y.com\tFALSE\t/\tFALSE\t1e999\ta\tv\n"
		       "\t\t\t\t\t\t\n",
	    NULL, "a=v@x.com /;a=v@y.com /;");
}

static void
test_domains(void **state)
{
	const char text[] = ".google.com\tTRUE\t/\tFALSE\t0\ta\t1\n"
			    "mail.google.com\tFALSE\t/\tFALSE\t0\tb\t2\n"
			    "notgoogle.com\tFALSE\t/\tFALSE\t0\tc\t3\n";

	(void)state;
	assert_cookies(text, "[\"google.com\"]",
	    "a=1@.google.com /;b=2@mail.google.com /;");
	assert_cookies(text, "[\"mail.google.com\"]", "b=2@mail.google.com /;");
	assert_cookies(text, "[]", "");
	assert_true(cookies_domain_covers(".x.com", "a.x.com"));
	assert_true(cookies_domain_covers("X.com", "x.COM"));
	assert_false(cookies_domain_covers("x.com", "ax.com"));
	assert_false(cookies_domain_covers("", "x.com"));
	assert_false(cookies_domain_covers("a.x.com", "x.com"));
}

static void
test_expired(void **state)
{
	const char text[] = "x.com\tFALSE\t/\tFALSE\t5\ta\tlongvalue\n"
			    "y.com\tFALSE\t/\tFALSE\t5\ta\t1\n"
			    "y.com\tFALSE\t/\tFALSE\t0\tb\tsecretvalue\n";
	struct cookies cookies;
	struct buf out = {0};

	(void)state;
	assert_true(cookies_read(&cookies, text, strlen(text)));
	assert_int_equal(
	    cookies_for_host(&cookies, "x.com", NOW), COOKIES_EXPIRED);
	assert_int_equal(
	    cookies_for_host(&cookies, "y.com", NOW), COOKIES_GOOD);
	assert_int_equal(
	    cookies_for_host(&cookies, "z.com", NOW), COOKIES_NONE);
	cookies_scrub(&cookies, &out, "a secretvalue, longvaluelongvalue 1");
	assert_string_equal(buf_string(&out), "a [cookie], [cookie][cookie] 1");
	buf_free(&out);
	cookies_free(&cookies);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_netscape),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_domains),
	    cmocka_unit_test(test_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
