/*
 * Tiers: labels by threshold. The rules are data, and a scalar function applies those of one
 * column.
 *
 * Thresholds are hundredths. A count n reaches the threshold t where 100 * n >= t; the average of n
 * values whose hundredths sum up to s does where s / n >= t, that is s >= t * n. Both sides are
 * exact in 128 bits, so an average that is a hair below a threshold is never rounded up to it.
 */
#include "models/models.h"

#include <string.h>

__extension__ typedef __int128 wide;

#define MOVIES "mart_movie_analytics"
#define USERS  "mart_user_behavior"
#define GENRES "mart_genre_performance"

static const mdl_tier default_tiers[] = {
    {MOVIES, "popularity_tier", MDL_TIER_AT_LEAST, 1000000, "Highly Popular"},
    {MOVIES, "popularity_tier", MDL_TIER_AT_LEAST, 500000, "Very Popular"},
    {MOVIES, "popularity_tier", MDL_TIER_AT_LEAST, 100000, "Popular"},
    {MOVIES, "popularity_tier", MDL_TIER_AT_LEAST, 10000, "Moderately Popular"},
    {MOVIES, "popularity_tier", MDL_TIER_AT_LEAST, 100, "Niche"},
    {MOVIES, "popularity_tier", MDL_TIER_OTHERWISE, 0, "Unrated"},

    {MOVIES, "rating_tier", MDL_TIER_AT_LEAST, 10000, "Highly Rated"},
    {MOVIES, "rating_tier", MDL_TIER_AT_LEAST, 5000, "Well Rated"},
    {MOVIES, "rating_tier", MDL_TIER_AT_LEAST, 1000, "Moderately Rated"},
    {MOVIES, "rating_tier", MDL_TIER_AT_LEAST, 100, "Limited Ratings"},
    {MOVIES, "rating_tier", MDL_TIER_OTHERWISE, 0, "Unrated"},

    {MOVIES, "quality_tier", MDL_TIER_AT_LEAST, 400, "Excellent"},
    {MOVIES, "quality_tier", MDL_TIER_AT_LEAST, 350, "Good"},
    {MOVIES, "quality_tier", MDL_TIER_AT_LEAST, 300, "Average"},
    {MOVIES, "quality_tier", MDL_TIER_AT_LEAST, 200, "Below Average"},
    {MOVIES, "quality_tier", MDL_TIER_OTHERWISE, 0, "Poor"},
    {MOVIES, "quality_tier", MDL_TIER_IF_NULL, 0, "Unrated"},

    {USERS, "genre_engagement", MDL_TIER_AT_LEAST, 50000, "Very High"},
    {USERS, "genre_engagement", MDL_TIER_AT_LEAST, 10000, "High"},
    {USERS, "genre_engagement", MDL_TIER_AT_LEAST, 2000, "Medium"},
    {USERS, "genre_engagement", MDL_TIER_AT_LEAST, 100, "Low"},
    {USERS, "genre_engagement", MDL_TIER_OTHERWISE, 0, "None"},

    {USERS, "user_segment", MDL_TIER_AT_LEAST, 100000, "Power"},
    {USERS, "user_segment", MDL_TIER_AT_LEAST, 50000, "Heavy"},
    {USERS, "user_segment", MDL_TIER_AT_LEAST, 10000, "Active"},
    {USERS, "user_segment", MDL_TIER_AT_LEAST, 2000, "Regular"},
    {USERS, "user_segment", MDL_TIER_OTHERWISE, 0, "Light"},

    {USERS, "rating_style", MDL_TIER_AT_LEAST, 400, "Positive Rater"},
    {USERS, "rating_style", MDL_TIER_AT_LEAST, 300, "Neutral Rater"},
    {USERS, "rating_style", MDL_TIER_OTHERWISE, 0, "Critical Rater"},
    {USERS, "rating_style", MDL_TIER_IF_NULL, 0, "No Ratings"},

    {GENRES, "popularity_tier", MDL_TIER_AT_LEAST, 10000000, "Highly Popular"},
    {GENRES, "popularity_tier", MDL_TIER_AT_LEAST, 5000000, "Very Popular"},
    {GENRES, "popularity_tier", MDL_TIER_AT_LEAST, 1000000, "Popular"},
    {GENRES, "popularity_tier", MDL_TIER_AT_LEAST, 100000, "Moderately Popular"},
    {GENRES, "popularity_tier", MDL_TIER_AT_LEAST, 100, "Niche"},
    {GENRES, "popularity_tier", MDL_TIER_OTHERWISE, 0, "Unrated"},

    {GENRES, "quality_tier", MDL_TIER_AT_LEAST, 380, "Top Rated"},
    {GENRES, "quality_tier", MDL_TIER_AT_LEAST, 350, "Well Rated"},
    {GENRES, "quality_tier", MDL_TIER_AT_LEAST, 320, "Average Rated"},
    {GENRES, "quality_tier", MDL_TIER_OTHERWISE, 0, "Below Average"},
    {GENRES, "quality_tier", MDL_TIER_IF_NULL, 0, "Unrated"},
};

