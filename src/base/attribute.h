/* SPDX-License-Identifier: MIT */
/* Tables of options, for everything that is not an operator (a transform, an optimiser, a schedule...). A table gives
 * name, kind, default, limits and a line of doc for each member of a plain struct; parsing, checks, help, files and
 * checkpoints follow from it. Operators have their own table (op/op.h), which also covers ONNX. */
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
    ATTRIBUTE_LIST,    /**< struct attribute_list: "30,60,80"; default: empty */
    ATTRIBUTE_NAME     /**< char[ATTRIBUTE_NAME_SIZE]: a name, for example of a file; default: empty */
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

/** Number of rows of a table, which a row without name ends; `table` NULL: 0. */
int attribute_count(const struct attribute *table);
/** Fills a struct of `size` bytes with the defaults. */
void attribute_defaults(const struct attribute *table, void *options, size_t size);
/** Sets one option from text ("4", "0.5", "yes", "reflect"). E_USAGE, saying which values are allowed. */
int attribute_set(const struct attribute *attribute, void *options, const char *text, struct error *error);
/** Sets one option from a number, without checking it; `attribute` NULL: does nothing. */
void attribute_put(const struct attribute *attribute, void *options, double value);
/** The option as a number: of a flag 0 or 1, of a choice its index, of a list and of a name 0. */
double attribute_get(const struct attribute *attribute, const void *options);
/** The row of that name ('-' and '_' are equal); NULL: there is none. */
const struct attribute *attribute_find(const struct attribute *table, const char *name);
/** Sets options from "VALUE:OPTION=VALUE:OPTION=VALUE"; a value without a name is allowed at the beginning only, and
 *  sets the table's first option. Options that are not in the text keep their values. Errors begin with `owner`. */
int attribute_read(const struct attribute *table, void *options, const char *owner, const char *text,
                   struct error *error);
/** Appends all options, ":OPTION=VALUE:OPTION=VALUE", to `text` of `size` bytes, of which `used` are used. Returns the
 *  bytes used now. */
size_t attribute_write(const struct attribute *table, const void *options, char *text, size_t size, size_t used);
/** The value as text that attribute_set reads back to the same bits. */
const char *attribute_text(const struct attribute *attribute, const void *options, char out[ATTRIBUTE_TEXT_SIZE]);

#endif
