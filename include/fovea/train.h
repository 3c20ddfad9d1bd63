/* SPDX-License-Identifier: MIT */
/* The whole training loop: shuffled mini-batches, gradient descent, metrics, checkpoints, resume. For anything else
 * (two networks, custom losses) write a loop with loop.h; examples/ shows one.
 *
 * Same bits: the weights after training depend on the model, the data, the options and the seed; not on the number of
 * threads, and not on whether the run was killed and resumed. */
#ifndef FOVEA_TRAIN_H
#define FOVEA_TRAIN_H

#include <fovea/classes.h>
#include <fovea/dataset.h>
#include <fovea/metrics.h>
#include <fovea/model.h>
#include <fovea/plan.h>
#include <fovea/ranks.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A figure that a task measures: a classifier's accuracy, a segmentation's mean IoU. */
typedef struct fov_task_figure {
    const char *name;  /**< "accuracy" */
    double      value; /**< NaN: undefined */
    bool        lower_is_better;
    bool        is_share; /**< a fraction 0 .. 1, to be shown in per cent */
    const char *heading;  /**< column heading of at most 8 letters; NULL: the figure has no column in tables */
} fov_task_figure;
enum { FOV_TASK_FIGURES = 8 /**< figures of a task at most */ };

/** The state of a training run, for callbacks. */
typedef struct fov_progress {
    const char *task;       /**< its name, "classify" */
    int      epoch, epochs; /**< from 1; epochs 0: the run ends by time */
    double   share;         /**< fraction of the run that is done, by steps or, for runs by time, by time */
    int64_t  step, steps;   /**< in this epoch, from 1; steps per epoch */
    int64_t  total_step;    /**< since the beginning, from 1 */
    double   loss;          /**< on_step: of this mini-batch; on_epoch: mean over the epoch */
    double   mean_loss;     /**< over the epoch so far */
    double   accuracy;      /**< fraction over the epoch so far, of the augmented training samples; 0 for tasks that
                                 are not about classes */
    int      figure_count;  /**< of the task's training figures, over the epoch so far */
    fov_task_figure figures[FOV_TASK_FIGURES];
    double   learning_rate;
    double   seconds;       /**< of this epoch so far, training only */
    double   samples_per_second;
    double   load_seconds;  /**< the part of .seconds spent waiting for the next samples */
    double   val_loss, val_accuracy; /**< on_epoch, with .validate; else NaN */
    int      val_figure_count; /**< of the task's validation figures; the first decides which epoch is best */
    fov_task_figure val_figures[FOV_TASK_FIGURES];
    bool     best;          /**< on_epoch: the best epoch so far, by the first validation figure */
} fov_progress;

enum { FOV_FINISH = 100 /**< on_step and on_epoch return it to end a run early but successfully */ };

