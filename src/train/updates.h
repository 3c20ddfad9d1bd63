/* SPDX-License-Identifier: MIT */
/* Updates: the nodes of the training step's graph between the loss and the new weights: gradients, their sums over
 * several batches (accumulation), clipping, each parameter's own rate and decay, the optimiser, Lookahead, averages of
 * weights. Features that the options do not ask for add no nodes. Read next: groups.h (settings of single parameters),
 * optimizer.h. */
#ifndef TRAIN_UPDATES_H
#define TRAIN_UPDATES_H

#include "graph/graph.h"
#include "graph/plan.h"
#include "task/task.h"
#include "train/groups.h"

/** Inputs that control an update, all f32 scalars; id 0: the graph does not have this one. A group is the batches that
 *  make one update. */
enum update_input {
    UPDATE_RATE,    /**< learning rate */
    UPDATE_NUMBER,  /**< number of the update since the beginning, from 1 */
    UPDATE_KEEP,    /**< factor of the sum of gradients so far: 0 at a group's first batch, else 1 */
    UPDATE_WEIGHT,  /**< weight of this batch's gradient in its group: its share of the group's samples */
    UPDATE_AVERAGE, /**< how far the average (ema) moves to the weights: 1 - decay */
    UPDATE_RETURN,  /**< how far Lookahead's slow copy moves to the weights, which are then set to it; 0: not now */
    UPDATE_INPUTS
};

enum { UPDATE_WINDOWS = 8 /**< at most this many different spans of epochs in lr_by_name */ };

/** The inputs of one step. */
struct update_moment {
    double input[UPDATE_INPUTS];
    int64_t epoch; /**< from 0 */
    int64_t step; /**< batches since the beginning, from 1: the key of random numbers */
    bool applies; /**< this is the last batch of its group: the weights are updated */
};

struct updates {
    fov_value input[UPDATE_INPUTS];
    struct update_turn { /**< parameters that the plan of each turn assigns; NULL: all that have an assigned value */
        fov_value *renewed;
        int count;
    } turn[TASK_MOST_TURNS];
    struct update_window {
        struct group_epochs epochs;
        fov_value           input; /**< f32 scalar: 1 within the epochs, else 0 */
    } windows[UPDATE_WINDOWS];
    int window_count;
    /** With accumulation: the parameters that hold the sums of gradients, then those of running statistics, over the
     *  batches of a group. NULL: each batch updates the weights. */
    fov_value *sums;
    fov_value *others; /**< with accumulation: all parameters that the update at a group's end assigns */
    int sum_count, other_count;
    struct update_average {
        int parameter, average; /**< ids in the graph */
    } * averages;               /**< averages of trained weights and of running statistics (ema); NULL: none */
    int average_count;
    /** Running statistics, listed if there are several turns or accumulation. With accumulation each batch updates them
     *  from their values at the group's beginning, and the group's result is the mean of these updates, weighted by
     *  samples. Thus they are a sum over batches too. */
    struct update_statistic {
        int parameter, sum; /**< ids in the graph; sum 0: no accumulation */
        size_t count;       /**< elements */
    } * statistics;
    int statistic_count;
    float *held; /**< saved values of all these statistics (updates_hold) */
    fov_value done; /**< with accumulation: an output for the update's plan, since a plan needs one */
    struct memory *memory;
};

/** Adds all nodes after the losses of the turns. `parameters`: number of the graph's first parameters that are the
 *  model's. `updates`: zeroed, except for inputs that exist already. E_USAGE: there is nothing to train, or a pattern
 *  matches nothing. The caller calls updates_free, after a failure too. */
int updates_add(struct updates *updates, fov_graph *graph, const struct task_turn *turns, int turn_count,
                int parameters, const struct train_settings *settings, struct error *error);
void updates_free(struct updates *updates);

/** Addresses of the inputs in a plan; NULL: the plan does not read this one. */
struct update_places {
    float *input[UPDATE_INPUTS], *window[UPDATE_WINDOWS];
    struct group_epochs epochs[UPDATE_WINDOWS];
};
struct update_places updates_places(const struct updates *updates, fov_plan *plan);
void updates_set(const struct update_places *places, const struct update_moment *moment);

/** The inputs for batch `step` (from 0) of epoch `epoch`, after `total` batches since the beginning; `samples`: number
 *  of samples in the data. */
struct update_moment updates_moment(const struct train_settings *settings, int64_t epoch, int64_t step, int64_t total,
                                    int64_t samples, double rate);

/** Before and after a batch: save the running statistics, and restore them: with accumulation all of them, else those
 *  that do not belong to this turn, whose names do not begin with `prefix`. */
void updates_hold(const struct updates *updates, fov_graph *graph);
void updates_put_back(const struct updates *updates, fov_graph *graph, const char *prefix);
/** After a group's last batch: sets the running statistics to their accumulated sums. */
void updates_settle(const struct updates *updates, fov_graph *graph);

/** Swaps weights and their averages, if averages are kept: before validation and saving, and back afterwards. */
void updates_exchange(const struct updates *updates, fov_graph *graph);

#endif
