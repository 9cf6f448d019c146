#include "chunk.h"

/** Free chunks kept for reuse (8 MiB a worker): bursts beyond it go back to the system. */
#define FREE_MAX 512u
/** The same of bulk ones: 3 MiB. */
#define FREE_BULK_MAX 64u

static struct chunk *take(struct chunk_pool *pool, struct chunk **list, unsigned *count, uint32_t cap) {
    struct chunk *c = *list;
    if (LIKELY(c != NULL)) {
        *list = c->next;
        --*count;
    } else {
        c = base_alloc(sizeof *c + cap);
        c->pool = pool;
        c->cap = cap;
    }
    c->next = NULL;
    c->refs = 1;
    c->fill = 0;
    pool->live++;
    return c;
}

struct chunk *chunk_new(struct chunk_pool *pool) { return take(pool, &pool->free, &pool->free_count, CHUNK_BYTES); }

struct chunk *chunk_new_sized(struct chunk_pool *pool, size_t cap) {
    if (cap <= CHUNK_BYTES) return chunk_new(pool);
    if (cap == CHUNK_BULK_BYTES) return take(pool, &pool->free_bulk, &pool->free_bulk_count, CHUNK_BULK_BYTES);
    BUG_ON(cap > UINT32_MAX - sizeof(struct chunk));
    struct chunk *c = base_alloc(sizeof *c + cap);
    *c = (struct chunk){.pool = pool, .refs = 1, .cap = (uint32_t)cap};
    pool->live++;
    return c;
}

/** What a lent chunk has in the place of data. */
struct loan {
    void (*end)(void *owner);
    void *owner;
};

struct chunk *chunk_lend(void (*end)(void *owner), void *owner) {
    struct loan loan = {end, owner};
    struct chunk *c = base_alloc(sizeof *c + sizeof loan);
    *c = (struct chunk){.refs = 1};
    memcpy(c->data, &loan, sizeof loan);
    return c;
}

static void end_loan(struct chunk *c) {
    struct loan loan;
    memcpy(&loan, c->data, sizeof loan);
    free(c);
    loan.end(loan.owner);
}

static bool keep(struct chunk *c, struct chunk **list, unsigned *count, unsigned max) {
    if (*count >= max) return false;
    c->next = *list;
    *list = c;
    ++*count;
    return true;
}

void chunk_recycle(struct chunk *c) {
    struct chunk_pool *pool = c->pool;
    if (UNLIKELY(!pool)) {
        end_loan(c);
        return;
    }
    BUG_ON(pool->live == 0);
    pool->live--;
    if (LIKELY(c->cap == CHUNK_BYTES) && keep(c, &pool->free, &pool->free_count, FREE_MAX)) return;
    if (c->cap == CHUNK_BULK_BYTES && keep(c, &pool->free_bulk, &pool->free_bulk_count, FREE_BULK_MAX)) return;
    free(c);
}

static void free_all(struct chunk **list, unsigned *count) {
    while (*list) {
        struct chunk *c = *list;
        *list = c->next;
        free(c);
    }
    *count = 0;
}

void chunk_pool_clear(struct chunk_pool *pool) {
    free_all(&pool->free, &pool->free_count);
    free_all(&pool->free_bulk, &pool->free_bulk_count);
}
