/* SPDX-License-Identifier: MIT */
/* Hopfield networks, Boltzmann machines, restricted ones and stacks of them: energies and probabilities against
 * enumeration, gradients against differences of the log probability, recall below and above the capacity, and a stack
 * that learns from a hundred labels better than the same network from a random start. */
#include <fovea/fovea.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static uint64_t bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static double uniform(uint64_t *state)
{
    return (double)bits(state) / 2147483648.0;
}

/* ---- Hopfield ----------------------------------------------------------------------------------------------------- */

enum { UNITS = 500 };

/* Stores load x UNITS random patterns; returns the share of them that is recalled when a tenth of the units is
 * flipped. */
static double recalled(fov_context *context, double load)
{
    int count = (int)(load * UNITS), good = 0;
    uint64_t random = 5;
    fov_hopfield *h = fov_hopfield_create(context, UNITS);
    int8_t *patterns = malloc((size_t)count * UNITS), state[UNITS];
    assert_non_null(h);
    assert_non_null(patterns);
    for (int i = 0; i < count * UNITS; i++) {
        patterns[i] = bits(&random) & 1 ? 1 : -1;
    }
    for (int p = 0; p < count; p++) {
        fov_hopfield_store(h, patterns + (size_t)p * UNITS);
    }
    for (int p = 0; p < count; p++) {
        const int8_t *pattern = patterns + (size_t)p * UNITS;
        int overlap = 0;
        for (int i = 0; i < UNITS; i++) {
            state[i] = (int8_t)(uniform(&random) < 0.1 ? -pattern[i] : pattern[i]);
        }
        fov_hopfield_recall(h, state, 50, (uint64_t)p);
        for (int i = 0; i < UNITS; i++) {
            overlap += state[i] * pattern[i];
        }
        good += overlap >= 0.95 * UNITS;
    }
    free(patterns);
    fov_hopfield_free(h);
    return (double)good / count;
}

static void test_hopfield_remembers_until_0138(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    assert_true(recalled(context, 0.05) == 1);
    assert_true(recalled(context, 0.10) >= 0.95);
    assert_true(recalled(context, 0.20) <= 0.10); /* Amit, Gutfreund, Sompolinsky 1985: beyond 0.138 nothing is left */
    fov_context_free(context);
}

/* Recall only reads the network: several threads may recall at once, each with the result that it gets alone. */
struct recalling {
    const fov_hopfield *network;
    int8_t state[UNITS];
    int sweeps;
};

static void *recall(void *user)
{
    struct recalling *r = user;
    r->sweeps = fov_hopfield_recall(r->network, r->state, 50, 3);
    return NULL;
}

static void test_hopfield_recalls_on_threads(void **state)
{
    enum { THREADS = 4 };
    uint64_t random = 11;
    fov_context *context = fov_context_create(NULL);
    fov_hopfield *h = fov_hopfield_create(context, UNITS);
    struct recalling alone[THREADS], together[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    assert_non_null(h);
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < UNITS; i++) {
            alone[t].state[i] = bits(&random) & 1 ? 1 : -1;
        }
        fov_hopfield_store(h, alone[t].state);
    }
    for (int t = 0; t < THREADS; t++) {
        alone[t].network = h;
        for (int i = 0; i < UNITS; i++) {
            alone[t].state[i] = bits(&random) & 1 ? 1 : -1;
        }
        together[t] = alone[t];
        recall(&alone[t]);
    }
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, recall, &together[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
        assert_int_equal(together[t].sweeps, alone[t].sweeps);
        assert_memory_equal(together[t].state, alone[t].state, UNITS);
    }
    fov_hopfield_free(h);
    fov_context_free(context);
}

