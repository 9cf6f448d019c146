#include "cache_fetch.h"

#include "cache_disk.h"
#include "cache_fields.h"
#include "cache_head.h"
#include "cache_spill.h"
#include "cache_store.h"
#include "cache_visit.h"
#include "exchange.h"
#include "response.h"
#include "worker.h"

static struct cache_fetch *fetch_of(struct conn *c) { return CONTAINER_OF(c, struct cache_fetch, client.conn); }

static struct worker *worker_of(const struct cache_fetch *f) { return f->client.conn.worker; }

static void wake_leader(struct cache_fetch *f) {
    if (f->leader) conn_run_again(&f->leader->client->conn);
}

/** It can not be kept after all: it is the leader's alone from here on. */
static void abandon(struct cache_fetch *f) {
    cache_store_drop(f->object, CACHE_ABANDONED);
    f->mode = f->leader ? CACHE_FETCH_PASSES : CACHE_FETCH_DROPS;
    wake_leader(f);
}

/** Bytes the object may still hold; a length that was told was reserved as a whole. */
static bool make_room(struct cache_fetch *f) {
    struct cache_body *b = f->object->body;
    uint64_t wants = b->length == CACHE_NO_LENGTH ? cache_body_wants(b) : 0;
    if (!wants) return true;
    if (b->held + wants > worker_config(worker_of(f))->cache.object_bytes || !cache_store_reserve(wants)) return false;
    b->held += wants;
    return true;
}

static void fill(struct cache_fetch *f) {
    struct outq *out = &f->client.conn.out;
    uint64_t before = out->bytes;
    while (out->bytes) {
        if (!make_room(f)) {
            abandon(f);
            return;
        }
        struct segment s = outq_unsent(out, 0);
        outq_consume(out, cache_body_append(f->object->body, (struct span){(const char *)s.p, s.n}));
    }
    worker_of(f)->cache.counts.fetch_bytes += before;
    if (before) cache_notify(f->object);
}

/** Hands over what the disk can take now; the queue is looked at again when the object changes. */
static void spill(struct cache_fetch *f) {
    struct outq *out = &f->client.conn.out;
    struct worker *w = worker_of(f);
    uint64_t before = out->bytes;
    // What is written between the look and the wish to be told is not missed.
    cache_expect(w, f->object);
    while (out->bytes) {
        struct segment s = outq_unsent(out, 0);
        size_t n = cache_disk_append(f->object, (struct span){(const char *)s.p, s.n});
        if (!n) break;
        outq_consume(out, n);
    }
    w->cache.counts.fetch_bytes += before - out->bytes;
}

/** All of the answer has come. */
static void keep_whole(struct cache_fetch *f) {
    worker_of(f)->cache.counts.stored++;
    if (f->mode == CACHE_FETCH_SPILLS) {
        cache_disk_end(f->object);
    } else {
        cache_body_end(f->object->body);
        cache_store_complete(f->object);
        cache_disk_put(f->object);
    }
    f->mode = CACHE_FETCH_DONE;
}

/** Goes on with what is in the queue. */
static void advance(struct cache_fetch *f) {
    struct outq *out = &f->client.conn.out;
    if (f->mode == CACHE_FETCH_FILLS) fill(f);
    if (f->mode == CACHE_FETCH_SPILLS) spill(f);
    if (f->mode == CACHE_FETCH_SPILLS && f->object->body->spill->failed) {
        client_close(&f->client);
        return;
    }
    if (f->mode == CACHE_FETCH_DROPS) outq_clear(out);
    if (f->mode == CACHE_FETCH_PASSES) wake_leader(f);
    if (f->mode == CACHE_FETCH_DROPS && !f->answered && f->client.x && f->client.x->status) {
        client_close(&f->client);
        return;
    }
    if (!f->answered || out->bytes || f->mode == CACHE_FETCH_PASSES) return;
    if (f->mode == CACHE_FETCH_FILLS || f->mode == CACHE_FETCH_SPILLS) keep_whole(f);
    client_close(&f->client);
}

static ssize_t layer_read(struct conn *c, void *out, size_t n) {
    (void)c, (void)out, (void)n;
    errno = EAGAIN;
    return -1;
}

static void layer_flush(struct conn *c) { advance(fetch_of(c)); }

static bool layer_holds(const struct conn *c) {
    (void)c;
    return false;
}

static void layer_shutdown(struct conn *c) { (void)c; }

