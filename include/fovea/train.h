/* SPDX-License-Identifier: MIT */
/* The whole loop: shuffled mini-batches, gradient descent, metrics, checkpoints, resume. For anything else (two
 * networks, custom losses) write the loop over plan.h; examples/ shows one.
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

/** A number that a task counts: a classifier's accuracy, a segmentation's mean overlap. */
typedef struct fov_task_figure {
    const char *name;  /**< "accuracy" */
    double      value; /**< NaN: undefined */
    bool        lower_is_better;
    bool        is_share; /**< of 1; people read it in per cent */
    const char *heading;  /**< at most 8 letters, for a table's head; NULL: it is none of the first things to look at */
} fov_task_figure;
enum { FOV_TASK_FIGURES = 8 /**< a task has at most so many */ };

/** Where training stands, for callbacks. */
typedef struct fov_progress {
    const char *task;       /**< its name, "classify" */
    int      epoch, epochs; /**< from 1; epochs 0: the run ends by time */
    double   share;         /**< of the run that lies behind: of its steps, or of its time */
    int64_t  step, steps;   /**< in this epoch, from 1; steps per epoch */
    int64_t  total_step;    /**< since the beginning, from 1 */
    double   loss;          /**< on_step: of this mini-batch; on_epoch: mean over the epoch */
    double   mean_loss;     /**< over the epoch so far */
    double   accuracy;      /**< over the epoch so far, training samples as they were seen: a fraction; 0 for tasks
                                 that are not about classes */
    int      figure_count;  /**< what the task counts while training, over the epoch so far */
    fov_task_figure figures[FOV_TASK_FIGURES];
    double   learning_rate;
    double   seconds;       /**< of this epoch so far, training only */
    double   samples_per_second;
    double   load_seconds;  /**< of these seconds, those in which the next samples were waited for */
    double   val_loss, val_accuracy; /**< on_epoch, with .validate; else NaN */
    int      val_figure_count; /**< what the task counts on the validation data; the first decides what is best */
    fov_task_figure val_figures[FOV_TASK_FIGURES];
    bool     best;          /**< on_epoch: the best epoch so far, by the first validation figure */
} fov_progress;

enum { FOV_FINISH = 100 /**< what on_step and on_epoch answer to end a run early and well */ };

