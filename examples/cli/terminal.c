/* What is at the other end of a file descriptor. */
#define _DEFAULT_SOURCE

#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "display_text.h"

enum {
    USUAL_WIDTH = 80,
    LEAST_WIDTH = 20
};

/* COLUMNS goes first: who sets it wants it. */
static int64_t terminal_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    int64_t width = columns != NULL ? strtoll(columns, NULL, 10) : 0;
    struct winsize size;
    if (width <= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0) {
        width = size.ws_col;
    }
    if (width <= 0) {
        width = USUAL_WIDTH;
    }
    return width < LEAST_WIDTH ? LEAST_WIDTH : width;
}

terminal look_at_terminal(int fd, const cli_settings *settings)
{
    terminal result = {.is_terminal = isatty(fd) == 1, .is_utf8 = prepare_display()};
    if (result.is_terminal) {
        const char *kind = getenv("TERM");
        const char *no_color = getenv("NO_COLOR");
        bool is_wanted = !settings->no_color && (no_color == NULL || no_color[0] == '\0');
        result.can_wipe = kind != NULL && strcmp(kind, "dumb") != 0;
        result.use_color = result.can_wipe && is_wanted;
        result.width = terminal_width(fd);
    }
    return result;
}

double monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