static void layer_close(struct conn *c, bool reset) {
    struct cache_fetch *f = fetch_of(c);
    (void)reset;
    if (!f->object->error) f->object->error = 502;
    enum cache_state state = cache_object_state(f->object);
    list_remove(&f->spilling);
    if (f->mode != CACHE_FETCH_DONE && (state == CACHE_PENDING || state == CACHE_FILLING)) cache_store_drop(f->object, CACHE_FAILED);
    if (f->leader) {
        wake_leader(f);
        f->leader->visit->fetch = NULL;
        f->leader = NULL;
    }
    cache_object_unref(f->object);
    if (f->stale) cache_object_unref(f->stale);
    if (f->head) chunk_unref(f->head);
}

static const struct conn_layer layer = {layer_read, layer_flush, layer_holds, layer_shutdown, layer_close};

static void free_fetch(struct conn *c) { free(fetch_of(c)); }

static bool is_for_the_origin(const struct http1_field *f, const struct cache_shown *shown) {
    // Conditions and ranges are the client's own: what is kept is whole.
    static const char *const own[] = {"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"};
    for (unsigned i = 0; i < COUNT_OF(own); i++)
        if (span_ieq(f->name, span_of(own[i]))) return false;
    return f->id == FIELD_OTHER && cache_fields_shows(f->name, shown);
}

struct writer {
    char *p;
};

static void put(struct writer *w, struct span s) {
    memcpy(w->p, s.p, s.n);
    w->p += s.n;
}

static void put_field(struct writer *w, struct span name, struct span value) {
    put(w, name);
    put(w, SPAN(": "));
    put(w, value);
    put(w, SPAN("\r\n"));
}

static void put_condition(struct writer *w, const struct http1_head *stored, const char *validator, const char *condition) {
    const struct http1_field *f = cache_field(stored, span_of(validator));
    if (f) put_field(w, span_of(condition), f->value);
}

/** The request's head, in a chunk. */
static struct chunk *write_request(struct worker *w, const struct cache_fetch_order *o, const struct cache_shown *shown) {
    size_t n = 128 + o->framing->target.n + o->framing->host.n + (o->stale ? o->stale->head_size + 64u : 0);
    for (unsigned i = 0; i < o->request->count; i++) n += o->request->fields[i].name.n + o->request->fields[i].value.n + 4;
    struct chunk *c = chunk_new_sized(&w->chunks, n);
    struct writer out = {(char *)c->data};
    put(&out, SPAN("GET "));
    put(&out, o->framing->target);
    put(&out, SPAN(" HTTP/1.1\r\n"));
    put_field(&out, SPAN("Host"), o->framing->host.n ? o->framing->host : SPAN("localhost"));
    for (unsigned i = 0; i < o->request->count; i++)
        if (is_for_the_origin(&o->request->fields[i], shown)) put_field(&out, o->request->fields[i].name, o->request->fields[i].value);
    if (o->stale) {
        struct http1_head stored;
        cache_head_parse(o->stale, &stored);
        put_condition(&out, &stored, "etag", "If-None-Match");
        put_condition(&out, &stored, "last-modified", "If-Modified-Since");
    }
    put(&out, SPAN("\r\n"));
    c->fill = (uint32_t)(out.p - (char *)c->data);
    return c;
}

void cache_fetch_start(const struct cache_fetch_order *o) {
    struct worker *w = o->client->conn.worker;
    const struct cache_shown *shown = &worker_config(w)->cache.shown;
    struct cache_control control;
    struct cache_fetch *f = base_zalloc(sizeof *f);
    struct client *c = &f->client;
    cache_control_read(&control, o->request);
    list_init(&f->spilling);
    f->object = cache_object_ref(o->object);
    f->stale = o->stale && cache_object_state(o->stale) == CACHE_COMPLETE ? cache_object_ref(o->stale) : NULL;
    f->leader = o->leader;
    if (f->leader) f->leader->visit->fetch = f;
    f->asked = (struct cache_asked){(int64_t)(loop_wall_us() / 1000000), cache_field(o->request, SPAN("authorization")) && cache_fields_shows(SPAN("authorization"), shown), control.no_store};
    struct cache_fetch_order order = *o;
    order.stale = f->stale;
    struct chunk *head = write_request(w, &order, shown);
    f->head = chunk_ref(head);
    f->head_bytes = (struct span){(char *)head->data, head->fill};
    c->fetch = f;
    client_open_stream(c, o->client, &layer, free_fetch);
    // Nobody's address: what is fetched is for all.
    c->nameless = true;
    memcpy(c->address, "unknown", sizeof "unknown");
    wheel_cancel(&c->conn.timer);
    c->sniffed = true;
    c->conn.in = head;
    list_push(&w->cache.fetches, &c->link);
    client_request(c, 0);
}

