/* SPDX-License-Identifier: MIT */
/* A task is the purpose of a model (classification, segmentation, ...). Training, evaluation and prediction work
 * through this interface and know no task by name. A task's descriptor defines which targets it takes, whether a model
 * fits a dataset, the loss as nodes, how a sample's target is written for that loss, and which figures are counted from
 * the outputs. Each task has a file of its own; a line `const struct task task_NAME = {` in src/task/ registers it;
 * options, checks, help and files follow from its descriptor. Read next: classify.c (the simplest task), task.c
 * (finding a task), train/train.c (the caller). */
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
    TASK_MOST_OPTIONS = 1280, /**< largest options struct in bytes */
    TASK_MOST_FIGURES = FOV_TASK_FIGURES,
    TASK_MOST_TURNS = 4,
    TASK_TEXT_SIZE = MODEL_TASK_SIZE /**< bytes of the text of a task with all its options */
};

struct task;

/** A task for one model and one dataset. */
struct task_use {
    const struct task *task;
    _Alignas(16) unsigned char options[TASK_MOST_OPTIONS];
    const fov_model   *model;
    const fov_dataset *data; /**< NULL: none; for answers, or where a step is only measured */
    bool               classes_by_position; /**< match classes by index instead of by name */
    float              label_smoothing; /**< in training; used by tasks over classes */
    bool               mixes; /**< in training: a picture may be composed of several samples (prepared->part) */
    const struct task_use *learned; /**< in validation: the training's task_use, whose .state has what was learned */

    /* set by task_fit */
    struct prepare_options prepare;   /**< size, target and the options of that target; the caller sets the rest */
    struct model_scores    scores;    /**< the model's chosen output */
    fov_class_match        match;     /**< maps the data's classes to the model's, for targets with classes */
    fov_dtype              dtype;     /**< type of the targets */
    fov_shape              target;    /**< shape of the targets, FOV_BATCH first */
    void                  *state;     /**< private state of the task, freed by its close() */
    uint64_t               files;     /**< hash of the content of the files that its options name; 0: there are none */
    struct loader_rows rows[LOADER_MOST_ROWS]; /**< what goes into the model's inputs besides the pictures' */
    fov_value row_inputs[LOADER_MOST_ROWS];    /**< these inputs */
    uint8_t *own_rows[LOADER_MOST_ROWS];       /**< converted or copied rows; NULL: they are the data's */
    int row_count;
};

/** One of several losses that are minimised in turn, each over parameters of its own: first a critic's, then that of
 *  the network that the critic judges. All turns of a step see the same samples; a later turn uses the weights that the
 *  earlier ones have just updated. */
struct task_turn {
    fov_value   loss;
    const char *parameters; /**< prefix of the names of its parameters: "discriminator." */
    int         every;      /**< the turn is taken in one of every `every` steps; 0: in each */
};

/** What a loss adds to a graph. */
struct task_ends {
    struct model_scores   scores;    /**< in: use->scores in this graph; out: figures are counted from .logits */
    struct auxiliary_head auxiliary[MOST_AUXILIARY_HEADS]; /**< in: ended by a share of 0 */
    fov_value             targets, loss;
    struct task_turn      turns[TASK_MOST_TURNS]; /**< where there are several losses: `loss` is the first turn's */
    int                   turn_count;             /**< 0: `loss` alone, for all parameters */
};

/** A figure that a task counts. */
struct task_figure {
    const char *name;   /**< "accuracy" */
    const char *column; /**< name of its column in the history, after "metrics/" */
    bool        lower_is_better;
    bool        is_share; /**< a share of 1, shown in per cent */
    bool        while_training; /**< counted over the batches of training, too: column "train/NAME" */
    int         turn;   /**< above 0: the mean loss of that turn, summed by the training loop; such figures come last */
    const char *heading; /**< heading of its column where epochs are printed, at most 8 letters; NULL: no column */
    const char *doc;
};

/** Counts figures over a whole dataset, in the order of samples, so that results do not depend on the batch size. */
struct task_tally {
    const struct task_use *use;
    struct model_scores    scores; /**< how to interpret the outputs */
    struct memory         *memory;
    bool                   reports; /**< tally_report will be called: figures alone need less memory */
    bool                   keeps_answers; /**< the report shall have metrics */
    int64_t                count; /**< samples */
    double                 loss;  /**< sum over samples */
    void                  *state; /**< private state of the task */
};

