#include "exchange.h"

#include "admit.h"
#include "cache_visit.h"
#include "client_pace.h"
#include "dispatch.h"
#include "frames.h"
#include "h2_stream.h"
#include "local.h"
#include "queue.h"
#include "relay.h"
#include "reply.h"
#include "request.h"
#include "response.h"
#include "sample.h"
#include "worker.h"

static struct exchange *new_exchange(struct worker *w) {
    struct exchange *x = w->spare;
    if (x) w->spare = x->next_spare;
    else x = base_alloc(sizeof *x);
    memset(x, 0, sizeof *x);
    return x;
}

static void free_exchange(struct worker *w, struct exchange *x) {
    BUG_ON(x->charged);
    worker_release(x->lease);
    x->next_spare = w->spare;
    w->spare = x;
}

static struct snapshot *snapshot_of(const struct exchange *x) { return x->lease->snapshot; }

static void note_failure(struct exchange *x, uint64_t duration, uint64_t now) {
    struct snapshot *s = snapshot_of(x);
    const struct account_node *node = x->pair->node;
    account_fail(x->pair, x->charge, duration, now);
    // A sticky client could get its node ejected by requests that fail anywhere: what a node answers counts only where all may get them.
    if (x->balance.sticky != STICKY_NONE && x->status) return;
    account_count_failure(x->pair->node);
    if (!s->config->eject || s->nodes[x->node].account != node || !balance_eject(s, x->node, now)) return;
    fprintf(stderr, "{\"event\":\"ejected\",\"node\":\"%s\",\"ms\":%llu}\n", node->name, (unsigned long long)((node->ejected_until - now) / 1000000u));
}

void exchange_settle(struct exchange *x, enum exchange_outcome outcome) {
    if (!x->charged) return;
    struct worker *w = x->client->conn.worker;
    uint64_t now = w->loop.now, duration = now > x->charged_at ? now - x->charged_at : 0;
    x->charged = false;
    account_end(x->pair, x->charge, x->charged_at);
    if (x->pair->node->capacity) queue_node_freed(w);
    w->charges -= x->charge;
    w->open_charges--;
    BUG_ON(!w->open_charges && w->charges);
    if (outcome == OUTCOME_SUCCESS) account_learn(x->pair, duration, now);
    if (outcome == OUTCOME_FAILURE) note_failure(x, duration, now);
}

/** Answers what no node has to see. */
static bool answer_here(struct exchange *x, struct outq *out) {
    struct snapshot *s = snapshot_of(x);
    uint64_t limit = s->config->limits.body_bytes;
    struct reply reply = {.status = 413};
    char *text = NULL, field[ADMIT_FIELD];
    bool large = limit && x->request.kind == BODY_LENGTH && x->request.left > limit;
    if (!large && LIKELY(!local_reply(x, &reply, &text)) && LIKELY(admit_request(x, &reply, field))) return false;
    outq_clear(out);
    dispatch_to_nobody(x);
    exchange_answer(x, &reply);
    free(text);
    return true;
}

/** Whether the exchange is to be recorded. */
static bool is_sampled(const struct exchange *x) {
    const struct snapshot *s = snapshot_of(x);
    uint64_t bound = s->endpoints[x->balance.endpoint].sample;
    unsigned char address[16] = {0};  // of those who have none, all or nothing
    if (LIKELY(bound == SAMPLE_ALL)) return true;
    request_client(x->client, s, &x->client->conn.worker->head, address);
    return sample_takes(bound, s->sample_key, address);
}

void exchange_begin(struct client *c, size_t head_bytes, uint64_t started) {
    struct worker *w = c->conn.worker;
    struct exchange *x = new_exchange(w);
    c->x = x;
    x->client = c;
    x->lease = worker_lease(w);
    x->started = started;
    if (c->tls) x->flags |= EXCHANGE_TLS;
    w->telemetry.open_requests++;
    struct outq out;
    outq_init(&out);
    request_prepare(x, &out, head_bytes);
    if (tee_wanted(&w->tee) && !c->fetch && is_sampled(x)) x->tape = tape_new(&w->tee, c->conn.in, (struct span){conn_bytes(&c->conn), head_bytes}, &w->head);
    struct chunk *head = chunk_ref(c->conn.in);  // what w->head points into
    struct span bytes = {conn_bytes(&c->conn), head_bytes};
    conn_use(&c->conn, head_bytes);
    // What the cache asks was admitted when its client asked.
    bool answered = !c->fetch && (answer_here(x, &out) || (UNLIKELY(x->asset) && cache_visit_begin(x, head, bytes)));
    if (!answered && UNLIKELY(x->asset)) request_write_head(x, &out, head_bytes);
    chunk_unref(head);
    if (answered) return;
    if (!x->request.done) {
        x->body_deadline = w->loop.now + worker_config(w)->limits.body_timeout;
        client_set_deadline(c);
    }
    dispatch(x, &out, false);
    if (c->x == x && !x->request.done && !x->waiter) exchange_run(x);
}

