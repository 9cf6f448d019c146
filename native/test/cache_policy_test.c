#include "test.h"

#include "../src/cache_policy.c"

#define NOW INT64_C(784111777)
#define TODAY "Sun, 06 Nov 1994 08:49:37 GMT"  // NOW

static const struct cache_asked plain = {.at = NOW};

/** Parses an answer's fields; lines end in "\n". */
static void answer(struct http1_head *out, const char *lines) {
    static char text[4096];
    size_t n = (size_t)snprintf(text, sizeof text, "HTTP/1.1 ");
    for (const char *p = lines; *p; p++) {
        if (*p == '\n') text[n++] = '\r';
        text[n++] = *p;
    }
    n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
    CHECK(http1_parse_response(text, n, 0, HTTP1_FIELDS_MAX, out) > 0);
}

static struct cache_facts facts;

static bool stores_for(const char *lines, const struct cache_asked *asked) {
    static struct http1_head head;
    answer(&head, lines);
    return cache_policy_store(&head, asked, NOW, &facts);
}

static bool stores(const char *lines) { return stores_for(lines, &plain); }

static void only_what_is_invited_is_stored(void) {
    CHECK(stores("200 OK\nCache-Control: max-age=60\n") && facts.lifetime == 60 && facts.initial_age == 0);
    CHECK(stores("200 OK\nETag: \"a\"\n") && facts.lifetime == 0);
    CHECK(!stores("200 OK\n"));                           // neither fresh nor to be validated
    CHECK(!stores("200 OK\nCache-Control: max-age=0\n"));
    CHECK(stores("599 Odd\nCache-Control: max-age=60\n") && !stores("599 Odd\nLast-Modified: Sun, 06 Nov 1993 08:49:37 GMT\n"));
    CHECK(!stores("206 Part\nCache-Control: max-age=60\n") && !stores("304 No\nCache-Control: max-age=60\n"));
    CHECK(stores("404 Not Found\nCache-Control: max-age=60\n"));
}

static void an_error_is_stored_only_while_it_is_fresh(void) {
    CHECK(stores("503 Busy\nCache-Control: max-age=60\n") && !stores("503 Busy\nCache-Control: max-age=60\nAge: 60\nETag: \"a\"\n") && !stores("503 Busy\nETag: \"a\"\n"));
}

static void what_is_for_one_user_is_not(void) {
    CHECK(!stores("200 OK\nCache-Control: private, max-age=60\n") && !stores("200 OK\nCache-Control: max-age=60, no-store\n"));
    CHECK(!stores("200 OK\nCache-Control: max-age=60\nSet-Cookie: a=b\n") && stores("200 OK\nCache-Control: public, max-age=60\nSet-Cookie: a=b\n"));
    const struct cache_asked authorized = {.at = NOW, .authorized = true}, secret = {.at = NOW, .no_store = true};
    CHECK(!stores_for("200 OK\nCache-Control: max-age=60\n", &authorized) && !stores_for("200 OK\nCache-Control: max-age=60\n", &secret));
    CHECK(stores_for("200 OK\nCache-Control: s-maxage=60\n", &authorized) && stores_for("200 OK\nCache-Control: public, max-age=60\n", &authorized) &&
          stores_for("200 OK\nCache-Control: must-revalidate, max-age=60\n", &authorized));
    CHECK(stores("200 OK\nCache-Control: must-understand, no-store, max-age=60\n") && !stores("299 OK\nCache-Control: must-understand, no-store, max-age=60\n"));
}

static void lifetimes_have_their_order(void) {
    CHECK(stores("200 OK\nCache-Control: max-age=60, s-maxage=9\nExpires: 0\n") && facts.lifetime == 9);
    CHECK(stores("200 OK\nDate: " TODAY "\nExpires: Sun, 06 Nov 1994 08:50:37 GMT\n") && facts.lifetime == 60);
    CHECK(!stores("200 OK\nDate: " TODAY "\nExpires: 0\n"));
    CHECK(stores("200 OK\nDate: " TODAY "\nLast-Modified: Sun, 06 Nov 1994 08:32:57 GMT\n") && facts.lifetime == 100);
    CHECK(stores("200 OK\nLast-Modified: Sun, 06 Nov 1994 08:32:57 GMT\nExpires: junk\n") && facts.lifetime == 0);
}

