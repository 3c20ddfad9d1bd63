/* SPDX-License-Identifier: MIT */
/* Downloads: mirrors in turn, wrong content refused, right files kept, wrong ones replaced, interruption, and the
 * error when no mirror has the file. Mirrors are folders (file://) and a server of the test's own; the network is
 * never used. */
#include "data/support.h"
#include "data/get.h"
#include <arpa/inet.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* "hello, digits\n" and "ab", unpacked. */
static const struct get_file files[] = {
    {"one", "89a3f52783852835766ab236c25aea9a67721ee2f1f3e974a2d824c07af62167", 14},
    {"two", "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603", 2},
};
static const char one[] = "hello, digits\n", two[] = "ab";

static int fetch(const char *const *mirrors, const char *directory, get_progress *progress, struct error *error)
{
    const struct get_set set = {.name = "test", .folder = "test", .mirrors = mirrors, .files = files, .file_count = 2};
    fov_context *context = make_context(1);
    size_t before = fov_context_memory(context).bytes;
    error->status = FOV_OK;
    error->text[0] = 0;
    int status = get_fetch(context, &set, directory, progress, NULL, error);
    assert_int_equal(fov_context_memory(context).bytes, before);
    fov_context_free(context);
    return status;
}

/* A folder as a mirror; the files there need not be gzipped to be right. */
static char *mirror(void **state, const char *name)
{
    char url[600];
    path_in(state, name);
    snprintf(url, sizeof url, "file://%s/%s/", (const char *)*state, name);
    return strdup(url);
}

static void expect_file(const char *path, const char *text)
{
    size_t size;
    uint8_t *bytes = get_file(path, &size);
    assert_non_null(bytes);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
    free(bytes);
}

static int refuse_to_wait(void *user, const char *file, uint64_t done, uint64_t total)
{
    (void)user;
    (void)file;
    (void)done;
    (void)total;
    return 1;
}

static void test_mirrors(void **state)
{
    char *empty = mirror(state, "empty"), *wrong = mirror(state, "wrong"), *right = mirror(state, "right");
    const char *all[] = {"http://127.0.0.1:9/", empty, wrong, right, NULL};
    char directory[600];
    struct error error;
    snprintf(directory, sizeof directory, "%s", path_in(state, "new/place/data"));
    put_file(path_in(state, "wrong/one.gz"), "hello, digit\n", 13);
    put_file(path_in(state, "wrong/two.gz"), "ax", 2);
    put_file(path_in(state, "right/one.gz"), one, sizeof one - 1);

    // no mirror has the second file: the first one arrives, and the sentence lists every mirror
    assert_int_equal(fetch(all, directory, NULL, &error), FOV_E_IO);
    assert_non_null(strstr(error.text, "cannot fetch two"));
    assert_non_null(strstr(error.text, "http://127.0.0.1:9/two.gz"));
    assert_non_null(strstr(error.text, "not the published one"));
    expect_file(path_in(state, "new/place/data/one.gz"), one);
    assert_int_not_equal(access(path_in(state, "new/place/data/two.gz"), F_OK), 0);

    put_file(path_in(state, "right/two.gz"), two, sizeof two - 1);
    assert_int_equal(fetch(all, directory, refuse_to_wait, &error), FOV_E_INTERRUPTED);
    assert_int_equal(fetch(all, directory, NULL, &error), FOV_OK);
    expect_file(path_in(state, "new/place/data/two.gz"), two);

    // with all files in place no mirror is asked; a wrong file is replaced under its own name
    const char *const nobody[] = {NULL};
    assert_int_equal(fetch(nobody, directory, NULL, &error), FOV_OK);
    put_file(path_in(state, "new/place/data/one"), "damaged", 7);
    assert_int_equal(fetch(nobody, directory, NULL, &error), FOV_E_IO);
    assert_int_equal(fetch(all, directory, NULL, &error), FOV_OK);
    expect_file(path_in(state, "new/place/data/one"), one);
    free(empty);
    free(wrong);
    free(right);
}

