#include "test.h"

#include "../src/cache_folder.c"

static char path[64];

static void begin(uint64_t room) {
    char why[256];
    snprintf(path, sizeof path, "%s", "/tmp/dharma-folder-XXXXXX");
    CHECK(mkdtemp(path));
    cache_store_configure(1 << 20);
    folder.counts = (struct cache_disk_counts){0};
    CHECK(cache_folder_open(path, room, why, sizeof why));
}

static unsigned count_names(void) {
    DIR *dir = opendir(path);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(dir));) n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void end(void) {
    DIR *dir = opendir(path);
    for (struct dirent *e; (e = readdir(dir));) unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    CHECK(rmdir(path) == 0);
    cache_folder_close();
    cache_store_close();
}

static struct cache_object *make(const char *key) {
    static const char head[] = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n\r\n";
    struct cache_object *o = cache_object_new(span_of(key), cache_store_hash(span_of(key)));
    o->head = base_dup(head, sizeof head - 1);
    o->head_size = o->head_304_size = sizeof head - 3;
    o->status = 200;
    o->body = cache_body_new(4);
    cache_body_append(o->body, SPAN("body"));
    return o;
}

/** Writes the object's file under a name of its own, or, `placed`, under the one it is found by, as another process does. */
static int put_file(const struct cache_object *o, const char *name, struct cache_file *file) {
    static unsigned char bytes[4096];
    size_t n;
    unsigned char *made = cache_file_write(o, &n);
    CHECK(n <= sizeof bytes);
    memcpy(bytes, made, n);
    free(made);
    int fd = openat(folder.fd, name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && cache_file_peek(bytes, n, file));
    return fd;
}

static bool finds(const struct cache_object *o) {
    static const struct cache_shown shown;
    struct http1_head request = {0};
    char name[CACHE_FILE_NAME + 1];
    return cache_folder_find(o, &request, &shown, name);
}

static bool store(const struct cache_object *o) {
    char name[64];
    struct cache_file file;
    cache_folder_temporary(name);
    close(put_file(o, name, &file));
    if (!cache_folder_take_room(file.size)) {
        unlinkat(folder.fd, name, 0);
        return false;
    }
    if (cache_folder_publish(o, name, &file)) return true;
    cache_folder_discard(name, file.size, false);
    return false;
}

static void what_is_published_is_found_until_it_goes(void) {
    begin(1 << 20);
    struct cache_object *a = make("http://h/a"), *b = make("http://h/b");
    CHECK(!finds(a) && store(a) && store(b) && finds(a) && finds(b) && count_names() == 2 && !folder.taken);
    cache_folder_invalidate(SPAN("http://h/a"), a->hash);
    CHECK(!finds(a) && finds(b) && count_names() == 1);
    b->purged = true;
    CHECK(cache_folder_purge(SPAN("http://h/")) == 1 && !store(b) && !finds(b) && count_names() == 0 && !folder.taken);
    cache_object_unref(a);
    cache_object_unref(b);
    end();
}

static void room_is_kept_also_for_what_is_being_written(void) {
    begin(1000);
    struct cache_object *a = make("http://h/a"), *b = make("http://h/b");
    CHECK(store(a) && cache_folder_take_room(600) && finds(a));
    CHECK(!cache_folder_take_room(401));
    // Others go for what is to be written.
    CHECK(cache_folder_take_room(400) && !finds(a) && !store(b));
    cache_folder_give_room_back(600);
    CHECK(store(b) && finds(b));
    cache_folder_give_room_back(400);
    cache_object_unref(a);
    cache_object_unref(b);
    end();
}

static void who_has_yielded_changes_nothing(void) {
    begin(1 << 20);
    struct cache_object *a = make("http://h/a"), *b = make("http://h/b");
    CHECK(store(a));
    cache_folder_yield();
    CHECK(!store(b) && !cache_folder_take_room(1) && count_names() == 1);
    cache_folder_invalidate(SPAN("http://h/a"), a->hash);
    CHECK(!finds(a) && count_names() == 1);
    cache_object_unref(a);
    cache_object_unref(b);
    end();
}

/** What another process wrote since, and not what is being written by one that lives. */
static void a_later_look_takes_in_what_is_new(void) {
    begin(1 << 20);
    struct cache_object *a = make("http://h/a"), *b = make("http://h/b"), *c = make("http://h/c");
    struct cache_file file;
    char name[CACHE_FILE_NAME + 1];
    struct timespec old[2] = {{1000, 0}, {1000, 0}};
    CHECK(store(a));
    cache_file_name(name, (struct span){b->key, b->key_size}, SPAN(""));
    close(put_file(b, name, &file));
    cache_file_name(name, (struct span){c->key, c->key_size}, SPAN(""));
    close(put_file(c, name, &file));
    CHECK(utimensat(folder.fd, name, old, 0) == 0);
    int lives = put_file(a, "1.1.new", &file), dead = put_file(a, "2.2.new", &file);
    CHECK(flock(lives, LOCK_EX) == 0);
    close(dead);
    cache_folder_scan(2000);
    CHECK(finds(a) && finds(b) && !finds(c) && count_names() == 4 && faccessat(folder.fd, "1.1.new", F_OK, 0) == 0);
    cache_folder_scan(0);
    CHECK(finds(a) && finds(b) && finds(c) && folder.index.count == 3);
    close(lives);
    cache_folder_scan(0);
    CHECK(count_names() == 3);
    cache_object_unref(a);
    cache_object_unref(b);
    cache_object_unref(c);
    end();
}

static void what_is_no_file_of_ours_goes_and_strangers_stay(void) {
    begin(1 << 20);
    struct cache_object *a = make("http://h/a");
    struct cache_file file;
    close(put_file(a, "00000000000000000000000000000000", &file));
    close(put_file(a, "readme", &file));
    cache_folder_scan(0);
    CHECK(count_names() == 1 && folder.counts.damaged == 1 && !finds(a));
    CHECK(!is_temporary("new") && !is_temporary("x1.new") && is_temporary("4711.new") && !is_name("abc"));
    cache_object_unref(a);
    end();
}

TEST_MAIN(what_is_published_is_found_until_it_goes, room_is_kept_also_for_what_is_being_written, who_has_yielded_changes_nothing, a_later_look_takes_in_what_is_new,
          what_is_no_file_of_ours_goes_and_strangers_stay)
