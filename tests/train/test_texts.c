/* SPDX-License-Identifier: MIT */
/* Texts of settings: an optimiser, a schedule or a task whose options are all as long as they can be is written whole,
 * so that configuration, checkpoint and model read back what was trained with; what is too long is refused, not cut. */
#include "task/task.h"
#include "train/groups.h"
#include "train/helpers.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include <math.h>
#include <string.h>

/* A number within limits whose text is long; equal limits: none. */
static double long_number(double least, double most)
{
    static const double longest[] = {-1.2345678901234567e-101, 1.2345678901234567e-101};
    for (int i = 0; i < 2; i++) {
        if (!(least < most) || (longest[i] >= least && longest[i] <= most)) {
            return longest[i];
        }
    }
    return least + (most - least) / 3.0;
}

/* Sets each option to the value with the longest text. */
static void fill(const struct attribute *table, void *options)
{
    for (int i = 0; i < attribute_count(table); i++) {
        const struct attribute *a = &table[i];
        bool limited = a->minimum < a->maximum;
        int choice = 0;
        if (a->kind == ATTRIBUTE_NUMBER) {
            attribute_put(a, options, long_number(a->minimum, a->maximum));
        } else if (a->kind == ATTRIBUTE_INTEGER) {
            attribute_put(a, options, limited ? floor(a->maximum) : -123456789012345.0);
        } else if (a->kind == ATTRIBUTE_CHOICE) {
            for (int c = 0; a->choices[c] != NULL; c++) {
                choice = strlen(a->choices[c]) > strlen(a->choices[choice]) ? c : choice;
            }
            attribute_put(a, options, choice);
        } else if (a->kind == ATTRIBUTE_LIST) {
            struct attribute_list list = {.count = 16};
            for (int k = 0; k < list.count; k++) {
                list.at[k] = long_number(a->minimum, a->maximum);
            }
            memcpy((char *)options + a->offset, &list, sizeof list);
        } else if (a->kind == ATTRIBUTE_NAME) {
            memset((char *)options + a->offset, 'x', ATTRIBUTE_NAME_SIZE - 1);
        }
    }
}

/* Reads a text into options of `size` bytes and compares them with those that it was written from. */
static void reads_back(const char *text, size_t room, const struct attribute *table, const void *options, size_t size)
{
    _Alignas(16) unsigned char read[2048];
    struct error error = {0};
    const char *colon = strchr(text, ':');
    assert_true(size <= sizeof read);
    if (strlen(text) + 1 >= room) {
        fail_msg("cut: %s", text);
    }
    attribute_defaults(table, read, size);
    if (colon != NULL && attribute_read(table, read, "it", colon + 1, &error) != FOV_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    for (int i = 0; i < attribute_count(table); i++) {
        char before[ATTRIBUTE_TEXT_SIZE], after[ATTRIBUTE_TEXT_SIZE];
        assert_string_equal(attribute_text(&table[i], read, after), attribute_text(&table[i], options, before));
    }
}

static void long_schedules(void **state)
{
    (void)state;
    for (size_t i = 0; i < schedule_table_count; i++) {
        struct schedule_use use;
        struct error error = {0};
        char text[SCHEDULE_TEXT_SIZE];
        assert_int_equal(schedule_find(&use, schedule_table[i]->name, &error), FOV_OK);
        fill(use.schedule->attributes, use.options);
        schedule_text(&use, text);
        reads_back(text, sizeof text, use.schedule->attributes, use.options, use.schedule->options_size);
    }
}

static void long_tasks(void **state)
{
    (void)state;
    for (size_t i = 0; i < task_table_count; i++) {
        struct task_use use = {.task = task_table[i]};
        char text[TASK_TEXT_SIZE];
        attribute_defaults(use.task->attributes, use.options, use.task->options_size);
        fill(use.task->attributes, use.options);
        task_text(&use, text);
        reads_back(text, sizeof text, use.task->attributes, use.options, use.task->options_size);
    }
}

static void long_optimisers(void **state)
{
    (void)state;
    for (size_t i = 0; i < optimizer_count(); i++) {
        struct optimizer optimizer, again;
        struct error error = {0};
        char text[OPTIMIZER_TEXT_SIZE], same[OPTIMIZER_TEXT_SIZE];
        assert_int_equal(optimizer_find(&optimizer, optimizer_name_at(NULL, i), &error), FOV_OK);
        for (const struct op_attribute *at = optimizer.op->attributes; at->name != NULL; at++) {
            double value = at->kind == OP_FLAG ? 1.0 : long_number(at->minimum, at->maximum);
            memcpy((char *)optimizer.options + at->offset, &value, at->kind == OP_FLAG ? 0 : sizeof value);
        }
        optimizer_text(&optimizer, text);
        if (strlen(text) + 1 >= sizeof text) {
            fail_msg("cut: %s", text);
        }
        if (optimizer_find(&again, text, &error) != FOV_OK || optimizer_set_all(&again, text, &error) != FOV_OK) {
            fail_msg("%s: %s", text, error.text);
        }
        optimizer_text(&again, same);
        assert_string_equal(same, text);
    }
}

/* A pattern that does not fit is refused: cut, it might match other parameters. */
static void long_patterns(void **state)
{
    char pattern[400];
    (void)state;
    memset(pattern, 'w', sizeof pattern);
    memcpy(pattern + sizeof pattern - 6, "*=0.1", 6);
    fov_context *context = fov_context_create(NULL);
    fov_graph *graph = fov_graph_create(context);
    fov_value weight = fov_parameter(graph, .name = "weight", .shape = FOV_SHAPE(2, 2));
    struct error error = {0};
    const struct train_settings settings = {.given = {.lr_by_name = pattern}};
    assert_int_equal(groups_check(&settings, graph, &weight, 1, &error), FOV_E_USAGE);
    assert_string_equal(error.text, "training option lr_by_name: an entry of 399 characters, at most 255");
    fov_graph_free(graph);
    fov_context_free(context);
}

/* A task's text that is too long for a model is refused, and the model keeps its own. */
static void long_task_of_a_model(void **state)
{
    char text[5000];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fov_context *context = fov_context_create(NULL);
    fov_model *model = fov_model_create(context);
    fov_model_set_task(model, "classify");
    fov_model_set_task(model, text);
    assert_string_equal(fov_model_task(model), "classify");
    assert_non_null(strstr(fov_error(context), "at most 2047 bytes"));
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_schedules), cmocka_unit_test(long_tasks),           cmocka_unit_test(long_optimisers),
        cmocka_unit_test(long_patterns),  cmocka_unit_test(long_task_of_a_model),
    };
    return cmocka_run_group_tests_name("texts", tests, NULL, NULL);
}