typedef struct fov_train_options {
    /** What the model is for, with options behind its name: "segment:loss=dice" (fov_task_at lists them). NULL: it
     *  follows from the data's targets. */
    const char *task;
    int         epochs;     /**< 10; with .minutes: no limit */
    /** 0: the run ends with its epochs. Else at the first step behind so many minutes of training (validation and
     *  loading before the first step are not counted), in the middle of an epoch, which then counts as one; schedules
     *  go by the share of the time. How far it comes depends on the machine, so do the weights. */
    float       minutes;
    int         patience;   /**< 0: else the run ends when so many epochs were not better than the best */
    int         batch;      /**< 64; 1 = stochastic, -1 = the whole set: full-batch gradient descent */
    /** Leaves out the last batch of each epoch where it is smaller than the others. Without it, only one that a layer
     *  cannot take is left out: a single sample before a batch norm over single pixels */
    bool        drop_last;
    /** "sgd", or another optimiser, with options of its own behind its name: "rmsprop:alpha=0.9:momentum=0.9"
     *  (fov_operator_at lists them: family "optimiser"). The fields below set options of the same names; 0: not set. */
    const char *optimizer;
    float       lr;         /**< the optimiser's own: 0.01 for sgd, 0.001 for adam */
    float       momentum;
    bool        nesterov;
    float       weight_decay;
    float       beta1, beta2, epsilon;
    /** Rates and decays of parameters by name, over the ones for all: "*=0.1x, head=1x, stem.*=0.05" ("x": times the
     *  one for all). Beside patterns there are the words "head", the last layer, and "norms-and-biases". Schedules move
     *  all of them alike. A rate may hold in some epochs only and be 0 in the others: "features.*=0.1x@4-" from the fourth
     *  on, "stem.*=1x@1-3". Of patterns that fit the last one counts. NULL: none. */
    const char *lr_by_name, *weight_decay_by_name;
    /** Parameters without decay, in the same way: "norms-and-biases". NULL: none */
    const char *no_decay;
    int         accumulate; /**< 1: batches whose gradients make one update: their mean, weighted by samples */
    /** NULL: this process alone. Else the ranks that train together (ranks.h); each is called with the same model, data
     *  and options, at most .accumulate of them. Rank 0's weights are where all begin, its clock decides, and its
     *  callbacks are asked, after each update. All ends in the same bits as in one process. */
    const fov_ranks *ranks;
    float       clip_value; /**< 0: no element of a gradient is larger either way */
    float       clip_norm;  /**< 0: all gradients together are no longer; after clip_value */
    int         lookahead;  /**< 0: every so many updates weights come back to a slow copy that follows them */
    float       lookahead_share; /**< 0.5: how far it follows */
    /** 0: that share stays. Else it falls from 1 to this one with the cube of the run that lies behind; running
     *  statistics follow, too, and the run ends with the slow copy (Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024).
     *  For runs by epochs, without .accumulate. */
    float       lookahead_final;
    /** 0: decay of an exponential average of weights and running statistics, 0.999 or so, which is what is validated
     *  and saved. The decay grows to its value, (n - 1) / (n + 9) at the n-th update. */
    float       ema;
    /** "constant", "cosine", "one-cycle" or another, with options of its own behind its name: "multistep:30,60:gamma=0.2"
     *  (docs/training.md lists them). The three fields below set options of the same names; 0: not set. */
    const char *schedule;
    int         step_epochs; /**< 10 */
    float       gamma;      /**< 0.1 */
    float       lr_final;   /**< 0 */
    int         warmup;     /**< 0: steps over which the rate rises linearly */
    /** Name of the weight of a convolution that reads the pictures: its filters become, before the first step, the
     *  eigenvectors of the covariance of the training pictures' patches, scaled so that what comes out is white, then
     *  their negatives, and stay so (docs/training.md). NULL, "none": none. */
    const char *whiten;
    float       label_smoothing; /**< 0 */
    /** Height and width of the pictures that training steps see; validation and the saved model keep the model's own. For
     *  networks that take any size: maps learned from pieces ("cut" in .augment), or from smaller pictures. 0: the model's
     *  own; else 1 to 16384. */
    int         train_size;
    /** Sizes of the pictures in training: a share of the own size up to which sides are smaller and larger, multiples of
     *  32, drawn for each 10 batches ("0.25", "0.25:every=10:step=32"); keyed by seed, epoch and batch. For networks that
     *  take any such size: detectors, classifiers with global pooling, U-Nets. Validation and .plain_epochs have the own
     *  size. NULL, "none": one size. */
    const char *multi_scale;
    /** Random changes of the training pictures, a list such as "crop:4, flip" or a preset: "mnist", "cifar",
     *  "imagenet", "segment" (fov_transform_at lists what there is); NULL: none. What is drawn follows from seed,
     *  epoch and sample alone. "mixup", "cutmix" and "mosaic" make a sample of several. */
    const char *augment;
    /** 0; else in the last so many epochs pictures stay as they are: those that were turned and resampled are blurred, and
     *  a network that has seen no others is a little off on sharp ones. Not for runs by time. */
    int         plain_epochs;
    /** Threads that prepare the next batches while the step is computed; -1: none, then all threads of the context do it
     *  in between. 0: one where samples are decoded from files, none where they lie in memory. Weights do not depend on
     *  it. */
    int         loader_threads;
    int         cache; /**< 0: decoded samples are not kept; else up to so many MiB of them between epochs */
    /** false: a file that cannot be read is named and counted, and the next sample takes its place; true: it ends
     *  training (E_INPUT). Evaluation always stops there, and training at a sample that a program's own function got wrong
     *  (fov_dataset_create). */
    bool        stop_on_bad_file;
    fov_dataset *validate;  /**< none */
    /** The data's class i is the model's output i, whatever their names. Default: classes are matched by name
     *  (classes.h) */
    bool        classes_by_position;
    /** NULL: nothing is written. Else the run folder: best.onnx, last.onnx, checkpoint.safetensors, history.csv,
     *  config.json. One that holds a run already is left as it is, to the byte, and refused (E_USAGE), unless .resume
     *  goes on with it or .overwrite says that the new run takes its place. */
    const char *directory;
    /** continue from directory/checkpoint.safetensors; every other option must be as it was (epochs may grow) */
    bool        resume;
    bool        overwrite; /**< false */
    bool        tensorboard;      /**< false; true: directory/events.out.tfevents.fovea, which TensorBoard follows */
    int         checkpoint_steps; /**< 0: a checkpoint per epoch; else also each so many steps */
    /** Called once before the first step, when all memory that training takes has been had: with the plan for a whole
     *  batch, which is valid during the call (fov_plan_memory_use, fov_context_memory). */
    void (*on_plan)(const fov_plan *plan, void *user);
    /** Called before each step with the rate that the schedule has for it: the rate to take, 0 or more. `progress` is that
     *  of the step before (its loss 0). NULL: the schedule's. It is not in the checkpoint: give it again to resume. With
     *  .accumulate the answer for the last batch of an update counts; with several ranks rank 0 is asked for that one
     *  alone, with the figures of the update before. */
    double (*rate)(const fov_progress *progress, double scheduled, void *user);
    /** Called after each step and each epoch. 0: go on. FOV_FINISH: the run ends with this epoch, be it whole or not, as if
     *  all epochs were done, and fov_train answers FOV_OK. Anything else stops it: a checkpoint is written and fov_train
     *  answers FOV_E_INTERRUPTED. In on_epoch the model holds the weights that the epoch ended with (their averages, with
     *  .ema), so that any metric can be asked for: fov_evaluate_opt, fov_predict, fov_model_save. Errors of such calls are
     *  the function's own business. */
    int (*on_step)(const fov_progress *progress, void *user);
    int (*on_epoch)(const fov_progress *progress, void *user);
    void *user;
    /** Writes the order of samples of an epoch (from 0) to order[count]; NULL: shuffled, keyed by (seed, epoch). */
    void (*order)(void *user, int epoch, uint32_t *order, int64_t count);
} fov_train_options;

