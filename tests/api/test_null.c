/* SPDX-License-Identifier: MIT */
/* No public function crashes on NULL: each is called with NULL for all pointers, and with good handles but NULL for the
 * rest, in a process of its own. Functions with a status return FOV_E_USAGE. make_calls.py writes the calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct handles {
    fov_context *context;
    fov_graph *graph;
    fov_model *model;
    fov_dataset *dataset;
    fov_plan *plan;
    fov_session *session;
    fov_explainer *explainer;
    fov_training *training;
    fov_hopfield *hopfield;
    fov_boltzmann *boltzmann;
    fov_rbm *rbm;
};

/* Makes the call in that line of calls.inc; returns its status, or 0 if it has none. */
static int make_call(int line, const struct handles *good)
{
#define STATUS(call) \
    case __LINE__:   \
        return call;
#define TRIED(call) \
    case __LINE__:  \
        return call;
#define ANY(call)   \
    case __LINE__:  \
        (void)call; \
        break;
#define NONE(call) \
    case __LINE__: \
        call;      \
        break;
    switch (line) {
#include "calls.inc"
    default:
        break;
    }
#undef STATUS
#undef TRIED
#undef ANY
#undef NONE
    return 0;
}

struct call {
    int line;
    const char *text;
    bool is_usage; /* the answer must be FOV_E_USAGE */
};
#define STATUS(call) {__LINE__, #call, true},
#define TRIED(call) {__LINE__, #call, false},
#define ANY(call) {__LINE__, #call, false},
#define NONE(call) {__LINE__, #call, false},
static const struct call calls[] = {
#include "calls.inc"
};

static const uint8_t pixels[2 * 28 * 28];
static const int32_t labels[2] = {0, 1};

static struct handles make_handles(void)
{
    struct handles good = {.context = fov_context_create(&(fov_context_options){.threads = 1})};
    const fov_dataset_program program = {.count = 2,
                                         .target = FOV_TARGET_CLASS,
                                         .classes = 10,
                                         .height = 28,
                                         .width = 28,
                                         .channels = 1,
                                         .pixels = pixels,
                                         .labels = labels};
    good.model = fov_model_network(good.context, "lenet5", NULL);
    good.graph = fov_model_graph(good.model);
    good.dataset = fov_dataset_create(good.context, &program);
    fov_value output = fov_model_output(good.model);
    good.plan = fov_plan_create(good.graph, &output, 1, NULL);
    good.session = fov_session_create(good.model, NULL);
    good.explainer = fov_explainer_create(good.model, NULL);
    good.training = fov_training_create(good.model, NULL);
    good.hopfield = fov_hopfield_create(good.context, 4);
    good.boltzmann = fov_boltzmann_create(good.context, 4);
    good.rbm = fov_rbm_create(good.context, 4, 3, 1);
    if (good.dataset == NULL || good.plan == NULL || good.session == NULL || good.explainer == NULL ||
        good.training == NULL || good.hopfield == NULL || good.boltzmann == NULL || good.rbm == NULL) {
        fail_msg("%s", fov_error(good.context));
    }
    return good;
}

/* Makes a call in a child process; returns its status, or -1 if the process was killed by a signal. */
static int answer_of(const struct call *call, const struct handles *good)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        for (int number = 1; number < 32; number++) {
            signal(number, SIG_DFL); /* cmocka's handlers would go on with the tests in the child */
        }
        _exit(make_call(call->line, good) & 0xff);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void nothing_falls_over_null(void **state)
{
    (void)state;
    struct handles good = make_handles();
    int wrong = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int answer = answer_of(&calls[i], &good);
        if (answer < 0 || (calls[i].is_usage && answer != FOV_E_USAGE)) {
            print_message("%s: %s\n", calls[i].text,
                          answer < 0 ? "did not come back" : fov_status_text((fov_status)answer));
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    fov_rbm_free(good.rbm);
    fov_boltzmann_free(good.boltzmann);
    fov_hopfield_free(good.hopfield);
    fov_training_free(good.training);
    fov_explainer_free(good.explainer);
    fov_session_free(good.session);
    fov_plan_free(good.plan);
    fov_dataset_free(good.dataset);
    fov_model_free(good.model);
    fov_context_free(good.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_falls_over_null)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
