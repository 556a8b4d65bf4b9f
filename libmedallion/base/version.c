/*
 * The version of the library.
 */
#include "medallion/version.h"

const char *mdl_version(void)
{
    return MDL_VERSION_STRING;
}
