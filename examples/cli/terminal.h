/* What is at the other end of a file descriptor. */
#ifndef MEDALLION_CLI_TERMINAL_H
#define MEDALLION_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

typedef struct terminal {
    bool is_terminal;
    bool can_wipe; /* a line can be taken back; not on those that know no control sequences */
    bool use_color;
    bool is_utf8;
    int64_t width; /* columns; 0 when it is no terminal */
} terminal;

terminal look_at_terminal(int fd, const cli_settings *settings);

/* Seconds on a clock that nobody sets. */
double monotonic_seconds(void);

#endif
