/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "table.h"

enum { DEFAULT_WIDTH = 80 };
static const double INTERVAL = 0.1; /* seconds between two lines */

/* What is on the terminal: there is one, so there is one of these. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool shown;
static struct timespec drawn;

static bool is_terminal(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && (!terminal || strcmp(terminal, "dumb") != 0);
}

static int terminal_width(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : DEFAULT_WIDTH;
}

/* Cuts the text to `width` columns, between characters: a line that wraps could not be cleared. */
static void shorten(char *text, int width)
{
    size_t size = strlen(text);
    while (size > 0 && stile_display_width(text) > width) {
        do
            size--;
        while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80);
        text[size] = '\0';
    }
}

void stile_print_progress(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    pthread_mutex_lock(&mutex);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double passed =
        (double)(now.tv_sec - drawn.tv_sec) + 1e-9 * (double)(now.tv_nsec - drawn.tv_nsec);
    bool due = !shown || passed >= INTERVAL;
    if (*text ? due && is_terminal() : shown) {
        shorten(text, terminal_width() - 1); /* the cursor needs a column */
        fprintf(stderr, "\r\033[K%s", text);
        fflush(stderr);
        shown = *text != '\0';
        drawn = now;
    }
    pthread_mutex_unlock(&mutex);
}
