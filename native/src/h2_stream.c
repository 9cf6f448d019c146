#include "h2_stream.h"

#include <ctype.h>

#include "exchange.h"
#include "h2_callbacks.h"
#include "rewrite.h"
#include "worker.h"

/** Received bytes are copied in pieces of at most this size, so that at most a quarter of a chunk stays unused. */
#define PIECE_BYTES 4096u

static struct worker *worker_of(const struct h2_stream *s) { return s->client.conn.worker; }

static struct h2_stream *stream_of(const struct conn *c) { return CONTAINER_OF(c, struct h2_stream, client.conn); }

/** The connection has something to do: frames to make, windows to open. */
static void wake(struct h2_stream *s) { conn_run_again(&s->h2->client->conn); }

/** n received bytes are held no more. */
static void give_window(struct h2_stream *s, size_t n) {
    if (s->gone) nghttp2_session_consume_connection(s->h2->session, n);
    else nghttp2_session_consume(s->h2->session, s->id, n);
    wake(s);
}

static ssize_t layer_read(struct conn *c, void *out, size_t n) {
    struct h2_stream *s = stream_of(c);
    size_t done = 0;
    while (done < n && s->body.bytes) {
        struct segment piece = outq_unsent(&s->body, 0);
        size_t take = piece.n < n - done ? piece.n : n - done;
        memcpy((char *)out + done, piece.p, take);
        outq_consume(&s->body, take);
        done += take;
    }
    c->readable = s->body.bytes || (done && s->body_end);
    if (done) {
        give_window(s, done);
        return (ssize_t)done;
    }
    if (s->body_end) return 0;
    errno = EAGAIN;
    return -1;
}

static void layer_flush(struct conn *c) {
    struct h2_stream *s = stream_of(c);
    if (!s->began || s->gone) return;
    nghttp2_session_resume_data(s->h2->session, s->id);  // fails where nothing was put off
    wake(s);
}

static bool layer_holds(const struct conn *c) {
    (void)c;
    return false;
}

/** A tunnel's way towards the client has ended. */
static void layer_shutdown(struct conn *c) {
    stream_of(c)->answered = true;
    layer_flush(c);
}

/** Gives up what came and is not wanted; the connection's window must not stay smaller for it. */
static void discard(struct h2_stream *s) {
    size_t n = s->body.bytes;
    outq_clear(&s->body);
    if (n) give_window(s, n);
}

static void layer_close(struct conn *c, bool reset) {
    struct h2_stream *s = stream_of(c);
    discard(s);
    if (!s->gone) {
        nghttp2_session_set_stream_user_data(s->h2->session, s->id, NULL);
        nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, reset ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
        wake(s);
    }
    s->h2->open--;
    s->h2->idle_since = c->worker->loop.now;
    h2_head_clear(&s->head);
    free(s->trailers);
    s->trailers = NULL;
}

static const struct conn_layer layer = {layer_read, layer_flush, layer_holds, layer_shutdown, layer_close};

static void free_stream(struct conn *c) { free(stream_of(c)); }

struct h2_stream *h2_stream_open(struct h2 *h, int32_t id) {
    struct h2_stream *s = base_zalloc(sizeof *s);
    s->h2 = h;
    s->id = id;
    s->client.stream = s;
    client_open_stream(&s->client, h->client, &layer, free_stream);
    list_push(&h->streams, &s->client.link);
    h->open++;
    h->idle_since = s->client.conn.worker->loop.now;
    return s;
}

void h2_stream_request(struct h2_stream *s) {
    struct client *c = &s->client;
    int refused = h2_head_is_bad(&s->head) ? 400 : s->head.large ? 431 : s->head.protocol && !h2_head_is_websocket(&s->head) ? 501 : 0;
    if (!refused) {
        if (h2_head_is_websocket(&s->head)) websocket_make_key(s->websocket_key);
        c->conn.in = chunk_new_sized(&worker_of(s)->chunks, h2_head_bound(&s->head));
        c->conn.in->fill = (uint32_t)h2_head_write(&s->head, s->websocket_key, (char *)c->conn.in->data);
    }
    h2_head_clear(&s->head);
    c->until_end = !s->body_end && !h2_stream_is_websocket(s);
    client_request(c, refused);
}

void h2_stream_receive(struct h2_stream *s, struct span data) {
    if (!s->client.x) {
        // Answered already: nobody reads it any more.
        nghttp2_session_consume(s->h2->session, s->id, data.n);
        return;
    }
    for (size_t done = 0; done < data.n;) {
        size_t take = data.n - done < PIECE_BYTES ? data.n - done : PIECE_BYTES;
        outq_add_copy(&s->body, &worker_of(s)->chunks, data.p + done, take);
        done += take;
    }
    s->client.conn.readable = true;
    conn_run_again(&s->client.conn);
}

bool h2_stream_trailers(struct h2_stream *s, struct span *section) {
    *section = h2_head_trailers(&s->head);
    return !s->head.large && !s->head.bad;
}

void h2_stream_ended(struct h2_stream *s) {
    s->body_end = true;
    s->client.conn.readable = true;
    conn_run_again(&s->client.conn);
}

void h2_stream_gone(struct h2_stream *s, bool in_order) {
    s->gone = true;
    // What a tunnel's client said last may not have been read yet; its exchange ends when it has.
    if (in_order && s->client.x && s->client.x->tunnel) conn_run_again(&s->client.conn);
    else client_close(&s->client);
}

