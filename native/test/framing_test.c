#include "test.h"

#include "../src/framing.c"

static struct http1_head head;
static struct framing f;

static int request(const char *text) {
    CHECK(http1_parse_request(text, strlen(text), 0, 100, &head) > 0);
    return framing_request(&head, &f);
}

static bool response(const char *text, bool to_head) {
    CHECK(http1_parse_response(text, strlen(text), 0, 100, &head) > 0);
    return framing_response(&head, to_head, &f);
}

static void reads_lengths(void) {
    uint64_t v;
    CHECK(read_length(SPAN("0"), &v) && v == 0);
    CHECK(read_length(SPAN("9223372036854775807"), &v) && v == INT64_MAX);
    CHECK(!read_length(SPAN("9223372036854775808"), &v) && !read_length(SPAN(""), &v) && !read_length(SPAN("1a"), &v) &&
          !read_length(SPAN("00000000000000000001"), &v));
}

static void checks_hosts(void) {
    static const char *const good[] = {"a", "a.b-c_d:80", "127.0.0.1:1", "[::1]", "[::1]:80", "a:", "%41"};
    static const char *const bad[] = {"a b", "a/b", "u@h", "a,b", ":80", "a:8x", "[::1", "[::1]x", "a\\b", "\xc3\xa9"};
    for (size_t i = 0; i < COUNT_OF(good); i++) CHECK(valid_host(span_of(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++) CHECK(!valid_host(span_of(bad[i])));
}

static void tells_where_a_request_body_ends(void) {
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0 && f.body == BODY_NONE && f.keep_alive);
    CHECK(request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n") == 0 && f.body == BODY_LENGTH && f.length == 7);
    CHECK(request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") == 0 && f.body == BODY_NONE);
    CHECK(request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n") == 0 && f.body == BODY_CHUNKED);
}

static void tells_whether_the_connection_stays(void) {
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo , CLOSE\r\n\r\n") == 0 && !f.keep_alive && framing_nominates(&f, SPAN("Foo")));
    CHECK(request("GET / HTTP/1.0\r\n\r\n") == 0 && !f.keep_alive);
    CHECK(request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == 0 && f.keep_alive);
    CHECK(request("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n") == 0 && !f.keep_alive);
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n") == 400);
}

static void upgrades_only_what_may_be(void) {
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n") == 0 && span_eq(f.upgrade, SPAN("websocket")));
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n") == 0 && !f.upgrade.n);
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n") == 0 && !f.upgrade.n);
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n") == 0 && !f.upgrade.n);
    CHECK(request("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n") == 0 && !f.upgrade.n);
}

static void reads_targets(void) {
    CHECK(request("GET http://b:1 HTTP/1.1\r\nHost: a\r\n\r\n") == 0 && span_eq(f.host, SPAN("b:1")) && span_eq(f.target, SPAN("/")));
    CHECK(request("GET HTTPS://b/c?d HTTP/1.1\r\nHost: a\r\n\r\n") == 0 && span_eq(f.target, SPAN("/c?d")));
    CHECK(request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == 0 && span_eq(f.target, SPAN("*")));
    CHECK(request("GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(request("GET http:///c HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(request("GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}

static void tells_where_an_answer_ends(void) {
    CHECK(response("HTTP/1.1 200 OK\r\n\r\n", false) && f.body == BODY_UNTIL_CLOSE && !f.keep_alive);
    CHECK(response("HTTP/1.1 200 OK\r\n\r\n", true) && f.body == BODY_NONE && f.keep_alive);
    CHECK(response("HTTP/1.1 304 NM\r\nContent-Length: 9\r\n\r\n", false) && f.body == BODY_NONE);
    CHECK(response("HTTP/1.1 204 NC\r\nTransfer-Encoding: chunked\r\n\r\n", false) && f.body == BODY_NONE);
    CHECK(!response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false));
    CHECK(!response("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", false));
}

static void expects_only_what_is_known(void) {
    CHECK(request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n") == 0 && f.expect_continue);
    CHECK(request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect:\r\n\r\n") == 417);
    CHECK(request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\nExpect: 100-continue\r\n\r\n") == 417);
    CHECK(request("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n") == 0 && !f.expect_continue);
}

static void keeps_what_connection_must_not_take(void) {
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Host, Cookie, X-Mine\r\n\r\n") == 0);
    CHECK(!framing_nominates(&f, SPAN("host")) && !framing_nominates(&f, SPAN("Cookie")) && framing_nominates(&f, SPAN("x-mine")));
    CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Forwarded, X-Real-IP, X-Forwarded-Port, X_Forwarded_For, Authorization\r\n\r\n") == 0);
    CHECK(!framing_nominates(&f, SPAN("forwarded")) && !framing_nominates(&f, SPAN("x-real-ip")) && !framing_nominates(&f, SPAN("X-Forwarded-Port")) &&
          !framing_nominates(&f, SPAN("x_forwarded_for")) && !framing_nominates(&f, SPAN("authorization")));
}

TEST_MAIN(reads_lengths, checks_hosts, tells_where_a_request_body_ends, tells_whether_the_connection_stays, upgrades_only_what_may_be,
          reads_targets, tells_where_an_answer_ends, expects_only_what_is_known, keeps_what_connection_must_not_take)
