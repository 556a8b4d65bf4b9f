/*
 * What the files of expressions share: tokens, the untyped tree that the parser makes, the typed
 * nodes that the binder makes of it, and the evaluator that runs those.
 *
 * An expression goes through three stages. The parser (expression_lexer.c, expression_parser.c)
 * knows syntax only. The binder (expression_binder.c, expression_bind_call.c,
 * expression_bind_comparison.c) looks up names, gives every node a type, makes conversions
 * explicit, folds constants and brings constants of comparisons into the units of the other side,
 * exactly. The evaluator runs the nodes over vectors, one typed loop per node.
 */
#ifndef MDLI_OPERATORS_EXPRESSION_INTERNAL_H
#define MDLI_OPERATORS_EXPRESSION_INTERNAL_H

#include <string.h>

#include "base/error.h"
#include "base/exact.h"
#include "operators/expression.h"

/* Deepest nesting of an expression. Parsing, binding and evaluating recurse; the bound keeps text
 * from anywhere off the end of the stack. Chains of `and`, of `or` and of `||` count as one level.
 */
#define MDLI_EXPRESSION_DEPTH_MAX 500

/* Nine digits: the range of DECIMAL(9,2) in hundredths. */
#define MDLI_DECIMAL_UNITS_MAX INT32_C(999999999)

/* ---- Faults ---- */

/*
 * Sets `in expression "…": <message> at column <n>`, where `position` is an offset in bytes and
 * columns count characters from 1. Returns `status`.
 */
mdl_status mdli_expression_fault(mdl_error *error, mdl_status status, const char *text,
                                 int64_t position, const char *format, ...) MDL_PRINTF(5, 6);

/* An unknown column: suggests the nearest name, or else lists what there is. */
mdl_status mdli_unknown_column(mdl_error *error, const char *text, int64_t position,
                               mdl_string name, const mdli_scope *scope);

/* The position of the column with this name, or -1. */
int32_t mdli_find_column(const mdli_scope *scope, mdl_string name);

/* How many letters have to be changed, added, dropped or swapped with a neighbour to make `a` of
 * `b`, in any case of ASCII letters; names of more than 64 bytes count as far from everything. */
int mdli_name_distance(mdl_string a, mdl_string b);

/* Whether `distance` is small enough to suggest a name of `size_bytes`. */
bool mdli_is_near(int distance, int64_t size_bytes);

/* What an arena that gave NULL failed with. */
static inline mdl_status mdli_arena_fault(const mdl_error *error)
{
    return error != NULL && error->status != MDL_OK ? error->status : MDL_E_NO_MEMORY;
}

/* ---- Tokens ---- */

typedef enum mdli_token_kind {
    MDLI_TOKEN_END,
    MDLI_TOKEN_NAME,
    MDLI_TOKEN_QUOTED_NAME,
    MDLI_TOKEN_NUMBER,
    MDLI_TOKEN_STRING,
    MDLI_TOKEN_OPEN,
    MDLI_TOKEN_CLOSE,
    MDLI_TOKEN_COMMA,
    MDLI_TOKEN_STAR,
    MDLI_TOKEN_PLUS,
    MDLI_TOKEN_MINUS,
    MDLI_TOKEN_SLASH,
    MDLI_TOKEN_PERCENT,
    MDLI_TOKEN_CONCAT,
    MDLI_TOKEN_EQUAL,
    MDLI_TOKEN_NOT_EQUAL,
    MDLI_TOKEN_LESS,
    MDLI_TOKEN_LESS_EQUAL,
    MDLI_TOKEN_GREATER,
    MDLI_TOKEN_GREATER_EQUAL
} mdli_token_kind;

typedef struct mdli_token {
    mdli_token_kind kind;
    int64_t position;
    mdl_string text; /* between the quotes, where there are some; doubled quotes still doubled */
} mdli_token;

typedef struct mdli_lexer {
    const char *text;
    int64_t size_bytes;
    int64_t at;
} mdli_lexer;

/* Starts reading; fails when the text is not UTF-8. */
mdl_status mdli_lexer_start(mdli_lexer *lexer, const char *text, mdl_error *error);

mdl_status mdli_lexer_next(mdli_lexer *lexer, mdli_token *token, mdl_error *error);

/* Whether a token is this word, given in lower case, without quotes around it. */
bool mdli_token_is(const mdli_token *token, const char *word);

/* ASCII letters compare equal in any case; `word` is in lower case. */
bool mdli_text_is(mdl_string text, const char *word);

