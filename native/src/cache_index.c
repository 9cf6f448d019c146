#include "cache_index.h"

#include "cache_key.h"

#define BUCKETS 65536u

void cache_index_init(struct cache_index *index, uint64_t room) {
    *index = (struct cache_index){.room = room};
    cache_evict_init(&index->evict);
    index->buckets = base_alloc(BUCKETS * sizeof *index->buckets);
    for (unsigned i = 0; i < BUCKETS; i++) list_init(&index->buckets[i]);
}

static struct list *bucket_of(const struct cache_index *index, uint64_t hash) { return &index->buckets[hash % BUCKETS]; }

void cache_index_remove(struct cache_index *index, struct cache_entry *e) {
    list_remove(&e->bucket);
    cache_evict_remove(&index->evict, &e->place);
    index->count--;
    free(e);
}

void cache_index_close(struct cache_index *index) {
    for (unsigned i = 0; i < BUCKETS; i++)
        while (!list_empty(&index->buckets[i])) cache_index_remove(index, CONTAINER_OF(index->buckets[i].next, struct cache_entry, bucket));
    cache_evict_close(&index->evict);
    free(index->buckets);
}

struct cache_entry *cache_index_named(struct cache_index *index, uint64_t hash, const char *name) {
    struct list *head = bucket_of(index, hash);
    for (struct list *l = head->next; l != head; l = l->next) {
        struct cache_entry *e = CONTAINER_OF(l, struct cache_entry, bucket);
        if (e->hash == hash && strcmp(e->name, name) == 0) return e;
    }
    return NULL;
}

void cache_index_add(struct cache_index *index, uint64_t hash, const struct cache_file *file) {
    struct cache_entry *e = base_zalloc(sizeof *e + file->key.n + file->variant.n);
    e->hash = hash;
    cache_file_name(e->name, file->key, file->variant);
    struct cache_entry *old = cache_index_named(index, hash, e->name);
    if (old) cache_index_remove(index, old);
    e->key_size = (uint32_t)file->key.n;
    e->variant_size = (uint32_t)file->variant.n;
    memcpy(e->texts, file->key.p, file->key.n);
    memcpy(e->texts + file->key.n, file->variant.p, file->variant.n);
    list_unshift(bucket_of(index, hash), &e->bucket);
    cache_evict_add(&index->evict, &e->place, hash, file->size);
    index->count++;
}

struct cache_entry *cache_index_find(struct cache_index *index, uint64_t hash, struct span key, const struct http1_head *request, const struct cache_shown *shown) {
    struct list *head = bucket_of(index, hash);
    for (struct list *l = head->next; l != head; l = l->next) {
        struct cache_entry *e = CONTAINER_OF(l, struct cache_entry, bucket);
        if (e->hash != hash || !span_eq((struct span){e->texts, e->key_size}, key)) continue;
        if (!cache_vary_matches((struct span){e->texts + e->key_size, e->variant_size}, request, shown)) continue;
        cache_evict_use(&e->place);
        return e;
    }
    return NULL;
}

struct cache_entry *cache_index_victim(struct cache_index *index, uint64_t more) {
    if (cache_evict_bytes(&index->evict) + more <= index->room) return NULL;
    struct cache_place *p = cache_evict_next(&index->evict);
    return p ? CONTAINER_OF(p, struct cache_entry, place) : NULL;
}

static struct span key_of(const struct cache_entry *e) { return (struct span){e->texts, e->key_size}; }

struct cache_entry *cache_index_of(struct cache_index *index, uint64_t hash, struct span key) {
    struct list *head = bucket_of(index, hash);
    for (struct list *l = head->next; l != head; l = l->next) {
        struct cache_entry *e = CONTAINER_OF(l, struct cache_entry, bucket);
        if (e->hash == hash && span_eq(key_of(e), key)) return e;
    }
    return NULL;
}

struct cache_entry *cache_index_next(struct cache_index *index, unsigned *at, struct span prefix) {
    for (; *at < BUCKETS; ++*at)
        for (struct list *l = index->buckets[*at].next; l != &index->buckets[*at]; l = l->next) {
            struct cache_entry *e = CONTAINER_OF(l, struct cache_entry, bucket);
            if (cache_key_begins(key_of(e), prefix)) return e;
        }
    return NULL;
}
