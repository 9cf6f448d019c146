#include "client.h"

#include <netinet/tcp.h>
#include <unistd.h>

#include "admit.h"
#include "cache_fetch.h"
#include "cidr.h"
#include "client_pace.h"
#include "exchange.h"
#include "h2_stream.h"
#include "proxyproto.h"
#include "reply.h"
#include "tls.h"
#include "worker.h"

/** How long a connection stays half-open so that a reset does not overtake the last answer (nginx's lingering_timeout is 5 s). */
#define LINGER_NS 2000000000ull

static const struct config_limits *limits_of(const struct client *c) { return &worker_config(c->conn.worker)->limits; }

static void set_timer(struct client *c, uint64_t after) { wheel_set(&c->conn.worker->wheel, &c->conn.timer, c->conn.worker->loop.now + after); }

static void free_client(struct conn *conn) { free(CONTAINER_OF(conn, struct client, conn)); }

const char *client_name(struct client *c) {
    if (!c->name[0]) snprintf(c->name, sizeof c->name, strchr(c->address, ':') ? "[%s]:%u" : "%s:%u", c->address, c->port);
    return c->name;
}

void client_close(struct client *c) {
    if (c->conn.closed) return;
    if (c->x) {
        exchange_abort(c->x, true);
        return;
    }
    struct worker *w = c->conn.worker;
    list_remove(&c->link);
    if (c->h2) h2_end(c);
    conn_close(&c->conn);
    if (c->stream || c->fetch) return;
    admit_gone(c);
    w->telemetry.clients--;
    worker_client_gone(w);
}

/** Throws away what still comes. */
static void run_lingering(struct client *c) {
    for (unsigned reads = 0; reads < 16; reads++) {
        enum conn_fill fill = conn_fill(&c->conn, 0);
        if (fill == FILL_NONE) return;
        if (fill == FILL_END) {
            client_close(c);
            return;
        }
        conn_use(&c->conn, conn_unread(&c->conn));
    }
    conn_run_again(&c->conn);
}

/** Everything was sent. */
static void finish_closing(struct client *c) {
    bool may_send_more = c->unread || c->conn.readable || conn_unread(&c->conn);
    if (c->conn.hup || !may_send_more) {
        client_close(c);
        return;
    }
    c->lingering = true;
    conn_shutdown(&c->conn);
    conn_use(&c->conn, conn_unread(&c->conn));
    wheel_cancel(&c->conn.timer);
    set_timer(c, LINGER_NS);
    run_lingering(c);
}

/** Refuses what could not be read as a request. */
static void refuse(struct client *c, int status) {
    struct worker *w = c->conn.worker;
    w->telemetry.glitches++;
    c->unread = true;
    struct reply_sent sent = reply_send(c, &(struct reply){.status = status}, false, true);
    reply_hand_over(c, &sent);
    client_next(c, false);
}

static int refusal_of(enum http1_result r) {
    switch (r) {
        case HTTP1_MANY: return 431;
        case HTTP1_VERSION: return 505;
        default: return 400;
    }
}

/** Tries to read a head from the buffer. false: more bytes are needed. */
static bool read_head(struct client *c) {
    struct worker *w = c->conn.worker;
    size_t unread = conn_unread(&c->conn);
    if (!unread || unread == c->parsed) return false;
    int n = http1_parse_request(conn_bytes(&c->conn), unread, c->parsed, (unsigned)limits_of(c)->headers, &w->head);
    if (n == HTTP1_PARTIAL && unread < limits_of(c)->header_bytes) {
        c->parsed = (uint32_t)unread;
        if (!c->head_since) {
            c->head_since = tee_wanted(&w->tee) ? loop_clock() : w->loop.now;
            wheel_cancel(&c->conn.timer);
            set_timer(c, limits_of(c)->header_timeout);
        }
        return false;
    }
    c->parsed = 0;
    uint64_t started = c->head_since ? c->head_since : tee_wanted(&w->tee) ? loop_clock() : w->loop.now;
    c->head_since = 0;
    if (n < 0 || (size_t)n > limits_of(c)->header_bytes) {
        // Too long a head: the target's fault if its line does not even end within the limit.
        size_t limit = limits_of(c)->header_bytes < unread ? limits_of(c)->header_bytes : unread;
        bool in_line = !memchr(conn_bytes(&c->conn), '\n', limit);
        refuse(c, n == HTTP1_PARTIAL || n > 0 ? (in_line ? 414 : 431) : refusal_of((enum http1_result)n));
        return true;
    }
    int refused = framing_request(&w->head, &w->framing);
    if (c->until_end && w->framing.body == BODY_NONE) w->framing.body = BODY_UNTIL_CLOSE;
    if (refused) refuse(c, refused);
    else exchange_begin(c, (size_t)n, started);
    return true;
}

