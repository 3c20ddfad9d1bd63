/* SPDX-License-Identifier: MIT */
/* fovea report: a run folder as one page, or several side by side. */
#include "json.h"
#include "options.h"
#include "output.h"
#include "run_directory.h"
#include <fovea/report.h>
#include <string.h>

/* Where the page goes: -o, else report.html in the folder of one run, else report.html here. */
static const char *page_path(const struct cli *cli, char out[RUN_PATH])
{
    struct run_directory folder = {.made = false};
    const char *typed = option_text(cli, "out");
    if (typed != NULL) {
        return typed;
    }
    if (cli->argument_count > 1) {
        return "report.html";
    }
    snprintf(folder.path, sizeof folder.path, "%s", cli->arguments[0]);
    return run_directory_file(out, &folder, "report.html");
}

static int run(struct cli *cli)
{
    char path[RUN_PATH], clean[SHOWN_SIZE];
    bool measures = option_given(cli, "data") || option_given(cli, "samples");
    if (cli->argument_count > 1 && measures) {
        return fail(cli, EXIT_USAGE, "--%s is for the page of one run: of several, only what their files say is compared",
                    option_given(cli, "data") ? "data" : "samples");
    }
    fov_context *context = cli_context(cli);
    if (context == NULL) {
        return fail_library(cli);
    }
    int samples = (int)option_integer(cli, "samples");
    const fov_run_report_options options = {.data = option_text(cli, "data"), .samples = samples > 0 ? samples : -1};
    const char *html = page_path(cli, path);
    const char *typed = options.data;
    if (typed != NULL && strcmp(typed, "none") != 0) { /* must open, while the report may skip a run's own data */
        fov_dataset *data = fov_dataset_open(context, typed, FOV_TEST);
        if (data == NULL) {
            return fail_library(cli);
        }
        fov_dataset_free(data);
    }
    int status = cli->argument_count > 1
                     ? fov_run_comparison(context, (const char *const *)cli->arguments, cli->argument_count, html)
                     : fov_run_report(context, cli->arguments[0], html, &options);
    if (status != FOV_OK) {
        return fail_library(cli);
    }
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "report", html);
        json_print(cli, object);
    } else {
        fprintf(cli->out, "%s\n", show_clean(clean, sizeof clean, html));
    }
    return EXIT_OK;
}

static const struct cli_option options[] = {
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE.html", .writes = WRITES_FILE,
     .otherwise = "report.html in the run's folder; of several, here", .doc = "where the page goes"},
    {.name = "data", .kind = OPTION_TEXT, .argument = "SOURCE", .otherwise = "what the run was checked with",
     .doc = "data to measure the best model with; none: only what the run's files say"},
    {.name = "samples", .kind = OPTION_INTEGER, .argument = "N", .standard = "24", .minimum = 0, .maximum = 200,
     .doc = "how many of the worst samples are shown"},
    {.name = NULL},
};

const struct verb verb_report = {
    .name = "report",
    .summary = "a training run as one page for people; several runs side by side",
    .run = run,
    .options = options,
    .arguments = "DIR [DIR...]",
    .minimum_arguments = 1,
    .maximum_arguments = 6,
    .help = "Writes one HTML file with everything in it: curves, figures, classes, calibration, the worst mistakes as "
            "pictures, and the settings. It needs no server, no script and no network, and suits light and dark, a "
            "telephone and a wide screen. fovea train leaves one in its folder; this makes it again. With several "
            "folders: their curves in one chart each, their last figures, and the settings in which they differ.",
    .examples = "fovea report runs/train\n"
                "fovea report runs/train -o /tmp/report.html --samples 60\n"
                "fovea report runs/train runs/train2 -o compared.html\n",
};
