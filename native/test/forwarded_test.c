#include "test.h"

#include "../src/forwarded.c"

static struct http1_head head;

static void parse(const char *fields) {
    static char text[8192];
    int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
    CHECK(http1_parse_request(text, (size_t)n, 0, 100, &head) == n);
}

/** Writes into memory of exactly the promised size. */
static char *written(bool trusted, const char *client) {
    struct forwarded_hop hop = {.client = span_of(client), .host = SPAN("h:1"), .trusted = trusted};
    size_t bound = forwarded_bound(&head, &hop);
    char *out = base_alloc(bound + 4), *end = forwarded_write(out, &head, &hop);
    CHECK((size_t)(end - out) <= bound);
    *end = '\0';
    return out;
}

static void gives(const char *fields, bool trusted, const char *client, const char *expected) {
    parse(fields);
    char *out = written(trusted, client);
    if (strcmp(out, expected) != 0) fprintf(stderr, "%s\n%s\n", out, expected);
    CHECK(strcmp(out, expected) == 0);
    free(out);
}

#define X(chain, host, proto, rfc) "X-Forwarded-For: " chain "\r\nX-Forwarded-Host: " host "\r\nX-Forwarded-Proto: " proto "\r\nForwarded: " rfc "\r\n"

static void an_untrusted_client_says_nothing(void) {
    gives("", false, "9.9.9.9", X("9.9.9.9", "h:1", "http", "for=9.9.9.9;host=\"h:1\";proto=http"));
    gives("X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6;proto=https;host=evil\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n", false, "::2",
          X("::2", "h:1", "http", "for=\"[::2]\";host=\"h:1\";proto=http"));
}

static void a_trusted_chain_is_extended_in_both_forms(void) {
    gives("X-Forwarded-For: 1.1.1.1, ::1\r\nX-Forwarded-For: [2001:db8::1]:80\r\nX-Forwarded-Host: shop\r\nX-Forwarded-Proto: https\r\n", true, "9.9.9.9",
          X("1.1.1.1, ::1, [2001:db8::1]:80, 9.9.9.9", "shop", "https",
            "for=1.1.1.1;host=\"shop\";proto=https, for=\"[::1]\", for=\"[2001:db8::1]\", for=9.9.9.9;host=\"h:1\";proto=http"));
    gives("Forwarded: for=\"[2001:db8::1]:47011\";by=_x;proto=https;host=\"shop:1\"\r\nForwarded: For=192.0.2.43, for=_hidden\r\n", true, "9.9.9.9",
          X("2001:db8::1, 192.0.2.43, unknown, 9.9.9.9", "shop:1", "https",
            "for=\"[2001:db8::1]:47011\";by=_x;proto=https;host=\"shop:1\", For=192.0.2.43, for=_hidden, for=9.9.9.9;host=\"h:1\";proto=http"));
    gives("X-Forwarded-Host: shop\r\nX-Forwarded-Proto: https\r\n", true, "9.9.9.9", X("9.9.9.9", "shop", "https", "for=9.9.9.9;host=\"shop\";proto=https"));
}

/** The trusted proxy wrote X-Forwarded-For and passed on what its client had put into the other field. */
static void of_two_chains_one_is_believed(void) {
    gives("X-Forwarded-For: 1.1.1.1\r\nForwarded: for=6.6.6.6;host=evil;proto=https\r\n", true, "9.9.9.9",
          X("1.1.1.1, 9.9.9.9", "h:1", "http", "for=1.1.1.1;host=\"h:1\";proto=http, for=9.9.9.9;host=\"h:1\";proto=http"));
}

static void what_cannot_be_read_is_not_passed_on(void) {
    static const char *const bad[] = {"for", "for=", "for=\"a", "for=a b", "for=\"a\\\"b\"", "for=1.1.1.1;for=2.2.2.2", "=a", "for=a=b", "for=[::1]", "for=a;;b", "for=\"\xe9\""};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char field[100];
        snprintf(field, sizeof field, "Forwarded: for=5.5.5.5, %s\r\n", bad[i]);
        gives(field, true, "9.9.9.9", X("9.9.9.9", "h:1", "http", "for=9.9.9.9;host=\"h:1\";proto=http"));
    }
    gives("X-Forwarded-For: \"evil, 1.1.1.1\r\nX-Forwarded-Host: a\"b\r\n", true, "9.9.9.9",
          X("\"evil, 1.1.1.1, 9.9.9.9", "h:1", "http", "for=unknown;host=\"h:1\";proto=http, for=1.1.1.1, for=9.9.9.9;host=\"h:1\";proto=http"));
}

static void names_the_last_client(void) {
    parse("X-Forwarded-For: 1.1.1.1, 2.2.2.2:80\r\nForwarded: for=6.6.6.6\r\n");
    CHECK(span_eq(forwarded_client(&head), SPAN("2.2.2.2")));
    parse("Forwarded: for=6.6.6.6, for=\"[::1]:9\"\r\n");
    CHECK(span_eq(forwarded_client(&head), SPAN("::1")));
    parse("Forwarded: for=6.6.6.6, for=\"\r\n");
    CHECK(forwarded_client(&head).n == 0);
}

/** Whatever a trusted peer sends: what goes on can be read again, and both forms count the same hops. */
static void both_forms_agree(void) {
    static const char *const pieces[] = {"for=", "host=", "proto=", ";", ",", " ", "\"", "1.1.1.1", "[", "::1", "]", "a", "\\", "by=x", "for=1.2.3.4"};
    uint64_t random = 5;
    unsigned extended = 0;
    for (int round = 0; round < 20000; round++) {
        char value[2][200] = {"", ""}, fields[600];
        for (int k = 0; k < 2; k++)
            for (uint64_t i = test_random(&random) % 8; i; i--) {
                size_t used = strlen(value[k]);
                snprintf(value[k] + used, sizeof value[k] - used, "%s", pieces[test_random(&random) % COUNT_OF(pieces)]);
            }
        snprintf(fields, sizeof fields, "%s: %s\r\nForwarded: %s\r\n", test_random(&random) % 2 ? "X-Forwarded-For" : "Forwarded", value[0], value[1]);
        parse(fields);
        char *out = written(true, "9.9.9.9");
        memcpy(out + strlen(out), "\r\n", 3);
        CHECK(http1_parse_trailers(out, strlen(out), 0, 4, &head) > 0 && head.count == 4);
        unsigned nodes = 0, addresses = 0;
        struct span rest = head.fields[3].value, item;
        struct element e;
        int r;
        while ((r = next_element(&rest, &e)) > 0) nodes++;
        CHECK(r == 0);
        rest = head.fields[0].value;
        while (span_next(&rest, &item)) addresses++;
        CHECK(nodes == addresses);
        extended += nodes > 1;
        free(out);
    }
    CHECK(extended > 2000);
}

TEST_MAIN(an_untrusted_client_says_nothing, a_trusted_chain_is_extended_in_both_forms, of_two_chains_one_is_believed, what_cannot_be_read_is_not_passed_on,
          names_the_last_client, both_forms_agree)