static void ages_add_up(void) {
    CHECK(stores("200 OK\nAge: 10\nCache-Control: max-age=60\n") && facts.initial_age == 10);
    CHECK(stores("200 OK\nDate: Sun, 06 Nov 1994 08:49:07 GMT\nAge: 10\nCache-Control: max-age=60\n") && facts.initial_age == 30);
    const struct cache_asked slow = {.at = NOW - 5};
    CHECK(stores_for("200 OK\nAge: 10\nCache-Control: max-age=60\n", &slow) && facts.initial_age == 15);
    CHECK(stores("200 OK\nAge: x\nAge: 9\nCache-Control: max-age=60\n") && facts.initial_age == 0);
    CHECK(stores("200 OK\nAge: 7, 100\nCache-Control: max-age=60\n") && facts.initial_age == 7);
    CHECK(!stores("200 OK\nAge: 99999999999\nCache-Control: max-age=99999999999\n"));
    CHECK(cache_policy_age(&(struct cache_facts){.received = NOW, .initial_age = 3}, NOW - 100) == 3);  // a clock set back
}

static enum cache_use use(const struct cache_facts *f, const char *request, int64_t now) {
    struct cache_control c;
    cache_control_init(&c);
    cache_control_add(&c, span_of(request));
    return cache_policy_use(f, &c, now);
}

static void a_stored_answer_is_fresh_for_its_lifetime(void) {
    const struct cache_facts f = {.received = NOW, .initial_age = 10, .lifetime = 60};
    CHECK(use(&f, "", NOW + 49) == CACHE_USE_FRESH && use(&f, "", NOW + 50) == CACHE_USE_VALIDATE);
    CHECK(use(&f, "no-cache", NOW) == CACHE_USE_VALIDATE && use(&f, "max-age=9", NOW) == CACHE_USE_VALIDATE && use(&f, "max-age=10", NOW) == CACHE_USE_FRESH);
    CHECK(use(&f, "min-fresh=50", NOW) == CACHE_USE_FRESH && use(&f, "min-fresh=51", NOW) == CACHE_USE_VALIDATE);
    CHECK(use(&f, "max-stale=5", NOW + 55) == CACHE_USE_FRESH && use(&f, "max-stale=5", NOW + 56) == CACHE_USE_VALIDATE && use(&f, "max-stale", NOW + 5600) == CACHE_USE_FRESH);
}

static void stale_ones_are_given_out_where_that_is_allowed(void) {
    struct cache_facts f = {.received = NOW, .lifetime = 60, .while_revalidate = 10, .if_error = 20};
    struct cache_control none;
    cache_control_init(&none);
    CHECK(use(&f, "", NOW + 60) == CACHE_USE_STALE && use(&f, "", NOW + 69) == CACHE_USE_STALE && use(&f, "", NOW + 70) == CACHE_USE_VALIDATE);
    CHECK(cache_policy_stale_if_error(&f, &none, NOW + 80, false) && !cache_policy_stale_if_error(&f, &none, NOW + 81, false) && cache_policy_stale_if_error(&f, &none, NOW + 81, true));
    f.never_stale = true;
    CHECK(use(&f, "max-stale", NOW + 60) == CACHE_USE_VALIDATE && !cache_policy_stale_if_error(&f, &none, NOW + 61, true));
    CHECK(stores("200 OK\nCache-Control: max-age=1, must-revalidate, stale-while-revalidate=9\n") && facts.never_stale);
    CHECK(stores("200 OK\nCache-Control: s-maxage=1\n") && facts.never_stale);
}

/** Never fresher by waiting, and never given out as fresh beyond the lifetime. */
static void time_only_makes_it_older(void) {
    uint64_t seed = 88172645463325252u;
    for (unsigned i = 0; i < 20000; i++) {
        struct cache_facts f = {.received = NOW, .initial_age = (int64_t)(test_random(&seed) % 100), .lifetime = (int64_t)(test_random(&seed) % 100),
                                .while_revalidate = (int64_t)(test_random(&seed) % 50), .never_stale = test_random(&seed) % 2};
        int64_t a = NOW + (int64_t)(test_random(&seed) % 200), b = a + (int64_t)(test_random(&seed) % 200);
        CHECK(use(&f, "", b) >= use(&f, "", a));
        CHECK((use(&f, "", a) == CACHE_USE_FRESH) == (cache_policy_age(&f, a) < f.lifetime));
    }
}

TEST_MAIN(only_what_is_invited_is_stored, an_error_is_stored_only_while_it_is_fresh, what_is_for_one_user_is_not, lifetimes_have_their_order, ages_add_up, a_stored_answer_is_fresh_for_its_lifetime,
          stale_ones_are_given_out_where_that_is_allowed, time_only_makes_it_older)
