#include "test.h"

#include <stdlib.h>

#include "../src/cache_spill.c"

static char path[64];

static struct cache_object *make(void) {
    static const char head[] = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n\r\n";
    struct cache_object *o = cache_object_new(SPAN("http://h/a"), 7);
    o->head = base_dup(head, sizeof head - 1);
    o->head_size = o->head_304_size = sizeof head - 3;
    o->status = 200;
    return o;
}

/** Begins a spill in a folder of its own. */
static struct cache_object *begin(uint64_t length, char why[256]) {
    snprintf(path, sizeof path, "%s", "/tmp/dharma-spill-XXXXXX");
    CHECK(mkdtemp(path));
    cache_store_configure(4 << 20);
    cache_body_bound_files(2);
    CHECK(cache_disk_open(path, 4 << 20, why, 256));
    struct cache_object *o = make();
    CHECK(cache_disk_begin(o, length));
    o->state = CACHE_FILLING;
    return o;
}

static void end(struct cache_object *o) {
    cache_object_unref(o);
    cache_disk_stop();
    cache_store_close();
    cache_disk_close();
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", path);
    CHECK(system(command) == 0);
}

static void pieces_make_a_file_that_is_whole(void) {
    char why[256];
    static unsigned char bytes[1000000];
    struct cache_file file;
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)test_random(&seed);
    struct cache_object *o = begin(sizeof bytes, why);
    uint64_t held = o->body->held;
    for (size_t at = 0, n; at < sizeof bytes; at += n) {
        n = 1 + test_random(&seed) % 70000;
        if (n > sizeof bytes - at) n = sizeof bytes - at;
        o->body->spill->queued += n;
        CHECK(cache_spill_write(o, bytes + at, n) && o->body->fill == at + n && o->body->spill->queued == 0);
        CHECK(cache_spill_seal(o) == (at + n == sizeof bytes));
        o->body->spill->failed = false;
    }
    CHECK(o->body->held == held - CACHE_SPILL_WINDOW);
    unsigned char *texts = cache_file_check(o->body->file, o->body->spill->size, &file);
    CHECK(texts && span_eq(file.key, SPAN("http://h/a")) && file.body.n == sizeof bytes && !file.body.p);
    free(texts);
    unsigned char byte = bytes[777777] ^ 1;
    CHECK(pwrite(o->body->file, &byte, 1, (off_t)(o->body->file_at + 777777)) == 1);
    CHECK(!cache_file_check(o->body->file, o->body->spill->size, &file));
    end(o);
}

static void too_much_and_what_nobody_wants_any_more_is_not_written(void) {
    char why[256];
    struct cache_object *o = begin(10, why);
    o->body->spill->queued = 22;
    CHECK(cache_spill_write(o, (const unsigned char *)"0123456", 7));
    CHECK(!cache_spill_write(o, (const unsigned char *)"789a", 4) && o->body->fill == 7 && o->body->spill->failed);
    o->body->spill->failed = false;
    o->state = CACHE_FAILED;
    CHECK(!cache_spill_write(o, (const unsigned char *)"789", 3) && o->body->fill == 7 && !cache_spill_seal(o));
    end(o);
}

static void what_waits_is_bounded(void) {
    struct cache_spill s = {.queued = 0};
    CHECK(cache_spill_room(&s, 1000) == 1000 && cache_spill_room(&s, CACHE_SPILL_WINDOW + 5) == CACHE_SPILL_WINDOW);
    s.queued = CACHE_SPILL_WINDOW - 3;
    CHECK(cache_spill_room(&s, 1000) == 3);
    s.queued = CACHE_SPILL_WINDOW + 3;
    CHECK(cache_spill_room(&s, 1000) == 0);
}

static void no_more_files_than_may_be_open(void) {
    char why[256];
    struct cache_object *o = begin(100, why), *second = make(), *third = make();
    struct cache_disk_counts before, counts;
    cache_disk_read_counts(&before);
    CHECK(cache_disk_begin(second, 100) && !cache_disk_begin(third, 100) && !third->body);
    cache_disk_read_counts(&counts);
    CHECK(counts.failures == before.failures + 1);
    cache_object_unref(second);
    CHECK(cache_disk_begin(third, 100));
    cache_object_unref(third);
    end(o);
}

TEST_MAIN(pieces_make_a_file_that_is_whole, too_much_and_what_nobody_wants_any_more_is_not_written, what_waits_is_bounded, no_more_files_than_may_be_open)
