#include "test.h"

#include "../src/websocket.c"

/** The example of RFC 6455 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static bool is_accepted(const char *fields) {
    static struct http1_head head;
    char text[512];
    int n = snprintf(text, sizeof text, "HTTP/1.1 101 Switching Protocols\r\n%s\r\n", fields);
    CHECK(http1_parse_response(text, (size_t)n, 0, HTTP1_FIELDS_MAX, &head) == n);
    return websocket_is_accepted(KEY, &head);
}

static void only_the_key_s_own_answer_is_one(void) {
    CHECK(is_accepted("Upgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n"));
    CHECK(is_accepted("sec-websocket-accept: " ACCEPT "\r\n"));
    CHECK(!is_accepted(""));
    CHECK(!is_accepted("Sec-WebSocket-Accept: " KEY "\r\n"));
    CHECK(!is_accepted("Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    CHECK(!is_accepted("Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n"));
}

static void keys_are_whole_and_differ(void) {
    char a[WEBSOCKET_KEY + 1], b[WEBSOCKET_KEY + 1];
    websocket_make_key(a);
    websocket_make_key(b);
    CHECK(strlen(a) == WEBSOCKET_KEY && strcmp(a + WEBSOCKET_KEY - 2, "==") == 0);
    CHECK(strcmp(a, b) != 0);
}

TEST_MAIN(only_the_key_s_own_answer_is_one, keys_are_whole_and_differ)
