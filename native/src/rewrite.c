#include "rewrite.h"

/** Writes forward; the caller made the room by the _bound function. */
struct writer {
    char *p;
    const char *run, *run_end;  // kept lines not copied yet
};

static void put(struct writer *w, struct span s) {
    memcpy(w->p, s.p, s.n);
    w->p += s.n;
}

static void flush_run(struct writer *w) {
    if (!w->run) return;
    put(w, (struct span){w->run, (size_t)(w->run_end - w->run)});
    w->run = NULL;
}

/** End of a field's line. The value was trimmed, so what follows it up to CR is white space. */
static const char *line_end(const struct http1_field *f) {
    const char *p = f->value.p + f->value.n;
    while (*p != '\r') p++;
    return p + 2;
}

static void keep_line(struct writer *w, const struct http1_field *f) {
    const char *end = line_end(f);
    if (w->run && w->run_end != f->name.p) flush_run(w);
    if (!w->run) w->run = f->name.p;
    w->run_end = end;
}

static void put_field(struct writer *w, struct span name, struct span value) {
    put(w, name);
    put(w, SPAN(": "));
    put(w, value);
    put(w, SPAN("\r\n"));
}

void rewrite_hex16(char out[16], uint64_t v) {
    for (int i = 15; i >= 0; i--, v >>= 4) out[i] = "0123456789abcdef"[v & 15];
}

static struct forwarded_hop hop_of(const struct framing *f, const struct rewrite_request *how) {
    return (struct forwarded_hop){.client = how->client, .host = f->host.n ? f->host : how->fallback_host, .tls = how->tls, .trusted = how->trusted};
}

size_t rewrite_request_bound(size_t head_bytes, const struct http1_head *head, const struct framing *f, const struct rewrite_request *how) {
    struct forwarded_hop hop = hop_of(f, how);
    return head_bytes + hop.host.n + how->exchange_field.n + how->more.n + 256 + forwarded_bound(head, &hop);
}

/** Whether a request field stays on this side of the proxy. */
static bool drops_request_field(const struct http1_field *f, const struct framing *framing, const struct rewrite_request *how) {
    switch (f->id) {
        case FIELD_CONNECTION: case FIELD_KEEP_ALIVE: case FIELD_PROXY_CONNECTION: case FIELD_TE: case FIELD_UPGRADE:
        case FIELD_HTTP2_SETTINGS: case FIELD_TRANSFER_ENCODING: case FIELD_HOST:
        case FIELD_FORWARDED: case FIELD_X_FORWARDED_FOR: case FIELD_X_FORWARDED_HOST: case FIELD_X_FORWARDED_PROTO:
        case FIELD_PROXY:  // becomes HTTP_PROXY in CGI, which HTTP clients take for a setting ("httpoxy")
            return true;
        // A proxy spells them with '-': with '_' it is its client that speaks.
        case FIELD_CLAIM: return !how->trusted || memchr(f->name.p, '_', f->name.n);
        // An HTTP/1.0 client does not know 100 Continue, and where no body comes there is nothing to wait for.
        case FIELD_EXPECT: return !framing->expect_continue;
        case FIELD_OTHER:
            if (how->exchange_field.n && span_ieq(f->name, how->exchange_field)) return true;
            break;
        default: break;
    }
    return framing_nominates(framing, f->name);
}

