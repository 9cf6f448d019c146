#include "forwarded.h"

#include <arpa/inet.h>

/** One element of a Forwarded field, quotes taken off; n == 0: not given. */
struct element {
    struct span node, host, proto;
};

/** What is believed of the hops before this one. */
struct chain {
    bool x_for;                      // X-Forwarded-For tells it
    bool rfc;                        // Forwarded tells it
    struct span first_host, first_proto;
};

static void skip_space(struct span *s) {
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t')) s->p++, s->n--;
}

static bool take(struct span *s, char c) {
    if (!s->n || s->p[0] != c) return false;
    s->p++, s->n--;
    return true;
}

static struct span take_token(struct span *s) {
    size_t n = 0;
    while (n < s->n && http1_is_token_char((unsigned char)s->p[n])) n++;
    struct span token = {s->p, n};
    s->p += n, s->n -= n;
    return token;
}

/** token or quoted-string; one with a backslash or a byte above ASCII is refused: no honest value needs it. */
static bool take_value(struct span *s, struct span *value) {
    if (!take(s, '"')) {
        *value = take_token(s);
        return value->n > 0;
    }
    size_t n = 0;
    while (n < s->n && s->p[n] != '"') {
        if (s->p[n] == '\\' || (unsigned char)s->p[n] >= 0x7f) return false;
        n++;
    }
    if (n == s->n) return false;
    *value = (struct span){s->p, n};
    s->p += n + 1, s->n -= n + 1;
    return true;
}

/**
 * Takes the next element off a Forwarded field's value (RFC 7239 4).
 * @return 1 taken, 0 at the end, -1 malformed
 */
static int next_element(struct span *rest, struct element *e) {
    *e = (struct element){0};
    do skip_space(rest);
    while (take(rest, ','));
    if (!rest->n) return 0;
    for (;;) {
        struct span name = take_token(rest), value;
        if (name.n) {
            struct span *slot = span_ieq(name, SPAN("for")) ? &e->node : span_ieq(name, SPAN("host")) ? &e->host : span_ieq(name, SPAN("proto")) ? &e->proto : NULL;
            if (!take(rest, '=') || !take_value(rest, &value) || (slot && slot->n)) return -1;
            if (slot) *slot = value;
        }
        skip_space(rest);
        if (!rest->n || take(rest, ',')) return 1;
        if (!take(rest, ';')) return -1;
        skip_space(rest);
    }
}

/** Takes brackets and port off; the address if it is one, else n == 0. */
static struct span address_of(struct span node) {
    char text[INET6_ADDRSTRLEN];
    unsigned char ignored[16];
    const char *colon;
    if (node.n && node.p[0] == '[') {
        const char *close = memchr(node.p, ']', node.n);
        node = close ? (struct span){node.p + 1, (size_t)(close - node.p - 1)} : (struct span){0};
    } else if (node.n && (colon = memchr(node.p, ':', node.n)) && !memchr(colon + 1, ':', (size_t)(node.p + node.n - colon - 1))) {
        node.n = (size_t)(colon - node.p);
    }
    if (node.n >= sizeof text) return (struct span){0};
    if (node.n) memcpy(text, node.p, node.n);
    text[node.n] = '\0';
    bool known = inet_pton(AF_INET, text, ignored) == 1 || inet_pton(AF_INET6, text, ignored) == 1;
    return known ? node : (struct span){0};
}

/** Whether a claimed host or scheme may stand between quotes. */
static bool is_plain(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == '\t' || (unsigned char)s.p[i] >= 0x7f) return false;
    return s.n > 0;
}

/** First element of the first field with that id. */
static struct span first_of(const struct http1_head *head, enum http1_field_id id) {
    for (unsigned i = 0; i < head->count; i++) {
        struct span rest = head->fields[i].value, item;
        if (head->fields[i].id == id && span_next(&rest, &item) && is_plain(item)) return item;
    }
    return (struct span){0};
}

/** Whether all Forwarded fields can be read, and there is something in them; `first` and `last` get those elements. */
static bool read_rfc(const struct http1_head *head, struct element *first, struct element *last) {
    unsigned seen = 0;
    for (unsigned i = 0; i < head->count; i++) {
        if (head->fields[i].id != FIELD_FORWARDED) continue;
        struct span rest = head->fields[i].value;
        struct element e;
        int r;
        while ((r = next_element(&rest, &e)) > 0) {
            if (!seen++) *first = e;
            *last = e;
        }
        if (r < 0) return false;
    }
    return seen > 0;
}

static bool has_x_for(const struct http1_head *head) {
    for (unsigned i = 0; i < head->count; i++) {
        struct span rest = head->fields[i].value, item;
        if (head->fields[i].id == FIELD_X_FORWARDED_FOR && span_next(&rest, &item)) return true;
    }
    return false;
}

static struct chain read_chain(const struct http1_head *head, const struct forwarded_hop *hop) {
    struct chain c = {0};
    struct element first = {0}, last;
    if (!hop->trusted) return c;
    c.x_for = has_x_for(head);
    c.rfc = !c.x_for && read_rfc(head, &first, &last);
    c.first_host = first_of(head, FIELD_X_FORWARDED_HOST);
    c.first_proto = first_of(head, FIELD_X_FORWARDED_PROTO);
    if (c.rfc && first.host.n) c.first_host = first.host;
    if (c.rfc && first.proto.n) c.first_proto = first.proto;
    return c;
}

