#include "h2.h"

#include "client_pace.h"
#include "exchange.h"
#include "h2_callbacks.h"
#include "worker.h"

/** Reads per run before others get their turn. */
#define READS_PER_RUN 16u
/** Of what all streams of a connection send before they are read: a few streams' windows, so that one that stands still
 * does not stop the others, and still a bound. */
#define CONNECTION_WINDOW (256 * 1024)
/** Settings and pings of the client that wait for our acknowledgement; an honest one sends one and waits. */
#define ACKS_MAX 32

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum h2_preface h2_preface(struct span bytes) {
    size_t n = sizeof preface - 1;
    if (memcmp(bytes.p, preface, bytes.n < n ? bytes.n : n) != 0) return H2_PREFACE_NO;
    return bytes.n < n ? H2_PREFACE_MAYBE : H2_PREFACE_YES;
}

static nghttp2_session *new_session(struct h2 *h) {
    nghttp2_session *session;
    nghttp2_option *option;
    BUG_ON(nghttp2_option_new(&option) != 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
    BUG_ON(nghttp2_session_server_new2(&session, h2_callbacks(), h, option) != 0);
    nghttp2_option_del(option);
    return session;
}

void h2_begin(struct client *c) {
    struct worker *w = c->conn.worker;
    const struct config_limits *limits = &worker_config(w)->limits;
    struct h2 *h = base_zalloc(sizeof *h);
    h->client = c;
    c->h2 = h;
    h->last = -1;
    list_init(&h->streams);
    h->idle_since = w->loop.now;
    h2_budget_init(&h->budget, w->loop.now);
    h->session = new_session(h);
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)limits->streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->header_bytes},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    BUG_ON(nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings)) != 0);
    BUG_ON(nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0);
}

void h2_charge(struct h2 *h) {
    struct worker *w = h->client->conn.worker;
    if (h->condemned || h2_budget_spend(&h->budget, w->loop.now)) return;
    h->condemned = true;
    w->telemetry.glitches++;
    nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

void h2_saw_stream(struct h2 *h, int32_t id) {
    if (id > h->last) {
        // Who counts by two, as everybody does, leaves no gaps.
        if (id > h->last + 2) {
            h->gaps[h->gap % H2_GAPS].from = h->last;
            h->gaps[h->gap++ % H2_GAPS].to = id;
        }
        h->last = id;
        return;
    }
    for (unsigned i = 0; i < H2_GAPS; i++)
        if (id > h->gaps[i].from && id < h->gaps[i].to) nghttp2_session_terminate_session(h->session, NGHTTP2_PROTOCOL_ERROR);
}

/** Uses unread bytes. false: what came is not HTTP/2 at all. */
static bool feed(struct h2 *h) {
    struct conn *c = &h->client->conn;
    size_t n = conn_unread(c);
    ssize_t used = nghttp2_session_mem_recv(h->session, (const uint8_t *)conn_bytes(c), n);
    BUG_ON(used == NGHTTP2_ERR_NOMEM);
    if (used < 0) {
        c->worker->telemetry.glitches++;
        return false;
    }
    conn_use(c, n);
    return true;
}

/** Makes frames while there is room for them. */
static void send_frames(struct h2 *h) {
    struct conn *c = &h->client->conn;
    const uint8_t *bytes;
    h->blocked = false;
    while (outq_has_room(&c->out) && !h->blocked) {
        ssize_t n = nghttp2_session_mem_send(h->session, &bytes);
        BUG_ON(n == NGHTTP2_ERR_NOMEM);
        if (n <= 0) break;
        outq_add_copy(&c->out, &c->worker->chunks, bytes, (size_t)n);
    }
    if (nghttp2_session_want_write(h->session) && (h->blocked || !outq_has_room(&c->out))) c->wants_room = true;
    if (c->out.bytes) conn_mark_dirty(c);
}

/** Reads what is there, while what it causes has room. false: the connection has ended. */
static bool receive(struct h2 *h) {
    struct conn *c = &h->client->conn;
    for (unsigned reads = 0; !h->condemned;) {
        if (conn_unread(c)) {
            if (!feed(h)) return false;
            send_frames(h);
            continue;
        }
        if (!outq_has_room(&c->out)) {
            c->wants_room = true;
            return true;
        }
        if (reads++ == READS_PER_RUN) {
            conn_run_again(c);
            return true;
        }
        enum conn_fill fill = conn_fill(c, 0);
        if (fill == FILL_NONE) return true;
        if (fill == FILL_END) return false;
    }
    return true;
}

static void set_deadline(struct h2 *h) {
    struct client *c = h->client;
    // Streams have deadlines of their own; a connection that does not take what is sent has one whatever they do.
    if (!c->conn.wants_room) c->reader.caught_up = true;
    else client_watch_reader(c);
    uint64_t at = h->idle_since + worker_config(c->conn.worker)->limits.idle_timeout;
    if (c->conn.wants_room && c->reader.deadline < at) at = c->reader.deadline;
    wheel_set(&c->conn.worker->wheel, &c->conn.timer, at);
}

void h2_run(struct client *c) {
    struct h2 *h = c->h2;
    if (!receive(h)) {
        client_close(c);
        return;
    }
    send_frames(h);
    if (nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session)) {
        set_deadline(h);
        return;
    }
    // GOAWAY is queued and no stream is left, or it was condemned.
    c->unread = h->condemned;
    client_next(c, false);
}

void h2_expire(struct client *c) {
    struct h2 *h = c->h2;
    uint64_t now = c->conn.worker->loop.now;
    if (c->conn.wants_room) {
        if (client_reads_slowly(c)) client_close(c);
        return;
    }
    if (h->open) {
        h->idle_since = now;
        set_deadline(h);
        return;
    }
    if (now < h->idle_since + worker_config(c->conn.worker)->limits.idle_timeout) {
        set_deadline(h);
        return;
    }
    if (h->draining) {
        client_close(c);
        return;
    }
    nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
    conn_run_again(&c->conn);
    h->draining = true;
    h->idle_since = now;
    set_deadline(h);
}

void h2_drain(struct client *c) {
    struct h2 *h = c->h2;
    if (h->draining) return;
    h->draining = true;
    // Streams that are under way towards us are still served: the last number is told once the client has answered the
    // ping, and so has seen the notice (RFC 9113 6.8).
    nghttp2_submit_shutdown_notice(h->session);
    nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
    conn_run_again(&c->conn);
}

void h2_dismiss(struct client *c) {
    BUG_ON(c->h2->open);
    nghttp2_session_terminate_session(c->h2->session, NGHTTP2_NO_ERROR);
    send_frames(c->h2);
    conn_flush(&c->conn);
    client_close(c);
}

void h2_end(struct client *c) {
    struct h2 *h = c->h2;
    while (!list_empty(&h->streams)) client_close(CONTAINER_OF(h->streams.next, struct client, link));
    BUG_ON(h->open);
    nghttp2_session_del(h->session);
    free(h);
    c->h2 = NULL;
}
