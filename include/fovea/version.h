/* SPDX-License-Identifier: MIT */
/* The version of these headers. The build reads it here; fov_version() gives the version of the linked library. */
#ifndef FOVEA_VERSION_H
#define FOVEA_VERSION_H

#define FOV_VERSION_MAJOR 0
#define FOV_VERSION_MINOR 1
#define FOV_VERSION_PATCH 0
#define FOV_VERSION       "0.1.0"
/** The version as one number, for comparisons: #if FOV_VERSION_NUMBER >= 100 is "0.1.0 or later". */
#define FOV_VERSION_NUMBER (FOV_VERSION_MAJOR * 10000 + FOV_VERSION_MINOR * 100 + FOV_VERSION_PATCH)

#endif
