#include "test.h"

#include <time.h>

#include "../src/cache_date.c"

#define NOW INT64_C(1750000000)  // June 2025

static bool is(const char *text, int64_t seconds) {
    int64_t out = -1;
    return cache_date_read(span_of(text), NOW, &out) && out == seconds;
}

static void all_three_forms_are_read(void) {
    CHECK(is("Sun, 06 Nov 1994 08:49:37 GMT", 784111777));
    CHECK(is("Sunday, 06-Nov-94 08:49:37 GMT", 784111777));
    CHECK(is("Sun Nov  6 08:49:37 1994", 784111777));
    CHECK(is("sun, 06 nov 1994 08:49:37 gmt", 784111777));
    CHECK(is("Thu, 01 Jan 1970 00:00:00 GMT", 0));
}

static void two_digits_are_the_nearest_century(void) {
    CHECK(is("Sunday, 06-Nov-74 08:49:37 GMT", 784111777 + INT64_C(86400) * 29220));
    CHECK(is("Monday, 06-Nov-78 08:49:37 GMT", 279190177));  // 2078 would be more than 50 years ahead
}

static void what_is_no_date_is_refused(void) {
    static const char *const bad[] = {"", "0", "-1", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT",
                                      "Sun, 06  Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08.49.37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x", "Sun 06 Nov 1994 08:49:37 GMT"};
    for (unsigned i = 0; i < COUNT_OF(bad); i++) CHECK(!is(bad[i], 784111777) && !cache_date_read(span_of(bad[i]), NOW, &(int64_t){0}));
}

static void every_day_is_as_the_system_has_it(void) {
    for (int64_t t = -86400 * 365; t < INT64_C(86400) * 365 * 200; t += 86399 * 7) {
        time_t at = (time_t)t;
        struct tm tm;
        char text[40];
        gmtime_r(&at, &tm);
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        CHECK(is(text, t));
    }
}

TEST_MAIN(all_three_forms_are_read, two_digits_are_the_nearest_century, what_is_no_date_is_refused, every_day_is_as_the_system_has_it)