static void test_hopfield_energy_never_rises(void **state)
{
    (void)state;
    uint64_t random = 9;
    fov_context *context = fov_context_create(NULL);
    for (int round = 0; round < 20; round++) {
        int units = 2 + (int)(bits(&random) % 60);
        int8_t now[64];
        fov_hopfield *h = fov_hopfield_create(context, units);
        assert_non_null(h);
        for (int p = 0; p < 8; p++) {
            for (int i = 0; i < units; i++) {
                now[i] = bits(&random) & 1 ? 1 : -1;
            }
            fov_hopfield_store(h, now);
        }
        for (int i = 0; i < units; i++) {
            now[i] = bits(&random) & 1 ? 1 : -1;
        }
        double before = fov_hopfield_energy(h, now);
        int changed = 1;
        for (int sweep = 0; sweep < 100 && changed > 0; sweep++) {
            changed = fov_hopfield_recall(h, now, 1, (uint64_t)sweep);
            double after = fov_hopfield_energy(h, now);
            assert_true(after <= before + 1e-6);
            before = after;
        }
        assert_int_equal(changed, 0); /* a fixed point is reached */
        fov_hopfield_free(h);
    }
    fov_hopfield *hundred = fov_hopfield_create(context, 100);
    assert_int_equal(fov_hopfield_weights(hundred), 4950);
    fov_hopfield_free(hundred);
    assert_null(fov_hopfield_create(context, 1));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_context_free(context);
}

/* ---- Boltzmann machine -------------------------------------------------------------------------------------------- */

static fov_boltzmann *random_machine(fov_context *context, int units, double size, uint64_t seed)
{
    fov_boltzmann *b = fov_boltzmann_create(context, units);
    assert_non_null(b);
    double *w = fov_boltzmann_weights(b), *bias = fov_boltzmann_biases(b);
    for (int i = 0; i < units; i++) {
        bias[i] = size * (2 * uniform(&seed) - 1);
        for (int j = 0; j < i; j++) {
            w[i * units + j] = w[j * units + i] = size * (2 * uniform(&seed) - 1);
        }
    }
    return b;
}

/* Mean log probability of data on the first `visible` units, by enumeration. */
static double log_probability(fov_boltzmann *b, int units, const uint8_t *data, int count, int visible)
{
    double *p = malloc(sizeof *p << units), sum = 0;
    assert_int_equal(fov_boltzmann_enumerate(b, p), FOV_OK);
    for (int d = 0; d < count; d++) {
        double of_data = 0;
        for (int s = 0; s < 1 << units; s++) {
            int same = 1;
            for (int j = 0; j < visible; j++) {
                same = same && (s >> j & 1) == data[d * visible + j];
            }
            of_data += same ? p[s] : 0;
        }
        sum += log(of_data) / count;
    }
    free(p);
    return sum;
}

static void test_boltzmann_gradient_is_the_slope_of_the_log_probability(void **state)
{
    (void)state;
    enum { N = 7, VISIBLE = 4, COUNT = 3 };
    static const uint8_t data[COUNT * VISIBLE] = {1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1};
    fov_context *context = fov_context_create(NULL);
    fov_boltzmann *b = random_machine(context, N, 1, 3);
    double dw[N * N], db[N], *w = fov_boltzmann_weights(b), *bias = fov_boltzmann_biases(b), h = 1e-5;
    assert_int_equal(fov_boltzmann_gradient(b, data, COUNT, VISIBLE, 0, 0, dw, db), FOV_OK);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j <= i; j++) { /* j = i: the bias */
            double *one = j == i ? &bias[i] : &w[i * N + j], *twin = j == i ? one : &w[j * N + i], at = *one;
            *one = *twin = at + h;
            double up = log_probability(b, N, data, COUNT, VISIBLE);
            *one = *twin = at - h;
            double down = log_probability(b, N, data, COUNT, VISIBLE);
            *one = *twin = at;
            assert_true(fabs((up - down) / (2 * h) - (j == i ? db[i] : dw[i * N + j])) < 1e-8);
        }
    }
    double sampled_w[N * N], sampled_b[N];
    assert_int_equal(fov_boltzmann_gradient(b, data, COUNT, VISIBLE, 20000, 1, sampled_w, sampled_b), FOV_OK);
    for (int i = 0; i < N * N; i++) {
        assert_true(fabs(sampled_w[i] - dw[i]) < 0.03);
    }
    fov_boltzmann_free(b);
    fov_context_free(context);
}

