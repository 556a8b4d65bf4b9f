/*
 * Pages: how FRAME keeps frames narrow whose values lie in a few places that are far from each
 * other.
 *
 * The timestamps of ratings are such: a user rates in sessions of an hour or so, which are years
 * apart and, as rows are in order of movies, mixed; and a frame holds rows of several users. So the
 * values of a block, counted from its least value, are divided into pages of 2^page_bits values. A
 * frame that lies in few pages lists them, and its packed values are the page's place in that list,
 * followed by the page_bits low bits of the value.
 *
 * One page size does for a block: it is that of a block whose values are alike, if there is one, or
 * found from a few frames, by counting how many pages of each size they would touch. Then every frame
 * that gets smaller by it is paged.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

/* Most pages of a frame. */
#define PAGES_MAX MDLI_RELOCATE_MAX

/* Blocks whose values are less bits apart have no use for pages: what a page costs in a frame is
 * more than it can save. */
#define RANGE_BITS_MIN 12

/* Frames that the page size is found from; of short blocks, one in so many. */
#define N_SAMPLES         6
#define FRAMES_PER_SAMPLE 4

/* FRAME decodes somewhat slower with pages. They are used when they save a part of
 * 1 / SAVING_MIN_PART at least. */
#define SAVING_MIN_PART 16

/* The bits that a frame takes in n pages. */
static int64_t paged_bits(int n, int page_bits, int page_width)
{
    return (int64_t)MDLI_FRAME_ROWS * (page_bits + mdli_bits((uint64_t)n - 1)) +
           (int64_t)n * page_width;
}

static int plain_width(const mdli_frame_stats *stats)
{
    return mdli_bits((uint64_t)stats->max - (uint64_t)stats->min);
}

static int range_bits(const mdli_profile *profile)
{
    return mdli_bits((uint64_t)profile->max - (uint64_t)profile->min);
}

/*
 * The page size.
 */

/* Sizes that are thought of: numbers of pages have 23 bits at most, so that with one bit more they
 * are sorted by 3 bytes. */
static int page_bits_min(const mdli_profile *profile)
{
    const int n_bits = range_bits(profile);
    return n_bits > 24 ? n_bits - 23 : 1;
}

static void sort_by_byte(const uint32_t *values, int shift, uint32_t *out)
{
    int32_t places[257] = {0};
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        places[(values[i] >> shift & 255) + 1]++;
    }
    for (int byte = 1; byte < 256; byte++) {
        places[byte] += places[byte - 1];
    }
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        out[places[values[i] >> shift & 255]++] = values[i];
    }
}

/* Adds to bits[b] what frame `f` takes with pages of b bits, or without. */
static void add_sample(const mdli_profile *profile, int32_t f, int64_t bits[33])
{
    uint32_t offsets[MDLI_FRAME_ROWS];
    uint32_t sorted[MDLI_FRAME_ROWS];
    const int n_bits = range_bits(profile);
    const int shift = page_bits_min(profile) - 1;
    const uint32_t *values = mdli_profile_frame(profile, f, sorted);
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        offsets[i] = (values[i] - (uint32_t)profile->min) >> shift;
    }
    sort_by_byte(offsets, 0, sorted);
    sort_by_byte(sorted, 8, offsets);
    sort_by_byte(offsets, 16, sorted);
    /* Neighbours in order are in different pages of up to as many bits as the highest bit that is
     * different between them has below it. */
    int n_borders[33] = {0};
    for (int i = 1; i < MDLI_FRAME_ROWS; i++) {
        n_borders[mdli_bits(sorted[i] ^ sorted[i - 1])]++;
    }
    const int64_t plain = (int64_t)MDLI_FRAME_ROWS * plain_width(&profile->frames[f]);
    int n_pages = 1;
    for (int b = n_bits; b > shift; b--) {
        const int64_t paged = paged_bits(n_pages, b, n_bits - b);
        bits[b] += n_pages <= PAGES_MAX && paged < plain ? paged : plain;
        n_pages += n_borders[b - shift];
    }
}

