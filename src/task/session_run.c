/* SPDX-License-Identifier: MIT */
/* Values by name: computes any value of a model's graph from any of the model's inputs. A plan for exactly these values
 * is built once and kept along with the plans for answers, which it does not affect. */
#include "base/arithmetic.h"
#include "graph/names.h"
#include "task/session.h"
#include <string.h>

enum { MOST_RESULTS = 64 };

/* The values that are asked for. The names that results get are those of the model's graph: the shared copy may be gone
 * by the next call, which reads them. */
struct wanted {
    int count;
    fov_value own[MOST_RESULTS];    /* in the model's graph */
    fov_value shared[MOST_RESULTS]; /* in the copy that the plans run */
};

/* The value of that name (NULL: the chosen output) in the model's graph, which has to be the result of a layer; 0 and
 * an error. */
static fov_value find_result(const fov_model *model, const char *name, struct error *error)
{
    if (name != NULL) {
        return (fov_value){names_find_result(model->graph, name, 0, error)};
    }
    fov_value output = model->output;
    if (output.id == 0 || graph_value(model->graph, output.id)->kind != VALUE_RESULT) {
        error_set(error, FOV_E_USAGE, "the output is not the result of a layer");
        output.id = 0;
    }
    return output;
}

static int find_results(fov_session *session, const fov_tensor *results, int count, struct wanted *found)
{
    struct error *error = &session->error;
    if (count < 1 || count > MOST_RESULTS || results == NULL) {
        return error_set(error, FOV_E_USAGE, "%d results are asked for: 1 to %d%s", count, MOST_RESULTS,
                         results == NULL ? ", and `results` is NULL" : "");
    }
    const struct shared_graph *share = batch_plans_share(session->plans);
    found->count = count;
    for (int i = 0; i < count; i++) {
        found->own[i] = find_result(session->model, results[i].name, error);
        found->shared[i] = shared_graph_value(share, found->own[i]);
        if (found->own[i].id == 0) {
            return (int)error->status;
        }
        if (found->shared[i].id == 0) {
            return error_set(error, FOV_E_USAGE, "\"%s\" has been added to the model since the session was made",
                             fov_value_name(session->model->graph, found->own[i]));
        }
    }
    return FOV_OK;
}

/* The index of the model's input of that name (NULL: the chosen one); -1 and an error. */
static int find_input(const fov_session *session, const char *name, struct error *error)
{
    const fov_model *model = session->model;
    fov_value wanted = name != NULL ? fov_model_input_named(model, name) : model->input;
    for (int i = 0; wanted.id != 0 && i < model->input_count; i++) {
        if (model->inputs[i].id == wanted.id) {
            return i;
        }
    }
    error_set(error, FOV_E_USAGE, "the model has no input \"%s\"; its first is \"%s\"", name != NULL ? name : "",
              fov_value_name(model->graph, model->inputs[0]));
    return -1;
}

/* The batch size: that of the first given input with an open first dimension. An input that is given twice is an
 * error. */
static int find_batch(fov_session *session, const fov_tensor *inputs, int count, int64_t *batch)
{
    struct error *error = &session->error;
    bool is_found = false;
    *batch = 1;
    if (count < 0 || (count > 0 && inputs == NULL)) {
        return error_set(error, FOV_E_USAGE, "%d inputs%s", count, inputs == NULL ? ", and `inputs` is NULL" : "");
    }
    for (int i = 0; i < count; i++) {
        int place = find_input(session, inputs[i].name, error);
        if (place < 0) {
            return (int)error->status;
        }
        if (inputs[i].shape.rank < 0 || inputs[i].shape.rank > FOV_MAX_RANK) {
            return error_set(error, FOV_E_SHAPE, "input \"%s\" has rank %d (0 to %d)",
                             fov_value_name(session->model->graph, session->model->inputs[place]),
                             inputs[i].shape.rank, FOV_MAX_RANK);
        }
        for (int k = 0; k < i; k++) {
            if (find_input(session, inputs[k].name, error) == place) {
                return error_set(error, FOV_E_USAGE, "input \"%s\" is given twice",
                                 fov_value_name(session->model->graph, session->model->inputs[place]));
            }
        }
        const struct value *value = graph_value(session->model->graph, session->model->inputs[place].id);
        if (!is_found && value->shape.rank > 0 && value->shape.dim[0] == FOV_BATCH && inputs[i].shape.rank > 0) {
            *batch = inputs[i].shape.dim[0];
            is_found = true;
            if (*batch < 1) {
                return error_set(error, FOV_E_SHAPE, "input \"%s\" has %lld samples", value->name, (long long)*batch);
            }
        }
    }
    return FOV_OK;
}

