#include "test.h"

#include "cache_store.h"

#include "../src/cache_head.c"

static struct http1_head answer, request, out;
static struct framing framing;

static void read_answer(const char *text) { CHECK(http1_parse_response(text, strlen(text), 0, HTTP1_FIELDS_MAX, &answer) > 0 && framing_response(&answer, false, &framing)); }

static struct cache_object *stored(const char *text) {
    struct cache_object *o = cache_object_new(SPAN("http://h/"), 1);
    read_answer(text);
    CHECK(cache_head_store(o, &answer, &framing, &request, &(struct cache_shown){0}, SPAN("Sun, 06 Nov 1994 08:49:37 GMT")));
    return o;
}

static const char *write_head(const struct cache_object *o, struct cache_head_reply r) {
    static char text[4096];
    r.how = SPAN("hit");
    CHECK(cache_head_bound(o) <= sizeof text);
    size_t n = cache_head_write(text, o, &r);
    CHECK(n <= cache_head_bound(o));
    text[n] = '\0';
    CHECK(http1_parse_response(text, n, 0, HTTP1_FIELDS_MAX, &out) == (int)n);
    return text;
}

static void what_belongs_to_one_hop_is_not_stored(void) {
    struct cache_object *o = stored("HTTP/1.1 200 Fine\r\nConnection: x-hop, close\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nAge: 9\r\nContent-Length: 3\r\nProxy-Authenticate: x\r\nX-Kept: 1\r\n\r\n");
    const char *text = write_head(o, (struct cache_head_reply){.status = 200, .age = 4, .length = 3, .whole = 3});
    CHECK(out.status == 200 && span_eq(out.reason, SPAN("Fine")) && cache_field(&out, SPAN("x-kept")) && cache_field(&out, SPAN("date")));
    CHECK(!strcasestr(text, "hop") && !strcasestr(text, "connection") && !strcasestr(text, "keep-alive") && !strcasestr(text, "proxy-"));
    CHECK(span_eq(cache_field(&out, SPAN("age"))->value, SPAN("4")) && span_eq(cache_field(&out, SPAN("content-length"))->value, SPAN("3")));
    cache_object_unref(o);
}

static void other_statuses_have_their_fields(void) {
    struct cache_object *o = stored("HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nETag: \"a\"\r\nCache-Control: max-age=1\r\nContent-Length: 10\r\n\r\n");
    write_head(o, (struct cache_head_reply){.status = 304, .length = 0, .whole = 10});
    CHECK(out.status == 304 && cache_field(&out, SPAN("etag")) && cache_field(&out, SPAN("cache-control")) && !cache_field(&out, SPAN("content-type")) && !cache_field(&out, SPAN("content-length")));
    write_head(o, (struct cache_head_reply){.status = 206, .from = 2, .length = 3, .whole = 10});
    CHECK(out.status == 206 && span_eq(cache_field(&out, SPAN("content-range"))->value, SPAN("bytes 2-4/10")) && span_eq(cache_field(&out, SPAN("content-length"))->value, SPAN("3")));
    write_head(o, (struct cache_head_reply){.status = 416, .length = 0, .whole = 10});
    CHECK(out.status == 416 && span_eq(cache_field(&out, SPAN("content-range"))->value, SPAN("bytes */10")) && !cache_field(&out, SPAN("content-type")));
    cache_object_unref(o);
}

static struct cache_object *updated(struct cache_object *old, const char *not_modified) {
    static struct http1_head merged;
    read_answer(not_modified);
    if (!cache_head_update(&merged, old, &answer, &framing)) return NULL;
    struct cache_object *o = cache_object_new(SPAN("http://h/"), 1);
    CHECK(cache_head_store(o, &merged, &framing, &request, &(struct cache_shown){0}, SPAN("x")));
    return o;
}

static void a_304_updates_what_is_stored(void) {
    struct cache_object *o = stored("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nCache-Control: max-age=1\r\nX-Old: 1\r\nX-Both: 1\r\nX-Both: 2\r\nContent-Type: text/css\r\n\r\n");
    struct cache_object *next = updated(o, "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=9\r\nX-Both: 3\r\nX-New: 1\r\nContent-Type: evil\r\nContent-Length: 99\r\nConnection: x\r\nX: 1\r\n\r\n");
    CHECK(next);
    const char *text = write_head(next, (struct cache_head_reply){.status = 200, .length = 5, .whole = 5});
    CHECK(out.status == 200 && strstr(text, "max-age=9") && !strstr(text, "max-age=1\r") && strstr(text, "X-Old") && strstr(text, "X-New") && strstr(text, "X-Both: 3"));
    CHECK(!strstr(text, "X-Both: 1") && !strstr(text, "X-Both: 2") && strstr(text, "text/css") && !strstr(text, "evil") && !strstr(text, "Content-Length: 99") && !strstr(text, "X: 1"));
    cache_object_unref(next);
    CHECK(!updated(o, "HTTP/1.1 304 Not Modified\r\nETag: \"b\"\r\n\r\n"));  // of another representation
    cache_object_unref(o);
}

TEST_MAIN(what_belongs_to_one_hop_is_not_stored, other_statuses_have_their_fields, a_304_updates_what_is_stored)
