/* SPDX-License-Identifier: MIT */
/* The descriptor of a lesson of the course. Each lesson is a file in lessons/; its line
 * `const struct lesson lesson_NAME = {` registers it, and the list, the file to edit, the check, the causes, the hints
 * and the tests follow from the descriptor.
 *
 * The learner writes a function, as C or as lines `name = expression`. A check draws numbers, has the learner's function
 * and our own compute the answers, and compares. Each typical mistake is a further version of our own function: where
 * the learner's numbers are those of a mistake, its sentence is the likely cause.
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
    LESSON_CASES = 12,     /**< cases drawn for a check */
    LESSON_NUMBERS = 4096, /**< most numbers of a case, and of its answer */
    LESSON_PARTS = 24,     /**< most named parts of a case, and of its answer */
    LESSON_LINES = 48,     /**< most lines of a lesson's text: two screens */
    LESSON_COLUMNS = 80    /**< most columns of such a line */
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
    const char *from, *to; /**< replacing `from` by `to` in the solution makes the mistake; the tests do that */
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

    /** Lessons in C: statements that read `const double *in`, call the learner's functions and write `double *out`.
     *  NULL: a lesson in the text form, whose file has lines `name = expression`. */
    const char *call;
    const char *frame; /**< file-scope declarations that `call` needs, named lesson_...; NULL: none */

    /** Draws the inputs of case `index`; returns how many. The first cases may be fixed: the text's examples, and edge
     *  cases. */
    int (*draw)(struct draw *draw, int index, double *in);
    /** Names of the inputs, a number each, ended by NULL; expressions in the text form may use them. Where inputs are
     *  lists or matrices, `given` describes them instead and returns how many parts there are. */
    const char *const *inputs;
    int (*given)(const double *in, struct part *parts);
    /** The same for the answer. */
    const char *const *outputs;
    int (*parts)(const double *in, struct part *parts);
    /** Computes the right answer to a case (mistake 0), or the answer that the mistake-th entry of `mistakes`, from 1,
     *  gives. */
    void (*answer)(const double *in, int mistake, double *out);

    /** For lessons in the text form whose file holds parameters instead of the answer: names of the parameters, ended
     *  by NULL, and the function that computes the answer to a case from them. */
    const char *const *values;
    void (*apply)(const double *values, const double *in, double *out);

    /** Computes the answer with the library's own engine, for the remark after a pass; NULL: no remark. FOV_OK or a
     *  status. */
    int (*engine)(fov_context *context, const double *in, double *out);
    double tolerance;                         /**< relative to 1 + |expected|; 0: 1e-9 */
    void (*picture)(struct picture *picture); /**< in the picture's language; NULL: none */
};

extern const struct lesson *const lesson_table[]; /* generated, sorted by name of descriptor */
extern const size_t lesson_table_count;

/** The lesson of that number, or NULL. */
const struct lesson *lesson_find(int number);
/** The index-th lesson in order of number; NULL beyond the last. */
const struct lesson *lesson_at(size_t index);

/** "03-hebb.txt" */
const char *lesson_file(const struct lesson *lesson, char *out, size_t size);
/** The learner's file: the brief as a comment in that language, then `code` (the stub or the solution). The caller
 *  frees it; NULL: out of memory. */
char *lesson_source(const struct lesson *lesson, const char *code, enum language language);

/** Fill in names and sizes of the parts of the inputs and of the answer; return how many parts there are. */
int lesson_given(const struct lesson *lesson, const double *in, struct part parts[LESSON_PARTS]);
int lesson_parts(const struct lesson *lesson, const double *in, struct part parts[LESSON_PARTS]);
/** How many numbers the parts hold. */
int parts_numbers(const struct part *parts, int count);

#endif
