#include "test.h"

#include "../src/rewrite.c"

static struct http1_head head;
static struct framing f;

/** Rewrites into memory of exactly the promised size, so that the sanitizer sees a bound that is too small. */
static char *rewrite(const char *text, struct rewrite_request how) {
    int n = http1_parse_request(text, strlen(text), 0, 100, &head);
    CHECK(n > 0 && framing_request(&head, &f) == 0);
    size_t bound = rewrite_request_bound((size_t)n, &head, &f, &how);
    char *out = base_alloc(bound + 1);
    size_t used = rewrite_request_head(out, &head, &f, &how);
    CHECK(used <= bound);
    out[used] = 0;
    return out;
}

static void rewrites_in_order(void) {
    char *out = rewrite("PUT /x HTTP/1.1\r\nA: 1\r\nConnection: B\r\nB: 2\r\nC:  3 \r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
                        (struct rewrite_request){.client = SPAN("9.9.9.9"), .exchange_field = SPAN("x-id"), .exchange_id = 0x1f});
    CHECK(strcmp(out, "PUT /x HTTP/1.1\r\nHost: h\r\nA: 1\r\nC:  3 \r\nTransfer-Encoding: chunked\r\nX-Forwarded-For: 9.9.9.9\r\n"
                      "X-Forwarded-Host: h\r\nX-Forwarded-Proto: http\r\nForwarded: for=9.9.9.9;host=\"h\";proto=http\r\nx-id: 000000000000001f\r\n\r\n") == 0);
    free(out);
}

/** llhttp refuses a tab behind the digits: found by comparing parsers (test/native/proxy-differential.test.ts). */
static void the_length_is_written_anew(void) {
    char *out = rewrite("PUT /x HTTP/1.1\r\nHost: h\r\nA: 1\t\r\ncontent-length:\t3 \t\r\nB: 2\r\n\r\n", (struct rewrite_request){.client = SPAN("9.9.9.9")});
    CHECK(strstr(out, "\r\nA: 1\t\r\ncontent-length: 3\r\nB: 2\r\n"));
    free(out);
    out = rewrite("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length:0200\r\n\r\n", (struct rewrite_request){.client = SPAN("9.9.9.9")});
    CHECK(strstr(out, "\r\nContent-Length: 200\r\n"));
    free(out);
    out = rewrite("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length:00\r\n\r\n", (struct rewrite_request){.client = SPAN("9.9.9.9")});
    CHECK(strstr(out, "\r\nContent-Length: 0\r\n"));
    free(out);
}

static void stays_within_its_bound_at_the_worst(void) {
    // A Host as long as the head, and many small X-Forwarded-For of a trusted peer.
    char text[8192] = "GET / HTTP/1.1\r\nHost: ";
    size_t n = strlen(text);
    memset(text + n, 'h', 4000);
    n += 4000;
    n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
    for (int i = 0; i < 50; i++) n += (size_t)snprintf(text + n, sizeof text - n, "x-forwarded-for:1\r\n");
    snprintf(text + n, sizeof text - n, "\r\n");
    free(rewrite(text, (struct rewrite_request){.client = SPAN("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), .trusted = true, .exchange_field = SPAN("x")}));
    free(rewrite("GET / HTTP/1.0\r\n\r\n", (struct rewrite_request){.client = SPAN("1"), .fallback_host = SPAN("127.0.0.1:9001")}));
}

static void answers_stay_within_their_bound(void) {
    static const struct rewrite_response hows[] = {{.chunked = true, .close = true}, {.keep_alive_1_0 = true}, {.drop_length = true}};
    for (size_t i = 0; i < COUNT_OF(hows); i++) {
        struct rewrite_response how = hows[i];
        how.date = SPAN("Sun, 06 Nov 1994 08:49:37 GMT");
        const char *text = "HTTP/1.1 200 \r\n\r\n";
        int n = http1_parse_response(text, strlen(text), 0, 10, &head);
        CHECK(framing_response(&head, false, &f));
        size_t bound = rewrite_response_bound((size_t)n);
        char *out = base_alloc(bound);
        CHECK(rewrite_response_head(out, &head, &f, &how) <= bound);
        free(out);
    }
}

static void trailers_lose_what_may_not_trail(void) {
    const char *text = "A: 1\r\nContent-Length: 5\r\nHost: x\r\nSet-Cookie: a\r\nB: 2\r\n\r\n";
    char out[128];
    CHECK(http1_parse_trailers(text, strlen(text), 0, 32, &head) > 0);
    size_t n = rewrite_trailers(out, &head);
    CHECK(n == 14 && memcmp(out, "A: 1\r\nB: 2\r\n\r\n", 14) == 0);
}

TEST_MAIN(rewrites_in_order, the_length_is_written_anew, stays_within_its_bound_at_the_worst, answers_stay_within_their_bound, trailers_lose_what_may_not_trail)
