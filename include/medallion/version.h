/**
 * @file version.h
 * The version of these headers and of the library that is linked.
 */
#ifndef MEDALLION_VERSION_H
#define MEDALLION_VERSION_H

#include "medallion/export.h"

#define MDL_VERSION_MAJOR 0
#define MDL_VERSION_MINOR 1
#define MDL_VERSION_PATCH 0
/** The version of the headers as text. */
#define MDL_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the linked library, "major.minor.patch"; static storage. Thread-safe. */
MDL_API const char *mdl_version(void);

#ifdef __cplusplus
}
#endif

#endif
