/* SPDX-License-Identifier: MIT */
/* The results of a benchmark as text and as JSON. GFLOP/s count two operations for each multiply-add of a direct
 * convolution, whichever algorithm a layer used: Winograd's takes fewer, so its figure may exceed the machine's
 * peak. */
#include "bench.h"
#include "rates.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>

static double rate_of(int64_t multiply_adds, double seconds)
{
    return seconds > 0 ? 2e-9 * (double)multiply_adds / seconds : 0; /* GFLOP/s */
}

const char *bench_show_time(char out[NUMBER_SIZE], double seconds)
{
    int digits = seconds < 1e-5 ? 2 : seconds < 1e-3 ? 1 : seconds < 0.1 ? 2 : seconds < 1 ? 1 : 3;
    if (seconds < 1e-3) {
        snprintf(out, NUMBER_SIZE, "%.*f us", digits, 1e6 * seconds);
    } else if (seconds < 1) {
        snprintf(out, NUMBER_SIZE, "%.*f ms", digits, 1e3 * seconds);
    } else {
        snprintf(out, NUMBER_SIZE, "%.*f s", digits, seconds);
    }
    return out;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void print_times(struct cli *cli, const struct bench_case *bench, const struct bench_result *result)
{
    const struct bench_times *times = &result->times;
    char text[4][NUMBER_SIZE], count[NUMBER_SIZE];
    double gflops = rate_of(result->multiply_adds, times->median), peak = 1e-9 * result->flops;
    fprintf(cli->out, "  median       %s%s%s, half of %s runs within %s to %s, least %s\n", style_bold(cli),
            bench_show_time(text[0], times->median), style_off(cli), show_count(count, times->count),
            bench_show_time(text[1], times->low), bench_show_time(text[2], times->high),
            bench_show_time(text[3], times->least));
    fprintf(cli->out, "  images       %.4g a second\n", (double)bench->batch / times->median);
    fprintf(cli->out, "  arithmetic   %.4g GFLOP/s", gflops);
    if (peak > 0) {
        fprintf(cli->out, ", %.0f %% of the %.4g that this machine does at most (%s, %d thread%s)",
                100 * gflops / peak, peak, fov_context_isa(cli->context), fov_context_threads(cli->context),
                fov_context_threads(cli->context) == 1 ? "" : "s");
    }
    fprintf(cli->out, "\n               2 x %s multiply-adds of direct sums; Winograd's way takes fewer\n",
            show_count(count, result->multiply_adds));
}

static void print_system(struct cli *cli, const struct bench_result *result)
{
    char processor[128], clean[160];
    rates_processor(cli, processor);
    fprintf(cli->out, "  machine      %s", show_clean(clean, sizeof clean, processor));
    if (result->load_average >= 0) {
        fprintf(cli->out, "; load average before %.2f", result->load_average);
    }
    if (result->others >= 0) {
        fprintf(cli->out, "; meanwhile other programs kept %.2f processors busy", result->others);
    }
    fputc('\n', cli->out);
}

void bench_print(struct cli *cli, const struct bench_case *bench, const struct bench_result *result)
{
    char shape[SHAPE_SIZE], clean[SHOWN_SIZE], text[6][NUMBER_SIZE];
    const fov_plan_memory *memory = &result->memory;
    fprintf(cli->out, "%s%s%s: %s, input %s, %d thread%s, %s\n\n", style_bold(cli),
            show_clean(clean, sizeof clean, bench->word), style_off(cli),
            bench->training ? "a training step (forward, loss, backward, SGD with momentum)" : "inference",
            show_shape(shape, &result->input), fov_context_threads(cli->context),
            fov_context_threads(cli->context) == 1 ? "" : "s", fov_context_isa(cli->context));
    print_times(cli, bench, result);
    fprintf(cli->out, "  memory       plan %s (arena %s, packed weights %s), parameters %s; at most %s resident\n",
            show_bytes(text[0], (double)(memory->activations + memory->packed)),
            show_bytes(text[1], (double)memory->activations), show_bytes(text[2], (double)memory->packed),
            show_bytes(text[3], (double)memory->parameters), show_bytes(text[4], (double)result->peak_resident));
    fprintf(cli->out, "  first output %s after the file was opened: read %s, plan %s, first run %s\n",
            bench_show_time(text[0], result->load + result->plan + result->first),
            bench_show_time(text[1], result->load), bench_show_time(text[2], result->plan),
            bench_show_time(text[3], result->first));
    print_system(cli, result);
    if (result->disturbed) {
        fprintf(cli->out, "  %sThe machine was not quiet: these times say little.%s\n", style_bad(cli), style_off(cli));
    }
}

/* ---- step by step ----------------------------------------------------------------------------------------------- */

/* All steps of one operation. */
struct kind {
    char operation[64];
    int steps;
    double seconds, bound;
    int64_t multiply_adds;
};

static int by_seconds(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

/* Sums the steps per operation ("conv" for "conv + relu"), the longest time first, into kinds [layer_count]; returns
 * how many operations there are. */
static int sum_kinds(const struct bench_result *result, struct kind *kinds)
{
    int count = 0;
    for (int i = 0; i < result->layer_count; i++) {
        const struct bench_layer *layer = &result->layers[i];
        size_t length = strcspn(layer->step.operation, " ");
        int k = 0;
        while (k < count && (strlen(kinds[k].operation) != length ||
                             strncmp(kinds[k].operation, layer->step.operation, length) != 0)) {
            k++;
        }
        if (k == count) {
            snprintf(kinds[count++].operation, sizeof kinds->operation, "%.*s", (int)(length < 63 ? length : 63),
                     layer->step.operation);
        }
        kinds[k].steps++;
        kinds[k].seconds += layer->seconds;
        kinds[k].bound += layer->bound;
        kinds[k].multiply_adds += layer->step.multiply_adds;
    }
    qsort(kinds, (size_t)count, sizeof *kinds, by_seconds);
    return count;
}

static double sum_seconds(const struct bench_result *result)
{
    double sum = 0;
    for (int i = 0; i < result->layer_count; i++) {
        sum += result->layers[i].seconds;
    }
    return sum > 0 ? sum : 1;
}

static void show_rate(char out[NUMBER_SIZE], double number, const char *format)
{
    snprintf(out, NUMBER_SIZE, " ");
    if (number > 0) {
        snprintf(out, NUMBER_SIZE, format, number);
    }
}

static void add_layer(struct table *table, const struct bench_layer *layer, double all, double flops)
{
    char shape[SHAPE_SIZE], products[NUMBER_SIZE], time[NUMBER_SIZE], share[NUMBER_SIZE], rate[NUMBER_SIZE];
    char peak[NUMBER_SIZE];
    char bytes[NUMBER_SIZE], intensity[NUMBER_SIZE], bound[NUMBER_SIZE], reached[NUMBER_SIZE];
    const fov_plan_step *step = &layer->step;
    double gflops = rate_of(step->multiply_adds, layer->seconds), moved = (double)(step->reads + step->bytes);
    bool works = layer->bound > 0;
    show_rate(share, 100 * layer->seconds / all, "%.1f %%");
    show_rate(rate, gflops, "%.1f");
    show_rate(peak, 1e11 * gflops / flops, "%.0f %%");
    show_rate(intensity, 2 * (double)step->multiply_adds / moved, "%.1f");
    show_rate(reached, works ? 100 * layer->bound / layer->seconds : 0, "%.0f %%");
    table_row(table, (const char *const[]){step->name, step->operation, step->detail, show_shape(shape, &step->shape),
                                           step->multiply_adds > 0 ? show_count(products, step->multiply_adds) : "",
                                           bench_show_time(time, layer->seconds), share, rate, peak,
                                           works ? show_bytes(bytes, moved) : "", intensity,
                                           works ? bench_show_time(bound, layer->bound) : "",
                                           !works            ? ""
                                           : layer->by_bytes ? "bytes"
                                                             : "sums",
                                           reached});
}

static void print_kinds(struct cli *cli, const struct bench_result *result, double all)
{
    struct kind *kinds = take_memory((size_t)result->layer_count, sizeof *kinds);
    struct table *table = table_create("Lrrrrrr");
    char steps[NUMBER_SIZE], time[NUMBER_SIZE], share[NUMBER_SIZE], products[NUMBER_SIZE], rate[NUMBER_SIZE];
    char reached[NUMBER_SIZE];
    table_row(table, (const char *const[]){"operation", "steps", "time", "of all", "multiply-adds", "GFLOP/s",
                                           "of bound"});
    table_rule(table);
    int count = sum_kinds(result, kinds);
    for (int i = 0; i < count; i++) {
        const struct kind *kind = &kinds[i];
        show_rate(share, 100 * kind->seconds / all, "%.1f %%");
        show_rate(rate, rate_of(kind->multiply_adds, kind->seconds), "%.1f");
        show_rate(reached, 100 * kind->bound / kind->seconds, "%.0f %%");
        snprintf(steps, sizeof steps, "%d", kind->steps);
        table_row(table, (const char *const[]){kind->operation, steps, bench_show_time(time, kind->seconds), share,
                                               kind->multiply_adds > 0 ? show_count(products, kind->multiply_adds) : "",
                                               rate, reached});
    }
    fputc('\n', cli->out);
    table_print(table, cli);
    table_free(table);
    free(kinds);
}

void bench_print_layers(struct cli *cli, const struct bench_result *result)
{
    struct table *table = table_create("LLLlrrrrrrrrlr");
    double all = sum_seconds(result);
    table_row(table, (const char *const[]){"step", "operation", "how", "shape", "multiply-adds", "time", "of all",
                                           "GFLOP/s", "of peak", "moved", "op/byte", "bound", "by", "of bound"});
    table_rule(table);
    for (int i = 0; i < result->layer_count; i++) {
        add_layer(table, &result->layers[i], all, result->flops);
    }
    fputc('\n', cli->out);
    table_print(table, cli);
    table_free(table);
    print_kinds(cli, result, all);
    fprintf(cli->out,
            "\n  bound: the least time that a step takes by the roofline, either for its sums at the\n"
            "  machine's peak or for the bytes it moves (inputs, weights and results, once) at what this machine\n"
            "  reaches on as many bytes. Above 100 %%: Winograd's way takes fewer sums, or what is moved\n"
            "  lies in a nearer cache.\n");
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static json_t *layer_to_json(const struct bench_layer *layer, double flops)
{
    const fov_plan_step *step = &layer->step;
    json_t *object = json_object();
    double gflops = rate_of(step->multiply_adds, layer->seconds), moved = (double)(step->reads + step->bytes);
    json_set_text(object, "name", step->name);
    json_set_text(object, "operation", step->operation);
    json_set_text(object, "detail", step->detail);
    json_set(object, "shape", json_from_shape(&step->shape));
    json_set_text(object, "layout", step->layout);
    json_set_integer(object, "multiply_adds", step->multiply_adds);
    json_set_number(object, "seconds", layer->seconds);
    json_set_number(object, "gflops", gflops);
    json_set_number(object, "of_peak", flops > 0 ? 1e9 * gflops / flops : 0);
    json_set_integer(object, "bytes_read", (int64_t)step->reads);
    json_set_integer(object, "bytes_written", (int64_t)step->bytes);
    json_set_number(object, "intensity", moved > 0 ? 2 * (double)step->multiply_adds / moved : 0);
    json_set_number(object, "bandwidth", layer->bandwidth);
    json_set_number(object, "bound_seconds", layer->bound);
    json_set_text(object, "bound_by", layer->bound <= 0 ? "nothing" : layer->by_bytes ? "bytes" : "sums");
    json_set_number(object, "of_bound", layer->seconds > 0 ? layer->bound / layer->seconds : 0);
    return object;
}

static void add_layers(json_t *object, const struct bench_result *result)
{
    json_t *layers = json_array(), *sums = json_array();
    struct kind *kinds = take_memory((size_t)result->layer_count, sizeof *kinds);
    for (int i = 0; i < result->layer_count; i++) {
        json_add(layers, layer_to_json(&result->layers[i], result->flops));
    }
    int count = sum_kinds(result, kinds);
    for (int i = 0; i < count; i++) {
        json_t *kind = json_object();
        json_set_text(kind, "operation", kinds[i].operation);
        json_set_integer(kind, "steps", kinds[i].steps);
        json_set_number(kind, "seconds", kinds[i].seconds);
        json_set_number(kind, "bound_seconds", kinds[i].bound);
        json_set_integer(kind, "multiply_adds", kinds[i].multiply_adds);
        json_add(sums, kind);
    }
    free(kinds);
    json_set(object, "layers", layers);
    json_set(object, "kinds", sums);
}

static json_t *number_or_null(double number)
{
    return number >= 0 ? json_from_number(number) : json_null();
}

json_t *bench_to_json(struct cli *cli, const struct bench_case *bench, const struct bench_result *result)
{
    json_t *object = json_object(), *memory = json_object(), *quartiles = json_array();
    const fov_plan_memory *plan = &result->memory;
    double gflops = rate_of(result->multiply_adds, result->times.median);
    char processor[128];
    rates_processor(cli, processor);
    json_set_text(object, "model", bench->word);
    json_set_flag(object, "training", bench->training);
    json_set_integer(object, "batch", bench->batch);
    json_set(object, "input", json_from_shape(&result->input));
    json_set_integer(object, "threads", fov_context_threads(cli->context));
    json_set_text(object, "isa", fov_context_isa(cli->context));
    json_set_text(object, "processor", processor);
    json_set_text(object, "version", fov_version());
    json_set_integer(object, "runs", result->times.count);
    json_set_number(object, "median", result->times.median);
    json_set_number(object, "least", result->times.least);
    json_add(quartiles, json_from_number(result->times.low));
    json_add(quartiles, json_from_number(result->times.high));
    json_set(object, "quartiles", quartiles);
    json_set_number(object, "images_per_second", (double)bench->batch / result->times.median);
    json_set_integer(object, "multiply_adds", result->multiply_adds);
    json_set_number(object, "gflops", gflops);
    json_set_number(object, "peak_gflops", 1e-9 * result->flops);
    json_set_number(object, "of_peak", result->flops > 0 ? 1e9 * gflops / result->flops : 0);
    json_set_integer(memory, "activations", (int64_t)plan->activations);
    json_set_integer(memory, "packed", (int64_t)plan->packed);
    json_set_integer(memory, "scratch", (int64_t)plan->scratch);
    json_set_integer(memory, "parameters", (int64_t)plan->parameters);
    json_set_integer(memory, "peak_resident", (int64_t)result->peak_resident);
    json_set(object, "memory", memory);
    json_set_number(object, "load", result->load);
    json_set_number(object, "plan", result->plan);
    json_set_number(object, "first_run", result->first);
    json_set_number(object, "first_output", result->load + result->plan + result->first);
    json_set(object, "load_average", number_or_null(result->load_average));
    json_set(object, "others", number_or_null(result->others));
    json_set_flag(object, "disturbed", result->disturbed);
    if (result->layer_count > 0) {
        add_layers(object, result);
    }
    return object;
}
