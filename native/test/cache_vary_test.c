#include "test.h"

#include "../src/cache_vary.c"

static const char *extra[] = {"foo", "x-tenant"};
static const struct cache_shown shown = {2, extra};
static char variant[CACHE_VARY_BYTES];
static struct http1_head request, answer;

static void set(struct http1_head *head, unsigned count, const char *const *pairs) {
    head->count = count;
    for (unsigned i = 0; i < count; i++) head->fields[i] = (struct http1_field){.name = span_of(pairs[i * 2]), .value = span_of(pairs[i * 2 + 1])};
}
#define REQUEST(...) set(&request, COUNT_OF(((const char *const[]){__VA_ARGS__})) / 2, (const char *const[]){__VA_ARGS__})

static int write_for(const char *vary) {
    set(&answer, 1, (const char *const[]){"Vary", vary});
    return cache_vary_write(variant, &answer, &request, &shown);
}

static bool matches(int n) { return cache_vary_matches((struct span){variant, (size_t)n}, &request, &shown); }

static void a_variant_is_for_requests_with_its_values(void) {
    REQUEST("Accept-Encoding", "gzip, br", "Foo", "1");
    int n = write_for("foo, Accept-Encoding");
    CHECK(n > 0 && matches(n));
    REQUEST("accept-encoding", "gzip,br", "FOO", " 1");
    request.fields[1].value = SPAN("1");
    CHECK(matches(n));
    REQUEST("Foo", "1", "Accept-Encoding", "gzip", "Accept-Encoding", "br");
    CHECK(matches(n));
    REQUEST("Accept-Encoding", "gzip", "Foo", "1");
    CHECK(!matches(n));
    REQUEST("Accept-Encoding", "gzip, br");
    CHECK(!matches(n));
    REQUEST("Accept-Encoding", "gzip, br", "Foo", "");
    CHECK(!matches(n));
}

static void empty_is_not_absent(void) {
    REQUEST("Foo", "");
    int n = write_for("foo");
    CHECK(matches(n));
    REQUEST("X", "y");
    CHECK(!matches(n));
}

static void names_are_one_set(void) {
    char before[CACHE_VARY_BYTES];
    REQUEST("Foo", "1", "Accept", "a");
    int n = write_for("Foo, accept");
    memcpy(before, variant, (size_t)n);
    CHECK(write_for("accept,,FOO, foo") == n && memcmp(before, variant, (size_t)n) == 0);
}

/** An answer cannot be chosen by what the origin is not shown; a value in it must not split the cache. */
static void what_is_not_shown_does_not_count(void) {
    REQUEST("Cookie", "a=1");
    int n = write_for("Cookie");
    REQUEST("Cookie", "a=2");
    CHECK(n > 0 && matches(n));
}

static void some_answers_have_no_variant(void) {
    REQUEST("Foo", "1");
    CHECK(write_for("*") < 0 && write_for("foo, *") < 0 && write_for("a b") < 0 && write_for("") == 0);
    CHECK(write_for("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p") > 0 && write_for("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q") < 0);
    static char large[CACHE_VARY_BYTES + 1];
    memset(large, 'x', CACHE_VARY_BYTES);
    REQUEST("Foo", large);
    CHECK(write_for("foo") < 0);
}

static void a_line_break_cannot_be_smuggled_in(void) {
    // The parser lets no line break into a value; a value that looks like another line does not become one.
    REQUEST("Foo", "1 x-tenant: a", "X-Tenant", "b");
    int n = write_for("foo, x-tenant");
    REQUEST("Foo", "1", "X-Tenant", "a");
    CHECK(!matches(n));
}

TEST_MAIN(a_variant_is_for_requests_with_its_values, empty_is_not_absent, names_are_one_set, what_is_not_shown_does_not_count, some_answers_have_no_variant, a_line_break_cannot_be_smuggled_in)
