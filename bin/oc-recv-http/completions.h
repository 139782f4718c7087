#ifndef OC_RECV_HTTP_COMPLETIONS_H
#define OC_RECV_HTTP_COMPLETIONS_H

#include "ask.h"

/* POST /v1/chat/completions, and GET /v1/models. */
void completions_init(struct asker *asker);
void models_init(struct asker *asker);
/* POST /v1/responses. */
void responses_init(struct asker *asker);

#endif
