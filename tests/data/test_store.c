/* SPDX-License-Identifier: MIT */
/* Files in archives: read without unpacking the archive, by the same names as in a folder; and hostile or damaged
 * archives. */
#include "data/archives.h"
#include <fovea/memory.h>
#include "data/dataset.h"
#include "data/store.h"

static const uint8_t text[] = "a text that can be packed packed packed packed packed packed packed packed";

/* Asserts that a file of a store is found and has this content, read whole, in part, and with too low a limit. */
static void expect_content(const struct store *store, const char *root, const char *name, const void *bytes,
                           size_t size)
{
    struct memory *memory = memory_create(NULL, 0);
    char path[600];
    uint8_t *read;
    size_t count;
    struct error error = {.status = FOV_OK};
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(store_look(store, path), STORE_FILE);
    assert_int_equal(store_read(store, path, 1 << 20, memory, &read, &count, &error), FOV_OK);
    assert_int_equal(count, size);
    assert_memory_equal(read, bytes, size);
    assert_int_equal(read[size], 0);
    memory_free(memory, read);
    uint64_t whole;
    assert_int_equal(store_read_begin(store, path, 5, memory, &read, &count, &whole, &error), FOV_OK);
    assert_true(count == (size < 5 ? size : 5) && whole == size);
    assert_memory_equal(read, bytes, count);
    memory_free(memory, read);
    if (size > 5) {
        assert_int_equal(store_read(store, path, 5, memory, &read, &count, &error), FOV_E_INPUT);
    }
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
}

static void expect_tree(const char *path)
{
    struct memory *memory = memory_create(NULL, 0);
    struct store *store;
    struct error error = {.status = FOV_OK};
    char **names;
    size_t count;
    assert_int_equal(store_open(&store, path, memory, &error), FOV_OK);
    assert_int_equal(store_findings(store)->count, 0);
    assert_int_equal(store_list(store, path, memory, &names, &count, &error), FOV_OK);
    static const char *const expected[] = {"a", "a-b", "empty", "top.txt"};
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(names[i], expected[i]);
    }
    memory_free(memory, names);
    char folder[600];
    snprintf(folder, sizeof folder, "%s/a", path);
    assert_int_equal(store_look(store, folder), STORE_FOLDER);
    assert_int_equal(store_list(store, folder, memory, &names, &count, &error), FOV_OK);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "deep");
    assert_string_equal(names[1], "x.txt");
    memory_free(memory, names);
    snprintf(folder, sizeof folder, "%s/empty", path);
    assert_int_equal(store_look(store, folder), STORE_FOLDER);
    snprintf(folder, sizeof folder, "%s/a/dee", path);
    assert_int_equal(store_look(store, folder), STORE_NOTHING);
    expect_content(store, path, "a/x.txt", text, sizeof text);
    expect_content(store, path, "a-b/y.txt", text + 3, 20);
    expect_content(store, path, "a/deep/z", "", 0);
    expect_content(store, path, "top.txt", text, 7);
    store_close(store);
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
}

static void test_tree(void **state)
{
    const struct archived files[] = {{.name = "a-b/y.txt", .bytes = text + 3, .size = 20},
                                     {.name = "./a/x.txt", .bytes = text, .size = sizeof text, .deflated = true},
                                     {.name = "empty/"},
                                     {.name = "a/deep/z", .bytes = text, .size = 0},
                                     {.name = "top.txt", .bytes = text, .size = 7, .deflated = true}};
    size_t size;
    uint8_t *bytes;
    put_zip(path_in(state, "tree.zip"), files, 5);
    expect_tree(path_in(state, "tree.zip"));
    bytes = make_zip(files, 5, true, &size);
    put_file(path_in(state, "large.zip"), bytes, size);
    expect_tree(path_in(state, "large.zip"));
    uint8_t *behind = calloc(size + 100, 1); /* a self-extracting program: the archive begins at byte 100 */
    free(bytes);
    bytes = make_zip(files, 5, false, &size);
    memcpy(behind, "PK\3\4", 4);
    memcpy(behind + 100, bytes, size);
    put_file(path_in(state, "program.zip"), behind, size + 100);
    expect_tree(path_in(state, "program.zip"));
    free(bytes);
    free(behind);
#ifdef FOVEA_HAVE_ARCHIVE
    put_tar(path_in(state, "tree.tar"), files, 5);
    expect_tree(path_in(state, "tree.tar"));
    put_tar(path_in(state, "tree.tar.gz"), files, 5);
    expect_tree(path_in(state, "tree.tar.gz"));
#endif
}

