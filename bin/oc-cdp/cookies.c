#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cookies.h"
#include "json.h"
#include "utf8.h"

enum { FIELDS = 7 };                      /* of a line of cookies.txt */
#define EXPIRES_MAX INT64_C(100000000000) /* seconds: the year 5138 */

static bool
is_plain(const char *text, size_t most)
{
	size_t length = strlen(text);

	if (length > most || !utf8_valid(text, length))
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

/* One cookie in the browser's form; null when a part of it is wrong. */
static jv
make(const char *name, const char *value, const char *domain, const char *path,
    double expires, bool secure)
{
	enum { NAME_MAX_BYTES = 4096, DOMAIN_MAX = 255 };
	jv cookie;

	if (*name == '\0' || !is_plain(name, NAME_MAX_BYTES) ||
	    !is_plain(value, NAME_MAX_BYTES) || *domain == '\0' ||
	    !is_plain(domain, DOMAIN_MAX) || strpbrk(domain, "/ :") != NULL ||
	    !is_plain(path, NAME_MAX_BYTES))
		return json_null();
	cookie = json_set_string(json_object(), "name", name);
	cookie = json_set_string(cookie, "value", value);
	cookie = json_set_string(cookie, "domain", domain);
	cookie = json_set_string(cookie, "path", *path != '\0' ? path : "/");
	cookie = json_set_bool(cookie, "secure", secure);
	if (expires > 0)
		cookie = json_set(cookie, "expires", json_number(expires));
	return cookie;
}

static void
keep(struct cookies *cookies, jv own_cookie)
{
	if (json_is_object(own_cookie) &&
	    json_length(cookies->all) < COOKIES_MAX) {
		cookies->all = json_append(cookies->all, own_cookie);
		return;
	}
	cookies->refused++;
	jv_free(own_cookie);
}

/* ---- cookies.txt */

/* domain, subdomains, path, secure, expires, name, value; by tabs. */
static void
read_line(struct cookies *cookies, char *line)
{
	static const char http_only[] = "#HttpOnly_";
	char *field[FIELDS], *at;
	const char *error;
	int64_t expires;
	size_t count = 0;
	bool subdomains;
	jv cookie;

	if (strncmp(line, http_only, sizeof http_only - 1) == 0)
		line += sizeof http_only - 1;
	else if (*line == '#' || line[strspn(line, " \t")] == '\0')
		return;
	at = line;
	do {
		field[count++] = at;
		at = strchr(at, '\t');
		if (at != NULL && count < FIELDS)
			*at++ = '\0';
	} while (at != NULL && count < FIELDS);
	if (count == FIELDS - 1)
		field[count++] = line + strlen(line); /* an empty value */
	if (count != FIELDS) {
		cookies->refused++;
		return;
	}
	expires = strtonum(field[4], 0, EXPIRES_MAX, &error);
	cookie = make(field[5], field[6], field[0], field[2], (double)expires,
	    strcasecmp(field[3], "TRUE") == 0);
	subdomains = strcasecmp(field[1], "TRUE") == 0;
	if (json_is_object(cookie) && subdomains && *field[0] != '.') {
		struct buf dotted = {0};

		buf_printf(&dotted, ".%s", field[0]);
		cookie = json_set_string(cookie, "domain", buf_string(&dotted));
		buf_free(&dotted);
	}
	keep(cookies, cookie);
}

static void
read_lines(struct cookies *cookies, const char *text, size_t length)
{
	const char *end = text + length;
	struct buf line = {0};

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t size =
		    (size_t)((newline != NULL ? newline : end) - text);

		buf_clear(&line);
		buf_add(&line, text, size);
		if (size > 0 && line.data[size - 1] == '\r')
			buf_truncate(&line, size - 1);
		if (line.length > 0 && strlen(buf_string(&line)) == line.length)
			read_line(cookies, line.data);
		else if (line.length > 0)
			cookies->refused++;
		text += size + 1;
	}
	buf_wipe(&line);
}

/* ---- JSON */

static jv
read_object(jv ref_object)
{
	static const char *const sites[] = {"Strict", "Lax", "None"};
	const char *site = json_get_string(ref_object, "sameSite", "");
	const char *domain = json_get_string(ref_object, "domain", "");
	/* browsers' extensions write expirationDate and no_restriction */
	double expires = json_get_number(ref_object, "expires",
	    json_get_number(ref_object, "expirationDate", 0));
	jv cookie = make(json_get_string(ref_object, "name", ""),
	    json_get_string(ref_object, "value", ""), domain,
	    json_get_string(ref_object, "path", "/"), expires,
	    json_get_bool(ref_object, "secure", false));

	if (!json_is_object(cookie))
		return cookie;
	if (strcasecmp(site, "no_restriction") == 0)
		site = "None";
	for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
		if (strcasecmp(site, sites[i]) == 0)
			cookie = json_set_string(cookie, "sameSite", sites[i]);
	return cookie;
}