static void test_no_place(void **state)
{
    char *right = mirror(state, "right");
    const char *all[] = {right, NULL};
    struct error error;
    put_file(path_in(state, "right/one.gz"), one, sizeof one - 1);
    put_file(path_in(state, "right/two.gz"), two, sizeof two - 1);
    put_file(path_in(state, "file"), "x", 1);
    assert_int_equal(fetch(all, path_in(state, "file"), NULL, &error), FOV_E_IO); // a file where a folder should be
    assert_true(error.text[0] != 0);
    // a disk that takes no more than 5 bytes: no part of a file stays
    struct rlimit before, few;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    few = before;
    few.rlim_cur = 5;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    int status = fetch(all, path_in(state, "full"), NULL, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, FOV_E_IO);
    assert_non_null(strstr(error.text, "File too large"));
    assert_int_not_equal(access(path_in(state, "full/one.gz"), F_OK), 0);
    assert_int_equal(fetch(all, path_in(state, "full"), NULL, &error), FOV_OK);
    free(right);
}

/* A server that answers every request with one fixed text. */
static pid_t serve(const char *answer, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60); // never outlives the test for long
        for (;;) {
            char request[4096];
            int client = accept(listener, NULL, NULL);
            if (client < 0 || read(client, request, sizeof request) < 0 || write(client, answer, strlen(answer)) < 0) {
                _exit(1);
            }
            close(client);
        }
    }
    close(listener);
    return child;
}

static void test_server(void **state)
{
    static const struct {
        const char *answer, *says;
    } rows[] = {
        {"HTTP/1.0 404 Not Found\r\n\r\n", "404"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\nx", "file size"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 14\r\n\r\nhello", "remaining"},
        {"HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "file"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 15\r\n\r\nhello, digits\n\n", "not the published one"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int port;
        pid_t server = serve(rows[i].answer, &port);
        char url[64];
        struct error error;
        snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
        const char *const mirrors[] = {url, NULL};
        int status = fetch(mirrors, path_in(state, "data"), NULL, &error);
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
        if (!strstr(error.text, rows[i].says)) {
            print_message("\"%s\" lacks \"%s\"\n", error.text, rows[i].says);
        }
        assert_int_equal(status, FOV_E_IO);
        assert_non_null(strstr(error.text, rows[i].says));
        assert_int_not_equal(access(path_in(state, "data/one.gz"), F_OK), 0);
    }
}

/* The public call and the pinned hashes, from the shared copy of MNIST. */
static void test_mnist(void **state)
{
    char own[1100], source[700];
    snprintf(own, sizeof own, "file://%s", shared_path("data/mnist"));
    setenv("FOVEA_MIRROR", own, 1);
    setenv("FOVEA_DATA", *state, 1);
    fov_context *context = make_context(1);
    assert_int_equal(fov_dataset_get(context, "mnist", NULL, NULL, NULL), FOV_OK);
    fov_dataset *dataset = fov_dataset_open(context, "mnist", FOV_TEST);
    assert_non_null(dataset);
    snprintf(source, sizeof source, "%s/mnist", (const char *)*state);
    assert_string_equal(fov_dataset_describe(dataset).source, source);
    fov_dataset_free(dataset);

    struct stat before, after;
    assert_int_equal(stat(path_in(state, "mnist/train-images-idx3-ubyte.gz"), &before), 0);
    assert_int_equal(fov_dataset_get(context, "mnist", source, NULL, NULL), FOV_OK);
    assert_int_equal(stat(path_in(state, "mnist/train-images-idx3-ubyte.gz"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    unsetenv("FOVEA_MIRROR");
    unsetenv("FOVEA_DATA");
    fov_context_free(context);
}

static void test_names(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    assert_int_equal(fov_dataset_get(context, "mnits", NULL, NULL, NULL), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(context), "did you mean \"mnist\"?"));
    fov_context_free(context);
}

int main(void)
{
#ifndef FOVEA_HAVE_CURL
    printf("SKIPPED: built without libcurl\n");
    return 77;
#endif
    signal(SIGPIPE, SIG_IGN);
    setenv("no_proxy", "127.0.0.1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mirrors, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_no_place, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_server, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_mnist, folder_make, folder_remove),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