/** Sends the request again, to another node or on another connection. */
static void try_again(struct exchange *x) {
    struct outq out;
    outq_init(&out);
    struct upstream *u = x->up;
    outq_rewind(&u->conn.out);
    outq_move(&out, &u->conn.out);
    out.keep = false;
    x->up = NULL;
    upstream_close(u);
    dispatch(x, &out, true);
}

/** Sends it to another node than the one it was sent to. false: there is none that may have it. */
static bool try_another(struct exchange *x) {
    struct account_node *node = x->up->node;
    struct snapshot *s = snapshot_of(x);
    for (unsigned i = 0; i < s->node_count && x->balance.tried_count < BALANCE_TRIES; i++)
        if (s->nodes[i].account == node) x->balance.tried[x->balance.tried_count++] = i;
    if (x->balance.tried_count == BALANCE_TRIES) return false;
    if (balance_pick(s, &x->balance, &(unsigned){0}, x->client->conn.worker->loop.now) == BALANCE_NONE) return false;
    dispatch_try_failed(x);
    try_again(x);
    return true;
}

void exchange_connect_failed(struct exchange *x, bool timed_out) {
    if (try_another(x)) return;
    if (timed_out) {
        exchange_upstream_failed(x, 504);
        return;
    }
    exchange_settle(x, OUTCOME_FAILURE);
    dispatch_unreachable(x);
}

/** The connection ended before any byte of an answer, and the request is still held or was never sent. */
static bool can_send_again(const struct exchange *x) {
    const struct upstream *u = x->up;
    return !u->got_bytes && !x->status && (u->conn.out.keep || outq_untouched(&u->conn.out));
}

void exchange_upstream_failed(struct exchange *x, int status) {
    if (status == 502 && can_send_again(x) && x->up->reused) {
        // A pooled connection that the node had closed before it saw the request: not the node's fault.
        exchange_settle(x, OUTCOME_NEUTRAL);
        x->fresh = true;
        x->flags |= EXCHANGE_RETRIED;
        try_again(x);
        return;
    }
    // It ended a new one: so does a proxy whose nodes are gone.
    if (status == 502 && can_send_again(x) && try_another(x)) return;
    x->flags |= EXCHANGE_UPSTREAM_FAILED;
    exchange_settle(x, OUTCOME_FAILURE);
    if (!x->status) exchange_refuse(x, status);
    else exchange_abort(x, false);
}

bool exchange_body_overdue(const struct exchange *x, uint64_t now) {
    if (x->request.done || x->paused_at || now < x->body_deadline) return false;
    return !x->client->stream || h2_stream_may_send(x->client->stream);
}

void exchange_upstream_timeout(struct exchange *x) {
    struct worker *w = x->client->conn.worker;
    // Not the upstream's turn: the client has not sent all, or does not read.
    if (!x->tunnel && x->request.done && !x->client->conn.wants_room) {
        exchange_upstream_failed(x, 504);
        return;
    }
    wheel_set(&w->wheel, &x->up->conn.timer, x->tunnel ? WHEEL_NEVER : w->loop.now + worker_config(w)->limits.upstream_timeout);
}

void exchange_refuse(struct exchange *x, int status) { exchange_answer(x, &(struct reply){.status = status}); }

void exchange_answer(struct exchange *x, const struct reply *r) {
    struct client *c = x->client;
    if (!x->request.done) {
        x->keep_alive = false;
        c->unread = true;
    }
    if (x->http_1_0) x->keep_alive = false;
    x->status = r->status;
    x->response.done = true;
    struct reply_sent sent = reply_send(c, r, x->to_head, !x->keep_alive);
    if (x->tape) {
        tape_add(x->tape, TAPE_RESPONSE_HEAD, c->conn.out.scratch, sent.head);
        if (sent.body.n) tape_add(x->tape, TAPE_RESPONSE_BODY, c->conn.out.scratch, sent.body);
        x->response.length = sent.body.n;
    }
    reply_hand_over(c, &sent);
    exchange_finish(x);
}

/** Lets go of both connections and frees the exchange; the account is settled. */
static void detach(struct exchange *x) {
    struct client *c = x->client;
    struct worker *w = c->conn.worker;
    struct upstream *u = x->up;
    exchange_settle(x, OUTCOME_NEUTRAL);
    queue_drop(x);
    if (UNLIKELY(x->visit != NULL)) cache_visit_end(x);
    free(x->invalidates);
    uint64_t now = w->loop.now > x->started ? w->loop.now : x->started;
    if (UNLIKELY(x->limited)) telemetry_limited(x->meter);
    else telemetry_finish(x->meter, x->status, x->flags, now - x->started, x->tunnel);
    if (x->tape) tape_finish(x->tape, x, now);
    w->telemetry.open_requests--;
    if (u) {
        bool clean = x->response.done && x->request.done && x->up_keep_alive && !x->tunnel && !conn_unsent(&u->conn) && !conn_unread(&u->conn);
        if (clean) upstream_give(u);
        else upstream_close(u);
    }
    c->x = NULL;
    free_exchange(w, x);
}