/*
 * The best size by a few frames, and about the bytes that FRAME then takes. It stops looking when
 * these are clearly more than `limit_bytes`.
 */
static int choose_page_bits(const mdli_profile *profile, int64_t limit_bytes,
                            int64_t *estimated_bytes)
{
    const int32_t n_wanted = (profile->n_frames + FRAMES_PER_SAMPLE - 1) / FRAMES_PER_SAMPLE;
    const int32_t n_samples = n_wanted < N_SAMPLES ? n_wanted : N_SAMPLES;
    int64_t bits[33] = {0};
    int best = page_bits_min(profile);
    *estimated_bytes = 0;
    for (int32_t s = 0; s < n_samples && *estimated_bytes / 5 * 4 <= limit_bytes; s++) {
        add_sample(profile, (2 * s + 1) * profile->n_frames / (2 * n_samples), bits);
        for (int b = page_bits_min(profile); b <= range_bits(profile); b++) {
            best = bits[b] < bits[best] ? b : best;
        }
        *estimated_bytes = bits[best] / 8 * profile->n_frames / (s + 1);
    }
    return best;
}

/*
 * The pages of each frame.
 */

/* Notes the pages of frame `f` if that makes it smaller. */
static void plan_frame(const mdli_profile *profile, int32_t f, mdli_page_plan *plan)
{
    const int width = plain_width(&profile->frames[f]);
    const int spared = width - plan->page_bits - 1; /* bits for the page's place, at most */
    plan->starts[f + 1] = plan->starts[f];
    if (spared < 1) {
        return;
    }
    uint32_t scratch[MDLI_FRAME_ROWS];
    const uint32_t *values = mdli_profile_frame(profile, f, scratch);
    const int n_max = spared < 6 ? 1 << spared : PAGES_MAX;
    /* The list has room for the most. */
    const int n = profile->kernels->find_pages(values, (uint32_t)profile->min, plan->page_bits,
                                               n_max, plan->pages + plan->starts[f],
                                               plan->codes + (ptrdiff_t)f * MDLI_FRAME_ROWS);
    if (n <= n_max &&
        paged_bits(n, plan->page_bits, plan->page_width) < (int64_t)MDLI_FRAME_ROWS * width) {
        plan->starts[f + 1] = (uint16_t)(plan->starts[f] + n);
    }
}

mdl_status mdli_profile_plan_pages(mdl_context *context, mdli_profile *profile, int64_t limit_bytes,
                                   mdl_error *error)
{
    const int n_bits = range_bits(profile);
    if (n_bits < RANGE_BITS_MIN || n_bits > 32) {
        return MDL_OK;
    }
    int64_t estimated_bytes = 0;
    const bool is_told =
        page_bits_min(profile) <= profile->told_page_bits && profile->told_page_bits <= n_bits;
    const int page_bits = is_told ? profile->told_page_bits
                                  : choose_page_bits(profile, limit_bytes, &estimated_bytes);
    const int64_t plain_bytes = mdli_frame_payload_bytes(profile);
    const int64_t bytes_max = plain_bytes - plain_bytes / SAVING_MIN_PART;
    if (estimated_bytes >= limit_bytes || estimated_bytes >= bytes_max) {
        return MDL_OK;
    }
    const int64_t n_rows = (int64_t)profile->n_frames * MDLI_FRAME_ROWS;
    const int64_t n_pages = (int64_t)profile->n_frames * PAGES_MAX;
    void *memory;
    MDLI_TRY(mdli_allocate(
        context, sizeof(mdli_page_plan) + (size_t)n_pages * sizeof(uint32_t) + (size_t)n_rows,
        "column", &memory, error));
    mdli_page_plan *plan = memory;
    plan->page_bits = page_bits;
    plan->page_width = n_bits - page_bits;
    plan->pages = (uint32_t *)(plan + 1);
    plan->codes = (uint8_t *)(plan->pages + n_pages);
    plan->starts[0] = 0;
    for (int32_t f = 0; f < profile->n_frames; f++) {
        plan_frame(profile, f, plan);
    }
    profile->pages = plan;
    if (mdli_frame_payload_bytes(profile) > bytes_max) {
        mdli_profile_clear(context, profile);
    }
    return MDL_OK;
}

