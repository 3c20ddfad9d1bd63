/* SPDX-License-Identifier: MIT */
/* IDX and MNIST: every malformed file gets its sentence, from bytes and from files, plain and gzipped. */
#include "data/support.h"
#include "data/idx.h"
#include "base/memory.h"
#include <unistd.h>
#include <zlib.h>

/* One malformed file, and a part of the expected sentence. */
struct idx_row {
    const char *what;
    int rank;
    uint8_t bytes[24];
    size_t size;
    fov_status status;
    const char *says;
};

static const struct idx_row idx_rows[] = {
    {"empty", 3, {0}, 0, FOV_E_INPUT, "empty"},
    {"one byte", 3, {0}, 1, FOV_E_INPUT, "truncated"},
    {"header cut", 3, {0, 0, 8, 3, 0, 0, 0, 1}, 8, FOV_E_INPUT, "truncated"},
    {"magic",
     3,
     {'P', 'K', 3, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9},
     17,
     FOV_E_INPUT,
     "not an IDX file (starts with 50 4b"},
    {"type 0a", 3, {0, 0, 10, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9}, 17, FOV_E_INPUT, "not an IDX file"},
    {"floats", 3, {0, 0, 13, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9}, 17, FOV_E_UNSUPPORTED, "32-bit floats"},
    {"labels for pictures", 3, {0, 0, 8, 1, 0, 0, 0, 1, 5}, 9, FOV_E_INPUT, "swapped"},
    {"pictures for labels", 1, {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9}, 17, FOV_E_INPUT, "swapped"},
    {"rank 0", 1, {0, 0, 8, 0, 0, 0, 0, 1, 5}, 9, FOV_E_INPUT, "rank 0"},
    {"rank 255", 3, {0, 0, 8, 255, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9}, 17, FOV_E_INPUT, "rank 255"},
    {"no samples", 1, {0, 0, 8, 1, 0, 0, 0, 0}, 8, FOV_E_INPUT, "dimension 0 is 0"},
    {"no height", 3, {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, 16, FOV_E_INPUT, "dimension 1 is 0"},
    {"2^32 - 1 samples", 1, {0, 0, 8, 1, 255, 255, 255, 255, 5}, 9, FOV_E_INPUT, "truncated"},
    {"width 2^31", 3, {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 128, 0, 0, 0, 9}, 17, FOV_E_INPUT, "out of range"},
    {"huge product", 3, {0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 64, 0, 0, 0, 64, 0, 9}, 17, FOV_E_INPUT, "truncated"},
    {"one byte short", 3, {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3}, 19, FOV_E_INPUT, "truncated"},
    {"one byte more", 3, {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9}, 18, FOV_E_INPUT, "1 unexpected bytes"},
};

/* Writes the gzip of `bytes` to out; returns its size. */
static size_t pack(const uint8_t *bytes, size_t size, uint8_t *out, size_t room)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (unsigned)size;
    stream.next_out = out;
    stream.avail_out = (unsigned)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t made = room - stream.avail_out;
    deflateEnd(&stream);
    return made;
}

/* Parses a heap block of exactly the file's size, so that ASan sees a read one byte too far. */
static int parse(const uint8_t *bytes, size_t size, int rank, struct error *error)
{
    struct memory *memory = memory_create(NULL, 0);
    uint8_t *copy = malloc(size ? size : 1);
    struct idx idx;
    memcpy(copy, bytes, size);
    error->status = FOV_OK;
    int status = idx_parse(&idx, copy, size, rank, memory, error);
    memory_free(memory, idx.bytes);
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
    free(copy);
    return status;
}

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof idx_rows / sizeof *idx_rows; i++) {
        const struct idx_row *row = &idx_rows[i];
        struct error error;
        int status = parse(row->bytes, row->size, row->rank, &error);
        if (status != (int)row->status || !strstr(error.text, row->says)) {
            print_message("%s: status %d, \"%s\"\n", row->what, status, error.text);
        }
        assert_int_equal(status, row->status);
        assert_non_null(strstr(error.text, row->says));

        // gzipped: refused, too, by a sentence that may differ, as the size is not known in advance
        uint8_t packed[256];
        size_t size = pack(row->bytes, row->size, packed, sizeof packed);
        assert_int_not_equal(parse(packed, size, row->rank, &error), FOV_OK);
        assert_true(error.text[0] != 0);
    }
}

