#include "h2_head.h"

/** Whether a value stays within its line. */
static bool is_line(struct span v) {
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] == '\r' || v.p[i] == '\n' || v.p[i] == '\0') return false;
    return true;
}

/** Whether a word stays within the start line. */
static bool is_word(struct span v) {
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] <= ' ' || v.p[i] == 0x7f) return false;
    return v.n > 0;
}

static void set_word(struct h2_head *h, char **slot, struct span v) {
    if (*slot || !is_word(v)) h->bad = true;
    else *slot = base_dup(v.p, v.n);
}

/** Crumbs become one field again (RFC 9113 8.2.3). */
static void add_cookie(struct h2_head *h, struct span v) {
    size_t before = h->cookie ? strlen(h->cookie) : 0;
    h->cookie = base_realloc(h->cookie, before + v.n + 3);
    if (before) memcpy(h->cookie + before, "; ", 2), before += 2;
    memcpy(h->cookie + before, v.p, v.n);
    h->cookie[before + v.n] = '\0';
}

static void add_line(struct h2_head *h, struct span name, struct span v) {
    size_t n = name.n + v.n + 4;
    if (h->room - h->size < n) {
        h->room = (h->room + n) * 2 + 256;
        h->fields = base_realloc(h->fields, h->room);
    }
    char *p = h->fields + h->size;
    memcpy(p, name.p, name.n);
    memcpy(p + name.n, ": ", 2);
    memcpy(p + name.n + 2, v.p, v.n);
    memcpy(p + name.n + 2 + v.n, "\r\n", 2);
    h->size += n;
}

void h2_head_add(struct h2_head *h, struct span name, struct span value, size_t limit) {
    h->seen += name.n + value.n + 4;
    if (h->seen > limit) h->large = true;
    if (h->large || h->bad) return;
    if (!is_line(value)) h->bad = true;
    else if (span_eq(name, SPAN(":method"))) set_word(h, &h->method, value);
    else if (span_eq(name, SPAN(":path"))) set_word(h, &h->path, value);
    else if (span_eq(name, SPAN(":authority"))) set_word(h, &h->authority, value);
    else if (span_eq(name, SPAN(":protocol"))) set_word(h, &h->protocol, value);
    else if (span_eq(name, SPAN("host"))) set_word(h, &h->host, value);
    else if (span_eq(name, SPAN("cookie"))) add_cookie(h, value);
    else if (name.n && name.p[0] != ':' && !(h->protocol && span_eq(name, SPAN("sec-websocket-key")))) add_line(h, name, value);
}

/** Text that may be absent. */
static struct span or_empty(const char *s) { return s ? span_of(s) : SPAN(""); }

static struct span authority(const struct h2_head *h) { return or_empty(h->authority ? h->authority : h->host); }

bool h2_head_is_bad(const struct h2_head *h) {
    // Two names for the server: a node and we could each believe another one (RFC 9113 8.3.1).
    bool carried = !h->protocol || (h->method && strcmp(h->method, "CONNECT") == 0 && h->path);
    return h->bad || !carried || (h->authority && h->host && strcasecmp(h->authority, h->host) != 0);
}

bool h2_head_is_websocket(const struct h2_head *h) { return h->protocol && strcasecmp(h->protocol, "websocket") == 0; }

size_t h2_head_bound(const struct h2_head *h) {
    return h->size + or_empty(h->method).n + or_empty(h->path).n + 2 * authority(h).n + or_empty(h->cookie).n + 192;
}

static char *put(char *p, struct span s) {
    memcpy(p, s.p, s.n);
    return p + s.n;
}

size_t h2_head_write(const struct h2_head *h, const char *key, char *out) {
    bool websocket = h2_head_is_websocket(h);
    char *p = put(out, websocket ? SPAN("GET") : or_empty(h->method));
    p = put(p, SPAN(" "));
    // CONNECT has no path: its target is the authority.
    p = put(p, h->path ? span_of(h->path) : authority(h));
    p = put(p, SPAN(" HTTP/1.1\r\n"));
    if (authority(h).n) p = put(put(put(p, SPAN("host: ")), authority(h)), SPAN("\r\n"));
    if (websocket) {
        p = put(p, SPAN("connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: "));
        p = put(put(p, span_of(key)), SPAN("\r\n"));
    }
    if (h->size) p = put(p, (struct span){h->fields, h->size});
    if (h->cookie) p = put(put(put(p, SPAN("cookie: ")), span_of(h->cookie)), SPAN("\r\n"));
    p = put(p, SPAN("\r\n"));
    return (size_t)(p - out);
}

struct span h2_head_trailers(struct h2_head *h) {
    if (!h->size) return (struct span){0};
    h->fields = base_realloc(h->fields, h->size + 2);
    h->room = h->size + 2;
    memcpy(h->fields + h->size, "\r\n", 2);
    return (struct span){h->fields, h->size + 2};
}

void h2_head_clear(struct h2_head *h) {
    free(h->fields);
    free(h->method);
    free(h->path);
    free(h->authority);
    free(h->host);
    free(h->cookie);
    free(h->protocol);
    *h = (struct h2_head){0};
}
