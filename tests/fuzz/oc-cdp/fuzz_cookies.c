#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "cookies.h"
#include "json.h"

/*
 * Any file in the place of cookies: what is taken is whole, and none of its
 * values gets through a scrub.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct cookies *cookies, jv ref_cookie)
{
	const char *value = json_get_string(ref_cookie, "value", "");
	struct buf out = {0};

	assert(*json_get_string(ref_cookie, "name", "") != '\0');
	assert(*json_get_string(ref_cookie, "domain", "") != '\0');
	assert(json_get_bool(ref_cookie, "httpOnly", false));
	cookies_scrub(cookies, &out, value);
	/* another value may be a part of "[cookie]" */
	if (strlen(value) >= COOKIES_SCRUB_LEAST &&
	    strstr("[cookie]", value) == NULL)
		assert(strcmp(buf_string(&out), value) != 0);
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cookies cookies;
	jv usable;

	if (cookies_read(&cookies, (const char *)data, size))
		assert(json_length(cookies.all) > 0);
	usable = cookies_usable(&cookies, json_null(), 0);
	for (int i = 0; i < json_length(usable) && i < 50; i++) {
		jv one = json_at(usable, i);

		check(&cookies, one);
		jv_free(one);
	}
	cookies_for_host(&cookies, "www.example.com", 0);
	jv_free(usable);
	cookies_free(&cookies);
	return 0;
}
