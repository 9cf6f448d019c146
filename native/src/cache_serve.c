#include "cache_serve.h"

#include <unistd.h>

#include "cache_condition.h"
#include "cache_head.h"
#include "cache_spill.h"
#include "cache_visit.h"
#include "client_pace.h"
#include "h2_stream.h"
#include "worker.h"

/** Most that one segment takes: a slow client is to hold few blocks at a time. */
#define PIECE_BYTES (48u * 1024)
/** The same of a file, which holds none: what a fast socket takes at once. */
#define FILE_PIECE_BYTES (1024u * 1024)

static void end_loan(void *body) { cache_body_unref(body); }

/** The body's memory, which belongs to no worker, as a chunk of this one's. */
static struct chunk *loan_of(struct cache_visit *v) {
    if (!v->reader.loan) v->reader.loan = chunk_lend(end_loan, cache_body_ref(v->object->body));
    return v->reader.loan;
}

void cache_serve_end(struct cache_reader *r) {
    if (r->loan) chunk_unref(r->loan);
    r->loan = NULL;
}

static bool has_any(const struct http1_head *request, const char *const *names, size_t count) {
    for (unsigned i = 0; i < request->count; i++)
        for (size_t k = 0; k < count; k++)
            if (request->fields[i].id == FIELD_OTHER && span_ieq(request->fields[i].name, span_of(names[k]))) return true;
    return false;
}

/** What the request's conditions and ranges make of the stored answer. */
static void choose(const struct cache_visit *v, const struct http1_head *request, struct cache_head_reply *r) {
    static const char *const names[] = {"if-none-match", "if-modified-since", "range"};
    static _Thread_local struct http1_head stored;
    struct cache_range range;
    int64_t now = (int64_t)(loop_wall_us() / 1000000);
    if (LIKELY(!has_any(request, names, COUNT_OF(names)))) return;
    cache_head_parse(v->object, &stored);
    if (cache_condition_not_modified(request, &stored, now)) {
        r->status = 304;
        r->length = 0;
        return;
    }
    if (r->whole == CACHE_NO_LENGTH) return;
    switch (cache_condition_range(request, &stored, r->whole, now, &range)) {
        case CACHE_WHOLE: return;
        case CACHE_UNSATISFIABLE:
            r->status = 416;
            r->length = 0;
            return;
        case CACHE_PART:
            r->status = 206;
            r->from = range.from;
            r->length = range.to - range.from;
    }
}

bool cache_serve_is_far(const struct cache_object *o, const struct http1_head *request) {
    static _Thread_local struct http1_head stored;
    struct cache_range range;
    if (!o->body->spill || cache_object_state(o) != CACHE_FILLING || !cache_field(request, SPAN("range"))) return false;
    cache_head_parse(o, &stored);
    return cache_condition_range(request, &stored, o->body->length, (int64_t)(loop_wall_us() / 1000000), &range) == CACHE_PART &&
           range.from > o->body->fill + CACHE_SPILL_WINDOW;
}

/** Text behind "Cache-Status: dharma; ". */
static struct span status_of(const struct cache_visit *v, char text[48]) {
    int64_t ttl = v->object->facts.lifetime - cache_policy_age(&v->object->facts, (int64_t)(loop_wall_us() / 1000000));
    switch (v->source) {
        case CACHE_FROM_STORE: case CACHE_FROM_STALE: snprintf(text, 48, "hit; ttl=%lld", (long long)ttl); break;
        case CACHE_FROM_OTHERS: snprintf(text, 48, "fwd=miss; collapsed"); break;
        case CACHE_FROM_ORIGIN: snprintf(text, 48, v->stale ? "fwd=stale" : "fwd=miss"); break;
    }
    return span_of(text);
}

