#ifndef OC_CONFIG_CHECK_H
#define OC_CONFIG_CHECK_H

#include <stdbool.h>
#include <jv.h>
#include "config_schema.h"
#include "problem.h"
#include "yamldoc.h"

/*
 * The parts of config_parse: a document against the schema.
 */

/*
 * Checks the document (root NULL: an empty one) and fills the defaults in.
 * *value and *marks become objects that the caller frees; they are complete
 * when no problem was added.
 */
void config_check(const struct yamldoc_node *root, struct problems *problems,
    jv *value, jv *marks);

/*
 * Checks a scalar by its row and makes its value; null after a problem was
 * added.  What depends on the rest of the document is not checked.
 */
jv config_scalar(const struct schema_key *row, const struct yamldoc_node *node,
    struct problems *problems);
/*
 * Checks text of a string type: NULL when right, else what is wanted, in
 * words that follow "expected".
 */
const char *config_text_wrong(enum schema_type type, const char *text);

/*
 * A key that is not in the schema.  `path` is the schema's path of the object
 * that it stands in.
 */
void config_unknown_key(const struct yamldoc_node *key,
    const struct yamldoc_node *value, const char *path,
    struct problems *problems);

#endif
