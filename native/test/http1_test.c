#include "test.h"

#include "../src/http1.c"

static struct http1_head head;

static int parse(const char *text) { return http1_parse_request(text, strlen(text), 0, 100, &head); }

static void reads_a_request(void) {
    const char *text = "GET /a?b HTTP/1.1\r\nHost: x \r\nX-Empty:\r\ncontent-LENGTH:\t5\r\n\r\nrest";
    CHECK(parse(text) == (int)strlen(text) - 4);
    CHECK(span_eq(head.method, SPAN("GET")) && span_eq(head.target, SPAN("/a?b")) && head.minor == 1 && head.count == 3);
    CHECK(span_eq(head.fields[0].value, SPAN("x")) && head.fields[0].id == FIELD_HOST);
    CHECK(head.fields[1].value.n == 0 && head.fields[1].id == FIELD_OTHER);
    CHECK(span_eq(head.fields[2].value, SPAN("5")) && head.fields[2].id == FIELD_CONTENT_LENGTH);
}

/** Whatever the cut, a prefix is incomplete and never bad, and the rest makes it whole. */
static void every_prefix_is_partial(void) {
    const char *text = "\r\nPOST /long/target HTTP/1.0\r\nHost: example\r\nX-A: b c\r\n\r\n";
    size_t n = strlen(text);
    for (size_t cut = 0; cut < n; cut++) {
        CHECK(http1_parse_request(text, cut, 0, 100, &head) == HTTP1_PARTIAL);
        CHECK(http1_parse_request(text, n, cut, 100, &head) == (int)n);
    }
    size_t last = 0;
    for (size_t cut = 1; cut < n; last = cut++) CHECK(http1_parse_request(text, cut, last, 100, &head) == HTTP1_PARTIAL);
    CHECK(http1_parse_request(text, n, last, 100, &head) == (int)n);
}

static void response_prefixes_are_partial(void) {
    const char *text = "HTTP/1.1 200 Very Fine\r\nA: b\r\n\r\n";
    size_t n = strlen(text);
    for (size_t cut = 0; cut < n; cut++) CHECK(http1_parse_response(text, cut, 0, 100, &head) == HTTP1_PARTIAL);
    CHECK(http1_parse_response(text, n, n - 1, 100, &head) == (int)n);
    CHECK(head.status == 200 && span_eq(head.reason, SPAN("Very Fine")));
}

static void reads_odd_but_legal_answers(void) {
    CHECK(http1_parse_response("HTTP/1.1 204 \r\n\r\n", 17, 0, 100, &head) == 17 && head.reason.n == 0);
    CHECK(http1_parse_response("HTTP/1.1 204\r\n\r\n", 16, 0, 100, &head) == 16 && head.status == 204);
    CHECK(http1_parse_response("HTTP/1.0 999 \xc3\xa9\r\n\r\n", 19, 0, 100, &head) == 19 && head.minor == 0);
}

static void refuses_a_bare_lf_also_when_it_comes_late(void) {
    const char *text = "GET / HTTP/1.1\r\nHost: a\n\n";
    for (size_t last = 0; last < strlen(text) - 2; last++) CHECK(http1_parse_request(text, strlen(text), last, 100, &head) == HTTP1_BAD);
}

static void counts_fields(void) {
    CHECK(http1_parse_request("GET / HTTP/1.1\r\na:1\r\nb:2\r\n\r\n", 28, 0, 2, &head) == 28);
    CHECK(http1_parse_request("GET / HTTP/1.1\r\na:1\r\nb:2\r\n\r\n", 28, 0, 1, &head) == HTTP1_MANY);
}

static void knows_fields_in_any_case(void) {
    static const struct { const char *name; enum http1_field_id id; } known[] = {
        {"TE", FIELD_TE}, {"hOST", FIELD_HOST}, {"Date", FIELD_DATE}, {"EXPECT", FIELD_EXPECT}, {"Upgrade", FIELD_UPGRADE},
        {"Trailer", FIELD_TRAILER}, {"connection", FIELD_CONNECTION}, {"Keep-Alive", FIELD_KEEP_ALIVE},
        {"Content-Length", FIELD_CONTENT_LENGTH}, {"HTTP2-Settings", FIELD_HTTP2_SETTINGS}, {"X-Forwarded-For", FIELD_X_FORWARDED_FOR},
        {"Proxy-Connection", FIELD_PROXY_CONNECTION}, {"X-Forwarded-Host", FIELD_X_FORWARDED_HOST},
        {"Transfer-Encoding", FIELD_TRANSFER_ENCODING}, {"X-Forwarded-Proto", FIELD_X_FORWARDED_PROTO},
        {"Hos", FIELD_OTHER}, {"Hosts", FIELD_OTHER}, {"Content_Length", FIELD_DISGUISED}, {"TRANSFER_ENCODING", FIELD_DISGUISED}, {"Content-_Length", FIELD_OTHER}, {"Forwarded", FIELD_FORWARDED}, {"Proxy", FIELD_PROXY}, {"X-Real_IP", FIELD_CLAIM}, {"Transfer\xc5\xbf" "ncoding", FIELD_OTHER}};
    for (size_t i = 0; i < COUNT_OF(known); i++) CHECK(http1_field_id(span_of(known[i].name)) == known[i].id);
}

static void reads_trailers(void) {
    CHECK(http1_parse_trailers("\r\n", 2, 0, 32, &head) == 2 && head.count == 0);
    CHECK(http1_parse_trailers("\r\n", 2, 1, 32, &head) == 2);
    CHECK(http1_parse_trailers("A: b\r\n\r\nX", 9, 5, 32, &head) == 8 && head.count == 1);
    CHECK(http1_parse_trailers("A: b\r\n", 6, 0, 32, &head) == HTTP1_PARTIAL);
}

TEST_MAIN(reads_a_request, every_prefix_is_partial, response_prefixes_are_partial, reads_odd_but_legal_answers,
          refuses_a_bare_lf_also_when_it_comes_late, counts_fields, knows_fields_in_any_case, reads_trailers)