static void queue_head(struct cache_visit *v, struct cache_head_reply *reply) {
    struct client *c = v->x->client;
    struct worker *w = c->conn.worker;
    char text[48];
    reply->how = status_of(v, text);
    char *at = (char *)outq_reserve(&c->conn.out, &w->chunks, cache_head_bound(v->object));
    size_t n = cache_head_write(at, v->object, reply);
    if (v->x->tape) {
        // The tape holds on to what lies in the queue's own chunk.
        tape_add(v->x->tape, TAPE_RESPONSE_HEAD, c->conn.out.scratch, (struct span){at, n});
    }
    if (LIKELY(!c->stream)) {
        outq_commit(&c->conn.out, n);
        conn_mark_dirty(&c->conn);
        return;
    }
    struct framing none = {0};
    BUG_ON(http1_parse_response(at, n, 0, HTTP1_FIELDS_MAX, &w->head) < 0);
    // Committed first: what the tape refers to must not be written over.
    outq_commit(&c->conn.out, n);
    h2_stream_respond(c->stream, &w->head, &none, reply->length == CACHE_NO_LENGTH, v->x->response.done);
    outq_consume(&c->conn.out, n);
}

void cache_serve_head(struct cache_visit *v, const struct http1_head *request) {
    struct exchange *x = v->x;
    struct client *c = x->client;
    uint64_t length = atomic_load_explicit(&v->object->body->length, memory_order_acquire);
    struct cache_head_reply reply = {.status = v->object->status, .length = length, .whole = length,
                                     .age = cache_policy_age(&v->object->facts, (int64_t)(loop_wall_us() / 1000000))};
    choose(v, request, &reply);
    bool unknown = reply.length == CACHE_NO_LENGTH;
    x->out_chunked = unknown && !x->http_1_0 && !c->stream;
    if ((unknown && x->http_1_0) || c->conn.worker->draining) x->keep_alive = false;
    reply.chunked = x->out_chunked && !x->to_head;
    reply.close = !x->keep_alive;
    reply.keep_alive_1_0 = x->http_1_0 && x->keep_alive;
    x->status = reply.status;
    x->first_byte = c->conn.worker->loop.now;
    v->reader.at = reply.from;
    v->reader.end = unknown ? CACHE_NO_LENGTH : reply.from + reply.length;
    x->response.done = x->to_head || !reply.length;
    v->state = CACHE_VISIT_SERVES;
    queue_head(v, &reply);
}

/** Queues bytes, framed for the client. `chunk` holds them. */
static void put_piece(struct exchange *x, struct chunk *chunk, struct span data) {
    struct outq *out = &x->client->conn.out;
    struct chunk_pool *pool = &x->client->conn.worker->chunks;
    x->response.length += data.n;
    if (x->tape) tape_add(x->tape, TAPE_RESPONSE_BODY, chunk, data);
    if (x->out_chunked) outq_commit(out, chunked_write_size((char *)outq_reserve(out, pool, 24), data.n));
    outq_add(out, pool, chunk, data.p, data.n);
    if (x->out_chunked) outq_add_static(out, SPAN("\r\n"));
}

/** A piece of a file for who has to see its bytes (TLS, HTTP/2, the tee). false: the disk fails. */
static bool read_piece(struct cache_visit *v, const struct cache_body *body, uint64_t left) {
    struct cache_reader *r = &v->reader;
    struct chunk *chunk = chunk_new_sized(&v->x->client->conn.worker->chunks, CHUNK_BULK_BYTES);
    ssize_t n = pread(body->file, chunk->data, left < chunk->cap ? (size_t)left : chunk->cap, (off_t)(body->file_at + r->at));
    if (n > 0) {
        chunk->fill = (uint32_t)n;
        put_piece(v->x, chunk, (struct span){(const char *)chunk->data, (size_t)n});
        r->at += (uint64_t)n;
    }
    r->broken = n <= 0;
    chunk_unref(chunk);
    return n > 0;
}

/** From the object's file. false: all of it was taken, or it cannot be read. */
static bool take_file(struct cache_visit *v, const struct cache_body *body) {
    struct cache_reader *r = &v->reader;
    struct exchange *x = v->x;
    uint64_t fill = atomic_load_explicit(&body->fill, memory_order_acquire);
    if (r->broken || r->at >= fill) return false;
    uint64_t left = (r->end < fill ? r->end : fill) - r->at;
    if (x->client->conn.layer || x->tape) return read_piece(v, body, left);
    if (left > FILE_PIECE_BYTES) left = FILE_PIECE_BYTES;
    outq_add_file(&x->client->conn.out, loan_of(v), body->file, body->file_at + r->at, (size_t)left);
    x->response.length += left;
    r->at += left;
    return true;
}

