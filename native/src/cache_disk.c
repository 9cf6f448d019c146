#include "cache_disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cache_spill.h"
#include "cache_store.h"
#include "cache_tier.h"

/** Answers that wait to be written hold memory the cache may want back: at most so many bytes of them; others are not written. */
#define QUEUE_BYTES (32u << 20)
/** How long a start waits for the look through the folder, which goes on behind it. */
#define SCAN_SECONDS 2
/** Files up to this size are read whole; of larger ones the body stays where it is, and is only looked at. */
#define WHOLE_BYTES (4u << 20)

enum job_kind { JOB_READ, JOB_PIECE, JOB_END, JOB_WRITE };

struct job {
    struct list link;
    enum job_kind kind;
    struct cache_object *object;     // one reference
    char name[CACHE_FILE_NAME + 1];  // READ
    size_t size;                     // PIECE
    unsigned char bytes[];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread;
    bool open, ending;
    int64_t began;                // s of the epoch
    unsigned looks;               // through the folder, that are due or going on
    struct list reads, pieces, writes;
    uint64_t queued;              // bytes of `writes`
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static bool write_all(int fd, const unsigned char *p, size_t n) {
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static void write_object(struct cache_object *o) {
    char temporary[64];
    size_t size;
    struct cache_file file;
    unsigned char *bytes = cache_file_write(o, &size);
    BUG_ON(!cache_file_peek(bytes, size, &file));
    if (cache_folder_take_room(size)) {
        cache_folder_temporary(temporary);
        int fd = openat(cache_folder_fd(), temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        bool written = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && write_all(fd, bytes, size);
        if (written && cache_folder_publish(o, temporary, &file)) {
            cache_tier_written(o, &file, fd);
        } else {
            if (fd >= 0) close(fd);
            cache_folder_discard(temporary, size, !written);
        }
    }
    free(bytes);
}

/** A file's bytes, or those before a large body, to be freed; NULL: it is not whole. */
static unsigned char *read_file(int fd, uint64_t size, struct cache_file *file) {
    if (size > WHOLE_BYTES) return cache_file_check(fd, size, file);
    unsigned char *bytes = base_alloc((size_t)size);
    size_t n = 0;
    ssize_t got = 0;
    while (n < size && (got = read(fd, bytes + n, (size_t)size - n)) > 0) n += (size_t)got;
    if (cache_file_read(bytes, n, file)) return bytes;
    free(bytes);
    return NULL;
}

static void read_object(struct cache_object *o, const char *name) {
    struct cache_file file;
    uint64_t size = 0;
    int fd = cache_folder_read(name, &size);
    unsigned char *bytes = fd >= 0 ? read_file(fd, size, &file) : NULL;
    bool whole = bytes && span_eq(file.key, (struct span){o->key, o->key_size});
    bool ok = whole && cache_tier_restore(o, &file, fd);
    if (!whole && fd >= 0) close(fd);
    cache_folder_was_read(o->hash, name, ok ? CACHE_FOLDER_HIT : whole ? CACHE_FOLDER_NO_ROOM : fd >= 0 ? CACHE_FOLDER_DAMAGED : CACHE_FOLDER_GONE);
    free(bytes);
    if (ok) cache_store_complete(o);
    else cache_store_drop(o, CACHE_FAILED);
}

/** A body that came piece by piece has been written. */
static void end_spill(struct cache_object *o) {
    struct cache_spill *s = o->body->spill;
    struct cache_file file = {.key = {o->key, o->key_size}, .variant = {o->variant, o->variant_size}, .size = s->size};
    if (!cache_spill_seal(o)) {
        cache_store_drop(o, CACHE_FAILED);
        return;
    }
    s->published = cache_folder_publish(o, s->name, &file);
    o->body->on_disk = s->published;
    cache_store_complete(o);
}

static void run(struct job *j) {
    switch (j->kind) {
        case JOB_READ: read_object(j->object, j->name); break;
        case JOB_PIECE: cache_spill_write(j->object, j->bytes, j->size); break;
        case JOB_END: end_spill(j->object); break;
        case JOB_WRITE: write_object(j->object); break;
    }
    cache_object_unref(j->object);
    free(j);
}

/** Under the lock: what somebody waits for comes first. */
static struct job *next_job(void) {
    struct list *l = list_shift(&disk.reads);
    if (!l) l = list_shift(&disk.pieces);
    if (!l) l = list_shift(&disk.writes);
    if (!l) return NULL;
    struct job *j = CONTAINER_OF(l, struct job, link);
    if (j->kind == JOB_WRITE) disk.queued -= j->object->body->length;
    return j;
}

static void *thread_main(void *data) {
    // A second look is for what was written since the first one began. The clock of files is a coarse one.
    int64_t since = 0;
    (void)data;
    pthread_mutex_lock(&disk.lock);
    for (;;) {
        if (disk.looks) {
            pthread_mutex_unlock(&disk.lock);
            cache_folder_scan(since);
            since = disk.began - 1;
            pthread_mutex_lock(&disk.lock);
            disk.looks--;
            pthread_cond_broadcast(&disk.work);
            continue;
        }
        struct job *j = next_job();
        if (!j && disk.ending) break;
        if (!j) {
            pthread_cond_wait(&disk.work, &disk.lock);
            continue;
        }
        pthread_mutex_unlock(&disk.lock);
        run(j);
        pthread_mutex_lock(&disk.lock);
    }
    pthread_mutex_unlock(&disk.lock);
    return NULL;
}

/** Signals are the control thread's. */
static void start_thread(void) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    BUG_ON(pthread_create(&disk.thread, NULL, thread_main, NULL) != 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/** One more look through the folder, which is waited for, so that the next requests find what there is; one at millions of files is not. */
static void look(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SCAN_SECONDS;
    pthread_mutex_lock(&disk.lock);
    disk.looks++;
    pthread_cond_broadcast(&disk.work);
    while (disk.looks && pthread_cond_timedwait(&disk.work, &disk.lock, &until) == 0) {}
    pthread_mutex_unlock(&disk.lock);
}

bool cache_disk_open(const char *folder, uint64_t bytes, char *why, size_t size) {
    if (!cache_folder_open(folder, bytes, why, size)) return false;
    list_init(&disk.reads);
    list_init(&disk.pieces);
    list_init(&disk.writes);
    disk.ending = false;
    disk.began = time(NULL);
    disk.open = true;
    start_thread();
    look();
    return true;
}

void cache_disk_taken_over(void) {
    if (disk.open) look();
}

void cache_disk_yield(void) {
    if (disk.open) cache_folder_yield();
}

/** Under the lock. */
static struct job *enqueue(struct list *queue, enum job_kind kind, struct cache_object *o, size_t size) {
    struct job *j = base_alloc(sizeof *j + size);
    j->kind = kind;
    j->object = cache_object_ref(o);
    j->size = size;
    list_init(&j->link);
    list_push(queue, &j->link);
    pthread_cond_broadcast(&disk.work);
    return j;
}

void cache_disk_put(struct cache_object *o) {
    if (!disk.open || atomic_exchange(&o->body->on_disk, true)) return;
    pthread_mutex_lock(&disk.lock);
    if (disk.queued + o->body->length <= QUEUE_BYTES) {
        disk.queued += o->body->length;
        enqueue(&disk.writes, JOB_WRITE, o, 0);
    } else {
        o->body->on_disk = false;
    }
    pthread_mutex_unlock(&disk.lock);
}

bool cache_disk_load(struct cache_object *o, const struct http1_head *request, const struct cache_shown *shown) {
    char name[CACHE_FILE_NAME + 1];
    if (!disk.open || !cache_folder_find(o, request, shown, name)) return false;
    o->loaded = true;
    pthread_mutex_lock(&disk.lock);
    memcpy(enqueue(&disk.reads, JOB_READ, o, 0)->name, name, sizeof name);
    pthread_mutex_unlock(&disk.lock);
    return true;
}

bool cache_disk_begin(struct cache_object *o, uint64_t length) {
    char name[64];
    uint64_t size = CACHE_FILE_HEADER + o->key_size + o->variant_size + o->head_size + length;
    if (!disk.open || !cache_store_reserve(CACHE_SPILL_WINDOW + CACHE_TIER_FILE_HELD)) return false;
    bool room = cache_folder_take_room(size);
    if (room) cache_folder_temporary(name);
    if (!room || !cache_spill_begin(o, length, cache_folder_fd(), name)) {
        cache_store_release(CACHE_SPILL_WINDOW + CACHE_TIER_FILE_HELD);
        if (room) cache_folder_discard(name, size, true);
        return false;
    }
    o->body->held = CACHE_SPILL_WINDOW + CACHE_TIER_FILE_HELD;
    return true;
}

size_t cache_disk_append(struct cache_object *o, struct span bytes) {
    struct cache_spill *s = o->body->spill;
    size_t n = s->failed ? 0 : cache_spill_room(s, bytes.n);
    if (!n) return 0;
    s->queued += n;
    pthread_mutex_lock(&disk.lock);
    struct job *j = enqueue(&disk.pieces, JOB_PIECE, o, n);
    // The thread cannot take it before the lock is given up.
    memcpy(j->bytes, bytes.p, n);
    pthread_mutex_unlock(&disk.lock);
    return n;
}

void cache_disk_end(struct cache_object *o) {
    pthread_mutex_lock(&disk.lock);
    enqueue(&disk.pieces, JOB_END, o, 0);
    pthread_mutex_unlock(&disk.lock);
}

void cache_disk_give_up(const struct cache_spill *s) { cache_folder_discard(s->name, s->size, s->failed); }

void cache_disk_invalidate(struct span key, uint64_t hash) {
    if (disk.open) cache_folder_invalidate(key, hash);
}

uint64_t cache_disk_purge(struct span prefix) { return disk.open ? cache_folder_purge(prefix) : 0; }

void cache_disk_read_counts(struct cache_disk_counts *out) {
    *out = (struct cache_disk_counts){0};
    if (disk.open) cache_folder_counts(out);
}

void cache_disk_stop(void) {
    if (!disk.open) return;
    pthread_mutex_lock(&disk.lock);
    disk.ending = true;
    pthread_cond_broadcast(&disk.work);
    pthread_mutex_unlock(&disk.lock);
    pthread_join(disk.thread, NULL);
}

void cache_disk_close(void) {
    if (disk.open) cache_folder_close();
    disk.open = false;
}
