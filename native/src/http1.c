#include "http1.h"

#include "claims.h"

enum { TOKEN = 1, TARGET = 2, VALUE = 4 };

// One table for all three alphabets: tchar (RFC 9110 5.6.2); target: visible ASCII but '#' (a fragment never
// travels); value: visible, SP, HTAB and obs-text.
static unsigned char class_of[256];

__attribute__((constructor)) static void fill_classes(void) {
    for (unsigned c = 0; c < 256; c++) {
        unsigned char k = 0;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            (c && c < 128 && memchr("!#$%&'*+-.^_`|~", (int)c, 15)))
            k |= TOKEN;
        if (c > 0x20 && c < 0x7f && c != '#') k |= TARGET;
        if ((c >= 0x20 && c != 0x7f) || c == '\t') k |= VALUE;
        class_of[c] = k;
    }
}

bool http1_is_token_char(unsigned char c) { return class_of[c] & TOKEN; }

static bool is_disguised(struct span name, struct span field) {
    if (name.n != field.n || !memchr(name.p, '_', name.n)) return false;
    for (size_t i = 0; i < name.n; i++)
        if ((name.p[i] == '_' ? '-' : name.p[i] | 32) != field.p[i] && name.p[i] != field.p[i]) return false;
    return true;
}

static enum http1_field_id other(struct span name) {
    if (is_disguised(name, SPAN("content-length")) || is_disguised(name, SPAN("transfer-encoding"))) return FIELD_DISGUISED;
    return claims_name(name) ? FIELD_CLAIM : FIELD_OTHER;
}

static enum http1_field_id match(struct span name, const char *lower, enum http1_field_id id) {
    return strncasecmp(name.p, lower, name.n) == 0 ? id : other(name);
}

enum http1_field_id http1_field_id(struct span name) {
    switch (name.n) {
        case 2: return match(name, "te", FIELD_TE);
        case 4:
            if ((name.p[0] | 32) == 'h') return match(name, "host", FIELD_HOST);
            return match(name, "date", FIELD_DATE);
        case 5: return match(name, "proxy", FIELD_PROXY);
        case 6: return match(name, "expect", FIELD_EXPECT);
        case 7:
            if ((name.p[0] | 32) == 'u') return match(name, "upgrade", FIELD_UPGRADE);
            return match(name, "trailer", FIELD_TRAILER);
        case 9: return match(name, "forwarded", FIELD_FORWARDED);
        case 10:
            if ((name.p[0] | 32) == 'c') return match(name, "connection", FIELD_CONNECTION);
            return match(name, "keep-alive", FIELD_KEEP_ALIVE);
        case 14:
            if ((name.p[0] | 32) == 'c') return match(name, "content-length", FIELD_CONTENT_LENGTH);
            return match(name, "http2-settings", FIELD_HTTP2_SETTINGS);
        case 15: return match(name, "x-forwarded-for", FIELD_X_FORWARDED_FOR);
        case 16:
            if ((name.p[0] | 32) == 'p') return match(name, "proxy-connection", FIELD_PROXY_CONNECTION);
            return match(name, "x-forwarded-host", FIELD_X_FORWARDED_HOST);
        case 17:
            if ((name.p[0] | 32) == 't') return match(name, "transfer-encoding", FIELD_TRANSFER_ENCODING);
            return match(name, "x-forwarded-proto", FIELD_X_FORWARDED_PROTO);
        default: return other(name);
    }
}

/**
 * Whether a blank line may have arrived since `last`. A bare LF counts too, so that the parser gets to refuse it.
 * `skip` bytes at the start belong to an empty line before the head.
 */
static bool may_be_complete(const char *buf, size_t len, size_t last) {
    size_t from = last < 3 ? 0 : last - 3;
    const char *p = buf + from, *end = buf + len;
    while ((p = memchr(p, '\n', (size_t)(end - p)))) {
        const char *q = p + 1;
        if (q < end && *q == '\n') return true;
        if (q + 1 < end && q[0] == '\r' && q[1] == '\n') return true;
        if (p == buf || p[-1] != '\r') return true;
        p = q;
        if (p >= end) break;
    }
    return false;
}

/** Reads CRLF at *pp. 0 done, else PARTIAL or BAD. */
static int read_crlf(const char **pp, const char *end) {
    const char *p = *pp;
    if (p == end) return HTTP1_PARTIAL;
    if (*p != '\r') return HTTP1_BAD;
    if (p + 1 == end) return HTTP1_PARTIAL;
    if (p[1] != '\n') return HTTP1_BAD;
    *pp = p + 2;
    return 0;
}