static int fill_input(fov_session *session, fov_plan *plan, const fov_tensor *input)
{
    struct error *error = &session->error;
    char want[SHAPE_TEXT_SIZE], have[SHAPE_TEXT_SIZE];
    int place = find_input(session, input->name, error);
    fov_value value = shared_graph_value(batch_plans_share(session->plans), session->model->inputs[place]);
    const char *name = fov_value_name(session->model->graph, session->model->inputs[place]);
    fov_dtype dtype = fov_value_dtype(session->model->graph, session->model->inputs[place]);
    void *to = fov_plan_data(plan, value);
    if (to == NULL) {
        return FOV_OK; /* no wanted result depends on this input */
    }
    fov_shape shape = fov_plan_shape(plan, value);
    if (input->data == NULL || input->dtype != dtype) {
        return error_set(error, FOV_E_USAGE, "input \"%s\" is %s, not %s", name, fov_dtype_name(dtype),
                         input->data == NULL ? "nothing (its data are NULL)" : fov_dtype_name(input->dtype));
    }
    if (!shape_equal(&shape, &input->shape)) {
        return error_set(error, FOV_E_SHAPE, "input \"%s\" is %s here, not %s", name, shape_text(&shape, want),
                         shape_text(&input->shape, have));
    }
    memcpy(to, input->data, fov_plan_bytes(plan, value));
    return FOV_OK;
}

/* Checks that every input that the plan reads is given here or has a stored fill (fov_model_fill_input). */
static int check_inputs(fov_session *session, fov_plan *plan, const fov_tensor *inputs, int count)
{
    struct error *error = &session->error;
    const fov_model *model = session->model;
    for (int i = 0; i < model->input_count; i++) {
        bool is_there = (model->fills != NULL && model->fills[i] != NULL) ||
                        fov_plan_data(plan, shared_graph_value(batch_plans_share(session->plans), model->inputs[i])) ==
                            NULL;
        for (int k = 0; k < count && !is_there; k++) {
            is_there = find_input(session, inputs[k].name, error) == i;
        }
        if (!is_there) {
            return error_set(error, FOV_E_USAGE, "input \"%s\" is missing",
                             fov_value_name(model->graph, model->inputs[i]));
        }
    }
    return FOV_OK;
}

static void hand_out(const fov_session *session, fov_plan *plan, const struct wanted *wanted, fov_tensor *results)
{
    const fov_graph *graph = batch_plans_share(session->plans)->graph;
    for (int i = 0; i < wanted->count; i++) {
        results[i] = (fov_tensor){.name = fov_value_name(session->model->graph, wanted->own[i]),
                                  .dtype = fov_value_dtype(graph, wanted->shared[i]),
                                  .shape = fov_plan_shape(plan, wanted->shared[i]),
                                  .data = fov_plan_data(plan, wanted->shared[i])};
    }
}