/** From the object. false: none of its bytes are there now. */
static bool take_stored(struct cache_visit *v) {
    struct cache_reader *r = &v->reader;
    if (!v->object || !v->object->body || r->at >= r->end) return false;
    if (v->object->body->file >= 0) return take_file(v, v->object->body);
    struct span s = cache_body_read(v->object->body, &r->cursor, r->at);
    uint64_t left = r->end - r->at;
    if (!s.n) return false;
    if (s.n > left) s.n = (size_t)left;
    if (s.n > PIECE_BYTES) s.n = PIECE_BYTES;
    put_piece(v->x, loan_of(v), s);
    r->at += s.n;
    return true;
}

/** From the fetch, whose answer is not kept. false: nothing is there now. */
static bool take_passing(struct cache_visit *v) {
    struct outq *from = v->fetch ? &v->fetch->client.conn.out : NULL;
    if (!from || v->fetch->mode != CACHE_FETCH_PASSES || !from->bytes) return false;
    struct segment s = outq_unsent(from, 0);
    struct chunk *held = s.chunk ? chunk_ref(s.chunk) : NULL;
    BUG_ON(!held);  // bodies lie in chunks
    put_piece(v->x, held, (struct span){(const char *)s.p, s.n});
    outq_consume(from, s.n);
    chunk_unref(held);
    cache_fetch_taken(v->fetch);
    return true;
}

/** Nothing is there to be taken: why not? */
static enum cache_served why_not(const struct cache_visit *v) {
    const struct cache_reader *r = &v->reader;
    if (v->fetch && v->fetch->mode == CACHE_FETCH_PASSES) return v->fetch->answered ? CACHE_SERVED_DONE : CACHE_SERVED_WAIT;
    if (!v->object || r->broken) return CACHE_SERVED_CUT;  // the fetch, or the file, is gone
    enum cache_state state = cache_object_state(v->object);
    uint64_t fill = atomic_load_explicit(&v->object->body->fill, memory_order_acquire);
    if (r->at >= (r->end == CACHE_NO_LENGTH && state == CACHE_COMPLETE ? fill : r->end)) return CACHE_SERVED_DONE;
    if (r->at < fill) return CACHE_SERVED_WAIT;
    return state == CACHE_FILLING ? CACHE_SERVED_WAIT : CACHE_SERVED_CUT;
}

static void finish(struct exchange *x) {
    if (x->out_chunked && !x->response.done) outq_add_static(&x->client->conn.out, SPAN("0\r\n\r\n"));
    x->response.done = true;
}

enum cache_served cache_serve_body(struct cache_visit *v) {
    struct exchange *x = v->x;
    struct conn *to = &x->client->conn;
    enum cache_served r = CACHE_SERVED_WAIT;
    bool expecting = false;
    while (!x->response.done) {
        if (!outq_has_room(&to->out)) {
            to->wants_room = true;
            client_watch_reader(x->client);
            r = CACHE_SERVED_WAIT;
            break;
        }
        if (take_stored(v) || take_passing(v)) continue;
        r = why_not(v);
        if (r == CACHE_SERVED_DONE) finish(x);
        if (r != CACHE_SERVED_WAIT) break;
        if (expecting || !v->object) break;
        // What comes between the look and the wish to be told is found by looking again.
        cache_expect(to->worker, v->object);
        expecting = true;
    }
    if (expecting && r == CACHE_SERVED_WAIT && list_empty(&v->link)) list_push(&to->worker->cache.waiting, &v->link);
    if (!to->wants_room) x->client->reader.caught_up = true;
    if (to->out.bytes) conn_mark_dirty(to);
    return x->response.done ? CACHE_SERVED_DONE : r;
}