void exchange_finish(struct exchange *x) {
    struct client *c = x->client;
    bool keep_alive = x->keep_alive;
    if (!x->request.done) c->unread = true;
    detach(x);
    client_next(c, keep_alive && !c->unread);
}

void exchange_abort(struct exchange *x, bool by_client) {
    struct client *c = x->client;
    // A reset, not an orderly end: an answer that ends with the connection must not pass for whole.
    if (!by_client && !x->tunnel && x->status) conn_reset_on_close(&c->conn);
    if (by_client) x->flags |= EXCHANGE_CLIENT_ABORTED;
    detach(x);
    client_close(c);
}

/** Request body. false: the exchange is over. */
static bool run_request(struct exchange *x) {
    switch (relay_request(x)) {
        case RELAY_WAIT: case RELAY_DONE: return true;
        case RELAY_CUT: exchange_abort(x, true); return false;
        case RELAY_LARGE:
            if (x->status) exchange_abort(x, false);
            else exchange_refuse(x, 413);
            return false;
        case RELAY_BAD:
            x->client->conn.worker->telemetry.glitches++;
            if (x->status) exchange_abort(x, false);
            else exchange_refuse(x, 400);
            return false;
    }
    return true;
}

static void begin_tunnel(struct exchange *x) {
    struct worker *w = x->client->conn.worker;
    x->tunnel = true;
    x->flags |= EXCHANGE_UPGRADED;
    exchange_settle(x, OUTCOME_SUCCESS);
    // What HTTP had to say has been said; the record goes out now, the tunnel may last for days.
    if (x->tape) tape_finish(x->tape, x, w->loop.now);
    x->tape = NULL;
    x->request.done = x->response.done = false;
    // A tunnel may be silent for as long as it likes, but not for ever if the other end is no longer there.
    conn_probe(x->client->stream ? &x->client->stream->h2->client->conn : &x->client->conn);
    conn_probe(&x->up->conn);
    wheel_set(&w->wheel, &x->up->conn.timer, WHEEL_NEVER);
    wheel_set(&w->wheel, &x->client->conn.timer, WHEEL_NEVER);
    telemetry_upgraded(x->meter, w->loop.now - x->charged_at);
}

/** Head of the answer. false: the exchange is over, or has to wait. */
static bool run_head(struct exchange *x) {
    switch (response_read_head(x)) {
        case RESPONSE_WAIT: return false;
        case RESPONSE_READY:
            if (x->realtime) exchange_settle(x, x->status >= 500 ? OUTCOME_FAILURE : OUTCOME_SUCCESS);
            return true;
        case RESPONSE_TUNNEL: begin_tunnel(x); return true;
        case RESPONSE_NO_TUNNEL:
            exchange_settle(x, OUTCOME_SUCCESS);
            exchange_refuse(x, 501);
            return false;
        case RESPONSE_BAD: case RESPONSE_CUT: exchange_upstream_failed(x, 502); return false;
    }
    return false;
}

/** Something happened to a client whose request waits for a node. Its body stays unread. */
static void run_waiting(struct exchange *x) {
    const struct conn *c = &x->client->conn;
    if (c->failed || c->cut || (x->request.done && c->hup)) exchange_abort(x, true);
}

void exchange_run(struct exchange *x) {
    struct client *c = x->client;
    if (UNLIKELY(x->waiter != NULL)) {
        run_waiting(x);
        return;
    }
    if (UNLIKELY(x->visit != NULL)) {
        cache_visit_run(x);
        return;
    }
    if (!x->tunnel) {
        if (c->conn.failed || c->conn.cut) {
            exchange_abort(x, true);
            return;
        }
        if (!x->request.done && !run_request(x)) return;
        if (x->request.done && c->conn.hup && !x->response.done) {
            exchange_abort(x, true);
            return;
        }
        if (x->up->conn.connecting) return;
        if (!x->status && !run_head(x)) return;
    }
    if (x->tunnel) {
        if (relay_tunnel(x)) return;
        // A stream that has ended in good order says so before it goes.
        if (x->client->stream && x->request.done && x->response.done) exchange_finish(x);
        else exchange_abort(x, false);
        return;
    }
    if (!x->response.done) {
        enum relay_result r = relay_response(x);
        if (r == RELAY_BAD || r == RELAY_CUT) {
            exchange_upstream_failed(x, 502);
            return;
        }
    }
    if (!x->response.done) return;
    exchange_settle(x, x->status >= 500 ? OUTCOME_FAILURE : OUTCOME_SUCCESS);
    exchange_finish(x);
}
