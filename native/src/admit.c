#include "admit.h"

#include <sys/socket.h>

#include "request.h"
#include "telemetry.h"
#include "worker.h"

struct span admit_retry_after(char field[ADMIT_FIELD], uint64_t seconds) {
    int n = snprintf(field, ADMIT_FIELD, "Retry-After: %llu\r\n", (unsigned long long)seconds);
    return (struct span){field, (size_t)n};
}

static uint64_t number_of(const unsigned char address[16], const struct config_client_limits *limits) { return limit_client(address, (unsigned)limits->prefix4, (unsigned)limits->prefix6); }

bool admit_connection(struct client *c) {
    struct worker *w = c->conn.worker;
    const struct snapshot *s = w->lease->snapshot;
    const struct config_client_limits *limits = &s->config->limits.client;
    if (LIKELY(!limits->connections) || request_trusts(c, s)) return true;
    unsigned char address[16];
    uint64_t number = cidr_bytes(&c->peer, address) ? number_of(address, limits) : 0;
    unsigned count = number ? limit_connect(number, w->loop.now) : 0;
    if (count) c->counted_as = number;
    if (count <= limits->connections) return true;
    w->telemetry.connections_limited++;
    if (s->config->limits.measure) return true;
    admit_gone(c);
    static const char answer[] = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    ssize_t n = c->tls ? 0 : send(c->conn.watch.fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n;  // a courtesy: nobody waits for it
    return false;
}

void admit_gone(struct client *c) {
    if (LIKELY(!c->counted_as)) return;
    limit_disconnect(c->counted_as);
    c->counted_as = 0;
}

static uint64_t take_of_client(const struct exchange *x, const struct config_client_limits *limits, uint64_t now) {
    struct client *c = x->client;
    unsigned char address[16];
    if (!request_client(c, x->lease->snapshot, &c->conn.worker->head, address)) return 0;
    return limit_client_take(number_of(address, limits), &limits->rate, now);
}

static bool refuse(struct exchange *x, int status, uint64_t wait, struct reply *reply, char field[ADMIT_FIELD]) {
    if (x->lease->snapshot->config->limits.measure) return false;
    x->limited = true;
    *reply = (struct reply){.status = status, .field = admit_retry_after(field, (wait + 999999999u) / 1000000000u)};
    return true;
}

bool admit_request(struct exchange *x, struct reply *reply, char field[ADMIT_FIELD]) {
    struct worker *w = x->client->conn.worker;
    struct snapshot *s = x->lease->snapshot;
    const struct config_client_limits *client = &s->config->limits.client;
    struct snapshot_endpoint *endpoint = &s->endpoints[x->balance.endpoint];
    if (LIKELY(!client->rate.interval && !endpoint->rate.interval)) return true;
    uint64_t wait = client->rate.interval ? take_of_client(x, client, w->loop.now) : 0;
    struct meter *m = telemetry_meter(&w->telemetry, w->index, snapshot_pair(s, x->balance.endpoint, s->node_count));
    if (wait) m->client_limited++;
    if (wait && refuse(x, 429, wait, reply, field)) return false;
    // A request that its client may not send takes nothing of what all share.
    wait = endpoint->rate.interval ? limit_take_shared(&endpoint->account->bucket_full_at, &endpoint->rate, w->loop.now) : 0;
    if (wait) m->endpoint_limited++;
    return !wait || !refuse(x, 503, wait, reply, field);
}
