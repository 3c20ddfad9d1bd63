/* SPDX-License-Identifier: MIT */
/* Stands in for the other files of this folder in a build without jansson, which cannot read config.json: reports about
 * runs are refused. */
#include "device/context.h"
#include <fovea/report.h>

static int refuse(fov_context *context)
{
    return context == NULL ? (int)FOV_E_USAGE
                           : (int)error_set(&context->error, FOV_E_UNSUPPORTED,
                                            "this fovea was built without jansson and reads no run (FOVEA_WITH_JANSSON)");
}

int fov_run_report(fov_context *context, const char *directory, const char *html, const fov_run_report_options *options)
{
    (void)directory, (void)html, (void)options;
    return refuse(context);
}

int fov_run_comparison(fov_context *context, const char *const *directories, int count, const char *html)
{
    (void)directories, (void)count, (void)html;
    return refuse(context);
}
