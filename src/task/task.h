/* SPDX-License-Identifier: MIT */
/* What a task is: what a model is for, seen from training, evaluation and prediction, which all ask here and know no
 * task by name. A task says which targets it takes, whether a model fits a dataset, its loss as nodes, how a sample's
 * target is written for that loss, and what is counted from the outputs. One file each; a line
 * `const struct task task_NAME = {` in src/task/ registers it; options, checks, help and files follow from its
 * descriptor. Next: classify.c (the first one), task.c (finding one), train/train.c (who asks). */
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include "base/attribute.h"
#include "data/loader.h"
#include "model/classes.h"
#include "model/model.h"
#include "task/class_loss.h"
#include <fovea/answer.h>
#include <fovea/session.h>
#include <fovea/train.h>

enum {
    TASK_MOST_OPTIONS = 128, /**< bytes of an options struct */
    TASK_MOST_FIGURES = FOV_TASK_FIGURES,
    TASK_MOST_TURNS = 4,
    TASK_TEXT_SIZE = MODEL_TASK_SIZE /**< of a task with all its options */
};

struct task;

/** A task for one model and one dataset. */
struct task_use {
    const struct task *task;
    _Alignas(16) unsigned char options[TASK_MOST_OPTIONS];
    const fov_model   *model;
    const fov_dataset *data; /**< NULL: none, a step is only measured */
    bool               classes_by_position;
    float              label_smoothing; /**< of training; tasks over classes know it */
    bool               mixes; /**< of training: a picture may be made of several samples (prepared->part) */
    const struct task_use *learned; /**< of a validation: that of the training, whose .state knows what was learned */

    /* set by task_fit */
    struct prepare_options prepare;   /**< size, target and what belongs to it; the rest is the caller's */
    struct model_scores    scores;    /**< of the model's chosen output */
    fov_class_match        match;     /**< the data's classes to the model's, where the target knows some */
    fov_dtype              dtype;     /**< of the targets */
    fov_shape              target;    /**< of the targets, FOV_BATCH first */
    void                  *state;     /**< the task's own, closed by it */
};

/** One of several losses that are brought down in turn, each by parameters of its own: a critic's, then that of the
 *  network which it judges. All see the same samples; a later one meets the weights that the earlier ones have just
 *  moved. */
struct task_turn {
    fov_value   loss;
    const char *parameters; /**< its parameters are those whose names begin so: "discriminator." */
    int         every;      /**< it has its turn in every so many steps; 0: in each */
};

/** What a loss adds to a graph. */
struct task_ends {
    struct model_scores   scores;    /**< in: use->scores in this graph; out: .logits is what is counted from */
    struct auxiliary_head auxiliary[MOST_AUXILIARY_HEADS]; /**< in: a share of 0 ends them */
    fov_value             targets, loss;
    struct task_turn      turns[TASK_MOST_TURNS]; /**< where there are several losses: `loss` is that of the first */
    int                   turn_count;             /**< 0: `loss` alone, for all parameters */
};

/** A figure as a task counts it. */
struct task_figure {
    const char *name;   /**< "accuracy" */
    const char *column; /**< of the history, behind "metrics/" */
    bool        lower_is_better;
    bool        is_share; /**< of 1: people read it in per cent */
    bool        while_training; /**< counted over the batches of training, too: column "train/NAME" */
    int         turn;   /**< above 0: the mean loss of that turn, which the loop adds up; such ones stand last */
    const char *heading; /**< of its column where epochs are printed, at most 8 letters; NULL: it has none */
    const char *doc;
};

/** Counting over a whole dataset, in the order of samples, so that it is the same for any batch. */
struct task_tally {
    const struct task_use *use;
    struct model_scores    scores; /**< how outputs are read */
    struct memory         *memory;
    bool                   keeps_answers; /**< the report shall have metrics */
    int64_t                count; /**< samples */
    double                 loss;  /**< sum over samples */
    void                  *state; /**< the task's own */
};

/** What a model gave for one picture. */
struct task_output {
    const float *numbers; /**< of the chosen output, in plain order */
    bool         is_scores; /**< they are use->scores.logits' instead, the scores that are counted in evaluation */
    fov_shape    shape;   /**< of `numbers`, dim[0] is 1 */
    int          height, width; /**< of the picture as it was */
    const fov_image *picture;   /**< that picture */
};

struct task {
    const char *name;    /**< "classify" */
    const char *summary; /**< one line */
    fov_target  target;  /**< that it is the natural task for */
    bool        asked_only; /**< it is natural for none: asked for, or a model's */
    unsigned    targets; /**< all that it takes: 1u << target, added up */
    const char *augment; /**< the list of transforms that suits it; "" : none */
    const struct attribute   *attributes; /**< ended by one without name; NULL: none */
    size_t                    options_size;
    const struct task_figure *figures; /**< ended by one without name; the first decides which epoch is best */