static int run(fov_session *session, const fov_tensor *inputs, int input_count, fov_tensor *results, int result_count)
{
    struct error *error = &session->error;
    struct wanted wanted;
    int64_t   batch = 1;
    int       status = session_follow(session, error);
    status = status == FOV_OK ? find_results(session, results, result_count, &wanted) : status;
    status = status == FOV_OK ? find_batch(session, inputs, input_count, &batch) : status;
    fov_plan *plan =
        status == FOV_OK ? batch_plans_for(session->plans, wanted.shared, result_count, batch, error) : NULL;
    if (plan == NULL) {
        return (int)error->status;
    }
    status = check_inputs(session, plan, inputs, input_count);
    model_fill_others(session->model, batch_plans_share(session->plans), plan);
    for (int i = 0; i < input_count && status == FOV_OK; i++) {
        status = fill_input(session, plan, &inputs[i]);
    }
    status = status == FOV_OK ? plan_run(plan, 0, error) : status;
    if (status == FOV_OK) {
        hand_out(session, plan, &wanted, results);
    }
    return status;
}

int fov_session_run(fov_session *session, const fov_tensor *inputs, int input_count, fov_tensor *results,
                    int result_count)
{
    if (!session_enter(session)) {
        return FOV_E_USAGE;
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = run(session, inputs, input_count, results, result_count);
    arithmetic_leave(mode);
    session_leave(session);
    return status;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* Floats of a picture in the input; 0 and an error where the model reads no pictures. */
static size_t picture_floats(fov_session *session)
{
    struct picture_size size = session->use.prepare.size;
    if (session->use.task == NULL) {
        error_set(&session->error, session->refusal.status, "%s", session->refusal.text);
        return 0;
    }
    return (size_t)size.channels * (size_t)size.height * (size_t)size.width;
}

int fov_session_prepare(fov_session *session, const fov_image *picture, float *to, size_t count)
{
    if (!session_enter(session)) {
        return FOV_E_USAGE;
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    size_t wanted = picture_floats(session);
    int status = wanted == 0                     ? (int)session->error.status
                 : picture == NULL || to == NULL ? error_set(&session->error, FOV_E_USAGE, "%s is NULL",
                                                             picture == NULL ? "the picture" : "`to`")
                 : count != wanted
                     ? error_set(&session->error, FOV_E_SHAPE, "room for %zu numbers, a picture has %zu", count, wanted)
                     : session_prepare(session, picture, to, NULL, &session->error);
    arithmetic_leave(mode);
    session_leave(session);
    return status;
}

static int read_value(fov_session *session, const fov_image *picture, fov_tensor *tensor)
{
    struct error *error = &session->error;
    const fov_model *model = session->model;
    if (picture == NULL || tensor == NULL) {
        return error_set(error, FOV_E_USAGE, "%s is NULL", picture == NULL ? "the picture" : "the tensor");
    }
    struct wanted wanted;
    int status = picture_floats(session) > 0 ? session_follow(session, error) : (int)error->status;
    status = status == FOV_OK ? find_results(session, tensor, 1, &wanted) : status;
    fov_plan *plan = status == FOV_OK ? batch_plans_for(session->plans, wanted.shared, 1, 1, error) : NULL;
    if (plan == NULL) {
        return (int)error->status;
    }
    const struct shared_graph *share = batch_plans_share(session->plans);
    float *pixels = fov_plan_data(plan, shared_graph_value(share, model->input));
    const fov_tensor given = {.name = fov_value_name(model->graph, model->input)};
    status = pixels != NULL ? session_prepare(session, picture, pixels, NULL, error) : FOV_OK;
    status = status == FOV_OK ? check_inputs(session, plan, &given, 1) : status;
    if (status == FOV_OK) {
        model_fill_others(model, share, plan);
        status = plan_run(plan, 0, error);
    }
    if (status == FOV_OK) {
        hand_out(session, plan, &wanted, tensor);
    }
    return status;
}

int fov_session_read(fov_session *session, const fov_image *picture, fov_tensor *tensor)
{
    if (!session_enter(session)) {
        return FOV_E_USAGE;
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = read_value(session, picture, tensor);
    arithmetic_leave(mode);
    session_leave(session);
    return status;
}
