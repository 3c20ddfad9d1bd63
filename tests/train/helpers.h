/* SPDX-License-Identifier: MIT */
/* What the tests of training share: contexts, temporary run folders, whole training runs and the hash of their
 * weights. */
#ifndef TESTS_TRAIN_HELPERS_H
#define TESTS_TRAIN_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>

/** Fails the test with the context's sentence where `condition` does not hold. */
#define assert_fine(context, condition)                         \
    do {                                                        \
        if (!(condition)) {                                     \
            fail_msg("%s: %s", #condition, fov_error(context)); \
        }                                                       \
    } while (0)

fov_context *test_context(int threads, uint64_t seed);
/** A fresh folder under $TMPDIR or /tmp, named into out[256]. */
void test_folder(char out[256]);
/** Removes the folder and everything in it. */
void test_folder_remove(const char *folder);
/** "FOLDER/NAME" into out[512]. */
const char *test_path(char out[512], const char *folder, const char *name);
/** The whole file with a final NUL, and its size unless NULL; free() it. Fails the test if the file does not exist. */
char *test_read(const char *path, size_t *size);
/** history.csv without its second column: times differ from run to run. */
char *test_history(const char *folder);
/** Asserts that both folders hold the same run: model files byte for byte, history.csv except for its times. */
void test_same_run(const char *a, const char *b);

/** One run: network, data, options. test_train() writes the trained weights' hash and returns fov_train's status. */
struct test_run {
    const char *network, *data;
    fov_model *(*build)(fov_context *context); /* builds the network; NULL: .network names it */
    int threads;
    uint64_t seed;
    bool validate;
    fov_train_options options;
};
int test_train(const struct test_run *run, char hash[65]);

/** Looks for `path` in $FOVEA_SHARED, or, if that is not set, in ../shared beside the source. Writes the whole path
 * into out[512] and returns it; NULL if there is no such file. */
const char *test_shared(char out[512], const char *path);

#endif
