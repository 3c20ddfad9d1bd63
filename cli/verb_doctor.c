/* SPDX-License-Identifier: MIT */
/* fovea doctor: lists what this machine and this build have, what is missing, and how to get it. */
#include "json.h"
#include "options.h"
#include "output.h"
#include "ranks.h"
#include "rates.h"
#include "table.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The optional parts of a build. FOVEA_PARTS lists those that it has, " JPEG PNG CAIRO=libcairo.so.2 "; a library after
 * = is loaded by the first call that needs it (CMakeLists.txt), and MPI is in a module beside the command (ranks.h). */
static const struct part {
    const char *name, *what, *package; /* Debian's */
} parts[] = {
    {"JPEG", "JPEG pictures", "libjpeg-dev"},
    {"PNG", "PNG pictures, read and written", "libspng-dev"},
    {"WEBP", "WebP pictures", "libwebp-dev"},
    {"GIF", "GIF pictures", "libgif-dev"},
    {"ARCHIVE", "datasets in tar archives", "libarchive-dev"},
    {"EXPAT", "boxes in Pascal VOC's XML", "libexpat1-dev"},
    {"CURL", "downloads: fovea data get", "libcurl4-openssl-dev"},
    {"CAIRO", "curves, sheets and reports with pictures", "libcairo2-dev"},
    {"HDF5", "Keras' weights (.h5)", "libhdf5-dev"},
    {"EVENT", "fovea serve", "libevent-dev"},
    {"MPI", "training by several processes (mpirun)", "libmpich-dev or libopenmpi-dev"},
};

static const struct {
    const char *source, *how;
} data[] = {
    {"mnist", "fovea data get mnist"},
    {"cifar10", "its binary archive's files into $FOVEA_DATA/cifar10"},
    {"cifar100", "its binary archive's files into $FOVEA_DATA/cifar100"},
};

/* The rows found so far, as a table and as JSON. */
struct findings {
    struct cli *cli;
    struct table *table;
    json_t *list;
    int missing;
};

static void add(struct findings *f, const char *what, bool well, const char *text, const char *advice)
{
    char all[1024];
    snprintf(all, sizeof all, "%s%s%s", text, advice != NULL ? ": " : "", advice != NULL ? advice : "");
    table_row(f->table, (const char *const[]){what, well ? "yes" : "no", all});
    json_t *one = json_object();
    json_set_text(one, "what", what);
    json_set_flag(one, "here", well);
    json_set_text(one, "text", text);
    if (advice != NULL) {
        json_set_text(one, "advice", advice);
    }
    json_add(f->list, one);
    f->missing += well ? 0 : 1;
}

/* Debian's package of a library that is loaded at run time, by its file: "libcurl4" for "libcurl.so.4". */
static void runtime_package(char out[64], const char *file)
{
    const char *version = strstr(file, ".so.");
    int stem = version != NULL ? (int)(version - file) : (int)strlen(file);
    bool ends_in_digit = stem > 0 && file[stem - 1] >= '0' && file[stem - 1] <= '9';
    snprintf(out, 64, "%.*s%s%.8s", stem < 40 ? stem : 40, file, version != NULL && ends_in_digit ? "-" : "",
             version != NULL ? version + strlen(".so.") : "");
}

static void look_at_part(struct findings *f, const struct part *part)
{
    char wanted[32], file[64] = "", advice[256];
    snprintf(wanted, sizeof wanted, " %s", part->name);
    const char *found = strstr(FOVEA_PARTS, wanted);
    if (found == NULL) {
        snprintf(advice, sizeof advice, "install %s and build anew", part->package);
        add(f, part->name, false, part->what, advice);
    } else if (strcmp(part->name, "MPI") == 0 && !ranks_can_join()) {
        add(f, part->name, false, part->what, "its module fovea_mpi.so or an MPI library is not on this machine");
    } else if (sscanf(found + strlen(wanted), "=%63s", file) != 1) {
        add(f, part->name, true, part->what, NULL);
    } else {
        void *library = dlopen(file, RTLD_LAZY | RTLD_LOCAL);
        char package[64];
        runtime_package(package, file);
        snprintf(advice, sizeof advice, "%s is not on this machine; %s brings it", file, package);
        add(f, part->name, library != NULL, part->what, library != NULL ? NULL : advice);
        /* Not closed: some libraries allocate when they are loaded, and would lose it. */
    }
}

