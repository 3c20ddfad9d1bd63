/* SPDX-License-Identifier: MIT */
/* Reads JSON from front to back, without a tree and without a library: for the small texts in a model file's metadata,
 * so that the graph, its plans and ONNX need no jansson. Large JSON (a safetensors header, COCO) is left to jansson. */
#ifndef IO_JSON_WALK_H
#define IO_JSON_WALK_H

#include "base/text.h"

enum walk_kind { WALK_WRONG, WALK_TEXT, WALK_NUMBER, WALK_WORD, WALK_LIST, WALK_OBJECT };

/** A reader's position in a JSON text. Zero it, set .at and .text.memory, and call walk_close() at the end. */
struct json_walk {
    const char *at;
    struct text text;     /**< the last string or key; .failed: out of memory */
    double      number;   /**< the last number */
    bool        is_whole; /**< that number was written without fraction and exponent */
    bool        wrong;    /**< the text is no valid JSON (RFC 8259; \u0000 is refused); sticky: all later calls fail */
};

/** Reads the next value: all of a string, a number or a word (true, false, null); of a list or an object, only the
 *  opening bracket. */
enum walk_kind walk_value(struct json_walk *walk);
/** Inside a list or an object that ends with `close` (']' or '}'): whether another element follows. Reads the comma in
 *  front of that element, or the closing bracket. Set *count to 0 before the first call; it counts elements. */
bool walk_more(struct json_walk *walk, char close, size_t *count);
/** Reads an object's next key into .text, and the colon after it. */
void walk_key(struct json_walk *walk);
/** Skips a value of any kind with all that is in it. */
void walk_skip(struct json_walk *walk);
/** Skips the rest of a list or an object whose opening bracket walk_value has read; other kinds have no rest. */
void walk_leave(struct json_walk *walk, enum walk_kind kind);
/** Whether all of the text was valid JSON and only white space is left. */
bool walk_ends(struct json_walk *walk);
void walk_close(struct json_walk *walk);

#endif
