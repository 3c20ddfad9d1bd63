/* SPDX-License-Identifier: MIT */
/* Opens a model as its user would, and times runs of its plan. The times up to the first output are measured once:
 * loading the file, making the plan, the first run. Then follow warm-up runs, then runs for the time that was asked
 * for. */
#include "bench.h"
#include "progress.h"
#include "source.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LEAST_RUNS = 5, FEWEST_RUNS = 3, MOST_RUNS = 1 << 20, WARM_RUNS = 2 };
static const double WARM_SHARE = 0.15, FLOPS_SECONDS = 0.2;
/* Other programs may use the processors that this run leaves idle, and this many more, before it counts as
 * disturbed. */
static const double PATIENCE = 0.25;

/* ---- the system ------------------------------------------------------------------------------------------------ */

/* The system's load average of the last minute; -1: unknown. */
static double load_average(void)
{
    double load;
    return getloadavg(&load, 1) == 1 ? load : -1;
}

/* Peak resident memory of this process, bytes. On Linux the value of getrusage is inherited from the program that
 * started this one, so /proc is read first. */
static size_t peak_resident(void)
{
    char line[256];
    long kibibytes = 0;
    struct rusage usage;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kibibytes = strtol(line + 6, NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (kibibytes > 0) {
        return (size_t)kibibytes * 1024;
    }
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}

/* Busy seconds of all processors since the system started (all) and of this process (own). */
struct work {
    double all, own, clock;
    bool known;
};

static struct work work_so_far(void)
{
    struct work work = {.clock = progress_clock()};
    struct rusage usage;
    long long user, nice, system, idle, wait, interrupt, soft, stolen = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL) {
        return work;
    }
    int fields = fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system, &idle, &wait,
                        &interrupt, &soft, &stolen);
    fclose(file);
    if (fields >= 7 && getrusage(RUSAGE_SELF, &usage) == 0) {
        work.all = (double)(user + nice + system + interrupt + soft + stolen) / (double)sysconf(_SC_CLK_TCK);
        work.own = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
        work.known = true;
    }
    return work;
}

/* How many processors other programs kept busy, on average, since `before`; -1: unknown. */
static double others_since(const struct work *before)
{
    struct work now = work_so_far();
    double passed = now.clock - before->clock;
    if (!before->known || !now.known || passed < 0.1) { /* the kernel counts in hundredths of a second */
        return -1;
    }
    double others = ((now.all - before->all) - (now.own - before->own)) / passed;
    return others > 0 ? others : 0;
}

/* ---- the plan to run --------------------------------------------------------------------------------------------- */

/* A plan with its model. */
struct subject {
    struct cli *cli;
    fov_model *model;
    fov_training *training; /* NULL: inference */
    fov_plan *plan;         /* of inference, or of .training, which owns it */
    int64_t number;         /* of runs so far */
};

static void subject_close(struct subject *subject)
{
    if (subject->training != NULL) {
        fov_training_free(subject->training);
    } else {
        fov_plan_free(subject->plan);
    }
    fov_model_free(subject->model);
}

/* Numbers in -1 .. 1, the same on every machine (Knuth's MMIX generator): the values do not matter as long as they are
 * neither zeros nor denormal. */
static double next_number(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-52 - 1.0;
}

static void fill_pixels(float *pixels, size_t count)
{
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        pixels[i] = (float)next_number(&state);
    }
}

static bool open_training(struct subject *subject, const struct bench_case *bench)
{
    fov_train_options options = {.batch = (int)bench->batch, .lr = 1e-4f, .momentum = 0.9f};
    subject->training = fov_training_create(subject->model, &options);
    if (subject->training == NULL) {
        return false;
    }
    subject->plan = fov_training_plan(subject->training);
    fov_training_data data = fov_training_ends(subject->training);
    fill_pixels(data.pixels, data.pixel_count);
    for (size_t i = 0; i < data.label_count; i++) {
        data.labels[i] = (int32_t)((int64_t)(i * 7919) % data.classes);
    }
    return true;
}

static bool open_inference(struct subject *subject, const struct bench_case *bench)
{
    fov_value output = fov_model_output(subject->model);
    fov_plan_options options = {.batch = bench->batch}; /* inputs in ONNX's order, as other runtimes take them */
    subject->plan = fov_plan_create(fov_model_graph(subject->model), &output, 1, &options);
    if (subject->plan == NULL) {
        return false;
    }
    for (int i = 0; i < fov_model_input_count(subject->model); i++) {
        fov_value input = fov_model_input_at(subject->model, i);
        void *data = fov_plan_data(subject->plan, input);
        if (data != NULL && fov_value_dtype(fov_model_graph(subject->model), input) == FOV_F32) {
            fill_pixels(data, fov_plan_bytes(subject->plan, input) / sizeof(float));
        }
    }
    return true;
}

