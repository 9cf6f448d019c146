#include "request.h"

#include <arpa/inet.h>

#include "cache_fields.h"
#include "cache_visit.h"
#include "cidr.h"
#include "forwarded.h"
#include "rewrite.h"
#include "sigv4.h"
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

/** What a trusted peer names; false: that is no address. */
static bool forwarded_address(const struct http1_head *head, unsigned char out[16]) {
    char text[INET6_ADDRSTRLEN];
    struct span named = forwarded_client(head);
    struct sockaddr_storage address;
    socklen_t length;
    if (!named.n || named.n >= sizeof text) return false;
    memcpy(text, named.p, named.n);
    text[named.n] = '\0';
    return cidr_sockaddr(text, 0, &address, &length) && cidr_bytes(&address, out);
}

bool request_client(struct client *c, const struct snapshot *s, const struct http1_head *head, unsigned char out[16]) {
    return request_trusts(c, s) ? forwarded_address(head, out) : cidr_bytes(&c->peer, out);
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
    x->asset = r->class == CLASS_ASSET && s->config->cache.memory_bytes;
    if (x->client->fetch) return;
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

/** Gives it its id: the peer's, or a new one. */
static void identify(struct exchange *x, bool trusted) {
    struct worker *w = x->client->conn.worker;
    const struct config *config = x->lease->snapshot->config;
    struct span field = config->exchange_field;
    x->id = ((uint64_t)w->index << 48) | w->next_id++;
    x->from_proxy = field.n && trusted && config->exchange_trusted && received_id(&w->head, field, &x->id);
}

/**
 * What the origin of assets is asked: by its own name, below its own path, and without what it is not to see.
 * @return the target, to be freed; NULL: as it was
 */
static char *address_origin(struct worker *w, const struct config_cache *cache) {
    struct framing *f = &w->framing;
    cache_fields_hide(&w->head, &cache->shown);
    if (cache->origin_host) f->host = span_of(cache->origin_host);
    if (!cache->origin_path || f->target.p[0] != '/') return NULL;
    size_t path = strlen(cache->origin_path);
    char *target = base_alloc(path + f->target.n);
    memcpy(target, cache->origin_path, path);
    memcpy(target + path, f->target.p, f->target.n);
    f->target = (struct span){target, path + f->target.n};
    return target;
}

/** Signs what reads an object; anything else is for the store to refuse. @return the lines, to be freed, and the target before them; NULL: not signed */
static char *sign_for_origin(struct worker *w, const struct snapshot *s, struct span *lines) {
    struct framing *f = &w->framing;
    const struct config_cache *cache = &s->config->cache;
    struct span prefix = cache->origin_path ? span_of(cache->origin_path) : SPAN("");
    size_t most = 3 * (prefix.n + f->target.n);
    char *text = base_alloc(most + SIGV4_FIELDS + strlen(s->signing->region) + strlen(s->signing->id));
    size_t n = sigv4_path(text, w->head.method, prefix, f->target);
    if (!n) {
        free(text);
        return NULL;
    }
    cache_fields_hide(&w->head, &cache->shown);
    f->host = span_of(cache->origin_host);
    f->target = (struct span){text, n};
    *lines = (struct span){text + n, sigv4_sign(s->signing, time(NULL), w->head.method, f->host, f->target, text + n)};
    return text;
}

void request_write_head(struct exchange *x, struct outq *out, size_t head_bytes) {
    struct worker *w = x->client->conn.worker;
    struct snapshot *s = x->lease->snapshot;
    struct span signature = {0};
    char *target = UNLIKELY(x->asset && s->signing) ? sign_for_origin(w, s, &signature) : NULL;
    if (UNLIKELY(x->asset && !target)) target = address_origin(w, &s->config->cache);
    struct rewrite_request how = {
        .client = span_of(x->client->address),
        .fallback_host = s->node_count ? span_of(s->nodes[0].account->host) : SPAN("localhost"),
        .exchange_field = s->config->exchange_field,
        .exchange_id = x->id,
        .more = signature,
        .tls = x->client->tls,
        .trusted = request_trusts(x->client, s),
    };
    if (UNLIKELY(target != NULL)) head_bytes += w->framing.target.n;
    char *at = (char *)outq_reserve(out, &w->chunks, rewrite_request_bound(head_bytes, &w->head, &w->framing, &how));
    outq_commit(out, rewrite_request_head(at, &w->head, &w->framing, &how));
    free(target);
}

void request_prepare(struct exchange *x, struct outq *out, size_t head_bytes) {
    struct worker *w = x->client->conn.worker;
    bool trusted = request_trusts(x->client, x->lease->snapshot);
    read_request(x, &w->head, &w->framing);
    if (w->draining) x->keep_alive = false;
    classify(x, &w->head, w->framing.target, trusted);
    identify(x, trusted);
    if (UNLIKELY(x->lease->snapshot->config->cache.memory_bytes)) cache_visit_note_unsafe(x);
    // For an asset it is only written when the origin is asked.
    if (LIKELY(!x->asset)) request_write_head(x, out, head_bytes);
}
