#ifndef OC_RECV_HTTP_WEBHOOK_H
#define OC_RECV_HTTP_WEBHOOK_H

#include "server.h"

/*
 * Telegram's webhook: each update is put on disk (updates.h), from where
 * oc-recv-telegram picks it up, and answered only then.
 */
struct webhook;

/* NULL: none is configured.  Takes the secret. */
struct webhook *webhook_new(const struct config *config);
void webhook_serve(struct webhook *webhook, struct server *server);
void webhook_free(struct webhook *webhook); /* NULL is fine */

#endif
