/*
 * Blocks: what was encoded is decoded, for every type and encoding; what a block says of its values
 * is true; and the cheapest encoding is taken.
 */
#include "column/column_internal.h"

#include "operators/rowset.h"
#include "support/random.h"
#include "support/run_suite.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static mdl_context *context;
static mdl_error error;
static int64_t in_use_at_start;

static void setup_level(mdl_simd level)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.max_simd = level;
    options.n_threads = 1;
    error = (mdl_error)MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_context_create(&options, &context, &error), MDL_OK);
    in_use_at_start = mdl_context_memory_in_use(context);
}

static void setup_best(void)
{
    setup_level(MDL_SIMD_BEST);
}

static void setup_scalar(void)
{
    setup_level(MDL_SIMD_SCALAR);
}

/* Every test gives back what it took. */
static void teardown(void)
{
    ck_assert_int_eq(mdl_context_memory_in_use(context), in_use_at_start);
    mdl_context_free(context);
}

static const mdl_encoding all_encodings[] = {
#define ENCODING(name, value, text) MDL_ENCODING_##name,
    MDL_ENCODING_LIST(ENCODING)
#undef ENCODING
};

#define N_ENCODINGS (sizeof all_encodings / sizeof all_encodings[0])

/*
 * Random values of many shapes.
 */

typedef struct test_values {
    mdl_vector vector;
    int64_t *integers; /* the values of all types but STRING, as integers */
    void *values;
    uint64_t *validity;
    char *text;
} test_values;

static void *allocate(size_t size)
{
    void *memory = calloc(1, size + 1);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static void test_values_free(test_values *values)
{
    free(values->integers);
    free(values->values);
    free(values->validity);
    free(values->text);
}

enum shape {
    SHAPE_CONSTANT,
    SHAPE_RUNS,
    SHAPE_SORTED,
    SHAPE_STRICTLY_SORTED,
    SHAPE_SAW, /* rises, with a fall now and then */
    SHAPE_FEW_VALUES,
    SHAPE_FEW_FAR_VALUES,
    SHAPE_LOCAL,   /* frames far from each other */
    SHAPE_PLACES,  /* near one of a few places that are far from each other, which change */
    SHAPE_JUMPS,   /* rises, with wide gaps and deep falls */
    SHAPE_SINKING, /* falls, with jumps up */
    SHAPE_BORDERS, /* rises by a step, and jumps between the ends of 32 bits in every other row */
    SHAPE_ANY,
    SHAPE_EXTREMES,
    N_SHAPES
};

static int64_t next_integer(test_random *random, enum shape shape, int64_t row, int64_t before)
{
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, 0, -1, 1};
    const int64_t n_extremes = (int64_t)(sizeof extremes / sizeof extremes[0]);
    switch (shape) {
    case SHAPE_CONSTANT:
        return row == 0 ? (int64_t)test_random_any_size(random) : before;
    case SHAPE_RUNS:
        return row > 0 && test_random_below(random, 50) != 0
                   ? before
                   : (int64_t)test_random_below(random, 1000) - 500;
    case SHAPE_SORTED:
        return row == 0 ? -77 : before + (int64_t)test_random_below(random, 3);
    case SHAPE_STRICTLY_SORTED:
        return row == 0 ? -77 : before + 1 + (int64_t)test_random_below(random, 5);
    case SHAPE_SAW:
        return row == 0 || test_random_below(random, 2000) == 0
                   ? (int64_t)test_random_below(random, 1000000)
                   : before + (int64_t)test_random_below(random, 20);
    case SHAPE_FEW_VALUES:
        return 50 * (1 + (int64_t)test_random_below(random, 10));
    case SHAPE_FEW_FAR_VALUES:
        return (int64_t)((1 + test_random_below(random, 200)) * UINT64_C(0x123456789abcd));
    case SHAPE_LOCAL:
        return row / 256 * INT64_C(0x123456789a) + (int64_t)test_random_below(random, 100);
    case SHAPE_PLACES: {
        const int64_t place = row / 700 * 7 + (int64_t)test_random_below(random, 7);
        const int64_t offset = (int64_t)test_random_below(random, 3000);
        return (int64_t)((uint64_t)place * UINT64_C(2654435761) % UINT32_MAX) / 2 + offset;
    }
    case SHAPE_JUMPS:
        if (row == 0 || test_random_below(random, 100) == 0) {
            return (int64_t)test_random_below(random, 1000000);
        }
        return before +
               (int64_t)test_random_below(random, test_random_below(random, 20) ? 50 : 90000);
    case SHAPE_SINKING:
        return before - (int64_t)test_random_below(random, 100) +
               (test_random_below(random, 30) == 0 ? (int64_t)test_random_below(random, 90000) : 0);
    case SHAPE_BORDERS:
        return row % 40 < 20 ? (row % 2 == 0 ? INT32_MIN : INT32_MAX) : row % 1000;
    case SHAPE_ANY:
        return (int64_t)test_random_next(random);
    case SHAPE_EXTREMES:
        return extremes[test_random_below(random, (uint64_t)n_extremes)];
    case N_SHAPES:
        break;
    }
    return 0;
}

/* Puts an integer in a vector's array, as its type takes it, and gives back what is then there. */
static int64_t store_value(mdl_type type, void *values, int64_t row, int64_t value)
{
    switch (type) {
    case MDL_TYPE_BOOL:
        return ((uint8_t *)values)[row] = (uint8_t)(value & 1);
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        return ((int32_t *)values)[row] = (int32_t)value;
    case MDL_TYPE_FLOAT64: {
        double real = (double)value / 4;
        memcpy((double *)values + row, &real, sizeof real);
        memcpy(&value, &real, sizeof value);
        return value;
    }
    default:
        return ((int64_t *)values)[row] = value;
    }
}

static int64_t load_value(const mdl_vector *vector, int64_t row)
{
    switch (vector->type) {
    case MDL_TYPE_BOOL:
        return ((const uint8_t *)vector->values)[row];
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        return ((const int32_t *)vector->values)[row];
    default:
        return ((const int64_t *)vector->values)[row];
    }
}