size_t rewrite_request_head(char *out, const struct http1_head *head, const struct framing *f, const struct rewrite_request *how) {
    struct writer w = {.p = out};
    struct forwarded_hop hop = hop_of(f, how);
    put(&w, head->method);
    put(&w, SPAN(" "));
    put(&w, f->target);
    put(&w, SPAN(" HTTP/1.1\r\nHost: "));
    put(&w, hop.host);
    put(&w, SPAN("\r\n"));
    for (unsigned i = 0; i < head->count; i++) {
        const struct http1_field *field = &head->fields[i];
        if (drops_request_field(field, f, how)) continue;
        if (field->id == FIELD_CONTENT_LENGTH) {
            // Legal, but not alike to all: white space after the digits (llhttp refuses a tab), zeros before them (octal?).
            struct span digits = field->value;
            while (digits.n > 1 && digits.p[0] == '0') digits.p++, digits.n--;
            flush_run(&w);
            put_field(&w, field->name, digits);
            continue;
        }
        keep_line(&w, field);
    }
    flush_run(&w);
    // A body whose length is not told (HTTP/2) has to be framed here.
    if (f->body == BODY_CHUNKED || f->body == BODY_UNTIL_CLOSE) put(&w, SPAN("Transfer-Encoding: chunked\r\n"));
    if (f->upgrade.n) {
        put(&w, SPAN("Connection: Upgrade\r\n"));
        put_field(&w, SPAN("Upgrade"), f->upgrade);
    }
    w.p = forwarded_write(w.p, head, &hop);
    if (how->exchange_field.n) {
        char hex[16];
        rewrite_hex16(hex, how->exchange_id);
        put_field(&w, how->exchange_field, (struct span){hex, sizeof hex});
    }
    if (how->more.n) put(&w, how->more);
    put(&w, SPAN("\r\n"));
    return (size_t)(w.p - out);
}

size_t rewrite_response_bound(size_t head_bytes) { return head_bytes + 256; }

bool rewrite_drops_response_field(const struct http1_field *f, const struct framing *framing, const struct rewrite_response *how) {
    switch (f->id) {
        case FIELD_CONNECTION: case FIELD_KEEP_ALIVE: case FIELD_PROXY_CONNECTION: case FIELD_TRANSFER_ENCODING: case FIELD_UPGRADE:
            return true;
        case FIELD_CONTENT_LENGTH: return how->drop_length;
        default: return framing_nominates(framing, f->name);
    }
}

size_t rewrite_response_head(char *out, const struct http1_head *head, const struct framing *f, const struct rewrite_response *how) {
    struct writer w = {.p = out};
    bool has_date = false;
    put(&w, SPAN("HTTP/1.1 "));
    char status[4] = {(char)('0' + head->status / 100), (char)('0' + head->status / 10 % 10), (char)('0' + head->status % 10), ' '};
    put(&w, (struct span){status, 4});
    put(&w, head->reason);
    put(&w, SPAN("\r\n"));
    for (unsigned i = 0; i < head->count; i++) {
        const struct http1_field *field = &head->fields[i];
        if (rewrite_drops_response_field(field, f, how)) continue;
        if (field->id == FIELD_DATE) has_date = true;
        keep_line(&w, field);
    }
    flush_run(&w);
    if (!has_date && head->status >= 200) put_field(&w, SPAN("Date"), how->date);
    if (how->chunked) put(&w, SPAN("Transfer-Encoding: chunked\r\n"));
    if (head->status == 101) {
        put(&w, SPAN("Connection: Upgrade\r\n"));
        put_field(&w, SPAN("Upgrade"), f->upgrade);
    } else if (how->close) {
        put(&w, SPAN("Connection: close\r\n"));
    } else if (how->keep_alive_1_0) {
        put(&w, SPAN("Connection: keep-alive\r\n"));
    }
    put(&w, SPAN("\r\n"));
    return (size_t)(w.p - out);
}

/** A trailer must not change framing, routing or trust after the fact (RFC 9110 6.5.1). */
static bool may_trail(const struct http1_field *f) {
    return f->id == FIELD_OTHER && !span_ieq(f->name, SPAN("authorization")) && !span_ieq(f->name, SPAN("cookie")) &&
           !span_ieq(f->name, SPAN("set-cookie")) && !span_ieq(f->name, SPAN("content-type")) &&
           !span_ieq(f->name, SPAN("content-encoding")) && !span_ieq(f->name, SPAN("content-range")) &&
           !span_ieq(f->name, SPAN("cache-control"));
}

size_t rewrite_trailers(char *out, const struct http1_head *trailers) {
    struct writer w = {.p = out};
    for (unsigned i = 0; i < trailers->count; i++)
        if (may_trail(&trailers->fields[i])) keep_line(&w, &trailers->fields[i]);
    flush_run(&w);
    put(&w, SPAN("\r\n"));
    return (size_t)(w.p - out);
}
