/* SPDX-License-Identifier: MIT */
/* Tasks by name, and what follows from their descriptors. */
#include "task/task.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *name_at(const void *list, size_t index)
{
    (void)list;
    return task_table[index]->name;
}

static const struct task *find(const char *name)
{
    for (size_t i = 0; i < task_table_count; i++) {
        if (strcmp(task_table[i]->name, name) == 0) {
            return task_table[i];
        }
    }
    return NULL;
}

static const struct task *natural(fov_target target)
{
    for (size_t i = 0; i < task_table_count; i++) {
        if (task_table[i]->target == target && !task_table[i]->asked_only) {
            return task_table[i];
        }
    }
    return NULL;
}

/* The task whose name begins `text`, among them those that the program has registered; NULL: there is none. `name`
 * receives the name. */
static const struct task *find_in(const struct fov_context *context, const char *text, char name[32])
{
    size_t length = strcspn(text, ":");
    snprintf(name, 32, "%.*s", (int)(length < 32 ? length : 31), text);
    const struct task *found = find(name);
    return found != NULL || context == NULL ? found : task_registered(context, name);
}

static const struct fov_context *context_of(const struct task_use *use)
{
    return use->model != NULL ? use->model->context : use->data != NULL ? use->data->context : NULL;
}

/* The task that the model was trained for, where that task takes this kind of target; else NULL. */
static const char *task_of_model(const fov_model *model, fov_target target)
{
    char name[32];
    const struct task *task =
        model != NULL && model->task[0] != '\0' ? find_in(model->context, model->task, name) : NULL;
    return task != NULL && (task->targets & 1U << target) != 0 ? model->task : NULL;
}

int task_choose(struct task_use *use, const char *text, fov_target target, struct error *error)
{
    char name[32] = "", shown[64];
    text = text != NULL ? text : task_of_model(use->model, target);
    if (text == NULL) {
        use->task = natural(target);
        if (use->task == NULL) {
            return error_set(error, FOV_E_USAGE, "no task is meant for data whose targets are: %s; say which%s",
                             target_name(target),
                             target == FOV_TARGET_NONE ? ", or put pictures into a folder for each class" : "");
        }
    } else {
        use->task = find_in(context_of(use), text, name);
    }
    if (use->task == NULL) {
        const char *near = text_nearest(name, NULL, task_table_count, name_at);
        return error_set(error, FOV_E_USAGE, "there is no task \"%s\"%s%s%s", text_escape(shown, sizeof shown, name),
                         near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                         near != NULL ? "\"?" : "");
    }
    attribute_defaults(use->task->attributes, use->options, use->task->options_size);
    const char *options = text != NULL ? strchr(text, ':') : NULL;
    return options == NULL
               ? FOV_OK
               : attribute_read(use->task->attributes, use->options, use->task->name, options + 1, error);
}

int task_defaults(const fov_model *model, fov_target target, fov_train_options *options, struct error *error)
{
    struct task_use use = {.model = model};
    int status = task_choose(&use, options->task, target, error);
    if (status == FOV_OK && options->optimizer == NULL && use.task->optimizer != NULL) {
        options->optimizer = use.task->optimizer;
        options->lr = options->lr != 0.0f ? options->lr : (float)use.task->rate;
    }
    return status;
}

void task_text(const struct task_use *use, char text[TASK_TEXT_SIZE])
{
    size_t used = text_append(text, TASK_TEXT_SIZE, 0, "%s", use->task->name);
    attribute_write(use->task->attributes, use->options, text, TASK_TEXT_SIZE, used);
}

bool task_is_standard(const struct task_use *use)
{
    _Alignas(16) unsigned char standard[TASK_MOST_OPTIONS];
    size_t size = use->task->options_size;
    attribute_defaults(use->task->attributes, standard, size);
    return memcmp(standard, use->options, size) == 0;
}

int task_fit(struct task_use *use, struct error *error)
{
    if (use->data == NULL) {
        return use->task->fit(use, error);
    }
    fov_target target = use->data->target;
    if ((use->task->targets & 1U << target) == 0) {
        const struct task *other = natural(target);
        const char *advice = other != NULL ? "; that is for task "
                             : target == FOV_TARGET_NONE
                                 ? ": nothing says what its pictures show, such as a folder for each class"
                                 : "";
        return error_set(error, FOV_E_USAGE, "task %s cannot learn from %s, whose targets are: %s%s%s",
                         use->task->name, use->data->name, target_name(target), advice,
                         other != NULL ? other->name : "");
    }
    return use->task->fit(use, error);
}

void task_close(struct task_use *use)
{
    if (use->task != NULL && use->task->close != NULL) {
        use->task->close(use);
    }
    for (int i = 0; i < use->row_count; i++) {
        memory_free(use->model->context->memory, use->own_rows[i]);
    }
    fov_class_match_free(&use->match);
    *use = (struct task_use){.task = NULL};
}

static int write_target(const void *user, const struct prepared *prepared, size_t place, void *targets,
                        struct error *error)
{
    const struct task_use *use = user;
    return use->task->write(use, prepared, place, targets, error);
}

struct loader_options task_loader(const struct task_use *use, const struct pipeline *augment)
{
    struct loader_options options = {
        .prepare = use->prepare, .write = write_target, .user = use, .rows = use->rows, .row_count = use->row_count};
    options.prepare.preprocessing = use->model->preprocessing;
    if (use->data != NULL && use->data->fit != FOV_FIT_UNSAID &&
        use->data->fit == options.prepare.preprocessing.fit) { /* the data's pictures have been fitted already */
        options.prepare.preprocessing.fit = FOV_FIT_STRETCH;
        options.prepare.preprocessing.invert = FOV_INVERT_NO;
    }
    options.prepare.augment = augment;
    return options;
}

size_t task_target_bytes(const struct task_use *use)
{
    size_t bytes = fov_dtype_size(use->dtype);
    for (int i = 1; i < use->target.rank; i++) {
        bytes *= (size_t)use->target.dim[i];
    }
    return bytes;
}

int task_figure_count(const struct task *task)
{
    int count = 0;
    while (task->figures[count].name != NULL) {
        count++;
    }
    return count;
}

int task_sum_count(const struct task *task)
{
    int count = 0;
    for (int i = 0; task->figures[i].name != NULL; i++) {
        count += task->figures[i].while_training;
    }
    return count;
}

int task_figures(const struct task *task, const double *values, const double *sums, fov_task_figure *figures)
{
    int count = 0;
    for (int i = 0; task->figures[i].name != NULL; i++) {
        const struct task_figure *from = &task->figures[i];
        if (sums != NULL ? !from->while_training : from->turn > 0) {
            continue;
        }
        double value = sums == NULL ? values[i] : sums[2 * count + 1] > 0 ? sums[2 * count] / sums[2 * count + 1] : 0;
        figures[count++] = (fov_task_figure){.name = from->name,
                                             .value = value,
                                             .lower_is_better = from->lower_is_better,
                                             .is_share = from->is_share,
                                             .heading = from->heading};
    }
    return count;
}

fov_value task_add_targets(const struct task_use *use, fov_graph *graph)
{
    return fov_input(graph, .name = "optimizer.labels", .dtype = use->dtype, .shape = use->target);
}