typedef struct fov_train_options {
    /** The task's name, followed by its options: "segment:loss=dice" (fov_task_at lists them). NULL: the task that
     *  suits the data's targets. */
    const char *task;
    int         epochs;     /**< 10; with .minutes: no limit */
    /** 0: the run ends after .epochs. Else it ends at the first step after this many minutes of training (validation
     *  and loading before the first step not counted), even within an epoch, which then counts as a whole one;
     *  schedules go by the fraction of the time. The number of steps, and so the weights, depend on the machine's
     *  speed. */
    float       minutes;
    int         patience;   /**< 0: no early stop; else the run ends after this many epochs without a new best */
    int         batch;      /**< 64; 1 = stochastic, -1 = the whole set: full-batch gradient descent */
    /** true: drops the last batch of each epoch where it is smaller than the others. false: drops it only where a layer
     *  cannot compute it: a single sample before a batch norm over single pixels */
    bool        drop_last;
    /** "sgd", or another optimiser, its name followed by its options: "rmsprop:alpha=0.9:momentum=0.9"
     *  (fov_operator_at lists them: family "optimiser"). The fields below set options of the same names; 0: the
     *  optimiser's default. */
    const char *optimizer;
    float       lr;         /**< the optimiser's own: 0.01 for sgd, 0.001 for adam */
    float       momentum;
    bool        nesterov;
    float       weight_decay;
    float       beta1, beta2, epsilon;
    /** Rates and decays of parameters by name, in place of .lr and .weight_decay: "*=0.1x, head=1x, stem.*=0.05" ("x":
     *  times the general one). Beside patterns there are the words "head", the last layer, and "norms-and-biases". The
     *  schedule scales all rates alike. A rate may apply in some epochs only and be 0 in the others:
     *  "features.*=0.1x@4-" from the fourth on, "stem.*=1x@1-3". The last pattern that matches a name counts. NULL:
     *  none. */
    const char *lr_by_name, *weight_decay_by_name;
    /** Patterns of parameters without decay: "norms-and-biases". NULL: none */
    const char *no_decay;
    int         accumulate; /**< 1: number of batches whose gradients, averaged by samples, make one update */
    /** NULL: this process alone. Else the ranks that train together (ranks.h), at most .accumulate of them; every rank
     *  calls fov_train with the same model, data and options. All begin with rank 0's weights; rank 0's clock decides,
     *  and only its callbacks are called, after each update. The result has the same bits as that of one process. */
    const fov_ranks *ranks;
    float       clip_value; /**< 0: no limit; else the largest magnitude of an element of a gradient */
    float       clip_norm;  /**< 0: no limit; else the largest norm of all gradients together, after clip_value */
    int         lookahead;  /**< 0: off; else after each such number of updates a slow copy of the weights moves
                                 towards them, and the weights restart from it */
    float       lookahead_share; /**< 0.5: fraction of the way that the slow copy moves */
    /** 0: .lookahead_share is constant. Else it falls from 1 to this value with the cube of the finished fraction of
     *  the run; running statistics are averaged, too, and the run ends with the slow copy (Jordan, "94% on CIFAR-10 in
     *  3.29 seconds", 2024). For runs by epochs, without .accumulate. */
    float       lookahead_final;
    /** 0: off; else the decay, 0.999 or so, of an exponential average of weights and running statistics, which is
     *  validated and saved in place of the weights. At the n-th update the decay is at most (n - 1) / (n + 9). */
    float       ema;
    /** NULL: "constant"; "cosine", "one-cycle" or another, its name followed by its options:
     *  "multistep:30,60:gamma=0.2" (docs/training.md lists them). The three fields below set options of the same names;
     *  0: the default. */
    const char *schedule;
    int         step_epochs; /**< 10 */
    float       gamma;      /**< 0.1 */
    float       lr_final;   /**< 0 */
    int         warmup;     /**< 0: number of steps over which the rate rises linearly */
    /** Name of the weight of a convolution that reads the pictures. Before the first step its filters are set to the
     *  eigenvectors of the covariance of the training pictures' patches, scaled so that the outputs are white, then to
     *  their negatives; they are not trained (docs/training.md). NULL, "none": off. */
    const char *whiten;
    float       label_smoothing; /**< 0 */
    /** Height and width of the pictures in training steps; validation and the saved model keep the model's own size.
     *  For networks that take any size: maps learned from pieces ("cut" in .augment), or from smaller pictures. 0: the
     *  model's own; else 1 to 16384. */
    int         train_size;
    /** Multi-scale training: by which fraction the sides of training pictures become smaller and larger at most, in
     *  multiples of 32 pixels, drawn anew every 10 batches ("0.25", "0.25:every=10:step=32"); keyed by seed, epoch and
     *  batch. For networks that take any such size: detectors, classifiers with global pooling, U-Nets. Validation and
     *  .plain_epochs use the model's own size. NULL, "none": one size. */
    const char *multi_scale;
    /** Random changes of the training pictures, a list such as "crop:4, flip" or a preset: "mnist", "cifar",
     *  "imagenet", "segment" (fov_transform_at lists the transforms); NULL: none. The random numbers depend on seed,
     *  epoch and sample alone. "mixup", "cutmix" and "mosaic" combine several samples into one. */
    const char *augment;
    /** 0; else number of last epochs without augmentation and multi-scale: transformed pictures are blurred by
     *  resampling, and a network that has seen only those is slightly worse on sharp ones. Not for runs by time. */
    int         plain_epochs;
    /** Threads that prepare the next batches while a step is computed; -1: none, all threads of the context prepare the
     *  batch between steps. 0: one where samples are decoded from files, none where they are in memory. Weights do not
     *  depend on it. */
    int         loader_threads;
    int         cache; /**< 0: decoded samples are not kept; else up to this many MiB of them are kept between epochs */
    /** false: a file that cannot be read is named and counted, and the next sample takes its place; true: it ends
     *  training (E_INPUT). Evaluation always stops at such a file, and training at an invalid sample of a program's own
     *  function (fov_dataset_create). */
    bool        stop_on_bad_file;
    fov_dataset *validate;  /**< none; data to validate with after each epoch */
    /** false: classes are matched by name (classes.h). true: the data's class i is the model's output i, whatever their
     *  names */
    bool        classes_by_position;
    /** NULL: nothing is written. Else the run folder: best.onnx, last.onnx, checkpoint.safetensors, history.csv,
     *  config.json. A folder that already holds a run is left unchanged and refused (E_USAGE), unless .resume continues
     *  that run or .overwrite lets the new run replace it. */
    const char *directory;
    /** continue from directory/checkpoint.safetensors; every other option must be as it was (epochs may grow) */
    bool        resume;
    bool        overwrite; /**< false */
    bool        tensorboard;      /**< false; true: writes directory/events.out.tfevents.fovea for TensorBoard */
    int         checkpoint_steps; /**< 0: a checkpoint per epoch; else also one each time this many steps are done */
    /** Called once before the first step, after all memory for training has been allocated, with the plan for a whole
     *  batch, which is valid during the call (fov_plan_memory_use, fov_context_memory). */
    void (*on_plan)(const fov_plan *plan, void *user);
    /** Called before each step with the schedule's rate; returns the rate to use, 0 or more. `progress` is that of the
     *  previous step (its loss 0). NULL: the schedule's rate. The function is not in the checkpoint: give it again to
     *  resume. With .accumulate, the result for the last batch of an update counts; with several ranks, it is called on
     *  rank 0 for that batch alone, with the figures of the previous update. */
    double (*rate)(const fov_progress *progress, double scheduled, void *user);
    /** Called after each step and each epoch. 0: continue. FOV_FINISH: the run ends with this epoch, complete or not,
     *  as if all epochs were done, and fov_train returns FOV_OK. Anything else stops the run: a checkpoint is written
     *  and fov_train returns FOV_E_INTERRUPTED. During on_epoch the model holds the weights at the epoch's end (their
     *  averages, with .ema), so that the function may call fov_evaluate_opt, fov_predict or fov_model_save. Errors of
     *  such calls do not affect training. */
    int (*on_step)(const fov_progress *progress, void *user);
    int (*on_epoch)(const fov_progress *progress, void *user);
    void *user;
    /** Writes the order of samples of an epoch (from 0) to order[count]; NULL: shuffled, keyed by (seed, epoch). */
    void (*order)(void *user, int epoch, uint32_t *order, int64_t count);
} fov_train_options;