/* One row in `one_in` is NULL; 0 = none, 1 = all. */
static void make_nulls(test_random *random, test_values *values, uint64_t one_in)
{
    const int64_t n = values->vector.n_rows;
    if (one_in == 0) {
        return;
    }
    values->validity = allocate((size_t)(n + 63) / 64 * 8);
    for (int64_t i = 0; i < n; i++) {
        uint64_t is_valid = test_random_below(random, one_in) != 0;
        values->validity[i / 64] |= is_valid << i % 64;
    }
    values->vector.validity = values->validity;
}

static test_values make_integers(test_random *random, mdl_type type, enum shape shape, int64_t n,
                                 uint64_t null_one_in)
{
    test_values values = {.vector = {.type = type, .n_rows = n}};
    values.integers = allocate((size_t)n * 8);
    values.values = allocate((size_t)n * 8);
    values.vector.values = values.values;
    int64_t before = 0;
    for (int64_t i = 0; i < n; i++) {
        before = next_integer(random, shape, i, before);
        values.integers[i] = store_value(type, values.values, i, before);
    }
    make_nulls(random, &values, null_one_in);
    return values;
}

/* Texts of up to `size_max` bytes of so many letters. */
static test_values make_texts(test_random *random, int64_t n, int64_t size_max, uint64_t n_letters,
                              uint64_t null_one_in)
{
    test_values values = {.vector = {.type = MDL_TYPE_STRING, .n_rows = n}};
    mdl_string *strings = allocate((size_t)n * sizeof *strings);
    values.text = allocate((size_t)(n * size_max));
    values.values = strings;
    values.vector.values = strings;
    char *next = values.text;
    for (int64_t i = 0; i < n; i++) {
        int64_t size = (int64_t)test_random_below(random, (uint64_t)size_max + 1);
        strings[i] = (mdl_string){next, size};
        for (int64_t k = 0; k < size; k++) {
            *next++ = (char)('a' + test_random_below(random, n_letters));
        }
    }
    make_nulls(random, &values, null_one_in);
    return values;
}

/*
 * Checks.
 */

/* Whether two rows are the same. Check's own macros are too slow for so many rows. */
static bool is_same_row(const mdl_vector *a, int64_t a_row, const mdl_vector *b, int64_t b_row)
{
    const bool is_null = mdl_vector_is_null(a, a_row);
    if (is_null || mdl_vector_is_null(b, b_row)) {
        return is_null == mdl_vector_is_null(b, b_row);
    }
    if (a->type != MDL_TYPE_STRING) {
        return load_value(a, a_row) == load_value(b, b_row);
    }
    const mdl_string a_text = mdl_vector_string(a, a_row);
    const mdl_string b_text = mdl_vector_string(b, b_row);
    return a_text.size_bytes == b_text.size_bytes &&
           (a_text.size_bytes == 0 ||
            memcmp(a_text.data, b_text.data, (size_t)a_text.size_bytes) == 0);
}

static void check_range(const mdli_block *block, const mdl_vector *expected, int64_t start,
                        int64_t n, mdli_decode_buffer *buffer)
{
    mdl_vector out;
    ck_assert_int_eq(mdli_block_decode(block, start, n, buffer, &out, &error), MDL_OK);
    ck_assert_int_eq(out.type, expected->type);
    ck_assert_int_eq(out.n_rows, n);
    bool has_nulls = false;
    for (int64_t i = 0; i < n; i++) {
        if (!is_same_row(expected, start + i, &out, i)) {
            ck_abort_msg("row %d of %d from %d differs", (int)i, (int)n, (int)start);
        }
        has_nulls |= mdl_vector_is_null(expected, start + i);
    }
    ck_assert_int_eq(out.validity != NULL, has_nulls);
}

static void check_decoding(test_random *random, const mdli_block *block, const mdl_vector *expected)
{
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    const int64_t n = expected->n_rows;
    check_range(block, expected, 0, n, &buffer);
    for (int round = 0; round < 4; round++) {
        int64_t start = (int64_t)test_random_below(random, (uint64_t)n + 1);
        int64_t n_max = n - start < 1000 ? n - start : 1000;
        check_range(block, expected, start, (int64_t)test_random_below(random, (uint64_t)n_max + 1),
                    &buffer);
        start = start / 256 * 256;
        check_range(block, expected, start, n - start < 512 ? n - start : 512, &buffer);
    }
    mdli_decode_buffer_free(&buffer);
}

