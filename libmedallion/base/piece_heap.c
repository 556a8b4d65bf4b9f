/*
 * A heap of large pieces. A region is cut from its start; behind what is cut, its top, it is whole.
 * A piece that is freed is joined with free neighbours, and with the top if it reaches it. Free
 * pieces stand in bins by size, from which the first that fits is taken, and of the rest of which a
 * new free piece is made.
 *
 * What is freed stays mapped, up to a limit; beyond it large pieces give their pages back.
 */
#include "base/piece_heap.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PIECE_BYTES_MIN = MDLI_PIECE_HEADER_BYTES,
    BINS_PER_POWER = 4,
    REGION_BYTES_MIN = 256 * 1024 * 1024, /* address space; pages come when they are touched */
    RETURNED_BYTES_MIN = 1024 * 1024,     /* less is not worth a system call */
    TOUCHED_BYTES_MAX = 128 * 1024 * 1024
};

/* Stands at the region's own start. */
typedef struct mdli_region {
    struct mdli_region *next;
    char *top;     /* end of the last piece */
    char *touched; /* pages from here on are new */
    char *end;
    size_t last_bytes; /* of the last piece; 0 = there is none */
} mdli_region;

#define REGION_HEADER_BYTES 64
_Static_assert(sizeof(mdli_region) <= REGION_HEADER_BYTES, "the header has room");

void mdli_piece_heap_init(mdli_piece_heap *heap)
{
    *heap = (mdli_piece_heap){.regions = NULL};
    pthread_mutex_init(&heap->lock, NULL);
}

static char *end_of(const mdli_heap_piece *piece)
{
    return (char *)piece + piece->total_bytes;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The bin of pieces of that size: they have at least its least size, and less than the next one's. */
static int bin_of(size_t total_bytes)
{
    const int power = 63 - __builtin_clzll(total_bytes);
    const int quarter = (int)(total_bytes >> (power - 2)) & (BINS_PER_POWER - 1);
    const int first_power = 63 - __builtin_clzll(PIECE_BYTES_MIN);
    const int bin = (power - first_power) * BINS_PER_POWER + quarter;
    return bin < MDLI_PIECE_BINS ? bin : MDLI_PIECE_BINS - 1;
}

static void put_in_bin(mdli_piece_heap *heap, mdli_heap_piece *piece)
{
    mdli_heap_piece **bin = &heap->bins[bin_of(piece->total_bytes)];
    piece->next = *bin;
    piece->link = bin;
    if (*bin != NULL) {
        (*bin)->link = &piece->next;
    }
    *bin = piece;
}

static void take_from_bin(mdli_heap_piece *piece)
{
    *piece->link = piece->next;
    if (piece->next != NULL) {
        piece->next->link = piece->link;
    }
    piece->link = NULL;
}

/* A free piece that is large enough: of its own bin the first that is, of the next ones any. */
static mdli_heap_piece *find_free(const mdli_piece_heap *heap, size_t total_bytes)
{
    for (int b = bin_of(total_bytes); b < MDLI_PIECE_BINS; b++) {
        for (mdli_heap_piece *piece = heap->bins[b]; piece != NULL; piece = piece->next) {
            if (piece->total_bytes >= total_bytes) {
                return piece;
            }
        }
    }
    return NULL;
}

/* Tells who stands behind a piece how large it is. */
static void tell_neighbour(const mdli_heap_piece *piece)
{
    if (end_of(piece) == piece->region->top) {
        piece->region->last_bytes = piece->total_bytes;
    } else {
        ((mdli_heap_piece *)end_of(piece))->before_bytes = piece->total_bytes;
    }
}

/* Takes a free piece into use; what is left of it becomes a free piece. */
static void use_piece(mdli_piece_heap *heap, mdli_heap_piece *piece, size_t total_bytes)
{
    take_from_bin(piece);
    const size_t n_left = piece->total_bytes - total_bytes;
    if (n_left == 0) {
        heap->touched_bytes -= piece->touched_bytes;
        return;
    }
    /* Where the touched pages are is not known: the piece counts as having as many as it can. */
    const size_t n_touched = smaller(piece->touched_bytes, total_bytes);
    mdli_heap_piece *rest = (mdli_heap_piece *)((char *)piece + total_bytes);
    *rest = (mdli_heap_piece){
        .total_bytes = n_left,
        .before_bytes = total_bytes,
        .touched_bytes = piece->touched_bytes - n_touched,
        .region = piece->region,
    };
    heap->touched_bytes -= n_touched;
    piece->total_bytes = total_bytes;
    tell_neighbour(rest);
    put_in_bin(heap, rest);
}

static mdli_region *map_region(size_t total_bytes)
{
    size_t size_bytes = total_bytes + REGION_HEADER_BYTES;
    size_bytes = size_bytes > REGION_BYTES_MIN ? size_bytes : REGION_BYTES_MIN;
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    mdli_region *region = memory;
    region->top = (char *)memory + REGION_HEADER_BYTES;
    region->touched = region->top;
    region->end = (char *)memory + size_bytes;
    return region;
}

/* A region whose top has room; NULL = no memory. */
static mdli_region *find_region(mdli_piece_heap *heap, size_t total_bytes)
{
    for (mdli_region *region = heap->regions; region != NULL; region = region->next) {
        if ((size_t)(region->end - region->top) >= total_bytes) {
            return region;
        }
    }
    mdli_region *region = map_region(total_bytes);
    if (region != NULL) {
        region->next = heap->regions;
        heap->regions = region;
    }
    return region;
}

/* Cuts a piece from the top of a region. */
static mdli_heap_piece *cut_piece(mdli_piece_heap *heap, mdli_region *region, size_t total_bytes)
{
    mdli_heap_piece *piece = (mdli_heap_piece *)region->top;
    heap->touched_bytes -= smaller((size_t)(region->touched - region->top), total_bytes);
    *piece = (mdli_heap_piece){
        .total_bytes = total_bytes,
        .before_bytes = region->last_bytes,
        .region = region,
    };
    region->top += total_bytes;
    region->last_bytes = total_bytes;
    region->touched = region->touched > region->top ? region->touched : region->top;
    return piece;
}

mdli_heap_piece *mdli_piece_heap_take(mdli_piece_heap *heap, size_t total_bytes)
{
    pthread_mutex_lock(&heap->lock);
    mdli_heap_piece *piece = find_free(heap, total_bytes);
    if (piece != NULL) {
        use_piece(heap, piece, total_bytes);
    } else {
        mdli_region *region = find_region(heap, total_bytes);
        piece = region != NULL ? cut_piece(heap, region, total_bytes) : NULL;
    }
    pthread_mutex_unlock(&heap->lock);
    return piece;
}

/* Joins a free piece with its neighbours as far as they are free; gives the piece that it is then. */
static mdli_heap_piece *join_neighbours(mdli_heap_piece *piece)
{
    if (end_of(piece) < piece->region->top) {
        mdli_heap_piece *behind = (mdli_heap_piece *)end_of(piece);
        if (behind->link != NULL) {
            take_from_bin(behind);
            piece->total_bytes += behind->total_bytes;
            piece->touched_bytes += behind->touched_bytes;
        }
    }
    if (piece->before_bytes > 0) {
        mdli_heap_piece *before = (mdli_heap_piece *)((char *)piece - piece->before_bytes);
        if (before->link != NULL) {
            take_from_bin(before);
            before->total_bytes += piece->total_bytes;
            before->touched_bytes += piece->touched_bytes;
            piece = before;
        }
    }
    tell_neighbour(piece);
    return piece;
}

/* Gives the whole pages within [start, end) back to the system; they read as zeros then. */
static void return_pages(char *start, char *end)
{
    const uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)start + page_bytes - 1) / page_bytes * page_bytes;
    const uintptr_t last = (uintptr_t)end / page_bytes * page_bytes;
    if (first < last) {
        madvise((void *)first, last - first, MADV_DONTNEED);
    }
}

