/*
 * Status codes: names and texts, from the one list in status.h.
 */
#include "medallion/status.h"

const char *mdl_status_name(mdl_status status)
{
    switch (status) {
#define NAME_CASE(name, value, text)                                                               \
    case MDL_##name:                                                                               \
        return "MDL_" #name;
        MDL_STATUS_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "MDL_E_UNKNOWN";
}

const char *mdl_status_text(mdl_status status)
{
    switch (status) {
#define TEXT_CASE(name, value, text)                                                               \
    case MDL_##name:                                                                               \
        return text;
        MDL_STATUS_LIST(TEXT_CASE)
#undef TEXT_CASE
    }
    return "a status that this version does not know";
}
