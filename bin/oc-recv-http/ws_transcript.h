#ifndef OC_RECV_HTTP_WS_TRANSCRIPT_H
#define OC_RECV_HTTP_WS_TRANSCRIPT_H

#include <stddef.h>
#include <stdint.h>
#include <jv.h>

/* Sessions as their transcripts tell of them (transcript.h). */

/*
 * The last lines of a session, oldest first, from at most `most` bytes of
 * the file; empty when there is none.
 */
jv ws_transcript_tail(const char *session, size_t most);

/* The size of the file, and when it was changed (ms); 0 without one. */
struct ws_transcript {
	int64_t bytes, changed;
};
struct ws_transcript ws_transcript_stat(const char *session);

/*
 * {"session","bytes","changed"} of each, the last changed first.  Sessions
 * whose name was cut to become a file's (state.h) are left out.
 */
jv ws_transcript_sessions(void);

/*
 * Lines as messages in the official form: user, assistant, toolResult; the
 * last `most` of them.
 */
jv ws_transcript_messages(jv ref_lines, int most);

/*
 * The last step of a model: {"model","usage"}, as in the transcript.  Empty
 * when there is none.
 */
jv ws_transcript_spent(jv ref_lines);

#endif
