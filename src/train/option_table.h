/* SPDX-License-Identifier: MIT */
/* The table of training options that are plain values: a row has name, kind, default, limits and a line of
 * documentation for one member of fov_train_options. Checks, config.json, the checkpoint, the command line and its help
 * are derived from the table; a new option is a member, a row, and its use. Read next: options.c, which fills in
 * defaults and checks. */
#ifndef TRAIN_OPTION_TABLE_H
#define TRAIN_OPTION_TABLE_H

#include <fovea/train.h>
#include <stddef.h>

struct train_option {
    const char     *name; /**< "label_smoothing" */
    fov_option_kind kind; /**< type of the member: int, float, bool, const char * */
    size_t          offset;
    double          standard, minimum, maximum; /**< of numbers: the default, which a zero stands for, and limits */
    const char     *argument;  /**< placeholder of the value in help: "N" */
    const char     *otherwise; /**< the default in words, for help; NULL: .standard says it */
    const char     *word;      /**< word that stands for -1; NULL: none */
    const char     *doc;
    const char     *by_name; /**< the row that takes "PATTERN=NUMBER, ..." typed after the number; NULL: none */
    /** OF_OPTIMIZER, OF_SCHEDULE: sets the option of the same name of the chosen optimiser or schedule, which has its
     *  own default. */
    enum { OF_TRAINING, OF_OPTIMIZER, OF_SCHEDULE } owner;
    const char     *absent;     /**< of text: value assumed for a checkpoint that lacks the option; NULL: "" */
    bool            decides;    /**< the value influences the weights, so that a resumed run must have the same */
};

extern const struct train_option train_option_table[]; /* ended by one without name */

/** The value of a number or flag; 0 for text. */
double train_option_number(const struct train_option *option, const fov_train_options *options);
/** The value of a text; NULL if it is not given, and for numbers. */
const char *train_option_text(const struct train_option *option, const fov_train_options *options);
/** Sets the member to `number` or `text`, by its kind; a number outside the range of int is clamped. */
void train_option_put(const struct train_option *option, fov_train_options *options, double number, const char *text);

#endif
