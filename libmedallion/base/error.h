/*
 * Raising and passing on failures inside the library.
 */
#ifndef MDLI_BASE_ERROR_H
#define MDLI_BASE_ERROR_H

#include <errno.h>

#include "medallion/status.h"

/* Passes a failure up; the callee has described it. */
#define MDLI_TRY(expression)                                                                       \
    do {                                                                                           \
        mdl_status mdli_try_status = (expression);                                                 \
        if (mdli_try_status != MDL_OK) {                                                           \
            return mdli_try_status;                                                                \
        }                                                                                          \
    } while (0)

/* As MDLI_TRY in a function that frees what it owns at the label `done` and returns `status`. */
#define MDLI_TRY_GOTO_DONE(expression)                                                             \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != MDL_OK) {                                                                    \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* Copies `from` unless `to` tells a failure already; returns from's status. Both may be NULL. */
mdl_status mdli_error_copy(mdl_error *to, const mdl_error *from);

/*
 * Copies `size` bytes of text into `buffer` as printable UTF-8: control characters, quotes of ours
 * and bytes that are not UTF-8 as \n, \t, \xNN; clipped at a code point border with "…" when it
 * does not fit.
 */
void mdli_escape_text(const char *text, size_t size, char *buffer, size_t buffer_size);

/*
 * A failed system call on a file: picks MDL_E_FILE_NOT_FOUND, MDL_E_NO_SPACE, MDL_E_NO_MEMORY or
 * MDL_E_IO from `system_errno`, and says "cannot <action> <path>: <reason>".
 */
mdl_status mdli_error_system(mdl_error *error, int system_errno, const char *action,
                             const char *path);

#endif
