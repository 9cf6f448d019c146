#include "cache_condition.h"

#include "cache_date.h"
#include "cache_policy.h"

/** The opaque part of an entity tag, quotes included. */
static struct span opaque(struct span tag) {
    return tag.n > 2 && tag.p[0] == 'W' && tag.p[1] == '/' ? (struct span){tag.p + 2, tag.n - 2} : tag;
}

/** The next entity tag of a list; commas may stand inside the quotes. */
static bool next_tag(struct span *rest, struct span *tag) {
    while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t' || rest->p[0] == ',')) rest->p++, rest->n--;
    if (!rest->n) return false;
    size_t n = 0;
    for (bool quoted = false; n < rest->n && (quoted || rest->p[n] != ','); n++)
        if (rest->p[n] == '"') quoted = !quoted;
    *tag = span_trim((struct span){rest->p, n});
    rest->p += n;
    rest->n -= n;
    return true;
}

static bool any_matches(const struct http1_head *request, struct span etag) {
    for (unsigned i = 0; i < request->count; i++) {
        if (!span_ieq(request->fields[i].name, SPAN("if-none-match"))) continue;
        struct span rest = request->fields[i].value, tag;
        if (span_eq(rest, SPAN("*"))) return true;
        while (next_tag(&rest, &tag))
            if (etag.n && span_eq(opaque(tag), opaque(etag))) return true;
    }
    return false;
}

bool cache_condition_not_modified(const struct http1_head *request, const struct http1_head *stored, int64_t now) {
    const struct http1_field *since = cache_field(request, SPAN("if-modified-since")), *etag = cache_field(stored, SPAN("etag"));
    // Only of a success is the client's copy a copy (RFC 9110 13.2.1).
    if (stored->status != 200 && stored->status != 203) return false;
    if (cache_field(request, SPAN("if-none-match"))) return any_matches(request, etag ? etag->value : (struct span){"", 0});
    const struct http1_field *modified = cache_field(stored, SPAN("last-modified"));
    int64_t asked, changed;
    if (!since || !cache_date_read(since->value, now, &asked)) return false;
    if (!modified) modified = cache_field(stored, SPAN("date"));
    return modified && cache_date_read(modified->value, now, &changed) && changed <= asked;
}

static bool read_number(struct span s, uint64_t *out) {
    uint64_t v = 0;
    if (!s.n) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        // Saturates: beyond any length is beyond any length.
        v = v > UINT64_MAX / 16 ? UINT64_MAX / 8 : v * 10 + (unsigned)(s.p[i] - '0');
    }
    *out = v;
    return true;
}

enum cache_ranged cache_range_read(struct span value, uint64_t length, struct cache_range *out) {
    if (value.n < 6 || strncasecmp(value.p, "bytes=", 6) != 0) return CACHE_WHOLE;
    struct span spec = span_trim((struct span){value.p + 6, value.n - 6});
    const char *dash = spec.n ? memchr(spec.p, '-', spec.n) : NULL;
    if (!dash || memchr(spec.p, ',', spec.n)) return CACHE_WHOLE;
    struct span first = {spec.p, (size_t)(dash - spec.p)}, last = {dash + 1, spec.n - first.n - 1};
    uint64_t from = 0, to = length - 1;
    if (!first.n) {
        uint64_t suffix;
        if (!read_number(last, &suffix)) return CACHE_WHOLE;
        if (!suffix || !length) return CACHE_UNSATISFIABLE;
        *out = (struct cache_range){suffix < length ? length - suffix : 0, length};
        return CACHE_PART;
    }
    if (!read_number(first, &from) || (last.n && !read_number(last, &to)) || (last.n && to < from)) return CACHE_WHOLE;
    if (from >= length) return CACHE_UNSATISFIABLE;
    *out = (struct cache_range){from, to < length - 1 ? to + 1 : length};
    return CACHE_PART;
}

/** If-Range: the range only counts while the client's part is of this very representation (strong comparison). */
static bool range_counts(const struct http1_head *request, const struct http1_head *stored, int64_t now) {
    const struct http1_field *f = cache_field(request, SPAN("if-range"));
    if (!f) return true;
    if (memchr(f->value.p, '"', f->value.n)) {
        const struct http1_field *etag = cache_field(stored, SPAN("etag"));
        return etag && f->value.p[0] == '"' && span_eq(f->value, etag->value);
    }
    const struct http1_field *modified = cache_field(stored, SPAN("last-modified"));
    int64_t a, b;
    return modified && cache_date_read(f->value, now, &a) && cache_date_read(modified->value, now, &b) && a == b;
}

enum cache_ranged cache_condition_range(const struct http1_head *request, const struct http1_head *stored, uint64_t length, int64_t now, struct cache_range *out) {
    const struct http1_field *range = cache_field(request, SPAN("range"));
    if (!range || stored->status != 200 || !range_counts(request, stored, now)) return CACHE_WHOLE;
    return cache_range_read(range->value, length, out);
}
