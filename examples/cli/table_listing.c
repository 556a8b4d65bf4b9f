/* Small tables made of single values. */
#include "table_listing.h"

#include <assert.h>

#include "display_text.h"

mdl_value listing_text(const char *text)
{
    return (mdl_value){.type = MDL_TYPE_STRING, .as.text = text_of(text)};
}

mdl_value listing_integer(int64_t number)
{
    return (mdl_value){.type = MDL_TYPE_INT64, .as.integer = number};
}

mdl_status listing_add(mdl_table_builder *builder, const mdl_value *values, int32_t n_values,
                       mdl_error *error)
{
    assert(n_values <= LISTING_MAX_COLUMNS);
    mdl_vector vectors[LISTING_MAX_COLUMNS];
    for (int32_t i = 0; i < n_values; i++) {
        bool is_text = values[i].type == MDL_TYPE_STRING;
        vectors[i] = (mdl_vector){.type = values[i].type, .n_rows = 1};
        vectors[i].values =
            is_text ? (const void *)&values[i].as.text : (const void *)&values[i].as.integer;
    }
    return mdl_table_builder_append(builder, vectors, 1, error);
}
