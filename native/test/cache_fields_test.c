#include "test.h"

#include "../src/cache_fields.c"

static void the_origin_sees_what_a_file_server_reads_and_nothing_of_who_asks(void) {
    static const char *const more[] = {"X-Tenant"};
    struct cache_shown none = {0}, shown = {.names = (const char **)(uintptr_t)more, .count = 1};
    CHECK(cache_fields_shows(SPAN("Accept-Encoding"), &none) && cache_fields_shows(SPAN("RANGE"), &none));
    static const char *const hidden[] = {"Cookie", "Authorization", "X-Forwarded-Host", "X-Original-URL", "X-HTTP-Method-Override", "Referer", "X-Tenant", ""};
    for (unsigned i = 0; i < COUNT_OF(hidden); i++) CHECK(!cache_fields_shows(span_of(hidden[i]), &none));
    CHECK(cache_fields_shows(SPAN("x-tenant"), &shown) && !cache_fields_shows(SPAN("x-tenan"), &shown));
}

static void hiding_keeps_the_order_and_what_the_proxy_reads_itself(void) {
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\nAccept: c\r\nX-Y: d\r\nContent-Length: 0\r\nIf-None-Match: e\r\n\r\n";
    static struct http1_head head;
    CHECK(http1_parse_request(text, sizeof text - 1, 0, HTTP1_FIELDS_MAX, &head) > 0);
    cache_fields_hide(&head, &(struct cache_shown){0});
    CHECK(head.count == 4 && span_ieq(head.fields[0].name, SPAN("host")) && span_ieq(head.fields[1].name, SPAN("accept")) && span_ieq(head.fields[2].name, SPAN("content-length")) &&
          span_ieq(head.fields[3].name, SPAN("if-none-match")));
}

static void a_304_carries_no_metadata_and_changes_none(void) {
    static const char text[] = "HTTP/1.1 200 OK\r\nETag: a\r\nContent-Type: b\r\nAge: 3\r\nConnection: x-hop\r\nX-Hop: c\r\nContent-Length: 0\r\nX-Z: d\r\n\r\n";
    static struct http1_head head;
    struct framing framing;
    CHECK(http1_parse_response(text, sizeof text - 1, 0, HTTP1_FIELDS_MAX, &head) > 0 && framing_response(&head, false, &framing));
    static const bool stored[] = {true, true, false, false, false, false, true}, updated[] = {true, false, false, false, false, false, true};
    for (unsigned i = 0; i < head.count; i++) CHECK(cache_fields_stores(&head.fields[i], &framing) == stored[i] && cache_fields_updates(&head.fields[i], &framing) == updated[i]);
    CHECK(cache_fields_in_304(SPAN("etag")) && !cache_fields_in_304(SPAN("Content-Type")) && !cache_fields_in_304(SPAN("last-modified")));
}

TEST_MAIN(the_origin_sees_what_a_file_server_reads_and_nothing_of_who_asks, hiding_keeps_the_order_and_what_the_proxy_reads_itself, a_304_carries_no_metadata_and_changes_none)
