#include <libxml/uri.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "link.h"
#include "xalloc.h"

enum {
	HREF_MAX = 1024, /* longer ones are tracking, not addresses */
};

/* Whether text can stand in "text (address)" without being mistaken. */
static bool
is_plain_address(const char *address)
{
	size_t length = strlen(address);

	if (strncasecmp(address, "http://", 7) != 0 &&
	    strncasecmp(address, "https://", 8) != 0)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)address[i] <= ' ' || address[i] == 0x7f ||
		    strchr("<>\"\\`", address[i]) != NULL)
			return false;
	return length <= HREF_MAX;
}

char *
link_resolve(const char *base, const char *href)
{
	char *trimmed, *address = NULL;
	xmlChar *built;
	size_t length;

	href += strspn(href, " \t\r\n\f");
	length = strlen(href);
	while (length > 0 && strchr(" \t\r\n\f", href[length - 1]) != NULL)
		length--;
	if (length == 0 || length > HREF_MAX || href[0] == '#')
		return NULL;
	trimmed = xstrndup(href, length);
	if (is_plain_address(trimmed))
		return trimmed;
	built = xmlBuildURI((const xmlChar *)trimmed, (const xmlChar *)base);
	if (built != NULL && is_plain_address((const char *)built))
		address = xstrdup((const char *)built);
	xmlFree(built);
	free(trimmed);
	return address;
}
