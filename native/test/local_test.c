#include "test.h"

#include "../src/local.c"

#include "fixture.h"

static void a_host_loses_its_port_and_keeps_its_brackets(void) {
    CHECK(span_eq(without_port(SPAN("a.b:80")), SPAN("a.b")) && span_eq(without_port(SPAN("a.b")), SPAN("a.b")));
    CHECK(span_eq(without_port(SPAN("[::1]:80")), SPAN("[::1]")) && span_eq(without_port(SPAN("[::1]")), SPAN("[::1]")) && without_port(SPAN("")).n == 0);
}

static void the_place_is_https_at_the_port_with_the_target(void) {
    static const struct {
        uint16_t port;
        const char *target, *line;
    } cases[] = {{443, "/a?b", "Location: https://h/a?b\r\n"}, {8443, "/", "Location: https://h:8443/\r\n"}, {443, "*", "Location: https://h/\r\n"}};
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        char *text = location(SPAN("h"), cases[i].port, span_of(cases[i].target));
        CHECK(strcmp(text, cases[i].line) == 0);
        free(text);
    }
}

/** Challenges are answered by their whole token only, and not over TLS. */
static void challenges_are_answered_where_there_is_no_tls(void) {
    struct worker w;
    fixture_worker(&w, fixture_snapshot("\"acme\":[{\"token\":\"tok\",\"answer\":\"tok.key\"}]"));
    struct client c = {.conn.worker = &w};
    struct exchange x = {.client = &c, .lease = w.lease};
    struct reply r;
    char *text;
    w.framing.target = SPAN("/.well-known/acme-challenge/tok");
    CHECK(local_reply(&x, &r, &text) && r.status == 200 && span_eq(r.body, SPAN("tok.key")) && !text);
    static const char *const others[] = {"/.well-known/acme-challenge/", "/.well-known/acme-challenge/to", "/.well-known/acme-challenge/tok2", "/"};
    for (unsigned i = 0; i < COUNT_OF(others); i++) {
        w.framing.target = span_of(others[i]);
        CHECK(!local_reply(&x, &r, &text));
    }
    w.framing.target = SPAN("/.well-known/acme-challenge/tok");
    c.tls = true;
    CHECK(!local_reply(&x, &r, &text));
    fixture_worker_end(&w);
}

TEST_MAIN(a_host_loses_its_port_and_keeps_its_brackets, the_place_is_https_at_the_port_with_the_target, challenges_are_answered_where_there_is_no_tls)
