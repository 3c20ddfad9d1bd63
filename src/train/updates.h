/* SPDX-License-Identifier: MIT */
/* From the loss to new weights, as nodes of the training step's graph: gradients, their sums over several batches,
 * clipping, each parameter's own rate and decay, the optimiser, Lookahead, averages of weights. What none of the
 * options asks for adds no node. Next: groups.h (what holds for which parameter), optimizer.h. */
#ifndef TRAIN_UPDATES_H
#define TRAIN_UPDATES_H

#include "graph/graph.h"
#include "graph/plan.h"
#include "task/task.h"
#include "train/groups.h"

/** Inputs that say how a step moves the weights; id 0: the graph has none. All are f32 scalars. */
enum update_input {
    UPDATE_RATE,    /**< learning rate */
    UPDATE_NUMBER,  /**< of the update since the beginning, from 1 */
    UPDATE_KEEP,    /**< of the sum of gradients so far: 0 at a group's first batch, else 1 */
    UPDATE_WEIGHT,  /**< of this batch's gradient in its group */
    UPDATE_AVERAGE, /**< how far the average follows the weights */
    UPDATE_RETURN,  /**< the same for Lookahead, whose weights then become the average */
    UPDATE_INPUTS
};

enum { UPDATE_WINDOWS = 8 /**< different spans of epochs in which some rates are not 0 */ };

/** How one step moves the weights. */
struct update_moment {
    double input[UPDATE_INPUTS];
    int64_t epoch; /**< from 0 */
    int64_t step; /**< that random numbers are keyed by: batches since the beginning, from 1 */
    bool applies; /**< the last batch of its group: weights move */
};

struct updates {
    fov_value input[UPDATE_INPUTS];
    struct update_turn { /**< what the plan of each turn renews; NULL: all that is assigned */
        fov_value *renewed;
        int count;
    } turn[TASK_MOST_TURNS];
    struct update_window {
        struct group_epochs epochs;
        fov_value           input; /**< f32 scalar: 1 within the epochs, else 0 */
    } windows[UPDATE_WINDOWS];
    int window_count;
    /** The parameters that sum up gradients, and behind them running statistics, over the batches of a group; NULL:
     *  each batch moves the weights. */
    fov_value *sums;
    fov_value *others; /**< all that is renewed when they have; their plan's list */
    int sum_count, other_count;
    struct update_average {
        int parameter, average; /**< ids in the graph */
    } * averages;               /**< of trained weights and of running statistics; NULL: none are kept */
    int average_count;
    /** Running statistics, of turns, or where batches are collected: then each batch moves them from where they were
     *  when the group began, and the group leaves the mean of that, weighted by samples. So they, too, are a sum over
     *  batches. */
    struct update_statistic {
        int parameter, sum; /**< ids in the graph; no sum: 0 */
        size_t count;       /**< elements */
    } * statistics;
    int statistic_count;
    float *held; /**< all of them as they were */
    fov_value done; /**< something to ask the second plan for */
    struct memory *memory;
};

/** Adds everything behind the losses of the turns. `parameters`: the first ones of the graph, those of the model.
 *  `updates`: zeroed, but for inputs that are there already. E_USAGE where there is nothing to train, or a pattern fits
 *  nothing. The caller frees, after failures too. */
int updates_add(struct updates *updates, fov_graph *graph, const struct task_turn *turns, int turn_count,
                int parameters, const struct train_settings *settings, struct error *error);
void updates_free(struct updates *updates);

/** Where a plan of the graph reads the inputs; NULL: it does not. */
struct update_places {
    float *input[UPDATE_INPUTS], *window[UPDATE_WINDOWS];
    struct group_epochs epochs[UPDATE_WINDOWS];
};
struct update_places updates_places(const struct updates *updates, fov_plan *plan);
void updates_set(const struct update_places *places, const struct update_moment *moment);

/** The moment of batch `step` (from 0) of epoch `epoch`, `total` batches since the beginning; `samples`: of the data.
 *  */
struct update_moment updates_moment(const struct train_settings *settings, int64_t epoch, int64_t step, int64_t total,
                                    int64_t samples, double rate);

/** Around a batch: keeps the running statistics, and puts them back: where sums are collected all of them, of turns
 *  those that are not the turn's own, whose names do not begin with `prefix`. */
void updates_hold(const struct updates *updates, fov_graph *graph);
void updates_put_back(const struct updates *updates, fov_graph *graph, const char *prefix);
/** Behind a group's last batch: they become what was collected. */
void updates_settle(const struct updates *updates, fov_graph *graph);

/** Exchanges weights and their averages, when there are some: for validation and saving, and back. */
void updates_exchange(const struct updates *updates, fov_graph *graph);

#endif
