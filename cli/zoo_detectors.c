/* SPDX-License-Identifier: MIT */
/* fovea zoo --detectors: what each detector costs, on paper and on this machine. */
#include "json.h"
#include "output.h"
#include "progress.h"
#include "table.h"
#include "zoo_list.h"
#include <fovea/plan.h>
#include <string.h>

enum { RUNS = 3 };

struct cost {
    int64_t parameters;
    double gflops; /* zoo_detector_gflops */
    double seconds; /* per picture, the best of several runs */
};

double zoo_detector_gflops(const fov_summary *summary)
{
    double count = 2.0 * (double)summary->multiply_adds;
    for (int i = 0; i < summary->layer_count; i++) {
        const fov_layer *layer = &summary->layers[i];
        double numbers = strcmp(layer->type, "batch_norm") == 0 ? 1.0 : 0.0;
        for (int d = 1; d < layer->shape.rank; d++) {
            numbers *= (double)layer->shape.dim[d];
        }
        count += 4.0 * numbers;
    }
    return count / 1e9;
}

static int measure(struct cli *cli, const char *name, struct cost *cost)
{
    fov_context *context = cli_context(cli);
    fov_model *model = context != NULL ? fov_model_network(context, name, NULL) : NULL;
    fov_summary summary;
    fov_plan *plan = NULL;
    if (model != NULL && fov_model_summary(model, NULL, &summary) == FOV_OK) {
        fov_value output = fov_model_output(model);
        *cost = (struct cost){.parameters = summary.parameters, .gflops = zoo_detector_gflops(&summary)};
        plan = fov_plan_create(fov_model_graph(model), &output, 1, NULL);
    }
    for (int run = 0; plan != NULL && run <= RUNS; run++) {
        double begin = progress_clock();
        fov_plan_run(plan, 0);
        double took = progress_clock() - begin;
        cost->seconds = run < 2 || took < cost->seconds ? took : cost->seconds; /* run 0 warms up */
    }
    int code = plan != NULL ? EXIT_OK : fail_library(cli);
    fov_plan_free(plan);
    fov_model_free(model);
    return code;
}

int zoo_detectors(struct cli *cli)
{
    struct table *table = table_create("lrrrrL");
    json_t *array = json_array();
    int code = EXIT_OK;
    table_row(table, (const char *const[]){"detector", "input", "parameters", "GFLOPs", "ms here", "published"});
    table_rule(table);
    for (int i = 0; i < fov_network_count() && code == EXIT_OK; i++) {
        fov_network_info info = fov_network_at(i);
        struct cost cost = {0};
        char input[32], count[NUMBER_SIZE], gflops[NUMBER_SIZE], here[NUMBER_SIZE];
        if (strcmp(info.task, "detect") != 0) {
            continue;
        }
        code = measure(cli, info.name, &cost);
        snprintf(input, sizeof input, "%d x %d", info.height, info.width);
        snprintf(gflops, sizeof gflops, "%.2f", cost.gflops);
        snprintf(here, sizeof here, "%.1f", 1e3 * cost.seconds);
        table_row(table, (const char *const[]){info.name, input, show_count(count, cost.parameters), gflops, here,
                                               info.accuracy != NULL ? info.accuracy : ""});
        json_t *one = json_object();
        json_set_text(one, "name", info.name);
        json_set_integer(one, "parameters", cost.parameters);
        json_set_number(one, "gflops", cost.gflops);
        json_set_number(one, "ms", 1e3 * cost.seconds);
        json_add(array, one);
    }
    if (code == EXIT_OK && cli->json) {
        json_t *object = json_object();
        json_set(object, "detectors", json_incref(array));
        json_print(cli, object);
    } else if (code == EXIT_OK) {
        table_print(table, cli);
        if (!cli->quiet) {
            fprintf(cli->out,
                    "\nOne picture at a time. Each stands on any backbone: fovea inspect yolox-nano --backbone "
                    "resnet18 --block ghost --neck bifpn\n");
        }
    }
    json_decref(array);
    table_free(table);
    return code;
}