static void test_boltzmann_samples_as_it_should(void **state)
{
    (void)state;
    enum { N = 5, SWEEPS = 60000 };
    fov_context *context = fov_context_create(NULL);
    fov_boltzmann *b = random_machine(context, N, 1.5, 8);
    double p[1 << N], seen[1 << N] = {0};
    uint8_t now[N] = {0};
    assert_int_equal(fov_boltzmann_enumerate(b, p), FOV_OK);
    for (int i = 0; i < SWEEPS; i++) {
        int number = 0;
        fov_boltzmann_sample(b, now, 0, 1, 1, (uint64_t)i);
        for (int j = 0; j < N; j++) {
            number |= now[j] << j;
        }
        seen[number] += 1.0 / SWEEPS;
    }
    for (int s = 0; s < 1 << N; s++) {
        assert_true(fabs(seen[s] - p[s]) < 0.01);
    }
    fov_boltzmann_free(b);
    fov_context_free(context);
}

static void test_annealing_finds_the_lowest_energy(void **state)
{
    (void)state;
    enum { N = 14 };
    fov_context *context = fov_context_create(NULL);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fov_boltzmann *b = random_machine(context, N, 3, seed);
        double lowest = INFINITY;
        uint8_t now[N] = {0};
        for (int s = 0; s < 1 << N; s++) {
            for (int j = 0; j < N; j++) {
                now[j] = s >> j & 1;
            }
            lowest = fmin(lowest, fov_boltzmann_energy(b, now));
        }
        memset(now, 0, sizeof now);
        double found = fov_boltzmann_anneal(b, now, 10, 0.1, 400, seed);
        assert_true(fabs(found - lowest) < 1e-9 && fabs(fov_boltzmann_energy(b, now) - lowest) < 1e-9);
        fov_boltzmann_free(b);
    }
    fov_boltzmann *large = fov_boltzmann_create(context, 21);
    double one;
    assert_int_equal(fov_boltzmann_enumerate(large, &one), FOV_E_USAGE);
    fov_boltzmann_free(large);
    fov_context_free(context);
}

/* ---- restricted Boltzmann machine ---------------------------------------------------------------------------------- */

enum { SIDE = 4, PIXELS = SIDE * SIDE, HIDDEN = 10, BARS = 30 };

/* Bars and stripes: all rows are equal, or all columns. */
static void draw_bars(float *data)
{
    for (int i = 0; i < BARS; i++) {
        int pattern = 1 + i / 2;
        for (int p = 0; p < PIXELS; p++) {
            data[i * PIXELS + p] = (float)(pattern >> (i % 2 ? p % SIDE : p / SIDE) & 1);
        }
    }
}

static double mean_log(fov_rbm *rbm, const float *data, int count, int visible)
{
    double partition, sum = 0;
    assert_int_equal(fov_rbm_log_partition(rbm, &partition), FOV_OK);
    for (int i = 0; i < count; i++) {
        sum -= fov_rbm_free_energy(rbm, data + i * visible) / count;
    }
    return sum - partition;
}

static void test_rbm_probabilities_sum_to_one(void **state)
{
    (void)state;
    enum { V = 8 };
    fov_context *context = fov_context_create(NULL);
    fov_rbm *rbm = fov_rbm_create(context, V, 5, 1);
    for (int i = 0; i < V * 5; i++) {
        fov_rbm_weight(rbm)[i] *= 100;
    }
    double partition, sum = 0;
    assert_int_equal(fov_rbm_log_partition(rbm, &partition), FOV_OK);
    for (int s = 0; s < 1 << V; s++) {
        float v[V];
        for (int j = 0; j < V; j++) {
            v[j] = (float)(s >> j & 1);
        }
        sum += exp(-fov_rbm_free_energy(rbm, v) - partition);
    }
    assert_true(fabs(sum - 1) < 1e-10);
    fov_rbm_free(rbm);
    fov_rbm *large = fov_rbm_create(context, 784, 500, 0);
    assert_int_equal(fov_rbm_parameters(large), 393284);
    assert_int_equal(fov_rbm_log_partition(large, &partition), FOV_E_USAGE);
    fov_rbm_free(large);
    fov_context_free(context);
}

