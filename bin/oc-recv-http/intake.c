#include <stdlib.h>
#include "hooks.h"
#include "intake.h"
#include "invoke.h"
#include "webhook.h"
#include "xalloc.h"

struct intake {
	struct hooks *hooks;
	struct invoker *invoker;
	struct webhook *webhook; /* NULL: none is configured */
};

struct intake *
intake_new(const struct config *config)
{
	struct intake *intake = xcalloc(1, sizeof *intake);

	intake->hooks = hooks_new(config);
	intake->webhook = webhook_new(config);
	return intake;
}

void
intake_serve(struct intake *intake, struct server *server,
    struct submit *submit, struct wait *wait)
{
	hooks_serve(intake->hooks, server, submit, wait);
	intake->invoker = invoker_new(server, submit, wait);
	if (intake->webhook != NULL)
		webhook_serve(intake->webhook, server);
}

void
intake_free(struct intake *intake)
{
	hooks_free(intake->hooks);
	invoker_free(intake->invoker);
	webhook_free(intake->webhook);
	free(intake);
}
