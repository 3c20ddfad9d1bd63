/* SPDX-License-Identifier: MIT */
/* How long a program waits for its first answer: it creates a context, loads the model from its file, creates a session
 * and classifies one picture, then the same picture again. Prints the milliseconds of each. bench/first_answer.py runs
 * it repeatedly, each time as a new process.
 *
 * Usage: first_answer MODEL.onnx [THREADS] */
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

int main(int count, char **arguments)
{
    enum { SIDE = 224 };
    static uint8_t pixels[SIDE * SIDE * 3];
    const fov_image picture = {SIDE, SIDE, 3, pixels, NULL, NULL};
    double at[6] = {now()};
    fov_context *context = fov_context_create(
        &(fov_context_options){.threads = count > 2 ? atoi(arguments[2]) : 0});
    at[1] = now();
    fov_model *model = count > 1 ? fov_model_load(context, arguments[1]) : NULL;
    at[2] = now();
    fov_session *session = fov_session_create(model, NULL);
    at[3] = now();
    fov_answer answer = {.count = 0};
    for (int i = 4; i < 6; i++) {
        fov_answer_free(&answer);
        if (fov_session_answer(session, &picture, &answer) != FOV_OK) {
            fprintf(stderr, "first_answer: %s\n", session != NULL ? fov_session_error(session) : fov_error(context));
            return 1;
        }
        at[i] = now();
    }
    printf("context %.2f  load %.2f  session %.2f  first answer %.2f  second %.2f  together %.2f ms\n", at[1] - at[0],
           at[2] - at[1], at[3] - at[2], at[4] - at[3], at[5] - at[4], at[4] - at[0]);
    fov_answer_free(&answer);
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
    return 0;
}
