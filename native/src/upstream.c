#include "upstream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exchange.h"
#include "worker.h"

static void free_upstream(struct conn *c) {
    struct upstream *u = CONTAINER_OF(c, struct upstream, conn);
    account_node_unref(u->node);
    free(u);
}

/** Finishes connecting. false: it failed. */
static bool finish_connect(struct conn *c) {
    if (!c->writable && !c->hup) return true;
    int error = 0;
    socklen_t n = sizeof error;
    getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) return false;
    c->connecting = false;
    // From here on the clock is the upstream's, no longer the network's.
    wheel_set(&c->worker->wheel, &c->timer, c->worker->loop.now + worker_config(c->worker)->limits.upstream_timeout);
    conn_mark_dirty(c);
    return true;
}

static void run(struct conn *c) {
    struct upstream *u = CONTAINER_OF(c, struct upstream, conn);
    if (c->connecting && !finish_connect(c)) {
        c->failed = true;
        exchange_connect_failed(u->x, false);
        return;
    }
    if (u->x) exchange_run(u->x);
    // Idle: whatever comes is the end, or an answer nobody asked for.
    else if (c->readable || c->hup || c->failed) upstream_close(u);
}

static void expire(struct timer *t, uint64_t now) {
    struct upstream *u = CONTAINER_OF(t, struct upstream, conn.timer);
    (void)now;
    if (!u->x) upstream_close(u);
    else if (u->conn.connecting) exchange_connect_failed(u->x, true);
    else exchange_upstream_timeout(u->x);
}

static struct upstream *open_upstream(struct worker *w, struct account_node *node) {
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
    u->conn.connecting = why != 0;
    u->conn.writable = !u->conn.connecting;
    if (!conn_open(&u->conn, w, fd, run, free_upstream, expire)) {
        free(u);
        return NULL;
    }
    u->node = account_node_ref(node);
    list_init(&u->idle);
    list_push(&w->upstreams, &u->link);
    if (u->conn.connecting) wheel_set(&w->wheel, &u->conn.timer, w->loop.now + worker_config(w)->limits.connect_timeout);
    return u;
}

struct upstream *upstream_take(struct worker *w, struct account_node *node, bool fresh) {
    struct list *pool = &node->idle[w->index];
    if (fresh || list_empty(pool)) return open_upstream(w, node);
    struct upstream *u = CONTAINER_OF(list_shift(pool), struct upstream, idle);
    u->reused = true;
    u->got_bytes = false;
    u->parsed = 0;
    return u;
}

void upstream_give(struct upstream *u) {
    struct worker *w = u->conn.worker;
    u->x = NULL;
    u->conn.wants_room = false;
    if (w->draining || u->conn.hup || u->conn.failed || u->node->generation != w->lease->snapshot->serial) {
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
    uint64_t serial = w->lease->snapshot->serial;
    for (struct list *l = w->upstreams.next, *next; l != &w->upstreams; l = next) {
        next = l->next;
        struct upstream *u = CONTAINER_OF(l, struct upstream, link);
        if (!u->x && u->node->generation != serial) upstream_close(u);
    }
}
