#ifndef OC_RECV_HTTP_OPENAI_H
#define OC_RECV_HTTP_OPENAI_H

#include "submit.h"
#include "wait.h"

/* What OpenAI's clients speak: /v1/models and what asks them. */
struct server;
struct openai;

struct openai *openai_new(
    struct server *server, struct submit *submit, struct wait *wait);
void openai_free(struct openai *openai); /* after server_free */

#endif