/** The output of a model for one picture. */
struct task_output {
    const float *numbers; /**< the chosen output, in plain (channels-first) order */
    bool         is_scores; /**< `numbers` are those of use->scores.logits instead, which evaluation counts from */
    fov_shape    shape;   /**< of `numbers`, dim[0] is 1 */
    int          height, width; /**< of the original picture */
    const fov_image *picture;   /**< that picture */
};

struct task {
    const char *name;    /**< "classify" */
    const char *summary; /**< one line */
    fov_target  target;  /**< kind of target for which this task is the default */
    bool        asked_only; /**< default for no target: used only where the caller or a model names it */
    unsigned    targets; /**< all kinds of target that it takes: 1u << target, added up */
    const char *augment; /**< its default augmentation, a list of transforms; "": none */
    const struct attribute   *attributes; /**< ended by an entry without name; NULL: none */
    size_t                    options_size;
    const struct task_figure *figures; /**< ended by an entry without name; the first decides which epoch is best */

    /** Checks whether model and data fit, and sets the members of `use` listed there; .model, .data and .options are
     *  set already. E_SHAPE. */
    int (*fit)(struct task_use *use, struct error *error);
    /** Examines the training data: how frequent its classes are, how far its values spread. Called after fit, and not
     *  where a model is only evaluated. NULL: the task needs nothing. */
    int (*learn)(struct task_use *use, struct error *error);
    /** Sets the options of a new network that are still 0, from use->data. NULL: as many channels as the pictures have,
     *  as many classes as the data have. */
    void (*network)(const struct task_use *use, fov_network_options *wanted);
    bool per_pixel; /**< its answer is a map: a new network takes the pictures at their own size where it can */
    bool newest_is_best; /**< no figure tells which epoch is best: the last one is */
    const char *optimizer; /**< its default optimiser, which has the rate `rate`; NULL: the general default */
    double      rate;
    /** Appends to a new network's output the layers that the task needs (a sigmoid, say), so that the saved model is
     *  complete. NULL: nothing to append. */
    int (*finish)(const struct task_use *use, fov_model *model, struct error *error);
    void (*close)(struct task_use *use); /**< frees .state; may be NULL */
    /** Adds the targets ("optimizer.labels") and the loss, the mean over samples. Failures are sticky on the graph. */
    void (*add_loss)(const struct task_use *use, fov_graph *graph, struct task_ends *ends);
    /** Writes a sample's target to index `place` of the batch `targets`; called from any thread. */
    int (*write)(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                 struct error *error);
    /** Adds to sums[2 i] and sums[2 i + 1] the numerator and the denominator of the i-th figure with
     *  .while_training. */
    void (*sum)(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums);

    int (*tally_open)(struct task_tally *tally, struct error *error);
    void (*tally_close)(struct task_tally *tally); /**< called after failures, too */
    void (*tally_reset)(struct task_tally *tally);
    /** Counts samples. Returns `count`, or the index of the first sample whose loss is not finite: that sample and the
     *  following ones are not counted. */
    size_t (*tally_add)(struct task_tally *tally, const float *outputs, const void *targets, size_t count);
    /** One sample's truth, answer and probability, for a report on single samples; NULL: the task has none. */
    void (*judge)(const struct task_tally *tally, const float *outputs, const void *targets,
                  fov_sample_result *result);
    void (*tally_figures)(const struct task_tally *tally, double *values);
    /** Fills what a report has besides figures: per-class numbers, metrics. Memory belongs to `report->owner`. */
    int (*tally_report)(struct task_tally *tally, fov_report *report, struct error *error);

    /** Writes to the run's folder a file that shows the progress of training after an epoch (from 1): a sheet of
     *  generated samples. The model holds the current weights. NULL: nothing. */
    int (*show)(const struct task_use *use, fov_model *model, const char *directory, int64_t epoch,
                struct error *error);

    /** Interprets the chosen output for one picture; NULL: the task has no answers. `use` has no data. */
    int (*answer)(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error);
};

extern const struct task *const task_table[]; /* generated, sorted by name */
extern const size_t             task_table_count;

/* ---- a program's own (own.c) ------------------------------------------------------------------------------------- */

/** The task of that name that the program has registered with the context (fovea/extend.h); NULL: there is none. */
const struct task *task_registered(const struct fov_context *context, const char *name);

/* ---- finding one (task.c) ---------------------------------------------------------------------------------------- */

