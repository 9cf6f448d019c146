#include "test.h"

#include "../src/chunked.c"

/** Decodes in pieces of `step`; the body, or NULL when refused. */
static const char *decode(const char *text, size_t step, size_t *rest) {
    static char body[256];
    struct chunked c;
    size_t n = 0, at = 0, len = strlen(text);
    chunked_init(&c);
    while (at < len) {
        struct span piece;
        size_t used, have = at + step < len ? step : len - at;
        enum chunked_result r = chunked_next(&c, (struct span){text + at, have}, &used, &piece);
        CHECK(used <= have);
        at += used;
        if (r == CHUNKED_BAD) return NULL;
        if (r == CHUNKED_PIECE) {
            memcpy(body + n, piece.p, piece.n);
            n += piece.n;
        }
        if (r == CHUNKED_END) break;
    }
    body[n] = 0;
    *rest = len - at;
    return body;
}

static void decodes_however_it_is_cut(void) {
    for (size_t step = 1; step < 40; step++) {
        size_t rest;
        const char *body = decode("5\r\nhello\r\n00b;a=\"b\"\r\n, bytewise!\r\n0\r\n\r\n", step, &rest);
        CHECK(body && strcmp(body, "hello, bytewise!") == 0 && rest == 2);
    }
}

static void takes_extensions_by_their_grammar(void) {
    static const char *const good[] = {"1;a\r\nx", "1;a;b\r\nx", "1;a=b;c\r\nx", "1;a=\"b;c=d \\\" e\"\r\nx", "1;a=\"\";b=\"x\"\r\nx"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        for (size_t step = 1; step < 8; step++) {
            size_t rest;
            const char *body = decode(good[i], step, &rest);
            CHECK(body && strcmp(body, "x") == 0);
        }
}

static void refuses_what_is_not_strict(void) {
    static const char *const bad[] = {"g\r\n", "\r\n", " 1\r\na", "1 \r\na", "0x1\r\na", "1\na", "1\r\nab\r\n", "1\r\na\n", "1;\x01\r\n", "1;a\nb\r\n", "1;\r\na", "1;;a\r\na", "1; a\r\na", "1;a b\r\na", "1;a=\r\na", "1;a=\"b\r\na", "1;a=\"b\"c\r\na", "1;a[\r\na", "1;=a\r\na",
                                      "1;a=\"\\\r\n\"\r\na",
                                      "1\ra", "1\r\na\r0", "1000000000000000\r\n", "-1\r\n", "1\r\na\r\n\r\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        for (size_t step = 1; step < 8; step++) {
            size_t rest;
            CHECK(!decode(bad[i], step, &rest));
        }
}

static void bounds_extensions(void) {
    char text[CHUNKED_EXTENSION_MAX + 16] = "1;";
    memset(text + 2, 'x', CHUNKED_EXTENSION_MAX + 1);
    size_t rest;
    CHECK(!decode(text, 64, &rest));
}

static void writes_sizes_it_can_read(void) {
    char out[32];
    CHECK(chunked_write_size(out, 0) == 3 && memcmp(out, "0\r\n", 3) == 0);
    CHECK(chunked_write_size(out, 0xabc0) == 6 && memcmp(out, "abc0\r\n", 6) == 0);
    CHECK(chunked_write_size(out, UINT64_MAX) == 18);
}

TEST_MAIN(decodes_however_it_is_cut, takes_extensions_by_their_grammar, refuses_what_is_not_strict, bounds_extensions, writes_sizes_it_can_read)
