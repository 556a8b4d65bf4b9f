/*
 * A heap of large pieces of memory.
 *
 * Work on tables asks for pieces of 32 KiB and more and frees them soon, from all threads. A general
 * allocator maps the largest anew each time, keeps one place per thread for the others, and so has
 * the system clear far more pages than are ever in use at once. Here all threads share regions of
 * which freed pieces are joined and taken again; pages that were touched are used first.
 *
 * Each piece has a header of MDLI_PIECE_HEADER_BYTES before it, by which its neighbours are found.
 */
#ifndef MDLI_BASE_PIECE_HEAP_H
#define MDLI_BASE_PIECE_HEAP_H

#include <pthread.h>
#include <stddef.h>

/* Before each piece, whoever allocated it. */
#define MDLI_PIECE_HEADER_BYTES 64

typedef struct mdli_heap_piece {
    size_t total_bytes; /* with this header */
    /* In a heap, else zero. */
    size_t before_bytes;  /* of the piece before it in its region; 0 = it is the first */
    size_t touched_bytes; /* free: at most so many need no new pages */
    struct mdli_region *region;
    struct mdli_heap_piece *next;  /* free: in its bin */
    struct mdli_heap_piece **link; /* free: what points to it; NULL = it is in use */
} mdli_heap_piece;

_Static_assert(sizeof(mdli_heap_piece) <= MDLI_PIECE_HEADER_BYTES, "the header has room");

/* Bins of free pieces: four for each power of two from 64 bytes. */
#define MDLI_PIECE_BINS 120

typedef struct mdli_piece_heap {
    pthread_mutex_t lock;
    struct mdli_region *regions;
    mdli_heap_piece *bins[MDLI_PIECE_BINS];
    size_t touched_bytes; /* that are free */
} mdli_piece_heap;

void mdli_piece_heap_init(mdli_piece_heap *heap);

/* A piece of `total_bytes` with its header, a multiple of 64, at such a one; NULL = no memory. */
mdli_heap_piece *mdli_piece_heap_take(mdli_piece_heap *heap, size_t total_bytes);

/* Frees a piece of the heap. */
void mdli_piece_heap_give_back(mdli_piece_heap *heap, mdli_heap_piece *piece);

/* Frees everything; no piece may be in use. */
void mdli_piece_heap_free(mdli_piece_heap *heap);

#endif
