#include "test.h"

#include "../src/sticky.c"

static uint64_t read_one(const char *cookie) {
    struct http1_head head = {.count = 1};
    head.fields[0] = (struct http1_field){SPAN("Cookie"), span_of(cookie), FIELD_OTHER};
    return sticky_read(&head, SPAN("node"));
}

static void only_a_well_formed_cookie_of_that_name_counts(void) {
    CHECK(read_one("node=00000000000000ff") == 255);
    CHECK(read_one("a=b; node=00000000000000ff;c=d") == 255);
    CHECK(read_one("node=x; node=00000000000000ff") == 255);
    CHECK(read_one("xnode=00000000000000ff") == 0);
    CHECK(read_one("node=0000000000000ff") == 0);
    CHECK(read_one("node=00000000000000fff") == 0);
    CHECK(read_one("node=00000000000000FF") == 0);
    CHECK(read_one("node") == 0 && read_one("node=") == 0 && read_one("") == 0 && read_one(";;;") == 0);
}

static void what_is_set_is_read_again(void) {
    struct http1_head head = {0};
    char line[STICKY_LINE];
    size_t n = sticky_add(&head, line, SPAN("node"), 0xfedcba9876543210u, true);
    CHECK(n && head.count == 1 && line[n - 2] == '\r' && head.fields[0].value.p + head.fields[0].value.n == line + n - 2);
    struct http1_head request = {.count = 1};
    request.fields[0] = (struct http1_field){SPAN("cookie"), head.fields[0].value, FIELD_OTHER};
    CHECK(sticky_read(&request, SPAN("node")) == 0xfedcba9876543210u);
    head.count = HTTP1_FIELDS_MAX;
    CHECK(!sticky_add(&head, line, SPAN("node"), 1, false));
}

TEST_MAIN(only_a_well_formed_cookie_of_that_name_counts, what_is_set_is_read_again)
