/* SPDX-License-Identifier: MIT */
/* A task that the library does not have: what share of a picture is lit, as one number, learned by a loss of its
 * own. The whole task is in this file; this file's task table, with that task alone, replaces the one that the
 * build writes for src/task/. Training, evaluation, history, checkpoints and answers then work as they do for the
 * library's tasks. */
#include "task/task.h"
#include "train/made.h"
#include <fovea/operators.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/** Option of the loss (answer - wanted)^power. */
struct lit_options {
    int64_t power;
};

static const struct attribute lit_attributes[] = {
    {ATTRIBUTE(struct lit_options, power), .kind = ATTRIBUTE_INTEGER, .standard = 2, .minimum = 2, .maximum = 4,
     .doc = "of the error"},
    {.name = NULL},
};

static int fit(struct task_use *use, struct error *error)
{
    int status = fit_pictures(use, error);
    use->scores = (struct model_scores){.meaning = FOV_MEANING_VALUES, .logits = use->model->output, .count = 1};
    use->prepare.target = PREPARE_PICTURE;
    use->dtype = FOV_F32;
    use->target = (fov_shape){2, {FOV_BATCH, 1}};
    return status;
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    int64_t power = ((const struct lit_options *)(const void *)use->options)->power;
    ends->targets = task_add_targets(use, graph);
    fov_value error = fov_sub(graph, ends->scores.logits, ends->targets), each = error;
    for (int64_t i = 1; i < power; i++) {
        each = fov_mul(graph, each, error);
    }
    ends->loss = fov_reduce_mean_opt(graph, each, NULL);
}

/* The target is computed from the picture: the share of pixels that are brighter than 120. */
static int write_share(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                       struct error *error)
{
    const struct picture *picture = &prepared->sample->picture;
    int pixels = picture->height * picture->width, lit = 0;
    (void)use;
    (void)error;
    for (int p = 0; p < pixels; p++) {
        lit += picture->pixels[p] > 120;
    }
    ((float *)targets)[place] = (float)lit / (float)pixels;
    return FOV_OK;
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    (void)use;
    (void)scores;
    for (size_t i = 0; i < count; i++) {
        sums[0] += fabs((double)outputs[i] - (double)((const float *)targets)[i]);
        sums[1] += 1.0;
    }
}

static int tally_open(struct task_tally *tally, struct error *error)
{
    tally->state = memory_allocate(tally->memory, 1, sizeof(double), "a sum", error);
    return tally->state != NULL ? FOV_OK : FOV_E_MEMORY;
}

static void tally_close(struct task_tally *tally)
{
    memory_free(tally->memory, tally->state);
}

static void tally_reset(struct task_tally *tally)
{
    *(double *)tally->state = 0.0;
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    double sums[2] = {0};
    sum(tally->use, &tally->scores, outputs, targets, count, sums);
    *(double *)tally->state += sums[0];
    tally->loss += sums[0];
    tally->count += (int64_t)count;
    return count;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    values[0] = *(const double *)tally->state / (double)tally->count;
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    (void)tally;
    (void)report;
    (void)error;
    return FOV_OK;
}

static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error)
{
    int status = answer_reserve(answer, use->model, 1, error);
    answer->measure = "value";
    answer->items[0].value = (double)output->numbers[0];
    return status;
}

static const struct task_figure figures[] = {
    {.name = "distance", .column = "distance", .heading = "apart", .lower_is_better = true, .while_training = true,
     .doc = "mean distance from the share of lit pixels"},
    {.name = NULL},
};

static const struct task task_lit = {
    .name = "lit",
    .summary = "how much of a picture is lit",
    .target = FOV_TARGET_NONE,
    .targets = 1U << FOV_TARGET_NONE | 1U << FOV_TARGET_MASK,
    .augment = "",
    .attributes = lit_attributes,
    .options_size = sizeof(struct lit_options),
    .figures = figures,
    .fit = fit,
    .add_loss = add_loss,
    .write = write_share,
    .sum = sum,
    .tally_open = tally_open,
    .tally_close = tally_close,
    .tally_reset = tally_reset,
    .tally_add = tally_add,
    .tally_figures = tally_figures,
    .tally_report = tally_report,
    .answer = answer,
};

/* Replaces the table that the build writes. */
const struct task *const task_table[] = {&task_lit};
const size_t             task_table_count = sizeof task_table / sizeof task_table[0];

static void train(int threads, const char *folder, char hash[65], double *figure)
{
    fov_context *context = test_context(threads, 2);
    fov_dataset *data = made_data(context, "none", FOV_TRAIN), *test = made_data(context, "none", FOV_TEST);
    fov_model *model = made_row(context, 1);
    fov_train_options options = {.task = "lit:power=2", .epochs = 30, .batch = 8, .optimizer = "adam", .lr = 0.02F,
                                 .validate = test, .directory = folder};
    assert_fine(context, fov_train_opt(model, data, &options) == FOV_OK);
    assert_fine(context, fov_model_hash(model, hash) == FOV_OK);
    assert_string_equal(fov_model_task(model), "lit:power=2");
    fov_report report;
    assert_fine(context, fov_evaluate_opt(model, test, NULL, &report) == FOV_OK);
    assert_string_equal(report.figures[0].name, "distance");
    *figure = report.figures[0].value;
    fov_report_free(&report);
    fov_session *session = fov_session_create(model, NULL);
    assert_fine(context, session != NULL);
    static uint8_t bright[16 * 16];
    memset(bright, 190, sizeof bright);
    fov_answer said;
    assert_fine(context, fov_session_answer(session, &(fov_image){16, 16, 1, bright, NULL, NULL}, &said) == FOV_OK);
    assert_string_equal(said.task, "lit");
    assert_true(said.count == 1 && said.items[0].value > 0.6);
    fov_answer_free(&said);
    fov_session_free(session);
    fov_model_free(model);
    fov_dataset_free(data);
    fov_dataset_free(test);
    fov_context_free(context);
}

static void learns_and_answers(void **state)
{
    (void)state;
    char folder[256], path[512], first[65], hash[65];
    double figure = 1.0;
    test_folder(folder);
    train(1, folder, first, &figure);
    assert_true(figure < 0.05);
    char *history = test_read(test_path(path, folder, "history.csv"), NULL);
    assert_non_null(strstr(history, "metrics/distance"));
    assert_non_null(strstr(history, "train/distance"));
    free(history);
    test_folder_remove(folder);
    train(3, NULL, hash, &figure);
    assert_string_equal(hash, first);
}

static void is_described(void **state)
{
    (void)state;
    assert_int_equal(fov_task_count(), 1);
    fov_task_info info = fov_task_at(0);
    assert_string_equal(info.name, "lit");
    assert_string_equal(info.figure[0].heading, "apart");
    assert_int_equal(info.option_count, 1);
    assert_string_equal(info.option[0].name, "power");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(learns_and_answers), cmocka_unit_test(is_described)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
