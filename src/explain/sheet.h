/* SPDX-License-Identifier: MIT */
/* Values of a network as pictures: feature maps and filters side by side, and a receptive field over the picture that
 * the network saw. page.c shows them. */
#ifndef EXPLAIN_SHEET_H
#define EXPLAIN_SHEET_H

#include "explain/explain.h"

/** The first maps in rows, each scaled by itself from black to white. */
int sheet_of_maps(const fov_explainer *explainer, const fov_activation *maps, fov_image *sheet);
/** The first filters in rows: in colour where they read three channels, else the first channel; grey is 0, and all are
 *  scaled by one number. */
int sheet_of_filters(const fov_explainer *explainer, const fov_filters *filters, fov_image *sheet);
/** What the network saw, with a frame around top, left, height, width. */
int sheet_of_field(const fov_explainer *explainer, const int field[4], fov_image *sheet);
/** What the network saw, with all boxes of a detector in the colours of their classes and the explained one thick, or
 *  with the region of a map that is explained. */
int sheet_of_answer(const fov_explainer *explainer, fov_image *sheet);
/** Outlines the box or the region that is explained in an RGB picture of the input's size. */
void sheet_outline(const fov_explainer *explainer, const fov_image *picture);

#endif
