/*
 * Selectors: dbt's language for picking tables.
 *
 *   text  = words, united
 *   word  = terms with commas between, intersected
 *   term  = [@ | + | N+] what [+ | +N]
 *   what  = name | layer:name | kind:name | tag:name
 *
 * `+` before takes in what a table is built from, `+` after what is built from it, N steps far or
 * all the way. `@` takes in what is built from it and all that those are built from. A `*` in a
 * name stands for any text.
 */
#include "warehouse/warehouse_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* As many steps as there can be. */
#define ALL_THE_WAY INT32_MAX

/* Names of tables are short; a longer term is no term. */
#define TERM_BYTES_MAX 200

/* A parsed term. `what` points into a text that the term is cut from. */
typedef struct selector_term {
    const char *what;
    int32_t steps_up;   /* towards what it is built from */
    int32_t steps_down; /* towards what is built from it */
    bool with_parents_of_children;
} selector_term;

/* Room for picking: each array has an item for each node. */
typedef struct selector {
    const mdl_warehouse *warehouse;
    const char *option; /* "select" or "exclude", for messages */
    bool *word;
    bool *term;
    bool *base;
    int32_t *distance;
} selector;

static mdl_status refuse(const selector *s, const char *term, const char *reason, mdl_error *error)
{
    return mdl_error_set(error, MDL_E_ARGUMENT, "%s: \"%s\" %s", s->option, term, reason);
}

/* A number of at most 9 digits at the front of `text`; its size, 0 when there is none. */
static size_t read_number(const char *text, int32_t *value)
{
    size_t size = strspn(text, "0123456789");
    if (size == 0 || size > 9) {
        return 0;
    }
    *value = (int32_t)strtol(text, NULL, 10);
    return size;
}

/* Takes the operators off a term, whose text is changed. */
static void parse_term(char *text, selector_term *out)
{
    *out = (selector_term){0};
    int32_t steps = 0;
    size_t n_digits = read_number(text, &steps);
    if (text[0] == '@') {
        out->with_parents_of_children = true;
        text++;
    } else if (text[n_digits] == '+') {
        out->steps_up = n_digits > 0 ? steps : ALL_THE_WAY;
        text += n_digits + 1;
    }
    char *plus = strchr(text, '+');
    if (plus != NULL) {
        n_digits = read_number(plus + 1, &steps);
        if (plus[1 + n_digits] == '\0') {
            out->steps_down = n_digits > 0 ? steps : ALL_THE_WAY;
            *plus = '\0';
        }
    }
    out->what = text;
}

/* Whether `name` fits a pattern in which `*` stands for any text. */
static bool fits(const char *pattern, const char *name)
{
    for (; *pattern != '*'; pattern++, name++) {
        if (*pattern != *name) {
            return false;
        }
        if (*pattern == '\0') {
            return true;
        }
    }
    for (const char *rest = name;; rest++) {
        if (fits(pattern + 1, rest)) {
            return true;
        }
        if (*rest == '\0') {
            return false;
        }
    }
}

static bool has_layer(const mdl_model *model, const char *pattern)
{
    return fits(pattern, mdl_layer_name(model->layer));
}

static bool has_kind(const mdl_model *model, const char *pattern)
{
    return fits(pattern, mdl_materialization_name(model->materialization));
}

static bool has_tag(const mdl_model *model, const char *pattern)
{
    static const char separators[] = ", \t";
    char tag[TERM_BYTES_MAX + 1];
    const char *tags = model->tags != NULL ? model->tags : "";
    for (tags += strspn(tags, separators); *tags != '\0'; tags += strspn(tags, separators)) {
        size_t size_bytes = strcspn(tags, separators);
        if (size_bytes < sizeof tag) {
            memcpy(tag, tags, size_bytes);
            tag[size_bytes] = '\0';
            if (fits(pattern, tag)) {
                return true;
            }
        }
        tags += size_bytes;
    }
    return false;
}

static bool has_name(const mdl_model *model, const char *pattern)
{
    return fits(pattern, model->name);
}

/* Ways to pick by something else than the name. */
static const struct {
    const char *prefix;
    bool (*holds)(const mdl_model *model, const char *pattern);
} methods[] = {{"layer:", has_layer}, {"kind:", has_kind}, {"tag:", has_tag}};

/* Marks the nodes that `what` means in `base`; false when there is none. */
static bool find_base(const selector *s, const char *what)
{
    bool (*holds)(const mdl_model *model, const char *pattern) = has_name;
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        size_t size_bytes = strlen(methods[m].prefix);
        if (strncmp(what, methods[m].prefix, size_bytes) == 0) {
            holds = methods[m].holds;
            what += size_bytes;
            break;
        }
    }
    bool is_found = false;
    for (int32_t i = 0; i < s->warehouse->n_nodes; i++) {
        s->base[i] = holds(&s->warehouse->nodes[i]->model, what);
        is_found = is_found || s->base[i];
    }
    return is_found;
}

/* Whether node `to` is one step from a node at `distance`: up, as its ref, or down, as built from
 * it. */
static bool is_next(const selector *s, int32_t to, int32_t distance, bool up)
{
    for (int32_t from = 0; from < s->warehouse->n_nodes; from++) {
        if (s->distance[from] != distance) {
            continue;
        }
        const mdli_node *child = s->warehouse->nodes[up ? from : to];
        int32_t parent = up ? to : from;
        for (int32_t r = 0; r < child->model.n_refs; r++) {
            if (child->refs[r] == parent) {
                return true;
            }
        }
    }
    return false;
}

