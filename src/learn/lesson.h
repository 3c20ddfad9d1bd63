/* SPDX-License-Identifier: MIT */
/* What a lesson of the course is. One file each in lessons/; a line `const struct lesson lesson_NAME = {` registers it,
 * and the list, the file to edit, the check, the causes it names, the hints and the tests follow from its descriptor.
 *
 * The learner writes a function, as C or as lines `name = expression`. A check draws numbers, has the learner's function
 * and our own answer them, and compares. Each typical mistake is a further version of our own function: where the
 * learner's numbers are those of a mistake, its sentence is the likely cause.
 *
 * The course stands on the public API alone, as the command does, and is linked into the command, not into the library.
 * Next: lessons/l01_neuron.c (a small lesson), check.c (the comparison), child.h (how C of the learner runs). */
#ifndef LEARN_LESSON_H
#define LEARN_LESSON_H

#include "learn/draw.h"
#include "learn/picture.h"
#include "learn/words.h"
#include <fovea/context.h>
#include <stddef.h>

enum {
    LESSON_CASES = 12,     /**< numbers are drawn so often for a check */
    LESSON_NUMBERS = 4096, /**< at most, of one case: given or answered */
    LESSON_PARTS = 24,     /**< at most: named parts of a case or of an answer */
    LESSON_LINES = 48,     /**< of a lesson's text, at most: two screens */
    LESSON_COLUMNS = 80    /**< of a line */
};

/** Consecutive numbers under one name: 1 x 1 is a number, 1 x n a list, else a matrix by rows. */
struct part {
    const char *name;
    int rows, columns;
};

/** A slip that learners make, recognised by the numbers that it gives. */
struct mistake {
    const char *name;      /**< "threshold-added", for scripts */
    struct words cause;    /**< a sentence or two: what was probably done, and what is right */
    const char *from, *to; /**< this edit of the solution makes the mistake: the tests do */
};

struct lesson {
    int number;
    const char *name; /**< "neuron"; the learner's file is NN-NAME.txt or NN-NAME.c */
    struct words title, text;
    struct words brief;             /**< what to write: a comment at the top of the learner's file */
    const char *stub, *solution;    /**< what follows the comment */
    struct words hints[3];          /**< from a nudge to nearly all of it */
    struct words after;             /**< said when it passes: what was gained; may be NULL */
    const struct mistake *mistakes; /**< ended by one without name */

    /** The C form: statements that call the learner's functions, reading `const double *in` and writing `double *out`.
     *  NULL: the file has lines `name = expression`. */
    const char *call;
    const char *frame; /**< what the call needs above it, names beginning with lesson_; NULL: nothing */

    /** The numbers of case `index`; answers how many. The first cases may be fixed: those of the text, and corners. */
    int (*draw)(struct draw *draw, int index, double *in);
    /** What they are called, one each, ended by NULL; in the text form the expressions may use them. Where they are
     *  not single numbers `given` says what they are, and answers how many parts. */
    const char *const *inputs;
    int (*given)(const double *in, struct part *parts);
    /** The same for the answer. */
    const char *const *outputs;
    int (*parts)(const double *in, struct part *parts);
    /** The right answer to a case (mistake 0), and the answer under the mistake-th mistake, from 1. */
    void (*answer)(const double *in, int mistake, double *out);

    /** The text form, where the values in the file are not yet the answer: names of the values, ended by NULL, and
     *  what they answer to a case. */
    const char *const *values;
    void (*apply)(const double *values, const double *in, double *out);

    /** The same numbers from the engine that networks run on, for the remark after a pass; NULL: there is none.
     *  FOV_OK or a status. */
    int (*engine)(fov_context *context, const double *in, double *out);
    double tolerance;                         /**< relative to 1 + |expected|; 0: 1e-9 */
    void (*picture)(struct picture *picture); /**< in the picture's language; NULL: none */
};

extern const struct lesson *const lesson_table[]; /* generated, sorted by name of descriptor */
extern const size_t lesson_table_count;

/** The lesson of that number, or NULL. */
const struct lesson *lesson_find(int number);
/** The lesson at a place, in order of number; NULL behind the last. */
const struct lesson *lesson_at(size_t index);

/** "03-hebb.txt" */
const char *lesson_file(const struct lesson *lesson, char *out, size_t size);
/** The learner's file with the stub, or the solution; its comment in the language. Freed by the caller; NULL: no
 *  memory. */
char *lesson_source(const struct lesson *lesson, const char *code, enum language language);

/** Names and sizes of what is given and of what is answered; each answers how many parts. */
int lesson_given(const struct lesson *lesson, const double *in, struct part parts[LESSON_PARTS]);
int lesson_parts(const struct lesson *lesson, const double *in, struct part parts[LESSON_PARTS]);
/** Numbers in parts. */
int parts_numbers(const struct part *parts, int count);

#endif
