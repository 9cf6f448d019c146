#include "local.h"

#include "worker.h"

/** The answer to a challenge, or n == 0. */
static struct span acme_answer(const struct config *c, struct span target) {
    struct span prefix = SPAN("/.well-known/acme-challenge/");
    if (!c->acme_count || target.n <= prefix.n || memcmp(target.p, prefix.p, prefix.n) != 0) return (struct span){0};
    struct span token = {target.p + prefix.n, target.n - prefix.n};
    for (unsigned i = 0; i < c->acme_count; i++)
        if (span_eq(token, span_of(c->acme[i].token))) return span_of(c->acme[i].answer);
    return (struct span){0};
}

/** A host without its port; brackets of IPv6 stay. */
static struct span without_port(struct span host) {
    for (size_t i = host.n; i-- && host.p[i] != ']';)
        if (host.p[i] == ':') return (struct span){host.p, i};
    return host;
}

static char *location(struct span host, uint16_t port, struct span target) {
    size_t room = host.n + target.n + 64;
    char *text = base_alloc(room), number[8] = "";
    if (port != 443) snprintf(number, sizeof number, ":%u", port);
    // "*" asks about the server as a whole.
    bool path = target.n && target.p[0] == '/';
    snprintf(text, room, "Location: https://%.*s%s%.*s\r\n", (int)host.n, host.p, number, path ? (int)target.n : 1, path ? target.p : "/");
    return text;
}

bool local_reply(const struct exchange *x, struct reply *out, char **text) {
    const struct client *c = x->client;
    const struct config *config = x->lease->snapshot->config;
    const struct framing *f = &c->conn.worker->framing;
    *text = NULL;
    if (c->tls) return false;
    struct span answer = acme_answer(config, f->target);
    uint16_t port = config->listens[c->listen].redirect_port;
    if (answer.n) {
        *out = (struct reply){.status = 200, .body = answer};
        return true;
    }
    if (!port) return false;
    struct span host = without_port(f->host);
    if (!host.n) {
        *out = (struct reply){.status = 400};
        return true;
    }
    *text = location(host, port, f->target);
    *out = (struct reply){.status = 308, .field = span_of(*text)};
    return true;
}
