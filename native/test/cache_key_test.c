#include "test.h"

#include "../src/cache_key.c"

static bool is(const char *text, char *key) {
    bool same = key && strcmp(text, key) == 0;
    free(key);
    return same;
}

static void a_key_is_the_url(void) {
    struct framing f = {.host = SPAN("Shop.Test:80"), .target = SPAN("/A?b=C")};
    CHECK(is("http://shop.test:80/A?b=C", cache_key_new(false, NULL, &f)) && is("https://shop.test:80/A?b=C", cache_key_new(true, NULL, &f)));
    CHECK(is("http://bucket/A?b=C", cache_key_new(false, "Bucket", &f)));
}

static void references_resolve_within_the_origin(void) {
    static const char key[] = "http://shop.test/a/b";
    CHECK(is("http://shop.test/x", cache_key_resolve(key, SPAN("/x"))) && is("http://shop.test/x", cache_key_resolve(key, SPAN("HTTP://Shop.test/x"))));
    CHECK(!cache_key_resolve(key, SPAN("//evil/x")) && !cache_key_resolve(key, SPAN("http://shop.testx/x")) && !cache_key_resolve(key, SPAN("https://shop.test/x")));
    CHECK(!cache_key_resolve(key, SPAN("")) && !cache_key_resolve(key, SPAN("x")) && !cache_key_resolve(key, SPAN("http://shop.test")));
    CHECK(is("http://shop.test/x", cache_key_resolve("http://shop.test", SPAN("/x"))));
}

TEST_MAIN(a_key_is_the_url, references_resolve_within_the_origin)
