/* SPDX-License-Identifier: MIT */
/* The buffer in front of standard output, sentences on standard error, and numbers in readable form. */
#include "output.h"
#include "columns.h"
#include <errno.h>
#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- properties of standard output ---------------------------------------------------------------------------- */

static bool environment_is(const char *name, const char *part)
{
    const char *value = getenv(name);
    return value != NULL && strstr(value, part) != NULL;
}

/* https://no-color.org: any value of NO_COLOR but the empty one means no colours. */
static enum color find_color(const struct cli *cli)
{
    const char *no = getenv("NO_COLOR");
    if (!cli->terminal || (no != NULL && *no != '\0') || environment_is("TERM", "dumb") || getenv("TERM") == NULL) {
        return COLOR_NONE;
    }
    return environment_is("COLORTERM", "truecolor") || environment_is("COLORTERM", "24bit") ? COLOR_TRUE : COLOR_256;
}

static int find_width(struct cli *cli)
{
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    long width = columns != NULL ? strtol(columns, NULL, 10) : 0;
    if (cli->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        width = size.ws_col;
    }
    cli->has_width = width >= 20 && width <= 1000;
    return cli->has_width ? (int)width : 100;
}

int output_open(struct cli *cli)
{
    cli->terminal = isatty(STDOUT_FILENO) != 0;
    cli->color = find_color(cli);
    cli->width = find_width(cli);
    cli->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    cli->out = open_memstream(&cli->buffer, &cli->buffered);
    return cli->out != NULL ? EXIT_OK : EXIT_MEMORY;
}

int output_commit(struct cli *cli)
{
    if (fflush(cli->out) != 0) {
        return fail(cli, EXIT_MEMORY, "no memory to print the result");
    }
    size_t written = cli->broken ? cli->buffered : fwrite(cli->buffer, 1, cli->buffered, stdout);
    bool failed = written != cli->buffered || (!cli->broken && fflush(stdout) != 0);
    int reason = errno;
    fseeko(cli->out, 0, SEEK_SET);
    if (!failed) {
        return EXIT_OK;
    }
    cli->broken = true;
    clearerr(stdout);
    if (reason == EPIPE) {
        return EXIT_OK;
    }
    cli->output_code = EXIT_IO; /* the exit code even of a verb that ignores this result */
    return fail(cli, EXIT_IO, "standard output: %s", strerror(reason));
}

void output_close(struct cli *cli)
{
    fclose(cli->out);
    free(cli->buffer);
}

/* ---- sentences ------------------------------------------------------------------------------------------------ */

static void say(const struct cli *cli, const char *format, va_list list)
{
    char sentence[4096], clean[4096];
    vsnprintf(sentence, sizeof sentence, format, list);
    show_clean(clean, sizeof clean, sentence);
    fprintf(stderr, "fovea%s%s: %s\n", cli->verb != NULL ? " " : "", cli->verb != NULL ? cli->verb->name : "", clean);
}

int fail(const struct cli *cli, int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(cli, format, list);
    va_end(list);
    return code;
}

void remark(const struct cli *cli, const char *format, ...)
{
    if (!cli->quiet) {
        va_list list;
        va_start(list, format);
        say(cli, format, list);
        va_end(list);
    }
}

int exit_code(fov_status status)
{
    switch (status) {
    case FOV_OK:
        return EXIT_OK;
    case FOV_E_USAGE:
        return EXIT_USAGE;
    case FOV_E_SHAPE:
    case FOV_E_INPUT:
    case FOV_E_UNSUPPORTED:
        return EXIT_INPUT;
    case FOV_E_IO:
        return EXIT_IO;
    case FOV_E_MEMORY:
        return EXIT_MEMORY;
    case FOV_E_NUMERIC:
        return EXIT_NUMERIC;
    case FOV_E_INTERRUPTED:
        return EXIT_INTERRUPTED;
    case FOV_E_INTERNAL:
        break;
    }
    return EXIT_INTERNAL;
}

int fail_library(const struct cli *cli)
{
    if (cli->context == NULL) {
        return fail(cli, EXIT_MEMORY, "%s", fov_error(NULL));
    }
    fov_status status = fov_error_status(cli->context);
    if (cli->problem_code != EXIT_OK) {
        return fail(cli, cli->problem_code, "%s", cli->problem);
    }
    if (status == FOV_OK) {
        return fail(cli, EXIT_INTERNAL, "internal: the library failed without saying why");
    }
    return fail(cli, exit_code(status), "%s", fov_error(cli->context));
}

int fail_path(const struct cli *cli, const char *path, int reason)
{
    return fail(cli, EXIT_IO, "cannot open \"%.400s\": %s", path, strerror(reason));
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

/* Length in bytes of the UTF-8 character at `at`; 0: it is invalid or a control character (C1 included). */
static size_t character_length(const unsigned char *at)
{
    if (at[0] < 0x80) {
        return at[0] >= 32 && at[0] != 127;
    }
    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || (at[0] == 0xc2 && at[1] < 0xa0)) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Overlong forms, surrogates, and code points beyond U+10FFFF. */
    bool odd = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
               (at[0] == 0xf4 && at[1] > 0x8f);
    return odd ? 0 : length;
}

