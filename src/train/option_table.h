/* SPDX-License-Identifier: MIT */
/* The training options that are plain values, as a table: a row says name, kind, default, limits and a line of doc of
 * one member of fov_train_options. Checks, config.json, the checkpoint, the command line and its help follow from it; a
 * new option is a member, a row, and its use. Next: options.c, which fills in defaults and checks. */
#ifndef TRAIN_OPTION_TABLE_H
#define TRAIN_OPTION_TABLE_H

#include <fovea/train.h>
#include <stddef.h>

struct train_option {
    const char     *name; /**< "label_smoothing" */
    fov_option_kind kind; /**< int, float, bool, const char * */
    size_t          offset;
    double          standard, minimum, maximum; /**< of numbers: what a zero stands for, and limits */
    const char     *argument;  /**< what help calls the value: "N" */
    const char     *otherwise; /**< what help says of the default where the number says it badly */
    const char     *word;      /**< stands for -1; NULL: nothing does */
    const char     *doc;
    const char     *by_name; /**< the row that takes "PATTERN=NUMBER, ..." typed behind the number; NULL: none */
    /** An option of the same name of the optimiser or the schedule, which has a default of its own: here it can be said
     *  without the other's name in front. */
    enum { OF_TRAINING, OF_OPTIMIZER, OF_SCHEDULE } owner;
    const char     *absent;     /**< of text: what a checkpoint had that does not name it; NULL: "" */
    bool            decides;    /**< another value gives other weights, so that a resumed run must have the same */
};

extern const struct train_option train_option_table[]; /* ended by one without name */

/** Of numbers and flags; 0 of text. */
double train_option_number(const struct train_option *option, const fov_train_options *options);
/** NULL where it is not given, and of numbers. */
const char *train_option_text(const struct train_option *option, const fov_train_options *options);
/** A number beyond an int is the nearest one. */
void train_option_put(const struct train_option *option, fov_train_options *options, double number, const char *text);

#endif
