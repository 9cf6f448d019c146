#include "telemetry.h"

#include "cache_disk.h"
#include "cache_store.h"
#include "worker.h"

void telemetry_init(struct telemetry *t, uint64_t now) {
    *t = (struct telemetry){.since = now};
    list_init(&t->meters);
}

static struct meter *new_meter(struct telemetry *t, unsigned worker, struct account_pair *pair) {
    struct meter *m = base_zalloc(sizeof *m);
    m->pair = account_pair_ref(pair);
    pair->meters[worker] = m;
    list_push(&t->meters, &m->link);
    return m;
}

struct meter *telemetry_meter(struct telemetry *t, unsigned worker, struct account_pair *pair) {
    struct meter *m = pair->meters[worker];
    return LIKELY(m != NULL) ? m : new_meter(t, worker, pair);
}

static void free_meter(struct meter *m, unsigned worker) {
    BUG_ON(m->open);
    list_remove(&m->link);
    for (unsigned i = 0; i < METER_OCTAVES; i++) free(m->octaves[i]);
    m->pair->meters[worker] = NULL;
    account_pair_unref(m->pair);
    free(m);
}

void telemetry_close(struct telemetry *t, unsigned worker) {
    while (!list_empty(&t->meters)) free_meter(CONTAINER_OF(t->meters.next, struct meter, link), worker);
}

static void count_success(struct meter *m, uint64_t duration) {
    unsigned index = histogram_index(duration / 1000), octave = index / FRAME_HISTOGRAM_SUB_BUCKETS;
    if (UNLIKELY(!m->octaves[octave])) m->octaves[octave] = base_zalloc(FRAME_HISTOGRAM_SUB_BUCKETS * sizeof(uint32_t));
    m->octaves[octave][index % FRAME_HISTOGRAM_SUB_BUCKETS]++;
    m->sum_ns += duration;
}

void telemetry_finish(struct meter *m, int status, uint32_t flags, uint64_t duration, bool tunnel) {
    BUG_ON(!m->open);
    m->open--;
    if (tunnel) return;  // counted when it was upgraded
    m->count++;
    if (flags & EXCHANGE_CLIENT_ABORTED) m->aborts++;
    else if (status >= 500 || (flags & EXCHANGE_UPSTREAM_FAILED)) m->errors++;
    else count_success(m, duration);
}

void telemetry_limited(struct meter *m) {
    BUG_ON(!m->open);
    m->open--;
}

void telemetry_failed_try(struct meter *m) {
    m->count++;
    m->errors++;
}

void telemetry_upgraded(struct meter *m, uint64_t duration) {
    m->count++;
    count_success(m, duration);
}

static void put_histogram(struct meter *m, struct frame_buffer *out) {
    size_t at = out->size;
    uint32_t buckets = 0;
    frame_put_u32(out, 0);
    for (unsigned o = 0; o < METER_OCTAVES; o++) {
        uint32_t *counts = m->octaves[o];
        for (unsigned i = 0; counts && i < FRAME_HISTOGRAM_SUB_BUCKETS; i++) {
            if (!counts[i]) continue;
            frame_put_bucket(out, &(struct frame_bucket){(uint16_t)(o * FRAME_HISTOGRAM_SUB_BUCKETS + i), counts[i]});
            counts[i] = 0;
            buckets++;
        }
    }
    frame_patch_u32(out, at, buckets);
}

static void put_meter(struct meter *m, struct frame_buffer *out) {
    const struct account_pair *p = m->pair;
    frame_put_endpoint_node_prefix(out, &(struct frame_endpoint_node){
        .endpoint = frame_text(p->endpoint->name), .node = frame_text(p->node->name), .count = m->count, .errors = m->errors,
        .client_aborts = m->aborts, .open = m->open, .sum_ns = m->sum_ns, .average_ns = p->average});
    put_histogram(m, out);
    m->count = m->errors = m->aborts = m->sum_ns = 0;
}

/** Nodes that get no requests while others do (see balance.c). */
static void put_nodes_out(const struct worker *w, struct frame_buffer *out) {
    const struct snapshot *s = w->lease->snapshot;
    size_t at = out->size;
    uint32_t entries = 0;
    frame_put_u32(out, 0);
    for (unsigned i = 0; i < s->node_count; i++) {
        const struct account_node *n = s->nodes[i].account;
        bool ejected = account_is_ejected(n, w->loop.now), unhealthy = s->config->health_path && n->unhealthy;
        if (!s->nodes[i].active || (!ejected && !unhealthy)) continue;
        frame_put_node_out(out, &(struct frame_node_out){frame_text(n->name), ejected, unhealthy});
        entries++;
    }
    frame_patch_u32(out, at, entries);
}

