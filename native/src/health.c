#include "health.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http1.h"
#include "tls.h"
#include "worker.h"

/** A head is all that is read of an answer. */
#define HEAD_MOST 16384u

/** Invariant: node->probing while it is open. */
struct probe {
    struct conn conn;
    struct list link;  // health->probes
    struct account_node *node;  // one reference
};

bool health_judge(struct account_node *n, bool well, uint64_t now) {
    bool before = n->unhealthy, after = before;
    n->probe_failures = well ? 0 : n->probe_failures + 1;
    if (well) after = false;
    else if (n->probe_failures >= HEALTH_FAILURES) after = true;
    if (before && !after) n->serving_since = now;
    n->unhealthy = after;
    return before != after;
}

static void free_probe(struct conn *c) {
    struct probe *p = CONTAINER_OF(c, struct probe, conn);
    account_node_unref(p->node);
    free(p);
}

static void close_probe(struct probe *p) {
    if (p->conn.closed) return;
    p->node->probing = false;
    list_remove(&p->link);
    conn_close(&p->conn);
}

static void judge(struct account_node *n, bool well, uint64_t now) {
    if (health_judge(n, well, now)) fprintf(stderr, "{\"event\":\"%s\",\"node\":\"%s\"}\n", well ? "healthy" : "unhealthy", n->name);
}

static void end_probe(struct probe *p, bool well) {
    judge(p->node, well, p->conn.worker->loop.now);
    close_probe(p);
}

/** Finishes connecting, the handshake included. false: it failed. */
static bool finish_connect(struct conn *c) {
    if (!c->writable && !c->hup) return true;
    int error = 0;
    socklen_t n = sizeof error;
    getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) return false;
    if (c->tls) {
        enum tls_connect r = tls_connect(c);
        if (r != TLS_CONNECT_DONE) return r == TLS_CONNECT_WAIT;
    }
    c->connecting = false;
    conn_mark_dirty(c);
    return true;
}

/** Reads the head of the answer. 1: well, 0: more is to come, -1: not well. */
static int read_answer(struct conn *c) {
    struct http1_head *head = &c->worker->head;
    for (;;) {
        if (conn_unread(c)) {
            int n = http1_parse_response(conn_bytes(c), conn_unread(c), 0, HTTP1_FIELDS_MAX, head);
            if (n > 0) return head->status >= 200 && head->status < 300 ? 1 : -1;
            if (n != HTTP1_PARTIAL) return -1;
        }
        enum conn_fill fill = conn_fill(c, HEAD_MOST);
        if (fill == FILL_NONE) return 0;
        if (fill != FILL_DATA) return -1;
    }
}

static void run(struct conn *c) {
    struct probe *p = CONTAINER_OF(c, struct probe, conn);
    if (c->closed) return;
    if (c->connecting && !finish_connect(c)) {
        end_probe(p, false);
        return;
    }
    if (c->connecting) return;
    int r = c->failed || c->cut ? -1 : read_answer(c);
    if (r) end_probe(p, r > 0);
}

static void expire(struct timer *t, uint64_t now) {
    (void)now;
    end_probe(CONTAINER_OF(t, struct probe, conn.timer), false);
}

static void ask(struct probe *p, const char *path) {
    char text[1400];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: dharma-proxy\r\nConnection: close\r\n\r\n", path, p->node->host);
    BUG_ON(n < 0 || (size_t)n >= sizeof text);
    outq_add_copy(&p->conn.out, &p->conn.worker->chunks, text, (size_t)n);
}

static void begin_probe(struct worker *w, const struct snapshot *s, const struct snapshot_node *node) {
    struct account_node *n = node->account;
    int fd = socket(n->sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) return;  // ours is the lack, not the node's
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int r = connect(fd, (const struct sockaddr *)&n->sockaddr, n->sockaddr_length);
    if (r < 0 && errno != EINPROGRESS) {
        close(fd);
        judge(n, false, w->loop.now);
        return;
    }
    struct probe *p = base_zalloc(sizeof *p);
    p->conn.connecting = true;
    p->conn.writable = r == 0;
    if (!conn_open(&p->conn, w, fd, run, free_probe, expire)) {
        free(p);
        return;
    }
    p->node = account_node_ref(n);
    n->probing = true;
    list_push(&w->health.probes, &p->link);
    if (node->identity) tls_begin(&p->conn, s->tls, node->server_name);
    ask(p, s->config->health_path);
    wheel_set(&w->wheel, &p->conn.timer, w->loop.now + s->config->health_timeout);
    if (r == 0) conn_run_again(&p->conn);
}

static void tick(struct timer *t, uint64_t now) {
    struct worker *w = CONTAINER_OF(t, struct worker, health.tick);
    const struct snapshot *s = w->lease->snapshot;
    if (!s->config->health_path || w->draining) return;
    for (unsigned i = 0; i < s->node_count; i++)
        if (s->nodes[i].active && !s->nodes[i].account->probing) begin_probe(w, s, &s->nodes[i]);
    wheel_set(&w->wheel, t, now + s->config->health_interval);
}

void health_init(struct health *h) {
    timer_init(&h->tick, tick);
    list_init(&h->probes);
}

void health_adopt(struct worker *w) {
    if (w->index || !worker_config(w)->health_path) return;
    wheel_set(&w->wheel, &w->health.tick, w->loop.now);
}

void health_stop(struct worker *w) {
    wheel_cancel(&w->health.tick);
    while (!list_empty(&w->health.probes)) close_probe(CONTAINER_OF(w->health.probes.next, struct probe, link));
}
