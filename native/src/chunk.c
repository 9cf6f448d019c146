#include "chunk.h"

/** Free chunks kept for reuse (8 MiB a worker): bursts beyond it go back to the system. */
#define FREE_MAX 512u

struct chunk *chunk_new(struct chunk_pool *pool) {
    struct chunk *c = pool->free;
    if (LIKELY(c != NULL)) {
        pool->free = c->next;
        pool->free_count--;
    } else {
        c = base_alloc(sizeof *c + CHUNK_BYTES);
        c->pool = pool;
        c->cap = CHUNK_BYTES;
    }
    c->next = NULL;
    c->refs = 1;
    c->fill = 0;
    pool->live++;
    return c;
}

struct chunk *chunk_new_sized(struct chunk_pool *pool, size_t cap) {
    if (cap <= CHUNK_BYTES) return chunk_new(pool);
    BUG_ON(cap > UINT32_MAX - sizeof(struct chunk));
    struct chunk *c = base_alloc(sizeof *c + cap);
    *c = (struct chunk){.pool = pool, .refs = 1, .cap = (uint32_t)cap};
    pool->live++;
    return c;
}

void chunk_recycle(struct chunk *c) {
    struct chunk_pool *pool = c->pool;
    BUG_ON(pool->live == 0);
    pool->live--;
    if (c->cap != CHUNK_BYTES || pool->free_count >= FREE_MAX) {
        free(c);
        return;
    }
    c->next = pool->free;
    pool->free = c;
    pool->free_count++;
}

void chunk_pool_clear(struct chunk_pool *pool) {
    while (pool->free) {
        struct chunk *c = pool->free;
        pool->free = c->next;
        free(c);
    }
    pool->free_count = 0;
}
