#include <stdlib.h>
#include "courier.h"
#include "json.h"
#include "ledger.h"
#include "parts.h"
#include "xalloc.h"

void
delivery_start(struct courier *courier, jv own_turn, const char *chat)
{
	struct delivery *delivery = xcalloc(1, sizeof *delivery);

	delivery->courier = courier;
	delivery->chat = chat_get(courier, chat);
	delivery->turn = own_turn;
	delivery->owed = json_null();
	TAILQ_INSERT_TAIL(&delivery->chat->deliveries, delivery, entry);
	courier->count++;
}

void
delivery_free(struct delivery *delivery)
{
	delivery->courier->count--;
	TAILQ_REMOVE(&delivery->chat->deliveries, delivery, entry);
	ledger_free(delivery->ledger);
	parts_free(&delivery->parts);
	free(delivery->draft);
	jv_free(delivery->turn);
	jv_free(delivery->owed);
	free(delivery);
}
