/* Tables for people.
 *
 * The table is read twice, once for the widths and once for the text, so nothing but the layout of
 * its columns is held and any number of rows can be printed. */
#include "table_printer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "display_text.h"
#include "table_cell.h"

/* Text is not shortened below this many columns, nor a heading below HEADING_FLOOR. */
enum {
    TEXT_FLOOR = 12,
    HEADING_FLOOR = 6
};

typedef struct frame {
    const char *line, *bar, *ellipsis;
    const char *top[3], *middle[3], *bottom[3]; /* left corner, crossing, right corner */
} frame;

static const frame box_frame = {
    "─", "│", "…", {"┌", "┬", "┐"}, {"├", "┼", "┤"}, {"└", "┴", "┘"},
};
static const frame ascii_frame = {
    "-", "|", "...", {"+", "+", "+"}, {"+", "+", "+"}, {"+", "+", "+"},
};

typedef struct layout_column {
    mdl_string name;
    alignment align;
    bool is_text; /* only text is shortened: a part of a number or a time says something else */
    int64_t value_width; /* of the widest value */
    int64_t floor_width; /* not to be narrower than this */
    int64_t width;       /* what it gets */
} layout_column;

/* Columns [first_hidden, end_hidden) are left out; one narrow column stands for them. */
typedef struct layout {
    layout_column *columns;
    int32_t n_columns;
    int32_t first_hidden, end_hidden;
    const table_style *style;
    const frame *frame;
    text_output *output;
} layout;

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_number(mdl_type type)
{
    return type == MDL_TYPE_INT32 || type == MDL_TYPE_INT64 || type == MDL_TYPE_DECIMAL ||
           type == MDL_TYPE_FLOAT64;
}

static void measure_batch(layout *l, const mdl_batch *batch)
{
    char buffer[CELL_TEXT_MAX];
    for (int32_t c = 0; c < l->n_columns; c++) {
        layout_column *column = &l->columns[c];
        for (int64_t row = 0; row < batch->n_rows; row++) {
            mdl_value value = mdl_vector_value(&batch->columns[c], row);
            mdl_string text = cell_text(&value, l->style->float_digits, buffer);
            column->value_width = larger(column->value_width, display_width(text));
        }
    }
}

static int32_t next_visible(const layout *l, int32_t column)
{
    column++;
    return column == l->first_hidden ? l->end_hidden : column;
}

static int32_t first_visible(const layout *l)
{
    return next_visible(l, -1);
}

static int64_t framed_width(const layout *l)
{
    int64_t width = 1;
    for (int32_t c = first_visible(l); c < l->n_columns; c = next_visible(l, c)) {
        width += l->columns[c].width + 3;
    }
    bool some_hidden = l->first_hidden < l->end_hidden;
    return width + (some_hidden ? display_width(text_of(l->frame->ellipsis)) + 3 : 0);
}

/* The widest visible column that may become narrower, or NULL. */
static layout_column *widest_above_floor(const layout *l)
{
    layout_column *widest = NULL;
    for (int32_t c = first_visible(l); c < l->n_columns; c = next_visible(l, c)) {
        layout_column *column = &l->columns[c];
        if (column->width > column->floor_width &&
            (widest == NULL || column->width > widest->width)) {
            widest = column;
        }
    }
    return widest;
}

/* Gives every visible column its full width, then narrows the widest as long as the table is too
 * wide. False when it still is. */
static bool narrow_to_fit(layout *l)
{
    for (int32_t c = 0; c < l->n_columns; c++) {
        layout_column *column = &l->columns[c];
        column->width = larger(column->value_width, display_width(column->name));
    }
    int64_t excess = l->style->width == 0 ? 0 : framed_width(l) - l->style->width;
    while (excess > 0) {
        layout_column *widest = widest_above_floor(l);
        if (widest == NULL) {
            return false;
        }
        widest->width--;
        excess--;
    }
    return true;
}

static void set_floors(layout *l)
{
    for (int32_t c = 0; c < l->n_columns; c++) {
        layout_column *column = &l->columns[c];
        int64_t heading = display_width(column->name);
        column->floor_width = column->is_text
                                  ? smaller(larger(column->value_width, heading), TEXT_FLOOR)
                                  : larger(column->value_width, smaller(heading, HEADING_FLOOR));
    }
    if (l->style->is_listing && l->n_columns > 0) {
        layout_column *names = &l->columns[0];
        names->floor_width =
            larger(names->floor_width, smaller(names->value_width, l->style->width / 3));
    }
}

/* Leaves columns out, from the middle to both sides in turn, until the others fit. */
static void choose_widths(layout *l)
{
    set_floors(l);
    l->first_hidden = l->end_hidden = (l->n_columns + 1) / 2;
    while (!narrow_to_fit(l)) {
        int32_t n_hidden = l->end_hidden - l->first_hidden;
        if (n_hidden + 1 >= l->n_columns) {
            break;
        }
        bool to_the_right = n_hidden % 2 == 0 || l->first_hidden == 1;
        if (to_the_right && l->end_hidden < l->n_columns) {
            l->end_hidden++;
        } else {
            l->first_hidden--;
        }
    }
}

/* Whether the left-out columns begin at `column`. */
static bool starts_gap(const layout *l, int32_t column)
{
    return column == l->first_hidden && l->first_hidden < l->end_hidden;
}

