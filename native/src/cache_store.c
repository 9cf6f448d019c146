#include "cache_store.h"

#include <pthread.h>
#include <sys/random.h>

#include "cache_key.h"
#include "cache_worker.h"
#include "siphash.h"

/** Chains: of one object each up to some 64k objects, and short far beyond. */
#define BUCKETS 65536u
/** Buckets looked at under one hold of the lock while everything is searched. */
#define SWEEP 256u

static struct {
    pthread_mutex_t lock;
    struct list *buckets;           // NULL: nothing was ever to be stored
    uint64_t key[2];
    _Atomic uint64_t capacity;
    _Atomic uint64_t used;
    struct cache_evict evict;
    uint64_t objects, evicted;
    _Atomic uint64_t refused;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

uint64_t cache_store_hash(struct span key) { return siphash(store.key, key.p, key.n); }

static struct list *bucket_of(uint64_t hash) { return &store.buckets[hash % BUCKETS]; }

static bool has_key(const struct cache_object *o, struct span key, uint64_t hash) {
    return o->hash == hash && o->key_size == key.n && memcmp(o->key, key.p, key.n) == 0;
}

static void insert(struct cache_object *o) {
    o->stored = true;
    list_unshift(bucket_of(o->hash), &o->bucket);
    store.objects++;
    cache_object_ref(o);
}

/** Takes it out of the table; true: the table's reference is the caller's now, to be given up without the lock. */
static bool take_out(struct cache_object *o) {
    if (!o->stored) return false;
    o->stored = false;
    list_remove(&o->bucket);
    cache_evict_remove(&store.evict, &o->place);
    store.objects--;
    return true;
}

/** Objects on their way out, linked by `bucket`: freed without the lock. */
static void bury(struct list *dead) {
    struct list *l;
    while ((l = list_shift(dead))) cache_object_unref(CONTAINER_OF(l, struct cache_object, bucket));
}

static void kill(struct cache_object *o, struct list *dead) {
    if (take_out(o)) list_push(dead, &o->bucket);
}

static bool is_answered(const struct cache_object *o) {
    enum cache_state state = cache_object_state(o);
    return state == CACHE_FILLING || state == CACHE_COMPLETE;
}

static struct span variant_of(const struct cache_object *o) { return (struct span){o->variant, o->variant_size}; }

static void search(const struct cache_query *q, struct cache_object **stored, struct cache_object **pending) {
    struct list *head = bucket_of(q->hash);
    for (struct list *l = head->next; l != head; l = l->next) {
        struct cache_object *o = CONTAINER_OF(l, struct cache_object, bucket);
        if (!has_key(o, q->key, q->hash)) continue;
        if (cache_object_state(o) == CACHE_PENDING) *pending = o;
        else if (!*stored && is_answered(o) && cache_vary_matches(variant_of(o), q->request, q->shown)) *stored = o;
    }
}

void cache_store_enter(const struct cache_query *q, struct cache_found *out) {
    struct cache_object *stored = NULL, *pending = NULL;
    *out = (struct cache_found){.use = CACHE_USE_VALIDATE};
    pthread_mutex_lock(&store.lock);
    search(q, &stored, &pending);
    if (stored) {
        out->stored = cache_object_ref(stored);
        out->use = cache_policy_use(&stored->facts, q->control, q->now);
        cache_evict_use(&stored->place);
    }
    bool wanted = out->use != CACHE_USE_FRESH && q->may_fetch;
    // What is validated behind a client's back is waited for by nobody.
    if (wanted && pending && out->use == CACHE_USE_VALIDATE) out->flight = cache_object_ref(pending);
    if (wanted && !pending) {
        out->flight = cache_object_new(q->key, q->hash);
        out->lead = true;
        insert(out->flight);
    }
    pthread_mutex_unlock(&store.lock);
}

/** Under the lock. */
static bool make_room(uint64_t bytes, struct list *dead) {
    while (store.used + bytes > store.capacity) {
        struct cache_place *p = cache_evict_next(&store.evict);
        if (!p) return false;
        struct cache_object *o = CONTAINER_OF(p, struct cache_object, place);
        BUG_ON(!take_out(o));
        store.evicted++;
        list_push(dead, &o->bucket);
        // Freed at once: whether that is room enough decides if another one has to go.
        bury(dead);
    }
    return true;
}

bool cache_store_reserve(uint64_t bytes) {
    struct list dead;
    list_init(&dead);
    pthread_mutex_lock(&store.lock);
    bool ok = bytes <= store.capacity && make_room(bytes, &dead);
    if (ok) store.used += bytes;
    else store.refused++;
    pthread_mutex_unlock(&store.lock);
    return ok;
}

void cache_store_release(uint64_t bytes) { atomic_fetch_sub_explicit(&store.used, bytes, memory_order_relaxed); }

/** A URL with more variants than it may have loses the oldest one that is complete. */
static void bound_variants(const struct cache_object *o, struct list *dead) {
    struct list *head = bucket_of(o->hash);
    unsigned count = 0;
    for (struct list *l = head->next, *next; l != head; l = next) {
        next = l->next;
        struct cache_object *other = CONTAINER_OF(l, struct cache_object, bucket);
        if (other == o || !has_key(other, (struct span){o->key, o->key_size}, o->hash)) continue;
        if (++count >= CACHE_VARIANTS && cache_object_state(other) == CACHE_COMPLETE) kill(other, dead);
    }
}

void cache_store_begin(struct cache_object *o, enum cache_state state) {
    struct list dead;
    list_init(&dead);
    pthread_mutex_lock(&store.lock);
    if (o->stored && o->variant_size) bound_variants(o, &dead);
    atomic_store_explicit(&o->state, state, memory_order_release);
    pthread_mutex_unlock(&store.lock);
    bury(&dead);
    cache_notify(o);
}

void cache_store_complete(struct cache_object *o) {
    struct list dead, *head = bucket_of(o->hash);
    list_init(&dead);
    pthread_mutex_lock(&store.lock);
    atomic_store_explicit(&o->state, CACHE_COMPLETE, memory_order_release);
    for (struct list *l = head->next, *next; l != head && o->stored; l = next) {
        next = l->next;
        struct cache_object *other = CONTAINER_OF(l, struct cache_object, bucket);
        if (other != o && is_answered(other) && has_key(other, (struct span){o->key, o->key_size}, o->hash) && span_eq(variant_of(other), variant_of(o))) kill(other, &dead);
    }
    if (o->stored) cache_evict_add(&store.evict, &o->place, o->hash, cache_object_size(o));
    pthread_mutex_unlock(&store.lock);
    bury(&dead);
    cache_notify(o);
}

void cache_store_replace(struct cache_object *o, struct cache_object *by) {
    pthread_mutex_lock(&store.lock);
    // Its place among those that may go is a new one, but what it was asked for counts.
    uint8_t uses = o->place.uses;
    bool mine = take_out(o);
    if (mine) {
        atomic_store_explicit(&by->state, CACHE_COMPLETE, memory_order_release);
        insert(by);
        cache_evict_add(&store.evict, &by->place, by->hash, cache_object_size(by));
        by->place.uses = uses;
    }
    pthread_mutex_unlock(&store.lock);
    if (mine) cache_object_unref(o);
}

void cache_store_drop(struct cache_object *o, enum cache_state state) {
    pthread_mutex_lock(&store.lock);
    bool mine = take_out(o);
    if (cache_object_state(o) != CACHE_COMPLETE) atomic_store_explicit(&o->state, state, memory_order_release);
    pthread_mutex_unlock(&store.lock);
    cache_notify(o);
    if (mine) cache_object_unref(o);
}

void cache_store_invalidate(struct span key) {
    struct list dead;
    uint64_t hash = cache_store_hash(key);
    if (!store.buckets) return;
    struct list *head = bucket_of(hash);
    list_init(&dead);
    pthread_mutex_lock(&store.lock);
    for (struct list *l = head->next, *next; l != head; l = next) {
        next = l->next;
        struct cache_object *o = CONTAINER_OF(l, struct cache_object, bucket);
        if (!has_key(o, key, hash)) continue;
        o->purged = true;
        kill(o, &dead);
    }
    pthread_mutex_unlock(&store.lock);
    bury(&dead);
}

uint64_t cache_store_purge(struct span prefix) {
    uint64_t count = 0;
    struct list dead;
    list_init(&dead);
    for (unsigned from = 0; store.buckets && from < BUCKETS; from += SWEEP) {
        pthread_mutex_lock(&store.lock);
        for (unsigned i = from; i < from + SWEEP; i++)
            for (struct list *l = store.buckets[i].next, *next; l != &store.buckets[i]; l = next) {
                next = l->next;
                struct cache_object *o = CONTAINER_OF(l, struct cache_object, bucket);
                if (!cache_key_begins((struct span){o->key, o->key_size}, prefix)) continue;
                count += is_answered(o) && !o->body->on_disk;
                o->purged = true;
                kill(o, &dead);
            }
        pthread_mutex_unlock(&store.lock);
        bury(&dead);
    }
    return count;
}

void cache_store_read_counts(struct cache_store_counts *out) {
    pthread_mutex_lock(&store.lock);
    *out = (struct cache_store_counts){store.used, store.objects, store.evicted, store.refused};
    pthread_mutex_unlock(&store.lock);
}

void cache_store_configure(uint64_t bytes) {
    struct list dead;
    list_init(&dead);
    if (!store.buckets && !bytes) return;
    if (!store.buckets) {
        BUG_ON(getrandom(store.key, sizeof store.key, 0) != sizeof store.key);
        cache_evict_init(&store.evict);
        store.buckets = base_alloc(BUCKETS * sizeof *store.buckets);
        for (unsigned i = 0; i < BUCKETS; i++) list_init(&store.buckets[i]);
    }
    pthread_mutex_lock(&store.lock);
    store.capacity = bytes;
    make_room(0, &dead);
    pthread_mutex_unlock(&store.lock);
}

void cache_store_close(void) {
    if (!store.buckets) return;
    cache_store_purge((struct span){"", 0});
    BUG_ON(store.objects || store.used);
    cache_evict_close(&store.evict);
    free(store.buckets);
    store.buckets = NULL;
}
