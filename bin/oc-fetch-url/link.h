#ifndef OC_LINK_H
#define OC_LINK_H

/*
 * The full address of a link on a page, for the caller to free.  NULL for one
 * that leads to no other page (#section, javascript:, mailto:), that is longer
 * than an address is, or that could not be told from the text around it.
 */
char *link_resolve(const char *base, const char *href);

#endif