static void test_rbm_gradient_is_the_slope_of_the_log_probability(void **state)
{
    (void)state;
    float data[BARS * PIXELS];
    double dw[HIDDEN * PIXELS], da[PIXELS], db[HIDDEN];
    const float h = 1.0f / 256;
    fov_context *context = fov_context_create(NULL);
    fov_rbm *rbm = fov_rbm_create(context, PIXELS, HIDDEN, 4);
    draw_bars(data);
    for (int i = 0; i < HIDDEN * PIXELS; i++) {
        fov_rbm_weight(rbm)[i] = roundf(fov_rbm_weight(rbm)[i] * 64 * 1024) / 1024; /* so that +- h is exact */
    }
    assert_int_equal(fov_rbm_gradient(rbm, data, BARS, dw, da, db), FOV_OK);
    for (int i = 0; i < 24; i++) {
        float *one = i < 8    ? &fov_rbm_weight(rbm)[i * 19]
                     : i < 16 ? &fov_rbm_visible_bias(rbm)[i - 8]
                              : &fov_rbm_hidden_bias(rbm)[i - 16];
        double exact = i < 8 ? dw[i * 19] : i < 16 ? da[i - 8] : db[i - 16];
        float at = *one;
        *one = at + h;
        double up = mean_log(rbm, data, BARS, PIXELS);
        *one = at - h;
        double down = mean_log(rbm, data, BARS, PIXELS);
        *one = at;
        assert_true(fabs((up - down) / (2 * (double)h) - exact) < 1e-5);
    }
    fov_rbm_free(rbm);
    fov_context_free(context);
}

/* Trains on bars; returns the mean log probability after training; *weight: one of the weights. */
static double learn_bars(int threads, int steps, float *weight)
{
    float data[BARS * PIXELS];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = threads});
    fov_rbm *rbm = fov_rbm_create(context, PIXELS, HIDDEN, 4);
    const fov_rbm_options options = {
        .epochs = 1500, .batch = 10, .rate = 0.05f, .momentum = 0.5f, .decay = -1, .steps = steps, .seed = 2};
    draw_bars(data);
    double before = mean_log(rbm, data, BARS, PIXELS);
    assert_true(before < -10 && before > -12); /* sixteen pixels at chance: 16 log 2 = 11.1 */
    assert_int_equal(fov_rbm_train(rbm, data, BARS, &options), FOV_OK);
    double after = mean_log(rbm, data, BARS, PIXELS);
    *weight = fov_rbm_weight(rbm)[17];
    fov_rbm_free(rbm);
    fov_context_free(context);
    return after;
}

static void test_contrastive_divergence_learns(void **state)
{
    (void)state;
    float one, two;
    double learned = learn_bars(1, 3, &one);
    if (!(learned > -6.5)) { /* log 30 = 3.4 is the best there is */
        fail_msg("log probability %.2f", learned);
    }
    assert_true(learned == learn_bars(2, 3, &two) && one == two);
}

static void test_rbm_layers_are_sigmoids(void **state)
{
    (void)state;
    float data[3 * 4] = {1, 0, 0.5f, 1, 0, 0, 0, 0, 1, 1, 1, 1}, up[3 * 2], down[3 * 4];
    fov_context *context = fov_context_create(NULL);
    fov_rbm *rbm = fov_rbm_create(context, 4, 2, 0);
    for (int i = 0; i < 8; i++) {
        fov_rbm_weight(rbm)[i] = (float)(i - 3) / 4;
    }
    fov_rbm_hidden_bias(rbm)[1] = 0.25f;
    assert_int_equal(fov_rbm_hidden(rbm, data, 3, up), FOV_OK);
    /* the first sample: -3/4 + 0 - 1/8 + 0; and 1/4 + 0 + 3/8 + 1 + 1/4 */
    assert_true(fabs((double)up[0] - 1 / (1 + exp(0.875))) < 1e-6 &&
                fabs((double)up[1] - 1 / (1 + exp(-1.875))) < 1e-6);
    assert_int_equal(fov_rbm_visible(rbm, up, 3, down), FOV_OK);
    assert_true(fabs((double)down[0] - 1 / (1 + exp(0.75 * (double)up[0] - 0.25 * (double)up[1]))) < 1e-6);
    fov_rbm_free(rbm);
    fov_context_free(context);
}

/* ---- deep belief network ------------------------------------------------------------------------------------------- */

enum { SAMPLES = 3000, LAYER = 200 };

static double accuracy_of(fov_model *model, fov_dataset *test)
{
    int right = 0, count = 500;
    float scores[10];
    for (int i = 0; i < count; i++) {
        fov_image image = {0};
        const uint8_t *pixels;
        int best = 0;
        assert_int_equal(fov_dataset_sample(test, i, &pixels, &image.height, &image.width, &image.channels), FOV_OK);
        image.pixels = (uint8_t *)(uintptr_t)pixels;
        assert_int_equal(fov_predict_image(model, &image, scores, 10), FOV_OK);
        for (int k = 1; k < 10; k++) {
            best = scores[k] > scores[best] ? k : best;
        }
        right += best == fov_dataset_label(test, i);
    }
    return (double)right / count;
}