/** A named set of options: how a network is trained to what is said of it. */
typedef struct fov_recipe {
    const char *name;     /**< "mnist-fast" */
    const char *summary;  /**< one line: what it gives, and what it takes */
    const char *settings; /**< a line of "option = value" each: of fov_train_options, and "model" and "data" */
    const char *larger;   /**< the recipe to be taken for data of `from` samples and more; NULL: there is none */
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

/** A task that .task knows. */
typedef struct fov_task_info {
    const char *name;    /**< "classify" */
    const char *summary; /**< one line */
    fov_target  target;  /**< of the data that it is the natural task for */
    bool        asked_only; /**< for none by itself: it is asked for, or what a model was made for */
    bool        per_pixel; /**< its answer is a map: a sample takes far more memory and time than a classifier's */
    const char *optimizer; /**< that suits it, where none is asked for; NULL: the usual one */
    double      rate;      /**< that goes with it */
    int         figure_count;
    struct {
        const char *name, *doc, *heading; /**< heading: as in fov_task_figure */
        bool        lower_is_better, is_share;
        bool        while_training; /**< counted over the batches of training, too */
        bool        only_training;  /**< and nowhere else: the loss of a network beside the one that is measured */
    } figure[FOV_TASK_FIGURES]; /**< what it counts; the first decides which epoch is best */
    int             option_count;
    fov_option_info option[8];
} fov_task_info;
FOV_API int           fov_task_count(void);
FOV_API fov_task_info fov_task_at(int index); /**< in order of name */

/** The training options that are plain values, as a table: what a command line or a file can set, with its limits. The
 *  others are handles, functions and the run's folder. */
typedef enum fov_option_kind {
    FOV_OPTION_INTEGER, /**< int */
    FOV_OPTION_NUMBER,  /**< float */
    FOV_OPTION_FLAG,    /**< bool */
    FOV_OPTION_TEXT     /**< const char * */
} fov_option_kind;
typedef struct fov_train_option_info {
    const char     *name; /**< of the member: "label_smoothing" */
    fov_option_kind kind;
    double          standard, minimum, maximum; /**< of numbers: the default and the limits */
    const char     *argument;  /**< what help calls the value: "N" */
    const char     *otherwise; /**< what holds when it is not given, in words; NULL: `standard` says it */
    const char     *word;      /**< stands for -1: "full"; NULL: nothing does */
    const char     *doc;       /**< a few words, with the unit; "": it is for programs, not for people */
    int             by_name;   /**< the option that takes "PATTERN=NUMBER, ..." typed behind the number; -1: none */
    const char     *part_of; /**< "optimizer" or "schedule", whose option it is, with a default of its own; else NULL */
} fov_train_option_info;
FOV_API int                   fov_train_option_count(void);
FOV_API fov_train_option_info fov_train_option_at(int index);
/** Sets the option's member; `text` is kept, not copied. Limits are looked at when training begins. */
FOV_API void fov_train_option_put(fov_train_options *options, int index, double number, const char *text);

/** What a network by name has to be for a task (as in fov_train_options) on this data: fills in the numbers of `wanted`
 *  that are 0 and that the task knows: how many outputs, channels, and, where the answer is a map, height and width. */
FOV_API FOV_MUST_CHECK int fov_task_network(const fov_dataset *data, const char *task, fov_network_options *wanted);
/** Puts behind the output of a network by name, or of a model with a new head, what its task wants there, so that the
 *  file is whole for any runtime: a sigmoid for independent classes; mean and deviation of the data's values. The model's
 *  output is another value after this. Classes and values get the data's names. */
FOV_API FOV_MUST_CHECK int fov_task_finish(fov_model *model, const fov_dataset *data, const char *task);

/** A random change that .augment knows. */
typedef struct fov_transform_info {
    const char *name;        /**< "random-resized-crop" */
    const char *torchvision; /**< "RandomResizedCrop"; "" where it has none */
    const char *summary;     /**< one line */
    bool        geometry;    /**< moves pixels, masks and boxes; false: changes colours, or mixes */
    bool        mixes;       /**< makes one sample of several */
    int             option_count;
    fov_option_info option[8];
} fov_transform_info;
FOV_API int                fov_transform_count(void);
FOV_API fov_transform_info fov_transform_at(int index); /**< in order of name */
/** The list that a preset stands for, and its name; NULL: there is none at that index. */
FOV_API const char        *fov_transform_preset(int index, const char **name);

/** Trains `model` for a task. A classifier's loss is that of its chosen output (fov_model_meaning): softmax cross-entropy
 *  of logits, or of what lies before a softmax; of sigmoids, and of a single score, the mean binary cross-entropy of what
 *  lies before the sigmoid, with 1 for the sample's class and 0 for the others. The model's order of classes stays:
 *  labels are matched by name (classes.h). Returns FOV_OK, or a failure: E_SHAPE when model and data do not fit;
 *  E_INTERRUPTED when stopped; E_NUMERIC when a number that decides is not finite: the loss of a step (found before
 *  anything is updated; the sentence gives epoch, step, rate and the first layer whose result was infinite or NaN), a
 *  validation sample's scores (the sample, its file, the layer), or a weight, looked at before each checkpoint and at
 *  each epoch's end. Then the model holds the weights of the last whole epoch, and in the folder the last checkpoint and
 *  best.onnx are as they were. */
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
    double *rate, *loss, *smooth; /**< [count] of each step; smooth: an average of the losses so far */
    int     lowest, steepest;     /**< steps: where the smoothed loss is lowest, and where it falls most before that */
    double  suggestion;           /**< a rate to begin with: a tenth of that at the lowest */
    int     capacity;             /**< internal */
    void   *owner;                /**< internal */
} fov_rate_curve;
/** Trains for some steps with growing rates, the same for all parameters, until the loss runs away, and puts the
 *  model's weights back. `options` as for training; of them, what is about epochs, files, validation, callbacks and the
 *  schedule is left aside. */
