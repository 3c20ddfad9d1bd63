/* SPDX-License-Identifier: MIT */
/* HTML pages: each is a single self-contained file that needs neither server nor script nor network and adapts to light
 * and dark mode and to narrow and wide screens. These are the building blocks; src/review composes the pages. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "base/text.h"
#include <stdint.h>

/** Adds everything up to the page's first section. */
void page_begin(struct text *html, const char *title, const char *subtitle);
void page_end(struct text *html);

void page_section(struct text *html, const char *title, const char *explanation); /**< "" : none */
void page_section_end(struct text *html);

/** Adds text with & < > and quotes escaped; control characters and invalid UTF-8 are shown as escapes. */
void page_text(struct text *html, const char *text);

/** Begins a row of figures in large type; page_figure adds each. */
void page_figures(struct text *html);
void page_figure(struct text *html, const char *name, const char *value);
void page_figures_end(struct text *html);

/** Embeds a picture in the page as PNG: 8-bit [height, width, channels], displayed `shown` CSS pixels wide.
 *  `description` becomes the alternative text. E_UNSUPPORTED in a build without PNG. */
int page_picture(struct text *html, const uint8_t *pixels, int height, int width, int channels, int shown,
                 const char *description, struct error *error);

#endif
