#ifndef OC_JSON_H
#define OC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"

/*
 * JSON by libjq, with a lock on the door.  Only json.c touches the containers
 * and strings of libjq; everything else goes through these functions, because
 * a libjq getter of the wrong kind aborts the program.
 *
 * A jv parameter is named `own` when the function consumes it and `ref` when
 * the caller keeps it.  What a function returns belongs to the caller, but for
 * the const char * that point into a ref and live as long as it does.
 *
 * json_parse is the only entrance: RFC 8259 to the letter, UTF-8, no NUL, no
 * lone surrogates, at most JSON_DEPTH_MAX levels, no number that a double
 * cannot hold.  json_write is the only exit.
 */
enum {
	JSON_DEPTH_MAX = 64, /* deeper than any record; bounds recursion */
};

/*
 * Parses exactly one value.  On failure returns an invalid jv (json_is_valid
 * is false; freeing it is allowed) and sets *error to what is wrong, with the
 * offset in bytes, never quoting the text; the string is static to the call
 * and valid until the next.  `error` may be NULL.
 */
jv json_parse(const char *text, size_t length, const char **error);
bool json_is_valid(jv ref);

/* The strict check of json_parse by itself.  NULL when the text is right. */
const char *json_check(const char *text, size_t length);

/* Appends the value as one line without a final newline. */
void json_write(struct buf *out, jv ref);
/* Appends a JSON string literal, with quotes.  Repairs ill-formed UTF-8. */
void json_write_string(struct buf *out, const char *text, size_t length);
/* The value as a C string that the caller frees. */
char *json_text(jv ref);

/* Predicates */
bool json_is_object(jv ref);
bool json_is_array(jv ref);
bool json_is_string(jv ref);
bool json_is_number(jv ref);
bool json_is_bool(jv ref);
bool json_is_null(jv ref); /* null, and what is not there (invalid) */

/* Makers.  Text that is not UTF-8 is repaired to U+FFFD. */
jv json_null(void);
jv json_bool(bool value);
jv json_number(double value);
jv json_int(int64_t value); /* exact up to 2^53 */
jv json_string(const char *text);
jv json_string_sized(const char *text, size_t length);
jv json_array(void);
jv json_object(void);
jv json_copy(jv ref);

/* Scalars, each with the value to return when the kind is another. */
const char *json_as_string(jv ref, const char *otherwise);
size_t json_string_length(jv ref);              /* bytes; 0 for other kinds */
int64_t json_as_int(jv ref, int64_t otherwise); /* cut to the int64 range */
double json_as_number(jv ref, double otherwise);
bool json_as_bool(jv ref, bool otherwise);

/* Objects.  A key that is not there, or a ref that is no object, gives null. */
jv json_get(jv ref, const char *key);
bool json_has(jv ref, const char *key);
/* Looks along keys divided by dots: json_path(turn, "to.chat"). */
jv json_path(jv ref, const char *path);
const char *json_get_string(jv ref, const char *key, const char *otherwise);
int64_t json_get_int(jv ref, const char *key, int64_t otherwise);
double json_get_number(jv ref, const char *key, double otherwise);
bool json_get_bool(jv ref, const char *key, bool otherwise);
/* A ref that is not an object counts as an empty one. */
jv json_set(jv own_object, const char *key, jv own_value);
jv json_set_string(jv own_object, const char *key, const char *text);
jv json_set_int(jv own_object, const char *key, int64_t value);
jv json_set_bool(jv own_object, const char *key, bool value);
jv json_delete(jv own_object, const char *key);
/*
 * Takes a key's value out for changing it in place: *object no longer holds
 * it (it holds null there), so no copy of the container is made when the
 * value, put back by json_set, was the last reference.
 */
jv json_take(jv *object, const char *key);
int json_length(jv ref); /* of an array or an object; 0 for others */

/* Objects, one key after the other, in no order that means anything. */
struct json_iter {
	int position;
};
/*
 * Starts with a zeroed struct: while (json_next(&iter, object, &key, &value))
 * { ...; } where key points into the object and value must be freed.
 */
bool json_next(struct json_iter *iter, jv ref, const char **key, jv *value);

/* Arrays.  An index outside, or a ref that is no array, gives null. */
jv json_at(jv ref, int index);
/* A ref that is not an array counts as an empty one. */
jv json_append(jv own_array, jv own_value);
jv json_append_string(jv own_array, const char *text);
/* Replaces the element at an index that must be there. */
jv json_set_at(jv own_array, int index, jv own_value);

bool json_equal(jv ref_a, jv ref_b);
/*
 * Whether both are one value in memory, at no cost whatever their size.  Then
 * they are equal; when not they may be, too.
 */
bool json_same(jv ref_a, jv ref_b);

#endif
