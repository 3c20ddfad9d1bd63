/* SPDX-License-Identifier: MIT */
/* Histories: to CSV and back, to exact bits and back, and the errors for damaged ones. */
#include "train/helpers.h"
#include "train/history.h"
#include <math.h>
#include <string.h>

static const char *const columns[] = {"epoch", "time", "train/loss", "val/loss", "metrics/accuracy_top1",
                                      "metrics/accuracy_top5", "lr", "train/accuracy"};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void begin(struct history *history, struct memory *memory)
{
    *history = (struct history){.memory = memory};
    for (int c = 0; c < COLUMNS; c++) {
        assert_int_equal(history_column(history, columns[c], NULL), FOV_OK);
    }
}

static double cell(const struct history *history, size_t row, const char *name)
{
    return history_at(history, row, history_find(history, name));
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void round_trips(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct history history, again;
    struct text text = {.memory = memory};
    struct error error = {0};
    begin(&history, memory);
    begin(&again, memory);
    for (int epoch = 1; epoch <= 3; epoch++) {
        const double values[COLUMNS] = {epoch, 1.5, 1.0 / 3.0, epoch == 2 ? (double)NAN : 0.25, 0.1 + 0.2, 1.0, 1e-3,
                                        0.875};
        assert_int_equal(history_add(&history, &error), FOV_OK);
        for (int c = 1; c < COLUMNS; c++) {
            history_set(&history, columns[c], values[c]);
        }
    }
    history_pack(&history, &text);
    assert_int_equal(history_unpack(&again, text_string(&text), &error), FOV_OK);
    assert_int_equal(again.count, 3);
    for (int r = 0; r < 3; r++) {
        size_t row = (size_t)r;
        assert_true(same(cell(&again, row, "epoch"), r + 1));
        assert_true(same(cell(&again, row, "train/loss"), 1.0 / 3.0));
        assert_true(same(cell(&again, row, "metrics/accuracy_top1"), 0.1 + 0.2));
        assert_true(same(cell(&again, row, "val/loss"), cell(&history, row, "val/loss")));
    }
    text.data[5] = 'g';
    assert_int_equal(history_unpack(&again, text_string(&text), &error), FOV_E_INPUT);
    error = (struct error){0};
    assert_int_equal(history_unpack(&again, "0123", &error), FOV_E_INPUT);
    text_free(&text);

    history_write(&history, &text);
    assert_ptr_equal(strstr(text_string(&text), "epoch,time,train/loss,val/loss,metrics/accuracy_top1,"),
                     text_string(&text));
    assert_non_null(strstr(text_string(&text), "\n1,1.5,0.333333333,0.25,0.3,1,0.001,0.875\n2,1.5,0.333333333,,"));
    error = (struct error){0};
    assert_int_equal(history_read(&again, text_string(&text), "history.csv", &error), FOV_OK);
    assert_int_equal(again.count, 3);
    assert_int_equal(again.columns, COLUMNS);
    assert_true(isnan(cell(&again, 1, "val/loss")) && cell(&again, 2, "train/accuracy") == 0.875);
    assert_true(cell(&again, 2, "epoch") == 3.0 && isnan(cell(&again, 0, "no such column")));
    text_free(&text);
    history_free(&history);
    history_free(&again);
    memory_destroy(memory);
}

static void other_files(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct history history = {.memory = memory};
    struct error error = {0};
    /* Another tool's file: other columns, padding, no last newline. */
    assert_int_equal(history_read(&history, "epoch,  lr/pg0, train/loss\r\n 1, 0.1, 2.5\r\n2,0.1,1.5", "f", &error),
                     FOV_OK);
    assert_int_equal(history.count, 2);
    assert_true(cell(&history, 1, "train/loss") == 1.5 && cell(&history, 1, "lr/pg0") == 0.1);
    assert_int_equal(history_read(&history, "a,b\n1,2\n", "f.csv", &error), FOV_E_INPUT);
    assert_non_null(strstr(error.text, "f.csv: its first line names no column \"epoch\""));
    error = (struct error){0};
    assert_int_equal(history_read(&history, "epoch,time\n1,2\n2,x\n", "f.csv", &error), FOV_E_INPUT);
    assert_non_null(strstr(error.text, "line 3: \"x\" is no number"));
    error = (struct error){0};
    assert_int_equal(history_read(&history, "", "f.csv", &error), FOV_E_INPUT);
    history_free(&history);
    memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips), cmocka_unit_test(other_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
