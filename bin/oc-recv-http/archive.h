#ifndef OC_RECV_HTTP_ARCHIVE_H
#define OC_RECV_HTTP_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>

/*
 * The turns that finished lately, newest first, from $OC_STATE/archive: each
 * journal there is read once, a few at a time in between other work, and its
 * summary (timeline.h) is kept.  What finished before the ARCHIVE_MAX newest
 * is found by its id alone.
 */
enum {
	ARCHIVE_MAX = 2000, /* half a kilobyte each */
};

struct event_base;
struct archive;

/*
 * `finished` is called with the timeline of each turn that finishes from now
 * on, once.
 */
struct archive *archive_new(struct event_base *base,
    void (*finished)(void *arg, jv ref_timeline), void *arg);
void archive_free(struct archive *archive);

/*
 * Up to `most` summaries, of turns that finished before the one named by
 * `before` (NULL: the newest), of one session (NULL: all).  *more: there are
 * older ones in memory.
 */
jv archive_page(struct archive *archive, const char *before,
    const char *session, size_t most, bool *more);

/* The path of a finished turn's journal, or NULL; the caller frees it. */
char *archive_path(const char *id);

#endif
