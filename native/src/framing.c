#include "framing.h"

/** Digits only. false: anything else, or more than 2^63 - 1. */
static bool read_length(struct span s, uint64_t *out) {
    uint64_t v = 0;
    if (!s.n || s.n > 19) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        v = v * 10 + (unsigned)(s.p[i] - '0');
    }
    *out = v;
    return v <= INT64_MAX;
}

/** What a first pass over the fields collects. */
struct seen {
    unsigned lengths, codings, hosts;
    struct span length, coding, host, upgrade;
    bool close, keep, upgrade_option, expects, expects_other, disguised;
};

static bool read_connection(struct span value, struct seen *seen, struct framing *out) {
    struct span option;
    while (span_next(&value, &option)) {
        for (size_t i = 0; i < option.n; i++)
            if (!http1_is_token_char((unsigned char)option.p[i])) return false;
        if (span_ieq(option, SPAN("close"))) seen->close = true;
        else if (span_ieq(option, SPAN("keep-alive"))) seen->keep = true;
        else if (span_ieq(option, SPAN("upgrade"))) seen->upgrade_option = true;
        else if (out->nominated_count == FRAMING_NOMINATED_MAX) return false;
        else out->nominated[out->nominated_count++] = option;
    }
    return true;
}

static bool collect(const struct http1_head *head, struct seen *seen, struct framing *out) {
    *seen = (struct seen){0};
    // Not a compound literal: the nominated array needs no clearing for every message.
    out->body = BODY_NONE;
    out->length = 0;
    out->keep_alive = out->expect_continue = false;
    out->upgrade = out->host = out->target = (struct span){"", 0};
    out->nominated_count = 0;
    for (unsigned i = 0; i < head->count; i++) {
        const struct http1_field *f = &head->fields[i];
        switch (f->id) {
            case FIELD_CONTENT_LENGTH: seen->lengths++, seen->length = f->value; break;
            case FIELD_TRANSFER_ENCODING: seen->codings++, seen->coding = f->value; break;
            case FIELD_DISGUISED: seen->disguised = true; break;
            case FIELD_HOST: seen->hosts++, seen->host = f->value; break;
            case FIELD_UPGRADE: seen->upgrade = f->value; break;
            case FIELD_EXPECT:
                seen->expects = true;
                if (!span_ieq(f->value, SPAN("100-continue"))) seen->expects_other = true;
                break;
            case FIELD_CONNECTION:
                if (!read_connection(f->value, seen, out)) return false;
                break;
            default: break;
        }
    }
    out->keep_alive = head->minor >= 1 ? !seen->close : seen->keep && !seen->close;
    return true;
}

/** uri-host [":" port] by alphabet: no user info, no path, nothing that another reader could cut elsewhere. */
static bool valid_host(struct span host) {
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  memchr("-._~!$&'()*+;=:[]%", c, 18);
        if (!ok) return false;
    }
    const char *colon = host.n ? memchr(host.p, ':', host.n) : NULL;
    if (host.n && host.p[0] == '[') {
        const char *close = memchr(host.p, ']', host.n);
        if (!close) return false;
        colon = close + 1 < host.p + host.n ? close + 1 : NULL;
        if (colon && *colon != ':') return false;
    }
    if (colon == host.p) return false;
    if (colon)
        for (const char *p = colon + 1; p < host.p + host.n; p++)
            if (*p < '0' || *p > '9') return false;
    return true;
}

/** Splits an absolute-form target (RFC 9112 3.2.2); origin and asterisk form stay as they are. */
static bool read_target(const struct http1_head *head, struct framing *out) {
    struct span t = head->target;
    out->target = t;
    if (t.p[0] == '/') return true;
    if (t.n == 1 && t.p[0] == '*') return span_eq(head->method, SPAN("OPTIONS"));
    size_t scheme = t.n > 7 && strncasecmp(t.p, "http://", 7) == 0 ? 7 : t.n > 8 && strncasecmp(t.p, "https://", 8) == 0 ? 8 : 0;
    if (!scheme) return false;
    const char *authority = t.p + scheme, *end = t.p + t.n, *path = authority;
    while (path < end && *path != '/' && *path != '?') path++;
    out->host = (struct span){authority, (size_t)(path - authority)};
    if (!out->host.n || !valid_host(out->host)) return false;
    if (path < end && *path == '?') return false;  // an empty path would have to be invented
    out->target = path < end ? (struct span){path, (size_t)(end - path)} : SPAN("/");
    return true;
}