/** A named set of training options that reaches a documented result with a network. */
typedef struct fov_recipe {
    const char *name;     /**< "mnist-fast" */
    const char *summary;  /**< one line: the result, and what it costs */
    const char *settings; /**< lines of "option = value": members of fov_train_options, and "model" and "data" */
    const char *larger;   /**< name of the recipe for data of `from` samples and more; NULL: none */
    int64_t     from;
} fov_recipe;
FOV_API int        fov_recipe_count(void);
FOV_API fov_recipe fov_recipe_at(int index);

/** An option of a task or transform. */
typedef struct fov_option_info {
    const char *name, *doc;
    const char *word; /**< default of a choice; else NULL */
    double      standard, minimum, maximum;
} fov_option_info;

/** A task for fov_train_options.task. */
typedef struct fov_task_info {
    const char *name;    /**< "classify" */
    const char *summary; /**< one line */
    fov_target  target;  /**< the kind of data target that this is the default task for */
    bool        asked_only; /**< never a default: the task must be named, or stated in the model's file */
    bool        per_pixel; /**< its answer is a map: a sample takes far more memory and time than a classifier's */
    const char *optimizer; /**< default optimiser for this task; NULL: the usual one */
    double      rate;      /**< learning rate for that optimiser */
    int         figure_count;
    struct {
        const char *name, *doc, *heading; /**< heading: as in fov_task_figure */
        bool        lower_is_better, is_share;
        bool        while_training; /**< also measured over the training batches */
        bool        only_training;  /**< measured in training only: the loss of a second network (a discriminator) */
    } figure[FOV_TASK_FIGURES]; /**< the task's figures; the first decides which epoch is best */
    int             option_count;
    fov_option_info option[8];
} fov_task_info;
FOV_API int           fov_task_count(void);
FOV_API fov_task_info fov_task_at(int index); /**< in order of name */

/** The training options that are plain values, as a table, with limits: those that a command line or a file can set.
 *  The others are handles, functions and the run's folder. */
