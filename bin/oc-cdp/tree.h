#ifndef OC_CDP_TREE_H
#define OC_CDP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"

/*
 * A page as the model sees it: the nodes of Accessibility.getFullAXTree as
 * lines of text, indented, where what can be acted on bears a reference:
 *
 *	- heading "Sign in" level 1
 *	- textbox "Name" [e1]
 *	- button "Send" [e2] disabled
 *	- text: Forgotten?
 */
struct tree_options {
	size_t most; /* bytes of text; what is beyond is left out */
	/* The number of the reference for a node of the page. */
	int64_t (*reference)(void *arg, int64_t backend_node);
	void *arg;
};

/*
 * Appends.  `ref_nodes` may be anything at all.  False when something was left
 * out because there is more than `most`.
 */
bool tree_text(
    struct buf *out, jv ref_nodes, const struct tree_options *options);

#endif