const mdl_tier *mdl_default_tiers(int32_t *n_tiers)
{
    *n_tiers = MDLI_COUNT_OF(default_tiers);
    return default_tiers;
}

/* A rule with its label as a code. */
typedef struct tier_rule {
    mdl_tier_test test;
    int64_t threshold_hundredths;
    int32_t code;
} tier_rule;

/* The rules of one column, and the distinct labels that their codes stand for. */
typedef struct tier_column {
    tier_rule *rules;
    int32_t n_rules;
    mdl_string *labels;
    int32_t n_labels;
} tier_column;

/* No rule holds. */
#define NO_CODE (-1)

/* The label of the measure `numerator` / `denominator` in hundredths; a denominator of 0 is NULL.
 */
static int32_t find_code(const tier_column *tiers, wide numerator, int64_t denominator)
{
    bool is_null = denominator == 0;
    for (int32_t i = 0; i < tiers->n_rules; i++) {
        const tier_rule *rule = &tiers->rules[i];
        bool holds = false;
        switch (rule->test) {
        case MDL_TIER_AT_LEAST:
            holds = !is_null && numerator >= (wide)rule->threshold_hundredths * denominator;
            break;
        case MDL_TIER_OTHERWISE:
            holds = !is_null;
            break;
        case MDL_TIER_IF_NULL:
            holds = is_null;
            break;
        }
        if (holds) {
            return rule->code;
        }
    }
    return NO_CODE;
}

static void put_code(mdl_output *output, int64_t row, int32_t code)
{
    output->codes[row] = code == NO_CODE ? 0 : code;
    if (code == NO_CODE) {
        mdl_output_set_null(output, row);
    }
}

static mdl_status evaluate_count_tier(void *user_data, const mdl_vector *arguments,
                                      mdl_output *output, mdl_error *error)
{
    (void)error;
    const tier_column *tiers = user_data;
    const mdl_vector *counts = &arguments[0];
    output->dictionary = tiers->labels;
    output->n_dictionary = tiers->n_labels;
    for (int64_t i = 0; i < output->n_rows; i++) {
        bool is_null = mdl_vector_is_null(counts, i);
        wide hundredths = is_null ? 0 : (wide)mdl_vector_int64(counts, i) * 100;
        put_code(output, i, find_code(tiers, hundredths, !is_null));
    }
    return MDL_OK;
}