/** Reads one field line, or the blank line (then *blank). 0 done, else an http1_result. */
static int read_field(const char **pp, const char *end, struct http1_field *field, bool *blank) {
    const char *p = *pp;
    if (p == end) return HTTP1_PARTIAL;
    if (*p == '\r') {
        *blank = true;
        return read_crlf(pp, end);
    }
    const char *start = p;
    while (p < end && (class_of[(unsigned char)*p] & TOKEN)) p++;
    if (p == end) return HTTP1_PARTIAL;
    // Also refuses: white space before the colon, an empty name, obs-fold (a line that starts with white space).
    if (*p != ':' || p == start) return HTTP1_BAD;
    field->name = (struct span){start, (size_t)(p - start)};
    p++;
    const char *value = p;
    while (p < end && (class_of[(unsigned char)*p] & VALUE)) p++;
    field->value = span_trim((struct span){value, (size_t)(p - value)});
    field->id = http1_field_id(field->name);
    *pp = p;
    return read_crlf(pp, end);
}

static int read_fields(const char **pp, const char *end, unsigned max_fields, struct http1_head *out) {
    out->count = 0;
    for (;;) {
        struct http1_field field = {0};
        bool blank = false;
        int r = read_field(pp, end, &field, &blank);
        if (r < 0) return r;
        if (blank) return 0;
        if (out->count >= max_fields) return HTTP1_MANY;
        out->fields[out->count++] = field;
    }
}

/** Reads "HTTP/1.x". 0 done. */
static int read_version(const char **pp, const char *end, int *minor) {
    const char *p = *pp;
    static const char name[] = "HTTP/";
    for (int i = 0; i < 5; i++, p++) {
        if (p == end) return HTTP1_PARTIAL;
        if (*p != name[i]) return HTTP1_BAD;
    }
    if (end - p < 3) return HTTP1_PARTIAL;
    if (p[0] < '0' || p[0] > '9' || p[1] != '.' || p[2] < '0' || p[2] > '9') return HTTP1_BAD;
    if (p[0] != '1') return HTTP1_VERSION;
    *minor = p[2] == '0' ? 0 : 1;  // a higher minor version is handled as the highest we know
    *pp = p + 3;
    return 0;
}

/** Reads characters of one class up to a single space. 0 done. */
static int read_word(const char **pp, const char *end, unsigned char class, struct span *word) {
    const char *start = *pp, *p = start;
    while (p < end && (class_of[(unsigned char)*p] & class)) p++;
    if (p == end) return HTTP1_PARTIAL;
    if (*p != ' ' || p == start) return HTTP1_BAD;
    *word = (struct span){start, (size_t)(p - start)};
    *pp = p + 1;
    return 0;
}

int http1_parse_request(const char *buf, size_t len, size_t last, unsigned max_fields, struct http1_head *out) {
    if (last && !may_be_complete(buf, len, last)) return HTTP1_PARTIAL;
    const char *p = buf, *end = buf + len;
    int r;
    if (len && *p == '\r' && (r = read_crlf(&p, end)) < 0) return r;
    if ((r = read_word(&p, end, TOKEN, &out->method)) < 0) return r;
    if ((r = read_word(&p, end, TARGET, &out->target)) < 0) return r;
    if ((r = read_version(&p, end, &out->minor)) < 0) return r;
    if ((r = read_crlf(&p, end)) < 0) return r;
    if ((r = read_fields(&p, end, max_fields, out)) < 0) return r;
    return (int)(p - buf);
}

int http1_parse_response(const char *buf, size_t len, size_t last, unsigned max_fields, struct http1_head *out) {
    if (last && !may_be_complete(buf, len, last)) return HTTP1_PARTIAL;
    const char *p = buf, *end = buf + len;
    int r;
    if ((r = read_version(&p, end, &out->minor)) < 0) return r;
    if (end - p < 5) return HTTP1_PARTIAL;
    if (p[0] != ' ' || p[1] < '1' || p[1] > '9') return HTTP1_BAD;
    out->status = 0;
    for (int i = 1; i <= 3; i++) {
        if (p[i] < '0' || p[i] > '9') return HTTP1_BAD;
        out->status = out->status * 10 + (p[i] - '0');
    }
    p += 4;
    out->reason = (struct span){p, 0};
    if (*p == ' ') {
        const char *start = ++p;
        while (p < end && (class_of[(unsigned char)*p] & VALUE)) p++;
        out->reason = (struct span){start, (size_t)(p - start)};
    }
    if ((r = read_crlf(&p, end)) < 0) return r;
    if ((r = read_fields(&p, end, max_fields, out)) < 0) return r;
    return (int)(p - buf);
}

int http1_parse_trailers(const char *buf, size_t len, size_t last, unsigned max_fields, struct http1_head *out) {
    // The blank line may be all there is, so the shortcut needs at least one line before it.
    if (last > 2 && !may_be_complete(buf, len, last)) return HTTP1_PARTIAL;
    const char *p = buf, *end = buf + len;
    int r = read_fields(&p, end, max_fields, out);
    return r < 0 ? r : (int)(p - buf);
}