/* ---- Untyped tree ---- */

typedef enum mdli_compare {
    MDLI_EQUAL,
    MDLI_NOT_EQUAL,
    MDLI_LESS,
    MDLI_LESS_EQUAL,
    MDLI_GREATER,
    MDLI_GREATER_EQUAL
} mdli_compare;

typedef enum mdli_syntax_kind {
    MDLI_SYNTAX_COLUMN,    /* text: its name */
    MDLI_SYNTAX_NUMBER,    /* text: as written, with a minus sign where one was in front */
    MDLI_SYNTAX_STRING,    /* text: the value */
    MDLI_SYNTAX_TIMESTAMP, /* text: the value's text */
    MDLI_SYNTAX_TRUE,
    MDLI_SYNTAX_FALSE,
    MDLI_SYNTAX_NULL,
    MDLI_SYNTAX_AND,
    MDLI_SYNTAX_OR,
    MDLI_SYNTAX_NOT,
    MDLI_SYNTAX_COMPARE,
    MDLI_SYNTAX_BETWEEN,
    MDLI_SYNTAX_IN,
    MDLI_SYNTAX_LIKE,
    MDLI_SYNTAX_IS_NULL,
    MDLI_SYNTAX_IS_NOT_NULL,
    MDLI_SYNTAX_ADD,
    MDLI_SYNTAX_SUBTRACT,
    MDLI_SYNTAX_MULTIPLY,
    MDLI_SYNTAX_DIVIDE,
    MDLI_SYNTAX_MODULO,
    MDLI_SYNTAX_NEGATE,
    MDLI_SYNTAX_CONCAT,
    MDLI_SYNTAX_CASE, /* children: when, then, when, then, …, else (an odd number) */
    MDLI_SYNTAX_CAST,
    MDLI_SYNTAX_CALL /* text: the function's name */
} mdli_syntax_kind;

typedef struct mdli_syntax mdli_syntax;
struct mdli_syntax {
    mdli_syntax_kind kind;
    mdli_compare compare; /* of COMPARE */
    mdl_type type;        /* of CAST */
    int32_t depth;        /* levels of the tree, this one counted */
    int32_t n_children;
    mdli_syntax *first; /* child */
    mdli_syntax *last;  /* child */
    mdli_syntax *next;  /* child of the same parent */
    int64_t position;
    mdl_string text;
};

typedef struct mdli_parser {
    mdli_arena *arena;
    mdli_lexer lexer;
    mdli_token token; /* the one that comes next */
    int32_t depth;
    mdl_error *error;
} mdli_parser;

/* Starts parsing; the first token is read. */
mdl_status mdli_parser_start(mdli_parser *parser, mdli_arena *arena, const char *text,
                             mdl_error *error);

/* Goes on to the next token. */
mdl_status mdli_parser_advance(mdli_parser *parser);

/* Looks at the token behind the next. */
mdl_status mdli_parser_peek(const mdli_parser *parser, mdli_token *token);

/* Takes a token of this kind, or fails with "expected <what>". */
mdl_status mdli_parser_expect(mdli_parser *parser, mdli_token_kind kind, const char *what);

/* The fault "expected <what>, not <the next token>". */
mdl_status mdli_parser_unexpected(const mdli_parser *parser, const char *what);

/* Takes a name, quoted or not, even if it is a word of the language. */
mdl_status mdli_parser_name(mdli_parser *parser, const char *what, mdl_string *name);

/* A string or quoted name in the arena without doubled quotes, NUL-terminated. */
mdl_status mdli_parser_unquote(mdli_parser *parser, const mdli_token *token, mdl_string *out);

/* Parses an expression up to a token that cannot belong to it. */
mdl_status mdli_parse_syntax(mdli_parser *parser, mdli_syntax **out);

/* ---- Typed nodes ---- */

