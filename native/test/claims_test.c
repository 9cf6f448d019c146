#include "test.h"

#include "../src/claims.c"

static void knows_claims_however_they_are_spelled(void) {
    static const char *const claims[] = {"Forwarded", "FORWARDED", "X-Forwarded-For", "x_forwarded_for", "X_Forwarded-For", "X-Forwarded", "X-Forwarded-Port", "x-forwarded-anything",
                                         "X-Real-IP", "x_real_ip", "True-Client-IP", "CF-Connecting-IP", "X-Original-URL", "X-Rewrite-Url", "Front-End-Https", "WL-Proxy-Client-IP"};
    static const char *const others[] = {"", "X", "Forwarde", "Forwarded-", "X-Forward", "Xforwarded", "X-Real", "X-Real-IPs", "Accept", "Cookie", "User-Agent", "X-Request-Id", "Traceparent",
                                         "X-HTTP-Method-Override", "X-Requested-With", "Client", "Host"};
    for (size_t i = 0; i < COUNT_OF(claims); i++) CHECK(claims_name(span_of(claims[i])));
    for (size_t i = 0; i < COUNT_OF(others); i++) CHECK(!claims_name(span_of(others[i])));
}

static void stays_within_the_name(void) {
    for (size_t i = 0; i < COUNT_OF(names); i++)
        for (size_t n = 0; n <= strlen(names[i]); n++) {
            char *exact = base_alloc(n);  // the sanitizer sees a read behind it
            memcpy(exact, names[i], n);
            CHECK(n < strlen(names[i]) || claims_name((struct span){exact, n}));
            claims_name((struct span){exact, n});
            free(exact);
        }
}

TEST_MAIN(knows_claims_however_they_are_spelled, stays_within_the_name)