/* Opens an archive with "good.txt" and one entry that is left out; `what` is a part of the finding's sentence. */
static void expect_skipped(const char *path, const char *what)
{
    struct memory *memory = memory_create(NULL, 0);
    struct store *store;
    struct error error = {.status = FOV_OK};
    assert_int_equal(store_open(&store, path, memory, &error), FOV_OK);
    const struct findings *findings = store_findings(store);
    assert_int_equal(findings->count, 1);
    if (strstr(findings->list[0].what, what) == NULL) {
        print_message("expected \"%s\" in: %s\n", what, findings->list[0].what);
    }
    assert_non_null(strstr(findings->list[0].what, what));
    expect_content(store, path, "good.txt", text, sizeof text);
    store_close(store);
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
}

static void test_left_out(void **state)
{
    const struct archived good = {.name = "good.txt", .bytes = text, .size = sizeof text};
    const struct {
        struct archived file;
        const char *what;
        bool in_tar;
    } bad[] = {
        {{.name = "../out.txt", .bytes = text, .size = 3}, "\"..\"", true},
        {{.name = "a/../../out.txt", .bytes = text, .size = 3}, "\"..\"", true},
        {{.name = "/etc/passwd", .bytes = text, .size = 3}, "absolute", true},
        {{.name = "..\\out.txt", .bytes = text, .size = 3}, "\"..\"", false},
        {{.name = "C:\\out.txt", .bytes = text, .size = 3}, "drive", false},
        {{.name = "link", .bytes = NULL, .is_link = true}, "link", true},
        {{.name = "secret", .bytes = text, .size = 3, .flags = 1}, "encrypted", false},
        {{.name = "odd", .bytes = text, .size = 3, .method = 14}, "only stored and deflated", false},
        {{.name = "two", .bytes = text, .size = 3, .claims_size = 4000000000U}, "two different sizes", false},
        {{.name = "far", .bytes = text, .size = 3, .claims_offset = 4000000000U}, "beyond the end", false},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct archived files[] = {bad[i].file, good};
        put_zip(path_in(state, "bad.zip"), files, 2);
        expect_skipped(path_in(state, "bad.zip"), bad[i].what);
#ifdef FOVEA_HAVE_ARCHIVE
        if (bad[i].in_tar) {
            put_tar(path_in(state, "bad.tar"), files, 2);
            expect_skipped(path_in(state, "bad.tar"), bad[i].what);
        }
#endif
    }
    /* of two files with one name the later one is kept; of a file and a folder the folder */
    const struct archived twice[] = {{.name = "good.txt", .bytes = text + 1, .size = 9}, good};
    put_zip(path_in(state, "twice.zip"), twice, 2);
    expect_skipped(path_in(state, "twice.zip"), "a later file");
    const struct archived both[] = {{.name = "a", .bytes = text, .size = 9},
                                    good,
                                    {.name = "a/b", .bytes = text, .size = 9},
                                    {.name = "a-c", .bytes = text, .size = 1}};
    put_zip(path_in(state, "both.zip"), both, 4);
    expect_skipped(path_in(state, "both.zip"), "a folder has the same name");
}

/* Damaged content of an entry is found when that entry is read. */
static void test_damaged_content(void **state)
{
    const struct archived files[] = {
        {.name = "stored", .bytes = text, .size = sizeof text, .is_damaged = true},
        {.name = "packed", .bytes = text, .size = sizeof text, .deflated = true, .is_damaged = true},
        {.name = "bomb", .bytes = text, .size = sizeof text, .deflated = true, .claims_size = 900000},
        {.name = "huge", .bytes = text, .size = sizeof text, .deflated = true, .claims_size = 4000000000U}};
    struct memory *memory = memory_create(NULL, 16 << 20);
    struct store *store;
    struct error error = {.status = FOV_OK};
    const char *path = path_in(state, "damaged.zip");
    put_zip(path, files, 4);
    assert_int_equal(store_open(&store, path, memory, &error), FOV_OK);
    size_t before = memory_in_use(memory);
    for (size_t i = 0; i < 4; i++) {
        char file[600];
        uint8_t *bytes;
        size_t size;
        snprintf(file, sizeof file, "%s/%s", path, files[i].name);
        error = (struct error){.status = FOV_OK};
        assert_int_equal(store_read(store, file, 1 << 20, memory, &bytes, &size, &error), FOV_E_INPUT);
        assert_null(bytes);
        assert_ptr_equal(strstr(error.text, file), error.text);
        assert_int_equal(memory_in_use(memory), before);
    }
    store_close(store);
    memory_destroy(memory);
}

