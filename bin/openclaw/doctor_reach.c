#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <curl/curl.h>
#include "child.h"
#include "doctor.h"
#include "json.h"
#include "xalloc.h"

enum {
	REACH_S = 3, /* for name and connection together */
	NO_NAME = 1, /* exit statuses of the child */
	NO_CONNECTION = 2,
};

/* Resolvers know no deadline, so a child with an alarm asks. */
static int
try(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
	int status = NO_CONNECTION;

	alarm(REACH_S);
	if (getaddrinfo(host, port, &hints, &all) != 0)
		return NO_NAME;
	for (struct addrinfo *one = all; one != NULL && status != 0;
	     one = one->ai_next) {
		int fd = socket(one->ai_family, SOCK_STREAM, 0);

		if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) == 0)
			status = 0;
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(all);
	return status;
}

static void
report(
    struct doctor *doctor, const char *what, const char *host, const char *port)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(try(host, port));
	status = pid > 0 ? child_exit_code(child_wait(pid)) : NO_CONNECTION;
	if (status == 0)
		doctor_note(doctor, DOCTOR_OK, "network", "%s: %s:%s answers",
		    what, host, port);
	else
		doctor_note(doctor, DOCTOR_WARNING, "network",
		    "%s: %s:%s %s; look at the address, the network, and "
		    "what lies between",
		    what, host, port,
		    status == NO_NAME         ? "has a name that is not known"
		    : status == NO_CONNECTION ? "refuses connections"
					      : "does not answer within 3 s");
}

static void
check_url(struct doctor *doctor, const char *what, const char *url)
{
	CURLU *parts = curl_url();
	char *host = NULL, *port = NULL;

	if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == 0 &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == 0 &&
	    curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
		0) {
		/* an IPv6 address stands in brackets */
		size_t length = strlen(host);

		if (*host == '[' && host[length - 1] == ']') {
			memmove(host, host + 1, length - 2);
			host[length - 2] = '\0';
		}
		report(doctor, what, host, port);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
}

void
doctor_check_reach(struct doctor *doctor, const struct config *config)
{
	jv models = config_models(config), seen = json_object();

	for (int i = 0, n = json_length(models); i < n; i++) {
		jv model = json_at(models, i);
		const char *text = json_as_string(model, "");
		char *name = xstrndup(text, strcspn(text, "/"));
		struct config_provider provider;

		if (!json_has(seen, name) &&
		    config_provider(config, name, &provider)) {
			seen = json_set_bool(seen, name, true);
			if (*provider.base_url != '\0')
				check_url(doctor, name, provider.base_url);
			config_provider_free(&provider);
		}
		free(name);
		jv_free(model);
	}
	if (config_bool(config, "channels.telegram.enabled"))
		check_url(doctor, "telegram",
		    config_string(config, "channels.telegram.api_root"));
	jv_free(seen);
	jv_free(models);
}
