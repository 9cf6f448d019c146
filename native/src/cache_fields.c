#include "cache_fields.h"

#include "rewrite.h"

static bool is_among(struct span name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (span_ieq(name, span_of(names[i]))) return true;
    return false;
}

bool cache_fields_shows(struct span name, const struct cache_shown *shown) {
    static const char *const plain[] = {
        "accept", "accept-charset", "accept-encoding", "accept-language", "access-control-request-headers", "access-control-request-method",
        "cache-control", "content-encoding", "content-language", "content-length", "content-md5", "content-range", "content-type", "date",
        "expect", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "origin", "pragma", "range",
        "traceparent", "user-agent",
    };
    return is_among(name, plain, COUNT_OF(plain)) || is_among(name, shown->names, shown->count);
}

void cache_fields_hide(struct http1_head *head, const struct cache_shown *shown) {
    unsigned kept = 0;
    for (unsigned i = 0; i < head->count; i++) {
        const struct http1_field *f = &head->fields[i];
        // What the proxy reads itself is dealt with where heads are rewritten.
        if (f->id == FIELD_OTHER && !cache_fields_shows(f->name, shown)) continue;
        head->fields[kept++] = *f;
    }
    head->count = kept;
}

bool cache_fields_stores(const struct http1_field *f, const struct framing *framing) {
    // The length is told anew, the age is reckoned anew, and what authenticates one client is not for others.
    static const char *const never[] = {"age", "proxy-authenticate", "proxy-authentication-info", "authentication-info"};
    struct rewrite_response how = {.drop_length = true};
    return !rewrite_drops_response_field(f, framing, &how) && f->id != FIELD_TRAILER && !is_among(f->name, never, COUNT_OF(never));
}

bool cache_fields_in_304(struct span name) {
    static const char *const metadata[] = {"content-type", "content-encoding", "content-language", "content-range", "last-modified"};
    return !is_among(name, metadata, COUNT_OF(metadata));
}

bool cache_fields_updates(const struct http1_field *f, const struct framing *framing) {
    static const char *const fixed[] = {"content-encoding", "content-type", "content-range", "content-md5", "content-location"};
    return cache_fields_stores(f, framing) && !is_among(f->name, fixed, COUNT_OF(fixed));
}
