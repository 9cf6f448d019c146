#include "client_pace.h"

#include "acked.h"
#include "exchange.h"
#include "h2_stream.h"
#include "worker.h"

static const struct config_limits *limits_of(const struct client *c) { return &worker_config(c->conn.worker)->limits; }

/** Bytes the client has taken so far: by TCP's count, since the kernel's buffer hides for long what happens behind it. */
static uint64_t taken(const struct client *c) { return c->stream ? c->stream->sent : acked_bytes(c->conn.watch.fd); }

void client_set_deadline(struct client *c) {
    const struct exchange *x = c->x;
    uint64_t again = c->conn.worker->loop.now + limits_of(c)->body_timeout, at = WHEEL_NEVER;
    if (x && !x->request.done) at = x->paused_at ? again : x->body_deadline;
    // Looked at every now and then, so that what it took is counted while it is fresh.
    if (c->reader.deadline && again < at) at = again;
    if (c->reader.deadline && c->reader.deadline < at) at = c->reader.deadline;
    if (at != WHEEL_NEVER) wheel_set(&c->conn.worker->wheel, &c->conn.timer, at);
}

void client_watch_reader(struct client *c) {
    if (c->reader.deadline || c->fetch) return;
    pace_watch(&c->reader, c->conn.worker->loop.now, taken(c), limits_of(c)->body_timeout);
    client_set_deadline(c);
}

bool client_reads_slowly(struct client *c) {
    uint64_t now = c->conn.worker->loop.now;
    bool waits = c->conn.wants_room || conn_unsent(&c->conn) || (c->stream && c->stream->answered);
    if (waits && pace_is_slow(&c->reader, now, taken(c), limits_of(c)->min_rate, limits_of(c)->body_timeout) &&
        (!c->stream || h2_stream_is_withheld(c->stream)))
        return true;
    if (waits && c->reader.deadline <= now) pace_watch(&c->reader, now, taken(c), limits_of(c)->body_timeout);
    if (!waits) c->reader.deadline = 0;
    client_set_deadline(c);
    return false;
}
