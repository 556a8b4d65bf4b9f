/**
 * @file status.h
 * Status codes and the error that a caller owns.
 *
 * Every call that can fail returns an ::mdl_status and takes an `mdl_error *` as its last argument.
 * NULL is legal there. After a failure the error says what happened, and for a fault in data also
 * where; after success it is untouched. The first fault is the one that is told: a function that
 * passes a failure up never overwrites its message.
 *
 * Codes are split by whose fault it is, so that a caller can decide without reading text:
 *
 * | range   | whose fault                          | exit status of the command line |
 * |---------|--------------------------------------|---------------------------------|
 * | 1–19    | the call (argument, unknown name)    | 2                               |
 * | 20–39   | the data                             | 1                               |
 * | 40–59   | the order of calls (state)           | 1                               |
 * | 60–79   | a file or the system                 | 3                               |
 * | 80–99   | memory                               | 3                               |
 * | 100–119 | nobody: cancelled, out of time       | 3                               |
 * | 120–    | the library: a bug, please report it | 3                               |
 */
#ifndef MEDALLION_STATUS_H
#define MEDALLION_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "medallion/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Name, pinned value and text of every status. Values never change meaning; new ones fill gaps. */
#define MDL_STATUS_LIST(X)                                                                         \
    X(OK, 0, "done")                                                                               \
    X(E_ARGUMENT, 1, "an argument of the call is wrong")                                           \
    X(E_NOT_FOUND, 2, "no table, column, model or function has that name")                         \
    X(E_EXPRESSION, 3, "an expression cannot be understood")                                       \
    X(E_TYPE, 4, "an operation does not take values of that type")                                 \
    X(E_UNSUPPORTED, 5, "the request is understood but not offered")                               \
    X(E_DATA, 20, "a record breaks the rules of its file")                                         \
    X(E_SCHEMA, 21, "a file's header does not name the columns of its table")                      \
    X(E_OVERFLOW, 22, "a result does not fit its type")                                            \
    X(E_MODEL, 23, "a model gave a table other than the one it declares")                          \
    X(E_CORRUPT, 24, "a file of a store is damaged")                                               \
    X(E_TEST, 25, "a data quality test of severity error failed")                                  \
    X(E_STATE, 40, "the call does not fit what was done before")                                   \
    X(E_CYCLE, 41, "models refer to each other in a circle")                                       \
    X(E_IO, 60, "a file cannot be read or written")                                                \
    X(E_FILE_NOT_FOUND, 61, "a file or folder is not there")                                       \
    X(E_NO_SPACE, 62, "the disk is full")                                                          \
    X(E_SYSTEM, 63, "the system refused a thread or another resource")                             \
    X(E_NO_MEMORY, 80, "the allocator has no memory left")                                         \
    X(E_BUDGET, 81, "the memory budget of the context is used up")                                 \
    X(E_CANCELLED, 100, "the work was cancelled")                                                  \
    X(E_DEADLINE, 101, "the deadline of the context has passed")                                   \
    X(E_INTERNAL, 120, "an internal rule was broken; please report it")

/** What a call answers. ::MDL_OK is 0. */
typedef enum mdl_status {
#define MDL_STATUS_ENUM(name, value, text) MDL_##name = value,
    MDL_STATUS_LIST(MDL_STATUS_ENUM)
#undef MDL_STATUS_ENUM
} mdl_status;

/**
 * What went wrong and where; owned by the caller, usually on the stack: `mdl_error e =
 * MDL_ERROR_INIT;`.
 *
 * `message` is one line that needs nothing else to be understood: the place of a data error is in
 * it. The other fields repeat the place for programs; text is clipped at a code point border and
 * control characters in it are escaped, so that it can be printed as it is.
 */
typedef struct mdl_error {
    mdl_status status;    /**< same as the value that was returned */
    int32_t system_errno; /**< `errno` of a failed system call, else 0 */
    char message[768];    /**< one line, UTF-8, no full stop, always NUL-terminated */
    char file[256];       /**< file that holds the fault; "" when none does */
    char column[64];      /**< column that holds the fault; "" when none does */
    char text[128];       /**< the offending text, clipped and escaped; "" when there is none */
    int64_t line;         /**< physical line from 1, line ends inside quotes counted; 0 = no line */
    int64_t record;       /**< data record from 1, the header not counted; 0 = no record */
    int64_t offset_bytes; /**< where the offending text starts in the file, from 0; -1 = no place */
    int64_t reserved[6];  /**< zero */
} mdl_error;

/** An error that says nothing yet. */
#define MDL_ERROR_INIT                                                                             \
    {                                                                                              \
        MDL_OK, 0, "", "", "", "", 0, 0, -1,                                                       \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/** The name of a status, such as "MDL_E_DATA"; "MDL_E_UNKNOWN" for a value that is none.
 * Thread-safe. */
MDL_API const char *mdl_status_name(mdl_status status);

/** One line on what a status means; static storage. Thread-safe. */
MDL_API const char *mdl_status_text(mdl_status status);

/**
 * Sets `error` (NULL is legal) to a message of the caller's, as the library itself does; for build
 * functions of models and for scalar functions. Does nothing when `error` already tells a failure.
 *
 * @return `status`, so that `return mdl_error_set(...)` reads well.
 */
MDL_API mdl_status mdl_error_set(mdl_error *error, mdl_status status, const char *format, ...)
    MDL_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
