/* SPDX-License-Identifier: MIT */
/* A single training step, run by the caller (bench.h): the same plan that train.c runs for each mini-batch, but without
 * data set, files or epochs. */
#include "train/step.h"
#include "base/arithmetic.h"
#include "graph/fitting.h"
#include <fovea/bench.h>

struct fov_training {
    struct task_use use; /* without data */
    struct training_step step;
    struct train_settings settings;
};

static int check_ends(const fov_model *model, struct error *error)
{
    if (model->input.id == 0 || model->output.id == 0) {
        return error_set(error, FOV_E_USAGE, "the model has no input and output yet: call fov_model_set_input_output");
    }
    fov_shape in = fov_value_shape(model->graph, model->input), out = fov_value_shape(model->graph, model->output);
    char first[SHAPE_TEXT_SIZE], last[SHAPE_TEXT_SIZE];
    if (in.rank < 2 || out.rank < 2 || in.dim[0] != FOV_BATCH || out.dim[0] != FOV_BATCH || out.dim[1] < 1 ||
        fov_value_dtype(model->graph, model->input) != FOV_F32 ||
        fov_value_dtype(model->graph, model->output) != FOV_F32) {
        return error_set(error, FOV_E_SHAPE,
                         "a training step reads floats [N, ...] and makes scores [N, classes, ...], any number N of "
                         "them; this model's ends are %s and %s",
                         shape_text(&in, first), shape_text(&out, last));
    }
    return FOV_OK;
}

static fov_training *create(fov_model *model, const fov_train_options *options)
{
    struct error *error = &model->context->error;
    fov_training *training = NULL;
    if (error->status == FOV_OK) {
        training = memory_allocate(model->context->memory, 1, sizeof *training, "training", error);
    }
    if (training == NULL) {
        return NULL;
    }
    training->step.context = model->context; /* fov_training_free needs it */
    int64_t batch = options != NULL && options->batch > 0 ? options->batch : 64;
    int status = check_ends(model, error);
    status = status == FOV_OK ? settings_resolve(&training->settings, options, batch, error) : status;
    training->use = (struct task_use){.model = model, .label_smoothing = training->settings.given.label_smoothing};
    bool is_detector = fov_model_meaning(model, model->output) == FOV_MEANING_BOXES;
    bool per_pixel = fov_value_shape(model->graph, model->output).rank > 2;
    fov_target target = is_detector ? FOV_TARGET_BOXES : per_pixel ? FOV_TARGET_MASK : FOV_TARGET_CLASS;
    status = status == FOV_OK ? task_choose(&training->use, NULL, target, error) : status;
    status =
        status == FOV_OK ? step_create(&training->step, model, &training->use, &training->settings, error) : status;
    status = status == FOV_OK ? step_compile(&training->step, &training->settings, batch, error) : status;
    if (status != FOV_OK) {
        fov_training_free(training);
        return NULL;
    }
    return training;
}

struct wanted {
    fov_model *model;
    const fov_train_options *options;
};

static int create_with(void *user, int64_t batch)
{
    const struct wanted *wanted = user;
    fov_train_options options = *wanted->options;
    options.batch = (int)batch;
    fov_training *training = create(wanted->model, &options);
    fov_training_free(training);
    return training != NULL ? FOV_OK : (int)wanted->model->context->error.status;
}

fov_training *fov_training_create(fov_model *model, const fov_train_options *options)
{
    if (model == NULL) {
        return NULL;
    }
    struct call call = call_begin(model->context);
    fov_training *made = create(model, options);
    if (made == NULL && options != NULL) {
        add_fitting_batch(model->context, options->batch, create_with, &(struct wanted){model, options});
    }
    call_end(&call);
    return made;
}

void fov_training_free(fov_training *training)
{
    if (training == NULL) {
        return;
    }
    struct memory *memory = training->step.context->memory;
    task_close(&training->use);
    step_free(&training->step);
    memory_free(memory, training);
}

fov_plan *fov_training_plan(fov_training *training)
{
    if (training == NULL) {
        return NULL;
    }
    return training->step.whole[0].plan;
}

fov_training_data fov_training_ends(fov_training *training)
{
    if (training == NULL) {
        return (fov_training_data){0};
    }
    const struct training_step *step = &training->step;
    const struct step_plan *whole = step->whole;
    const struct model_scores *scores = &step->ends.scores;
    bool is_row = scores->classes > 0 && scores->meaning != FOV_MEANING_MAP;
    return (fov_training_data){.pixels = whole->samples.pixels,
                               .labels = whole->samples.targets,
                               .pixel_count = fov_plan_bytes(whole->plan, step->input) / sizeof(float),
                               .label_count = fov_plan_bytes(whole->plan, step->ends.targets) / sizeof(int32_t),
                               .classes = is_row ? scores->classes : fov_plan_shape(whole->plan, scores->logits).dim[1],
                               .loss = whole->loss};
}

int fov_training_run(fov_training *training, int64_t number)
{
    if (training == NULL) {
        return FOV_E_USAGE;
    }
    struct fov_context *context = training->step.context;
    const struct train_settings *settings = &training->settings;
    const struct step_plan *whole = training->step.whole;
    call_fresh(context);
    if (plan_check_labels(whole->plan, &context->error) != FOV_OK) {
        return (int)context->error.status;
    }
    const struct update_moment moment =
        updates_moment(settings, number - 1, 0, number - 1, whole->batch, (double)settings->given.lr);
    if (!step_run(&training->step, whole, &moment)) {
        /* The loss is not finite, which is for the caller to judge; run the rest, so that timings cover a whole
         * step. */
        plan_run_steps(whole->plan, (uint64_t)number, whole->forward, whole->plan->step_count);
    }
    return FOV_OK;
}
