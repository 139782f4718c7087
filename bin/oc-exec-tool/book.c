#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "book.h"
#include "log.h"
#include "xalloc.h"

enum {
	BOOK_MAX = 1024 * 1024, /* bytes; a page or two is usual */
};

void
book_init(struct book *book, const char *workspace)
{
	*book = (struct book){.path = xasprintf("%s/AGENTS.md", workspace)};
}

void
book_free(struct book *book)
{
	runbook_free(&book->runbook);
	free(book->path);
	*book = (struct book){0};
}

/* Reads an open regular file; false when it is something else, or too long. */
static bool
read_regular(int fd, struct stat *st, struct buf *text)
{
	ssize_t n;

	if (fstat(fd, st) != 0)
		return false;
	if (!S_ISREG(st->st_mode)) {
		errno = EINVAL;
		return false;
	}
	do {
		n = buf_read(text, fd, 16 * 1024);
		if (n > 0 && text->length > BOOK_MAX) {
			errno = EFBIG;
			return false;
		}
	} while (n > 0);
	return n == 0;
}

static void
load(struct book *book)
{
	/* non-blocking: a FIFO in its place must not hold everything up */
	int fd = open(book->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct buf text = {0};
	struct stat st = {0};

	runbook_free(&book->runbook);
	book->runbook = (struct runbook){0};
	book->there = fd >= 0 && read_regular(fd, &st, &text);
	if (book->there)
		runbook_parse(
		    &book->runbook, buf_string(&text), text.length, NULL);
	else if (errno != ENOENT && errno != ENOTDIR)
		log_warn("%s: cannot be read and grants nothing: %s",
		    book->path, strerror(errno));
	book->seen = st;
	if (fd >= 0)
		close(fd);
	buf_free(&text);
}

static bool
is_same_version(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void
book_refresh(struct book *book)
{
	struct stat st = {0};
	bool there = stat(book->path, &st) == 0;

	if (!there || !book->there || !is_same_version(&st, &book->seen))
		load(book);
}

const struct runbook_command *
book_match(struct book *book, char *const *argv, size_t argc)
{
	const struct runbook_command *command;

	book_refresh(book);
	command = runbook_match(&book->runbook, argv, argc);
	if (command == NULL) {
		load(book);
		command = runbook_match(&book->runbook, argv, argc);
	}
	return command;
}

void
book_summary(const struct book *book, struct buf *out, size_t most)
{
	size_t begin = out->length, left_out = 0;

	for (size_t i = 0; i < book->runbook.count; i++) {
		const struct runbook_operation *operation =
		    &book->runbook.operation[i];

		for (size_t k = 0; k < operation->count; k++) {
			const struct runbook_command *command =
			    &operation->command[k];
			size_t length = strlen(command->text) + 1;

			if (command->refused != NULL)
				continue;
			if (out->length - begin + length > most)
				left_out++;
			else
				buf_printf(out, "\n%s", command->text);
		}
	}
	if (left_out != 0)
		buf_printf(out, "\n(and %zu more, in AGENTS.md)", left_out);
	if (out->length == begin)
		buf_add_string(
		    out, book->there ? " nothing (AGENTS.md names no command)"
				     : " nothing (there is no AGENTS.md)");
}
