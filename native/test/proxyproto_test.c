#include "test.h"

#include "../src/proxyproto.c"

static struct proxyproto h;

static int parse(const char *text) { return proxyproto_parse(text, strlen(text), &h); }

static const char *client(void) {
    static char text[INET6_ADDRSTRLEN + 10];
    char address[INET6_ADDRSTRLEN];
    cidr_text(&h.client, address);
    snprintf(text, sizeof text, "%s %u", address, cidr_port(&h.client));
    return text;
}

static void reads_lines(void) {
    const char *line = "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\nGET";
    CHECK(parse(line) == (int)strlen(line) - 3 && h.kind == PROXYPROTO_CLIENT && strcmp(client(), "192.0.2.1 56324") == 0);
    CHECK(parse("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n") > 0 && strcmp(client(), "2001:db8::1 0") == 0);
    CHECK(parse("PROXY UNKNOWN\r\n") == 15 && h.kind == PROXYPROTO_UNKNOWN);
    CHECK(parse("PROXY UNKNOWN whatever\xff it says\r\n") > 0 && h.kind == PROXYPROTO_UNKNOWN);
    // The longest there is.
    CHECK(parse("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n") > 0);
    CHECK(parse("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n") == 104);
}

static void refuses_lines(void) {
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n", "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY\r\n", "PROXYTCP4", "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1  2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n", "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n",
        "PROXY TCP4 ::1 ::2 1 2\r\n", "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP6 ::1 ::g 1 2\r\n", "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rx\r\n", "PROXY UNKNOWNx\r\n", "PROXY TCP4\t1.1.1.1 2.2.2.2 1 2\r\n", "PROXY \r\n",
        "PROXY TCP4 1.1.1.1%x 2.2.2.2 1 2\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) CHECK(parse(bad[i]) == PROXYPROTO_BAD);
    char endless[200] = "PROXY UNKNOWN ";
    memset(endless + 14, 'a', 186);
    CHECK(proxyproto_parse(endless, 106, &h) == PROXYPROTO_PARTIAL && proxyproto_parse(endless, 107, &h) == PROXYPROTO_BAD);
    CHECK(proxyproto_parse("PROXY TCP4 1.1.1.1\0 2.2.2.2 1 2\r\n", 33, &h) == PROXYPROTO_BAD);
}

/** A header of version 2; its length field says what `n` says. */
static size_t make(char *out, unsigned char command, unsigned char family, const char *block, size_t n) {
    memcpy(out, signature_v2, 12);
    out[12] = (char)command, out[13] = (char)family, out[14] = (char)(n >> 8), out[15] = (char)n;
    memcpy(out + 16, block, n);
    return 16 + n;
}

#define V4 "\x01\x02\x03\x04\x0a\0\0\x01\x12\x34\x01\xbb"
#define V6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x12\x34\x01\xbb"

static int v2(unsigned char command, unsigned char family, struct span block) {
    static char text[PROXYPROTO_MAX + 32];
    size_t n = make(text, command, family, block.p, block.n);
    int used = proxyproto_parse(text, n, &h);
    // The same whatever follows, and nothing before it is whole.
    struct proxyproto again;
    memcpy(text + n, "GET /", 5);
    CHECK(proxyproto_parse(text, n + 5, &again) == used && (used < 0 || again.kind == h.kind));
    for (size_t cut = 0; cut < n; cut++) {
        int r = proxyproto_parse(text, cut, &again);
        CHECK(r == PROXYPROTO_PARTIAL || (r == PROXYPROTO_BAD && used == PROXYPROTO_BAD));
    }
    CHECK(used < 0 || used == (int)n);
    return used;
}

static void reads_binary(void) {
    CHECK(v2(0x21, 0x11, SPAN(V4)) > 0 && h.kind == PROXYPROTO_CLIENT && strcmp(client(), "1.2.3.4 4660") == 0);
    CHECK(v2(0x21, 0x21, SPAN(V6)) > 0 && h.kind == PROXYPROTO_CLIENT && strcmp(client(), "2001:db8::1 4660") == 0);
    CHECK(v2(0x21, 0x11, SPAN(V4 "\x04\0\0\xee\0\x03" "abc")) > 0 && h.kind == PROXYPROTO_CLIENT);
    CHECK(v2(0x20, 0x00, SPAN("")) > 0 && h.kind == PROXYPROTO_LOCAL);
    CHECK(v2(0x20, 0xff, SPAN("whatever")) > 0 && h.kind == PROXYPROTO_LOCAL);
    CHECK(v2(0x21, 0x00, SPAN("")) > 0 && h.kind == PROXYPROTO_UNKNOWN);
    CHECK(v2(0x21, 0x12, SPAN(V4)) > 0 && h.kind == PROXYPROTO_UNKNOWN);
    static const char unix_block[216];
    CHECK(v2(0x21, 0x31, (struct span){unix_block, 216}) > 0 && h.kind == PROXYPROTO_UNKNOWN);
}

static void refuses_binary(void) {
    static const char large[PROXYPROTO_MAX];
    CHECK(v2(0x11, 0x11, SPAN(V4)) == PROXYPROTO_BAD && v2(0x22, 0x11, SPAN(V4)) == PROXYPROTO_BAD && v2(0x31, 0x11, SPAN(V4)) == PROXYPROTO_BAD);
    CHECK(v2(0x21, 0x41, SPAN(V4)) == PROXYPROTO_BAD && v2(0x21, 0x13, SPAN(V4)) == PROXYPROTO_BAD);
    CHECK(v2(0x21, 0x11, (struct span){V4, 11}) == PROXYPROTO_BAD && v2(0x21, 0x21, (struct span){V6, 35}) == PROXYPROTO_BAD && v2(0x21, 0x21, SPAN(V4)) == PROXYPROTO_BAD);
    CHECK(v2(0x21, 0x31, SPAN(V4)) == PROXYPROTO_BAD);
    // TLVs that reach beyond the header, or end in the middle.
    CHECK(v2(0x21, 0x11, SPAN(V4 "\x04")) == PROXYPROTO_BAD && v2(0x21, 0x11, SPAN(V4 "\x04\0\x01")) == PROXYPROTO_BAD);
    CHECK(v2(0x21, 0x11, SPAN(V4 "\x04\xff\xff" "abc")) == PROXYPROTO_BAD && v2(0x21, 0x00, SPAN("\x04\0\x02" "a")) == PROXYPROTO_BAD);
    CHECK(v2(0x20, 0x11, (struct span){large, PROXYPROTO_MAX - FIXED_V2}) == PROXYPROTO_MAX);
    CHECK(v2(0x20, 0x11, (struct span){large, PROXYPROTO_MAX - FIXED_V2 + 1}) == PROXYPROTO_BAD);
    CHECK(proxyproto_parse("\r\n\r\n\0\r\nQUIX", 12, &h) == PROXYPROTO_BAD && proxyproto_parse("\r\n\r\nx", 5, &h) == PROXYPROTO_BAD);
}

TEST_MAIN(reads_lines, refuses_lines, reads_binary, refuses_binary)
