#include "relay.h"

#include "client_pace.h"
#include "h2_stream.h"
#include "rewrite.h"
#include "worker.h"

/** Reads per run before others get their turn: 16 x 16 KiB. */
#define READS_PER_RUN 16u
/** Trailer fields are rare, and a section of a few is all anybody sends. */
#define TRAILERS_MAX 32u

/** One direction of an exchange. */
struct pump {
    struct exchange *x;
    struct body *body;
    struct conn *from, *to;
    bool request;
    bool chunk_out;  // frame the data as chunks towards `to`
};

/** Queues one piece of the body, framed for the other side. Uses at most OUTQ_STEP segments. */
static void put_piece(const struct pump *p, struct span data) {
    struct chunk_pool *pool = &p->x->client->conn.worker->chunks;
    struct outq *out = &p->to->out;
    p->body->length += data.n;
    if (p->x->tape) tape_add(p->x->tape, p->request ? TAPE_REQUEST_BODY : TAPE_RESPONSE_BODY, p->from->in, data);
    if (!p->chunk_out) {
        outq_add(out, pool, p->from->in, data.p, data.n);
        return;
    }
    if (data.n <= OUTQ_COPY_MAX) {
        char *at = (char *)outq_reserve(out, pool, data.n + 24);
        size_t n = chunked_write_size(at, data.n);
        memcpy(at + n, data.p, data.n);
        memcpy(at + n + data.n, "\r\n", 2);
        outq_commit(out, n + data.n + 2);
        return;
    }
    outq_commit(out, chunked_write_size((char *)outq_reserve(out, pool, 24), data.n));
    outq_add_ref(out, p->from->in, data.p, data.n);
    outq_add_static(out, SPAN("\r\n"));
}

/** Ends chunks by a trailer section, whose size is at most `bound`. */
static void put_trailers(const struct pump *p, const struct http1_head *trailers, size_t bound) {
    char *at = (char *)outq_reserve(&p->to->out, &p->x->client->conn.worker->chunks, bound + 8);
    memcpy(at, "0\r\n", 3);
    outq_commit(&p->to->out, 3 + rewrite_trailers(at + 3, trailers));
}

/** Reads the trailer section; WAIT: more bytes are needed. */
static enum relay_result end_chunks(const struct pump *p) {
    struct worker *w = p->x->client->conn.worker;
    struct http1_head *head = &w->head;
    for (;;) {
        int n = http1_parse_trailers(conn_unread(p->from) ? conn_bytes(p->from) : "", conn_unread(p->from), p->body->trailer_seen, TRAILERS_MAX, head);
        if (n > 0) {
            if (p->chunk_out) {
                put_trailers(p, head, (size_t)n);
            } else if (!p->request && p->x->client->stream) {
                h2_stream_trail(p->x->client->stream, head);
            }
            conn_use(p->from, (size_t)n);
            p->body->chunked.state = CHUNKED_DONE;
            p->body->done = true;
            return RELAY_DONE;
        }
        if (n != HTTP1_PARTIAL) return RELAY_BAD;
        p->body->trailer_seen = (uint32_t)conn_unread(p->from);
        switch (conn_fill(p->from, worker_config(w)->limits.header_bytes)) {
            case FILL_DATA: continue;
            case FILL_NONE: return RELAY_WAIT;
            case FILL_FULL: return RELAY_BAD;
            case FILL_END: return RELAY_CUT;
        }
    }
}

static enum relay_result step_chunked(const struct pump *p) {
    size_t used;
    struct span piece;
    switch (chunked_next(&p->body->chunked, (struct span){conn_bytes(p->from), conn_unread(p->from)}, &used, &piece)) {
        case CHUNKED_PIECE: put_piece(p, piece); break;
        case CHUNKED_MORE: break;
        case CHUNKED_BAD: return RELAY_BAD;
        case CHUNKED_END: conn_use(p->from, used); return end_chunks(p);
    }
    conn_use(p->from, used);
    return RELAY_WAIT;
}

/** Uses unread bytes. WAIT: go on. */
static enum relay_result step(const struct pump *p) {
    size_t n = conn_unread(p->from);
    if (p->body->kind == BODY_CHUNKED) return step_chunked(p);
    if (p->body->kind == BODY_LENGTH && n > p->body->left) n = (size_t)p->body->left;
    put_piece(p, (struct span){conn_bytes(p->from), n});
    conn_use(p->from, n);
    if (p->body->kind == BODY_LENGTH && (p->body->left -= n) == 0) {
        p->body->done = true;
        return RELAY_DONE;
    }
    return RELAY_WAIT;
}