struct span forwarded_client(const struct http1_head *head) {
    struct span last = {0};
    struct element first, e;
    for (unsigned i = 0; i < head->count; i++) {
        struct span rest = head->fields[i].value, item;
        if (head->fields[i].id == FIELD_X_FORWARDED_FOR)
            while (span_next(&rest, &item)) last = item;
    }
    if (!last.n && read_rfc(head, &first, &e)) last = e.node;
    struct span address = address_of(last);
    return address.n ? address : last;
}

size_t forwarded_bound(const struct http1_head *head, const struct forwarded_hop *hop) {
    // Client, host and scheme twice, the names and what is between.
    size_t n = 2 * hop->client.n + 3 * hop->host.n + 256;
    // An element of one letter and its comma becomes "for=unknown, ", and is passed on besides.
    for (unsigned i = 0; hop->trusted && i < head->count; i++) {
        enum http1_field_id id = head->fields[i].id;
        if (id == FIELD_X_FORWARDED_FOR || id == FIELD_FORWARDED) n += 8 * (head->fields[i].value.n + 2);
        if (id == FIELD_X_FORWARDED_HOST || id == FIELD_X_FORWARDED_PROTO) n += 2 * head->fields[i].value.n;
    }
    return n;
}

static char *put(char *p, struct span s) {
    memcpy(p, s.p, s.n);
    return p + s.n;
}

/** for=..., as RFC 7239 6 has it. */
static char *put_node(char *p, struct span address) {
    if (!address.n) return put(p, SPAN("for=unknown"));
    if (!memchr(address.p, ':', address.n)) return put(put(p, SPAN("for=")), address);
    return put(put(put(p, SPAN("for=\"[")), address), SPAN("]\""));
}

static char *put_asked(char *p, struct span host, struct span proto) {
    p = put(put(put(p, SPAN(";host=\"")), host), SPAN("\";proto="));
    bool token = true;
    for (size_t i = 0; i < proto.n; i++) token = token && http1_is_token_char((unsigned char)proto.p[i]);
    if (token) return put(p, proto);
    return put(put(put(p, SPAN("\"")), proto), SPAN("\""));
}

static char *put_x_for(char *p, const struct http1_head *head, const struct chain *c, struct span client) {
    p = put(p, SPAN("X-Forwarded-For: "));
    for (unsigned i = 0; (c->x_for || c->rfc) && i < head->count; i++) {
        const struct http1_field *f = &head->fields[i];
        struct span rest = f->value;
        struct element e;
        if (c->x_for && f->id == FIELD_X_FORWARDED_FOR && f->value.n) p = put(put(p, f->value), SPAN(", "));
        while (c->rfc && f->id == FIELD_FORWARDED && next_element(&rest, &e) > 0) {
            struct span address = address_of(e.node);
            p = put(put(p, address.n ? address : SPAN("unknown")), SPAN(", "));
        }
    }
    return put(put(p, client), SPAN("\r\n"));
}

/** The chain that X-Forwarded-* told, in the words of RFC 7239. @return whether there was one */
static bool put_told(char **pp, const struct http1_head *head, struct span host, struct span proto) {
    bool any = false;
    for (unsigned i = 0; i < head->count; i++) {
        struct span rest = head->fields[i].value, item;
        while (head->fields[i].id == FIELD_X_FORWARDED_FOR && span_next(&rest, &item)) {
            *pp = put_node(*pp, address_of(item));
            if (!any) *pp = put_asked(*pp, host, proto);
            *pp = put(*pp, SPAN(", "));
            any = true;
        }
    }
    return any;
}

static char *put_rfc(char *p, const struct http1_head *head, const struct chain *c, const struct forwarded_hop *hop, struct span first_host, struct span first_proto) {
    bool before = false;
    p = put(p, SPAN("Forwarded: "));
    for (unsigned i = 0; c->rfc && i < head->count; i++) {
        if (head->fields[i].id != FIELD_FORWARDED || !head->fields[i].value.n) continue;
        p = put(put(p, head->fields[i].value), SPAN(", "));
        before = true;
    }
    if (c->x_for) before = put_told(&p, head, first_host, first_proto);
    p = put_node(p, hop->client);
    p = before ? put_asked(p, hop->host, hop->tls ? SPAN("https") : SPAN("http")) : put_asked(p, first_host, first_proto);
    return put(p, SPAN("\r\n"));
}

char *forwarded_write(char *p, const struct http1_head *head, const struct forwarded_hop *hop) {
    struct chain c = read_chain(head, hop);
    // Host and scheme of the first request of the chain: what the client asked for.
    struct span host = c.first_host.n ? c.first_host : hop->host;
    struct span proto = c.first_proto.n ? c.first_proto : hop->tls ? SPAN("https") : SPAN("http");
    p = put_x_for(p, head, &c, hop->client);
    p = put(put(put(p, SPAN("X-Forwarded-Host: ")), host), SPAN("\r\n"));
    p = put(put(put(p, SPAN("X-Forwarded-Proto: ")), proto), SPAN("\r\n"));
    return put_rfc(p, head, &c, hop, host, proto);
}