static void test_prefixes_and_flips(void **state)
{
    (void)state;
    uint8_t plain[16 + 300] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0, 10}, packed[1024];
    for (size_t i = 16; i < sizeof plain; i++) {
        plain[i] = (uint8_t)(i * 37);
    }
    size_t size = pack(plain, sizeof plain, packed, sizeof packed);
    struct error error;
    assert_int_equal(parse(plain, sizeof plain, 3, &error), FOV_OK);
    assert_int_equal(parse(packed, size, 3, &error), FOV_OK);
    for (size_t cut = 0; cut < sizeof plain; cut++) {
        assert_int_equal(parse(plain, cut, 3, &error), FOV_E_INPUT);
    }
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(parse(packed, cut, 3, &error), FOV_E_INPUT);
    }
    // any flipped bit behind the gzip header's 10 bytes is noticed (by the CRC)
    for (size_t i = 10; i < size; i++) {
        packed[i] ^= 0x10;
        assert_int_not_equal(parse(packed, size, 3, &error), FOV_OK);
        packed[i] ^= 0x10;
    }
    // two gzip members make one file; trailing bytes are refused
    size_t first = pack(plain, 100, packed, sizeof packed);
    size_t both = first + pack(plain + 100, sizeof plain - 100, packed + first, sizeof packed - first);
    assert_int_equal(parse(packed, both, 3, &error), FOV_OK);
    packed[both] = 7;
    assert_int_equal(parse(packed, both + 1, 3, &error), FOV_E_INPUT);
    assert_non_null(strstr(error.text, "after the end"));
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    uint8_t plain[16 + 4] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4}, packed[256];
    size_t size = pack(plain, sizeof plain, packed, sizeof packed);
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        struct memory *memory = memory_create(NULL, 0);
        struct error error = {.status = FOV_OK};
        struct idx idx;
        memory_fail_at(memory, n, false);
        int status = idx_parse(&idx, packed, size, 3, memory, &error);
        done = status == FOV_OK;
        assert_true(done || status == FOV_E_MEMORY);
        memory_free(memory, idx.bytes);
        assert_int_equal(memory_in_use(memory), 0);
        memory_destroy(memory);
        assert_true(n < 100);
    }
}

static void test_open(void **state)
{
    put_mnist(state, 25);
    fov_context *context = make_context(2);
    char named[600];
    snprintf(named, sizeof named, "mnist:%s", (const char *)*state);
    const char *sources[] = {*state, named};
    for (int s = 0; s < 2; s++) {
        fov_dataset *dataset = fov_dataset_open(context, sources[s], FOV_TEST);
        assert_non_null(dataset);
        fov_dataset_info info = fov_dataset_describe(dataset);
        assert_string_equal(info.name, "mnist");
        assert_string_equal(info.source, *state);
        assert_int_equal(info.count, 25);
        assert_int_equal(info.classes, 10);
        assert_true(info.same_size && info.height == 28 && info.width == 28 && info.channels == 1);
        assert_string_equal(fov_dataset_class(dataset, 7), "7");
        assert_string_equal(fov_dataset_class(dataset, 10), "");
        const uint8_t *pixels;
        int height, width, channels;
        assert_int_equal(fov_dataset_sample(dataset, 24, &pixels, &height, &width, &channels), FOV_OK);
        assert_int_equal(fov_dataset_label(dataset, 24), 4);
        assert_int_equal(pixels[5], (uint8_t)((24 * 784 + 5) * 31 + 24 * 7 + 1));
        assert_int_equal(fov_dataset_sample(dataset, 25, &pixels, &height, &width, &channels), FOV_E_USAGE);
        assert_int_equal(fov_dataset_sample(dataset, -1, &pixels, &height, &width, &channels), FOV_E_USAGE);
        fov_error_clear(context);
        fov_dataset_free(dataset);
    }
    fov_context_free(context);
}

/* MNIST as Kaggle packs it: files with a dot in their name beside folders with MNIST's own file names; and files inside
 * those folders. */
static void test_kaggle_layout(void **state)
{
    put_mnist(state, 4);
    static const char *const parts[] = {"train-images", "train-labels", "t10k-images", "t10k-labels"};
    for (int dotted = 1; dotted >= 0; dotted--) {
        for (int i = 0; i < 4; i++) {
            char from[64], to[160];
            int rank = i % 2 ? 1 : 3;
            snprintf(from, sizeof from, "%s%cidx%d-ubyte", parts[i], dotted ? '-' : '.', rank);
            snprintf(to, sizeof to, dotted ? "%s.idx%d-ubyte" : "%s-idx%d-ubyte/%s-idx%d-ubyte", parts[i], rank,
                     parts[i], rank);
            assert_int_equal(rename(path_in(state, from), path_in(state, to)), 0);
            if (dotted) {
                snprintf(to, sizeof to, "%s-idx%d-ubyte/empty", parts[i], rank);
                put_file(path_in(state, to), "x", 1);
            }
        }
        for (int split = 0; split < 2; split++) {
            fov_context *context = make_context(1);
            fov_dataset *dataset = fov_dataset_open(context, *state, (fov_split)split);
            assert_string_equal(fov_error(context), "");
            assert_int_equal(fov_dataset_describe(dataset).count, 4);
            fov_dataset_free(dataset);
            fov_context_free(context);
        }
    }
}