/** The last chunk of a body whose end is that of its source. false: what came after it is no trailer section. */
static bool end_chunk_out(const struct pump *p) {
    struct http1_head *head = &p->x->client->conn.worker->head;
    struct span section = {0};
    if (p->request && p->x->client->stream && !h2_stream_trailers(p->x->client->stream, &section)) return false;
    if (LIKELY(!section.n)) {
        outq_add_static(&p->to->out, SPAN("0\r\n\r\n"));
        return true;
    }
    if (http1_parse_trailers(section.p, section.n, 0, TRAILERS_MAX, head) <= 0) return false;
    put_trailers(p, head, section.n);
    return true;
}

static enum relay_result end_of_source(const struct pump *p) {
    if (p->body->kind != BODY_UNTIL_CLOSE || p->from->failed) return RELAY_CUT;
    if (p->chunk_out && !end_chunk_out(p)) return RELAY_BAD;
    p->body->done = true;
    return RELAY_DONE;
}

static bool has_room(struct conn *to) {
    if (outq_has_room(&to->out)) return true;
    // What is kept for another try must not hold up this one.
    if (to->out.keep) outq_forget(&to->out);
    if (outq_has_room(&to->out)) return true;
    to->wants_room = true;
    return false;
}

static enum relay_result pump(const struct pump *p, uint64_t limit) {
    unsigned reads = 0;
    for (;;) {
        if (p->body->done) return RELAY_DONE;
        if (limit && p->body->length > limit) return RELAY_LARGE;
        if (!has_room(p->to)) return RELAY_WAIT;
        enum relay_result r = RELAY_WAIT;
        if (p->body->kind == BODY_CHUNKED && p->body->chunked.state == CHUNKED_TRAILERS) {
            r = end_chunks(p);
            if (r == RELAY_WAIT) return r;
        } else if (conn_unread(p->from)) {
            r = step(p);
        } else {
            if (reads++ == READS_PER_RUN) {
                conn_run_again(p->from);
                return RELAY_WAIT;
            }
            enum conn_fill fill = conn_fill(p->from, 0);
            if (fill == FILL_NONE) return RELAY_WAIT;
            if (fill == FILL_END) r = end_of_source(p);
        }
        if (r != RELAY_WAIT) return r;
    }
}

enum relay_result relay_request(struct exchange *x) {
    struct worker *w = x->client->conn.worker;
    const struct config_limits *limits = &worker_config(w)->limits;
    struct pump p = {x, &x->request, &x->client->conn, &x->up->conn, true, x->request.kind != BODY_LENGTH};
    uint64_t before = x->request.length, now = w->loop.now;
    if (x->paused_at) x->body_deadline += now - x->paused_at;
    enum relay_result r = pump(&p, limits->body_bytes);
    x->paused_at = p.to->wants_room ? now : 0;
    if (x->request.length != before) {
        // A realtime client may have little to say for as long as it likes, if only it says something.
        x->body_deadline = pace_extend(x->body_deadline, now, x->request.length - before, x->realtime ? 0 : limits->min_rate, limits->body_timeout);
        client_set_deadline(x->client);
    }
    if (p.to->out.bytes) conn_mark_dirty(p.to);
    return r;
}

enum relay_result relay_response(struct exchange *x) {
    struct worker *w = x->client->conn.worker;
    struct pump p = {x, &x->response, &x->up->conn, &x->client->conn, false, x->out_chunked};
    uint64_t before = x->response.length;
    enum relay_result r = pump(&p, 0);
    if (x->response.length != before) wheel_set(&w->wheel, &p.from->timer, w->loop.now + worker_config(w)->limits.upstream_timeout);
    if (p.to->wants_room) client_watch_reader(x->client);
    else x->client->reader.caught_up = true;
    if (p.to->out.bytes) conn_mark_dirty(p.to);
    return r;
}

/** One way of a tunnel. true: this way has ended, and the other side was told. */
static bool tunnel_way(struct conn *from, struct conn *to, bool *done) {
    struct chunk_pool *pool = &from->worker->chunks;
    for (unsigned reads = 0; !*done;) {
        if (!has_room(to)) break;
        if (conn_unread(from)) {
            size_t n = conn_unread(from);
            outq_add(&to->out, pool, from->in, conn_bytes(from), n);
            conn_use(from, n);
            continue;
        }
        if (reads++ == READS_PER_RUN) {
            conn_run_again(from);
            break;
        }
        enum conn_fill fill = conn_fill(from, 0);
        if (fill == FILL_NONE) break;
        if (fill == FILL_END) {
            // Half-close: the other way goes on. It is passed on once everything before it was sent.
            if (conn_unsent(to)) {
                to->wants_room = true;
                break;
            }
            if (!to->cut) conn_shutdown(to);
            *done = true;
        }
    }
    if (to->out.bytes) conn_mark_dirty(to);
    return *done;
}

bool relay_tunnel(struct exchange *x) {
    struct conn *c = &x->client->conn, *u = &x->up->conn;
    bool up_done = tunnel_way(c, u, &x->request.done);
    bool down_done = tunnel_way(u, c, &x->response.done);
    return !c->cut && !u->cut && !c->failed && !u->failed && !(up_done && down_done);
}