/* Makes a free piece at the end of its region part of the top. */
static void join_top(mdli_piece_heap *heap, mdli_heap_piece *piece)
{
    mdli_region *region = piece->region;
    /* All of the top up to `touched` counts as touched. */
    heap->touched_bytes += piece->total_bytes - piece->touched_bytes;
    region->top = (char *)piece;
    region->last_bytes = piece->before_bytes;
    if (heap->touched_bytes > TOUCHED_BYTES_MAX &&
        region->touched - region->top > RETURNED_BYTES_MIN) {
        return_pages(region->top, region->touched);
        heap->touched_bytes -= (size_t)(region->touched - region->top);
        region->touched = region->top;
    }
}

/* Makes a free piece one that can be taken again. */
static void keep_piece(mdli_piece_heap *heap, mdli_heap_piece *piece)
{
    if (heap->touched_bytes > TOUCHED_BYTES_MAX && piece->touched_bytes > RETURNED_BYTES_MIN) {
        return_pages((char *)piece + sizeof *piece, end_of(piece));
        heap->touched_bytes -= piece->touched_bytes;
        piece->touched_bytes = 0;
    }
    put_in_bin(heap, piece);
}

void mdli_piece_heap_give_back(mdli_piece_heap *heap, mdli_heap_piece *piece)
{
    pthread_mutex_lock(&heap->lock);
    piece->touched_bytes = piece->total_bytes;
    heap->touched_bytes += piece->total_bytes;
    piece = join_neighbours(piece);
    if (end_of(piece) == piece->region->top) {
        join_top(heap, piece);
    } else {
        keep_piece(heap, piece);
    }
    pthread_mutex_unlock(&heap->lock);
}

void mdli_piece_heap_free(mdli_piece_heap *heap)
{
    while (heap->regions != NULL) {
        mdli_region *region = heap->regions;
        heap->regions = region->next;
        munmap(region, (size_t)(region->end - (char *)region));
    }
    pthread_mutex_destroy(&heap->lock);
}