/* The same network with the default (PyTorch's) initial weights, for comparison. */
static fov_model *random_start(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value image = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 1, 28, 28}}), x = fov_flatten(g, image);
    for (int i = 0; i < 2; i++) {
        x = fov_sigmoid(g, fov_dense(g, x, .units = LAYER));
    }
    assert_int_equal(fov_model_set_input_output(model, image, fov_dense(g, x, .units = 10)), FOV_OK);
    return model;
}

static void test_pretraining_helps_where_labels_are_few(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    fov_dataset *all = fov_dataset_open(context, "digits:3000", FOV_TRAIN),
                *few = fov_dataset_open(context, "digits:100", FOV_TRAIN);
    fov_dataset *test = fov_dataset_open(context, "digits:3000", FOV_TEST);
    fov_rbm *rbms[2] = {fov_rbm_create(context, 784, LAYER, 1), fov_rbm_create(context, LAYER, LAYER, 2)};
    float *data = malloc(sizeof *data * SAMPLES * 784);
    assert_true(all != NULL && few != NULL && test != NULL && rbms[1] != NULL && data != NULL);
    for (int i = 0; i < SAMPLES; i++) {
        const uint8_t *pixels;
        int size[3];
        assert_int_equal(fov_dataset_sample(all, i, &pixels, &size[0], &size[1], &size[2]), FOV_OK);
        for (int p = 0; p < 784; p++) {
            data[i * 784 + p] = (float)pixels[p] / 255;
        }
    }
    assert_int_equal(fov_dbn_pretrain(rbms, 2, data, SAMPLES, &(fov_rbm_options){.epochs = 10}), FOV_OK);
    fov_model *models[2] = {fov_dbn_model(context, rbms, 2, 1, 28, 28, 10), random_start(context)};
    double accuracy[2];
    for (int m = 0; m < 2; m++) {
        assert_non_null(models[m]);
        assert_int_equal(fov_train(models[m], few, .epochs = 60, .batch = 10, .lr = 0.1f, .momentum = 0.9f), FOV_OK);
        accuracy[m] = accuracy_of(models[m], test);
        fov_model_free(models[m]);
    }
    print_message("a hundred labels: %.1f %% pretrained, %.1f %% from a random start\n", 100 * accuracy[0],
                  100 * accuracy[1]);
    assert_true(accuracy[0] > accuracy[1] + 0.02);
    assert_null(fov_dbn_model(context, rbms, 2, 1, 28, 27, 10));
    assert_int_equal(fov_error_status(context), FOV_E_SHAPE);
    fov_rbm *gap[2] = {rbms[0], NULL};
    assert_null(fov_dbn_model(context, gap, 2, 1, 28, 28, 10));
    assert_string_equal(fov_error(context), "deep belief network: the RBM of layer 2 is NULL");
    assert_int_equal(fov_dbn_pretrain(gap, 2, data, SAMPLES, NULL), FOV_E_USAGE);
    assert_null(fov_dbn_model(context, &gap[1], 1, 1, 28, 28, 10));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    free(data);
    fov_rbm_free(rbms[0]);
    fov_rbm_free(rbms[1]);
    fov_dataset_free(all);
    fov_dataset_free(few);
    fov_dataset_free(test);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hopfield_remembers_until_0138),
        cmocka_unit_test(test_hopfield_recalls_on_threads),
        cmocka_unit_test(test_hopfield_energy_never_rises),
        cmocka_unit_test(test_boltzmann_gradient_is_the_slope_of_the_log_probability),
        cmocka_unit_test(test_boltzmann_samples_as_it_should),
        cmocka_unit_test(test_annealing_finds_the_lowest_energy),
        cmocka_unit_test(test_rbm_probabilities_sum_to_one),
        cmocka_unit_test(test_rbm_gradient_is_the_slope_of_the_log_probability),
        cmocka_unit_test(test_contrastive_divergence_learns),
        cmocka_unit_test(test_rbm_layers_are_sigmoids),
        cmocka_unit_test(test_pretraining_helps_where_labels_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