/** The stored answer still holds. false: the 304 is of something else. */
static bool revive(struct cache_fetch *f, const struct http1_head *not_modified, const struct framing *framing, int64_t now) {
    struct cache_object *o = f->object;
    struct http1_head merged, request;
    if (!cache_head_update(&merged, f->stale, not_modified, framing)) return false;
    BUG_ON(http1_parse_request(f->head_bytes.p, f->head_bytes.n, 0, HTTP1_FIELDS_MAX, &request) < 0);
    if (!cache_head_store(o, &merged, framing, &request, &worker_config(worker_of(f))->cache.shown, worker_date(worker_of(f)))) return false;
    cache_policy_facts(&merged, &f->asked, now, &o->facts);
    o->held = 0;
    uint64_t held = sizeof *o + o->key_size + o->variant_size + o->head_size;
    if (cache_store_reserve(held)) o->held = held;
    o->body = cache_body_ref(f->stale->body);
    cache_store_begin(o, CACHE_FILLING);
    // Without room for its head it serves those who wait, and is not kept.
    if (o->held) cache_store_complete(o);
    else cache_store_drop(o, CACHE_COMPLETE);
    worker_of(f)->cache.counts.validated++;
    return true;
}

/** Makes the object of an answer that may be shared. */
static bool keep(struct cache_fetch *f, const struct http1_head *head, const struct framing *framing, int64_t now) {
    struct worker *w = worker_of(f);
    struct cache_object *o = f->object;
    const struct config_cache *limits = &worker_config(w)->cache;
    uint64_t length = framing->body == BODY_LENGTH ? framing->length : framing->body == BODY_NONE ? 0 : CACHE_NO_LENGTH;
    bool large = length != CACHE_NO_LENGTH && length > limits->object_bytes;
    struct http1_head request;
    if (!cache_policy_store(head, &f->asked, now, &o->facts)) return false;
    if (large && (!limits->disk_path || length > limits->disk_object_bytes)) return false;
    BUG_ON(http1_parse_request(f->head_bytes.p, f->head_bytes.n, 0, HTTP1_FIELDS_MAX, &request) < 0);
    if (!cache_head_store(o, head, framing, &request, &worker_config(w)->cache.shown, worker_date(w))) return false;
    uint64_t held = sizeof *o + o->key_size + o->variant_size + o->head_size, body = length == CACHE_NO_LENGTH || large ? 0 : length;
    if (!cache_store_reserve(held + body)) return false;
    o->held = held;
    if (large) {
        if (!cache_disk_begin(o, length)) return false;
        list_push(&w->cache.spilling, &f->spilling);
    } else {
        o->body = cache_body_new(length);
        o->body->held = body;
    }
    f->mode = large ? CACHE_FETCH_SPILLS : CACHE_FETCH_FILLS;
    cache_store_begin(o, CACHE_FILLING);
    return true;
}

/** What is not shared is the leader's, unless it would rather have something else. */
static void pass(struct cache_fetch *f, struct http1_head *head, const struct framing *framing) {
    bool taken = f->leader && cache_visit_pass(f->leader, head, framing);
    f->mode = taken ? CACHE_FETCH_PASSES : CACHE_FETCH_DROPS;
}

void cache_fetch_head(struct cache_fetch *f, struct http1_head *head, const struct framing *framing, bool own) {
    int64_t now = (int64_t)(loop_wall_us() / 1000000);
    if (f->mode != CACHE_FETCH_ASKS) return;
    if (head->status < 200) {
        if (f->leader) response_pass_interim(f->leader, head, framing);
        return;
    }
    conn_mark_dirty(&f->client.conn);
    if (head->status == 304 && f->stale) {
        f->mode = CACHE_FETCH_DROPS;
        if (!revive(f, head, framing, now)) cache_store_drop(f->object, CACHE_ABANDONED);
        wake_leader(f);
        return;
    }
    bool failed = head->status >= 500 && head->status != 501;
    f->object->error = head->status;
    f->object->unreachable = own;
    if (failed && f->leader && cache_visit_forgives(f->leader, own)) {
        cache_store_drop(f->object, CACHE_FAILED);
        f->mode = CACHE_FETCH_DROPS;
        wake_leader(f);
        return;
    }
    if (!own && keep(f, head, framing, now)) {
        wake_leader(f);
        return;
    }
    cache_store_drop(f->object, failed ? CACHE_FAILED : CACHE_ABANDONED);
    pass(f, head, framing);
}

void cache_fetch_answered(struct cache_fetch *f) {
    f->answered = true;
    advance(f);
}

void cache_fetch_taken(struct cache_fetch *f) {
    struct conn *c = &f->client.conn;
    if (c->wants_room && outq_has_room(&c->out)) {
        c->wants_room = false;
        conn_run_again(c);
    }
}

void cache_fetch_leave(struct cache_fetch *f) {
    f->leader = NULL;
    if (f->mode == CACHE_FETCH_PASSES) client_close(&f->client);
}
