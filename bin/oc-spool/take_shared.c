#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "claim.h"
#include "clock.h"
#include "drain.h"
#include "handout.h"
#include "json.h"
#include "lineup.h"
#include "log.h"
#include "state.h"
#include "take.h"
#include "turn.h"
#include "wake.h"
#include "xalloc.h"

enum {
	BEATS = 3,      /* in the time of a lease */
	LOOK_MS = 1000, /* how late it is seen what nobody told */
};

struct take {
	struct queue *queue;
	struct lineup *lineup;
	struct claims claims;
	struct wake wake;
	struct drain drain;
	unsigned in_flight;
	int64_t beat_at;
};

/* ---- what is claimed */

static void
line_up(void *arg, const char *file)
{
	struct take *take = arg;

	handout_line_up(take->queue, take->lineup, file);
}

static size_t
room(const struct take *take)
{
	return take->claims.sessions < take->in_flight
		   ? take->in_flight - take->claims.sessions
		   : 0;
}

/* The entry of what overtakes, whose name in the queue is N. */
struct search {
	const char *name;
	struct entry *found;
};

static void
match(void *arg, struct entry *entry)
{
	struct search *search = arg;

	if (strcmp(entry->base + QUEUE_ARRIVAL_DIGITS + 1, search->name) == 0)
		search->found = entry;
}

/* It is not ours any more, whoever ended it. */
static void
let_go(struct take *take, struct claim *claim)
{
	struct search search = {.name = claim->of};

	if (claim->urgent) {
		lineup_each_out(take->lineup, match, &search);
		if (search.found != NULL)
			lineup_remove(take->lineup, search.found);
	} else {
		lineup_drop(take->lineup, claim->of);
	}
	claims_drop(&take->claims, claim);
}

static void
on_done(void *arg, const char *what)
{
	struct take *take = arg;
	struct claim *claim =
	    claims_find(&take->claims, *what == 'n', what + 1);

	if (claim != NULL)
		let_go(take, claim);
}

static void
on_lost(void *arg, struct claim *claim, bool taken)
{
	struct take *take = arg;

	if (taken)
		log_warn("queue %s: %s %s: another node has taken it over, "
			 "since this one was not heard of in time",
		    queue_name(take->queue),
		    claim->urgent ? "message" : "session", claim->of);
	let_go(take, claim);
}

static void
beat(struct take *take)
{
	int64_t now = clock_mono_ms();

	if (now < take->beat_at)
		return;
	claims_beat(&take->claims, on_lost, take);
	take->beat_at = now + take->claims.lease_ms / BEATS;
	/* after its restart the others must say first that they live */
	if (!take->drain.begun && redis_server_age_ms() > take->claims.lease_ms)
		claims_get(&take->claims, CLAIM_IDLE, room(take), line_up,
		    on_lost, take);
}

/* Sessions of which nothing is left to do here, or nothing is to be begun. */
static void
release(struct take *take)
{
	struct claim *claim, *next;

	for (claim = claims_first(&take->claims); claim != NULL; claim = next) {
		next = claims_next(claim);
		if (claim->urgent)
			continue;
		if (take->drain.begun ? !lineup_has_out(take->lineup, claim->of)
				      : !lineup_has(take->lineup, claim->of)) {
			lineup_drop(take->lineup, claim->of);
			claims_release(&take->claims, claim);
		}
	}
}

/* ---- handing out */

/* Whose turn it is, for all who write what it does. */
static jv
with_lease(struct take *take, jv own_turn)
{
	char *name = state_name(queue_id_of(own_turn));
	struct claim *claim = claims_find(&take->claims, true, name);
	jv lease = json_object();

	free(name);
	if (claim == NULL)
		claim =
		    claims_find(&take->claims, false, turn_session(own_turn));
	if (claim == NULL) {
		jv_free(lease);
		return own_turn;
	}
	name = xasprintf("%c%s", claim->urgent ? 'n' : 's', claim->of);
	lease = json_set_string(lease, "queue", queue_name(take->queue));
	lease = json_set_string(lease, "of", name);
	lease = json_set_string(lease, "number", claim->lease);
	lease = json_set_string(lease, "node", take->queue->node);
	free(name);
	return json_set(own_turn, "lease", lease);
}

static void
hand_out(struct take *take)
{
	struct handout handout;

	do {
		/* nothing fails that is not waited for */
		(void)handout_gather(take->queue, take->lineup, &handout);
		for (size_t i = 0; i < handout.count; i++)
			handout.turn[i] = with_lease(take, handout.turn[i]);
		handout_write(take->queue, &handout);
	} while (handout.count == HANDOUT_MAX);
}

/* ---- the loop */

static void
wait_for_more(struct take *take)
{
	struct pollfd p[] = {
	    {.fd = wake_fd(&take->wake), .events = POLLIN},
	    {.fd = take->drain.signals, .events = POLLIN},
	    {.fd = STDOUT_FILENO, .events = 0},
	};
	int64_t left = take->beat_at - clock_mono_ms();
	int timeout = left < 0 ? 0 : left < LOOK_MS ? (int)left : LOOK_MS;

	timeout = drain_timeout(&take->drain, timeout);
	if (poll(p, 3, timeout) < 0 && errno != EINTR)
		fatal(EX_OSERR, "poll: %s", strerror(errno));
	(void)wake_read(&take->wake, on_done, take);
	drain_check(&take->drain, p[2].revents);
}

static bool
is_finished(struct take *take, bool until_empty)
{
	if (take->drain.begun)
		return lineup_count_out(take->lineup) == 0 ||
		       drain_is_over(&take->drain);
	return until_empty && lineup_count(take->lineup) == 0 &&
	       claims_queue_is_empty(&take->claims);
}

int
take_run_shared(struct queue *queue, const struct take_options *options)
{
	struct take take = {.queue = queue, .in_flight = options->in_flight};
	int lock = queue_lock_take(queue);

	if (lock < 0)
		fatal(EX_TEMPFAIL,
		    "queue %s: another 'oc-spool take' of this node hands it "
		    "out; one at a time can",
		    queue_name(queue));
	drain_open(&take.drain, options->drain_ms);
	take.lineup = lineup_new(options->in_flight);
	claims_open(&take.claims, queue, options->labels, options->only,
	    options->lease_ms);
	wake_open(&take.wake, queue->prefix, queue->node);
	claims_get(&take.claims, CLAIM_OWN, 0, line_up, on_lost, &take);
	for (;;) {
		beat(&take);
		if (!take.drain.begun) {
			claims_get(&take.claims, CLAIM_NEW, room(&take),
			    line_up, on_lost, &take);
			hand_out(&take);
		}
		release(&take);
		if (is_finished(&take, options->until_empty))
			break;
		wait_for_more(&take);
	}
	if (lineup_count_out(take.lineup) != 0)
		log_warn("queue %s: %zu messages were not finished in time; "
			 "they go on at the next start, or on another node",
		    queue_name(queue), lineup_count_out(take.lineup));
	wake_close(&take.wake);
	claims_free(&take.claims);
	lineup_free(take.lineup);
	drain_close(&take.drain);
	close(lock);
	return EX_OK;
}