size_t h2_stream_ready(const struct h2_stream *s, size_t most) {
    const struct outq *out = &s->client.conn.out;
    size_t n = 0;
    for (unsigned i = 0; i < 2 && i < (unsigned)(out->count - out->next); i++) n += outq_unsent(out, i).n;
    return n < most ? n : most;
}

void h2_stream_send(struct h2_stream *s, size_t n) {
    struct conn *c = &s->client.conn;
    struct outq *to = &s->h2->client->conn.out;
    s->sent += n;
    while (n) {
        struct segment first = outq_unsent(&c->out, 0);
        size_t take = first.n < n ? first.n : n;
        if (first.chunk) outq_add(to, &c->worker->chunks, first.chunk, first.p, take);
        else outq_add_static(to, (struct span){(const char *)first.p, take});
        outq_consume(&c->out, take);
        n -= take;
    }
    if (!c->wants_room || !outq_has_room(&c->out)) return;
    c->wants_room = false;
    conn_run_again(c);
}

bool h2_stream_may_send(const struct h2_stream *s) {
    nghttp2_session *session = s->h2->session;
    if (s->gone) return false;
    return nghttp2_session_get_effective_recv_data_length(session) < nghttp2_session_get_effective_local_window_size(session) &&
           nghttp2_session_get_stream_effective_recv_data_length(session, s->id) < nghttp2_session_get_stream_effective_local_window_size(session, s->id);
}

bool h2_stream_is_withheld(const struct h2_stream *s) {
    nghttp2_session *session = s->h2->session;
    if (s->gone) return false;
    return nghttp2_session_get_remote_window_size(session) <= 0 || nghttp2_session_get_stream_remote_window_size(session, s->id) <= 0;
}

/** Field names of HTTP/2 are lower case (RFC 9113 8.2). */
static size_t add(nghttp2_nv *nv, struct span name, struct span value, char **low) {
    for (size_t i = 0; i < name.n; i++) (*low)[i] = (char)tolower((unsigned char)name.p[i]);
    *nv = (nghttp2_nv){(uint8_t *)*low, (uint8_t *)(uintptr_t)value.p, name.n, value.n, NGHTTP2_NV_FLAG_NONE};
    *low += name.n;
    return 1;
}

static size_t names_size(const struct http1_head *head) {
    size_t n = 64;  // :status, date
    for (unsigned i = 0; i < head->count; i++) n += head->fields[i].name.n;
    return n;
}

void h2_stream_respond(struct h2_stream *s, const struct http1_head *head, const struct framing *f, bool drop_length, bool end) {
    struct worker *w = worker_of(s);
    struct rewrite_response how = {.drop_length = drop_length};
    nghttp2_nv fields[HTTP1_FIELDS_MAX + 2];
    struct chunk *names = chunk_new_sized(&w->chunks, names_size(head));
    char *low = (char *)names->data, status[4];
    size_t n = 0;
    bool has_date = head->status < 200;
    if (s->gone) {
        chunk_unref(names);
        return;
    }
    snprintf(status, sizeof status, "%u", (unsigned)head->status % 1000);
    n += add(&fields[n], SPAN(":status"), (struct span){status, 3}, &low);
    for (unsigned i = 0; i < head->count; i++) {
        const struct http1_field *field = &head->fields[i];
        if (rewrite_drops_response_field(field, f, &how)) continue;
        if (h2_stream_is_websocket(s) && span_ieq(field->name, SPAN("sec-websocket-accept"))) continue;
        if (field->id == FIELD_DATE) has_date = true;
        n += add(&fields[n], field->name, field->value, &low);
    }
    if (!has_date) n += add(&fields[n], SPAN("date"), worker_date(w), &low);
    if (head->status < 200) {
        nghttp2_submit_headers(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, fields, n, NULL);
    } else {
        s->began = true;
        nghttp2_data_provider body = {.read_callback = h2_read_body};
        nghttp2_submit_response(s->h2->session, s->id, fields, n, end ? NULL : &body);
    }
    chunk_unref(names);
    wake(s);
}

void h2_stream_trail(struct h2_stream *s, const struct http1_head *trailers) {
    size_t n = 8;
    for (unsigned i = 0; i < trailers->count; i++) n += trailers->fields[i].name.n + trailers->fields[i].value.n + 32;
    // White space around values is dropped by the parser, so a line may be longer than name and value.
    const struct http1_field *last = trailers->count ? &trailers->fields[trailers->count - 1] : NULL;
    if (last) n += (size_t)(last->value.p + last->value.n - trailers->fields[0].name.p) + 4;
    free(s->trailers);
    s->trailers = base_alloc(n);
    s->trailers[rewrite_trailers(s->trailers, trailers)] = '\0';
}

void h2_stream_answered(struct h2_stream *s) {
    struct worker *w = worker_of(s);
    if (s->gone) {
        client_close(&s->client);
        return;
    }
    s->answered = true;
    h2_budget_earn(&s->h2->budget, H2_BUDGET_ANSWER);
    discard(s);
    wheel_set(&w->wheel, &s->client.conn.timer, w->loop.now + worker_config(w)->limits.body_timeout);
    conn_mark_dirty(&s->client.conn);
}
