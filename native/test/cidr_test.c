#include "test.h"

#include "../src/cidr.c"

static bool within(const char *range, const char *address) {
    struct cidr c;
    struct sockaddr_storage a;
    socklen_t n;
    CHECK(cidr_parse(range, &c) && cidr_sockaddr(address, 1, &a, &n));
    return cidr_contains(&c, &a);
}

static void contains(void) {
    CHECK(within("127.0.0.0/8", "127.9.9.9") && !within("127.0.0.0/8", "128.0.0.1"));
    CHECK(within("10.1.2.128/25", "10.1.2.200") && !within("10.1.2.128/25", "10.1.2.127"));
    CHECK(within("0.0.0.0/0", "1.2.3.4") && !within("0.0.0.0/0", "::1") && within("::/0", "1.2.3.4"));
    CHECK(within("::1", "::1") && !within("::1", "::2") && within("fd00::/8", "fdff::1") && within("10.0.0.1", "::ffff:10.0.0.1"));
}

static void refuses(void) {
    static const char *const bad[] = {"", "x", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8"};
    struct cidr c;
    for (size_t i = 0; i < COUNT_OF(bad); i++) CHECK(!cidr_parse(bad[i], &c));
}

static void writes_text(void) {
    struct sockaddr_storage a;
    socklen_t n;
    char text[INET6_ADDRSTRLEN];
    CHECK(cidr_sockaddr("::ffff:1.2.3.4", 80, &a, &n));
    cidr_text(&a, text);
    CHECK(strcmp(text, "1.2.3.4") == 0 && cidr_port(&a) == 80);
}

TEST_MAIN(contains, refuses, writes_text)
