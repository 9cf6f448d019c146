#include "cache_vary.h"

#include "cache_fields.h"

struct out {
    char *p, *end;
    bool full;
};

static void put(struct out *o, const char *p, size_t n) {
    if ((size_t)(o->end - o->p) < n) o->full = true;
    if (o->full || !n) return;
    memcpy(o->p, p, n);
    o->p += n;
}

/** The values of a field in one line: elements of lists without the white space around them. */
static void put_values(struct out *o, const struct http1_head *request, struct span name, const struct cache_shown *shown) {
    bool any = false;
    if (!cache_fields_shows(name, shown)) return;
    for (unsigned i = 0; i < request->count; i++) {
        struct span rest = request->fields[i].value, item;
        if (!span_ieq(request->fields[i].name, name)) continue;
        for (; span_next(&rest, &item); any = true) {
            if (any) put(o, ",", 1);
            put(o, item.p, item.n);
        }
        // Empty is not absent.
        if (!any) put(o, ",", 1);
    }
}

static void put_line(struct out *o, const struct http1_head *request, struct span name, const struct cache_shown *shown) {
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] | 32) : name.p[i];
        put(o, &c, 1);
    }
    put(o, ": ", 2);
    put_values(o, request, name, shown);
    put(o, "\n", 1);
}

static int by_name(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    int order = strncasecmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/** Names of all Vary fields, sorted, each once. -1: "*", no names, or too many. */
static int read_names(const struct http1_head *answer, struct span names[CACHE_VARY_NAMES]) {
    unsigned n = 0, kept = 0;
    for (unsigned i = 0; i < answer->count; i++) {
        struct span rest = answer->fields[i].value, item;
        if (!span_ieq(answer->fields[i].name, SPAN("vary"))) continue;
        while (span_next(&rest, &item)) {
            for (size_t k = 0; k < item.n; k++)
                if (!http1_is_token_char((unsigned char)item.p[k]) || item.p[k] == '*') return -1;
            if (n == CACHE_VARY_NAMES) return -1;
            names[n++] = item;
        }
    }
    qsort(names, n, sizeof *names, by_name);
    for (unsigned i = 0; i < n; i++)
        if (!kept || by_name(&names[kept - 1], &names[i]) != 0) names[kept++] = names[i];
    return (int)kept;
}

int cache_vary_write(char out[CACHE_VARY_BYTES], const struct http1_head *answer, const struct http1_head *request, const struct cache_shown *shown) {
    struct span names[CACHE_VARY_NAMES];
    struct out o = {out, out + CACHE_VARY_BYTES, false};
    int count = read_names(answer, names);
    for (int i = 0; i < count; i++) put_line(&o, request, names[i], shown);
    return count < 0 || o.full ? -1 : (int)(o.p - out);
}

bool cache_vary_matches(struct span variant, const struct http1_head *request, const struct cache_shown *shown) {
    char line[CACHE_VARY_BYTES];
    while (variant.n) {
        const char *end = memchr(variant.p, '\n', variant.n), *colon = memchr(variant.p, ':', variant.n);
        if (!end || !colon || colon > end) return false;
        struct out o = {line, line + sizeof line, false};
        put_line(&o, request, (struct span){variant.p, (size_t)(colon - variant.p)}, shown);
        size_t n = (size_t)(end - variant.p) + 1;
        if (o.full || (size_t)(o.p - line) != n || memcmp(line, variant.p, n) != 0) return false;
        variant.p += n;
        variant.n -= n;
    }
    return true;
}