static double as_real(int64_t bits)
{
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

static bool is_less(mdl_type type, int64_t a, int64_t b)
{
    return type == MDL_TYPE_FLOAT64 ? as_real(a) < as_real(b) : a < b;
}

/* The statistics of a block, from the values one by one. */
static void check_stats(const mdli_block *block, const test_values *values)
{
    const mdl_type type = block->type;
    const int64_t n = values->vector.n_rows;
    int64_t n_nulls = 0;
    int64_t before = -1;
    bool has_value = false, is_sorted = true, is_strictly_sorted = true;
    int64_t min = 0, max = 0, n_rises = 0;
    for (int64_t i = 0; i < n; i++) {
        if (mdl_vector_is_null(&values->vector, i)) {
            n_nulls++;
            continue;
        }
        const int64_t value = values->integers[i];
        if (!has_value || is_less(type, value, min)) {
            min = value;
        }
        if (!has_value || is_less(type, max, value)) {
            max = value;
        }
        if (has_value) {
            is_sorted = is_sorted && !is_less(type, value, values->integers[before]);
            is_strictly_sorted =
                is_strictly_sorted && is_less(type, values->integers[before], value);
            n_rises += is_less(type, values->integers[before], value);
        }
        has_value = true;
        before = i;
    }
    ck_assert_int_eq(block->n_rows, n);
    ck_assert_int_eq(block->n_nulls, n_nulls);
    ck_assert_int_eq(block->has_min_max, has_value);
    ck_assert_int_eq(block->is_sorted, is_sorted && n_nulls == 0);
    ck_assert_int_eq(block->is_strictly_sorted, is_strictly_sorted && n_nulls == 0);
    if (has_value && block->encoding == MDL_ENCODING_SLICE && type != MDL_TYPE_FLOAT64 &&
        !is_sorted) {
        ck_assert_int_eq(block->min, block->parent->min);
        ck_assert_int_eq(block->max, block->parent->max);
        ck_assert_int_le(block->min, min);
        ck_assert_int_ge(block->max, max);
    } else if (has_value) {
        ck_assert_int_eq(block->min, min);
        ck_assert_int_eq(block->max, max);
    }
    if (!has_value) {
        ck_assert_int_eq(block->n_distinct, 0);
    } else if (is_sorted && type != MDL_TYPE_FLOAT64) {
        ck_assert_int_eq(block->n_distinct, n_rises + 1);
    }
}

static void check_runs(const mdli_block *block, const test_values *values)
{
    const int64_t *run_values;
    const int32_t *ends;
    int32_t n_runs;
    bool has_runs = mdli_block_runs(block, &run_values, &ends, &n_runs);
    ck_assert_int_eq(has_runs, block->n_nulls == 0 && block->type != MDL_TYPE_FLOAT64 &&
                                   (block->encoding == MDL_ENCODING_CONSTANT ||
                                    block->encoding == MDL_ENCODING_RUN_LENGTH));
    if (!has_runs) {
        return;
    }
    int64_t row = 0;
    for (int32_t r = 0; r < n_runs; r++) {
        for (; row < ends[r]; row++) {
            if (values->integers[row] != run_values[r]) {
                ck_abort_msg("row %d is not in run %d", (int)row, (int)r);
            }
        }
        if (r > 0 && run_values[r] == run_values[r - 1]) {
            ck_abort_msg("runs %d and %d have one value", (int)r - 1, (int)r);
        }
    }
    ck_assert_int_eq(row, values->vector.n_rows);
}

static bool is_at_fault(const mdli_block *block)
{
    const char *fault;
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    ck_assert_int_eq(mdli_block_check(block, &buffer, &fault, &error), MDL_OK);
    mdli_decode_buffer_free(&buffer);
    return fault != NULL;
}

/* Most rows of a block whose statistics are falsified in all ways, which takes its time. */
#define FALSIFIED_ROWS_MAX 10000

/* Whether what a block says is of its own rows, as it may say of a slice in no order too. */
static bool says_what_its_rows_are(const mdli_block *block)
{
    mdli_decode_buffer buffer;
    mdl_vector v;
    mdli_decode_buffer_init(&buffer, context);
    ck_assert_int_eq(mdli_block_decode(block, 0, block->n_rows, &buffer, &v, &error), MDL_OK);
    int64_t min = mdli_vector_integer(&v, 0);
    int64_t max = min;
    for (int64_t i = 1; i < v.n_rows; i++) {
        const int64_t value = mdli_vector_integer(&v, i);
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    const bool is_so = block->min == min && block->max == max &&
                       block->first == mdli_vector_integer(&v, 0) &&
                       block->last == mdli_vector_integer(&v, v.n_rows - 1);
    mdli_decode_buffer_free(&buffer);
    return is_so;
}

/* Whether a block with one number changed is refused, as it has to be. */
static bool is_refused(const mdli_block *block)
{
    return is_at_fault(block) || (block->encoding == MDL_ENCODING_SLICE && !block->is_sorted &&
                                  says_what_its_rows_are(block));
}

/* A block is found sound as it is, and not when any one of its statistics is another. */
static void check_proof(mdli_block *block)
{
    int64_t *const numbers[] = {&block->min, &block->max, &block->first, &block->last};
    bool *const marks[] = {&block->has_min_max, &block->is_sorted, &block->is_strictly_sorted};
    ck_assert(!is_at_fault(block));
    if (block->n_rows > FALSIFIED_ROWS_MAX) {
        return;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const int64_t number = *numbers[i];
        *numbers[i] = number == INT64_MAX ? 0 : number + 1;
        ck_assert_msg(is_refused(block), "statistic %d above the true one", (int)i);
        *numbers[i] = number == INT64_MIN ? 0 : number - 1;
        ck_assert_msg(is_refused(block), "statistic %d below the true one", (int)i);
        *numbers[i] = number;
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        *marks[i] = !*marks[i];
        ck_assert_msg(is_at_fault(block), "mark %d not as it should be", (int)i);
        *marks[i] = !*marks[i];
    }
    if (block->is_sorted && block->type != MDL_TYPE_FLOAT64) {
        block->n_distinct--;
        ck_assert(is_at_fault(block));
        block->n_distinct++;
    }
}

/* Rows [start, start + n) of values; `integers` and `values` are not the view's to free. */
static test_values part_of(const test_values *values, int64_t start, int64_t n)
{
    const int64_t value_bytes =
        values->vector.type == MDL_TYPE_BOOL                                               ? 1
        : values->vector.type == MDL_TYPE_INT32 || values->vector.type == MDL_TYPE_DECIMAL ? 4
                                                                                           : 8;
    test_values part = {.integers = values->integers + start, .vector = values->vector};
    part.vector.n_rows = n;
    part.vector.values = (const uint8_t *)values->vector.values + start * value_bytes;
    return part;
}

/* Every value of a block is among those that it lists, if it lists any, and none is there twice. */
static void check_listed_values(const mdli_block *block, const test_values *values)
{
    int64_t listed[256];
    const int32_t n = mdli_block_distinct_values(block, listed, 256);
    for (int64_t i = 0; n >= 0 && i < block->n_rows; i++) {
        int n_found = 0;
        for (int32_t k = 0; k < n; k++) {
            n_found += listed[k] == values->integers[i];
        }
        if (n_found != 1) {
            ck_abort_msg("the value of row %d is listed %d times", (int)i, n_found);
        }
    }
}

static void check_cut_block(test_random *random, const mdli_block *block, const test_values *values)
{
    check_stats(block, values);
    check_runs(block, values);
    check_listed_values(block, values);
    check_decoding(random, block, &values->vector);
    ck_assert(!is_at_fault(block));
}

/*
 * Cuts rows out of a block, and again out of those; what is cut out outlives the block. `form` is
 * another type that the block can be shown as.
 */
static void check_cuts(test_random *random, mdli_block *block, const test_values *values,
                       mdl_type form)
{
    mdli_decode_buffer buffer;
    mdli_block *shown;
    ck_assert_int_eq(mdli_block_retype(block, form, &shown, &error), MDL_OK);
    mdli_decode_buffer_init(&buffer, context);
    int64_t first = 0;
    int64_t n = block->n_rows;
    for (int depth = 0; depth < 3; depth++) {
        const int64_t start = (int64_t)test_random_below(random, (uint64_t)n);
        mdli_block *cut;
        n = 1 + (int64_t)test_random_below(random, (uint64_t)(n - start));
        first += start;
        ck_assert_int_eq(mdli_block_cut(shown, start, n, &buffer, &cut, &error), MDL_OK);
        mdli_block_release(shown);
        shown = cut;
        test_values part = part_of(values, first, n);
        part.vector.type = form;
        ck_assert_int_eq(cut->type, form);
        /* A slice is of the block that has the bytes, whatever it was cut from. */
        const bool is_in_runs = mdli_block_is_in_runs(block);
        ck_assert_int_eq(cut->encoding == MDL_ENCODING_SLICE, !is_in_runs);
        ck_assert_ptr_eq(cut->parent, is_in_runs ? NULL : block);
        check_cut_block(random, cut, &part);
    }
    mdli_block_release(shown);
    mdli_decode_buffer_free(&buffer);
}

static mdl_type other_form(mdl_type type)
{
    return type == MDL_TYPE_INT32   ? MDL_TYPE_DECIMAL
           : type == MDL_TYPE_INT64 ? MDL_TYPE_TIMESTAMP
                                    : type;
}

/* Encodes in all ways that can be, and in the cheapest; no other takes fewer bytes than that. */
static void check_all_encodings(test_random *random, const test_values *values)
{
    mdli_block *cheapest;
    ck_assert_int_eq(mdli_block_encode(context, &values->vector, NULL, &cheapest, &error), MDL_OK);
    for (size_t i = 0; i < N_ENCODINGS; i++) {
        mdli_block *block;
        mdl_error reason = MDL_ERROR_INIT;
        mdl_status status =
            mdli_block_encode_as(context, all_encodings[i], &values->vector, NULL, &block, &reason);
        if (status != MDL_OK) {
            ck_assert_int_eq(status, MDL_E_UNSUPPORTED);
            ck_assert_int_ne(reason.message[0], '\0');
            ck_assert_ptr_null(block);
            ck_assert_int_ne(cheapest->encoding, all_encodings[i]);
            continue;
        }
        ck_assert_int_eq(block->encoding, all_encodings[i]);
        if (values->vector.type != MDL_TYPE_STRING) {
            ck_assert_int_le(cheapest->size_bytes, block->size_bytes);
            check_stats(block, values);
            check_runs(block, values);
        }
        if (mdli_block_can_be_cut(block)) {
            check_cuts(random, block, values, block->type);
            check_cuts(random, block, values, other_form(block->type));
        }
        check_decoding(random, block, &values->vector);
        check_proof(block);
        mdli_block_release(block);
    }
    check_decoding(random, cheapest, &values->vector);
    mdli_block_release(cheapest);
}

static const int64_t sizes[] = {1, 2, 63, 64, 65, 255, 256, 257, 1500};

#define N_SIZES ((int)(sizeof sizes / sizeof sizes[0]))

static const mdl_type integer_types[] = {MDL_TYPE_INT32, MDL_TYPE_INT64,   MDL_TYPE_DECIMAL,
                                         MDL_TYPE_BOOL,  MDL_TYPE_FLOAT64, MDL_TYPE_TIMESTAMP};

#define N_INTEGER_TYPES ((int)(sizeof integer_types / sizeof integer_types[0]))

static const uint64_t null_rates[] = {0, 1, 2, 100};

/* What a slice may not say, and what it may not be of. */
START_TEST(faults_of_slices)
{
    test_random random = test_random_start("faults_of_slices");
    test_values values = make_integers(&random, MDL_TYPE_INT32, SHAPE_ANY, 1000, 0);
    mdli_block *parent;
    mdli_block *slice;
    mdli_decode_buffer buffer;
    const char *fault;
    mdli_decode_buffer_init(&buffer, context);
    ck_assert_int_eq(mdli_block_encode(context, &values.vector, NULL, &parent, &error), MDL_OK);
    ck_assert_int_eq(mdli_block_cut(parent, 300, 700, &buffer, &slice, &error), MDL_OK);
    ck_assert_ptr_eq(slice->parent, parent);

    slice->first_row = 301;
    ck_assert_int_eq(mdli_block_check(slice, &buffer, &fault, &error), MDL_OK);
    ck_assert_str_eq(fault, "it is a slice of more rows than there are");
    slice->first_row = -1;
    ck_assert_int_eq(mdli_block_check(slice, &buffer, &fault, &error), MDL_OK);
    ck_assert_str_eq(fault, "it is a slice of more rows than there are");
    slice->first_row = 300;
    slice->min++;
    ck_assert_int_eq(mdli_block_check(slice, &buffer, &fault, &error), MDL_OK);
    ck_assert_str_eq(fault, "its statistics are not those of its values");
    slice->min--;
    slice->type = MDL_TYPE_INT64;
    ck_assert_int_eq(mdli_block_check(slice, &buffer, &fault, &error), MDL_OK);
    ck_assert_str_eq(fault, "it is a slice of a block that cannot be cut");
    slice->type = MDL_TYPE_INT32;
    slice->parent = slice;
    ck_assert_int_eq(mdli_block_check(slice, &buffer, &fault, &error), MDL_OK);
    ck_assert_str_eq(fault, "it is a slice of a block that cannot be cut");
    slice->parent = parent;

    mdli_block_release(slice);
    mdli_block_release(parent);
    mdli_decode_buffer_free(&buffer);
    test_values_free(&values);
}
END_TEST

/* Earlier versions noted of a slice in no order what its own rows are: that is as sound, but not in
 * part, and not a bound that no row reaches. */
START_TEST(slices_of_earlier_versions)
{
    static const int32_t numbers[] = {-90, 7, 3, 12, 5, 90};
    const mdl_vector vector = {.type = MDL_TYPE_INT32, .n_rows = 6, .values = numbers};
    mdli_block *parent;
    mdli_block *slice;
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    ck_assert_int_eq(
        mdli_block_encode_as(context, MDL_ENCODING_PLAIN, &vector, NULL, &parent, &error), MDL_OK);
    ck_assert_int_eq(mdli_block_cut(parent, 1, 4, &buffer, &slice, &error), MDL_OK);
    ck_assert(slice->min == -90 && slice->max == 90 && !is_at_fault(slice));
    slice->min = 3;
    slice->max = 12;
    ck_assert(is_at_fault(slice));
    slice->first = 7;
    slice->last = 5;
    ck_assert(!is_at_fault(slice));
    slice->max = 13;
    ck_assert(is_at_fault(slice));
    slice->max = 11;
    ck_assert(is_at_fault(slice));
    mdli_block_release(slice);
    mdli_block_release(parent);
    mdli_decode_buffer_free(&buffer);
}
END_TEST

/* Values in a few places far apart, so that they are packed by pages. */
static void fill_sessions(test_random *random, int64_t *values, int n)
{
    for (int i = 0; i < n; i++) {
        const int64_t session = (int64_t)test_random_below(random, 3);
        values[i] = session * 40000000 + i / 300 * 5000 + (int64_t)test_random_below(random, 900);
    }
}

/* A block that is encoded like another has its own values, whatever the other holds, and takes no more
 * bytes where that holds alike ones. */
START_TEST(encoded_like_another)
{
    enum {
        N_LIKE = 4096,
        N_OWN = 1000
    };
    static int64_t numbers[N_LIKE];
    static int64_t own[N_OWN];
    test_random random = test_random_start("encoded_like_another");
    const mdl_vector vector = {.type = MDL_TYPE_INT64, .n_rows = N_LIKE, .values = numbers};
    const mdl_vector vector_own = {.type = MDL_TYPE_INT64, .n_rows = N_OWN, .values = own};
    for (int kind = 0; kind < 4; kind++) {
        mdli_block *like;
        mdli_block *block;
        mdli_block *alone;
        mdl_vector v;
        mdli_decode_buffer buffer;
        mdli_decode_buffer_init(&buffer, context);
        fill_sessions(&random, numbers, N_LIKE);
        fill_sessions(&random, own, N_OWN);
        for (int i = 0; i < N_LIKE && kind > 0; i++) {
            /* Wide apart, constant, and rising. */
            numbers[i] = kind == 1 ? (numbers[i] << 30) - i : kind == 2 ? 7 : i * 3;
        }
        ck_assert_int_eq(mdli_block_encode(context, &vector, NULL, &like, &error), MDL_OK);
        ck_assert_int_eq(mdli_block_encode(context, &vector_own, NULL, &alone, &error), MDL_OK);
        ck_assert_int_eq(mdli_block_encode_like(context, &vector_own, NULL, like, &block, &error),
                         MDL_OK);
        ck_assert_int_eq(mdli_block_decode(block, 0, N_OWN, &buffer, &v, &error), MDL_OK);
        ck_assert_mem_eq(v.values, own, sizeof own);
        ck_assert(!is_at_fault(block));
        ck_assert_int_eq(block->encoding, alone->encoding);
        ck_assert(kind != 0 || block->payload_bytes <= alone->payload_bytes * 21 / 20);
        mdli_block_release(like);
        mdli_block_release(block);
        mdli_block_release(alone);
        mdli_decode_buffer_free(&buffer);
    }
}
END_TEST

START_TEST(all_shapes)
{
    test_random random = test_random_start("integers");
    for (int shape = 0; shape < N_SHAPES; shape++) {
        for (int size = 0; size < N_SIZES; size++) {
            for (int nulls = 0; nulls < 4; nulls++) {
                test_values values = make_integers(&random, integer_types[_i], (enum shape)shape,
                                                   sizes[size], null_rates[nulls]);
                check_all_encodings(&random, &values);
                test_values_free(&values);
            }
        }
    }
}
END_TEST

START_TEST(full_blocks)
{
    test_random random = test_random_start("full_blocks");
    for (int shape = 0; shape < N_SHAPES; shape++) {
        test_values values =
            make_integers(&random, integer_types[_i], (enum shape)shape, 65536, shape % 2 * 9);
        check_all_encodings(&random, &values);
        test_values_free(&values);
    }
}
END_TEST

/* The least or the greatest value, in one row of many, is found wherever it is. */
START_TEST(lone_extremes)
{
    test_random random = test_random_start("lone_extremes");
    for (int shape = 0; shape < N_SHAPES; shape++) {
        test_values values = make_integers(&random, integer_types[_i], (enum shape)shape, 9000, 0);
        const int64_t row = (int64_t)test_random_below(&random, 9000);
        const int64_t extreme = (shape % 2 == 0 ? -1 : 1) * (int64_t)5000000;
        values.integers[row] = store_value(integer_types[_i], values.values, row, extreme);
        check_all_encodings(&random, &values);
        test_values_free(&values);
    }
}
END_TEST

START_TEST(text_shapes)
{
    test_random random = test_random_start("texts");
    for (int size = 0; size < N_SIZES; size++) {
        for (int nulls = 0; nulls < 4; nulls++) {
            for (int64_t size_max = 0; size_max <= 64; size_max = size_max * 3 + 1) {
                test_values values =
                    make_texts(&random, sizes[size], size_max, 2, null_rates[nulls]);
                check_all_encodings(&random, &values);
                test_values_free(&values);
            }
        }
    }
}
END_TEST

/* NULL beside one text, and the empty text beside NULL. */
START_TEST(constant_texts)
{
    test_random random = test_random_start("constant_texts");
    mdl_string strings[3] = {{"ab", 2}, {"xx", 2}, {"ab", 2}};
    uint64_t validity = 5;
    test_values values = {
        .vector = {.type = MDL_TYPE_STRING, .n_rows = 3, .values = strings, .validity = &validity}};
    mdli_block *block;
    ck_assert_int_eq(mdli_block_encode(context, &values.vector, NULL, &block, &error), MDL_OK);
    ck_assert_int_eq(block->encoding, MDL_ENCODING_CONSTANT);
    ck_assert_int_eq(block->n_distinct, 1);
    check_decoding(&random, block, &values.vector);
    mdli_block_release(block);

    strings[0] = strings[2] = (mdl_string){NULL, 0};
    ck_assert_int_eq(mdli_block_encode(context, &values.vector, NULL, &block, &error), MDL_OK);
    check_decoding(&random, block, &values.vector);
    mdli_block_release(block);
}
END_TEST

static mdl_encoding cheapest_encoding(const test_values *values)
{
    mdli_block *block;
    ck_assert_int_eq(mdli_block_encode(context, &values->vector, NULL, &block, &error), MDL_OK);
    mdl_encoding encoding = block->encoding;
    mdli_block_release(block);
    return encoding;
}

/* The encodings that the columns of MovieLens are made for. */
START_TEST(typical_choices)
{
    static const struct {
        mdl_type type;
        enum shape shape;
        mdl_encoding encoding;
    } cases[] = {
        {MDL_TYPE_INT32, SHAPE_CONSTANT, MDL_ENCODING_CONSTANT},
        {MDL_TYPE_INT32, SHAPE_RUNS, MDL_ENCODING_RUN_LENGTH},
        {MDL_TYPE_INT32, SHAPE_SAW, MDL_ENCODING_DELTA},
        {MDL_TYPE_DECIMAL, SHAPE_FEW_VALUES, MDL_ENCODING_DICTIONARY},
        {MDL_TYPE_TIMESTAMP, SHAPE_LOCAL, MDL_ENCODING_FRAME},
        {MDL_TYPE_TIMESTAMP, SHAPE_PLACES, MDL_ENCODING_FRAME},
        {MDL_TYPE_INT32, SHAPE_JUMPS, MDL_ENCODING_DELTA},
        {MDL_TYPE_INT32, SHAPE_SINKING, MDL_ENCODING_DELTA},
        {MDL_TYPE_INT64, SHAPE_FEW_FAR_VALUES, MDL_ENCODING_DICTIONARY},
        {MDL_TYPE_INT64, SHAPE_ANY, MDL_ENCODING_PLAIN},
        {MDL_TYPE_FLOAT64, SHAPE_ANY, MDL_ENCODING_PLAIN},
    };
    test_random random = test_random_start("typical_choices");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_values values = make_integers(&random, cases[i].type, cases[i].shape, 65536, 0);
        ck_assert_int_eq(cheapest_encoding(&values), cases[i].encoding);
        test_values_free(&values);
    }
    test_values texts = make_texts(&random, 10000, 200, 4, 0);
    ck_assert_int_eq(cheapest_encoding(&texts), MDL_ENCODING_ZSTD);
    test_values_free(&texts);
    texts = make_texts(&random, 20, 200, 4, 0);
    ck_assert_int_eq(cheapest_encoding(&texts), MDL_ENCODING_PLAIN);
    test_values_free(&texts);
    texts = make_texts(&random, 10000, 20, 4, 0);
    ck_assert_int_eq(cheapest_encoding(&texts), MDL_ENCODING_PLAIN);
    test_values_free(&texts);
}
END_TEST

/* NaN has no place in the order of doubles: nothing is known, and every bit comes back. */
START_TEST(not_a_number)
{
    test_random random = test_random_start("not_a_number");
    double reals[4] = {1.0, (double)NAN, -0.0, 0.0};
    test_values values = {.vector = {.type = MDL_TYPE_FLOAT64, .n_rows = 4, .values = reals}};
    mdli_block *block;
    ck_assert_int_eq(mdli_block_encode(context, &values.vector, NULL, &block, &error), MDL_OK);
    ck_assert(!block->has_min_max && !block->is_sorted && block->n_distinct == -1);
    check_decoding(&random, block, &values.vector);
    mdli_block_release(block);
}
END_TEST

START_TEST(dictionary_codes)
{
    test_random random = test_random_start("codes");
    mdl_string entries[300];
    char names[300][8];
    for (int i = 0; i < 300; i++) {
        int size = snprintf(names[i], sizeof names[i], "%d", i);
        entries[i] = (mdl_string){names[i], size};
    }
    mdli_dictionary *dictionary;
    ck_assert_int_eq(mdli_dictionary_create(context, entries, 300, &dictionary, &error), MDL_OK);
    for (int round = 0; round < N_SIZES * 4; round++) {
        test_values values = {.vector = {.type = MDL_TYPE_STRING, .n_rows = sizes[round / 4]}};
        const int64_t n = values.vector.n_rows;
        int32_t *codes = allocate((size_t)n * sizeof *codes);
        for (int64_t i = 0; i < n; i++) {
            codes[i] = (int32_t)test_random_below(&random, 300);
        }
        values.values = codes;
        values.vector.codes = codes;
        values.vector.dictionary = entries;
        values.vector.n_dictionary = 300;
        make_nulls(&random, &values, null_rates[round % 4]);

        mdli_block *block;
        ck_assert_int_eq(mdli_block_encode(context, &values.vector, dictionary, &block, &error),
                         MDL_OK);
        ck_assert_int_eq(block->encoding, MDL_ENCODING_DICTIONARY);
        check_decoding(&random, block, &values.vector);
        mdli_block_release(block);
        check_all_encodings(&random, &values);
        test_values_free(&values);
    }
    mdli_dictionary_release(dictionary);
}
END_TEST

/* A buffer that holds the text of a block which is gone must not take another block for it. */
START_TEST(buffer_outlives_block)
{
    test_random random = test_random_start("buffer_outlives_block");
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    for (int round = 0; round < 20; round++) {
        test_values values = make_texts(&random, 500, 20, 3, 0);
        mdli_block *block;
        ck_assert_int_eq(
            mdli_block_encode_as(context, MDL_ENCODING_ZSTD, &values.vector, NULL, &block, &error),
            MDL_OK);
        check_range(block, &values.vector, 0, 500, &buffer);
        mdli_block_release(block);
        test_values_free(&values);
    }
    mdli_decode_buffer_free(&buffer);
}
END_TEST

START_TEST(retyped)
{
    test_random random = test_random_start("retyped");
    test_values values = make_integers(&random, MDL_TYPE_INT64, SHAPE_SAW, 1000, 10);
    mdli_block *block;
    mdli_block *view;
    ck_assert_int_eq(mdli_block_encode(context, &values.vector, NULL, &block, &error), MDL_OK);
    ck_assert_int_eq(mdli_block_retype(block, MDL_TYPE_TIMESTAMP, &view, &error), MDL_OK);
    ck_assert_ptr_eq(view->payload, block->payload);
    mdli_block_release(block);
    values.vector.type = MDL_TYPE_TIMESTAMP;
    check_decoding(&random, view, &values.vector);
    mdli_block_release(view);
    test_values_free(&values);
}
END_TEST

/* Values of two scales take the bytes of the layout: counted here from its description. */
START_TEST(exact_sizes)
{
    test_random random = test_random_start("exact_sizes");
    test_values values = make_integers(&random, MDL_TYPE_INT32, SHAPE_CONSTANT, 1024, 0);
    int32_t *integers = values.values;
    for (int i = 0; i < 1024; i++) {
        integers[i] = i < 512 ? i % 4 : 1000 + i % 16;
    }
    mdli_block *block;
    ck_assert_int_eq(
        mdli_block_encode_as(context, MDL_ENCODING_FRAME, &values.vector, NULL, &block, &error),
        MDL_OK);
    /* Header 16, bases 4 * 4, starts 5 * 2, rounded up to 64; frames of 2, 2, 4, 4 bits. */
    ck_assert_int_eq(block->payload_bytes, 64 + (2 + 2 + 4 + 4) * 32);
    mdli_block_release(block);
    test_values_free(&values);
}
END_TEST

/* Makes a block of `n` integers in an encoding, checks what it decodes to and gives its bytes. */
static int64_t payload_bytes(test_random *random, mdl_encoding encoding, mdl_type type,
                             const void *integers, int64_t n)
{
    const mdl_vector vector = {.type = type, .n_rows = n, .values = integers};
    mdli_block *block;
    ck_assert_int_eq(mdli_block_encode_as(context, encoding, &vector, NULL, &block, &error),
                     MDL_OK);
    check_decoding(random, block, &vector);
    const int64_t bytes = block->payload_bytes;
    mdli_block_release(block);
    return bytes;
}

enum {
    JUMPY_ROWS = 1024
};

/* Ascending by 1 to 4 from the least value, with jumps of `height` in so many rows of each frame;
 * every other jump goes back down. */
static void make_jumps(test_random *random, int n_jumps, int32_t height, int32_t *integers)
{
    integers[0] = INT32_MIN;
    for (int i = 1; i < JUMPY_ROWS; i++) {
        const int row = i % 256;
        const int32_t jump = row == 0 || row > n_jumps ? 0 : row % 2 == 1 ? height : -height;
        integers[i] = integers[i - 1] + 1 + (int32_t)test_random_below(random, 4) + jump;
    }
}

/* A jump takes 3 bytes, and nothing else of its frame. */
START_TEST(exact_sizes_of_jumps)
{
    test_random random = test_random_start("exact_sizes_of_jumps");
    int32_t integers[JUMPY_ROWS];
    make_jumps(&random, 0, 0, integers);
    /* Header 16, firsts and leasts 4 * 8, starts 5 * 2, rounded up to 64; frames of 2 bits. */
    ck_assert_int_eq(
        payload_bytes(&random, MDL_ENCODING_DELTA, MDL_TYPE_INT32, integers, JUMPY_ROWS),
        64 + 4 * 2 * 32);
    for (int n_jumps = 2; n_jumps <= 10; n_jumps += 2) {
        make_jumps(&random, n_jumps, 20000, integers);
        /* Steps but those of jumps are 1 to 4: 2 bits. Directory with jump starts 5 * 2. */
        const int64_t directory = (16 + 32 + 10 + 10 + 4 * n_jumps * 3 + 31) / 32 * 32;
        ck_assert_int_eq(
            payload_bytes(&random, MDL_ENCODING_DELTA, MDL_TYPE_INT32, integers, JUMPY_ROWS),
            directory + 4 * 2 * 32);
    }
}
END_TEST

enum {
    RISING_ROWS = 3000
};

/* Makes values that rise in runs of rows, from anywhere, and in one of three cases not in one row. */
static int32_t make_rises(test_random *random, int32_t *integers, int32_t *ends)
{
    const int run_rows_max = 1 + (int)test_random_below(random, 700);
    const uint64_t gap_max = UINT64_C(1) << test_random_below(random, 18);
    int32_t n_runs = 0;
    int32_t row = 0;
    while (row < RISING_ROWS) {
        int32_t end = row + 1 + (int32_t)test_random_below(random, (uint64_t)run_rows_max);
        end = end < RISING_ROWS ? end : RISING_ROWS;
        integers[row] = (int32_t)test_random_below(random, 1000) - 500;
        for (row++; row < end; row++) {
            integers[row] = integers[row - 1] + 1 + (int32_t)test_random_below(random, gap_max);
        }
        ends[n_runs++] = end;
    }
    if (test_random_below(random, 3) == 0) {
        const int32_t at = 1 + (int32_t)test_random_below(random, RISING_ROWS - 1);
        integers[at] = integers[at - 1] - (int32_t)test_random_below(random, 3);
    }
    return n_runs;
}

/* The same by a look at all rows from `first` on. */
static bool rises(const int32_t *integers, const int32_t *ends, int32_t first)
{
    int32_t run = 0;
    for (int32_t row = first + 1; row < RISING_ROWS; row++) {
        while (ends[run] < row) {
            run++;
        }
        if (ends[run] != row && integers[row] <= integers[row - 1]) {
            return false;
        }
    }
    return true;
}

START_TEST(rises_in_runs)
{
    test_random random = test_random_start("rises_in_runs");
    int32_t integers[RISING_ROWS];
    int32_t ends[RISING_ROWS];
    int n_rising = 0;
    for (int round = 0; round < 300; round++) {
        const int32_t n_runs = make_rises(&random, integers, ends);
        const mdl_vector vector = {
            .type = MDL_TYPE_INT32, .n_rows = RISING_ROWS, .values = integers};
        const bool expected = rises(integers, ends, 0);
        mdli_block *block;
        ck_assert_int_eq(
            mdli_block_encode_as(context, MDL_ENCODING_DELTA, &vector, NULL, &block, &error),
            MDL_OK);
        ASSERT_IN_LOOP(mdli_block_rises_in_runs(block, ends, n_runs) == expected, "round %d",
                       round);
        n_rising += expected;

        /* A slice that begins inside of a run. */
        const int32_t first = 1 + (int32_t)test_random_below(&random, RISING_ROWS - 1);
        mdli_decode_buffer buffer;
        mdli_block *slice;
        mdli_decode_buffer_init(&buffer, context);
        ck_assert_int_eq(mdli_block_cut(block, first, RISING_ROWS - first, &buffer, &slice, &error),
                         MDL_OK);
        int32_t slice_ends[RISING_ROWS];
        int32_t n_slice_runs = 0;
        for (int32_t r = 0; r < n_runs; r++) {
            if (ends[r] > first) {
                slice_ends[n_slice_runs++] = ends[r] - first;
            }
        }
        ASSERT_IN_LOOP(mdli_block_rises_in_runs(slice, slice_ends, n_slice_runs) ==
                           rises(integers, ends, first),
                       "slice of round %d from row %d", round, (int)first);
        mdli_block_release(slice);
        mdli_block_release(block);
        mdli_decode_buffer_free(&buffer);
    }
    ck_assert_int_gt(n_rising, 100);
    ck_assert_int_lt(n_rising, 290);
}
END_TEST

/* Any number of jumps of any height, so that the values reach over all 32 bits. */
START_TEST(jumps_of_all_heights)
{
    test_random random = test_random_start("jumps_of_all_heights");
    int32_t integers[JUMPY_ROWS];
    for (int n_jumps = 0; n_jumps < 40; n_jumps++) {
        for (int bits = 1; bits < 30; bits++) {
            make_jumps(&random, n_jumps % 2 == 0 ? n_jumps : 255,
                       (INT32_C(1) << bits) - n_jumps % 3, integers);
            payload_bytes(&random, MDL_ENCODING_DELTA, MDL_TYPE_INT32, integers, JUMPY_ROWS);
        }
    }
}
END_TEST

/* Values near one of n places in turn, which are far apart. */
static void make_places(test_random *random, int n_places, int64_t base, int64_t distance,
                        int64_t *integers)
{
    for (int i = 0; i < JUMPY_ROWS; i++) {
        integers[i] = base + i % n_places * distance + (int64_t)test_random_below(random, 200);
    }
}

/* A frame with values in few places takes the bits of an offset and of a place, at each number of
 * places that is served, between any extremes; and what cannot have pages decodes as well. */
START_TEST(pages)
{
    static const int64_t bases[] = {0, -5, INT64_MIN, INT64_MAX - UINT32_MAX, INT32_MIN};
    test_random random = test_random_start("pages");
    int64_t integers[JUMPY_ROWS];
    for (int n_places = 1; n_places <= 256; n_places++) {
        const int64_t base = bases[n_places % 5];
        make_places(&random, n_places, base, ((int64_t)UINT32_MAX - 200) / n_places, integers);
        const int64_t bytes =
            payload_bytes(&random, MDL_ENCODING_FRAME, MDL_TYPE_INT64, integers, JUMPY_ROWS);
        /* Offsets of 8 bits; a place may lie across two pages, which are numbered by 24 bits. */
        if (2 <= n_places && n_places <= 32) {
            ck_assert_int_le(bytes, 1024 / 8 * (8 + 6) + 4 * 64 * 3 + 128);
        }
        make_places(&random, n_places, INT64_MIN, INT64_MAX / n_places, integers);
        payload_bytes(&random, MDL_ENCODING_FRAME, MDL_TYPE_INT64, integers, JUMPY_ROWS);
    }
}
END_TEST

static void add_tests(Suite *suite, const char *name, void (*setup)(void))
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, all_shapes, 0, N_INTEGER_TYPES);
    tcase_add_loop_test(tests, full_blocks, 0, N_INTEGER_TYPES);
    tcase_add_loop_test(tests, lone_extremes, 0, N_INTEGER_TYPES);
    tcase_add_test(tests, faults_of_slices);
    tcase_add_test(tests, slices_of_earlier_versions);
    tcase_add_test(tests, encoded_like_another);
    tcase_add_test(tests, text_shapes);
    tcase_add_test(tests, constant_texts);
    tcase_add_test(tests, typical_choices);
    tcase_add_test(tests, not_a_number);
    tcase_add_test(tests, dictionary_codes);
    tcase_add_test(tests, buffer_outlives_block);
    tcase_add_test(tests, retyped);
    tcase_add_test(tests, exact_sizes);
    tcase_add_test(tests, exact_sizes_of_jumps);
    tcase_add_test(tests, rises_in_runs);
    tcase_add_test(tests, jumps_of_all_heights);
    tcase_add_test(tests, pages);
    suite_add_tcase(suite, tests);
}

static Suite *block_suite(void)
{
    Suite *suite = suite_create("block");
    add_tests(suite, "best level", setup_best);
    add_tests(suite, "scalar", setup_scalar);
    return suite;
}

int main(void)
{
    return run_suite(block_suite());
}
