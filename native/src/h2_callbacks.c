#include "h2_callbacks.h"

#include <pthread.h>

#include "exchange.h"
#include "h2_stream.h"
#include "worker.h"

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id) { return nghttp2_session_get_stream_user_data(session, id); }

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct h2 *h = user;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    if (h->condemned) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, h2_stream_open(h, frame->hd.stream_id));
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length, const uint8_t *value,
                     size_t value_length, uint8_t flags, void *user) {
    struct h2 *h = user;
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    (void)flags;
    if (!s) return 0;
    h2_head_add(&s->head, (struct span){(const char *)name, name_length}, (struct span){(const char *)value, value_length},
                worker_config(h->client->conn.worker)->limits.header_bytes);
    return 0;
}

/** Frames that cost and give nothing are paid for; see h2_budget.h. */
static void charge(struct h2 *h, const nghttp2_frame_hd *hd) {
    bool ack = hd->flags & NGHTTP2_FLAG_ACK;
    switch (hd->type) {
        case NGHTTP2_RST_STREAM: case NGHTTP2_PRIORITY: case NGHTTP2_WINDOW_UPDATE: case NGHTTP2_CONTINUATION: case NGHTTP2_GOAWAY:
            h2_charge(h);
            return;
        case NGHTTP2_SETTINGS: case NGHTTP2_PING:
            if (!ack) h2_charge(h);
            return;
        case NGHTTP2_DATA:
            if (!hd->length && !(hd->flags & NGHTTP2_FLAG_END_STREAM)) h2_charge(h);
            return;
        case NGHTTP2_HEADERS: return;
        default: h2_charge(h);
    }
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user) {
    (void)session;
    if (hd->type == NGHTTP2_HEADERS) h2_saw_stream(user, hd->stream_id);
    charge(user, hd);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct h2 *h = user;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) && h->draining)
        nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR, NULL, 0);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    if (!s) return 0;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        s->body_end = end;
        h2_stream_request(s);
    } else if (end) {
        h2_stream_ended(s);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t length, void *user) {
    struct h2_stream *s = stream_of(session, id);
    (void)flags, (void)user;
    if (s) h2_stream_receive(s, (struct span){(const char *)data, length});
    else nghttp2_session_consume(session, id, length);
    return 0;
}

static int on_refused_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user) {
    (void)session, (void)frame, (void)error;
    struct h2 *h = user;
    h->client->conn.worker->telemetry.glitches++;
    h2_charge(h);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    struct h2_stream *s = stream_of(session, id);
    (void)user;
    if (s) h2_stream_gone(s, error == NGHTTP2_NO_ERROR && s->body_end && s->answered);
    return 0;
}

/** Once the answer is whole, the rest of the request is not wanted (RFC 9113 8.1). */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)user;
    const struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    bool end = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (s && s->client.x && s->client.x->tunnel) return 0;  // only one of its ways has ended
    if (end && nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

static void submit_trailers(nghttp2_session *session, struct h2_stream *s) {
    struct http1_head *head = &s->client.conn.worker->head;
    nghttp2_nv fields[HTTP1_FIELDS_MAX];
    if (http1_parse_trailers(s->trailers, strlen(s->trailers), 0, HTTP1_FIELDS_MAX, head) <= 0) return;
    for (unsigned i = 0; i < head->count; i++) {
        const struct http1_field *f = &head->fields[i];
        for (size_t k = 0; k < f->name.n; k++)
            if (f->name.p[k] >= 'A' && f->name.p[k] <= 'Z') s->trailers[f->name.p + k - s->trailers] |= 32;
        fields[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)f->name.p, (uint8_t *)(uintptr_t)f->value.p, f->name.n, f->value.n, NGHTTP2_NV_FLAG_NONE};
    }
    nghttp2_submit_trailer(session, s->id, fields, head->count);
}

ssize_t h2_read_body(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length, uint32_t *flags, nghttp2_data_source *source, void *user) {
    struct h2_stream *s = stream_of(session, id);
    (void)buffer, (void)source, (void)user;
    if (!s) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t n = h2_stream_ready(s, length);
    if (!n && !s->answered) return NGHTTP2_ERR_DEFERRED;
    if (n) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!s->answered || n < s->client.conn.out.bytes) return (ssize_t)n;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s->trailers && s->trailers[0] != '\r') {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(session, s);
    }
    return (ssize_t)n;
}

static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t length, nghttp2_data_source *source, void *user) {
    struct h2 *h = user;
    struct conn *c = &h->client->conn;
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    (void)source;
    if (!s) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!outq_has_room(&c->out)) {
        h->blocked = true;
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    h2_budget_earn(&h->budget, H2_BUDGET_DATA);
    outq_add_copy(&c->out, &c->worker->chunks, head, 9);
    h2_stream_send(s, length);
    return 0;
}

static nghttp2_session_callbacks *callbacks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void) {
    BUG_ON(nghttp2_session_callbacks_new(&callbacks) != 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_refused_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
}

nghttp2_session_callbacks *h2_callbacks(void) {
    pthread_once(&once, make);
    return callbacks;
}
