/* SPDX-License-Identifier: MIT */
/* Lists a file of weights: name, type and shape of each tensor, and what is written beside them. */
#include "inspect_weights.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "table.h"
#include <string.h>

static int64_t elements_of(const fov_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        count *= shape->dim[i];
    }
    return count;
}

static int64_t elements_of_all(const fov_weights *weights)
{
    int64_t all = 0;
    for (int64_t i = 0; i < fov_weights_count(weights); i++) {
        fov_weights_tensor tensor = fov_weights_tensor_at(weights, i);
        all += elements_of(&tensor.shape);
    }
    return all;
}

static void print_json(struct cli *cli, const fov_weights *weights, const char *path, const char *why)
{
    json_t *object = json_object(), *tensors = json_array(), *texts = json_object();
    json_set_text(object, "file", path);
    json_set_text(object, "no_model", why);
    for (int64_t i = 0; i < fov_weights_count(weights); i++) {
        fov_weights_tensor tensor = fov_weights_tensor_at(weights, i);
        json_t *one = json_object();
        json_set_text(one, "name", tensor.name);
        json_set_text(one, "type", tensor.type);
        json_set(one, "shape", json_from_shape(&tensor.shape));
        json_set_integer(one, "elements", elements_of(&tensor.shape));
        json_set_integer(one, "bytes", tensor.bytes);
        json_add(tensors, one);
    }
    for (int64_t i = 0; i < fov_weights_text_count(weights); i++) {
        json_set_text(texts, fov_weights_text_key(weights, i), fov_weights_text_value(weights, i));
    }
    json_set(object, "tensors", tensors);
    json_set_integer(object, "elements", elements_of_all(weights));
    json_set(object, "metadata", texts);
    json_print(cli, object);
}

static void print_tensors(struct cli *cli, const fov_weights *weights)
{
    struct table *table = table_create("Lllrr");
    char shape[SHAPE_SIZE], count[NUMBER_SIZE], bytes[NUMBER_SIZE];
    int64_t all = 0;
    table_row(table, (const char *const[]){"tensor", "type", "shape", "elements", "memory"});
    table_rule(table);
    for (int64_t i = 0; i < fov_weights_count(weights); i++) {
        fov_weights_tensor tensor = fov_weights_tensor_at(weights, i);
        all += tensor.bytes;
        table_row(table, (const char *const[]){tensor.name, tensor.type, show_shape(shape, &tensor.shape),
                                               show_count(count, elements_of(&tensor.shape)),
                                               show_bytes(bytes, (double)tensor.bytes)});
    }
    table_rule(table);
    table_row(table, (const char *const[]){"total", "", "", show_count(count, elements_of_all(weights)),
                                           show_bytes(bytes, (double)all)});
    table_print(table, cli);
    table_free(table);
}

static void print_texts(struct cli *cli, const fov_weights *weights)
{
    enum { MOST = 100 };
    char key[SHOWN_SIZE], value[SHOWN_SIZE];
    for (int64_t i = 0; i < fov_weights_text_count(weights); i++) {
        show_clean(key, sizeof key, fov_weights_text_key(weights, i));
        show_clean(value, sizeof value, fov_weights_text_value(weights, i));
        fprintf(cli->out, "%s  %s: %.*s%s\n", i == 0 ? "\n" : "", key, MOST, value,
                strlen(value) > MOST ? "..." : "");
    }
}

int inspect_weights(struct cli *cli, const char *path, const char *why)
{
    char clean[SHOWN_SIZE];
    fov_context *context = cli_context(cli);
    fov_weights *weights = context != NULL ? fov_weights_open(context, path) : NULL;
    if (weights == NULL) {
        return fail_library(cli);
    }
    if (cli->json) {
        print_json(cli, weights, path, why);
    } else {
        remark(cli, "%s", show_clean(clean, sizeof clean, why));
        fprintf(cli->out, "%s%s%s: %lld tensors, no model\n\n", style_bold(cli), show_clean(clean, sizeof clean, path),
                style_off(cli), (long long)fov_weights_count(weights));
        print_tensors(cli, weights);
        print_texts(cli, weights);
    }
    fov_weights_free(weights);
    return EXIT_OK;
}
