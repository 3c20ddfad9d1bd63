/* SPDX-License-Identifier: MIT */
/* The internals of explanations: a model with one picture, and the plans that run changed versions of the picture,
 * forward or with gradients. A method is one file with a descriptor here. Read next: explainer.c (the picture, the
 * score and the plans), subject.c (what is scored), gradcam.c (a short method), sums.c (one pixel of a layer taken
 * apart). */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

#include "base/error.h"
#include "model/model.h"
#include "op/window.h"
#include "task/task.h"
#include <fovea/explain.h>

enum {
    EXPLAIN_BATCH = 8, /**< pictures of one batch, where a method has many */
    EXPLAIN_PLANS = 4  /**< for one picture and for EXPLAIN_BATCH, each forward only or with gradients */
};

struct detect_found;

/** Gradients of a score as values of the graph. */
struct explain_gradients {
    fov_value of_input, of_layer; /**< .of_layer: 0 where there is no layer, or where no gradient reaches it */
};

/** What is to be explained: a class, the number of a value or of a box (-1: the highest score), or what lies at a pixel
 *  of the network's input. */
struct explain_wish {
    int answer;
    bool by_place;
    int pixel[2]; /**< row, column */
};

/** A plan of the network: it computes the scores and the layer's maps, and if asked the gradients of the score. */
struct explain_plan {
    fov_plan *plan;
    int64_t batch;
    bool backward;
};

struct fov_explainer {
    fov_model *model;
    struct model_scores scores;   /**< .logits is what is explained */
    struct model_picture picture; /**< of the network's input */
    fov_value layer;              /**< of Grad-CAM and Score-CAM; 0: none */
    fov_value seed;               /**< input of the graph, shaped like the logits: the weight of each in the score */
    bool layer_is_given; /**< by the caller; else a detector's is chosen for each box */
    fov_value input_gradient, layer_gradient; /**< 0 until first asked for */
    struct explain_plan plans[EXPLAIN_PLANS];
    int64_t fixed_batch; /**< of a model whose batch size is fixed; 0: any size */
    size_t pixels;       /**< numbers of the input, one sample */
    size_t score_count;  /**< numbers of the logits, one sample */
    float *input;        /**< [pixels] in the order in which the network has them */
    float *black;        /**< the same of a black picture */
    float *plain;        /**< .input as [channels, height, width] */
    float *seeds;        /**< [score_count] */
    float *logits;       /**< [score_count], of the picture */
    fov_image seen;
    int answer;
    double score;
    bool has_picture;
    uint8_t *region; /**< of a map: 1 at the places that are explained; [region_height, region_width] */
    int region_height, region_width;
    struct task_use detector; /**< the task that reads rows as boxes; .task NULL: no detector */
    fov_value rows;           /**< a detector's output; 0: no detector */
    struct detect_found *found; /**< boxes in pixels of the input, best first; NULL: no detector */
    fov_answer_box *boxes;      /**< the same in pixels of the picture */
    int box_count, box;         /**< how many; the explained one */
};

/** One call of fov_explain. */
struct explain_job {
    fov_explainer *explainer;
    const fov_explain_options *options;
    fov_explanation *result; /**< .values is allocated and zeroed; the method fills in the rest */
    const float *baseline;   /**< [pixels]: the input in place of what a method removes */
    struct error *error;
};

struct explain_method {
    fov_explain_method text;
    bool per_number; /**< a map over the input's numbers; false: over its pixels */
    bool needs_layer;
    int (*run)(struct explain_job *job);
};
extern const struct explain_method explain_gradcam, explain_scorecam, explain_occlusion, explain_integrated_gradients,
    explain_smoothgrad;

/* ---- explainer.c ------------------------------------------------------------------------------------------------- */

/** An input of the graph shaped like `scores`: the weight of each in the score, which is their sum. Added once to a
 *  graph. */
fov_value explain_seed(fov_graph *graph, fov_value scores);
/** The gradients of the score by the model's input and by a layer (0: none). Added once to a graph: all calls and
 *  explainers of a model find them there. E_UNSUPPORTED where none reaches the input. */
int explain_gradients_of(fov_explainer *explainer, fov_value scores, fov_value seed, fov_value layer,
                         struct explain_gradients *gradients, struct error *error);