static void
read_array(struct cookies *cookies, jv own)
{
	/* Playwright's storage state has them under a key */
	jv list =
	    json_is_object(own) ? json_get(own, "cookies") : json_copy(own);

	for (int i = 0, n = json_length(list); i < n; i++) {
		jv one = json_at(list, i);

		keep(cookies, read_object(one));
		jv_free(one);
	}
	jv_free(list);
	jv_free(own);
}

bool
cookies_read(struct cookies *cookies, const char *text, size_t length)
{
	size_t blank = 0;

	*cookies = (struct cookies){.all = json_array()};
	while (blank < length && strchr(" \t\r\n", text[blank]) != NULL &&
	       text[blank] != '\0')
		blank++;
	if (blank < length && (text[blank] == '[' || text[blank] == '{'))
		read_array(cookies, json_parse(text, length, NULL));
	else
		read_lines(cookies, text, length);
	return json_length(cookies->all) > 0;
}

void
cookies_free(struct cookies *cookies)
{
	jv_free(cookies->all);
	*cookies = (struct cookies){.all = json_null()};
}

/* ---- which are used */

bool
cookies_domain_covers(const char *domain, const char *host)
{
	size_t most = strlen(host), length;

	if (*domain == '.')
		domain++;
	length = strlen(domain);
	if (length == 0 || length > most ||
	    strcasecmp(host + most - length, domain) != 0)
		return false;
	return length == most || host[most - length - 1] == '.';
}

static bool
is_expired(jv ref_cookie, int64_t now)
{
	double expires = json_get_number(ref_cookie, "expires", 0);

	return expires > 0 && expires <= (double)now;
}

/* Whether one of the configured domains covers the cookie's. */
static bool
is_allowed(jv ref_cookie, jv ref_domains)
{
	const char *domain = json_get_string(ref_cookie, "domain", "");
	bool allowed = !json_is_array(ref_domains);

	domain += *domain == '.';
	for (int i = 0, n = json_length(ref_domains); i < n && !allowed; i++) {
		jv one = json_at(ref_domains, i);

		allowed =
		    cookies_domain_covers(json_as_string(one, ""), domain);
		jv_free(one);
	}
	return allowed;
}

jv
cookies_usable(const struct cookies *cookies, jv ref_domains, int64_t now)
{
	jv usable = json_array();

	for (int i = 0, n = json_length(cookies->all); i < n; i++) {
		jv one = json_at(cookies->all, i);

		if (is_expired(one, now) || !is_allowed(one, ref_domains))
			jv_free(one);
		else
			usable = json_append(
			    usable, json_set_bool(one, "httpOnly", true));
	}
	return usable;
}

enum cookies_state
cookies_for_host(const struct cookies *cookies, const char *host, int64_t now)
{
	enum cookies_state state = COOKIES_NONE;

	for (int i = 0, n = json_length(cookies->all); i < n; i++) {
		jv one = json_at(cookies->all, i);
		const char *domain = json_get_string(one, "domain", "");

		if (state != COOKIES_GOOD &&
		    cookies_domain_covers(domain, host))
			state = is_expired(one, now) ? COOKIES_EXPIRED
						     : COOKIES_GOOD;
		jv_free(one);
	}
	return state;
}

void
cookies_scrub(const struct cookies *cookies, struct buf *out, const char *text)
{
	struct buf now = {0}, next = {0};

	buf_add_string(&now, text);
	for (int i = 0, n = json_length(cookies->all); i < n; i++) {
		jv one = json_at(cookies->all, i);
		const char *value = json_get_string(one, "value", "");
		const char *at = buf_string(&now), *found;
		size_t length = strlen(value);

		if (length >= COOKIES_SCRUB_LEAST &&
		    strstr(at, value) != NULL) {
			buf_clear(&next);
			while ((found = strstr(at, value)) != NULL) {
				buf_add(&next, at, (size_t)(found - at));
				buf_add_string(&next, "[cookie]");
				at = found + length;
			}
			buf_add_string(&next, at);
			buf_clear(&now);
			buf_add(&now, buf_string(&next), next.length);
		}
		jv_free(one);
	}
	buf_add(out, buf_string(&now), now.length);
	buf_wipe(&now);
	buf_wipe(&next);
}