typedef enum fov_option_kind {
    FOV_OPTION_INTEGER, /**< int */
    FOV_OPTION_NUMBER,  /**< float */
    FOV_OPTION_FLAG,    /**< bool */
    FOV_OPTION_TEXT     /**< const char * */
} fov_option_kind;
typedef struct fov_train_option_info {
    const char     *name; /**< name of the member: "label_smoothing" */
    fov_option_kind kind;
    double          standard, minimum, maximum; /**< of numbers: the default and the limits */
    const char     *argument;  /**< placeholder of the value in help: "N" */
    const char     *otherwise; /**< the default in words; NULL: `standard` is the default */
    const char     *word;      /**< word for -1: "full"; NULL: none */
    const char     *doc;       /**< a few words, with the unit; "": for programs only, not shown in help */
    int             by_name;   /**< index of the option for a "PATTERN=NUMBER, ..." after the number; -1: none */
    const char     *part_of; /**< "optimizer" or "schedule": an option of that, which has its own default; else NULL */
} fov_train_option_info;
FOV_API int                   fov_train_option_count(void);
FOV_API fov_train_option_info fov_train_option_at(int index);
/** Sets the option's member; `text` is kept, not copied. Limits are checked when training begins. */
FOV_API void fov_train_option_put(fov_train_options *options, int index, double number, const char *text);

/** The sizes that a network by name needs for a task (as in fov_train_options) on this data: fills in the numbers of
 *  `wanted` that are 0 and follow from the task: number of outputs, channels, and, where the answer is a map, height
 *  and width. */
FOV_API FOV_MUST_CHECK int fov_task_network(const fov_dataset *data, const char *task, fov_network_options *wanted);
/** Appends the layers that the task needs after the output of a network by name, or of a model with a new head, so that
 *  the saved file is complete for any runtime: a sigmoid for independent classes; mean and deviation of the data's
 *  values. The model's output is another value after this. Classes and values get the data's names. */
FOV_API FOV_MUST_CHECK int fov_task_finish(fov_model *model, const fov_dataset *data, const char *task);

/** A transform for fov_train_options.augment. */
typedef struct fov_transform_info {
    const char *name;        /**< "random-resized-crop" */
    const char *torchvision; /**< its name in torchvision, "RandomResizedCrop"; "": torchvision has none */
    const char *summary;     /**< one line */
    bool        geometry;    /**< moves pixels, masks and boxes; false: changes colours, or mixes */
    bool        mixes;       /**< combines several samples into one */
    int             option_count;
    fov_option_info option[8];
} fov_transform_info;
FOV_API int                fov_transform_count(void);
FOV_API fov_transform_info fov_transform_at(int index); /**< in order of name */
/** The list of transforms that a preset stands for; *name: the preset's name. NULL beyond the last preset. */
FOV_API const char        *fov_transform_preset(int index, const char **name);

/** Trains `model` for a task. A classifier's loss follows from the meaning of its chosen output (fov_model_meaning):
 *  softmax cross-entropy of logits, also of those before a softmax in the network; for sigmoids, and for a single
 *  score, the mean binary cross-entropy of the logits before the sigmoid, with 1 for the sample's class and 0 for the
 *  others. The model's order of classes stays: labels are matched by name (classes.h). Returns FOV_OK, or a failure:
 *  E_SHAPE when model and data do not fit; E_INTERRUPTED when stopped; E_NUMERIC when one of these is not finite: the
 *  loss of a step (found before anything is updated; the sentence gives epoch, step, rate and the first layer whose
 *  result was infinite or NaN), a validation sample's scores (the sample, its file, the layer), or a weight, checked
 *  before each checkpoint and at each epoch's end. The model then holds the weights of the last complete epoch, and in
 *  the folder the last checkpoint and best.onnx are unchanged. */
FOV_API FOV_MUST_CHECK int fov_train_opt(fov_model *model, fov_dataset *data, const fov_train_options *options);
#ifndef __cplusplus
#define fov_train(model, data, ...) fov_train_opt((model), (data), &(fov_train_options){__VA_ARGS__})
#endif

/** A range test: a short run whose learning rate grows from step to step. */
typedef struct fov_rate_options {
    double from, to; /**< rates: 1e-6, 10 */
    int    steps;    /**< 200 */
} fov_rate_options;
typedef struct fov_rate_curve {
    int     count;
    double *rate, *loss, *smooth; /**< [count], one per step; smooth: a moving average of the losses */
    int     lowest, steepest;     /**< steps: where the smoothed loss is lowest, and where it falls most before that */
    double  suggestion;           /**< a rate to begin with: a tenth of the rate at `lowest` */
    int     capacity;             /**< internal */
    void   *owner;                /**< internal */
} fov_rate_curve;
/** Trains for some steps with growing rates, the same for all parameters, until the loss diverges, then restores the
 *  model's weights. `options` as for training; those for epochs, files, validation, ranks, the callbacks other than
 *  .order, and the schedule are ignored. E_USAGE: `from` below 1e-12 or not below `to`, `to` above 1e6, fewer than 10
 *  steps. */