/* Name of the operation and of the function that evaluates it. */
#define MDLI_OPERATION_LIST(X)                                                                     \
    X(COLUMN, column)                                                                              \
    X(CONSTANT, constant)                                                                          \
    X(CAST, cast)                                                                                  \
    X(UNSCALE, unscale) /* the hundredths of a DECIMAL as INT64 */                                 \
    X(ADD, arithmetic)                                                                             \
    X(SUBTRACT, arithmetic)                                                                        \
    X(MULTIPLY, arithmetic)                                                                        \
    X(MULTIPLY_SCALED, multiply_scaled) /* INT64 · INT64 / scale, as the nearest double */        \
    X(DIVIDE, divide)                                                                              \
    X(DIVIDE_SCALED, divide_scaled) /* INT64 / INT64 with scales, as the nearest double */         \
    X(MODULO, modulo)                                                                              \
    X(NEGATE, negate)                                                                              \
    X(ABS, absolute)                                                                               \
    X(LEAST, extreme)                                                                              \
    X(GREATEST, extreme)                                                                           \
    X(COMPARE, compare)                                                                            \
    X(COMPARE_CONSTANT, compare_constant)                                                          \
    X(IN, in)                                                                                      \
    X(LIKE, like)                                                                                  \
    X(AND, and_or)                                                                                 \
    X(OR, and_or)                                                                                  \
    X(NOT, not )                                                                                   \
    X(IS_NULL, is_null)                                                                            \
    X(IS_NOT_NULL, is_null)                                                                        \
    X(CASE, case)                                                                                  \
    X(COALESCE, coalesce)                                                                          \
    X(LABEL, label) /* an INT32 as the code of a fixed dictionary */                               \
    X(CONCAT, concat)                                                                              \
    X(LENGTH, text_function)                                                                       \
    X(LOWER, text_function)                                                                        \
    X(UPPER, text_function)                                                                        \
    X(TRIM, text_function)                                                                         \
    X(DATE, date)                                                                                  \
    X(YEAR, year)                                                                                  \
    X(CALL, call)

typedef enum mdli_operation {
#define MDLI_OPERATION_ENUM(name, function) MDLI_OPERATION_##name,
    MDLI_OPERATION_LIST(MDLI_OPERATION_ENUM)
#undef MDLI_OPERATION_ENUM
} mdli_operation;

/* A literal's exact value, mantissa · 10^exponent. */
typedef struct mdli_exact {
    bool is_known;
    int32_t exponent;
    mdli_int128 mantissa;
} mdli_exact;

/* The values of an IN, all of the type of its child, sorted and distinct. */
typedef struct mdli_value_set {
    const void *values; /* int64_t for integer-like types, double, or mdl_string */
    int64_t n_values;
    bool has_null; /* the list held a NULL too */
} mdli_value_set;

/*
 * A typed operation. Nodes are a tree but for the left side of `between` and `in`, which several
 * comparisons share; the evaluator runs a shared node once per use.
 */
typedef struct mdli_node mdli_node;
struct mdli_node {
    mdli_operation operation;
    mdl_type type; /* 0 while it is a NULL of no type yet */
    int32_t id;    /* its slot in evaluators */
    int32_t n_children;
    const mdli_node **children;
    mdli_node *next; /* of all nodes of the expression */
    int64_t position;
    mdl_value constant; /* CONSTANT; COMPARE_CONSTANT: the right side, in the units of the left */
    mdli_exact exact;   /* CONSTANT */
    mdli_compare compare;
    int32_t column;
    int64_t numerator_scale;   /* DIVIDE_SCALED */
    int64_t denominator_scale; /* DIVIDE_SCALED and MULTIPLY_SCALED */
    mdli_value_set set;        /* IN */
    const mdl_string *labels;  /* LABEL */
    int64_t n_labels;
    const mdl_function *function; /* CALL */
};

struct mdli_expression {
    const mdli_node *root;
    const mdli_node *nodes; /* all of them, by `next` */
    int32_t n_nodes;
    const char *text; /* for faults */
};

typedef struct mdli_binder {
    mdli_arena *arena;
    const mdli_scope *scope;
    const char *text;
    mdl_error *error;
    mdli_node *nodes;
    int32_t n_nodes;
} mdli_binder;

/* Binds a syntax tree. `text` must live as long as the expression. */
mdl_status mdli_bind(mdli_arena *arena, const mdli_scope *scope, const char *text,
                     const mdli_syntax *syntax, const mdli_expression **out, mdl_error *error);

/* Parts of the binder, each in its own file. Nodes that may be replaced are passed as pointers. */

mdl_status mdli_bind_node(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out);

/* A new node with room for children. */
mdl_status mdli_new_node(mdli_binder *binder, mdli_operation operation, mdl_type type,
                         int64_t position, int32_t n_children, mdli_node **out);

/* A node over children that are bound. A constant when all of them are, or when the operation is
 * strict and one of them is NULL. */
mdl_status mdli_make_node(mdli_binder *binder, mdli_operation operation, mdl_type type,
                          int64_t position, const mdli_node *const *children, int32_t n_children,
                          const mdli_node **out);

/* `node` itself, or what its constant value is. */
mdl_status mdli_fold(mdli_binder *binder, mdli_node *node, const mdli_node **out);