static mdl_status evaluate_average_tier(void *user_data, const mdl_vector *arguments,
                                        mdl_output *output, mdl_error *error)
{
    (void)error;
    const tier_column *tiers = user_data;
    const mdl_vector *sums = &arguments[0];
    const mdl_vector *counts = &arguments[1];
    output->dictionary = tiers->labels;
    output->n_dictionary = tiers->n_labels;
    for (int64_t i = 0; i < output->n_rows; i++) {
        bool is_null = mdl_vector_is_null(sums, i) || mdl_vector_is_null(counts, i);
        wide sum = is_null ? 0 : mdl_vector_int64(sums, i);
        put_code(output, i, find_code(tiers, sum, is_null ? 0 : mdl_vector_int64(counts, i)));
    }
    return MDL_OK;
}

/* The code of a label, which is added if it is new: rules may share one. */
static int32_t find_or_add_label(tier_column *tiers, const char *label)
{
    int64_t size_bytes = (int64_t)strlen(label);
    for (int32_t i = 0; i < tiers->n_labels; i++) {
        if (tiers->labels[i].size_bytes == size_bytes &&
            memcmp(tiers->labels[i].data, label, (size_t)size_bytes) == 0) {
            return i;
        }
    }
    tiers->labels[tiers->n_labels] = (mdl_string){label, size_bytes};
    return tiers->n_labels++;
}

/* Room for the state of a column with at most `n_rules` rules. */
static mdl_status allocate_tiers(mdl_build *build, int32_t n_rules, tier_column **out,
                                 mdl_error *error)
{
    void *tiers = NULL;
    void *rules = NULL;
    void *labels = NULL;
    mdl_status status = mdl_build_allocate(build, sizeof **out, &tiers, error);
    if (status == MDL_OK) {
        status = mdl_build_allocate(build, n_rules * (int64_t)sizeof(tier_rule), &rules, error);
    }
    if (status == MDL_OK) {
        /* One label more, for a column without rules. */
        status =
            mdl_build_allocate(build, (n_rules + 1) * (int64_t)sizeof(mdl_string), &labels, error);
    }
    if (status == MDL_OK) {
        *out = tiers;
        **out = (tier_column){.rules = rules, .labels = labels};
    }
    return status;
}

/* Picks the rules of a column out of those of the warehouse, of which there are few. */
static mdl_status collect_rules(mdl_build *build, const char *model, const char *column,
                                tier_column **out, mdl_error *error)
{
    int32_t n_tiers = 0;
    const mdl_tier *all = mdl_build_tiers(build, &n_tiers);
    tier_column *tiers = NULL;
    mdl_status status = allocate_tiers(build, n_tiers, &tiers, error);
    if (status != MDL_OK) {
        return status;
    }
    for (int32_t i = 0; i < n_tiers; i++) {
        if (strcmp(all[i].model, model) == 0 && strcmp(all[i].column, column) == 0) {
            tiers->rules[tiers->n_rules++] = (tier_rule){
                .test = all[i].test,
                .threshold_hundredths = all[i].threshold_hundredths,
                .code = find_or_add_label(tiers, all[i].label),
            };
        }
    }
    if (tiers->n_labels == 0) {
        /* The codes under NULL results must stand for something. */
        find_or_add_label(tiers, "");
    }
    *out = tiers;
    return MDL_OK;
}

mdl_status mdli_add_tier_function(mdl_build *build, const char *model, const char *column,
                                  mdli_tier_measure measure, mdl_error *error)
{
    tier_column *tiers = NULL;
    mdl_status status = collect_rules(build, model, column, &tiers, error);
    if (status != MDL_OK) {
        return status;
    }
    bool of_count = measure == MDLI_TIER_OF_COUNT;
    mdl_function function = {
        .name = column,
        .n_arguments = of_count ? 1 : 2,
        .argument_types = {MDL_TYPE_INT64, MDL_TYPE_INT64},
        .result_type = MDL_TYPE_STRING,
        .evaluate = of_count ? evaluate_count_tier : evaluate_average_tier,
        .user_data = tiers,
    };
    mdl_query_add_function(mdl_build_query(build), &function);
    return MDL_OK;
}
