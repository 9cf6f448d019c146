#include "cache_visit.h"

#include "cache_disk.h"
#include "cache_fields.h"
#include "cache_head.h"
#include "cache_key.h"
#include "cache_store.h"
#include "dispatch.h"
#include "request.h"
#include "response.h"
#include "worker.h"

/** Objects waited for that turned out to be for others; then a request goes its own way. */
#define ROUNDS_MAX 3u

static struct worker *worker_of(const struct cache_visit *v) { return v->x->client->conn.worker; }

static int64_t wall_seconds(void) { return (int64_t)(loop_wall_us() / 1000000); }

/** Whether a request is one the cache answers. What it does not deal with goes to the origin as it is. */
static bool is_cacheable(const struct exchange *x, const struct http1_head *head) {
    static const char *const not_ours[] = {"if-match", "if-unmodified-since"};
    if (!span_eq(head->method, SPAN("GET")) && !x->to_head) return false;
    if (!x->request.done || x->upgrade) return false;
    for (unsigned i = 0; i < COUNT_OF(not_ours); i++)
        if (cache_field(head, span_of(not_ours[i]))) return false;
    return true;
}

static void forget(struct cache_object **o) {
    if (*o) cache_object_unref(*o);
    *o = NULL;
}

void cache_visit_end(struct exchange *x) {
    struct cache_visit *v = x->visit;
    if (!v) return;
    x->visit = NULL;
    list_remove(&v->link);
    if (v->fetch) {
        struct cache_fetch *f = v->fetch;
        v->fetch = NULL;
        cache_fetch_leave(f);
    }
    cache_serve_end(&v->reader);
    forget(&v->object);
    forget(&v->stale);
    chunk_unref(v->head);
    free(v);
}

/** Goes on as if there were no cache. */
static void bypass(struct exchange *x) {
    struct worker *w = x->client->conn.worker;
    struct cache_visit *v = x->visit;
    struct chunk *head = chunk_ref(v->head);
    struct span bytes = v->head_bytes;
    struct outq out;
    outq_init(&out);
    w->cache.counts.bypassed++;
    cache_visit_end(x);
    BUG_ON(http1_parse_request(bytes.p, bytes.n, 0, HTTP1_FIELDS_MAX, &w->head) < 0 || framing_request(&w->head, &w->framing));
    request_write_head(x, &out, bytes.n);
    chunk_unref(head);
    dispatch(x, &out, false);
}

/** The object's head is known, and it is for this request. */
static void serve(struct cache_visit *v, const struct http1_head *request) {
    struct exchange *x = v->x;
    struct cache_counts *counts = &worker_of(v)->cache.counts;
    if (cache_serve_is_far(v->object, request)) {
        bypass(x);
        return;
    }
    if (v->source == CACHE_FROM_STORE) counts->hits++;
    if (v->source == CACHE_FROM_STALE) counts->stale++;
    if (v->source == CACHE_FROM_OTHERS) counts->collapsed++;
    cache_serve_head(v, request);
    cache_visit_run(x);
}

/** Gives out what it holds although it is stale. */
static void serve_stale(struct cache_visit *v, const struct http1_head *request) {
    forget(&v->object);
    v->object = v->stale;
    v->stale = NULL;
    v->source = CACHE_FROM_STALE;
    serve(v, request);
}

static void start_fetch(const struct cache_visit *v, const struct http1_head *request, const struct framing *f, struct cache_object *flight, bool lead) {
    struct cache_fetch_order order = {.client = v->x->client, .request = request, .framing = f, .leader = lead ? v->x : NULL,
                                      .object = flight, .stale = lead ? v->stale : v->object};
    cache_fetch_start(&order);
}

/** Waits for an object to come further. */
static void wait_for(struct cache_visit *v, enum cache_state seen) {
    cache_expect(worker_of(v), v->object);
    if (list_empty(&v->link)) list_push(&worker_of(v)->cache.waiting, &v->link);
    // What came between the look and the wish to be told.
    if (cache_object_state(v->object) != seen) conn_run_again(&v->x->client->conn);
}

