#include "dispatch.h"

#include "admit.h"
#include "frames.h"
#include "queue.h"
#include "reply.h"
#include "worker.h"

static struct snapshot *snapshot_of(const struct exchange *x) { return x->lease->snapshot; }

/** Moves the exchange's open count to the pair it is now tried on. */
static void move_to_pair(struct exchange *x, struct account_pair *pair) {
    struct worker *w = x->client->conn.worker;
    if (x->meter) x->meter->open--;
    x->pair = pair;
    x->meter = telemetry_meter(&w->telemetry, w->index, pair);
    x->meter->open++;
}

/** false: the node has as many requests as it may have. */
static bool charge(struct exchange *x, struct account_pair *pair, uint64_t now) {
    struct worker *w = x->client->conn.worker;
    if (UNLIKELY(!account_try_begin(pair, now, &x->charge))) return false;
    move_to_pair(x, pair);
    x->charged_at = now;
    x->charged = true;
    w->charges += x->charge;
    w->open_charges++;
    return true;
}

/** Hands the queued request to a connection. */
static void attach(struct exchange *x, struct upstream *u, struct outq *out) {
    struct worker *w = u->conn.worker;
    x->up = u;
    u->x = x;
    outq_move(&u->conn.out, out);
    // A pooled connection can turn out to have been closed meanwhile, and who is behind a new one (a cluster without nodes) may end it.
    if (x->idempotent) u->conn.out.keep = true;
    if (!u->conn.connecting) {
        wheel_set(&w->wheel, &u->conn.timer, w->loop.now + worker_config(w)->limits.upstream_timeout);
        conn_mark_dirty(&u->conn);
    }
}

void dispatch_unreachable(struct exchange *x) {
    x->flags |= EXCHANGE_UPSTREAM_FAILED;
    if (x->from_proxy && x->idempotent) exchange_abort(x, false);
    else exchange_refuse(x, 502);
}

void dispatch_try_failed(struct exchange *x) {
    exchange_settle(x, OUTCOME_FAILURE);
    telemetry_failed_try(x->meter);
    x->flags |= EXCHANGE_RETRIED;
}

void dispatch_to_nobody(struct exchange *x) {
    struct snapshot *s = snapshot_of(x);
    move_to_pair(x, snapshot_pair(s, x->balance.endpoint, s->node_count));
}

/** 503, and when to ask again. */
static void refuse_busy(struct exchange *x, const struct queue_lane *lane) {
    char field[ADMIT_FIELD];
    exchange_answer(x, &(struct reply){.status = 503, .field = admit_retry_after(field, queue_retry_after(lane, x->client->conn.worker))});
}

/** All nodes are busy. */
static void wait_for_node(struct exchange *x, struct outq *out) {
    dispatch_to_nobody(x);
    struct telemetry *t = &x->client->conn.worker->telemetry;
    if (queue_put(x, out)) {
        t->queued++;
        return;
    }
    t->queue_full++;
    outq_clear(out);
    refuse_busy(x, snapshot_of(x)->endpoints[x->balance.endpoint].lane);
}

void dispatch_unserved(struct exchange *x, const struct queue_lane *lane) {
    x->client->conn.worker->telemetry.queue_expired++;
    refuse_busy(x, lane);
}

bool dispatch_must_wait(const struct exchange *x) {
    return balance_pick(snapshot_of(x), &x->balance, &(unsigned){0}, x->client->conn.worker->loop.now) == BALANCE_FULL;
}

/** Nodes of the new snapshot that were tried under the old one. */
static void translate_tried(struct exchange *x, const struct snapshot *old, const struct snapshot *s) {
    unsigned count = x->balance.tried_count;
    x->balance.tried_count = 0;
    for (unsigned t = 0; t < count; t++)
        for (unsigned i = 0; i < s->node_count; i++)
            if (s->nodes[i].account == old->nodes[x->balance.tried[t]].account) x->balance.tried[x->balance.tried_count++] = i;
}

void dispatch_change_lease(struct exchange *x) {
    struct lease *old = x->lease;
    const struct account_endpoint *endpoint = snapshot_of(x)->endpoints[x->balance.endpoint].account;
    x->lease = worker_lease(x->client->conn.worker);
    struct snapshot *s = snapshot_of(x);
    translate_tried(x, old->snapshot, s);
    x->balance.endpoint = 0;
    for (unsigned i = 1; i < s->endpoint_count && !x->balance.endpoint; i++)
        if (s->endpoints[i].account == endpoint) x->balance.endpoint = i;
    dispatch_to_nobody(x);
    worker_release(old);
}

void dispatch(struct exchange *x, struct outq *out, bool in_turn) {
    struct worker *w = x->client->conn.worker;
    struct snapshot *s = snapshot_of(x);
    uint64_t now = w->loop.now;
    if (!in_turn && queue_is_used(s->endpoints[x->balance.endpoint].lane)) {
        wait_for_node(x, out);
        return;
    }
    while (x->balance.tried_count < BALANCE_TRIES) {
        int node = balance_pick(s, &x->balance, &w->cursor, now);
        if (node == BALANCE_NONE) break;
        if (UNLIKELY(node == BALANCE_FULL || !charge(x, snapshot_pair(s, x->balance.endpoint, (unsigned)node), now))) {
            wait_for_node(x, out);
            return;
        }
        x->node = (unsigned)node;
        // Where limits are only measured: it would have had to wait.
        if (UNLIKELY(s->nodes[node].measured && s->nodes[node].account->open > s->nodes[node].measured)) w->telemetry.queued++;
        struct upstream *u = upstream_take(w, s, (unsigned)node, x->fresh);
        if (u && u->reused && !x->idempotent && conn_is_stale(&u->conn)) {
            upstream_close(u);
            u = upstream_take(w, s, (unsigned)node, true);
        }
        if (u) {
            attach(x, u, out);
            return;
        }
        x->balance.tried[x->balance.tried_count++] = (unsigned)node;
        dispatch_try_failed(x);
    }
    outq_clear(out);
    if (x->balance.tried_count) {
        dispatch_unreachable(x);
        return;
    }
    dispatch_to_nobody(x);
    exchange_refuse(x, 503);
}
