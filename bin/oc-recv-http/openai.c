#include <stdlib.h>
#include "ask.h"
#include "completions.h"
#include "config.h"
#include "openai.h"
#include "server.h"
#include "xalloc.h"

struct openai {
	struct asker asker;
};

struct openai *
openai_new(struct server *server, struct submit *submit, struct wait *wait)
{
	struct openai *openai = xcalloc(1, sizeof *openai);
	char *workspace = config_workspace(server_config(server));

	openai->asker = (struct asker){.server = server,
	    .submit = submit,
	    .wait = wait,
	    .inbox = xasprintf("%s/inbox", workspace)};
	free(workspace);
	models_init(&openai->asker);
	completions_init(&openai->asker);
	responses_init(&openai->asker);
	return openai;
}

void
openai_free(struct openai *openai)
{
	if (openai == NULL)
		return;
	free(openai->asker.inbox);
	free(openai);
}
