#include "cache_spill.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "cache_disk.h"
#include "cache_file.h"
#include "cache_store.h"
#include "cache_worker.h"

static bool write_at(int fd, const unsigned char *bytes, size_t n, uint64_t at) {
    while (n) {
        ssize_t done = pwrite(fd, bytes, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        bytes += done;
        n -= (size_t)done;
        at += (uint64_t)done;
    }
    return true;
}

/** Room for all of it, where the file system has a way to ask for it. */
static bool take_room(int fd, uint64_t size) { return fallocate(fd, 0, 0, (off_t)size) == 0 || errno == EOPNOTSUPP || errno == ENOSYS; }

bool cache_spill_begin(struct cache_object *o, uint64_t length, int folder, const char *name) {
    size_t prefix;
    unsigned char *bytes = cache_file_prefix(o, length, &prefix);
    struct cache_spill *s = base_zalloc(sizeof *s);
    s->size = prefix + length;
    snprintf(s->name, sizeof s->name, "%s", name);
    cache_file_sum_begin(&s->sum, bytes, prefix);
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    // Locked while it is ours: what a crash left behind is not (cache_disk.c).
    bool ok = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && take_room(fd, s->size) && write_at(fd, bytes, prefix, 0);
    struct cache_body *b = ok ? cache_body_in_file(fd, prefix, length) : NULL;
    free(bytes);
    if (!b) {
        if (fd >= 0) close(fd);
        free(s);
        return false;
    }
    b->fill = 0;
    b->on_disk = false;
    b->spill = s;
    o->body = b;
    return true;
}

size_t cache_spill_room(const struct cache_spill *s, size_t n) {
    uint64_t queued = s->queued, room = queued < CACHE_SPILL_WINDOW ? CACHE_SPILL_WINDOW - queued : 0;
    return n < room ? n : (size_t)room;
}

bool cache_spill_write(struct cache_object *o, const unsigned char *bytes, size_t n) {
    struct cache_body *b = o->body;
    struct cache_spill *s = b->spill;
    uint64_t fill = b->fill;
    bool ok = !s->failed && cache_object_state(o) == CACHE_FILLING && n <= b->length - fill && write_at(b->file, bytes, n, b->file_at + fill);
    if (ok) {
        siphash_add(&s->sum, bytes, n);
        atomic_store_explicit(&b->fill, fill + n, memory_order_release);
    } else {
        s->failed = true;
    }
    s->queued -= n;
    cache_notify(o);
    return ok;
}

bool cache_spill_seal(struct cache_object *o) {
    struct cache_body *b = o->body;
    unsigned char sum[8];
    cache_file_sum_end(&b->spill->sum, sum);
    if (b->spill->failed || b->fill != b->length || !write_at(b->file, sum, sizeof sum, CACHE_FILE_SUM_AT)) {
        b->spill->failed = true;
        return false;
    }
    b->held -= CACHE_SPILL_WINDOW;
    cache_store_release(CACHE_SPILL_WINDOW);
    return true;
}

void cache_spill_end(struct cache_spill *s) {
    if (!s->published) cache_disk_give_up(s);
    free(s);
}
