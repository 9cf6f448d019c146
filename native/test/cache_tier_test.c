#include "test.h"

#include <fcntl.h>
#include <unistd.h>

#include "../src/cache_tier.c"

static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\n";

/** What a file with a body of so many bytes says; its descriptor, of nothing, goes to *fd. */
static struct cache_file file_of(uint64_t length, int *fd) {
    static char body[2 * IN_FILE_BYTES];
    *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return (struct cache_file){.facts = {.received = 5, .lifetime = 60}, .status = 200, .head_304_size = 17, .key = SPAN("http://h/a"), .variant = SPAN("accept: x\n"),
                               .head = SPAN(head), .body = {body, length}, .size = 1000 + length};
}

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static uint64_t held(void) {
    struct cache_store_counts c;
    cache_store_read_counts(&c);
    return c.bytes;
}

static void long_bodies_stay_in_their_file(void) {
    static const uint64_t lengths[] = {0, 1, IN_FILE_BYTES - 1, IN_FILE_BYTES, 2 * IN_FILE_BYTES};
    cache_store_configure(4u << 20);
    cache_body_bound_files(10);
    for (unsigned i = 0; i < COUNT_OF(lengths); i++) {
        int fd;
        struct cache_file f = file_of(lengths[i], &fd);
        struct cache_object *o = cache_object_new(f.key, 7);
        CHECK(cache_tier_restore(o, &f, fd));
        bool in_file = lengths[i] >= IN_FILE_BYTES;
        CHECK((o->body->file == fd) == in_file && is_open(fd) == in_file && o->body->length == lengths[i] && o->body->fill == lengths[i]);
        CHECK(!in_file || o->body->file_at == 1000);
        CHECK(o->status == 200 && o->facts.lifetime == 60 && o->head_size == sizeof head - 1 && memcmp(o->head + o->head_size, "\r\n", 2) == 0 && o->body->on_disk);
        CHECK(held() == cache_object_size(o) && (held() < 10000) == (in_file || lengths[i] < 2));
        cache_object_unref(o);
        CHECK(!is_open(fd) && held() == 0);
    }
    cache_store_close();
}

static void files_and_memory_are_bounded(void) {
    int first, second;
    struct cache_file a = file_of(IN_FILE_BYTES, &first), b = file_of(IN_FILE_BYTES, &second);
    struct cache_object *o = cache_object_new(a.key, 7), *p = cache_object_new(b.key, 7);
    cache_store_configure(IN_FILE_BYTES + 8000);
    cache_body_bound_files(1);
    CHECK(cache_tier_restore(o, &a, first) && cache_tier_restore(p, &b, second));
    CHECK(o->body->file == first && p->body->file < 0 && !is_open(second));
    struct cache_object *q = cache_object_new(b.key, 7);
    CHECK(!cache_tier_restore(q, &b, -1) && !q->body && !q->held);
    cache_object_unref(o);
    cache_object_unref(p);
    cache_object_unref(q);
    CHECK(!is_open(first) && held() == 0);
    cache_store_close();
}

TEST_MAIN(long_bodies_stay_in_their_file, files_and_memory_are_bounded)
