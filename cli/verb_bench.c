/* SPDX-License-Identifier: MIT */
/* fovea bench: times a network and its steps, and compares them with the machine's peak rates. Its parts are in
 * bench.h. */
#include "bench.h"
#include "options.h"
#include "rates.h"
#include "source.h"
#include <errno.h>
#include <string.h>

/* ---- tuning ---------------------------------------------------------------------------------------------------- */

static void print_rates(struct cli *cli, const char *path, const fov_rates *rates)
{
    char clean[RATES_PATH], processor[128];
    rates_processor(cli, processor);
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "processor", processor);
        json_set_text(object, "isa", fov_context_isa(cli->context));
        json_set_number(object, "products", rates->products);
        json_set_number(object, "transform", rates->transform);
        json_set_number(object, "memory", rates->memory);
        json_set_number(object, "wake", rates->wake);
        json_set_text(object, "file", path);
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, "One thread of %s, %s:\n\n", show_clean(clean, sizeof clean, processor),
                fov_context_isa(cli->context));
        fprintf(cli->out, "  products   %.3g multiply-adds a second in a large matrix product\n", rates->products);
        fprintf(cli->out, "  transform  %.3g bytes a second that Winograd's transforms write and read\n",
                rates->transform);
        fprintf(cli->out, "  memory     %.3g bytes a second from memory\n", rates->memory);
        fprintf(cli->out, "  wake       %.3g us until another thread has taken a job\n\n", 1e6 * rates->wake);
        fprintf(cli->out, "Kept in %s; every verb plans by it from now on.\n", show_clean(clean, sizeof clean, path));
    }
}

