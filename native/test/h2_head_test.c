#include "test.h"

#include "../src/h2_head.c"
#include "framing.h"

static struct h2_head head;
static char text[1 << 17];

static void add_text(const char *name, const char *value) { h2_head_add(&head, span_of(name), span_of(value), 4096); }

static const char *written(void) {
    size_t n = h2_head_write(&head, "dGhlIHNhbXBsZSBub25jZQ==", text);
    CHECK(n <= h2_head_bound(&head));
    text[n] = '\0';
    h2_head_clear(&head);
    return text;
}

static void becomes_http1(void) {
    add_text(":method", "GET");
    add_text(":scheme", "https");
    add_text(":authority", "a.test");
    add_text(":path", "/x?y");
    add_text("cookie", "a=1");
    add_text("accept", "*/*");
    add_text("cookie", "b=2");
    CHECK(!h2_head_is_bad(&head) && !head.large);
    CHECK(strcmp(written(), "GET /x?y HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\ncookie: a=1; b=2\r\n\r\n") == 0);
}

static void opens_a_websocket_as_http1_does(void) {
    add_text(":method", "CONNECT");
    add_text(":protocol", "websocket");
    add_text(":scheme", "https");
    add_text(":authority", "a.test");
    add_text(":path", "/chat");
    add_text("sec-websocket-key", "the client has no say in it");
    add_text("sec-websocket-version", "13");
    CHECK(!h2_head_is_bad(&head) && h2_head_is_websocket(&head));
    CHECK(strcmp(written(), "GET /chat HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
                            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n") == 0);
    add_text(":method", "GET");
    add_text(":path", "/");
    add_text(":protocol", "websocket");
    CHECK(h2_head_is_bad(&head));
    h2_head_clear(&head);
}

static void keeps_trailers_as_a_section(void) {
    CHECK(h2_head_trailers(&head).n == 0);
    add_text("x-sum", "7");
    add_text("cookie", "no");
    CHECK(span_eq(h2_head_trailers(&head), SPAN("x-sum: 7\r\n\r\n")));
    h2_head_clear(&head);
}

static void one_host_only(void) {
    add_text(":authority", "a.test");
    add_text("host", "A.test");
    CHECK(!h2_head_is_bad(&head));
    add_text("host", "a.test");
    CHECK(h2_head_is_bad(&head));
    h2_head_clear(&head);
    add_text("host", "b.test");
    add_text(":authority", "a.test");
    CHECK(h2_head_is_bad(&head));
    h2_head_clear(&head);
}

static void no_second_line(void) {
    static const char *const values[] = {"x\r\nevil: 1", "x\nevil: 1", "x\r", "x y", "x\ty", ""};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        add_text(":path", values[i]);
        CHECK(h2_head_is_bad(&head));
        h2_head_clear(&head);
    }
    h2_head_add(&head, SPAN("x"), (struct span){"a\0b", 3}, 4096);
    CHECK(h2_head_is_bad(&head));
    h2_head_clear(&head);
}

static void counts_and_drops_what_is_too_large(void) {
    char value[1000];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < 1000; i++) h2_head_add(&head, SPAN("n"), (struct span){value, sizeof value}, 4096);
    CHECK(head.large && head.room < 32768);
    h2_head_clear(&head);
}

/** Whatever bytes the fields hold: what is not refused is one head that the parser reads back field by field. */
static void is_one_head_or_refused(void) {
    static struct http1_head parsed;
    static const char alphabet[] = "abAB:\r\n\t \x7f/?#-_0\xff";
    uint64_t random = 9;
    unsigned taken = 0;
    for (int round = 0; round < 20000; round++) {
        char bytes[8][12];
        unsigned count = (unsigned)(test_random(&random) % 6), kept = 0;
        add_text(":method", "GET");
        add_text(":path", "/");
        add_text(":authority", "h");
        for (unsigned i = 0; i < count; i++) {
            size_t n = test_random(&random) % sizeof bytes[i];
            unsigned spread = test_random(&random) % 3 ? 4 : sizeof alphabet - 1;
            for (size_t k = 0; k < n; k++) bytes[i][k] = alphabet[test_random(&random) % spread];
            h2_head_add(&head, SPAN("name"), (struct span){bytes[i], n}, 4096);
            kept++;
        }
        if (h2_head_is_bad(&head)) {
            h2_head_clear(&head);
            continue;
        }
        size_t n = h2_head_write(&head, "", text);
        h2_head_clear(&head);
        int used = http1_parse_request(text, n, 0, 100, &parsed);
        if (used < 0) continue;  // refused with 400
        CHECK((size_t)used == n && parsed.count == kept + 1);
        for (unsigned i = 0; i < kept; i++) CHECK(span_eq(parsed.fields[i + 1].name, SPAN("name")));
        taken++;
    }
    CHECK(taken > 1000);
}

TEST_MAIN(becomes_http1, opens_a_websocket_as_http1_does, keeps_trailers_as_a_section, one_host_only, no_second_line, counts_and_drops_what_is_too_large, is_one_head_or_refused)
