/* SPDX-License-Identifier: MIT */
/* fovea zoo: the networks known by name. */
#include "options.h"
#include "output.h"
#include "zoo_list.h"
#include <string.h>

static int run(struct cli *cli)
{
    if (option_flag(cli, "detectors")) {
        return cli->argument_count == 0 ? zoo_detectors(cli)
                                        : fail(cli, EXIT_USAGE, "--detectors lists all of them, without a name");
    }
    if (cli->argument_count == 0) {
        return zoo_list(cli);
    }
    if (strchr(cli->arguments[0], ':') != NULL) {
        return fail(cli, EXIT_USAGE, "a network's name alone; fovea inspect shows what options make of it");
    }
    return zoo_describe(cli, cli->arguments[0]);
}

static const struct cli_option options[] = {
    {.name = "detectors", .kind = OPTION_FLAG, .doc = "those that find boxes, with GFLOPs and milliseconds here"},
    {.name = NULL},
};

const struct verb verb_zoo = {
    .name = "zoo",
    .summary = "list the networks known by name, or say more of one",
    .run = run,
    .options = options,
    .arguments = "[NAME]",
    .minimum_arguments = 0,
    .maximum_arguments = 1,
    .help =
        "A row per network: year, input, parameters (running statistics of batch norm are not among them), "
        "multiply-adds for one picture (of convolutions and dense layers, without auxiliary heads), task and published "
        "accuracy. With a name: its paper, whose weights load, and its options.",
    .examples = "fovea zoo\n"
                "fovea zoo resnet50\n"
                "fovea zoo --detectors\n"
                "fovea new resnet50:attention=cbam\n"
                "fovea zoo --json\n",
};
