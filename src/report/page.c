/* SPDX-License-Identifier: MIT */
/* The frame of a page, its style sheet, and embedded pictures. */
#include "report/page.h"
#include "image/image.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The colours are those of plot.h, two hues that can be told apart with any colour vision, and four more of the same
 * set (Okabe, Ito 2008). No information is conveyed by colour alone. */
static const char style[] =
    ":root{color-scheme:light dark;--paper:#fff;--ink:#1c1e21;--faint:#5f666e;--line:#e1e4e8;--soft:#f5f6f8;"
    "--c0:#d55e00;--c1:#0072b2;--c2:#009e73;--c3:#a6588a;--c4:#b58900;--c5:#3b8fbf;--heat:0,114,178}"
    "@media(prefers-color-scheme:dark){:root{--paper:#16181b;--ink:#e6e8eb;--faint:#a0a7b0;--line:#33373c;"
    "--soft:#1f2226;--c0:#ff8c42;--c1:#5ab4f0;--c2:#3fcf9f;--c3:#e39cc8;--c4:#f0d04a;--c5:#9ad4f5;--heat:90,180,240}}"
    "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}"
    "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',"
    "Roboto,sans-serif}main{max-width:70rem;margin:0 auto;padding:1.5rem 1rem 4rem}"
    "h1{font-size:1.6rem;line-height:1.25;margin:0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:0 0 .25rem}"
    "h3{font-size:.95rem;margin:0 0 .25rem;font-weight:600}header p{margin:.25rem 0 0;color:var(--faint);"
    "overflow-wrap:anywhere}section{margin-top:2.5rem}section>p{margin:0 0 .75rem;color:var(--faint);max-width:46rem}"
    ".figures{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1.25rem 0 0;padding:0}.figures div{min-width:5.5rem}"
    ".figures dt{color:var(--faint);font-size:.85rem}.figures dd{margin:0;font-size:1.35rem;font-weight:600;"
    "font-variant-numeric:tabular-nums}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1.5rem}"
    "figure{margin:0}svg{display:block;width:100%;height:auto}svg text{fill:var(--faint);font-size:11px}"
    ".grid{stroke:var(--line)}.axis{stroke:var(--faint)}.curve{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;font-size:.85rem;color:var(--faint);margin:0 0 .25rem}"
    ".legend svg{width:1.6rem;height:.7rem;display:inline-block;margin-right:.35rem;vertical-align:middle}"
    ".k0{stroke:var(--c0)}.k1{stroke:var(--c1)}.k2{stroke:var(--c2)}.k3{stroke:var(--c3)}.k4{stroke:var(--c4)}"
    ".k5{stroke:var(--c5)}.f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}"
    ".f4{fill:var(--c4)}.f5{fill:var(--c5)}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}"
    "th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}"
    "th{font-weight:600;color:var(--faint)}th:first-child,td:first-child{text-align:left}"
    ".words th{text-align:left}.words td{text-align:left;white-space:normal;overflow-wrap:anywhere}"
    ".cells td{text-align:center;padding:.2rem .35rem;border:1px solid var(--paper);min-width:2rem}"
    ".cells th{font-size:.8rem;padding:.2rem .35rem}"
    ".samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:1rem;padding:0;margin:0;"
    "list-style:none;font-size:.85rem}.samples img{display:block;width:100%;height:auto;image-rendering:pixelated;"
    "border-radius:4px;background:var(--soft);margin-bottom:.3rem}.samples b{font-weight:600}"
    ".triple{grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr))}"
    ".triple div{display:grid;grid-template-columns:repeat(3,1fr);gap:.3rem}"
    ".pairs{grid-template-columns:1fr;max-width:56rem}.pairs div{display:grid;grid-template-columns:1fr 1fr;gap:.5rem}"
    ".pairs img{image-rendering:auto}"
    ".charts figure:only-child{max-width:28rem}"
    ".maps{grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr))}"
    ".sums{grid-template-columns:minmax(0,1fr);margin-bottom:.75rem}.numbers td{text-align:right}"
    ".pair{display:flex;flex-wrap:wrap;gap:.5rem .75rem;align-items:center;margin:.4rem 0}.pair>*{min-width:0}"
    ".times{display:flex;gap:.75rem;align-items:center}.times>.wide{min-width:0}"
    "details{margin-top:1rem}summary{cursor:pointer;color:var(--faint)}summary:focus-visible,a:focus-visible{"
    "outline:2px solid var(--c1);outline-offset:2px}footer{margin-top:3rem;color:var(--faint);font-size:.85rem}"
    "@media print{body{font-size:11pt}section{break-inside:avoid}}";

