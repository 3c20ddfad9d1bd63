/* SPDX-License-Identifier: MIT */
/* The graph that predictions and sessions run: a copy of the model's graph that borrows its weights (graph/shared.h),
 * so that the model's own graph stays as in its file. After weights have changed, model_share makes a new copy; holders
 * of the old one may go on using it. */
#include "graph/shared.h"
#include "model/model.h"
#include <fovea/operators.h>

/* Adds what fov_predict reads, floats [N, scores]: the output, through a softmax or sigmoid if it holds logits. */
static int add_prediction(fov_model *model, struct shared_graph *share)
{
    fov_graph *graph = share->graph;
    fov_value x = shared_graph_value(share, model->output);
    struct model_scores scores = model_scores(model, model->output);
    model->prediction = (fov_value){0};
    if (scores.meaning == FOV_MEANING_MAP || scores.count == 0) {
        return FOV_OK;
    }
    if (fov_value_dtype(graph, x) != FOV_F32) {
        x = fov_cast(graph, x, FOV_F32);
    }
    if (scores.meaning == FOV_MEANING_LOGITS && scores.independent) {
        x = fov_sigmoid(graph, x);
    } else if (scores.meaning == FOV_MEANING_LOGITS) {
        x = fov_value_shape(graph, x).rank > 2 ? fov_flatten(graph, x) : x; /* [N, 1000, 1, 1] */
        x = fov_softmax(graph, x);
    }
    model->prediction = x;
    return (int)share->context.error.status;
}

static struct shared_graph *make(fov_model *model, struct error *error)
{
    struct shared_graph *share = shared_graph_create(model->graph, error);
    if (share != NULL && add_prediction(model, share) != FOV_OK) {
        error_set(error, share->context.error.status, "%s", share->context.error.text);
        shared_graph_drop(share);
        share = NULL;
    }
    return share;
}

struct shared_graph *model_share(fov_model *model, struct error *error)
{
    pthread_mutex_lock(&model->lock);
    if (model->share == NULL || !shared_graph_is_current(model->share, model->graph)) {
        shared_graph_drop(model->share);
        model->share = make(model, error);
    }
    struct shared_graph *share = model->share;
    if (share != NULL) {
        shared_graph_keep(share);
    }
    pthread_mutex_unlock(&model->lock);
    return share;
}
