#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include "auth.h"
#include "clock.h"
#include "log.h"
#include "netaddr.h"
#include "secret.h"
#include "xalloc.h"

enum {
	FAILURES_MAX = 10,
	WINDOW_MS = 60 * 1000,
	OUT_MS = 300 * 1000,
	PEERS = 1024, /* addresses that are remembered; the oldest gives way */
};

struct peer {
	char address[NETADDR_TEXT_SIZE];
	int failures;
	int64_t since, out_until;
};

struct auth {
	char *token, *hook_token;
	bool open;
	struct peer peer[PEERS];
};

/* ---- tokens */

static bool
is_placeholder(const char *token)
{
	static const char *const words[] = {
	    "undefined", "null", "none", "changeme", "your-token", "<token>"};

	token += strspn(token, " \t");
	if (*token == '\0' || strncasecmp(token, "change-me", 9) == 0)
		return true;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(token, words[i]) == 0)
			return true;
	return false;
}

static char *
take(const char *name)
{
	bool given = getenv(name) != NULL;
	char *token = secret_take(name);

	if ((token == NULL && given) ||
	    (token != NULL && is_placeholder(token)))
		fatal(EX_CONFIG,
		    "%s is blank or a placeholder; make one: openssl rand "
		    "-hex 32",
		    name);
	return token;
}

struct auth *
auth_take(bool open)
{
	struct auth *auth = xcalloc(1, sizeof *auth);

	auth->token = take("OPENCLAW_GATEWAY_TOKEN");
	auth->hook_token = take("OPENCLAW_HOOKS_TOKEN");
	auth->open = open;
	return auth;
}

void
auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	secret_free(auth->token);
	secret_free(auth->hook_token);
	free(auth);
}

bool
auth_has_token(const struct auth *auth)
{
	return auth->token != NULL;
}

bool
auth_has_hook_token(const struct auth *auth)
{
	return auth->hook_token != NULL;
}

bool
auth_is_open(const struct auth *auth)
{
	return auth->open;
}

/* Takes as long for a wrong token as for a right one of the same length. */
static bool
same(const char *token, const char *given)
{
	size_t length, most;
	unsigned char differs;

	if (token == NULL || given == NULL)
		return false;
	length = strlen(token);
	most = strlen(given);
	differs = length != most;
	for (size_t i = 0; i < most; i++)
		differs |= (unsigned char)(given[i] ^ token[i % length]);
	return differs == 0;
}

bool
auth_token_is(const struct auth *auth, const char *given)
{
	return same(auth->token, given);
}

/* ---- who failed too often */

/* What is counted together: an IPv4 address, the first half of an IPv6 one. */
static void
reduce(const char *peer, char out[NETADDR_TEXT_SIZE])
{
	struct in6_addr six;

	if (inet_pton(AF_INET6, peer, &six) == 1) {
		memset(six.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &six, out, NETADDR_TEXT_SIZE);
	} else {
		snprintf(out, NETADDR_TEXT_SIZE, "%s", peer);
	}
}

bool
auth_is_loopback(const char *peer)
{
	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

static const struct peer *
find(const struct auth *auth, const char *address)
{
	for (size_t i = 0; i < PEERS; i++)
		if (strcmp(auth->peer[i].address, address) == 0)
			return &auth->peer[i];
	return NULL;
}

/* Its place, or that of the one who failed longest ago. */
static struct peer *
place_of(struct auth *auth, const char *address)
{
	struct peer *oldest = &auth->peer[0];

	for (size_t i = 0; i < PEERS; i++) {
		struct peer *one = &auth->peer[i];

		if (strcmp(one->address, address) == 0)
			return one;
		if (one->since < oldest->since)
			oldest = one;
	}
	*oldest = (struct peer){.failures = 0};
	memcpy(oldest->address, address, strlen(address) + 1);
	return oldest;
}

bool
auth_is_out(const struct auth *auth, const char *peer, int64_t *retry_s)
{
	char address[NETADDR_TEXT_SIZE];
	const struct peer *one;
	int64_t left;

	reduce(peer, address);
	one = *address != '\0' ? find(auth, address) : NULL;
	left = one != NULL ? one->out_until - clock_mono_ms() : 0;
	*retry_s = (left + 999) / 1000;
	return left > 0;
}

enum auth_result
auth_failed(struct auth *auth, const char *peer, int64_t *retry_s)
{
	int64_t now = clock_mono_ms();
	char address[NETADDR_TEXT_SIZE];
	struct peer *one;

	reduce(peer, address);
	one = place_of(auth, address);
	if (now - one->since > WINDOW_MS) {
		one->failures = 0;
		one->since = now;
	}
	one->failures++;
	if (one->failures <= FAILURES_MAX)
		return AUTH_WRONG;
	if (auth_is_loopback(peer))
		return AUTH_SLOW;
	one->out_until = now + OUT_MS;
	*retry_s = OUT_MS / 1000;
	log_warn("%s: more than %d wrong tokens in a minute; refused for %d s",
	    address, FAILURES_MAX, OUT_MS / 1000);
	return AUTH_OUT;
}

/* ---- a request */

static const char *
bearer(const struct head *head)
{
	const char *value = head_field(head, "Authorization");

	if (value == NULL || strncasecmp(value, "Bearer ", 7) != 0)
		return NULL;
	return value + 7 + strspn(value + 7, " ");
}

static bool
query_has_token(const char *query)
{
	while (query != NULL && *query != '\0') {
		if (strncasecmp(query, "token=", 6) == 0)
			return true;
		query += strcspn(query, "&");
		query += *query == '&';
	}
	return false;
}

/* The host of "host:port" or "[address]:port" is localhost or an address. */
static bool
names_no_site(const char *host)
{
	size_t length =
	    *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	char *name = xstrndup(host, length);
	struct sockaddr_storage address;
	bool plain = strcasecmp(name, "localhost") == 0 ||
		     netaddr_from_host(name, &address);

	free(name);
	return plain;
}

bool
auth_is_foreign(const char *host, const char *origin)
{
	const char *site = origin != NULL ? strstr(origin, "://") : NULL;

	if (host != NULL && !names_no_site(host))
		return true;
	return origin != NULL && (site == NULL || host == NULL ||
				     strcasecmp(site + 3, host) != 0);
}

enum auth_result
auth_check(struct auth *auth, enum need need, const struct head *head,
    const char *peer, int64_t *retry_s)
{
	const char *given = bearer(head);
	bool right;

	if (need == NEED_NOTHING || need == NEED_OWN)
		return AUTH_OK;
	if (need == NEED_HOOK_TOKEN && query_has_token(head->query))
		return AUTH_QUERY;
	if (need == NEED_TOKEN && auth->open)
		return auth_is_foreign(
			   head_field(head, "Host"), head_field(head, "Origin"))
			   ? AUTH_FOREIGN
			   : AUTH_OK;
	if (auth_is_out(auth, peer, retry_s))
		return AUTH_OUT;
	if (need == NEED_HOOK_TOKEN && given == NULL)
		given = head_field(head, "X-OpenClaw-Token");
	right =
	    same(need == NEED_TOKEN ? auth->token : auth->hook_token, given);
	return right ? AUTH_OK : auth_failed(auth, peer, retry_s);
}