/** Before the meters start anew. */
static void encode_limits(struct worker *w, struct frame_buffer *out) {
    struct telemetry *t = &w->telemetry;
    size_t mark = frame_begin(out, FRAME_LIMITS);
    frame_put_limits_prefix(out, &(struct frame_limits){
        .worker = (uint16_t)w->index, .measure = worker_config(w)->limits.measure, .waiting = w->queue.count, .queued = t->queued, .queue_full = t->queue_full,
        .queue_expired = t->queue_expired, .client_connections = t->connections_limited, .forgotten = limit_forgotten()});
    size_t at = out->size;
    uint32_t entries = 0;
    frame_put_u32(out, 0);
    for (struct list *l = t->meters.next; l != &t->meters; l = l->next) {
        struct meter *m = CONTAINER_OF(l, struct meter, link);
        if (!m->client_limited && !m->endpoint_limited) continue;
        frame_put_endpoint_limits(out, &(struct frame_endpoint_limits){frame_text(m->pair->endpoint->name), m->client_limited, m->endpoint_limited});
        m->client_limited = m->endpoint_limited = 0;
        entries++;
    }
    frame_patch_u32(out, at, entries);
    put_nodes_out(w, out);
    BUG_ON(!frame_end(out, mark));
    t->queued = t->queue_full = t->queue_expired = t->connections_limited = 0;
}

static void encode_requests(struct worker *w, struct frame_buffer *out) {
    struct telemetry *t = &w->telemetry;
    uint64_t now = w->loop.now;
    size_t mark = frame_begin(out, FRAME_TELEMETRY);
    frame_put_telemetry_prefix(out, &(struct frame_telemetry){
        .worker = (uint16_t)w->index, .monotonic_ns = now, .wall_us = loop_wall_us(), .interval_ns = now - t->since,
        .generation = w->lease->snapshot->generation, .client_connections = t->clients, .open_requests = t->open_requests,
        .wait_sum_ns = (uint64_t)account_wait_sum(), .glitches = t->glitches, .exchanges_sent = w->tee.sent, .exchanges_dropped = w->tee.dropped});
    size_t at = out->size;
    uint32_t entries = 0;
    frame_put_u32(out, 0);
    for (struct list *l = t->meters.next, *next; l != &t->meters; l = next) {
        next = l->next;
        struct meter *m = CONTAINER_OF(l, struct meter, link);
        if (!m->count && !m->open) {
            free_meter(m, w->index);
            continue;
        }
        put_meter(m, out);
        entries++;
    }
    frame_patch_u32(out, at, entries);
    BUG_ON(!frame_end(out, mark));
    t->glitches = 0;
    t->since = now;
}

static void encode_cache(struct worker *w, struct frame_buffer *out) {
    struct cache_counts *c = &w->cache.counts;
    struct cache_store_counts memory;
    struct cache_disk_counts disk;
    cache_store_read_counts(&memory);
    cache_disk_read_counts(&disk);
    frame_encode_cache(out, &(struct frame_cache){
        .worker = (uint16_t)w->index, .hits = c->hits, .stale = c->stale, .misses = c->misses, .validated = c->validated, .collapsed = c->collapsed,
        .bypassed = c->bypassed, .stored = c->stored, .fetch_bytes = c->fetch_bytes, .bytes = memory.bytes, .objects = memory.objects, .evicted = memory.evicted,
        .refused = memory.refused, .disk_bytes = disk.bytes, .disk_objects = disk.objects, .disk_hits = disk.hits, .disk_damaged = disk.damaged, .disk_failures = disk.failures});
    *c = (struct cache_counts){0};
}

void telemetry_encode(struct worker *w, struct frame_buffer *out) {
    struct frame_buffer limits;
    frame_buffer_init(&limits);
    encode_limits(w, &limits);
    encode_requests(w, out);
    frame_put_raw(out, limits.data, limits.size);
    free(limits.data);
    if (worker_config(w)->cache.memory_bytes) encode_cache(w, out);
}
