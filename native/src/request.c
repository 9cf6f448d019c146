#include "request.h"

#include "rewrite.h"
#include "sticky.h"
#include "worker.h"

static bool is_idempotent(struct span method) {
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    for (unsigned i = 0; i < COUNT_OF(methods); i++)
        if (span_eq(method, span_of(methods[i]))) return true;
    return false;
}

bool request_trusts(struct client *c, const struct snapshot *s) {
    if (c->trusted_serial == s->serial) return c->trusted;
    c->trusted = !c->nameless && config_ranges_contain(&s->config->trusted, &c->peer);
    c->trusted_serial = s->serial;
    return c->trusted;
}

/** Reads a trusted peer's exchange field; false: there is none, or it is not 16 hex digits. */
static bool received_id(const struct http1_head *head, struct span name, uint64_t *id) {
    for (unsigned i = 0; i < head->count; i++) {
        const struct http1_field *f = &head->fields[i];
        if (f->id != FIELD_OTHER || !span_ieq(f->name, name) || f->value.n != 16) continue;
        uint64_t v = 0;
        for (unsigned k = 0; k < 16; k++) {
            char ch = f->value.p[k], low = (char)(ch | 32);
            if (ch >= '0' && ch <= '9') v = v << 4 | (unsigned)(ch - '0');
            else if (low >= 'a' && low <= 'f') v = v << 4 | (unsigned)(low - 'a' + 10);
            else return false;
        }
        *id = v;
        return true;
    }
    return false;
}

/** Finds the endpoint and what the balancer needs to know. */
static void classify(struct exchange *x, const struct http1_head *head, struct span target, bool trusted) {
    struct snapshot *s = x->lease->snapshot;
    int route = route_find(s->routes, head->method, target);
    if (route < 0) return;
    const struct config_route *r = &s->config->routes[route];
    x->balance.endpoint = s->route_endpoint[route];
    x->balance.sticky = r->sticky;
    x->realtime = r->class == CLASS_REALTIME;
    if (r->sticky == STICKY_COOKIE) x->balance.sticky_key = sticky_read(head, span_of(s->config->sticky_cookie));
    if (r->sticky != STICKY_IP) return;
    struct span client = trusted ? forwarded_client(head) : (struct span){0};
    x->balance.sticky_key = span_hash(client.n ? client : span_of(x->client->address), 0);
}

static void read_request(struct exchange *x, const struct http1_head *head, const struct framing *f) {
    x->http_1_0 = head->minor == 0;
    x->keep_alive = f->keep_alive;
    x->to_head = span_eq(head->method, SPAN("HEAD"));
    x->idempotent = is_idempotent(head->method);
    x->upgrade = f->upgrade.n > 0;
    x->request.kind = f->body;
    x->request.left = f->length;
    x->request.done = f->body == BODY_NONE;
    chunked_init(&x->request.chunked);
}

/** Writes the upstream's head into a queue that the first connection tried will take over. */
static void write_head(struct exchange *x, struct outq *out, size_t head_bytes, bool trusted) {
    struct worker *w = x->client->conn.worker;
    struct snapshot *s = x->lease->snapshot;
    struct rewrite_request how = {
        .client = span_of(x->client->address),
        .fallback_host = s->node_count ? span_of(s->nodes[0].account->host) : SPAN("localhost"),
        .exchange_field = s->config->exchange_field,
        .tls = x->client->tls,
        .trusted = trusted,
    };
    x->id = ((uint64_t)w->index << 48) | w->next_id++;
    x->from_proxy = how.exchange_field.n && trusted && received_id(&w->head, how.exchange_field, &x->id);
    how.exchange_id = x->id;
    char *at = (char *)outq_reserve(out, &w->chunks, rewrite_request_bound(head_bytes, &w->head, &w->framing, &how));
    outq_commit(out, rewrite_request_head(at, &w->head, &w->framing, &how));
}

void request_prepare(struct exchange *x, struct outq *out, size_t head_bytes) {
    struct worker *w = x->client->conn.worker;
    bool trusted = request_trusts(x->client, x->lease->snapshot);
    read_request(x, &w->head, &w->framing);
    if (w->draining) x->keep_alive = false;
    classify(x, &w->head, w->framing.target, trusted);
    write_head(x, out, head_bytes, trusted);
}