/* A zip with any byte inverted, or cut off anywhere: an error, or fewer files, but no leak or crash. */
static void test_any_byte(void **state)
{
    const struct archived files[] = {{.name = "a/x", .bytes = text, .size = 20},
                                     {.name = "b", .bytes = text, .size = sizeof text, .deflated = true}};
    for (int large = 0; large < 2; large++) {
        size_t size;
        uint8_t *bytes = make_zip(files, 2, large, &size);
        for (size_t i = 0; i < 2 * size; i++) {
            struct memory *memory = memory_create(NULL, 32 << 20);
            struct error error = {.status = FOV_OK};
            struct store *store;
            const char *path = path_in(state, "any.zip");
            if (i < size) {
                bytes[i] ^= 0xff;
            }
            put_file(path, bytes, i < size ? size : i - size);
            if (i < size) {
                bytes[i] ^= 0xff;
            }
            if (store_open(&store, path, memory, &error) == FOV_OK) {
                char file[600];
                uint8_t *read;
                size_t count;
                for (int k = 0; k < 2; k++) {
                    error = (struct error){.status = FOV_OK};
                    snprintf(file, sizeof file, "%s/%s", path, files[k].name);
                    if (store_read(store, file, 1 << 20, memory, &read, &count, &error) == FOV_OK) {
                        memory_free(memory, read);
                    }
                }
                store_close(store);
            } else {
                assert_true(error.text[0] != '\0');
            }
            assert_int_equal(memory_in_use(memory), 0);
            memory_destroy(memory);
        }
        free(bytes);
    }
}

/* Any allocation may fail: an error, and no memory is held. */
static void test_no_memory(void **state)
{
    const struct archived files[] = {{.name = "a/x", .bytes = text, .size = 20},
                                     {.name = "../y", .bytes = text, .size = 20},
                                     {.name = "b", .bytes = text, .size = sizeof text, .deflated = true}};
    const char *const names[] = {"m.zip", "m.tar.gz"};
#ifdef FOVEA_HAVE_ARCHIVE
    const int kinds = 2;
    put_tar(path_in(state, names[1]), files, 3);
#else
    const int kinds = 1;
#endif
    put_zip(path_in(state, names[0]), files, 3);
    for (int kind = 0; kind < kinds; kind++) {
        const char *path = path_in(state, names[kind]);
        for (uint64_t n = 1;; n++) {
            struct memory *memory = memory_create(NULL, 0);
            struct error error = {.status = FOV_OK};
            struct store *store;
            memory_fail_at(memory, n, true);
            int status = store_open(&store, path, memory, &error);
            if (status == FOV_OK) {
                store_close(store);
            } else {
                assert_int_equal(status, FOV_E_MEMORY);
            }
            assert_int_equal(memory_in_use(memory), 0);
            memory_destroy(memory);
            if (status == FOV_OK) {
                assert_true(n > 5);
                break;
            }
        }
    }
}

/* A folder per class, in an archive for each of two splits, with and without a folder named like the split. */
static void test_classes(void **state)
{
    for (int with_split = 0; with_split < 2; with_split++) {
        struct archived files[4];
        char names[4][40];
        for (int split = 0; split < 2; split++) {
            for (size_t i = 0; i < 4; i++) {
                size_t size;
                snprintf(names[i], sizeof names[i], "%s%s/%zu.png", with_split ? (split ? "test/" : "train/") : "",
                         i % 2 ? "dog" : "cat", i);
                const uint8_t *png = make_png(4, 5, (uint8_t)(10 * split + (int)i), &size);
                files[i] = (struct archived){.name = names[i], .bytes = png, .size = size, .deflated = i > 1};
            }
            put_zip(path_in(state, split ? "pets-test.zip" : "pets-train.zip"), files, split ? 2 : 4);
            for (size_t i = 0; i < 4; i++) {
                free((void *)(uintptr_t)files[i].bytes);
            }
        }
        fov_context *context = make_context(2);
        for (int split = 0; split < 2; split++) {
            fov_dataset *data =
                fov_dataset_open(context, path_in(state, "pets-train.zip"), split ? FOV_TEST : FOV_TRAIN);
            assert_string_equal(fov_error(context), "");
            fov_dataset_info info = fov_dataset_describe(data);
            assert_int_equal(info.count, split ? 2 : 4);
            assert_int_equal(info.classes, 2);
            assert_true(info.height == 4 && info.width == 5 && info.channels == 1);
            for (int64_t i = 0; i < info.count; i++) {
                const uint8_t *pixels;
                int height, width, channels;
                assert_int_equal(fov_dataset_sample(data, i, &pixels, &height, &width, &channels), FOV_OK);
                assert_int_equal(pixels[0] / 10, split);
                assert_int_equal(pixels[0] % 2, fov_dataset_label(data, i));
            }
            fov_dataset_free(data);
        }
        fov_check check;
        assert_int_equal(fov_dataset_check(context, path_in(state, "pets-train.zip"), NULL, &check), FOV_OK);
        assert_true(check.samples == 6 && check.errors == 0);
        fov_check_free(&check);
        fov_context_free(context);
    }
}