/** Its length is not told: should it grow too large to be kept, only its leader can have all of it. */
static bool is_unsure(const struct cache_object *o, enum cache_state state) {
    return state == CACHE_PENDING || (state == CACHE_FILLING && o->body->length == CACHE_NO_LENGTH);
}

/** There is one that may be given out. */
static void use_stored(struct cache_visit *v, const struct http1_head *request, const struct framing *f, const struct cache_found *found) {
    enum cache_state state = cache_object_state(found->stored);
    v->object = found->stored;
    v->source = found->use == CACHE_USE_FRESH ? CACHE_FROM_STORE : CACHE_FROM_STALE;
    if (found->flight) {
        // Sending it uses the place where the present head stands.
        struct http1_head kept = *request;
        start_fetch(v, request, f, found->flight, false);
        cache_object_unref(found->flight);
        serve(v, &kept);
    } else if (is_unsure(v->object, state)) {
        v->source = CACHE_FROM_OTHERS;
        wait_for(v, state);
    } else {
        serve(v, request);
    }
}

/** Looks for an answer and begins with it. @return false: nothing was begun, the request has to go the ordinary way */
static bool enter(struct cache_visit *v, const struct http1_head *request, const struct framing *f) {
    struct exchange *x = v->x;
    const struct config *config = x->lease->snapshot->config;
    struct cache_found found;
    char *key = cache_key_new(x->client->tls, config->cache.origin_host, f);
    struct cache_query q = {.key = span_of(key), .hash = cache_store_hash(span_of(key)), .request = request, .shown = &config->cache.shown,
                            .control = &v->control, .now = wall_seconds(), .may_fetch = !x->to_head && !v->control.only_if_cached};
    cache_store_enter(&q, &found);
    free(key);
    if (found.stored && found.use != CACHE_USE_VALIDATE) {
        use_stored(v, request, f, &found);
        return true;
    }
    v->stale = found.stored;
    if (!found.flight) return false;
    v->object = found.flight;
    v->source = found.lead ? CACHE_FROM_ORIGIN : CACHE_FROM_OTHERS;
    if (!found.lead) {
        wait_for(v, CACHE_PENDING);
        return true;
    }
    if (!v->stale && cache_disk_load(v->object, request, &config->cache.shown)) {
        wait_for(v, CACHE_PENDING);
        return true;
    }
    worker_of(v)->cache.counts.misses++;
    start_fetch(v, request, f, v->object, true);
    conn_run_again(&x->client->conn);
    return true;
}

bool cache_visit_begin(struct exchange *x, struct chunk *head, struct span head_bytes) {
    struct worker *w = x->client->conn.worker;
    if (!is_cacheable(x, &w->head)) {
        w->cache.counts.bypassed++;
        return false;
    }
    struct cache_visit *v = base_zalloc(sizeof *v);
    list_init(&v->link);
    v->x = x;
    v->head = chunk_ref(head);
    v->head_bytes = head_bytes;
    cache_control_read(&v->control, &w->head);
    x->visit = v;
    dispatch_to_nobody(x);
    if (enter(v, &w->head, &w->framing)) return true;
    bool only_stored = v->control.only_if_cached;
    w->cache.counts.bypassed++;
    cache_visit_end(x);
    if (!only_stored) return false;
    exchange_refuse(x, 504);
    return true;
}

/** Nothing came of what it waited for. */
static void take_failure(struct cache_visit *v, const struct http1_head *request) {
    struct exchange *x = v->x;
    int error = v->object->error;
    bool unreachable = v->object->unreachable;
    if (v->stale && cache_policy_stale_if_error(&v->stale->facts, &v->control, wall_seconds(), unreachable)) {
        serve_stale(v, request);
        return;
    }
    cache_visit_end(x);
    exchange_refuse(x, error >= 500 ? error : 502);
}

/** What it waited for is not, or not yet, known to be for it. */
static void enter_again(struct cache_visit *v, const struct http1_head *request, const struct framing *framing) {
    forget(&v->object);
    forget(&v->stale);
    if (++v->rounds > ROUNDS_MAX || !enter(v, request, framing)) bypass(v->x);
}