FOV_API FOV_MUST_CHECK int fov_find_rate(fov_model *model, fov_dataset *data, const fov_train_options *options,
                                         const fov_rate_options *range, fov_rate_curve *curve);
FOV_API void               fov_rate_curve_free(fov_rate_curve *curve); /**< accepts a zeroed one */
/** Draws the curve into either file or both (NULL: not wanted). E_UNSUPPORTED in a build without cairo. */
FOV_API FOV_MUST_CHECK int fov_draw_rates(fov_context *context, const fov_rate_curve *curve, const char *svg,
                                          const char *png);

/** The result of an evaluation. Arrays have `classes` elements and belong to the report. */
typedef struct fov_report {
    int64_t  count;        /**< samples */
    const char *task;      /**< "classify" */
    int      figure_count; /**< of the task's figures */
    fov_task_figure figures[FOV_TASK_FIGURES];
    fov_metrics *metrics;  /**< these figures and more (metrics.h), with fov_evaluate_options.metrics; else NULL */
    int      classes;      /**< the model's; 0, and no arrays, for tasks that are not about classes */
    int      data_classes; /**< how many of them the data has */
    bool    *in_data;      /**< per class: whether the data has it */
    double   loss, accuracy, top5; /**< mean of the loss that training uses; fractions */
    double  *precision, *recall, *f1; /**< per class; 0 where 0 / 0 */
    int64_t *support;                 /**< samples per class */
    double   macro_precision, macro_recall, macro_f1; /**< means over the data's classes */
    int64_t *confusion; /**< [classes (true)][classes (predicted)]; E_MEMORY where that does not fit */
    double   seconds;
    void    *owner; /**< internal */
} fov_report;
/** The model's result for one sample, for fov_evaluate_options.on_sample; valid during the call. */
typedef struct fov_sample_result {
    int64_t      index;   /**< of the sample in the dataset */
    double       loss;
    int          truth, answer; /**< classes; -1 for tasks that are not about one class */
    double       probability;   /**< of `answer`; NaN for tasks that are not about one class */
    const float *outputs; /**< [output_count]: the numbers that the task measures; of a classifier a score per class */
    int64_t      output_count;
} fov_sample_result;
typedef struct fov_evaluate_options {
    const char *task;         /**< as in fov_train_options */
    int  batch;               /**< 100 samples at a time, at most 4 where answers are maps; changes speed and memory,
                                   not the result */
    bool classes_by_position; /**< as in fov_train_options */
    /** false; true: fills fov_report.metrics, for which all answers are kept in memory, up to 16 million numbers:
     *  beyond that, figures that need the scores are left out */
    bool metrics;
    /** Test-time augmentation. NULL: each picture once. "mirror": the picture and its mirror image; "shifts": both also
     *  shifted by a pixel either way. The network's weighted outputs for these views are added before anything is
     *  measured. E_UNSUPPORTED for tasks whose answers have places in the picture: maps and boxes. */
    const char *views;
    void (*on_sample)(const fov_sample_result *result, void *user); /**< NULL; called in the order of samples */
    void *user;
} fov_evaluate_options;
/** Runs the model over the dataset. Labels are matched to the model's classes by name; a prediction of a class that the
 *  data does not have is a mistake. E_SHAPE: model and data do not fit (classes.h says how). E_NUMERIC, and no report:
 *  a sample's scores are not finite; the sentence names the sample, its file and the layer that was infinite or NaN
 *  first. `options` may be NULL. */
FOV_API FOV_MUST_CHECK int fov_evaluate_opt(fov_model *model, fov_dataset *data, const fov_evaluate_options *options,
                                            fov_report *report);
FOV_API FOV_MUST_CHECK int fov_evaluate(fov_model *model, fov_dataset *data, int batch, fov_report *report);
FOV_API void               fov_report_free(fov_report *report); /**< accepts a zeroed one */

/** Draw a run's curves from its history.csv, and a report's confusion matrix, into either file or both (NULL: not
 *  wanted). E_UNSUPPORTED in a build without cairo. */
FOV_API FOV_MUST_CHECK int fov_draw_curves(fov_context *context, const char *history_csv, const char *svg,
                                           const char *png);
FOV_API FOV_MUST_CHECK int fov_draw_confusion(fov_context *context, const fov_report *report, const fov_model *model,
                                              const char *svg, const char *png);

#ifdef __cplusplus
}
#endif
#endif
