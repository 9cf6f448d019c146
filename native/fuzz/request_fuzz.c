/** @file request_fuzz.c Request heads: parse, frame, rewrite. What comes out of the rewriting must parse again, alike. */
#include "forwarded.h"
#include "rewrite.h"
#include "sticky.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http1_head head, again;
static struct framing framing, framing_again;

static void check_inside(struct span s, const char *buf, size_t n) { BUG_ON(s.n && (s.p < buf || s.p + s.n > buf + n)); }

static void rewrite(int used) {
    struct rewrite_request how = {.client = SPAN("127.0.0.1"), .fallback_host = SPAN("node:1"), .exchange_field = SPAN("x-id"), .trusted = used % 2};
    size_t bound = rewrite_request_bound((size_t)used, &head, &framing, &how);
    char *out = base_alloc(bound);
    size_t n = rewrite_request_head(out, &head, &framing, &how);
    BUG_ON(n > bound);
    BUG_ON(http1_parse_request(out, n, 0, HTTP1_FIELDS_MAX, &again) != (int)n);
    BUG_ON(framing_request(&again, &framing_again) != 0);
    BUG_ON(framing_again.body != framing.body || framing_again.length != framing.length);
    BUG_ON(!span_eq(framing_again.target, framing.target));
    unsigned written = 0, claims = 0;
    for (unsigned i = 0; i < again.count; i++) {
        enum http1_field_id id = again.fields[i].id;
        written += id == FIELD_FORWARDED || id == FIELD_X_FORWARDED_FOR || id == FIELD_X_FORWARDED_HOST || id == FIELD_X_FORWARDED_PROTO;
        claims += id == FIELD_CLAIM || id == FIELD_PROXY;
    }
    BUG_ON(written != 4 || (!how.trusted && claims));
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *buf = (const char *)data;
    int used = http1_parse_request(buf, size, 0, HTTP1_FIELDS_MAX - 8, &head);
    BUG_ON(used > 0 && (size_t)used > size);
    // Having seen an incomplete part before changes how fast an answer is found, never which.
    bool partial = http1_parse_request(buf, size / 2, 0, HTTP1_FIELDS_MAX - 8, &head) == HTTP1_PARTIAL;
    int hinted = http1_parse_request(buf, size, partial ? size / 2 : 0, HTTP1_FIELDS_MAX - 8, &head);
    BUG_ON((used > 0) != (hinted > 0));
    if (used <= 0) return 0;
    check_inside(head.method, buf, size);
    check_inside(head.target, buf, size);
    for (unsigned i = 0; i < head.count; i++) {
        check_inside(head.fields[i].name, buf, size);
        check_inside(head.fields[i].value, buf, size);
    }
    BUG_ON(memchr(buf, 0, (size_t)used));
    check_inside(forwarded_client(&head), buf, size);
    sticky_read(&head, SPAN("a"));
    if (framing_request(&head, &framing) == 0) rewrite(used);
    return 0;
}
