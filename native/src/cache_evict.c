#include "cache_evict.h"

/** The small queue's share of all bytes, as in the paper: a tenth. */
#define SMALL_SHARE 10

void cache_evict_init(struct cache_evict *e) {
    *e = (struct cache_evict){.evictions = 1};
    list_init(&e->small);
    list_init(&e->main);
    e->ghosts = base_zalloc(CACHE_GHOSTS * sizeof *e->ghosts);
}

void cache_evict_close(struct cache_evict *e) { free(e->ghosts); }

static struct cache_ghost *ghost_of(const struct cache_evict *e, uint64_t hash) { return &e->ghosts[hash % CACHE_GHOSTS]; }

static uint32_t print_of(uint64_t hash) { return (uint32_t)(hash >> 32) | 1; }

/** Whether it went so lately that a cache of twice as many things would still have it. */
static bool is_ghost(const struct cache_evict *e, uint64_t hash) {
    const struct cache_ghost *g = ghost_of(e, hash);
    return g->print == print_of(hash) && e->evictions - g->when <= e->count + 1;
}

static void remember(struct cache_evict *e, uint64_t hash) { *ghost_of(e, hash) = (struct cache_ghost){print_of(hash), e->evictions}; }

static void enqueue(struct cache_evict *e, struct cache_place *p, bool in_main) {
    p->in_main = in_main;
    list_push(in_main ? &e->main : &e->small, &p->link);
    *(in_main ? &e->main_bytes : &e->small_bytes) += p->size;
    e->count++;
}

static void dequeue(struct cache_evict *e, struct cache_place *p) {
    list_remove(&p->link);
    *(p->in_main ? &e->main_bytes : &e->small_bytes) -= p->size;
    e->count--;
}

void cache_evict_add(struct cache_evict *e, struct cache_place *p, uint64_t hash, uint64_t size) {
    BUG_ON(!size);
    p->hash = hash;
    p->size = size;
    p->uses = 0;
    enqueue(e, p, is_ghost(e, hash));
}

void cache_evict_remove(struct cache_evict *e, struct cache_place *p) {
    if (!p->size) return;
    dequeue(e, p);
    p->size = 0;
}

static struct cache_place *first(struct list *queue) { return CONTAINER_OF(queue->next, struct cache_place, link); }

static struct cache_place *out(struct cache_evict *e, struct cache_place *p) {
    cache_evict_remove(e, p);
    e->evictions++;
    return p;
}

struct cache_place *cache_evict_next(struct cache_evict *e) {
    for (;;) {
        bool small = !list_empty(&e->small) && (list_empty(&e->main) || e->small_bytes >= cache_evict_bytes(e) / SMALL_SHARE);
        if (small) {
            struct cache_place *p = first(&e->small);
            if (p->uses <= 1) {
                remember(e, p->hash);
                return out(e, p);
            }
            dequeue(e, p);
            p->uses = 0;
            enqueue(e, p, true);
            continue;
        }
        if (list_empty(&e->main)) return NULL;
        struct cache_place *p = first(&e->main);
        if (!p->uses) return out(e, p);
        dequeue(e, p);
        p->uses--;
        enqueue(e, p, true);
    }
}
