#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <openssl/crypto.h>
#include "json.h"
#include "json_outside.h"
#include "log.h"
#include "secret.h"
#include "updates.h"
#include "webhook.h"
#include "xalloc.h"

struct webhook {
	char *path, *secret;
	struct updates *updates;
	bool full; /* the disk refused the last one */
};

/* The path as configured, else that of the address. */
static char *
find_path(const struct config *config)
{
	jv path = config_get(config, "channels.telegram.webhook.path");
	const char *url =
	    config_string(config, "channels.telegram.webhook.url");
	const char *given = json_as_string(path, NULL);
	const char *host = strstr(url, "//") + 2;
	char *found =
	    xstrdup(given != NULL ? given : host + strcspn(host, "/"));

	jv_free(path);
	if (*found == '\0' || strcmp(found, "/") == 0)
		fatal(EX_CONFIG,
		    "%s: channels.telegram.webhook.url has no path; give it "
		    "one, such as /telegram",
		    config_where(config, "channels.telegram.webhook.url"));
	return found;
}

struct webhook *
webhook_new(const struct config *config)
{
	jv url = config_get(config, "channels.telegram.webhook.url");
	bool configured = json_is_string(url);
	struct webhook *webhook;

	jv_free(url);
	if (!configured)
		return NULL;
	webhook = xcalloc(1, sizeof *webhook);
	webhook->path = find_path(config);
	webhook->secret = updates_take_secret();
	webhook->updates = updates_open();
	return webhook;
}

void
webhook_free(struct webhook *webhook)
{
	if (webhook == NULL)
		return;
	free(webhook->path);
	secret_free(webhook->secret);
	updates_free(webhook->updates);
	free(webhook);
}

/* Whoever does not know the secret is counted like a wrong token. */
static bool
is_telegram(const struct webhook *webhook, struct request *request)
{
	const char *given =
	    request_header(request, "X-Telegram-Bot-Api-Secret-Token");
	struct auth *auth = server_auth(request_server(request));
	size_t length = strlen(webhook->secret);
	int64_t retry_s;

	if (!auth_is_out(auth, request_peer(request), &retry_s)) {
		if (given != NULL && strlen(given) == length &&
		    CRYPTO_memcmp(given, webhook->secret, length) == 0)
			return true;
		(void)auth_failed(auth, request_peer(request), &retry_s);
	}
	request_error(request, 401, "unauthorized", "Unauthorized");
	return false;
}

/* The number of an update; 0: it is none. */
static int64_t
number_of(const struct buf *body)
{
	jv update = json_parse_outside(buf_string(body), body->length);
	int64_t id = json_get_int(update, "update_id", 0);

	jv_free(update);
	return id > 0 ? id : 0;
}

static void
refuse_full(struct webhook *webhook, struct request *request)
{
	if (!webhook->full)
		log_error("updates cannot be written: %s; Telegram sends them "
			  "again",
		    strerror(errno));
	webhook->full = true;
	request_set_header(request, "Retry-After", "5");
	request_error(request, 503, "api_error",
	    "the update could not be put on disk; send it again");
}

static void
on_update(struct request *request, void *arg)
{
	struct webhook *webhook = arg;
	const struct buf *body = request_body(request);
	int64_t id;

	if (!is_telegram(webhook, request))
		return;
	id = number_of(body);
	if (id == 0 || body->length > UPDATES_MAX) {
		log_warn("the webhook was sent what is no update; refused");
		request_error(request, 400, "invalid_request_error",
		    "this is no update of the Bot API");
		return;
	}
	if (!updates_put(
		webhook->updates, id, buf_string(body), body->length)) {
		refuse_full(webhook, request);
		return;
	}
	if (webhook->full)
		log_info("updates can be written again");
	webhook->full = false;
	request_answer(request, 200, json_set_bool(json_object(), "ok", true));
}

/*
 * While the gateway drains updates are taken all the same: they are work only
 * for whoever picks them up, perhaps after the restart.
 */
void
webhook_serve(struct webhook *webhook, struct server *server)
{
	server_add(server, &(struct route){.method = "POST",
			       .path = webhook->path,
			       .need = NEED_OWN,
			       .handle = on_update,
			       .arg = webhook});
}
