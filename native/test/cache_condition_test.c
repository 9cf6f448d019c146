#include "test.h"

#include "../src/cache_condition.c"

static struct cache_range part;

static enum cache_ranged range(const char *value, uint64_t length) { return cache_range_read(span_of(value), length, &part); }

static bool is_part(const char *value, uint64_t length, uint64_t from, uint64_t to) { return range(value, length) == CACHE_PART && part.from == from && part.to == to; }

static void one_range_is_a_part(void) {
    CHECK(is_part("bytes=0-4", 10, 0, 5) && is_part("bytes=5-", 10, 5, 10) && is_part("bytes=-3", 10, 7, 10) && is_part("BYTES=9-9", 10, 9, 10));
    CHECK(is_part("bytes=2-99999999999999999999999", 10, 2, 10) && is_part("bytes=-99", 10, 0, 10) && is_part("bytes= 0-4 ", 10, 0, 5));
}

static void what_does_not_overlap_is_unsatisfiable(void) {
    CHECK(range("bytes=10-", 10) == CACHE_UNSATISFIABLE && range("bytes=-0", 10) == CACHE_UNSATISFIABLE && range("bytes=0-", 0) == CACHE_UNSATISFIABLE);
    CHECK(range("bytes=99999999999999999999999-", 10) == CACHE_UNSATISFIABLE && range("bytes=-5", 0) == CACHE_UNSATISFIABLE);
}

static void what_is_no_range_asks_for_the_whole(void) {
    static const char *const other[] = {"", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "items=0-4", "bytes=0-4,6-7", "bytes=0-4-5", "bytes=0x1-2", "bytes=+0-4"};
    for (unsigned i = 0; i < COUNT_OF(other); i++) CHECK(range(other[i], 10) == CACHE_WHOLE);
}

/** Whatever is asked, a part lies inside the whole and is not empty. */
static void parts_lie_inside(void) {
    uint64_t seed = 88172645463325252u;
    for (unsigned i = 0; i < 50000; i++) {
        char text[64];
        uint64_t length = test_random(&seed) % 12, a = test_random(&seed) % 16, b = test_random(&seed) % 16;
        if (test_random(&seed) % 3 == 0) snprintf(text, sizeof text, "bytes=-%llu", (unsigned long long)a);
        else if (test_random(&seed) % 2) snprintf(text, sizeof text, "bytes=%llu-", (unsigned long long)a);
        else snprintf(text, sizeof text, "bytes=%llu-%llu", (unsigned long long)a, (unsigned long long)b);
        if (range(text, length) == CACHE_PART) CHECK(part.from < part.to && part.to <= length);
    }
}

#define OLD "Sun, 06 Nov 1994 08:49:37 GMT"
#define NEW "Sun, 06 Nov 1994 08:49:38 GMT"

static struct http1_head request, stored;

static void set(struct http1_head *head, unsigned count, const char *const *pairs) {
    head->status = 200;
    head->count = count;
    for (unsigned i = 0; i < count; i++) head->fields[i] = (struct http1_field){.name = span_of(pairs[i * 2]), .value = span_of(pairs[i * 2 + 1])};
}

static bool unchanged(const char *name, const char *value, const char *stored_name, const char *stored_value) {
    set(&request, 1, (const char *const[]){name, value});
    set(&stored, 1, (const char *const[]){stored_name, stored_value});
    return cache_condition_not_modified(&request, &stored, 784111777);
}

static void tags_compare_weakly(void) {
    CHECK(unchanged("If-None-Match", "\"a\"", "ETag", "\"a\"") && unchanged("if-none-match", "W/\"a\"", "ETag", "\"a\"") && unchanged("If-None-Match", "\"x\", \"a,b\"", "ETag", "W/\"a,b\""));
    CHECK(!unchanged("If-None-Match", "\"a\"", "ETag", "\"b\"") && !unchanged("If-None-Match", "a", "ETag", "\"a\"") && !unchanged("If-None-Match", "\"a\"", "X", "y"));
    CHECK(unchanged("If-None-Match", "*", "X", "y"));
}

static void dates_compare(void) {
    CHECK(unchanged("If-Modified-Since", OLD, "Last-Modified", OLD) && unchanged("If-Modified-Since", NEW, "Last-Modified", OLD));
    CHECK(!unchanged("If-Modified-Since", OLD, "Last-Modified", NEW) && !unchanged("If-Modified-Since", "junk", "Last-Modified", OLD) && !unchanged("If-Modified-Since", OLD, "X", "y"));
}

static void a_tag_outranks_a_date(void) {
    set(&request, 2, (const char *const[]){"If-None-Match", "\"b\"", "If-Modified-Since", OLD});
    set(&stored, 2, (const char *const[]){"ETag", "\"a\"", "Last-Modified", OLD});
    CHECK(!cache_condition_not_modified(&request, &stored, 784111777));
    stored.status = 404;
    set(&request, 1, (const char *const[]){"If-Modified-Since", OLD});
    CHECK(!cache_condition_not_modified(&request, &stored, 784111777));
}

static bool counts(const char *if_range, const char *stored_name, const char *stored_value) {
    struct cache_range out;
    set(&request, 2, (const char *const[]){"Range", "bytes=1-2", "If-Range", if_range});
    set(&stored, 1, (const char *const[]){stored_name, stored_value});
    return cache_condition_range(&request, &stored, 10, 784111777, &out) == CACHE_PART;
}

static void if_range_compares_strongly(void) {
    CHECK(counts("\"a\"", "ETag", "\"a\"") && !counts("\"a\"", "ETag", "W/\"a\"") && !counts("W/\"a\"", "ETag", "W/\"a\"") && !counts("\"b\"", "ETag", "\"a\""));
    CHECK(counts(OLD, "Last-Modified", OLD) && !counts(OLD, "Last-Modified", NEW) && !counts(NEW, "Last-Modified", OLD) && !counts("junk", "Last-Modified", OLD));
}

TEST_MAIN(one_range_is_a_part, what_does_not_overlap_is_unsatisfiable, what_is_no_range_asks_for_the_whole, parts_lie_inside, tags_compare_weakly, dates_compare, a_tag_outranks_a_date,
          if_range_compares_strongly)
