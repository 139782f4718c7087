#ifndef OC_QUEUE_LUA_H
#define OC_QUEUE_LUA_H

/*
 * A queue in Redis, for queue_redis.c and for oc-spool, which hands it out.
 * It repeats what lib/queue.h says of directories: the same places, and the
 * same names in them.  P is "oc:" and the queue's name.
 *
 *	P:new P:cur P:dead    sorted sets of A.N, A.N#K and A.N
 *	P:id     N -> place|K|A|time; P:msg  N -> the line
 *	P:of     N -> u or s, label, a newline, session (u: it overtakes)
 *	P:done:N there for seven days after N was finished
 *	P:wait:S and P:out:S  what of a session waits, and is handed out
 *	P:urgent what overtakes and waits
 *
 * A session that has something to do has one ticket, an entry of the stream
 * P:ready, or P:ready/LABEL: so one node at a time works for it.  Who reads
 * it as a consumer of the group `nodes` has the session until everything of
 * it that was handed out is finished; then the ticket is acknowledged, and
 * one at the end of the stream follows if more waits.  What overtakes has an
 * entry of its own in P:flight.  A node keeps its entries from growing idle;
 * those of a dead one are claimed by others.
 *
 *	P:ticket S -> label and id;  P:owner S -> node
 *	P:flights N -> id and node
 *	P:lease  "s"S or "n"N -> a number that only grows, new with each
 *	         owner: what a former owner does is told by it, and refused
 *	P:alive  there while a node takes from the queue
 *
 * Messages on P:wake (there is something) and P:done@NODE (finished) only
 * save time.
 */
extern const char queue_lua_common[];

#endif
