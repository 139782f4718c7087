#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include "redis_socket.h"
#include "xalloc.h"

enum {
	RESOLVE_MS = 50,   /* a name server that is well is faster */
	ADDRESSES_MAX = 2, /* IPv4 and IPv6 of one server */
};

static struct timeval
timeval_of(int ms)
{
	return (struct timeval){
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

bool
redis_socket_answer(redisContext *context, int answer_ms)
{
	return redisSetTimeout(context, timeval_of(answer_ms)) == REDIS_OK;
}

static redisContext *
connect_to(const char *host, int port, int connect_ms, int answer_ms)
{
	redisContext *context =
	    redisConnectWithTimeout(host, port, timeval_of(connect_ms));

	if (context != NULL && context->err == 0 &&
	    redis_socket_answer(context, answer_ms) &&
	    fcntl(context->fd, F_SETFD, FD_CLOEXEC) == 0) {
		(void)redisEnableKeepAlive(context);
		return context;
	}
	if (context != NULL)
		redisFree(context);
	return NULL;
}

/* NULL while they are not known; for freeaddrinfo. */
static struct addrinfo *
addresses_of(const char *host)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	static struct gaicb asked; /* the library writes to it meanwhile */
	struct gaicb *ask[] = {&asked};
	const struct gaicb *const wait[] = {&asked};
	const struct timespec most = {.tv_nsec = RESOLVE_MS * 1000000};
	struct addrinfo *found;

	if (asked.ar_name == NULL) {
		asked = (struct gaicb){
		    .ar_name = xstrdup(host), .ar_request = &hints};
		if (getaddrinfo_a(GAI_NOWAIT, ask, 1, NULL) == 0)
			(void)gai_suspend(wait, 1, &most);
	}
	if (gai_error(&asked) == EAI_INPROGRESS)
		return NULL;
	found = gai_error(&asked) == 0 ? asked.ar_result : NULL;
	free((void *)(uintptr_t)asked.ar_name);
	asked = (struct gaicb){.ar_name = NULL};
	return found;
}

redisContext *
redis_socket(
    const char *host, int port, int connect_ms, int answer_ms, bool at_once)
{
	struct addrinfo *all, *one;
	redisContext *context = NULL;
	int tries = 0;

	if (!at_once)
		return connect_to(host, port, connect_ms, answer_ms);
	all = addresses_of(host);
	for (one = all;
	     one != NULL && context == NULL && tries++ < ADDRESSES_MAX;
	     one = one->ai_next) {
		char number[NI_MAXHOST];

		if (getnameinfo(one->ai_addr, one->ai_addrlen, number,
			sizeof number, NULL, 0, NI_NUMERICHOST) == 0)
			context =
			    connect_to(number, port, connect_ms, answer_ms);
	}
	if (all != NULL)
		freeaddrinfo(all);
	return context;
}
