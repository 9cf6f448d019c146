/**
 * @file cache_evict.h
 * Which stored thing goes when room is needed: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
 * SOSP 2023). Newcomers pass a small queue, so that a scan of things that are asked for once pushes out nothing that is
 * asked for again; what is asked for again soon after it went comes back into the main queue. Sizes are bytes.
 */
#pragma once

#include "list.h"

/** Fingerprints of what went lately. */
#define CACHE_GHOSTS 65536u

/** A thing's place. Invariant: in a queue exactly while size > 0. */
struct cache_place {
    struct list link;
    uint64_t hash;
    uint64_t size;      // 0: in no queue
    uint8_t uses;       // since it came or was last spared, at most 3
    bool in_main;
};

struct cache_ghost {
    uint32_t print, when;  // `when`: the count of evictions at its own
};

struct cache_evict {
    struct list small, main;
    uint64_t small_bytes, main_bytes;
    uint32_t count;      // of things in both
    uint32_t evictions;
    struct cache_ghost *ghosts;
};

void cache_evict_init(struct cache_evict *e);
void cache_evict_close(struct cache_evict *e);
static inline uint64_t cache_evict_bytes(const struct cache_evict *e) { return e->small_bytes + e->main_bytes; }
/** Takes a thing in. @param size > 0 */
void cache_evict_add(struct cache_evict *e, struct cache_place *p, uint64_t hash, uint64_t size);
/** It was asked for. */
static inline void cache_evict_use(struct cache_place *p) {
    if (p->uses < 3) p->uses++;
}
/** It goes for another reason than room. */
void cache_evict_remove(struct cache_evict *e, struct cache_place *p);
/** Takes out what is to go next; NULL: nothing is left. */
struct cache_place *cache_evict_next(struct cache_evict *e);
