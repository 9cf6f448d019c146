#include "test.h"

#include "../src/cache_control.c"

static struct cache_control of(const char *value) {
    struct cache_control c;
    cache_control_init(&c);
    cache_control_add(&c, span_of(value));
    return c;
}

static void times_are_read(void) {
    CHECK(of("max-age=60").max_age == 60 && of("Max-Age=\"60\"").max_age == 60 && of("max-age=003600").max_age == 3600);
    CHECK(of("public, s-maxage=5,max-age=60 , x").s_maxage == 5);
    CHECK(of("max-age=99999999999999999999999").max_age == CACHE_LONGEST);
    CHECK(of("private").max_age == CACHE_UNTOLD);
    CHECK(of("max-stale").max_stale == CACHE_LONGEST && of("max-stale=3").max_stale == 3);
    CHECK(of("stale-while-revalidate=30, stale-if-error=7").stale_while_revalidate == 30);
}

/** Whoever writes a time that is none gets none: stale. */
static void a_time_that_is_none_is_zero(void) {
    static const char *const bad[] = {"max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age='60'", "max-age=6 0", "max-age=abc"};
    for (unsigned i = 0; i < COUNT_OF(bad); i++) CHECK(of(bad[i]).max_age == 0);
    CHECK(of("max-age =60").max_age == CACHE_UNTOLD);  // another directive, named "max-age "
}

static void what_stands_in_quotes_is_no_directive(void) {
    struct cache_control c = of("ext=\"no-store, max-age=1\", max-age=60, x=\"a\\\",no-cache\"");
    CHECK(!c.no_store && !c.no_cache && c.max_age == 60);
    CHECK(of("ext=\"no-store").max_age == CACHE_UNTOLD && !of("ext=\"no-store").no_store);
}

static void flags_are_read_in_any_case_and_with_arguments(void) {
    CHECK(of("No-Store").no_store && of("no-cache=\"set-cookie\"").no_cache && of("private=\"x\"").is_private && of("PUBLIC").is_public);
    CHECK(!of("no-storex").no_store && !of("xno-store").no_store);
}

static void the_first_of_two_counts(void) { CHECK(of("max-age=1, max-age=100").max_age == 1); }

static struct cache_control targeted(const char *value, const char *plain) {
    struct http1_head head = {.count = 2};
    struct cache_control c;
    head.fields[0] = (struct http1_field){.name = SPAN("CDN-Cache-Control"), .value = span_of(value)};
    head.fields[1] = (struct http1_field){.name = SPAN("Cache-Control"), .value = span_of(plain)};
    cache_control_read_answer(&c, &head);
    return c;
}

static void the_targeted_field_counts_instead(void) {
    struct cache_control c = targeted("max-age=60", "no-store, max-age=1");
    CHECK(c.targeted && c.max_age == 60 && !c.no_store);
    CHECK(targeted("no-store", "max-age=60").no_store && targeted("private, x=?0", "public").is_private);
    CHECK(!targeted("no-store=?0", "max-age=60").no_store);
}

static void a_targeted_field_that_is_no_dictionary_does_not_count(void) {
    static const char *const bad[] = {"", "max-age=60, &", "Max-Age=60", "max-age=\"60\"", "max-age=60;;", "max-age=", "max-age=1x"};
    for (unsigned i = 0; i < COUNT_OF(bad); i++) CHECK(!targeted(bad[i], "max-age=5").targeted && targeted(bad[i], "max-age=5").max_age == 5);
}

TEST_MAIN(times_are_read, a_time_that_is_none_is_zero, what_stands_in_quotes_is_no_directive, flags_are_read_in_any_case_and_with_arguments, the_first_of_two_counts,
          the_targeted_field_counts_instead, a_targeted_field_that_is_no_dictionary_does_not_count)
