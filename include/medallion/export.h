/**
 * @file export.h
 * Which symbols the library shows, and compiler attributes that help its callers.
 */
#ifndef MEDALLION_EXPORT_H
#define MEDALLION_EXPORT_H

#if defined(__GNUC__)
#define MDL_API __attribute__((visibility("default")))
/** The compiler warns when the result is ignored. */
#define MDL_MUST_CHECK __attribute__((warn_unused_result))
/** The compiler checks a format string against its arguments. */
#define MDL_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define MDL_API
#define MDL_MUST_CHECK
#define MDL_PRINTF(format_at, args_at)
#endif

#endif