/** Shared by both directions: length against coding. 0 or a status. */
static int read_body(const struct http1_head *head, const struct seen *seen, struct framing *out) {
    if (seen->codings) {
        if (seen->lengths || head->minor == 0 || seen->codings > 1) return 400;
        if (!span_ieq(seen->coding, SPAN("chunked"))) {
            // "gzip, chunked" is legal but nobody speaks it; "chunked, chunked" and friends are attacks.
            struct span rest = seen->coding, item;
            while (span_next(&rest, &item))
                if (span_ieq(item, SPAN("chunked"))) return 400;
            return seen->coding.n && http1_is_token_char((unsigned char)seen->coding.p[0]) ? 501 : 400;
        }
        out->body = BODY_CHUNKED;
    } else if (seen->lengths) {
        if (seen->lengths > 1 || !read_length(seen->length, &out->length)) return 400;
        out->body = out->length ? BODY_LENGTH : BODY_NONE;
    }
    return 0;
}

int framing_request(const struct http1_head *head, struct framing *out) {
    struct seen seen;
    if (!collect(head, &seen, out) || seen.disguised) return 400;
    if (span_eq(head->method, SPAN("CONNECT"))) return 501;
    if (!read_target(head, out)) return 400;
    if (seen.hosts > 1 || (seen.hosts == 0 && head->minor >= 1)) return 400;
    if (seen.hosts && (!seen.host.n || !valid_host(seen.host))) return 400;
    if (!out->host.n) out->host = seen.host;
    int refused = read_body(head, &seen, out);
    if (refused) return refused;
    if (seen.expects && head->minor >= 1) {
        if (seen.expects_other) return 417;
        out->expect_continue = out->body != BODY_NONE;
    }
    // h2c would open a tunnel that nobody looks into; an upgrade with a body has no agreed meaning.
    if (seen.upgrade_option && head->minor >= 1 && out->body == BODY_NONE && seen.upgrade.n &&
        !span_ieq(seen.upgrade, SPAN("h2c")) && !memchr(seen.upgrade.p, ',', seen.upgrade.n))
        out->upgrade = seen.upgrade;
    return 0;
}

bool framing_response(const struct http1_head *head, bool to_head, struct framing *out) {
    struct seen seen;
    if (!collect(head, &seen, out)) return false;
    if (read_body(head, &seen, out) != 0) return false;
    if (seen.upgrade_option) out->upgrade = seen.upgrade;
    if (to_head || head->status < 200 || head->status == 204 || head->status == 304) out->body = BODY_NONE;
    else if (!seen.lengths && !seen.codings) out->body = BODY_UNTIL_CLOSE;
    if (out->body == BODY_UNTIL_CLOSE) out->keep_alive = false;
    return true;
}

/** What whoever sends the message can not wish away: others rely on it. */
static bool is_kept(struct span name) {
    switch (http1_field_id(name)) {
        case FIELD_HOST: case FIELD_CONTENT_LENGTH: case FIELD_TRANSFER_ENCODING: case FIELD_EXPECT: case FIELD_DATE: case FIELD_FORWARDED:
        case FIELD_X_FORWARDED_FOR: case FIELD_X_FORWARDED_HOST: case FIELD_X_FORWARDED_PROTO: case FIELD_CLAIM:
            return true;
        default: break;
    }
    return span_ieq(name, SPAN("content-type")) || span_ieq(name, SPAN("cookie")) || span_ieq(name, SPAN("set-cookie")) ||
           span_ieq(name, SPAN("authorization"));
}

bool framing_nominates(const struct framing *f, struct span name) {
    if (LIKELY(!f->nominated_count)) return false;
    for (unsigned i = 0; i < f->nominated_count; i++)
        if (span_ieq(name, f->nominated[i])) return !is_kept(name);
    return false;
}