void page_text(struct text *html, const char *text)
{
    size_t size = strlen(text) * 4 + 1;
    char *clean = memory_allocate(html->memory, size, 1, "a page", NULL), stack[512];
    const char *at = text_clean(clean != NULL ? clean : stack, clean != NULL ? size : sizeof stack, text);
    for (; *at != '\0'; at++) {
        const char *entity = *at == '&'   ? "&amp;"
                             : *at == '<' ? "&lt;"
                             : *at == '>' ? "&gt;"
                             : *at == '"' ? "&quot;"
                             : *at == '\'' ? "&#39;"
                                           : NULL;
        text_add_bytes(html, entity != NULL ? entity : at, entity != NULL ? strlen(entity) : 1);
    }
    memory_free(html->memory, clean);
}

void page_begin(struct text *html, const char *title, const char *subtitle)
{
    text_add(html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                   "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
    page_text(html, title);
    text_add(html, "</title><style>%s</style></head><body><main><header><h1>", style);
    page_text(html, title);
    text_add(html, "</h1><p>");
    page_text(html, subtitle);
    text_add(html, "</p></header>\n");
}

void page_end(struct text *html)
{
    text_add(html, "<footer>Written by fovea %s. This file is complete: it loads nothing and runs nothing.</footer>"
                   "</main></body></html>\n",
             FOVEA_VERSION);
}

void page_section(struct text *html, const char *title, const char *explanation)
{
    text_add(html, "<section><h2>");
    page_text(html, title);
    text_add(html, "</h2>");
    if (*explanation != '\0') {
        text_add(html, "<p>");
        page_text(html, explanation);
        text_add(html, "</p>");
    }
}

void page_section_end(struct text *html)
{
    text_add(html, "</section>\n");
}

void page_figures(struct text *html)
{
    text_add(html, "<dl class=\"figures\">");
}

void page_figure(struct text *html, const char *name, const char *value)
{
    text_add(html, "<div><dt>");
    page_text(html, name);
    text_add(html, "</dt><dd>");
    page_text(html, value);
    text_add(html, "</dd></div>");
}

void page_figures_end(struct text *html)
{
    text_add(html, "</dl>\n");
}

/* Base 64 as in RFC 4648, section 4. */
static void add_base64(struct text *html, const uint8_t *bytes, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t block = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        const char four[4] = {letters[block >> 18], letters[block >> 12 & 63], left > 1 ? letters[block >> 6 & 63] : '=',
                              left > 2 ? letters[block & 63] : '='};
        text_add_bytes(html, four, sizeof four);
    }
}

int page_picture(struct text *html, const uint8_t *pixels, int height, int width, int channels, int shown,
                 const char *description, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    int status = image_encode_png(pixels, height, width, channels, &bytes, &size, error);
    if (status != FOV_OK) {
        return status;
    }
    text_add(html, "<img width=\"%d\" height=\"%lld\" alt=\"", shown, (long long)shown * height / width);
    page_text(html, description);
    text_add(html, "\" src=\"data:image/png;base64,");
    add_base64(html, bytes, size);
    text_add(html, "\">");
    free(bytes); /* allocated by the PNG library */
    return FOV_OK;
}
