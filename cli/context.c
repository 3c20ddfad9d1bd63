/* SPDX-License-Identifier: MIT */
/* Makes the library's context from the common options: threads, memory, seed, log level. */
#include "options.h"
#include "output.h"
#include "rates.h"
#include <stdio.h>

static void log_line(void *user, fov_log_level level, const char *message)
{
    static const char *const names[] = {"warning", "info", "debug"};
    char clean[2048];
    (void)user;
    fprintf(stderr, "fovea: %s: %s\n", names[level], show_clean(clean, sizeof clean, message));
}

/* The log without --verbose: warnings only. */
static void log_warning(void *user, fov_log_level level, const char *message)
{
    if (level == FOV_LOG_WARNING) {
        log_line(user, level, message);
    }
}

/* Replaces the built-in rates by those measured on this machine (bench --tune), where there are any. They can change
 * the last digits of results, through the choice of algorithms, so -v prints which are used. */
static void take_rates(struct cli *cli)
{
    char from[RATES_PATH], line[RATES_PATH + 64];
    cli->problem_code = rates_apply(cli, from, cli->problem, sizeof cli->problem);
    if (cli->verbose && cli->problem_code == EXIT_OK) {
        snprintf(line, sizeof line, "rates: %s%s", *from != '\0' ? "measured on this machine, " : "those of ",
                 *from != '\0' ? from : fov_context_isa(cli->context));
        log_line(NULL, FOV_LOG_INFO, line);
    }
}

fov_context *cli_context_seeded(struct cli *cli, uint64_t seed)
{
    if (cli->context == NULL) {
        fov_context_options options = {
            .threads = option_given(cli, "threads") ? (int)option_integer(cli, "threads") : 0,
            .seed = seed,
            .max_memory = option_given(cli, "max-memory") ? (size_t)option_integer(cli, "max-memory") : 0,
            .exact_conv = option_flag(cli, "exact-conv"),
            .strict = option_flag(cli, "strict"),
            .external_data = option_text(cli, "allow-external"),
            .log = cli->verbose ? log_line : cli->quiet ? NULL : log_warning,
        };
        cli->context = fov_context_create(&options);
        if (cli->context != NULL && fov_error_status(cli->context) == FOV_OK) {
            take_rates(cli);
        }
    }
    bool well = cli->context != NULL && fov_error_status(cli->context) == FOV_OK && cli->problem_code == EXIT_OK;
    return well ? cli->context : NULL;
}

fov_context *cli_context(struct cli *cli)
{
    return cli_context_seeded(cli, option_natural(cli, "seed"));
}
