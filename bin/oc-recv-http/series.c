#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "series.h"
#include "utf8.h"
#include "xalloc.h"

static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};
enum {
	BUCKETS = sizeof bounds / sizeof *bounds,
	NUMBER_SIZE = 32,
};

struct one {
	char *values[SERIES_LABELS_MAX];
	double value;    /* of a histogram: the sum */
	uint64_t *count; /* of a histogram: BUCKETS, and what is beyond */
};

struct family {
	struct family *next;
	enum series_kind kind;
	const char *name, *help;
	char *labels[SERIES_LABELS_MAX];
	size_t label_count;
	struct one *one;
	size_t count, capacity;
};

struct series {
	struct family *first, **last;
};

struct series *
series_new(void)
{
	struct series *series = xcalloc(1, sizeof *series);

	series->last = &series->first;
	return series;
}

void
family_clear(struct family *family)
{
	for (size_t i = 0; i < family->count; i++) {
		for (size_t k = 0; k < family->label_count; k++)
			free(family->one[i].values[k]);
		free(family->one[i].count);
	}
	family->count = 0;
}

void
series_free(struct series *series)
{
	struct family *next;

	if (series == NULL)
		return;
	for (struct family *f = series->first; f != NULL; f = next) {
		next = f->next;
		family_clear(f);
		for (size_t i = 0; i < f->label_count; i++)
			free(f->labels[i]);
		free(f->one);
		free(f);
	}
	free(series);
}

struct family *
series_family(struct series *series, enum series_kind kind, const char *name,
    const char *help, const char *labels)
{
	struct family *family = xcalloc(1, sizeof *family);

	family->kind = kind;
	family->name = name;
	family->help = help;
	while (*labels != '\0') {
		size_t length = strcspn(labels, " ");

		assert(family->label_count < SERIES_LABELS_MAX);
		family->labels[family->label_count++] =
		    xstrndup(labels, length);
		labels += length;
		labels += strspn(labels, " ");
	}
	*series->last = family;
	series->last = &family->next;
	return family;
}

/* ---- finding a series */

static struct one *
find(struct family *family, char *const *values)
{
	for (size_t i = 0; i < family->count; i++) {
		size_t k = 0;

		while (k < family->label_count &&
		       strcmp(family->one[i].values[k], values[k]) == 0)
			k++;
		if (k == family->label_count)
			return &family->one[i];
	}
	return NULL;
}

/* Takes the values. */
static struct one *
append(struct family *family, char *const *values)
{
	struct one *one;

	if (family->count == family->capacity) {
		family->capacity =
		    family->capacity != 0 ? family->capacity * 2 : 4;
		family->one = xreallocarray(
		    family->one, family->capacity, sizeof *family->one);
	}
	one = &family->one[family->count++];
	*one = (struct one){0};
	for (size_t k = 0; k < family->label_count; k++)
		one->values[k] = values[k];
	if (family->kind == SERIES_HISTOGRAM)
		one->count = xcalloc(BUCKETS + 1, sizeof *one->count);
	return one;
}

static char *
clean(const char *value)
{
	struct buf text = {0};

	utf8_repair(&text, value, strlen(value));
	if (text.length > SERIES_VALUE_MAX)
		buf_truncate(&text,
		    utf8_floor(text.data, text.length, SERIES_VALUE_MAX));
	return text.data != NULL ? buf_take(&text) : xstrdup("");
}

static struct one *
get(struct family *family, va_list list)
{
	char *values[SERIES_LABELS_MAX] = {NULL};
	struct one *one;

	for (size_t k = 0; k < family->label_count; k++)
		values[k] = clean(va_arg(list, const char *));
	one = find(family, values);
	if (one == NULL && family->count < SERIES_MAX - 1)
		return append(family, values);
	for (size_t k = 0; k < family->label_count; k++) {
		free(values[k]);
		values[k] = NULL;
	}
	if (one != NULL)
		return one;
	for (size_t k = 0; k < family->label_count; k++)
		values[k] = xstrdup("other");
	one = find(family, values);
	if (one == NULL)
		return append(family, values);
	for (size_t k = 0; k < family->label_count; k++)
		free(values[k]);
	return one;
}

void
family_add(struct family *family, double amount, ...)
{
	va_list list;

	va_start(list, amount);
	get(family, list)->value += amount;
	va_end(list);
}

void
family_set(struct family *family, double value, ...)
{
	va_list list;

	va_start(list, value);
	get(family, list)->value = value;
	va_end(list);
}

void
family_observe(struct family *family, double seconds, ...)
{
	struct one *one;
	va_list list;
	size_t bucket = 0;

	va_start(list, seconds);
	one = get(family, list);
	va_end(list);
	while (bucket < BUCKETS && seconds > bounds[bucket])
		bucket++;
	one->count[bucket]++;
	one->value += seconds;
}

/* ---- writing */

static const char *
number(double value, char out[NUMBER_SIZE])
{
	if (value == floor(value) && fabs(value) < 1e15)
		snprintf(out, NUMBER_SIZE, "%.0f", value);
	else
		snprintf(out, NUMBER_SIZE, "%.10g", value);
	return out;
}

/* `le` is one more label, or NULL. */
static void
write_labels(const struct family *family, const struct one *one, const char *le,
    struct buf *out)
{
	const char *divider = "{";

	for (size_t k = 0; k < family->label_count; k++) {
		buf_printf(out, "%s%s=\"", divider, family->labels[k]);
		for (const char *c = one->values[k]; *c != '\0'; c++) {
			if (*c == '\n') {
				buf_add_string(out, "\\n");
				continue;
			}
			if (*c == '"' || *c == '\\')
				buf_add_byte(out, '\\');
			buf_add_byte(out, *c);
		}
		buf_add_byte(out, '"');
		divider = ",";
	}
	if (le != NULL) {
		buf_printf(out, "%sle=\"%s\"", divider, le);
		divider = ",";
	}
	buf_add_string(out, *divider == ',' ? "} " : " ");
}

static void
write_histogram(
    const struct family *family, const struct one *one, struct buf *out)
{
	char text[NUMBER_SIZE];
	uint64_t sum = 0;

	for (size_t i = 0; i <= BUCKETS; i++) {
		sum += one->count[i];
		buf_printf(out, "%s_bucket", family->name);
		write_labels(family, one,
		    i < BUCKETS ? number(bounds[i], text) : "+Inf", out);
		buf_printf(out, "%" PRIu64 "\n", sum);
	}
	buf_printf(out, "%s_sum", family->name);
	write_labels(family, one, NULL, out);
	buf_printf(out, "%s\n", number(one->value, text));
	buf_printf(out, "%s_count", family->name);
	write_labels(family, one, NULL, out);
	buf_printf(out, "%" PRIu64 "\n", sum);
}

void
series_write(const struct series *series, struct buf *out)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	char text[NUMBER_SIZE];

	for (const struct family *f = series->first; f != NULL; f = f->next) {
		if (f->count == 0)
			continue;
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name,
		    f->help, f->name, types[f->kind]);
		for (size_t i = 0; i < f->count; i++) {
			if (f->kind == SERIES_HISTOGRAM) {
				write_histogram(f, &f->one[i], out);
				continue;
			}
			buf_add_string(out, f->name);
			write_labels(f, &f->one[i], NULL, out);
			buf_printf(out, "%s\n", number(f->one[i].value, text));
		}
	}
}