mdl_status mdli_make_constant(mdli_binder *binder, const mdl_value *value, int64_t position,
                              const mdli_node **out);

/* Converts to another type where that is allowed without `cast`; the caller has checked that it is.
 * A NULL of no type gets one. */
mdl_status mdli_convert(mdli_binder *binder, const mdli_node *node, mdl_type type,
                        const mdli_node **out);

/* The type that values of several nodes can share; fails where there is none. Text that stands for
 * a TIMESTAMP counts as one. 0 when all are NULL. */
mdl_status mdli_common_type(mdli_binder *binder, const mdli_node *const *nodes, int32_t n_nodes,
                            mdl_type *out);

mdl_status mdli_bind_comparison(mdli_binder *binder, mdli_compare compare, const mdli_node *left,
                                const mdli_node *right, int64_t position, const mdli_node **out);
mdl_status mdli_bind_in(mdli_binder *binder, const mdli_node *left, const mdli_node *const *items,
                        int32_t n_items, int64_t position, const mdli_node **out);
mdl_status mdli_bind_call(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out);

/* Children of a syntax node, bound, in an array of the arena. */
mdl_status mdli_bind_children(mdli_binder *binder, const mdli_syntax *syntax,
                              const mdli_node ***out);

static inline bool mdli_is_constant(const mdli_node *node)
{
    return node->operation == MDLI_OPERATION_CONSTANT;
}

static inline bool mdli_is_null_constant(const mdli_node *node)
{
    return mdli_is_constant(node) && node->constant.is_null;
}

static inline bool mdli_is_integer(mdl_type type)
{
    return type == MDL_TYPE_INT32 || type == MDL_TYPE_INT64;
}

static inline bool mdli_is_number(mdl_type type)
{
    return mdli_is_integer(type) || type == MDL_TYPE_DECIMAL || type == MDL_TYPE_FLOAT64;
}

/* The name of a type, "NULL" for none. */
const char *mdli_node_type_name(const mdli_node *node);

/* Bytes of a value in a vector. */
size_t mdli_type_size(mdl_type type);

/* ---- Bitmaps of rows ---- */

static inline int64_t mdli_bitmap_words(int64_t n_rows)
{
    return (n_rows + 63) / 64;
}

/* The rows of word `word` that are in both bitmaps, of which NULL means all rows. */
static inline uint64_t mdli_rows_word(const uint64_t *a, const uint64_t *b, int64_t word,
                                      int64_t n_rows)
{
    uint64_t bits = (a != NULL ? a[word] : ~UINT64_C(0)) & (b != NULL ? b[word] : ~UINT64_C(0));
    int64_t n_behind = n_rows - word * 64;
    return n_behind < 64 ? bits & ((UINT64_C(1) << n_behind) - 1) : bits;
}

/* Walks the rows that are in both of two bitmaps. */
typedef struct mdli_rows {
    const uint64_t *a;
    const uint64_t *b;
    int64_t n_rows;
    int64_t word;
    uint64_t bits; /* rows of `word` still to come */
} mdli_rows;

static inline mdli_rows mdli_rows_in(const uint64_t *a, const uint64_t *b, int64_t n_rows)
{
    return (mdli_rows){a, b, n_rows, 0, n_rows > 0 ? mdli_rows_word(a, b, 0, n_rows) : 0};
}

/* The next row, or -1. */
static inline int64_t mdli_next_row(mdli_rows *rows)
{
    while (rows->bits == 0) {
        rows->word++;
        if (rows->word * 64 >= rows->n_rows) {
            return -1;
        }
        rows->bits = mdli_rows_word(rows->a, rows->b, rows->word, rows->n_rows);
    }
    int64_t row = rows->word * 64 + __builtin_ctzll(rows->bits);
    rows->bits &= rows->bits - 1;
    return row;
}

/* ---- Comparing ---- */

/* The order of doubles that sorting has too: NaN equals NaN and comes after all others. */
static inline bool mdli_double_equal(double a, double b)
{
    return a == b || (a != a && b != b);
}

static inline bool mdli_double_less(double a, double b)
{
    return !(a >= b) && a == a;
}

static inline bool mdli_string_equal(mdl_string a, mdl_string b)
{
    return a.size_bytes == b.size_bytes &&
           (a.size_bytes == 0 || memcmp(a.data, b.data, (size_t)a.size_bytes) == 0);
}

