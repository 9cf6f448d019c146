#include "cache_object.h"

#include <unistd.h>

#include "cache_spill.h"
#include "cache_store.h"

/** Blocks of a body whose length is not told, the first and later ones. */
#define BLOCK_FIRST 16384u
#define BLOCK_MOST (256u * 1024)

static _Atomic unsigned files, files_most;

struct cache_object *cache_object_new(struct span key, uint64_t hash) {
    struct cache_object *o = base_zalloc(sizeof *o);
    list_init(&o->bucket);
    list_init(&o->place.link);
    o->refs = 1;
    o->hash = hash;
    o->key = base_dup(key.p, key.n);
    o->key_size = (uint32_t)key.n;
    return o;
}

struct cache_object *cache_object_ref(struct cache_object *o) {
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
    return o;
}

void cache_object_unref(struct cache_object *o) {
    if (atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1) return;
    BUG_ON(o->stored);
    if (o->body) cache_body_unref(o->body);
    cache_store_release(o->held);
    free(o->key);
    free(o->variant);
    free(o->head);
    free(o);
}

uint64_t cache_object_size(const struct cache_object *o) { return o->held + (o->body ? o->body->held : 0); }

struct cache_body *cache_body_new(uint64_t length) {
    struct cache_body *b = base_zalloc(sizeof *b);
    b->refs = 1;
    b->length = length;
    b->file = -1;
    return b;
}

void cache_body_bound_files(unsigned most) { files_most = most; }

struct cache_body *cache_body_in_file(int file, uint64_t at, uint64_t length) {
    if (atomic_fetch_add(&files, 1) >= files_most) {
        atomic_fetch_sub(&files, 1);
        return NULL;
    }
    struct cache_body *b = cache_body_new(length);
    b->fill = length;
    b->on_disk = true;
    b->file = file;
    b->file_at = at;
    return b;
}

struct cache_body *cache_body_ref(struct cache_body *b) {
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void cache_body_unref(struct cache_body *b) {
    if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) return;
    for (struct cache_block *block = b->first, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    if (b->spill) cache_spill_end(b->spill);
    if (b->file >= 0) {
        close(b->file);
        atomic_fetch_sub(&files, 1);
    }
    cache_store_release(b->held);
    free(b);
}

/** Bytes of the block that comes next. */
static uint64_t next_size(const struct cache_body *b) {
    uint64_t length = b->length, left = length - b->fill;
    if (length != CACHE_NO_LENGTH) return left < BLOCK_MOST ? left : BLOCK_MOST;
    return !b->last ? BLOCK_FIRST : b->last->size < BLOCK_MOST ? b->last->size * 2 : BLOCK_MOST;
}

uint64_t cache_body_wants(const struct cache_body *b) { return b->last && b->last_fill < b->last->size ? 0 : next_size(b); }

size_t cache_body_append(struct cache_body *b, struct span bytes) {
    uint64_t fill = atomic_load_explicit(&b->fill, memory_order_relaxed);
    if (!bytes.n) return 0;
    if (cache_body_wants(b)) {
        uint32_t size = (uint32_t)next_size(b);
        struct cache_block *block = base_alloc(sizeof *block + size);
        block->next = NULL;
        block->size = size;
        atomic_store_explicit(b->last ? &b->last->next : &b->first, block, memory_order_release);
        b->last = block;
        b->last_fill = 0;
    }
    size_t room = b->last->size - b->last_fill, n = bytes.n < room ? bytes.n : room;
    memcpy(b->last->data + b->last_fill, bytes.p, n);
    b->last_fill += (uint32_t)n;
    atomic_store_explicit(&b->fill, fill + n, memory_order_release);
    return n;
}

void cache_body_end(struct cache_body *b) { atomic_store_explicit(&b->length, b->fill, memory_order_release); }

struct span cache_body_read(const struct cache_body *b, struct cache_cursor *cursor, uint64_t at) {
    uint64_t fill = atomic_load_explicit(&b->fill, memory_order_acquire);
    if (at >= fill) return (struct span){"", 0};
    if (!cursor->block) *cursor = (struct cache_cursor){atomic_load_explicit(&b->first, memory_order_acquire), 0};
    while (at - cursor->start >= cursor->block->size) {
        cursor->start += cursor->block->size;
        cursor->block = atomic_load_explicit(&cursor->block->next, memory_order_acquire);
    }
    uint64_t end = cursor->start + cursor->block->size;
    if (end > fill) end = fill;
    return (struct span){(const char *)cursor->block->data + (at - cursor->start), (size_t)(end - at)};
}