static void put_rule(const layout *l, const char *const ends[3])
{
    const char *corner = ends[0];
    for (int32_t c = 0; c < l->n_columns;) {
        bool is_gap = starts_gap(l, c);
        int64_t width = is_gap ? display_width(text_of(l->frame->ellipsis)) : l->columns[c].width;
        put_text(l->output, corner);
        put_repeated(l->output, l->frame->line, width + 2);
        corner = ends[1];
        c = is_gap ? l->end_hidden : c + 1;
    }
    put_text(l->output, ends[2]);
    put_text(l->output, "\n");
}

/* One cell with the bar before it; `effect` is an SGR number such as "2" (dim) or NULL. */
static void put_cell(const layout *l, mdl_string text, int64_t width, alignment align,
                     const char *effect)
{
    bool styled = effect != NULL && l->style->use_color;
    put_text(l->output, l->frame->bar);
    put_text(l->output, " ");
    if (styled) {
        put_format(l->output, "\033[%sm", effect);
    }
    put_fitted(l->output, text, width, align, l->frame->ellipsis);
    put_text(l->output, styled ? "\033[0m " : " ");
}

static void put_gap(const layout *l)
{
    mdl_string dots = text_of(l->frame->ellipsis);
    put_cell(l, dots, display_width(dots), ALIGN_LEFT, "2");
}

static void put_line_end(const layout *l)
{
    put_text(l->output, l->frame->bar);
    put_text(l->output, "\n");
}

static void put_headings(const layout *l)
{
    for (int32_t c = 0; c < l->n_columns; c++) {
        if (starts_gap(l, c)) {
            put_gap(l);
            c = l->end_hidden - 1;
            continue;
        }
        put_cell(l, l->columns[c].name, l->columns[c].width, l->columns[c].align, "1");
    }
    put_line_end(l);
}

static void put_row(const layout *l, const mdl_batch *batch, int64_t row)
{
    char buffer[CELL_TEXT_MAX];
    for (int32_t c = 0; c < l->n_columns; c++) {
        if (starts_gap(l, c)) {
            put_gap(l);
            c = l->end_hidden - 1;
            continue;
        }
        mdl_value value = mdl_vector_value(&batch->columns[c], row);
        mdl_string text = cell_text(&value, l->style->float_digits, buffer);
        put_cell(l, text, l->columns[c].width, l->columns[c].align, value.is_null ? "2" : NULL);
    }
    put_line_end(l);
}

static void put_row_count(const layout *l, int64_t n_rows, int64_t n_rows_in_all)
{
    char shown[32], all[32];
    if (n_rows < n_rows_in_all) {
        put_format(l->output, "%s of %s rows", grouped_digits(n_rows, shown),
                   grouped_digits(n_rows_in_all, all));
    } else {
        put_format(l->output, "%s %s", grouped_digits(n_rows, shown), n_rows == 1 ? "row" : "rows");
    }
}

static void put_footer(const layout *l, int64_t n_rows, int64_t n_rows_in_all)
{
    int32_t n_hidden = l->end_hidden - l->first_hidden;
    bool has_count = !l->style->is_listing;
    if (!has_count && n_hidden == 0) {
        return;
    }
    put_text(l->output, l->style->use_color ? "\033[2m" : "");
    if (has_count) {
        put_row_count(l, n_rows, n_rows_in_all);
    }
    if (n_hidden > 0) {
        put_format(l->output, "%s%" PRId32 " of %" PRId32 " columns", has_count ? ", " : "",
                   l->n_columns - n_hidden, l->n_columns);
    }
    put_text(l->output, l->style->use_color ? "\033[0m\n" : "\n");
}

/* Walks over all rows once; without `print` they are only measured. */
static mdl_status walk_rows(layout *l, mdl_context *context, const mdl_table *table, bool print,
                            mdl_error *error)
{
    mdl_cursor *cursor = NULL;
    mdl_batch batch = {0};
    mdl_status status = mdl_cursor_create(context, table, NULL, 0, &cursor, error);
    while (status == MDL_OK && l->output->error == 0) {
        status = mdl_cursor_next(cursor, &batch, error);
        if (status != MDL_OK || batch.n_rows == 0) {
            break;
        }
        if (!print) {
            measure_batch(l, &batch);
        }
        for (int64_t row = 0; print && row < batch.n_rows && l->output->error == 0; row++) {
            put_row(l, &batch, row);
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

mdl_status print_table(mdl_context *context, const mdl_table *table, int64_t n_rows_in_all,
                       const table_style *style, text_output *output, mdl_error *error)
{
    int32_t n_columns = mdl_table_n_columns(table);
    layout l = {.n_columns = n_columns,
                .style = style,
                .frame = style->use_box_characters ? &box_frame : &ascii_frame,
                .output = output};
    l.columns = calloc((size_t)n_columns + 1, sizeof *l.columns);
    if (l.columns == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory to lay out %" PRId32 " columns",
                             n_columns);
    }
    for (int32_t c = 0; c < n_columns; c++) {
        mdl_type type = mdl_column_type(mdl_table_column(table, c));
        l.columns[c].name = text_of(mdl_table_column_name(table, c));
        l.columns[c].align = is_number(type) ? ALIGN_RIGHT : ALIGN_LEFT;
        l.columns[c].is_text = type == MDL_TYPE_STRING;
    }
    mdl_status status = walk_rows(&l, context, table, false, error);
    if (status == MDL_OK) {
        choose_widths(&l);
        put_rule(&l, l.frame->top);
        put_headings(&l);
        put_rule(&l, l.frame->middle);
        status = walk_rows(&l, context, table, true, error);
    }
    if (status == MDL_OK) {
        put_rule(&l, l.frame->bottom);
        put_footer(&l, mdl_table_n_rows(table), n_rows_in_all);
    }
    free(l.columns);
    return status;
}
