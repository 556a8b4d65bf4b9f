/*
 * The search for pages of frames, written once for the instruction sets that compare many rows at
 * once: the first row without a code tells a page, and all rows are compared with it. They are by the
 * low 16 bits of the pages' numbers; that pages of a frame have these in common is so rare that all
 * is done again then.
 *
 * Each pages_<isa>.c includes this file behind its own types row_pages and page_search and the
 * functions find_row_pages, start_search, take_page, are_told_apart and store_codes.
 * MDLI_PAGES(name) makes the name of a function.
 */
int MDLI_PAGES(mdli_find_pages)(const uint32_t *values, uint32_t base, int page_bits, int n_max,
                                uint32_t *pages, uint8_t *codes)
{
    row_pages rows;
    page_search search;
    find_row_pages(values, base, page_bits, &rows);
    start_search(&search);
    int n = 0;
    ALL_WORDS
    for (int w = 0; w < N_WORDS; w++) {
        while (search.left[w] != 0) {
            /* The next two rows that are left, mostly of two pages: what is found of the first is
             * not waited for. */
            const uint64_t left = search.left[w];
            const uint64_t others = _blsr_u64(left);
            const uint32_t *word = values + w * 64;
            const uint32_t page = (word[_tzcnt_u64(left)] - base) >> page_bits;
            const uint32_t second =
                others != 0 ? (word[_tzcnt_u64(others)] - base) >> page_bits : page;
            const int n_next = n + 1 + ((uint16_t)second != (uint16_t)page);
            if (n_next > n_max) {
                return n_max + 1;
            }
            pages[n] = page;
            take_page(&rows, page, n, w, &search);
            if (n_next == n + 2) {
                pages[n + 1] = second;
                take_page(&rows, second, n + 1, w, &search);
            }
            n = n_next;
        }
    }
    if (!are_told_apart(&rows, pages, n, &search)) {
        return mdli_find_pages_scalar(values, base, page_bits, n_max, pages, codes);
    }
    store_codes(&search, codes);
    return n;
}