/* The entries of an archive in memory that were shown: names and sizes in order; "!" before an unreadable one. */
struct shown {
    char names[400];
    int ends_after; /* show() stops after this many files; 0: never */
    int count;
};

static int show(void *user, const fov_archived *file)
{
    struct shown *shown = user;
    size_t used = strlen(shown->names);
    assert_true((file->bytes == NULL) == (file->problem != NULL));
    snprintf(shown->names + used, sizeof shown->names - used, "%s%s=%zu ", file->bytes ? "" : "!", file->name,
             file->size);
    return ++shown->count == shown->ends_after;
}

static void expect_shown(const uint8_t *bytes, size_t size, int ends_after, int status, const char *names)
{
    fov_context *context = make_context(1);
    struct shown shown = {.ends_after = ends_after};
    assert_int_equal(fov_archive_each(context, bytes, size, 100, show, &shown), status);
    assert_int_equal(fov_error_status(context), status);
    assert_string_equal(shown.names, names);
    fov_context_free(context);
}

static uint8_t *bytes_of(const char *path, size_t *size)
{
    struct memory *memory = memory_create(NULL, 0);
    uint8_t *bytes, *copy;
    assert_int_equal(file_read(path, 1 << 20, memory, &bytes, size, NULL), FOV_OK);
    copy = calloc(*size, 1); /* exactly sized */
    memcpy(copy, bytes, *size);
    memory_free(memory, bytes);
    memory_destroy(memory);
    return copy;
}

static void test_in_memory(void **state)
{
    static const uint8_t much[200];
    struct archived files[] = {{.name = "z.txt", .bytes = text, .size = 9, .deflated = true},
                               {.name = "../out.txt", .bytes = text, .size = 9},
                               {.name = "folder/"},
                               {.name = "folder/a.txt", .bytes = text, .size = 5},
                               {.name = "much", .bytes = much, .size = sizeof much, .deflated = true},
                               {.name = "b.txt", .bytes = text, .size = 0}};
    size_t size;
    uint8_t *bytes = make_zip(files, 6, false, &size);
    assert_true(fov_archive_is(bytes, size));
    assert_false(fov_archive_is("GIF89a", 6));
    expect_shown(bytes, size, 0, FOV_OK, "z.txt=9 folder/a.txt=5 !much=0 b.txt=0 ");
    expect_shown(bytes, size, 2, FOV_OK, "z.txt=9 folder/a.txt=5 ");
    expect_shown(bytes, size - 25, 0, FOV_E_INPUT, "");
    free(bytes);
    files[0].is_damaged = true;
    bytes = make_zip(files, 1, false, &size);
    expect_shown(bytes, size, 0, FOV_OK, "!z.txt=0 ");
    free(bytes);
#ifdef FOVEA_HAVE_ARCHIVE
    files[0].is_damaged = false;
    put_tar(path_in(state, "some.tar"), files, 6);
    bytes = bytes_of(path_in(state, "some.tar"), &size);
    assert_true(fov_archive_is(bytes, size));
    expect_shown(bytes, size, 0, FOV_OK, "z.txt=9 folder/a.txt=5 !much=0 b.txt=0 ");
    expect_shown(bytes, 600, 0, FOV_E_INPUT, "");
    free(bytes);
    put_tar(path_in(state, "packed.tar.gz"), files, 6); /* refused: the unpacked size is not known in advance */
    bytes = bytes_of(path_in(state, "packed.tar.gz"), &size);
    expect_shown(bytes, size, 0, FOV_E_INPUT, "");
    free(bytes);
#else
    (void)state;
    (void)bytes_of;
#endif
}

/* The real CIFAR-10, if the machine has it: ten classes from two archives beside each other. */
static void test_cifar(void **state)
{
    (void)state;
    fov_context *context = make_context(2);
    fov_dataset *data = fov_dataset_open(context, shared_path("data/cifar10/cifar10-train.zip"), FOV_TEST);
    assert_string_equal(fov_error(context), "");
    fov_dataset_info info = fov_dataset_describe(data);
    assert_true(info.count == 10000 && info.classes == 10 && info.height == 32 && info.same_size);
    fov_dataset_free(data);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tree, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_left_out, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_damaged_content, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_any_byte, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_no_memory, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_in_memory, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_classes, folder_make, folder_remove),
        cmocka_unit_test(test_cifar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