static bool open_model(struct subject *subject, const struct bench_case *bench)
{
    struct cli *cli = subject->cli;
    bool by_name = !source_is_file(bench->word);
    fov_network_options options = {.height = by_name ? bench->height : 0, .width = by_name ? bench->width : 0};
    subject->model = source_model(cli, bench->word, &options, NULL);
    if (subject->model == NULL) {
        return false;
    }
    return by_name || bench->height == 0 || fov_model_resize(subject->model, bench->height, bench->width) == FOV_OK;
}

static void run_once(struct subject *subject)
{
    subject->number++;
    if (subject->training != NULL) {
        fov_training_run(subject->training, subject->number);
    } else {
        fov_plan_run(subject->plan, (uint64_t)subject->number);
    }
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bench_times bench_sum_up(double *seconds, int64_t count)
{
    qsort(seconds, (size_t)count, sizeof *seconds, by_value);
    return (struct bench_times){.count = count,
                                .least = seconds[0],
                                .low = seconds[count / 4],
                                .median = count % 2 ? seconds[count / 2]
                                                    : (seconds[count / 2 - 1] + seconds[count / 2]) / 2,
                                .high = seconds[count - 1 - count / 4]};
}

/* Whether `count` runs suffice: LEAST_RUNS at least, but only FEWEST_RUNS where they take more than twice the time. */
static bool enough(int64_t count, double passed, double seconds)
{
    return count == MOST_RUNS || (count >= LEAST_RUNS && passed >= seconds) ||
           (count >= FEWEST_RUNS && passed >= 2 * seconds);
}

static void repeat(struct subject *subject, const struct bench_case *bench, struct bench_result *result)
{
    struct progress progress;
    int64_t count = 0, capacity = 1024;
    double *seconds = take_memory((size_t)capacity, sizeof *seconds);
    progress_begin(&progress, subject->cli);
    double begun = progress_clock();
    for (int i = 0; i < WARM_RUNS || progress_clock() - begun < WARM_SHARE * bench->seconds; i++) {
        run_once(subject);
        if (progress_clock() - begun > bench->seconds) {
            break; /* a single run takes longer than the time for all */
        }
    }
    struct work before = work_so_far();
    begun = progress_clock();
    while (!enough(count, progress_clock() - begun, bench->seconds)) {
        if (count == capacity) {
            double *more = take_memory((size_t)capacity * 2, sizeof *more);
            memcpy(more, seconds, (size_t)capacity * sizeof *more);
            free(seconds);
            seconds = more;
            capacity *= 2;
        }
        double start = progress_clock();
        run_once(subject);
        seconds[count++] = progress_clock() - start;
        if (progress_due(&progress)) {
            char detail[64];
            snprintf(detail, sizeof detail, "%lld runs", (long long)count);
            progress_draw(&progress, "measuring", (progress_clock() - begun) / bench->seconds, detail);
        }
    }
    progress_clear(&progress);
    result->others = others_since(&before);
    double idle = (double)sysconf(_SC_NPROCESSORS_ONLN) - fov_context_threads(subject->cli->context);
    result->disturbed = result->others > (idle > 0 ? idle : 0) + PATIENCE;
    result->times = bench_sum_up(seconds, count);
    free(seconds);
}

static void count_work(const fov_plan *plan, struct bench_result *result)
{
    for (int i = 0; i < fov_plan_step_count(plan); i++) {
        result->multiply_adds += fov_plan_step_at(plan, i).multiply_adds;
    }
}

static bool measure(struct subject *subject, const struct bench_case *bench, struct bench_result *result)
{
    double begun = progress_clock();
    if (!open_model(subject, bench)) {
        return false;
    }
    result->load = progress_clock() - begun;
    begun = progress_clock();
    if (!(bench->training ? open_training(subject, bench) : open_inference(subject, bench))) {
        return false;
    }
    result->plan = progress_clock() - begun;
    begun = progress_clock();
    run_once(subject);
    result->first = progress_clock() - begun;
    result->peak_resident = peak_resident();
    result->memory = fov_plan_memory_use(subject->plan);
    result->input = fov_value_shape(fov_model_graph(subject->model), fov_model_input(subject->model));
    if (result->input.rank > 0) {
        result->input.dim[0] = bench->batch;
    }
    count_work(subject->plan, result);
    repeat(subject, bench, result);
    result->flops = fov_measure_flops(subject->cli->context, FLOPS_SECONDS);
    return !bench->layers || bench_layers(subject->cli, subject->plan, bench->seconds, result);
}

int bench_run(struct cli *cli, const struct bench_case *bench, struct bench_result *result)
{
    struct subject subject = {.cli = cli};
    *result = (struct bench_result){.load_average = load_average()};
    int code = measure(&subject, bench, result) ? EXIT_OK : fail_library(cli);
    subject_close(&subject);
    return code;
}

void bench_free(struct bench_result *result)
{
    for (int i = 0; i < result->layer_count; i++) {
        free((char *)(uintptr_t)result->layers[i].step.name);
    }
    free(result->layers);
}
