#ifndef OC_RECV_HTTP_PAGE_H
#define OC_RECV_HTTP_PAGE_H

/*
 * The web page: the files of share/web, read at the start.  They are the same
 * for everybody and hold nothing of anybody; all that the page shows it
 * fetches with the token.
 */
struct page;
struct server;

/*
 * Looks for the files in ../share/openclaw/web from our program's directory
 * (installed), else in share/web of the folders above it (built).  Without
 * them there is a line in the log and no page.
 */
struct page *page_new(struct server *server);
void page_free(struct page *page); /* NULL is fine */

#endif
