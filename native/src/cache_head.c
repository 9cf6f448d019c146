#include "cache_head.h"

#include "cache_fields.h"

struct writer {
    char *p, *start;
};

static void put(struct writer *w, struct span s) {
    memcpy(w->p, s.p, s.n);
    w->p += s.n;
}

static void put_field(struct writer *w, const struct http1_field *f) {
    put(w, f->name);
    put(w, SPAN(": "));
    put(w, f->value);
    put(w, SPAN("\r\n"));
}

static size_t bound_of(const struct http1_head *head) {
    size_t n = 128 + head->reason.n;
    for (unsigned i = 0; i < head->count; i++) n += head->fields[i].name.n + head->fields[i].value.n + 4;
    return n;
}

static void put_fields(struct writer *w, const struct http1_head *answer, const struct framing *f, bool in_304) {
    for (unsigned i = 0; i < answer->count; i++) {
        const struct http1_field *field = &answer->fields[i];
        if (cache_fields_in_304(field->name) == in_304 && cache_fields_stores(field, f)) put_field(w, field);
    }
}

bool cache_head_store(struct cache_object *o, const struct http1_head *answer, const struct framing *f, const struct http1_head *request, const struct cache_shown *shown, struct span date) {
    char variant[CACHE_VARY_BYTES];
    int n = cache_vary_write(variant, answer, request, shown);
    if (n < 0) return false;
    o->variant = base_dup(variant, (size_t)n);
    o->variant_size = (uint32_t)n;
    o->status = answer->status;
    o->head = base_alloc(bound_of(answer) + date.n);
    struct writer w = {o->head, o->head};
    char status[] = "HTTP/1.1 000 ";
    for (int i = 2, v = answer->status; i >= 0; i--, v /= 10) status[9 + i] = (char)('0' + v % 10);
    put(&w, span_of(status));
    put(&w, answer->reason);
    put(&w, SPAN("\r\n"));
    put_fields(&w, answer, f, true);
    if (!cache_field(answer, SPAN("date"))) put_field(&w, &(struct http1_field){.name = SPAN("Date"), .value = date});
    o->head_304_size = (uint32_t)(w.p - w.start);
    put_fields(&w, answer, f, false);
    o->head_size = (uint32_t)(w.p - w.start);
    put(&w, SPAN("\r\n"));  // so that it parses
    return true;
}

void cache_head_parse(const struct cache_object *o, struct http1_head *out) {
    BUG_ON(http1_parse_response(o->head, o->head_size + 2u, 0, HTTP1_FIELDS_MAX, out) < 0);
}

/** Whether both name a representation, and not the same one. */
static bool differs(const struct http1_head *a, const struct http1_head *b) {
    const struct http1_field *x = cache_field(a, SPAN("etag")), *y = cache_field(b, SPAN("etag"));
    return x && y && !span_eq(x->value, y->value);
}

bool cache_head_update(struct http1_head *out, const struct cache_object *stored, const struct http1_head *not_modified, const struct framing *f) {
    struct http1_head old;
    cache_head_parse(stored, &old);
    if (differs(&old, not_modified)) return false;
    out->status = old.status;
    out->reason = old.reason;
    out->minor = 1;
    out->count = 0;
    for (unsigned i = 0; i < old.count; i++) {
        const struct http1_field *replaced = cache_field(not_modified, old.fields[i].name);
        if (!replaced || !cache_fields_updates(replaced, f)) out->fields[out->count++] = old.fields[i];
    }
    for (unsigned i = 0; i < not_modified->count && out->count < HTTP1_FIELDS_MAX; i++) {
        const struct http1_field *field = &not_modified->fields[i];
        // The age is not stored, but the 304's counts for its freshness.
        if (cache_fields_updates(field, f) || span_ieq(field->name, SPAN("age"))) out->fields[out->count++] = *field;
    }
    return true;
}

size_t cache_head_bound(const struct cache_object *o) { return o->head_size + 512u; }

static void put_number(struct writer *w, const char *format, unsigned long long v) {
    int n = snprintf(w->p, 64, format, v);
    w->p += n;
}

static void put_status(struct writer *w, const struct cache_object *o, int status) {
    size_t line = (size_t)((char *)memchr(o->head, '\n', o->head_size) - o->head) + 1;
    switch (status) {
        case 206: put(w, SPAN("HTTP/1.1 206 Partial Content\r\n")); break;
        case 304: put(w, SPAN("HTTP/1.1 304 Not Modified\r\n")); break;
        case 416: put(w, SPAN("HTTP/1.1 416 Range Not Satisfiable\r\n")); break;
        default: put(w, (struct span){o->head, line});
    }
    put(w, (struct span){o->head + line, (status == 304 || status == 416 ? o->head_304_size : o->head_size) - line});
}

size_t cache_head_write(char *out, const struct cache_object *o, const struct cache_head_reply *r) {
    struct writer w = {out, out};
    put_status(&w, o, r->status);
    put_number(&w, "Age: %llu\r\n", (unsigned long long)r->age);
    if (r->status == 206) {
        put_number(&w, "Content-Range: bytes %llu-", r->from);
        put_number(&w, "%llu/", r->from + r->length - 1);
        put_number(&w, "%llu\r\n", r->whole);
    }
    if (r->status == 416) put_number(&w, "Content-Range: bytes */%llu\r\n", r->whole);
    if (r->length != CACHE_NO_LENGTH && r->status != 304 && o->status != 204) put_number(&w, "Content-Length: %llu\r\n", r->length);
    put(&w, SPAN("Cache-Status: dharma; "));
    put(&w, r->how);
    put(&w, SPAN("\r\n"));
    if (r->chunked) put(&w, SPAN("Transfer-Encoding: chunked\r\n"));
    if (r->close) put(&w, SPAN("Connection: close\r\n"));
    else if (r->keep_alive_1_0) put(&w, SPAN("Connection: keep-alive\r\n"));
    put(&w, SPAN("\r\n"));
    return (size_t)(w.p - w.start);
}
