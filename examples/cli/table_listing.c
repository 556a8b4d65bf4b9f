/* Small tables made of single values. */
#include "table_listing.h"

#include <assert.h>

#include "display_text.h"

mdl_value listing_text(const char *text)
{
    if (text == NULL) {
        return (mdl_value){.type = MDL_TYPE_STRING, .is_null = true};
    }
    return (mdl_value){.type = MDL_TYPE_STRING, .as.text = text_of(text)};
}

mdl_value listing_integer(int64_t number)
{
    return (mdl_value){.type = MDL_TYPE_INT64, .as.integer = number};
}

mdl_value listing_time(int64_t seconds)
{
    return (mdl_value){.type = MDL_TYPE_TIMESTAMP, .as.integer = seconds};
}

mdl_value listing_real(double number)
{
    return (mdl_value){.type = MDL_TYPE_FLOAT64, .as.real = number};
}

mdl_status listing_add(mdl_table_builder *builder, const mdl_value *values, int32_t n_values,
                       mdl_error *error)
{
    assert(n_values <= LISTING_MAX_COLUMNS);
    static const uint64_t none = 0;
    mdl_vector vectors[LISTING_MAX_COLUMNS];
    for (int32_t i = 0; i < n_values; i++) {
        vectors[i] = (mdl_vector){
            .type = values[i].type, .n_rows = 1, .validity = values[i].is_null ? &none : NULL};
        switch (values[i].type) {
        case MDL_TYPE_STRING:
            vectors[i].values = &values[i].as.text;
            break;
        case MDL_TYPE_FLOAT64:
            vectors[i].values = &values[i].as.real;
            break;
        default:
            vectors[i].values = &values[i].as.integer;
        }
    }
    return mdl_table_builder_append(builder, vectors, 1, error);
}