/** The plan for one picture, or for EXPLAIN_BATCH where rows > 1 (for the model's own batch size where that is fixed);
 *  compiled when first asked for. NULL and an error. */
fov_plan *explain_plan(fov_explainer *explainer, bool backward, int rows);
/** How many pictures a plan takes. */
int explain_rows(const fov_explainer *explainer, const fov_plan *plan);
/** The plan's buffer for picture `row`, to be filled before a run. */
float *explain_input(const fov_explainer *explainer, fov_plan *plan, int row);
/** Runs the plan. Only the first `rows` pictures count; the buffers of the others may hold old data. E_NUMERIC where a
 *  score is not finite. */
int explain_run(const fov_explainer *explainer, fov_plan *plan, int rows, struct error *error);
double explain_score(const fov_explainer *explainer, fov_plan *plan, int row); /**< after a run */
const float *explain_row(const fov_plan *plan, fov_value value, int row);      /**< a value of the plan, one sample */
/** Computes the baseline's score, by a run of its own. */
int explain_baseline(struct explain_job *job, double *score);
/** From the order of the network's input to [channels, height, width]. */
void explain_to_plain(const fov_explainer *explainer, const float *from, float *plain);
/** Where number (channel, row, column) of the input lies in one sample of it. */
static inline size_t explain_place(const fov_explainer *explainer, int channel, int row, int column)
{
    const struct model_picture *p = &explainer->picture;
    size_t pixel = (size_t)row * (size_t)p->width + (size_t)column;
    return p->channels_last ? pixel * (size_t)p->channels + (size_t)channel
                            : (size_t)channel * (size_t)p->height * (size_t)p->width + pixel;
}
/** Enlarges bilinearly with half-pixel centres, as PyTorch's interpolate(align_corners=False). */
void explain_enlarge(const float *in, int height, int width, float *out, int out_height, int out_width);

/* ---- subject.c --------------------------------------------------------------------------------------------------- */

/** Prepares a detector's output to be explained: its task, and .scores.logits. Other models need nothing. */
int explain_subject_open(fov_explainer *explainer, struct error *error);
void explain_subject_close(fov_explainer *explainer);
/** After a run on the picture: chooses what is explained and fills in answer, seeds, and region or boxes. */
int explain_choose(fov_explainer *explainer, fov_plan *plan, const fov_image *picture,
                   const struct explain_wish *wish, struct error *error);

/** Does a pixel of the input belong to the region that is explained? */
bool explain_region_has(const fov_explainer *explainer, int row, int column);

/* ---- flow.c ------------------------------------------------------------------------------------------------------ */

/** The layer after the last convolution through which all paths from the input to these scores (indices in one sample
 *  of the logits) lead; where there is none, that of explain_choose_layer. */
fov_value explain_layer_behind(const fov_explainer *explainer, const size_t *places, int count);

/* ---- layer.c ----------------------------------------------------------------------------------------------------- */

/** A value by name. 0 and an error that suggests the nearest name. */
fov_value explain_find(const fov_explainer *explainer, const char *name, struct error *error);
/** The default layer, where the caller names none; 0: no layer has more than one pixel. */
fov_value explain_choose_layer(const fov_explainer *explainer);
/** Follows a value forwards through normalisation, activation, sums and concatenations of the same size, as long as
 *  each result has only one reader. */
fov_value explain_follow(const fov_explainer *explainer, int id);
/** Does a node read weights: a parameter, or a constant of the file, of at least two dimensions (more than a number for
 *  each channel)? */
bool explain_has_weights(const fov_explainer *explainer, const struct node *node);
/** The node of a 2-D convolution by its name or its result's; NULL and an error. */
const struct node *explain_convolution(const fov_explainer *explainer, const char *name, struct error *error);
/** The window of a node over its input. False: it has none, or its sizes do not agree with it. */
bool explain_window(const fov_explainer *explainer, const struct node *node, struct window *window);
/** The part of the input on which place (row, column) of a value depends: top, left, height, width. */
int explain_field(const fov_explainer *explainer, fov_value value, int row, int column, int field[4],
                  struct error *error);

#endif