    /** Whether model and data fit, and all of use that is set by it; model, data and options are there. E_SHAPE. */
    int (*fit)(struct task_use *use, struct error *error);
    /** Looks at the data to be learned from: how frequent its classes are, how far its values spread. After fit; not
     *  asked where a model is only measured. NULL: nothing has to be known. */
    int (*learn)(struct task_use *use, struct error *error);
    /** What a new network has to be: fills in the numbers that are 0, by use->data. NULL: the pictures' channels, as
     *  many classes as the data has. */
    void (*network)(const struct task_use *use, fov_network_options *wanted);
    bool per_pixel; /**< its answer is a map: a new network takes the pictures at their own size where it can */
    bool newest_is_best; /**< no figure tells which epoch is best: it is always the last one */
    const char *optimizer; /**< that suits it, where none is asked for, with its rate; NULL: the usual one */
    double      rate;
    /** Puts behind a new network's output what the task wants there (a sigmoid, say), so that the file is whole. NULL:
     *  nothing. */
    int (*finish)(const struct task_use *use, fov_model *model, struct error *error);
    void (*close)(struct task_use *use); /**< frees .state; may be NULL */
    /** Adds the targets ("optimizer.labels") and the loss, the mean over samples. Failures are sticky on the graph. */
    void (*add_loss)(const struct task_use *use, fov_graph *graph, struct task_ends *ends);
    /** Writes a sample's target as number `place`; on any thread. */
    int (*write)(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                 struct error *error);
    /** Adds to sums[2 i] and sums[2 i + 1], whose quotient is figure i of those counted while training. */
    void (*sum)(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums);

    int (*tally_open)(struct task_tally *tally, struct error *error);
    void (*tally_close)(struct task_tally *tally); /**< after failures, too */
    void (*tally_reset)(struct task_tally *tally);
    /** Counts. Answers `count`, or the first sample of which no number can be made: it and those behind it are not
     *  counted. */
    size_t (*tally_add)(struct task_tally *tally, const float *outputs, const void *targets, size_t count);
    /** One sample's truth, answer and probability, for who looks at single ones; NULL: it has none. */
    void (*judge)(const struct task_tally *tally, const float *outputs, const void *targets,
                  fov_sample_result *result);
    void (*tally_figures)(const struct task_tally *tally, double *values);
    /** What a report has beside figures: per-class numbers, metrics. The report's owner is `report->owner`. */
    int (*tally_report)(struct task_tally *tally, fov_report *report, struct error *error);

    /** Writes into the run's folder what shows how far training has come after an epoch (from 1): a sheet of samples.
     *  The model holds the weights. NULL: nothing. */
    int (*show)(const struct task_use *use, fov_model *model, const char *directory, int64_t epoch,
                struct error *error);

    /** What the chosen output says of one picture; NULL: the task has no answer for people. `use` has no data. */
    int (*answer)(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error);
};

extern const struct task *const task_table[]; /* generated, sorted by name */
extern const size_t             task_table_count;

/* ---- a program's own (own.c) ------------------------------------------------------------------------------------- */

/** One that was registered with the context (fovea/extend.h); NULL: there is none of that name. */
const struct task *task_registered(const struct fov_context *context, const char *name);

/* ---- finding one (task.c) ---------------------------------------------------------------------------------------- */

/** "NAME:OPTION=VALUE:..."; NULL: what use->model was trained for, where that takes such data, else the natural task of
 *  the data's target. E_USAGE. */
int task_choose(struct task_use *use, const char *text, fov_target target, struct error *error);
/** What suits the task, where the options leave it open: its optimiser and rate. */
int task_defaults(const fov_model *model, fov_target target, fov_train_options *options, struct error *error);
/** The task with all its options, as task_choose reads it. */
void task_text(const struct task_use *use, char text[TASK_TEXT_SIZE]);
/** Are all its options at their defaults? */
bool task_is_standard(const struct task_use *use);

/** Model and data. E_USAGE where the task does not take the data's kind of target; E_SHAPE. */
int  task_fit(struct task_use *use, struct error *error);
void task_close(struct task_use *use); /**< accepts a zeroed one */

/** What a loader is told, by what task_fit has set. The loader reads `use` while it works. */
struct loader_options task_loader(const struct task_use *use, const struct pipeline *augment);
/** Bytes of one sample's target. */
size_t task_target_bytes(const struct task_use *use);

int task_figure_count(const struct task *task);
/** How many of them are counted while training. */
int task_sum_count(const struct task *task);
/** The figures as programs get them. `values` in the order of the figures (those of turns are left out), or, `sums`
 *  given, of those counted while training; answers how many. */
int task_figures(const struct task *task, const double *values, const double *sums, fov_task_figure *figures);
/** The loss's targets as an input of the graph. */
fov_value task_add_targets(const struct task_use *use, fov_graph *graph);

/* ---- what answers share (answer.c) ------------------------------------------------------------------------------- */

/** Items with the model's names, all 0. */
int answer_reserve(fov_answer *answer, const fov_model *model, int count, struct error *error);
/** Room for a picture, to be filled. */
int answer_picture(fov_image *image, const fov_model *model, int height, int width, int channels, struct error *error);
/** Puts a probability into each item, of the numbers of an output that scores classes: `each`, of each on its own. */
int answer_probabilities(const struct task_use *use, const struct task_output *output, bool each, fov_answer *answer,
                         struct error *error);

/* ---- what tasks share (fit.c) ------------------------------------------------------------------------------------ */

/** The size of the pictures that the model reads; E_SHAPE where it does not read any, or is not made for any number. */
int fit_pictures(struct task_use *use, struct error *error);
/** A row of scores for each picture: what is not is named. */
int fit_scores(struct task_use *use, struct error *error);
/** A class of the model for each of the data's; E_SHAPE where they differ. */
int fit_classes(struct task_use *use, int classes, struct error *error);
/** Reads a sample to learn something of the data; one that is damaged is passed over (*is_read is false): what becomes
 *  of it is the loader's business. E_MEMORY. */
int fit_look(const fov_dataset *data, size_t index, struct sample *sample, bool *is_read, struct error *error);
/** Balanced weights of classes from how often each is there, as scikit-learn has them: all / (classes x count). One
 *  that was not seen gets the largest weight of the others. */
void fit_balanced(const double *counts, int classes, float *weights);

#endif