static void set_peer(struct client *c, const struct sockaddr_storage *peer) {
    c->peer = *peer;
    c->port = cidr_port(peer);
    cidr_text(peer, c->address);
}

static void begin_tls(struct client *c) {
    const struct snapshot *s = c->conn.worker->lease->snapshot;
    if (c->tls) tls_serve(&c->conn, s->tls, s->config->listens[c->listen].http2);
}

/**
 * Takes the header of the PROXY protocol off the socket, and not a byte of what follows: that may be TLS.
 * @return whether it is done; the connection may have been closed
 */
static bool read_proxy(struct client *c) {
    struct conn *conn = &c->conn;
    char buf[PROXYPROTO_MAX];
    struct proxyproto header;
    ssize_t n = recv(conn->watch.fd, buf, sizeof buf, MSG_PEEK);
    int used = n > 0 ? proxyproto_parse(buf, (size_t)n, &header) : PROXYPROTO_PARTIAL;
    if (used == PROXYPROTO_PARTIAL && !conn->hup && (n > 0 || (n < 0 && errno == EAGAIN))) {
        conn->readable = false;  // until more comes
        return false;
    }
    if (used < 0 || recv(conn->watch.fd, buf, (size_t)used, 0) != used) {
        if (used < 0 && n > 0) conn->worker->telemetry.glitches++;
        client_close(c);
        return false;
    }
    if (header.kind == PROXYPROTO_CLIENT) set_peer(c, &header.client);
    c->nameless = header.kind == PROXYPROTO_UNKNOWN;
    c->awaits_proxy = false;
    if (UNLIKELY(!admit_connection(c))) {
        client_close(c);
        return false;
    }
    begin_tls(c);
    set_timer(c, limits_of(c)->header_timeout);
    return true;
}

/** Finds out from the first bytes, or from ALPN, which HTTP the client speaks. */
static void sniff(struct client *c) {
    struct conn *conn = &c->conn;
    enum h2_preface found = H2_PREFACE_NO;
    if (c->tls) found = tls_is_http2(conn) ? H2_PREFACE_YES : H2_PREFACE_NO;
    else if (worker_config(conn->worker)->listens[c->listen].http2) found = h2_preface((struct span){conn_bytes(conn), conn_unread(conn)});
    c->sniffed = found != H2_PREFACE_MAYBE;
    if (found == H2_PREFACE_YES) h2_begin(c);
}

void client_request(struct client *c, int refused) {
    if (refused) refuse(c, refused);
    else read_head(c);
}

static void run(struct conn *conn) {
    struct client *c = CONTAINER_OF(conn, struct client, conn);
    if (c->x) {
        exchange_run(c->x);
        return;
    }
    if (c->stream || c->fetch) return;  // its connection closes it, the cache its own
    if (c->lingering) {
        run_lingering(c);
        return;
    }
    if (conn->failed || conn->cut) {
        client_close(c);
        return;
    }
    if (c->closing) {
        if (conn_unsent(conn)) conn->wants_room = true;
        else finish_closing(c);
        return;
    }
    if (c->awaits_proxy && !read_proxy(c)) return;
    for (;;) {
        // Pipelined requests of a client that does not read its answers have to wait.
        if (!outq_has_room(&conn->out)) {
            conn->wants_room = true;
            client_watch_reader(c);
            client_set_deadline(c);
            return;
        }
        if (!c->sniffed && conn_unread(conn)) sniff(c);
        if (c->h2) {
            h2_run(c);
            return;
        }
        if (c->sniffed && read_head(c)) return;
        enum conn_fill fill = conn_fill(conn, limits_of(c)->header_bytes + 1);
        if (fill == FILL_DATA) continue;
        if (fill == FILL_FULL) refuse(c, 431);
        if (fill == FILL_END) client_close(c);
        return;
    }
}