/* < 0, 0, > 0 for the order of the bytes. */
static inline int mdli_string_order(mdl_string a, mdl_string b)
{
    int64_t n_common = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
    int order = n_common == 0 ? 0 : memcmp(a.data, b.data, (size_t)n_common);
    return order != 0 ? order : (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

/* < 0, 0, > 0 for the exact order of an integer and a double. */
int mdli_order_int64_double(int64_t a, double b);

/* ---- Evaluating ---- */

/* Text of results: blocks that are used over and over. */
typedef struct mdli_text_block mdli_text_block;

typedef struct mdli_slot {
    void *values;
    void *scratch;
    uint64_t *validity;
    int64_t values_bytes;
    int64_t scratch_bytes;
    int64_t validity_bytes;
    int64_t n_filled; /* CONSTANT: rows written already */
    uint64_t epoch;   /* the use of the evaluator that `result` is of */
    mdl_vector result;
} mdli_slot;

struct mdli_evaluator {
    mdl_context *context;
    const mdli_expression *expression;
    const mdl_vector *columns;
    int64_t n_rows;
    uint64_t epoch;
    mdli_text_block *text; /* the newest, largest block */
    mdli_slot slots[];
};

/*
 * Evaluates a node, once per use of the evaluator. `needed` tells the rows whose results count,
 * NULL for all: others get any value, and no fault of theirs is told.
 */
mdl_status mdli_evaluate_node(mdli_evaluator *evaluator, const mdli_node *node,
                              const uint64_t *needed, const mdl_vector **out, mdl_error *error);

/* The operations. `out` has the type and n_rows set, and belongs to the node's slot. */
#define MDLI_OPERATION_DECLARE(name, function)                                                     \
    mdl_status mdli_evaluate_##function(mdli_evaluator *evaluator, const mdli_node *node,          \
                                        const uint64_t *needed, mdl_vector *out,                   \
                                        mdl_error *error);
MDLI_OPERATION_LIST(MDLI_OPERATION_DECLARE)
#undef MDLI_OPERATION_DECLARE

/* Memory of a node's slot for one value of `value_bytes` per row; stays until the evaluator is
 * freed. */
mdl_status mdli_slot_values(mdli_evaluator *evaluator, const mdli_node *node, size_t value_bytes,
                            void **out, mdl_error *error);
mdl_status mdli_slot_scratch(mdli_evaluator *evaluator, const mdli_node *node, int64_t size_bytes,
                             void **out, mdl_error *error);
mdl_status mdli_slot_validity(mdli_evaluator *evaluator, const mdli_node *node, uint64_t **out,
                              mdl_error *error);

/* Sets out->validity to the rows that are NULL in none of the vectors; copies only when it must. */
mdl_status mdli_combine_validity(mdli_evaluator *evaluator, const mdli_node *node,
                                 const mdl_vector *const *vectors, int32_t n_vectors,
                                 mdl_vector *out, mdl_error *error);

/* Sets out->validity to a copy of `validity` in the slot (all rows for NULL), to be written to. */
mdl_status mdli_own_validity(mdli_evaluator *evaluator, const mdli_node *node,
                             const uint64_t *validity, mdl_vector *out, uint64_t **owned,
                             mdl_error *error);

/* Room for text of results, until the evaluator's next use. */
mdl_status mdli_evaluator_text(mdli_evaluator *evaluator, int64_t size_bytes, char **out,
                               mdl_error *error);

/* Bits of 64 bytes that are 0 or 1; those from n_rows on are 0. */
uint64_t mdli_pack_bytes(const uint8_t *bytes, int64_t word, int64_t n_rows);

/*
 * A function of text, row by row: writes results for the rows of `text` that are needed and not
 * NULL, to an array of the result's C type.
 */
typedef mdl_status (*mdli_text_fn)(mdli_evaluator *evaluator, const mdli_node *node,
                                   const mdl_vector *text, const uint64_t *needed, void *results,
                                   mdl_error *error);

/*
 * Runs a function of text over a vector into `results`: once per entry of its dictionary where that
 * is less work, else once per row.
 */
mdl_status mdli_map_text(mdli_evaluator *evaluator, const mdli_node *node, mdli_text_fn function,
                         const mdl_vector *text, const uint64_t *needed, size_t result_bytes,
                         void *results, mdl_error *error);

/* A fault of running, told with the node's position. */
#define MDLI_EVALUATION_FAULT(evaluator, node, error, status, ...)                                 \
    mdli_expression_fault(error, status, (evaluator)->expression->text, (node)->position,          \
                          __VA_ARGS__)

#endif
