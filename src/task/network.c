/* SPDX-License-Identifier: MIT */
/* New networks for a task: how many inputs and outputs they need, and which layers are appended to them. */
#include "base/arithmetic.h"
#include "data/dataset.h"
#include "task/task.h"

enum { LARGEST_SIDE = 512 /* pixels: a network for larger maps has its own size, and pictures are resized */ };

static int choose(struct task_use *use, fov_model *model, const fov_dataset *data, const char *task)
{
    *use = (struct task_use){.model = model, .data = data};
    struct error *error = &data->context->error;
    return error->status != FOV_OK ? (int)error->status : task_choose(use, task, data->target, error);
}

static void standard_network(const struct task_use *use, fov_network_options *wanted)
{
    if (wanted->channels == 0) {
        wanted->channels = use->data->channels == 4 ? 3 : use->data->channels;
    }
    if (wanted->classes == 0) {
        wanted->classes = use->data->classes;
    }
}

int fov_task_network(const fov_dataset *data, const char *task, fov_network_options *wanted)
{
    if (data == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(data->context);
    if (wanted == NULL) {
        return call_refuse(data->context, "fov_task_network: wanted is NULL");
    }
    struct task_use use;
    int status = choose(&use, NULL, data, task);
    if (status != FOV_OK) {
        return status;
    }
    bool takes_size = use.task->per_pixel && data->same_size && data->height <= LARGEST_SIDE &&
                      data->width <= LARGEST_SIDE && wanted->height == 0 && wanted->width == 0;
    if (takes_size) {
        wanted->height = data->height;
        wanted->width = data->width;
    }
    if (use.task->network != NULL) {
        use.task->network(&use, wanted);
    }
    standard_network(&use, wanted);
    return FOV_OK;
}

static int finish(fov_model *model, const fov_dataset *data, const char *task)
{
    struct task_use use;
    struct error *error = &model->context->error;
    char text[TASK_TEXT_SIZE];
    int status = choose(&use, model, data, task);
    if (status == FOV_OK && use.task->finish != NULL) {
        status = use.task->finish(&use, model, error);
    }
    if (status == FOV_OK) {
        task_text(&use, text);
        fov_model_set_task(model, text);
    }
    return status;
}

int fov_task_finish(fov_model *model, const fov_dataset *data, const char *task)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (data == NULL) {
        return call_refuse(model->context, "fov_task_finish: data is NULL");
    }
    struct call call = call_begin(model->context);
    int status = finish(model, data, task);
    call_end(&call);
    return status;
}
