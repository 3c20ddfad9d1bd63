/* SPDX-License-Identifier: MIT */
/* Drawings of architectures: for every network of the zoo the blocks hold all parameters and no boxes overlap; equal
 * blocks are drawn once, with a count; and an SVG is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "model/diagram.h"
#include "support/temporary.h"
#include <cmocka.h>
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fov_context *context_create(void)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    assert_non_null(context);
    return context;
}

static fov_model *open_diagram(fov_context *context, const char *name, struct diagram *diagram)
{
    fov_model *model = fov_model_network(context, name, NULL);
    if (model == NULL || diagram_open(diagram, model, NULL, &context->error) != FOV_OK) {
        fail_msg("%s: %s", name, fov_error(context));
    }
    return model;
}

static void check_boxes(const char *name, const struct diagram *d)
{
    for (int k = 0; k < d->block_count; k++) {
        const struct diagram_block *block = &d->blocks[k];
        for (int i = block->first; i < block->first + block->count; i++) {
            const struct diagram_box *box = &d->boxes[i];
            bool inside = box->level < block->levels && box->column < block->columns;
            for (int j = block->first; j < i; j++) {
                inside = inside && !(d->boxes[j].level == box->level && d->boxes[j].column == box->column);
            }
            for (int j = 0; j < box->input_count; j++) {
                int from = box->inputs[j];
                inside = inside && (from < block->first || d->boxes[from].level < box->level);
            }
            if (!inside) {
                fail_msg("%s: box %d \"%s\" of block \"%s\" lies on another or above what it reads", name, i,
                         box->label, block->name);
            }
        }
    }
}

static void every_network_is_drawn_whole(void **state)
{
    (void)state;
    fov_context *context = context_create();
    for (int i = 0; i < fov_network_count(); i++) {
        struct diagram d;
        const char *name = fov_network_name(i);
        fov_model *model = open_diagram(context, name, &d);
        int64_t parameters = 0, multiply_adds = 0;
        for (int k = 0; k < d.block_count; k++) {
            parameters += d.blocks[k].parameters * d.blocks[k].times;
            multiply_adds += d.blocks[k].multiply_adds * d.blocks[k].times;
        }
        /* the drawing includes the multiply-adds of auxiliary heads, the summary's sum does not */
        bool has_heads = fov_model_output_count(model) > 1;
        if (parameters != d.summary.parameters || multiply_adds < d.summary.multiply_adds ||
            (!has_heads && multiply_adds != d.summary.multiply_adds)) {
            fail_msg("%s: %lld of %lld parameters are drawn, %lld of %lld multiply-adds", name, (long long)parameters,
                     (long long)d.summary.parameters, (long long)multiply_adds, (long long)d.summary.multiply_adds);
        }
        check_boxes(name, &d);
        diagram_close(&d);
        fov_model_free(model);
    }
    fov_context_free(context);
}

static void blocks_that_are_alike_are_one(void **state)
{
    (void)state;
    static const int times[] = {1, 1, 2, 1, 3, 1, 5, 1, 2, 1};
    fov_context *context = context_create();
    struct diagram d;
    fov_model *model = open_diagram(context, "resnet50", &d);
    assert_int_equal(d.block_count, sizeof times / sizeof *times);
    for (int k = 0; k < d.block_count; k++) {
        assert_int_equal(d.blocks[k].times, times[k]);
    }
    const struct diagram_block *third = &d.blocks[2], *down = &d.blocks[1];
    assert_string_equal(third->name, "layer1.1");
    assert_string_equal(third->last_name, "layer1.2");
    assert_string_equal(d.boxes[third->first + 1].label, "3x3 conv 64");
    assert_string_equal(d.boxes[third->first + 1].behind, "bn relu");
    assert_true(third->columns == 1 && third->levels == 4 && down->columns == 2);
    assert_true(third->receptive_field[0] == 35 && third->shape.dim[1] == 256 && third->shape.dim[2] == 56);
    diagram_close(&d);
    fov_model_free(model);
    model = open_diagram(context, "inception_v4", &d);
    int alike[3] = {0}, found = 0;
    for (int k = 0; k < d.block_count; k++) {
        if (d.blocks[k].times > 1 && found < 3) {
            alike[found++] = d.blocks[k].times;
        }
    }
    assert_true(found == 3 && alike[0] == 4 && alike[1] == 7 && alike[2] == 3); /* modules A, B and C of the paper */
    diagram_close(&d);
    fov_model_free(model);
    fov_context_free(context);
}

static void a_page_is_written(void **state)
{
    (void)state;
    char svg[TEMPORARY_PATH];
    temporary_file(svg, ".svg");
    fov_context *context = context_create();
    fov_model *model = fov_model_network(context, "googlenet", NULL);
    assert_non_null(model);
    int status = fov_model_draw(model, NULL, svg, NULL);
    if (status == FOV_E_UNSUPPORTED) {
        unlink(svg);
        print_message("skipped: built without cairo\n");
        skip();
    }
    static char text[1 << 22];
    FILE *file = fopen(svg, "r");
    assert_true(status == FOV_OK && file != NULL);
    size_t size = fread(text, 1, sizeof text - 1, file), shapes = 0;
    text[size] = '\0';
    assert_true(strncmp(text, "<?xml", 5) == 0 && strstr(text, "</svg>") != NULL);
    for (const char *at = strstr(text, "</defs>"); at != NULL; at = strstr(at + 1, "<path ")) {
        shapes++;
    }
    assert_true(shapes > 50); /* boxes and arrows, beside letters */
    assert_int_equal(fclose(file), 0);
    assert_int_equal(unlink(svg), 0);
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_is_drawn_whole),
        cmocka_unit_test(blocks_that_are_alike_are_one),
        cmocka_unit_test(a_page_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