static int tune(struct cli *cli, bool alone)
{
    char path[RATES_PATH];
    fov_rates rates;
    if (!rates_path(cli, path)) {
        return fail(cli, EXIT_USAGE, "neither HOME nor XDG_CONFIG_HOME says where to keep the rates: name a file with "
                                     "--rates FILE");
    }
    if (cli_context(cli) == NULL || fov_measure_rates(cli->context, &rates) != FOV_OK) {
        return fail_library(cli);
    }
    int code = rates_keep(cli, path, &rates);
    if (code == EXIT_OK && fov_context_set_rates(cli->context, &rates) != FOV_OK) {
        return fail_library(cli);
    }
    if (code == EXIT_OK && alone) {
        print_rates(cli, path, &rates);
    }
    return code;
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

/* "224x224" */
static bool read_size(const char *text, struct bench_case *bench)
{
    int64_t size[2];
    if (!source_size(text, size)) {
        return false;
    }
    bench->height = (int)size[0];
    bench->width = (int)size[1];
    return true;
}

/* --at-most: being slower than allowed is a failure, but the figures are printed before it. */
static int judge(struct cli *cli, const json_t *comparison)
{
    double ratio = json_number_value(json_object_get(comparison, "median")), limit = option_number(cli, "at-most");
    if (!option_given(cli, "at-most") || ratio <= limit) {
        return EXIT_OK;
    }
    int code = output_commit(cli);
    return code != EXIT_OK ? code
                           : fail(cli, EXIT_SLOWER, "the median is %.3f times the stored one, which is more than %g",
                                  ratio, limit);
}

static int report(struct cli *cli, const struct bench_case *bench, const struct bench_result *result)
{
    const char *save = option_text(cli, "save"), *compare = option_text(cli, "compare");
    int code = EXIT_OK;
    json_t *now = bench_to_json(cli, bench, result), *comparison = NULL;
    json_t *stored = compare != NULL ? bench_read(cli, compare, &code) : NULL;
    if (stored != NULL) {
        code = bench_comparable(cli, compare, stored, now);
        comparison = bench_comparison(stored, now);
    }
    if (code == EXIT_OK && save != NULL && json_save(save, json_incref(now)) != 0) {
        code = fail(cli, EXIT_IO, "%s: cannot write: %s", save, strerror(errno));
    }
    if (code == EXIT_OK && cli->json) {
        if (comparison != NULL) {
            json_set(now, "ratio", json_incref(comparison));
        }
        json_print(cli, json_incref(now));
    } else if (code == EXIT_OK) {
        bench_print(cli, bench, result);
        if (bench->layers) {
            bench_print_layers(cli, result);
        }
        if (stored != NULL) {
            bench_print_comparison(cli, compare, stored, now);
        }
    }
    code = code == EXIT_OK && comparison != NULL ? judge(cli, comparison) : code;
    json_decref(comparison);
    json_decref(stored);
    json_decref(now);
    return code;
}

/* Checks --compare and its file before time is spent on measuring. */
static int check_stored(struct cli *cli)
{
    int code = EXIT_OK;
    if (option_given(cli, "at-most") && !option_given(cli, "compare")) {
        return fail(cli, EXIT_USAGE, "--at-most is about a stored run: name it with --compare FILE");
    }
    if (option_given(cli, "compare")) {
        json_decref(bench_read(cli, option_text(cli, "compare"), &code));
    }
    return code;
}

static int run(struct cli *cli)
{
    const char *size = option_text(cli, "size");
    bool has_model = cli->argument_count > 0;
    struct bench_case bench = {
        .word = has_model ? cli->arguments[0] : NULL,
        .batch = option_integer(cli, "batch"),
        .training = option_flag(cli, "training"),
        .seconds = option_number(cli, "time"),
        .layers = option_flag(cli, "layers"),
    };
    if (!has_model && !option_flag(cli, "tune")) {
        return fail(cli, EXIT_USAGE, "which network? fovea bench NAME|FILE, or --tune to measure the machine alone");
    }
    if (size != NULL && !read_size(size, &bench)) {
        return fail(cli, EXIT_USAGE, "--size is \"%.60s\"; it is height x width, such as 224x224, or 224 for both", size);
    }
    int code = check_stored(cli);
    if (code == EXIT_OK && option_flag(cli, "tune")) {
        code = tune(cli, !has_model);
    }
    if (code != EXIT_OK || !has_model) {
        return code;
    }
    struct bench_result result;
    code = bench_run(cli, &bench, &result);
    code = code == EXIT_OK ? report(cli, &bench, &result) : code;
    bench_free(&result);
    return code;
}

static const struct cli_option options[] = {
    {.name = "batch", .kind = OPTION_INTEGER, .argument = "N", .standard = "1", .minimum = 1, .maximum = 1e6,
     .doc = "pictures at once"},
    {.name = "training", .kind = OPTION_FLAG,
     .doc = "a training step: forward, cross-entropy, backward, SGD with momentum"},
    {.name = "size", .kind = OPTION_TEXT, .argument = "HxW", .otherwise = "the model's own",
     .doc = "height and width of the pictures, pixels"},
    {.name = "layers", .kind = OPTION_FLAG, .doc = "also a row per step: its time, rate, bytes and roofline bound"},
    {.name = "time", .kind = OPTION_NUMBER, .argument = "SECONDS", .standard = "3", .minimum = 0.001, .maximum = 1e5,
     .doc = "how long to repeat (at least a few runs)"},
    {.name = "save", .kind = OPTION_TEXT, .argument = "FILE.json", .writes = WRITES_FILE,
     .otherwise = "nowhere",
     .doc = "store the figures"},
    {.name = "compare", .kind = OPTION_TEXT, .argument = "FILE.json", .otherwise = "with nothing",
     .doc = "a stored run: the ratio of every figure"},
    {.name = "at-most", .kind = OPTION_NUMBER, .argument = "RATIO", .otherwise = "no limit", .minimum = 1e-3,
     .maximum = 1e3, .doc = "exit with 7 where the median is more than RATIO times the stored one"},
    {.name = "tune", .kind = OPTION_FLAG,
     .doc = "measure the rates by which plans choose (Winograd or not), and keep them"},
    {.name = "rates", .kind = OPTION_TEXT, .argument = "FILE.json", .writes = WRITES_FILE,
     .otherwise = "fovea/rates.json in ~/.config",
     .doc = "where those rates are kept"},
    {.name = NULL},
};

const struct verb verb_bench = {
    .name = "bench",
    .summary = "time a network, step by step against what this machine can do",
    .run = run,
    .options = options,
    .arguments = "NAME|FILE",
    .minimum_arguments = 0,
    .maximum_arguments = 1,
    .help = "Runs a network on made-up pictures until it is warm, then for --time seconds, and prints the median, "
            "quartiles and least time, pictures a second, GFLOP/s (2 x the multiply-adds of direct sums) and their "
            "share of the peak that is measured here, memory, and the time from opening the file to the first output. "
            "Measure on a quiet machine: what other programs did meanwhile is printed.\n"
            "--tune measures this machine's rates once; every verb then plans by them. As Winograd's convolution "
            "rounds differently, results may then differ from another machine's in their last digits; --exact-conv "
            "avoids it.",
    .examples = "fovea bench resnet50.onnx --threads 1\n"
                "fovea bench lenet5 --batch 64 --training\n"
                "fovea bench vgg16.onnx --layers\n"
                "fovea bench vgg16.onnx --save before.json\n"
                "fovea bench vgg16.onnx --compare before.json --at-most 1.05\n"
                "fovea bench --tune\n",
};