void mdli_profile_clear(mdl_context *context, mdli_profile *profile)
{
    mdli_free(context, profile->pages);
    profile->pages = NULL;
}

/*
 * Writing and reading.
 */

int64_t mdli_page_list_bytes(int64_t n_pages, int page_width)
{
    return (n_pages * page_width + 7) / 8;
}

void mdli_page_list_write(const mdli_page_plan *plan, int32_t n_frames, uint8_t *list)
{
    uint64_t bits = 0;
    int n_bits = 0;
    for (int32_t i = 0; i < plan->starts[n_frames]; i++) {
        bits |= (uint64_t)plan->pages[i] << n_bits;
        n_bits += plan->page_width;
        for (; n_bits >= 8; n_bits -= 8) {
            *list++ = (uint8_t)bits;
            bits >>= 8;
        }
    }
    if (n_bits > 0) {
        *list = (uint8_t)bits;
    }
}

void mdli_page_offsets(const mdli_profile *profile, int32_t f, uint32_t out[MDLI_FRAME_ROWS])
{
    const mdli_page_plan *plan = profile->pages;
    const uint32_t *pages = plan->pages + plan->starts[f];
    const uint8_t *codes = plan->codes + (ptrdiff_t)f * MDLI_FRAME_ROWS;
    const uint32_t n = (uint32_t)(plan->starts[f + 1] - plan->starts[f]);
    uint32_t moves[PAGES_MAX];
    for (uint32_t k = 0; k < n; k++) {
        moves[k] = (uint32_t)profile->min + ((pages[k] - k) << plan->page_bits);
    }
    uint32_t scratch[MDLI_FRAME_ROWS];
    const uint32_t *values = mdli_profile_frame(profile, f, scratch);
    profile->kernels->subtract_entries(values, codes, moves, out);
}

/* Page `i` of the list of all frames. */
static uint32_t read_page(const mdli_frames *frames, uint32_t i)
{
    const uint32_t bit = i * (uint32_t)frames->page_width;
    uint64_t bits;
    memcpy(&bits, frames->pages + bit / 8, sizeof bits);
    return (uint32_t)(bits >> bit % 8 & ((UINT64_C(1) << frames->page_width) - 1));
}

void mdli_frames_page_bounds(const mdli_frames *frames, int64_t f, uint64_t *least,
                             uint64_t *greatest)
{
    uint32_t first = UINT32_MAX;
    uint32_t last = 0;
    for (uint32_t i = frames->page_starts[f]; i < frames->page_starts[f + 1]; i++) {
        const uint32_t page = read_page(frames, i);
        first = page < first ? page : first;
        last = page > last ? page : last;
    }
    *least = (uint64_t)first << frames->page_bits;
    *greatest = (((uint64_t)last + 1) << frames->page_bits) - 1;
}

void mdli_frames_move_to_pages(const mdli_frames *frames, int64_t f, uint32_t base,
                               uint32_t values[MDLI_FRAME_ROWS])
{
    const uint32_t start = frames->page_starts[f];
    const uint32_t n = frames->page_starts[f + 1] - start;
    uint32_t moves[PAGES_MAX];
    for (uint32_t k = 0; k < n; k++) {
        moves[k] = base + ((read_page(frames, start + k) - k) << frames->page_bits);
    }
    frames->kernels->relocate(moves, (int)n, frames->page_bits, values);
}
