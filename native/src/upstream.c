#include "upstream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exchange.h"
#include "tls.h"
#include "worker.h"

static void free_upstream(struct conn *c) {
    struct upstream *u = CONTAINER_OF(c, struct upstream, conn);
    account_node_unref(u->node);
    free(u);
}

/** One line a second: a node that cannot be verified fails every request. */
static void report_tls_failure(struct upstream *u) {
    static _Atomic uint64_t last;
    uint64_t now = u->conn.worker->loop.now, before = last;
    if ((before && now - before < 1000000000u) || !atomic_compare_exchange_strong(&last, &before, now)) return;
    fprintf(stderr, "dharma-proxy: TLS with node %s (%s) failed: %s\n", u->node->name, u->node->host, tls_failure(&u->conn));
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
        if (r == TLS_CONNECT_FAILED) report_tls_failure(CONTAINER_OF(c, struct upstream, conn));
        if (r != TLS_CONNECT_DONE) return r == TLS_CONNECT_WAIT;
    }
    c->connecting = false;
    // From here on the clock is the upstream's, no longer the network's.
    wheel_set(&c->worker->wheel, &c->timer, c->worker->loop.now + worker_config(c->worker)->limits.upstream_timeout);
    conn_mark_dirty(c);
    return true;
}

/** Whether what woke an idle connection is TLS's own affair (tickets, keys), and no end or unasked-for answer. */
static bool is_quiet(struct conn *c) { return c->layer && !c->hup && conn_fill(c, 0) == FILL_NONE; }

static void run(struct conn *c) {
    struct upstream *u = CONTAINER_OF(c, struct upstream, conn);
    if (c->connecting && !finish_connect(c)) {
        c->failed = true;
        exchange_connect_failed(u->x, false);
        return;
    }
    if (u->x) exchange_run(u->x);
    // Idle: whatever comes is the end, or an answer nobody asked for.
    else if ((c->readable || c->hup || c->failed) && !is_quiet(c)) upstream_close(u);
}

static void expire(struct timer *t, uint64_t now) {
    struct upstream *u = CONTAINER_OF(t, struct upstream, conn.timer);
    (void)now;
    if (!u->x) upstream_close(u);
    else if (u->conn.connecting) exchange_connect_failed(u->x, true);
    else exchange_upstream_timeout(u->x);
}

static struct upstream *open_upstream(struct worker *w, const struct snapshot *s, unsigned index) {
    struct account_node *node = s->nodes[index].account;
    int fd = socket(node->sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return NULL;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct upstream *u = base_zalloc(sizeof *u);
    int r = connect(fd, (const struct sockaddr *)&node->sockaddr, node->sockaddr_length);
    int why = r < 0 ? errno : 0;
    if (why && why != EINPROGRESS) {
        close(fd);
        free(u);
        errno = why;
        return NULL;
    }
    u->identity = s->nodes[index].identity;
    u->conn.writable = why == 0;
    u->conn.connecting = why != 0 || u->identity;
    if (!conn_open(&u->conn, w, fd, run, free_upstream, expire)) {
        free(u);
        return NULL;
    }
    u->node = account_node_ref(node);
    if (u->identity) tls_begin(&u->conn, s->tls, s->nodes[index].server_name);
    if (u->identity && !why) conn_run_again(&u->conn);
    list_init(&u->idle);
    list_push(&w->upstreams, &u->link);
    if (u->conn.connecting) wheel_set(&w->wheel, &u->conn.timer, w->loop.now + worker_config(w)->limits.connect_timeout);
    return u;
}

struct upstream *upstream_take(struct worker *w, const struct snapshot *s, unsigned index, bool fresh) {
    struct list *pool = &s->nodes[index].account->idle[w->index];
    struct upstream *u;
    do {
        if (fresh || list_empty(pool)) return open_upstream(w, s, index);
        u = CONTAINER_OF(list_shift(pool), struct upstream, idle);
        if (UNLIKELY(u->identity != s->nodes[index].identity)) upstream_close(u);
    } while (u->conn.closed);
    u->reused = true;
    u->got_bytes = false;
    u->parsed = 0;
    return u;
}

/** Its node is not in force any more, or is verified otherwise. */
static bool is_outdated(const struct upstream *u) {
    return u->node->generation != u->conn.worker->lease->snapshot->serial || u->node->identity != u->identity;
}

void upstream_give(struct upstream *u) {
    struct worker *w = u->conn.worker;
    u->x = NULL;
    u->conn.wants_room = false;
    if (w->draining || u->conn.hup || u->conn.failed || is_outdated(u)) {
        upstream_close(u);
        return;
    }
    list_unshift(&u->node->idle[w->index], &u->idle);
    wheel_set(&w->wheel, &u->conn.timer, w->loop.now + worker_config(w)->limits.idle_timeout);
}

void upstream_close(struct upstream *u) {
    u->x = NULL;
    list_remove(&u->idle);
    list_remove(&u->link);
    conn_close(&u->conn);
}

void upstream_close_removed(struct worker *w) {
    for (struct list *l = w->upstreams.next, *next; l != &w->upstreams; l = next) {
        next = l->next;
        struct upstream *u = CONTAINER_OF(l, struct upstream, link);
        if (!u->x && is_outdated(u)) upstream_close(u);
    }
}
