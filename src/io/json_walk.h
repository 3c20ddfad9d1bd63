/* SPDX-License-Identifier: MIT */
/* JSON read from front to back, without a tree and without a library: for the small texts in a model file's metadata, so
 * that the graph, its plans and ONNX need no jansson. Files that are JSON as a whole (a safetensors header, COCO) are
 * jansson's. */
#ifndef IO_JSON_WALK_H
#define IO_JSON_WALK_H

#include "base/text.h"

enum walk_kind { WALK_WRONG, WALK_TEXT, WALK_NUMBER, WALK_WORD, WALK_LIST, WALK_OBJECT };

/** Where a reader is in a text. Zero it, set .at and .text.memory; walk_close at the end. */
struct json_walk {
    const char *at;
    struct text text;     /**< the last string or key; .failed: memory was short */
    double      number;   /**< the last number */
    bool        is_whole; /**< it was written without a fraction and without an exponent */
    bool        wrong;    /**< the text is no JSON (RFC 8259, and no \u0000); everything from here on is wrong, too */
};

/** The next value: a string, a number or a word (true, false, null) as a whole, of a list or an object its beginning. */
enum walk_kind walk_value(struct json_walk *walk);
/** Inside a list or an object, which `close` (']', '}') ends: whether another element follows. Reads the comma before it,
 *  or the end. *count is 0 at first and counts elements. */
bool walk_more(struct json_walk *walk, char close, size_t *count);
/** An object's next key, into .text, and the colon behind it. */
void walk_key(struct json_walk *walk);
/** A value of any kind with all that is in it. */
void walk_skip(struct json_walk *walk);
/** The rest of a list or an object whose beginning walk_value has read; nothing of other kinds. */
void walk_leave(struct json_walk *walk, enum walk_kind kind);
/** Whether all was JSON and nothing but spaces follows. */
bool walk_ends(struct json_walk *walk);
void walk_close(struct json_walk *walk);

#endif