/* Adds to `into` all that is within so many steps of the nodes in `from`, themselves included. */
static void add_within(const selector *s, const bool *from, int32_t n_steps, bool up, bool *into)
{
    int32_t n_nodes = s->warehouse->n_nodes;
    for (int32_t i = 0; i < n_nodes; i++) {
        s->distance[i] = from[i] ? 0 : -1;
    }
    bool has_grown = true;
    for (int32_t step = 0; step < n_steps && has_grown; step++) {
        has_grown = false;
        for (int32_t i = 0; i < n_nodes; i++) {
            if (s->distance[i] < 0 && is_next(s, i, step, up)) {
                s->distance[i] = step + 1;
                has_grown = true;
            }
        }
    }
    for (int32_t i = 0; i < n_nodes; i++) {
        into[i] = into[i] || s->distance[i] >= 0;
    }
}

/* Marks what one term picks in s->term. */
static mdl_status pick_term(const selector *s, const char *text, size_t size_bytes,
                            mdl_error *error)
{
    char term_text[TERM_BYTES_MAX + 1];
    if (size_bytes > TERM_BYTES_MAX) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "%s: a name is longer than %d bytes", s->option,
                             TERM_BYTES_MAX);
    }
    memcpy(term_text, text, size_bytes);
    term_text[size_bytes] = '\0';
    char whole[TERM_BYTES_MAX + 1];
    memcpy(whole, term_text, size_bytes + 1);

    selector_term term;
    parse_term(term_text, &term);
    if (term.what[0] == '\0') {
        return refuse(s, whole, "names no table", error);
    }
    if (!find_base(s, term.what)) {
        return refuse(s, whole, "fits no table", error);
    }
    memset(s->term, 0, (size_t)s->warehouse->n_nodes);
    if (term.with_parents_of_children) {
        add_within(s, s->base, ALL_THE_WAY, false, s->term);
        memcpy(s->base, s->term, (size_t)s->warehouse->n_nodes);
        term.steps_up = ALL_THE_WAY;
    }
    add_within(s, s->base, term.steps_up, true, s->term);
    add_within(s, s->base, term.steps_down, false, s->term);
    return MDL_OK;
}

/* Adds what a text picks to `picked`. */
static mdl_status pick(const selector *s, const char *text, bool *picked, mdl_error *error)
{
    static const char blanks[] = " \t\r\n";
    int32_t n_nodes = s->warehouse->n_nodes;
    for (text += strspn(text, blanks); *text != '\0'; text += strspn(text, blanks)) {
        memset(s->word, true, (size_t)n_nodes);
        size_t size_bytes = strcspn(text, ", \t\r\n");
        MDLI_TRY(pick_term(s, text, size_bytes, error));
        for (;;) {
            for (int32_t i = 0; i < n_nodes; i++) {
                s->word[i] = s->word[i] && s->term[i];
            }
            text += size_bytes;
            if (*text != ',') {
                break;
            }
            text++;
            size_bytes = strcspn(text, ", \t\r\n");
            MDLI_TRY(pick_term(s, text, size_bytes, error));
        }
        for (int32_t i = 0; i < n_nodes; i++) {
            picked[i] = picked[i] || s->word[i];
        }
    }
    return MDL_OK;
}

/* Adds the sources that a picked table is built from, directly or not. */
static void add_sources(const selector *s, bool *picked)
{
    memset(s->term, 0, (size_t)s->warehouse->n_nodes);
    add_within(s, picked, ALL_THE_WAY, true, s->term);
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        picked[i] = picked[i] || s->term[i];
    }
}

/* Takes out of `selected` what `excluded` has; whether anything is left. */
static bool leave_out(int32_t n_nodes, const bool *excluded, bool *selected)
{
    bool is_any = false;
    for (int32_t i = 0; i < n_nodes; i++) {
        selected[i] = selected[i] && !excluded[i];
        is_any = is_any || selected[i];
    }
    return is_any;
}

mdl_status mdli_select_nodes(const mdl_warehouse *warehouse, const char *select,
                             const char *exclude, bool with_sources, bool *selected,
                             mdl_error *error)
{
    mdl_status status;
    size_t n_nodes = (size_t)warehouse->n_nodes;
    void *flags = NULL;
    void *distance = NULL;
    MDLI_TRY_GOTO_DONE(
        mdli_allocate_zeroed(warehouse->context, 4 * n_nodes, "selector", &flags, error));
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(warehouse->context, warehouse->n_nodes, sizeof(int32_t),
                                           "selector", &distance, error));
    bool *excluded = flags;
    selector s = {
        .warehouse = warehouse,
        .option = "select",
        .word = excluded + n_nodes,
        .term = excluded + 2 * n_nodes,
        .base = excluded + 3 * n_nodes,
        .distance = distance,
    };
    memset(selected, select == NULL, n_nodes);
    if (select != NULL) {
        MDLI_TRY_GOTO_DONE(pick(&s, select, selected, error));
    }
    if (with_sources) {
        add_sources(&s, selected);
    }
    if (exclude != NULL) {
        s.option = "exclude";
        MDLI_TRY_GOTO_DONE(pick(&s, exclude, excluded, error));
    }
    if (!leave_out(warehouse->n_nodes, excluded, selected)) {
        status = mdl_error_set(error, MDL_E_ARGUMENT, "no table is selected%s%s%s%s",
                               select != NULL ? " by " : "", select != NULL ? select : "",
                               exclude != NULL ? " without " : "", exclude != NULL ? exclude : "");
    }
done:
    mdli_free(warehouse->context, distance);
    mdli_free(warehouse->context, flags);
    return status;
}
