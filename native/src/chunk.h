/**
 * @file chunk.h
 * Reference-counted blocks of memory in which all traffic lies, from a free list owned by one thread.
 *
 * Counts are plain integers: a chunk belongs to one worker, and whoever else needs its bytes hands the reference
 * back to that worker (see tee.h).
 */
#pragma once

#include "base.h"

/** Usable bytes of a pooled chunk: one large read, and a head of ordinary size, without a second one. */
#define CHUNK_BYTES (16384u - 32u)

/** Of a chunk for a body that comes faster than one pooled chunk a time: three records of TLS, in one read. */
#define CHUNK_BULK_BYTES (3u * 16384u)

struct chunk_pool;

/** Invariants: refs > 0 while anybody points into it; bytes below `fill` never change while refs > 1. */
struct chunk {
    struct chunk *next;      // free list
    struct chunk_pool *pool; // NULL: see chunk_lend
    uint32_t refs;
    uint32_t cap;            // bytes in data
    uint32_t fill;           // bytes written so far
    unsigned char data[];
};

struct chunk_pool {
    struct chunk *free, *free_bulk;
    unsigned free_count, free_bulk_count;
    size_t live;             // chunks handed out and not back: 0 when nothing is open
};

/** A chunk of CHUNK_BYTES, one reference, fill 0. */
struct chunk *chunk_new(struct chunk_pool *pool);
/** A chunk of at least `cap` bytes; a pooled one where that is enough. */
struct chunk *chunk_new_sized(struct chunk_pool *pool, size_t cap);
/** A chunk that stands for memory of somebody else's, which stays until `end`: the last reference is gone. It counts in no pool. */
struct chunk *chunk_lend(void (*end)(void *owner), void *owner);
/** Gives every free chunk back to the system. */
void chunk_pool_clear(struct chunk_pool *pool);
/** Used by chunk_unref when the last reference goes. */
void chunk_recycle(struct chunk *c);

static inline struct chunk *chunk_ref(struct chunk *c) {
    c->refs++;
    return c;
}

static inline void chunk_unref(struct chunk *c) {
    BUG_ON(c->refs == 0);
    if (--c->refs == 0) chunk_recycle(c);
}