/** Sets use->task and use->options from `text`, "NAME:OPTION=VALUE:...". NULL: the task that use->model was trained
 *  for, where that task takes this kind of target, else the default task of the target. E_USAGE. */
int task_choose(struct task_use *use, const char *text, fov_target target, struct error *error);
/** Sets the task's default optimiser and learning rate in `options`, where the caller has named no optimiser. */
int task_defaults(const fov_model *model, fov_target target, fov_train_options *options, struct error *error);
/** Writes the task with all its options, as task_choose reads it. */
void task_text(const struct task_use *use, char text[TASK_TEXT_SIZE]);
/** Whether all options of the task are at their defaults. */
bool task_is_standard(const struct task_use *use);

/** Checks whether model and data fit the task, and fills the rest of `use`. E_USAGE: the task does not take the data's
 *  kind of target; E_SHAPE: the model does not fit. */
int  task_fit(struct task_use *use, struct error *error);
void task_close(struct task_use *use); /**< accepts a zeroed one */

/** Options for a loader, from what task_fit has set. They point to `use`, which has to outlive the loader. */
struct loader_options task_loader(const struct task_use *use, const struct pipeline *augment);
/** Bytes of one sample's target. */
size_t task_target_bytes(const struct task_use *use);

int task_figure_count(const struct task *task);
/** How many of the task's figures are counted while training. */
int task_sum_count(const struct task *task);
/** Converts figures to their public form. With `sums` NULL: from `values` in the order of the figures, without those of
 *  turns. With `sums`: the figures counted while training, from the numerators and denominators. Returns how many. */
int task_figures(const struct task *task, const double *values, const double *sums, fov_task_figure *figures);
/** Adds the targets of the loss as an input of the graph, "optimizer.labels". */
fov_value task_add_targets(const struct task_use *use, fov_graph *graph);

/* ---- what answers share (answer.c) ------------------------------------------------------------------------------- */

/** Allocates `count` items with the names of the model's classes and value 0. */
int answer_reserve(fov_answer *answer, const fov_model *model, int count, struct error *error);
/** Allocates a picture, whose pixels the caller fills. */
int answer_picture(fov_image *image, const fov_model *model, int height, int width, int channels, struct error *error);
/** Makes the answer's picture from an output [1, channels, H, W] of 0 to 1, clipped and resized to height x width. */
int answer_output_picture(const struct task_use *use, const struct task_output *output, int height, int width,
                          fov_answer *answer, struct error *error);
/** Sets the value of each item to the probability of its class, from an output that scores classes. `each`: each score
 *  has a sigmoid of its own, instead of a softmax over all. */
int answer_probabilities(const struct task_use *use, const struct task_output *output, bool each, fov_answer *answer,
                         struct error *error);

/* ---- further inputs (inputs.c) ----------------------------------------------------------------------------------- */

/** Sets use->rows from the data and the model. E_UNSUPPORTED: an input that the output depends on has none; E_SHAPE,
 *  E_INPUT: they do not fit the input; E_USAGE: the data have some for an input that the model lacks. */
int fit_inputs(struct task_use *use, struct error *error);

/* ---- what tasks share (fit.c) ------------------------------------------------------------------------------------ */

/** Sets use->prepare.size and use->scores from the model's input and output. E_SHAPE: the model reads no pictures, or
 *  only batches of a fixed size. */
int fit_pictures(struct task_use *use, struct error *error);
/** Checks that the output is a row of class scores for each picture; E_SHAPE: the sentence says what it is instead. */
int fit_scores(struct task_use *use, struct error *error);
/** Maps each class of the data to a class of the model in use->match; E_SHAPE where they differ. */
int fit_classes(struct task_use *use, int classes, struct error *error);
/** Reads a sample in order to examine the data. A damaged sample is skipped (*is_read is false): the loader decides
 *  what becomes of it. E_MEMORY. */
int fit_look(const fov_dataset *data, size_t index, struct sample *sample, bool *is_read, struct error *error);
/** A task.write that writes prepared->other, bytes [height, width, channels], as floats 0 to 1 [channels, height,
 *  width]. */
int write_picture(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                  struct error *error);
/** Balanced class weights from the number of samples of each class, all / (classes x count), as in scikit-learn;
 *  `classes` are those that occur. A class without samples gets the largest weight of the others. */
void fit_balanced(const double *counts, int classes, float *weights);

#endif