static void look_at_rates(struct findings *f)
{
    char path[RATES_PATH], from[RATES_PATH], problem[512];
    bool known = rates_path(f->cli, path);
    int code = rates_apply(f->cli, from, problem, sizeof problem);
    if (code != EXIT_OK) {
        add(f, "rates", false, problem, "fovea bench --tune writes them anew");
    } else if (*from != '\0') {
        add(f, "rates", true, from, NULL);
    } else {
        add(f, "rates", false, known ? "those of the instruction set are used" : "no home folder to keep them in",
            "fovea bench --tune measures this machine, in seconds");
    }
}

static void look_at_data(struct findings *f)
{
    const char *folder = getenv("FOVEA_DATA");
    add(f, "$FOVEA_DATA", folder != NULL, folder != NULL ? folder : "not set, ~/.local/share/fovea is looked into",
        folder != NULL ? NULL : "export FOVEA_DATA=DIR keeps datasets elsewhere");
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
        fov_dataset *found = fov_dataset_open(f->cli->context, data[i].source, FOV_TEST);
        char where[512];
        snprintf(where, sizeof where, "%.500s", found != NULL ? fov_dataset_describe(found).source : "not found");
        add(f, data[i].source, found != NULL, where, found != NULL ? NULL : data[i].how);
        fov_dataset_free(found);
        fov_error_clear(f->cli->context);
    }
}

static void look(struct findings *f)
{
    struct cli *cli = f->cli;
    fov_context *context = cli->context;
    char text[256], bytes[NUMBER_SIZE];
    add(f, "fovea", true, fov_version(), NULL);
    add(f, "machine", true, fov_machine(context), NULL);
    snprintf(text, sizeof text, "%s, %d threads", fov_context_isa(context), fov_context_threads(context));
    add(f, "kernels", true, text, NULL);
    double all = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    snprintf(text, sizeof text, "%s in the machine; fovea takes 80 %% of what it may use at most (--max-memory)",
             show_bytes(bytes, all));
    add(f, "memory", true, text, NULL);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        look_at_part(f, &parts[i]);
    }
    look_at_rates(f);
    look_at_data(f);
    add(f, "UTF-8", cli->unicode, cli->unicode ? "bars and blocks are drawn with it" : "plain letters are drawn",
        cli->unicode ? NULL : "export LC_ALL=C.UTF-8");
}

static int run(struct cli *cli)
{
    struct findings f = {.cli = cli};
    if (cli_context(cli) == NULL) {
        return fail_library(cli);
    }
    f.table = table_create("llL");
    f.list = json_array();
    table_row(f.table, (const char *const[]){"what", "here", "which, or how to get it"});
    table_rule(f.table);
    look(&f);
    if (cli->json) {
        json_t *object = json_object();
        json_set(object, "findings", json_incref(f.list));
        json_set_integer(object, "missing", f.missing);
        json_print(cli, object);
    } else {
        table_print(f.table, cli);
    }
    json_decref(f.list);
    table_free(f.table);
    return EXIT_OK;
}

static const struct cli_option options[] = {{.name = NULL}};

const struct verb verb_doctor = {
    .name = "doctor",
    .summary = "what this machine and build have, what is missing and how to get it",
    .run = run,
    .options = options,
    .arguments = "",
    .help = "Looks at the machine, the kernels in use, threads and memory, the libraries that were built in, measured rates, "
            "and the datasets that are here. Nothing is changed; what is missing is no failure.",
    .examples = "fovea doctor\n"
                "fovea doctor --json\n",
};
