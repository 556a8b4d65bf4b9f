/*
 * Text to values, a column at a time. The short cuts take the usual forms; what they do not take
 * (signs, many digits, NULL, faults) goes through mdli_csv_read_value.
 */
#include "csv/csv_fields.h"

#include <string.h>

#include "csv/csv_text.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)

static inline uint64_t load_word(const char *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* Whether there were quotes around a field; one of size 0 is the empty string then, not NULL. */
static inline bool is_quoted(const char *text)
{
    return text[-1] == '"';
}

bool mdli_csv_is_canonical(const mdli_csv_staged *staged, int64_t row, mdl_string text)
{
    const mdl_vector values = {.type = staged->target->type, .values = staged->values};
    char canonical[MDL_VALUE_TEXT_MAX];
    int64_t size_bytes = mdli_csv_format_value(&values, row, canonical);
    return size_bytes == text.size_bytes && memcmp(canonical, text.data, (size_t)size_bytes) == 0;
}

/* What the loops have to do where their short cuts end: other forms of the value, NULL, faults.
 * Returns whether there was a fault. */
static bool read_field_slowly(const mdli_csv_staged *staged, const char *text, int64_t size_bytes,
                              int64_t row, bool *is_canonical)
{
    *is_canonical = true;
    if (size_bytes == 0 && !is_quoted(text)) {
        if (staged->nulls == NULL) {
            return true;
        }
        mdli_csv_store_null(staged, row);
        return false;
    }
    mdli_csv_value value;
    if (mdli_csv_read_value(staged->target, text, size_bytes, &value) != MDLI_CSV_FAULT_NONE) {
        return true;
    }
    mdli_csv_store_value(staged, row, value);
    *is_canonical = mdli_csv_is_canonical(staged, row, (mdl_string){text, size_bytes});
    return false;
}

/* Reads the rows in `rows` slowly; returns those that are faulty. */
static uint64_t read_rows_slowly(const mdli_csv_staged *staged, const mdli_csv_run *run,
                                 int64_t row, uint64_t rows, uint64_t *irregular)
{
    uint64_t odd_rows = 0;
    for (; rows != 0; rows &= rows - 1) {
        int i = __builtin_ctzll(rows);
        const char *text = run->base + run->begins[i];
        bool is_canonical;
        bool is_faulty =
            read_field_slowly(staged, text, run->ends[i] - run->begins[i], row + i, &is_canonical);
        odd_rows |= (uint64_t)is_faulty << i;
        *irregular |= (uint64_t)!is_canonical << i;
    }
    return odd_rows;
}

static uint64_t all_rows(const mdli_csv_run *run)
{
    return run->n_rows < 64 ? (UINT64_C(1) << run->n_rows) - 1 : UINT64_MAX;
}

/* Reads numbers with the kernel for their type. */
static uint64_t read_numbers(const mdli_csv_staged *staged, const mdli_csv_run *run, int64_t row,
                             uint64_t *irregular)
{
    const mdli_csv_target *target = staged->target;
    const mdli_kernels *kernels = staged->kernels;
    uint64_t good;
    if (target->type == MDL_TYPE_INT64) {
        good =
            kernels->csv_read_int64(run->base, run->begins, run->ends, run->n_rows, target->least,
                                    target->greatest, (int64_t *)staged->values + row);
    } else {
        good =
            (target->type == MDL_TYPE_INT32 ? kernels->csv_read_int32 : kernels->csv_read_decimals)(
                run->base, run->begins, run->ends, run->n_rows, (int32_t)target->least,
                (int32_t)target->greatest, (int32_t *)staged->values + row);
    }
    if (staged->nulls != NULL) {
        memset(staged->nulls + row, 0, (size_t)run->n_rows);
    }
    return read_rows_slowly(staged, run, row, all_rows(run) & ~good, irregular);
}

/* The bytes of `word` that are not ASCII, or are less than all that text usually has (a NUL, a
 * carriage return), have their high bit set; so may have those above such a low one. */
static inline uint64_t odd_bytes(uint64_t word)
{
    /* Subtracting sets the high bit of a low byte. It may also set that of a byte above a low byte,
     * by the borrow, but then there is a low byte. */
    return ((word - ('\r' + 1) * EACH_BYTE) | word) & 0x80 * EACH_BYTE;
}

/* Whether the text is ASCII without NUL, carriage return and the like. Reads up to 32 bytes behind
 * its end. */
static inline bool is_plain_text(const char *text, int64_t size_bytes)
{
    /* Most texts are short, of any size: this takes the same way for all of them. */
    static const uint8_t masks[64] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    uint64_t odd = 0;
    for (; size_bytes > 32; text += 8, size_bytes -= 8) {
        odd |= odd_bytes(load_word(text));
    }
    const char *mask = (const char *)masks + 32 - size_bytes;
    for (int i = 0; i < 32; i += 8) {
        odd |= odd_bytes(load_word(text + i)) & load_word(mask + i);
    }
    return odd == 0;
}

static uint64_t read_texts(const mdli_csv_staged *staged, const mdli_csv_run *run, int64_t row,
                           uint64_t *irregular)
{
    mdl_string *values = (mdl_string *)staged->values + row;
    uint64_t odd_rows = 0;
    for (int i = 0; i < run->n_rows; i++) {
        const char *text = run->base + run->begins[i];
        int64_t size_bytes = run->ends[i] - run->begins[i];
        bool is_null = size_bytes == 0 && !is_quoted(text);
        bool is_faulty = false;
        if (__builtin_expect(!is_plain_text(text, size_bytes), false)) {
            is_faulty = mdli_csv_check_text(text, size_bytes) != MDLI_CSV_FAULT_NONE;
            /* A carriage return alone is data, and canonical in quotes. */
            bool has_return = memchr(text, '\r', (size_t)size_bytes) != NULL;
            *irregular |= (uint64_t)(has_return && !is_quoted(text)) << i;
        }
        values[i] = (mdl_string){text, size_bytes};
        if (staged->nulls != NULL) {
            staged->nulls[row + i] = is_null;
        } else {
            is_faulty |= is_null;
        }
        odd_rows |= (uint64_t)is_faulty << i;
    }
    return odd_rows;
}

uint64_t mdli_csv_check_run(const mdli_csv_run *run)
{
    uint64_t odd_rows = 0;
    for (int i = 0; i < run->n_rows; i++) {
        const char *text = run->base + run->begins[i];
        int64_t size_bytes = run->ends[i] - run->begins[i];
        bool is_good = is_plain_text(text, size_bytes) ||
                       mdli_csv_check_text(text, size_bytes) == MDLI_CSV_FAULT_NONE;
        odd_rows |= (uint64_t)!is_good << i;
    }
    return odd_rows;
}

uint64_t mdli_csv_read_run(const mdli_csv_staged *staged, const mdli_csv_run *run, int64_t row,
                           uint64_t *irregular)
{
    switch (staged->target->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_INT64:
    case MDL_TYPE_DECIMAL:
        return read_numbers(staged, run, row, irregular);
    case MDL_TYPE_STRING:
        return read_texts(staged, run, row, irregular);
    default:
        return read_rows_slowly(staged, run, row, all_rows(run), irregular);
    }
}

void mdli_csv_store_value(const mdli_csv_staged *staged, int64_t row, mdli_csv_value value)
{
    switch (staged->target->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        ((int32_t *)staged->values)[row] = (int32_t)value.integer;
        break;
    case MDL_TYPE_FLOAT64:
        ((double *)staged->values)[row] = value.real;
        break;
    case MDL_TYPE_BOOL:
        ((uint8_t *)staged->values)[row] = (uint8_t)value.integer;
        break;
    default:
        ((int64_t *)staged->values)[row] = value.integer;
        break;
    }
    if (staged->nulls != NULL) {
        staged->nulls[row] = 0;
    }
}

void mdli_csv_store_text(const mdli_csv_staged *staged, int64_t row, mdl_string text)
{
    ((mdl_string *)staged->values)[row] = text;
    if (staged->nulls != NULL) {
        staged->nulls[row] = 0;
    }
}

void mdli_csv_store_null(const mdli_csv_staged *staged, int64_t row)
{
    /* Nobody looks at the value under a NULL, but all that is encoded should be defined. */
    memset((char *)staged->values + row * staged->value_bytes, 0, (size_t)staged->value_bytes);
    staged->nulls[row] = 1;
}
