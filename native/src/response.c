#include "response.h"

#include "cache_visit.h"
#include "h2_stream.h"
#include "relay.h"
#include "rewrite.h"
#include "sticky.h"
#include "worker.h"

/** Interim answers per request: a server that sends more is broken. */
#define INTERIM_MAX 16u

/** Decides how the answer is framed towards the client. */
static void plan(struct exchange *x, const struct http1_head *head, const struct framing *f, struct rewrite_response *how) {
    x->response.kind = f->body;
    x->response.left = f->length;
    x->response.done = f->body == BODY_NONE;
    chunked_init(&x->response.chunked);
    bool unknown_length = f->body == BODY_CHUNKED || f->body == BODY_UNTIL_CLOSE;
    x->out_chunked = unknown_length && !x->http_1_0 && !x->client->stream && !x->client->fetch;
    // An HTTP/1.0 client learns the end of such a body from the close; a client whose request is not complete when the
    // answer comes may never complete it.
    if ((unknown_length && x->http_1_0) || !x->request.done || x->client->conn.worker->draining) x->keep_alive = false;
    x->up_keep_alive = f->keep_alive;
    *how = (struct rewrite_response){
        .chunked = x->out_chunked,
        .drop_length = unknown_length || head->status == 204,
        .close = !x->keep_alive,
        .keep_alive_1_0 = x->http_1_0 && x->keep_alive,
    };
}

static void queue_head(struct exchange *x, struct http1_head *head, const struct framing *f, struct rewrite_response *how, size_t head_bytes) {
    struct client *c = x->client;
    struct worker *w = c->conn.worker;
    if (UNLIKELY(c->fetch != NULL)) {
        cache_fetch_head(c->fetch, head, f, false);
        return;
    }
    if (c->stream) {
        h2_stream_respond(c->stream, head, f, how->drop_length, x->response.done);
        return;
    }
    how->date = worker_date(w);
    char *out = (char *)outq_reserve(&c->conn.out, &w->chunks, rewrite_response_bound(head_bytes));
    outq_commit(&c->conn.out, rewrite_response_head(out, head, f, how));
    conn_mark_dirty(&c->conn);
}

/** 1xx but 101: passed on to who can understand it. */
static void interim(struct exchange *x, struct http1_head *head, const struct framing *f, size_t head_bytes) {
    struct rewrite_response how = {0};
    if (!x->http_1_0) queue_head(x, head, f, &how, head_bytes);
}

/** Tells a client by which node it was served, unless its cookie says so already. Returns the bytes added to the head. */
static size_t add_sticky(struct exchange *x, struct http1_head *head, char line[STICKY_LINE]) {
    const struct snapshot *s = x->lease->snapshot;
    uint64_t key = s->nodes[x->node].key;
    if (LIKELY(x->balance.sticky != STICKY_COOKIE) || x->balance.sticky_key == key) return 0;
    return sticky_add(head, line, span_of(s->config->sticky_cookie), key, x->client->tls);
}

static enum response_result final(struct exchange *x, struct http1_head *head, const struct framing *f, size_t head_bytes) {
    struct upstream *u = x->up;
    struct rewrite_response how;
    const struct h2_stream *stream = x->client->stream;
    if (head->status == 101 && (!x->upgrade || !f->upgrade.n)) return RESPONSE_BAD;
    if (UNLIKELY(stream && h2_stream_is_websocket(stream))) {
        if (head->status == 101 && !websocket_is_accepted(stream->websocket_key, head)) return RESPONSE_BAD;
        // Whoever asked by HTTP/2 would take it for the beginning of the WebSocket.
        if (head->status / 100 == 2) return RESPONSE_NO_TUNNEL;
    }
    x->status = head->status;
    x->first_byte = u->conn.worker->loop.now;
    if (UNLIKELY(x->invalidates != NULL)) cache_visit_invalidate(x, head);
    if (x->tape) tape_add(x->tape, TAPE_RESPONSE_HEAD, u->conn.in, (struct span){conn_bytes(&u->conn), head_bytes});
    char line[STICKY_LINE];
    size_t added = add_sticky(x, head, line);
    if (head->status == 101) {
        how = (struct rewrite_response){0};
        if (stream) head->status = 200;  // RFC 8441 5: as any CONNECT is answered
        queue_head(x, head, f, &how, head_bytes + added);
        conn_use(&u->conn, head_bytes);
        return RESPONSE_TUNNEL;
    }
    plan(x, head, f, &how);
    queue_head(x, head, f, &how, head_bytes + added);
    conn_use(&u->conn, head_bytes);
    return RESPONSE_READY;
}

static size_t bytes_of(const struct http1_head *head) {
    size_t bytes = 64 + head->reason.n;
    for (unsigned i = 0; i < head->count; i++) bytes += head->fields[i].name.n + head->fields[i].value.n + 4;
    return bytes;
}

void response_pass_interim(struct exchange *x, struct http1_head *head, const struct framing *f) { interim(x, head, f, bytes_of(head)); }

void response_pass_on(struct exchange *x, struct http1_head *head, const struct framing *f) {
    struct rewrite_response how;
    size_t bytes = bytes_of(head);
    x->status = head->status;
    x->first_byte = x->client->conn.worker->loop.now;
    plan(x, head, f, &how);
    if (x->tape) {
        struct chunk *copy = chunk_new_sized(&x->client->conn.worker->chunks, rewrite_response_bound(bytes));
        copy->fill = (uint32_t)rewrite_response_head((char *)copy->data, head, f, &how);
        tape_add(x->tape, TAPE_RESPONSE_HEAD, copy, (struct span){(char *)copy->data, copy->fill});
        chunk_unref(copy);
    }
    queue_head(x, head, f, &how, bytes);
}

enum response_result response_read_head(struct exchange *x) {
    struct upstream *u = x->up;
    struct worker *w = u->conn.worker;
    const struct config_limits *limits = &worker_config(w)->limits;
    for (unsigned interims = 0;;) {
        if (conn_unread(&u->conn) > u->parsed) {
            u->got_bytes = true;
            if (u->conn.out.keep) outq_forget(&u->conn.out);
            int n = http1_parse_response(conn_bytes(&u->conn), conn_unread(&u->conn), u->parsed, HTTP1_FIELDS_MAX, &w->head);
            if (n > 0) {
                struct framing *f = &w->framing;
                u->parsed = 0;
                if (!framing_response(&w->head, x->to_head, f)) return RESPONSE_BAD;
                wheel_set(&w->wheel, &u->conn.timer, w->loop.now + limits->upstream_timeout);
                if (w->head.status >= 200 || w->head.status == 101) return final(x, &w->head, f, (size_t)n);
                if (++interims > INTERIM_MAX) return RESPONSE_BAD;
                interim(x, &w->head, f, (size_t)n);
                conn_use(&u->conn, (size_t)n);
                continue;
            }
            if (n != HTTP1_PARTIAL) return RESPONSE_BAD;
            u->parsed = (uint32_t)conn_unread(&u->conn);
        }
        switch (conn_fill(&u->conn, limits->header_bytes)) {
            case FILL_DATA: continue;
            case FILL_NONE: return RESPONSE_WAIT;
            case FILL_FULL: return RESPONSE_BAD;
            case FILL_END: return RESPONSE_CUT;
        }
    }
}