const char *show_clean(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t length = character_length(at), step = length > 0 ? length : 1;
        if (n + step + 1 > size) {
            break;
        }
        if (length > 0) {
            memcpy(out + n, at, length);
        } else {
            out[n] = *at == '\n' || *at == '\t' ? ' ' : '?';
        }
        n += step;
        at += step;
    }
    out[n] = '\0';
    return out;
}

const char *show_count(char out[NUMBER_SIZE], int64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)number), n = 0;
    for (int i = 0; i < length; i++) {
        out[n++] = digits[i];
        int left = length - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-') {
            out[n++] = ',';
        }
    }
    out[n] = '\0';
    return out;
}

const char *show_bytes(char out[NUMBER_SIZE], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, NUMBER_SIZE, "%.*f %s", unit > 0 ? 1 : 0, bytes, units[unit]);
    return out;
}

const char *show_seconds(char out[NUMBER_SIZE], double seconds)
{
    if (!(seconds < 3e9)) {
        snprintf(out, NUMBER_SIZE, "-");
    } else if (seconds < 59.95) {
        snprintf(out, NUMBER_SIZE, "%.1f s", seconds);
    } else {
        long whole = lround(seconds);
        if (whole < 3600) {
            snprintf(out, NUMBER_SIZE, "%ld:%02ld", whole / 60, whole % 60);
        } else {
            snprintf(out, NUMBER_SIZE, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
        }
    }
    return out;
}

const char *show_shape(char out[SHAPE_SIZE], const fov_shape *shape)
{
    size_t n = append_text(out, SHAPE_SIZE, 0, "[");
    for (int i = 0; i < shape->rank; i++) {
        const char *comma = i > 0 ? ", " : "";
        n = shape->dim[i] == FOV_BATCH ? append_text(out, SHAPE_SIZE, n, "%sN", comma)
                                       : append_text(out, SHAPE_SIZE, n, "%s%lld", comma, (long long)shape->dim[i]);
    }
    append_text(out, SHAPE_SIZE, n, "]");
    return out;
}

/* The length of the piece at the beginning of text; a number's unit belongs to it, so that no line ends between them. */
static size_t piece_with_unit(const char *text)
{
    enum { LONGEST_UNIT = 4 /* "MiB," */ };
    size_t length = text_piece(text);
    if (length == 0 || strspn(text, "0123456789.,") != length || text[length] != ' ') {
        return length;
    }
    size_t unit = text_piece(text + length + 1);
    return unit <= LONGEST_UNIT ? length + 1 + unit : length;
}

void print_wrapped(FILE *out, const char *text, int column, int indent, int width)
{
    for (const char *at = text; *at != '\0';) {
        size_t length = piece_with_unit(at);
        int columns = text_columns(at, length);
        bool apart = at > text && at[-1] == ' ';
        if (column > indent && column + apart + columns > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent && apart) {
            fputc(' ', out);
            column++;
        }
        fwrite(at, 1, length, out);
        column += columns;
        at += length;
        at += strspn(at, " ");
        if (*at == '\n') {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            at++;
        }
    }
    fputc('\n', out);
}

void print_csv_field(FILE *out, const char *text)
{
    bool is_plain = strpbrk(text, ",\"\r\n") == NULL;
    if (is_plain) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        fputs(*text == '"' ? "\"\"" : (char[]){*text, '\0'}, out);
    }
    fputc('"', out);
}

/* ---- looks ---------------------------------------------------------------------------------------------------- */

const char *style_bold(const struct cli *cli)
{
    return cli->color != COLOR_NONE ? "\033[1m" : "";
}

const char *style_faint(const struct cli *cli)
{
    return cli->color != COLOR_NONE ? "\033[2m" : "";
}

const char *style_good(const struct cli *cli)
{
    return cli->color != COLOR_NONE ? "\033[32m" : "";
}

const char *style_bad(const struct cli *cli)
{
    return cli->color != COLOR_NONE ? "\033[31m" : "";
}

const char *style_off(const struct cli *cli)
{
    return cli->color != COLOR_NONE ? "\033[0m" : "";
}

void print_bar(const struct cli *cli, FILE *out, double share, int columns)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    share = share > 0.0 ? share < 1.0 ? share : 1.0 : 0.0;
    int cells = (int)(share * columns * 8 + 0.5), used = cells / 8;
    for (int i = 0; i < used; i++) {
        fputs(cli->unicode ? "█" : "#", out);
    }
    if (cli->unicode && cells % 8 > 0) {
        fputs(eighth[cells % 8], out);
        used++;
    }
    fprintf(out, "%*s", columns - used, "");
}

void *take_memory(size_t count, size_t size)
{
    void *block = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (block == NULL) {
        fputs("fovea: out of memory\n", stderr);
        exit(EXIT_MEMORY);
    }
    return block;
}