static void test_wrong_sets(void **state)
{
    uint8_t labels[30] = {0};
    uint32_t count = 24;
    put_mnist(state, 25);
    const char *path = path_in(state, "train-labels-idx1-ubyte");
    put_idx(path, 1, &count, labels, count);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "25 images, 24 labels");
    count = 25;
    labels[13] = 17;
    put_idx(path, 1, &count, labels, count);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "train-labels-idx1-ubyte: label 17 of sample 13 is beyond the 10 classes");
    assert_int_equal(unlink(path), 0);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "train-labels-idx1-ubyte is missing");
    char other[600];
    snprintf(other, sizeof other, "%s", path_in(state, "train-images-idx3-ubyte"));
    assert_int_equal(rename(path_in(state, "t10k-labels-idx1-ubyte"), path), 0);
    assert_int_equal(rename(other, path_in(state, "keep")), 0);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(rename(path_in(state, "keep"), path), 0);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "swapped");
}

static void test_where_it_looks(void **state)
{
    char root[600];
    put_mnist(state, 10);
    snprintf(root, sizeof root, "%s", path_in(state, "data"));
    setenv("FOVEA_DATA", root, 1);
    setenv("XDG_DATA_HOME", root, 1);
    refuse("mnist", FOV_TRAIN, FOV_E_IO, "fovea data get mnist");
    refuse("mnist", FOV_TRAIN, FOV_E_IO, "MNIST/raw");
    refuse("mnist:/nowhere/at/all", FOV_TRAIN, FOV_E_IO, "cannot open \"/nowhere/at/all\": No such file");

    // the same files, moved to each of the places in turn
    static const char *const places[] = {"data", "data/mnist", "data/MNIST/raw", "data/fovea/mnist"};
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
    const char *before = "";
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        for (int f = 0; f < 2; f++) {
            char from[200], to[200];
            snprintf(from, sizeof from, "%s%s%s", before, *before ? "/" : "", names[f]);
            snprintf(to, sizeof to, "%s/%s", places[i], names[f]);
            assert_int_equal(rename(path_in(state, from), path_in(state, to)), 0);
        }
        fov_context *context = make_context(1);
        fov_dataset *dataset = fov_dataset_open(context, "mnist", FOV_TRAIN);
        assert_non_null(dataset);
        assert_string_equal(fov_dataset_describe(dataset).source, path_in(state, places[i]));
        fov_dataset_free(dataset);
        fov_context_free(context);
        before = places[i];
    }
    unsetenv("FOVEA_DATA");
    unsetenv("XDG_DATA_HOME");
}

static void test_names(void **state)
{
    refuse("mnits", FOV_TRAIN, FOV_E_USAGE, "did you mean \"mnist\"?");
    refuse("/nowhere/at/all", FOV_TRAIN, FOV_E_IO, "cannot open \"/nowhere/at/all\": No such file");
    refuse("nowhere", FOV_TRAIN, FOV_E_USAGE, "no such directory");
    refuse("", FOV_TRAIN, FOV_E_USAGE, "no source");
    refuse("mnist:", FOV_TRAIN, FOV_E_USAGE, "colon");
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "no data recognised");
    put_file(path_in(state, "file"), "x", 1);
    refuse(path_in(state, "file"), FOV_TRAIN, FOV_E_INPUT, "is a file");
}

/* The real MNIST, if the machine has it. */
static void test_mnist(void **state)
{
    (void)state;
    char source[1100];
    snprintf(source, sizeof source, "mnist:%s", shared_path("data/mnist"));
    fov_context *context = make_context(2);
    for (int split = 0; split < 2; split++) {
        fov_dataset *dataset = fov_dataset_open(context, source, (fov_split)split);
        assert_string_equal(fov_error(context), "");
        assert_non_null(dataset);
        assert_int_equal(fov_dataset_describe(dataset).count, split ? 10000 : 60000);
        // published facts: the first labels, and how many ones there are
        static const int first[2][8] = {{5, 0, 4, 1, 9, 2, 1, 3}, {7, 2, 1, 0, 4, 1, 4, 9}};
        int64_t ones = 0;
        for (int64_t i = 0; i < fov_dataset_describe(dataset).count; i++) {
            ones += fov_dataset_label(dataset, i) == 1;
            if (i < 8) {
                assert_int_equal(fov_dataset_label(dataset, i), first[split][i]);
            }
        }
        assert_int_equal(ones, split ? 1135 : 6742);
        fov_dataset_free(dataset);
    }
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_prefixes_and_flips),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test_setup_teardown(test_open, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_kaggle_layout, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_wrong_sets, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_where_it_looks, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_names, folder_make, folder_remove),
        cmocka_unit_test(test_mnist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