/** Waited for an object that has come further. */
static void look_again(struct cache_visit *v) {
    struct exchange *x = v->x;
    struct http1_head request;
    struct framing framing;
    enum cache_state state = cache_object_state(v->object);
    bool leads = v->source == CACHE_FROM_ORIGIN;
    if (state == CACHE_PENDING || (!leads && is_unsure(v->object, state))) {
        wait_for(v, state);
        return;
    }
    BUG_ON(http1_parse_request(v->head_bytes.p, v->head_bytes.n, 0, HTTP1_FIELDS_MAX, &request) < 0 || framing_request(&request, &framing));
    if (v->object->loaded) {
        enter_again(v, &request, &framing);
        return;
    }
    if (state == CACHE_FAILED) {
        take_failure(v, &request);
        return;
    }
    if (state == CACHE_ABANDONED) {
        bypass(x);
        return;
    }
    struct span variant = {v->object->variant, v->object->variant_size};
    if (leads || cache_vary_matches(variant, &request, &x->lease->snapshot->config->cache.shown)) {
        serve(v, &request);
        return;
    }
    enter_again(v, &request, &framing);
}

void cache_visit_run(struct exchange *x) {
    struct cache_visit *v = x->visit;
    const struct conn *c = &x->client->conn;
    if (c->failed || c->cut || (c->hup && !x->response.done)) {
        exchange_abort(x, true);
        return;
    }
    if (v->bypasses) {
        bypass(x);
        return;
    }
    if (v->state == CACHE_VISIT_WAITS) {
        look_again(v);
        return;
    }
    switch (cache_serve_body(v)) {
        case CACHE_SERVED_WAIT: return;
        case CACHE_SERVED_DONE: exchange_finish(x); return;
        case CACHE_SERVED_CUT: exchange_abort(x, false); return;
    }
}

bool cache_visit_pass(struct exchange *x, struct http1_head *head, const struct framing *framing) {
    struct cache_visit *v = x->visit;
    struct http1_head request;
    BUG_ON(http1_parse_request(v->head_bytes.p, v->head_bytes.n, 0, HTTP1_FIELDS_MAX, &request) < 0);
    if (head->status == 200 && cache_field(&request, SPAN("range"))) {
        v->bypasses = true;
        v->fetch->leader = NULL;
        v->fetch = NULL;
        conn_run_again(&x->client->conn);
        return false;
    }
    forget(&v->object);
    v->state = CACHE_VISIT_SERVES;
    worker_of(v)->cache.counts.bypassed++;
    response_pass_on(x, head, framing);
    conn_run_again(&x->client->conn);
    return true;
}

bool cache_visit_forgives(struct exchange *x, bool unreachable) {
    const struct cache_visit *v = x->visit;
    return v->stale && cache_policy_stale_if_error(&v->stale->facts, &v->control, wall_seconds(), unreachable);
}

void cache_visit_note_unsafe(struct exchange *x) {
    const struct worker *w = x->client->conn.worker;
    static const char *const safe[] = {"GET", "HEAD", "OPTIONS", "TRACE"};
    for (unsigned i = 0; i < COUNT_OF(safe); i++)
        if (span_eq(w->head.method, span_of(safe[i]))) return;
    x->invalidates = cache_key_new(x->client->tls, x->lease->snapshot->config->cache.origin_host, &w->framing);
}

static void invalidate(struct span key) {
    cache_store_invalidate(key);
    cache_disk_invalidate(key, cache_store_hash(key));
}

void cache_visit_invalidate(struct exchange *x, const struct http1_head *answer) {
    static const char *const fields[] = {"location", "content-location"};
    if (answer->status < 200 || answer->status >= 400) return;
    invalidate(span_of(x->invalidates));
    for (unsigned i = 0; i < COUNT_OF(fields); i++) {
        const struct http1_field *f = cache_field(answer, span_of(fields[i]));
        char *key = f ? cache_key_resolve(x->invalidates, f->value) : NULL;
        if (key) invalidate(span_of(key));
        free(key);
    }
}
