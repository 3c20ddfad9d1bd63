/* SPDX-License-Identifier: MIT */
/* Pages for people: one HTML file with everything in it, that needs neither server nor script nor network, in light and
 * dark, on a telephone and on a wide screen. Here are its pieces; what stands on a page is said in src/review. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "base/text.h"
#include <stdint.h>

/** Everything up to the page's first section. */
void page_begin(struct text *html, const char *title, const char *subtitle);
void page_end(struct text *html);

void page_section(struct text *html, const char *title, const char *explanation); /**< "" : none */
void page_section_end(struct text *html);

/** Adds text with & < > and quotes escaped, control characters and invalid UTF-8 made visible. */
void page_text(struct text *html, const char *text);

/** Figures in large type side by side. */
void page_figures(struct text *html);
void page_figure(struct text *html, const char *name, const char *value);
void page_figures_end(struct text *html);

/** A picture inside the page, as PNG: 8-bit [height, width, channels], shown `shown` CSS pixels wide. E_UNSUPPORTED
 *  without PNG. */
int page_picture(struct text *html, const uint8_t *pixels, int height, int width, int channels, int shown,
                 const char *description, struct error *error);

#endif
