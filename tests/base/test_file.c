/* SPDX-License-Identifier: MIT */
/* Reading files: all that a path can name and that is no regular file, limits, lists, folders. test_file_writer.c tests
 * writing. */
#include "base/file.h"
#include "folder.h"
#include "tests.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void test_whole_files(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000, (16 << 20) + 5}; /* the last one is mapped */
    struct memory      *memory = memory_create(NULL, 0);
    const char         *path = folder_path(state, "content");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        unsigned char *content = malloc(sizes[s] + 1);
        for (size_t i = 0; i < sizes[s]; i++) {
            content[i] = (unsigned char)(i * 31 + i / 251);
        }
        put(path, content, sizes[s]);

        struct file_map map;
        struct error    error = {0};
        assert_int_equal(file_map(&map, path, NULL, &error), FOV_OK);
        assert_non_null(map.bytes);
        assert_int_equal(map.size, sizes[s]);
        assert_memory_equal(map.bytes, content, sizes[s]);
        file_unmap(&map);
        file_unmap(&map);

        uint8_t *bytes;
        size_t   size;
        assert_int_equal(file_read(path, sizes[s], memory, &bytes, &size, &error), FOV_OK);
        assert_int_equal(size, sizes[s]);
        assert_memory_equal(bytes, content, size);
        assert_int_equal(bytes[size], 0);
        memory_free(memory, bytes);
        if (sizes[s] > 0) {
            assert_int_equal(file_read(path, sizes[s] - 1, memory, &bytes, &size, &error), FOV_E_INPUT);
            assert_null(bytes);
            assert_int_equal(error.status, FOV_E_INPUT);
        }
        free(content);
    }
    assert_int_equal(memory_in_use(memory), 0);
    memory_fail_at(memory, 1, false);
    uint8_t *bytes;
    size_t   size;
    assert_int_equal(file_read(path, SIZE_MAX, memory, &bytes, &size, NULL), FOV_E_MEMORY);
    memory_destroy(memory);
}

static void test_small_files_are_ours_when_others_cut_them(void **state)
{
    const char     *path = folder_path(state, "cut");
    unsigned char   content[20000];
    struct file_map map;
    memset(content, 9, sizeof content);
    put(path, content, sizeof content);
    assert_int_equal(file_map(&map, path, NULL, NULL), FOV_OK);
    assert_int_equal(truncate(path, 0), 0);
    assert_memory_equal(map.bytes, content, sizeof content); /* a plain mapping would raise SIGBUS here */
    file_unmap(&map);
}

static void refuse(const char *path, const char *why)
{
    struct file_map map;
    struct error    error = {0};
    uint8_t        *bytes;
    size_t          size;
    assert_int_equal(file_map(&map, path, NULL, &error), FOV_E_IO);
    assert_int_equal(error.status, FOV_E_IO);
    assert_int_equal(strncmp(error.text, "cannot open \"", 13), 0);
    if (strstr(error.text, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, why);
    }
    file_unmap(&map);
    error_clear(&error);
    assert_int_equal(file_read(path, 1000, NULL, &bytes, &size, &error), FOV_E_IO);
    assert_non_null(strstr(error.text, why));
    assert_int_equal(file_map(&map, path, NULL, NULL), FOV_E_IO); /* no error struct: optional */
}