FOV_API FOV_MUST_CHECK int fov_find_rate(fov_model *model, fov_dataset *data, const fov_train_options *options,
                                         const fov_rate_options *range, fov_rate_curve *curve);
FOV_API void               fov_rate_curve_free(fov_rate_curve *curve); /**< accepts a zeroed one */
/** Draws it. FOV_E_UNSUPPORTED without cairo. */
FOV_API FOV_MUST_CHECK int fov_draw_rates(fov_context *context, const fov_rate_curve *curve, const char *svg,
                                          const char *png);

/** What a trained model is worth on a dataset. Arrays are of `classes` elements and belong to the report. */
typedef struct fov_report {
    int64_t  count;
    const char *task;      /**< "classify" */
    int      figure_count; /**< what the task counts */
    fov_task_figure figures[FOV_TASK_FIGURES];
    fov_metrics *metrics;  /**< the same and more by the names of metrics.h, where .metrics asked for it; else NULL */
    int      classes;      /**< the model's; 0, and no arrays, for tasks that are not about classes */
    int      data_classes; /**< those of them that the data has */
    bool    *in_data;      /**< per class */
    double   loss, accuracy, top5; /**< mean loss, the one that training takes; fractions */
    double  *precision, *recall, *f1; /**< per class; 0 where 0 / 0 */
    int64_t *support;                 /**< samples per class */
    double   macro_precision, macro_recall, macro_f1; /**< means over the data's classes */
    int64_t *confusion; /**< [classes (true)][classes (predicted)] */
    double   seconds;
    void    *owner; /**< internal */
} fov_report;
/** What a model made of one sample, for fov_evaluate_options.on_sample; valid during the call. */
typedef struct fov_sample_result {
    int64_t      index;   /**< of the sample in the dataset */
    double       loss;
    int          truth, answer; /**< classes; -1 for tasks that are not about one class */
    double       probability;   /**< of the answer; NaN likewise */
    const float *outputs; /**< [output_count]: what the task counts from; of a classifier a score per class */
    int64_t      output_count;
} fov_sample_result;
typedef struct fov_evaluate_options {
    const char *task;         /**< as in fov_train_options */
    int  batch;               /**< 100 samples at a time, at most 4 where answers are maps; changes speed and memory,
                                   not the result */
    bool classes_by_position; /**< as in fov_train_options */
    /** false; true: fov_report.metrics, for which all answers are kept in memory, up to 16 million numbers: beyond,
     *  figures that need the scores are left out */
    bool metrics;
    /** NULL: each picture once. "mirror": it and its mirror image; "shifts": both also moved by a pixel either way. What
     *  the network says of the views is added up, weighted, before anything is counted (test-time augmentation). For
     *  answers that do not move with the picture: FOV_E_UNSUPPORTED for maps and boxes. */
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

/** Draws the run's curves.svg and .png from history.csv, and a confusion matrix. FOV_E_UNSUPPORTED without cairo. */
FOV_API FOV_MUST_CHECK int fov_draw_curves(fov_context *context, const char *history_csv, const char *svg,
                                           const char *png);
FOV_API FOV_MUST_CHECK int fov_draw_confusion(fov_context *context, const fov_report *report, const fov_model *model,
                                              const char *svg, const char *png);

#ifdef __cplusplus
}
#endif
#endif
