#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "buf.h"
#include "clock.h"
#include "io.h"
#include "netaddr.h"
#include "resolve.h"
#include "xalloc.h"

enum {
	CHILDREN_MAX = 16, /* at once: a page names dozens of hosts */
	DEADLINE_S = 10,
	KEPT_MS = 60 * 1000,
	KNOWN_MAX = 500,
};

struct known {
	TAILQ_ENTRY(known) link;
	char *host;
	int64_t until;
	struct addresses addresses;
};

struct lookup {
	TAILQ_ENTRY(lookup) link;
	struct resolver *resolver;
	char *host;
	void (*done)(void *arg, const struct addresses *addresses);
	void *arg;
	pid_t pid; /* 0: waits for its turn, or is known already */
	int fd;
	struct watch watch;
	struct timer timer;
	struct buf answer;
	struct addresses found;
};

struct resolver {
	struct loop *loop;
	size_t children, known_count;
	TAILQ_HEAD(lookup_list, lookup) lookups;
	TAILQ_HEAD(known_list, known) known; /* the newest first */
};

struct resolver *
resolver_new(struct loop *loop)
{
	struct resolver *resolver = xcalloc(1, sizeof *resolver);

	resolver->loop = loop;
	TAILQ_INIT(&resolver->lookups);
	TAILQ_INIT(&resolver->known);
	return resolver;
}

static void
forget(struct resolver *resolver, struct known *known)
{
	TAILQ_REMOVE(&resolver->known, known, link);
	resolver->known_count--;
	free(known->host);
	free(known);
}

void
resolver_free(struct resolver *resolver)
{
	struct known *known;

	if (resolver == NULL)
		return;
	while ((known = TAILQ_FIRST(&resolver->known)) != NULL)
		forget(resolver, known);
	free(resolver);
}

static const struct addresses *
find_known(struct resolver *resolver, const char *host)
{
	int64_t now = clock_mono_ms();
	struct known *known, *next;

	for (known = TAILQ_FIRST(&resolver->known); known != NULL;
	     known = next) {
		next = TAILQ_NEXT(known, link);
		if (known->until <= now)
			forget(resolver, known);
		else if (strcasecmp(known->host, host) == 0)
			return &known->addresses;
	}
	return NULL;
}

static void
remember(struct resolver *resolver, const char *host,
    const struct addresses *addresses)
{
	struct known *known;

	if (addresses->count == 0)
		return;
	if (resolver->known_count == KNOWN_MAX)
		forget(resolver, TAILQ_LAST(&resolver->known, known_list));
	known = xcalloc(1, sizeof *known);
	known->host = xstrdup(host);
	known->until = clock_mono_ms() + KEPT_MS;
	known->addresses = *addresses;
	TAILQ_INSERT_HEAD(&resolver->known, known, link);
	resolver->known_count++;
}

/* ---- the child */

static _Noreturn void
ask_system(const char *host, pid_t parent, int out)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *all = NULL, *one;
	struct sockaddr_storage address;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(DEADLINE_S);
	if (getppid() != parent || getaddrinfo(host, NULL, &hints, &all) != 0)
		_exit(1);
	for (one = all; one != NULL; one = one->ai_next) {
		if (one->ai_addrlen > sizeof address)
			continue;
		memset(&address, 0, sizeof address);
		memcpy(&address, one->ai_addr, one->ai_addrlen);
		if (!io_write_all(out, &address, sizeof address))
			_exit(1);
	}
	_exit(0);
}

static void start_next(struct resolver *resolver);

static void
end_child(struct lookup *lookup)
{
	if (lookup->pid <= 0)
		return;
	kill(lookup->pid, SIGKILL);
	while (waitpid(lookup->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	close(lookup->fd);
	lookup->pid = 0;
	lookup->resolver->children--;
}

void
lookup_cancel(struct lookup *lookup)
{
	struct resolver *resolver;

	if (lookup == NULL)
		return;
	resolver = lookup->resolver;
	loop_unwatch(&lookup->watch);
	loop_stop_timer(&lookup->timer);
	end_child(lookup);
	TAILQ_REMOVE(&resolver->lookups, lookup, link);
	buf_free(&lookup->answer);
	free(lookup->host);
	free(lookup);
	start_next(resolver);
}

static void
finish(void *arg)
{
	struct lookup *lookup = arg;
	void (*done)(void *, const struct addresses *) = lookup->done;
	struct addresses found = lookup->found;
	void *whose = lookup->arg;

	lookup_cancel(lookup);
	done(whose, &found);
}

static void
read_answer(void *arg, short revents)
{
	struct lookup *lookup = arg;
	struct addresses *found = &lookup->found;
	ssize_t n = buf_read(&lookup->answer, lookup->fd, 4096);

	(void)revents;
	if (n > 0 && lookup->answer.length < 4096)
		return;
	found->count = lookup->answer.length / sizeof found->address[0];
	if (found->count > RESOLVE_ADDRESSES_MAX)
		found->count = RESOLVE_ADDRESSES_MAX;
	if (found->count > 0)
		memcpy(found->address, lookup->answer.data,
		    found->count * sizeof found->address[0]);
	remember(lookup->resolver, lookup->host, found);
	finish(lookup);
}

/* False when no process can be had. */
static bool
start_child(struct lookup *lookup)
{
	struct resolver *resolver = lookup->resolver;
	pid_t parent = getpid();
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) != 0)
		return false;
	lookup->pid = fork();
	if (lookup->pid == 0)
		ask_system(lookup->host, parent, fd[1]);
	close(fd[1]);
	if (lookup->pid < 0) {
		lookup->pid = 0;
		close(fd[0]);
		return false;
	}
	lookup->fd = fd[0];
	resolver->children++;
	loop_watch(
	    resolver->loop, &lookup->watch, fd[0], POLLIN, read_answer, lookup);
	return true;
}

static void
start_next(struct resolver *resolver)
{
	struct lookup *lookup;

	for (lookup = TAILQ_FIRST(&resolver->lookups);
	     lookup != NULL && resolver->children < CHILDREN_MAX;
	     lookup = TAILQ_NEXT(lookup, link))
		if (lookup->pid == 0 && lookup->timer.loop == NULL &&
		    !start_child(lookup))
			loop_timer(
			    resolver->loop, &lookup->timer, 0, finish, lookup);
}

struct lookup *
resolver_ask(struct resolver *resolver, const char *host,
    void (*done)(void *arg, const struct addresses *addresses), void *arg)
{
	struct lookup *lookup = xcalloc(1, sizeof *lookup);
	const struct addresses *known;

	lookup->resolver = resolver;
	lookup->host = xstrdup(host);
	lookup->done = done;
	lookup->arg = arg;
	TAILQ_INSERT_TAIL(&resolver->lookups, lookup, link);
	if (netaddr_from_host(host, &lookup->found.address[0])) {
		lookup->found.count = 1;
	} else if ((known = find_known(resolver, host)) != NULL) {
		lookup->found = *known;
	} else {
		start_next(resolver);
		return lookup;
	}
	loop_timer(resolver->loop, &lookup->timer, 0, finish, lookup);
	return lookup;
}