static void expire_exchange(struct client *c, uint64_t now) {
    struct exchange *x = c->x;
    if (x->tunnel) return;
    if (exchange_body_overdue(x, now)) {
        if (x->status) exchange_abort(x, true);
        else exchange_refuse(x, 408);
        return;
    }
    if (now >= x->body_deadline && !x->request.done) x->body_deadline = now + limits_of(c)->body_timeout;
    if (client_reads_slowly(c)) exchange_abort(x, true);
}

static void expire(struct timer *t, uint64_t now) {
    struct client *c = CONTAINER_OF(t, struct client, conn.timer);
    if (c->h2 && !c->closing) {
        h2_expire(c);
        return;
    }
    if (c->x) {
        expire_exchange(c, now);
        return;
    }
    // An answer on its way is waited for as long as the client takes it.
    bool sending = !c->lingering && (c->stream ? c->stream->answered : conn_unsent(&c->conn));
    if (sending && !client_reads_slowly(c)) return;
    if (c->head_since && !c->closing) refuse(c, 408);
    else client_close(c);
}

void client_next(struct client *c, bool keep_alive) {
    struct worker *w = c->conn.worker;
    if (c->conn.closed) return;
    c->reader.caught_up = true;  // what it was waited for is over
    if (c->fetch) {
        cache_fetch_answered(c->fetch);
        return;
    }
    if (c->stream) {
        c->closing = true;
        h2_stream_answered(c->stream);
        return;
    }
    if (!keep_alive || w->draining) {
        c->closing = true;
        c->conn.wants_room = true;
        set_timer(c, limits_of(c)->body_timeout);
        conn_mark_dirty(&c->conn);
        return;
    }
    c->unread = false;
    set_timer(c, limits_of(c)->idle_timeout);
    if (conn_unread(&c->conn) || c->conn.readable) conn_run_again(&c->conn);
}

void client_drain(struct client *c) {
    if (c->h2) {
        h2_drain(c);
        return;
    }
    if (c->x || c->closing || c->head_since) return;
    if (conn_unsent(&c->conn)) client_next(c, false);
    else if (!conn_unread(&c->conn)) client_close(c);
}

void client_open_stream(struct client *c, const struct client *connection, const struct conn_layer *layer, void (*free_fn)(struct conn *c)) {
    c->peer = connection->peer;
    c->port = connection->port;
    c->listen = connection->listen;
    c->tls = connection->tls;
    c->nameless = connection->nameless;
    memcpy(c->address, connection->address, sizeof c->address);
    conn_open_layer(&c->conn, connection->conn.worker, layer, run, free_fn, expire);
    set_timer(c, limits_of(c)->header_timeout);
}

void client_open(struct worker *w, int fd, const struct sockaddr_storage *peer, unsigned listen) {
    const struct config_listen *l = &worker_config(w)->listens[listen];
    struct client *c = base_zalloc(sizeof *c);
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    set_peer(c, peer);
    c->conn.writable = true;
    c->conn.readable = true;  // most clients have sent their request by now
    if (!conn_open(&c->conn, w, fd, run, free_client, expire)) {
        free(c);
        worker_client_gone(w);
        return;
    }
    c->listen = listen;
    c->tls = l->tls;
    c->awaits_proxy = config_ranges_contain(&l->proxy_protocol, peer);
    if (!c->awaits_proxy) begin_tls(c);
    list_push(&w->clients, &c->link);
    w->telemetry.clients++;
    // Behind a balancer it counts when the balancer has said whose it is.
    if (UNLIKELY(!c->awaits_proxy && !admit_connection(c))) {
        client_close(c);
        return;
    }
    set_timer(c, limits_of(c)->header_timeout);
    conn_run_again(&c->conn);
}