static void test_what_is_no_file_is_refused(void **state)
{
    refuse(folder_path(state, "missing"), "No such file");
    refuse("", "No such file");
    refuse(folder_path(state, "."), "it is a directory");
    refuse("/dev/zero", "not a regular file");
    refuse("/dev/null", "not a regular file");

    const char *fifo = folder_path(state, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    refuse(fifo, "not a regular file"); /* at once, although no process writes to it */

    const char *dangling = folder_path(state, "dangling"), *loop = folder_path(state, "loop");
    assert_int_equal(symlink("nowhere", dangling), 0);
    refuse(dangling, "No such file");
    assert_int_equal(symlink("loop", loop), 0);
    refuse(loop, "symbolic links");
    refuse(folder_path(state, "a\nb\x1b[31m"), "a\\nb\\x1b[31m");

    const char *file = folder_path(state, "plain");
    put(file, "x", 1);
    refuse(folder_path(state, "plain/below"), "Not a directory");
    if (geteuid() != 0) {
        assert_int_equal(chmod(file, 0), 0);
        refuse(file, "Permission denied");
    }
}

static void test_folders(void **state)
{
    struct memory *memory = memory_create(NULL, 0);
    struct error   error = {0};
    const char    *deep = folder_path(state, "a/b//c/");
    assert_int_equal(file_make_directories(deep, &error), FOV_OK);
    assert_int_equal(file_make_directories(deep, &error), FOV_OK);
    assert_true(file_is_directory(folder_path(state, "a/b/c")));
    assert_true(file_exists(folder_path(state, "a")));
    assert_false(file_exists(folder_path(state, "z")));
    put(folder_path(state, "a/file"), "x", 1);
    assert_true(file_exists(folder_path(state, "a/file")));
    assert_false(file_is_directory(folder_path(state, "a/file")));
    assert_int_equal(file_make_directories(folder_path(state, "a/file"), &error), FOV_E_IO);
    assert_non_null(strstr(error.text, "a file has that name"));
    assert_int_equal(file_make_directories(folder_path(state, "a/file/below"), NULL), FOV_E_IO);
    assert_int_equal(file_make_directories("", NULL), FOV_E_USAGE);
    assert_int_equal(file_make_directories("/", NULL), FOV_OK);

    const char *names[] = {"10.png", "9.png", ".hidden", "B", "\xc3\xa4"};
    for (size_t i = 0; i < 5; i++) {
        char path[64];
        snprintf(path, sizeof path, "a/b/%s", names[i]);
        put(folder_path(state, path), "", 0);
    }
    char **list;
    size_t count;
    assert_int_equal(file_list(folder_path(state, "a/b"), memory, &list, &count, NULL), FOV_OK);
    const char *expected[] = {"10.png", "9.png", "B", "c", "\xc3\xa4"};
    assert_int_equal(count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(list[i], expected[i]);
    }
    memory_free(memory, list);
    assert_int_equal(file_list(folder_path(state, "a/b/c"), memory, &list, &count, NULL), FOV_OK);
    assert_int_equal(count, 0);
    memory_free(memory, list);
    error_clear(&error);
    assert_int_equal(file_list(folder_path(state, "none"), memory, &list, &count, &error), FOV_E_IO);
    assert_non_null(strstr(error.text, "cannot list folder"));

    /* Whichever allocation fails: an error, and no memory is kept. */
    for (uint64_t n = 1;; n++) {
        memory_fail_at(memory, n, false);
        int status = file_list(folder_path(state, "a/b"), memory, &list, &count, NULL);
        if (status == FOV_OK) {
            assert_true(n > 1);
            memory_free(memory, list);
            break;
        }
        assert_int_equal(status, FOV_E_MEMORY);
        assert_null(list);
        assert_int_equal(memory_in_use(memory), 0);
    }
    memory_destroy(memory);
}

static void test_joining(void **state)
{
    (void)state;
    char         out[16];
    struct error error = {0};
    assert_int_equal(file_join(out, sizeof out, "a", "b", &error), FOV_OK);
    assert_string_equal(out, "a/b");
    assert_int_equal(file_join(out, sizeof out, "a/", "b", &error), FOV_OK);
    assert_string_equal(out, "a/b");
    assert_int_equal(file_join(out, sizeof out, "/", "b", &error), FOV_OK);
    assert_string_equal(out, "/b");
    assert_int_equal(file_join(out, sizeof out, "", "b", &error), FOV_OK);
    assert_string_equal(out, "b");
    assert_int_equal(file_join(out, sizeof out, "1234567", "1234567", &error), FOV_OK);
    assert_int_equal(file_join(out, sizeof out, "1234567", "12345678", &error), FOV_E_USAGE);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_files, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_small_files_are_ours_when_others_cut_them, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_what_is_no_file_is_refused, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_folders, folder_make, folder_remove),
        cmocka_unit_test(test_joining),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
