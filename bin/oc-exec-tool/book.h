#ifndef OC_EXEC_BOOK_H
#define OC_EXEC_BOOK_H

#include <stdbool.h>
#include <sys/stat.h>
#include "buf.h"
#include "runbook.h"

/*
 * The workspace's AGENTS.md, kept in step with the file: what it grants is
 * what it says now.
 */
struct book {
	char *path;
	struct runbook runbook;
	struct stat seen; /* all zero when there is no file */
	bool there;
};

void book_init(struct book *book, const char *workspace);
void book_free(struct book *book);
/* Reads it anew if the file changed.  A file that cannot be read is empty. */
void book_refresh(struct book *book);
/*
 * The command that permits the vector, or NULL.  Before a no it looks again
 * even at an unchanged file: a program may have been installed since, and a
 * plain line is a command only where its program exists.
 */
const struct runbook_command *book_match(
    struct book *book, char *const *argv, size_t argc);
/* Appends what it permits, a line each, in at most `most` bytes. */
void book_summary(const struct book *book, struct buf *out, size_t most);

#endif
