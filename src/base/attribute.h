/* SPDX-License-Identifier: MIT */
/* Options as a table: what a thing that is no operator (a transform, an optimiser, a schedule...) can be told. The
 * table says name, kind, default, limits and a line of doc for each member of a plain struct; parsing, checks, help,
 * files and checkpoints follow from it. Operators have a table of their own (op/op.h), which knows ONNX. */
#ifndef BASE_ATTRIBUTE_H
#define BASE_ATTRIBUTE_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum attribute_kind {
    ATTRIBUTE_INTEGER, /**< int64_t */
    ATTRIBUTE_NUMBER,  /**< double */
    ATTRIBUTE_FLAG,    /**< bool */
    ATTRIBUTE_CHOICE,  /**< int: index into `choices` */
    ATTRIBUTE_LIST,    /**< struct attribute_list: "30,60,80"; empty at first */
    ATTRIBUTE_NAME     /**< char[ATTRIBUTE_NAME_SIZE]: what something is called, a file perhaps; empty at first */
};
enum { ATTRIBUTE_NAME_SIZE = 256 };

struct attribute_list {
    int    count;
    double at[16];
};

struct attribute {
    const char         *name; /**< "degrees" */
    enum attribute_kind kind;
    size_t              offset;                    /**< in the options struct */
    double              standard, minimum, maximum; /**< default and limits; equal limits: none */
    const char *const  *choices;                   /**< NULL-terminated */
    const char         *doc;                       /**< a few words, with the unit */
};
#define ATTRIBUTE(type, member) .name = #member, .offset = offsetof(type, member)

enum { ATTRIBUTE_TEXT_SIZE = 512 };

/** How many rows a table has; `table` NULL: none. It is ended by a row without name. */
int attribute_count(const struct attribute *table);
/** Fills a struct of `size` bytes with the defaults. */
void attribute_defaults(const struct attribute *table, void *options, size_t size);
/** Sets one option from text ("4", "0.5", "yes", "reflect"). E_USAGE with what it must be. */
int attribute_set(const struct attribute *attribute, void *options, const char *text, struct error *error);
/** Sets one from a number that is known to be right; a row that is NULL is left alone. */
void attribute_put(const struct attribute *attribute, void *options, double value);
/** The row of that name ('-' and '_' are one); NULL: there is none. */
const struct attribute *attribute_find(const struct attribute *table, const char *name);
/** Sets what stands behind a name, "VALUE:OPTION=VALUE:OPTION=VALUE": only the first may go without its name. Options
 *  that are not in the text stay as they are. Sentences begin with `owner`. */
int attribute_read(const struct attribute *table, void *options, const char *owner, const char *text,
                   struct error *error);
/** All of them, ":OPTION=VALUE:OPTION=VALUE", appended to `text` of `size` bytes of which `used` are used. Answers how
 *  many are now. */
size_t attribute_write(const struct attribute *table, const void *options, char *text, size_t size, size_t used);
/** The value as text that attribute_set reads back to the same bits. */
const char *attribute_text(const struct attribute *attribute, const void *options, char out[ATTRIBUTE_TEXT_SIZE]);

#endif
