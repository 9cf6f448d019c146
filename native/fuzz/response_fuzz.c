/** @file response_fuzz.c Response heads, and trailer sections: parse, frame, rewrite. */
#include "rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http1_head head, again;
static struct framing framing;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *buf = (const char *)data;
    int used = http1_parse_response(buf, size, 0, HTTP1_FIELDS_MAX - 8, &head);
    bool partial = http1_parse_response(buf, size / 2, 0, HTTP1_FIELDS_MAX - 8, &head) == HTTP1_PARTIAL;
    int hinted = http1_parse_response(buf, size, partial ? size / 2 : 0, HTTP1_FIELDS_MAX - 8, &head);
    BUG_ON((used > 0) != (hinted > 0));
    if (used > 0 && framing_response(&head, size % 2, &framing) && head.status != 101) {
        struct rewrite_response how = {.chunked = framing.body == BODY_CHUNKED, .drop_length = framing.body == BODY_CHUNKED, .date = SPAN("Sun, 06 Nov 1994 08:49:37 GMT")};
        size_t bound = rewrite_response_bound((size_t)used);
        char *out = base_alloc(bound);
        size_t n = rewrite_response_head(out, &head, &framing, &how);
        BUG_ON(n > bound || http1_parse_response(out, n, 0, HTTP1_FIELDS_MAX, &again) != (int)n || again.status != head.status);
        free(out);
    }
    used = http1_parse_trailers(buf, size, 0, 32, &head);
    if (used > 0) {
        char *out = base_alloc((size_t)used);
        BUG_ON(rewrite_trailers(out, &head) > (size_t)used);
        free(out);
    }
    return 0;
}
