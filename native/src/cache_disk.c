#include "cache_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_index.h"
#include "cache_store.h"
#include "cache_tier.h"

/** Answers that wait to be written hold memory the cache may want back: at most so many bytes of them; others are not written. */
#define QUEUE_BYTES (32u << 20)

/** How long a start waits for the look through the folder, which goes on behind it. */
#define SCAN_SECONDS 2
/** First bytes of a file that are read to know it: enough for all but very long URLs and variants. */
#define PEEK_BYTES 2048
/** Files removed under one hold of the lock. */
#define PURGE_BATCH 64u

struct job {
    struct list link;
    struct cache_object *object;  // one reference
    char name[CACHE_FILE_NAME + 1];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread;
    bool open, ending, scanned;
    int folder;
    struct cache_index index;
    struct list reads, writes;
    uint64_t queued;              // bytes of `writes`
    struct cache_disk_counts counts;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

/** Under the lock. */
static void forget(struct cache_entry *e) {
    unlinkat(disk.folder, e->name, 0);
    cache_index_remove(&disk.index, e);
}

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

/** Under the lock. */
static void make_room(uint64_t bytes) {
    struct cache_entry *e;
    while ((e = cache_index_victim(&disk.index, bytes))) forget(e);
}

/** Puts a written file into its place, unless what it holds has been purged meanwhile. */
static bool publish(struct cache_object *o, const char *temporary, const struct cache_file *file) {
    char name[CACHE_FILE_NAME + 1];
    cache_file_name(name, file->key, file->variant);
    pthread_mutex_lock(&disk.lock);
    bool ok = !o->purged && renameat(disk.folder, temporary, disk.folder, name) == 0;
    if (ok) cache_index_add(&disk.index, o->hash, file);
    pthread_mutex_unlock(&disk.lock);
    return ok;
}

static void write_object(struct cache_object *o) {
    char temporary[64];
    size_t size;
    struct cache_file file;
    unsigned char *bytes = cache_file_write(o, &size);
    snprintf(temporary, sizeof temporary, "%d.new", (int)getpid());
    pthread_mutex_lock(&disk.lock);
    bool fits = size <= disk.index.room;
    if (fits) make_room(size);
    pthread_mutex_unlock(&disk.lock);
    int fd = fits ? openat(disk.folder, temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
    bool written = fd >= 0 && write_all(fd, bytes, size);
    BUG_ON(!cache_file_peek(bytes, size, &file));
    if (written && publish(o, temporary, &file)) {
        cache_tier_written(o, &file, fd);
    } else {
        if (fd >= 0) close(fd);
        unlinkat(disk.folder, temporary, 0);
        pthread_mutex_lock(&disk.lock);
        disk.counts.failures += !written && fits;
        pthread_mutex_unlock(&disk.lock);
    }
    free(bytes);
}

/** A file's bytes, to be freed; NULL: it is not there, or cannot be read. @param fd the file, the caller's to close */
static unsigned char *read_file(const char *name, size_t *size, int *fd) {
    struct stat st;
    *fd = openat(disk.folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > disk.index.room) return NULL;
    unsigned char *bytes = base_alloc((size_t)st.st_size);
    size_t n = 0;
    ssize_t got = 0;
    while (n < (size_t)st.st_size && (got = read(*fd, bytes + n, (size_t)st.st_size - n)) > 0) n += (size_t)got;
    *size = n;
    return bytes;
}

static void read_object(struct cache_object *o, const char *name) {
    struct cache_file file;
    size_t size = 0;
    int fd;
    unsigned char *bytes = read_file(name, &size, &fd);
    bool whole = bytes && cache_file_read(bytes, size, &file) && span_eq(file.key, (struct span){o->key, o->key_size});
    bool ok = whole && cache_tier_restore(o, &file, fd);
    if (!whole && fd >= 0) close(fd);
    pthread_mutex_lock(&disk.lock);
    struct cache_entry *e = cache_index_named(&disk.index, o->hash, name);
    if (!whole && e) forget(e);
    if (bytes && !whole) disk.counts.damaged++;
    disk.counts.hits += ok;
    pthread_mutex_unlock(&disk.lock);
    free(bytes);
    if (ok) cache_store_complete(o);
    else cache_store_drop(o, CACHE_FAILED);
}

/** Whether a name is one of ours: hex digits, or what a crash left half-written. */
static bool is_name(const char *name) { return strspn(name, "0123456789abcdef") == CACHE_FILE_NAME && !name[CACHE_FILE_NAME]; }

static bool is_leftover(const char *name) {
    size_t digits = strspn(name, "0123456789");
    return digits && strcmp(name + digits, ".new") == 0;
}

/** Takes in a file by its first bytes; the rest is checked when it is read. */
static bool take_in(const char *name) {
    static unsigned char bytes[65536];
    char expected[CACHE_FILE_NAME + 1];
    struct cache_file file;
    struct stat st;
    int fd = openat(disk.folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, bytes, PEEK_BYTES, 0) : -1;
    bool known = n > 0 && cache_file_peek(bytes, (size_t)n, &file);
    if (n == PEEK_BYTES && !known && (n = pread(fd, bytes, sizeof bytes, 0)) > 0) known = cache_file_peek(bytes, (size_t)n, &file);
    close(fd);
    if (!known || file.size != (uint64_t)st.st_size) return false;
    cache_file_name(expected, file.key, file.variant);
    if (strcmp(expected, name) != 0) return false;
    cache_index_add(&disk.index, cache_store_hash(file.key), &file);
    return true;
}

/** What lies in the folder since before. Files with names that are not ours are let alone. */
static void scan(void) {
    int fd = openat(disk.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        pthread_mutex_lock(&disk.lock);
        if (is_leftover(entry->d_name)) unlinkat(disk.folder, entry->d_name, 0);
        else if (is_name(entry->d_name) && !take_in(entry->d_name) && unlinkat(disk.folder, entry->d_name, 0) == 0) disk.counts.damaged++;
        make_room(0);
        pthread_mutex_unlock(&disk.lock);
    }
    if (dir) closedir(dir);
    else if (fd >= 0) close(fd);
    pthread_mutex_lock(&disk.lock);
    disk.scanned = true;
    pthread_cond_broadcast(&disk.work);
    pthread_mutex_unlock(&disk.lock);
}

static void *thread_main(void *data) {
    (void)data;
    scan();
    pthread_mutex_lock(&disk.lock);
    for (;;) {
        // Somebody waits for what is read.
        struct list *l = list_shift(&disk.reads);
        bool reads = l != NULL;
        if (!l) l = list_shift(&disk.writes);
        if (!l && disk.ending) break;
        if (!l) {
            pthread_cond_wait(&disk.work, &disk.lock);
            continue;
        }
        struct job *j = CONTAINER_OF(l, struct job, link);
        if (!reads) disk.queued -= j->object->body->length;
        pthread_mutex_unlock(&disk.lock);
        if (reads) read_object(j->object, j->name);
        else write_object(j->object);
        cache_object_unref(j->object);
        free(j);
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

/** So that the first requests find what there is; a folder of millions of files is not waited for. */
static void wait_for_scan(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SCAN_SECONDS;
    pthread_mutex_lock(&disk.lock);
    while (!disk.scanned && pthread_cond_timedwait(&disk.work, &disk.lock, &until) == 0) {}
    pthread_mutex_unlock(&disk.lock);
}

bool cache_disk_open(const char *folder, uint64_t bytes, char *why, size_t size) {
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        snprintf(why, size, "cannot make %.150s: %s", folder, strerror(errno));
        return false;
    }
    disk.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (disk.folder < 0 || faccessat(disk.folder, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        snprintf(why, size, "cannot use %.150s: %s", folder, strerror(errno));
        if (disk.folder >= 0) close(disk.folder);
        return false;
    }
    cache_index_init(&disk.index, bytes);
    list_init(&disk.reads);
    list_init(&disk.writes);
    disk.ending = false;
    disk.open = true;
    start_thread();
    wait_for_scan();
    return true;
}

static void enqueue(struct list *queue, struct cache_object *o, const char *name) {
    struct job *j = base_zalloc(sizeof *j);
    j->object = cache_object_ref(o);
    if (name) memcpy(j->name, name, sizeof j->name);
    list_push(queue, &j->link);
    pthread_cond_signal(&disk.work);
}

void cache_disk_put(struct cache_object *o) {
    if (!disk.open || atomic_exchange(&o->body->on_disk, true)) return;
    pthread_mutex_lock(&disk.lock);
    if (disk.queued + o->body->length <= QUEUE_BYTES) {
        disk.queued += o->body->length;
        enqueue(&disk.writes, o, NULL);
    } else {
        o->body->on_disk = false;
    }
    pthread_mutex_unlock(&disk.lock);
}

bool cache_disk_load(struct cache_object *o, const struct http1_head *request, const struct cache_shown *shown) {
    if (!disk.open) return false;
    pthread_mutex_lock(&disk.lock);
    struct cache_entry *e = cache_index_find(&disk.index, o->hash, (struct span){o->key, o->key_size}, request, shown);
    if (e) {
        o->loaded = true;
        enqueue(&disk.reads, o, e->name);
    }
    pthread_mutex_unlock(&disk.lock);
    return e != NULL;
}

void cache_disk_invalidate(struct span key, uint64_t hash) {
    struct cache_entry *e;
    if (!disk.open) return;
    pthread_mutex_lock(&disk.lock);
    while ((e = cache_index_of(&disk.index, hash, key))) forget(e);
    pthread_mutex_unlock(&disk.lock);
}

uint64_t cache_disk_purge(struct span prefix) {
    uint64_t count = 0;
    bool more = disk.open;
    for (unsigned at = 0; more;) {
        struct cache_entry *e = NULL;
        pthread_mutex_lock(&disk.lock);
        for (unsigned i = 0; i < PURGE_BATCH && (e = cache_index_next(&disk.index, &at, prefix)); i++, count++) forget(e);
        pthread_mutex_unlock(&disk.lock);
        more = e != NULL;
    }
    return count;
}

void cache_disk_read_counts(struct cache_disk_counts *out) {
    *out = (struct cache_disk_counts){0};
    if (!disk.open) return;
    pthread_mutex_lock(&disk.lock);
    *out = disk.counts;
    out->bytes = cache_evict_bytes(&disk.index.evict);
    out->objects = disk.index.count;
    pthread_mutex_unlock(&disk.lock);
}

void cache_disk_close(void) {
    if (!disk.open) return;
    pthread_mutex_lock(&disk.lock);
    disk.ending = true;
    pthread_cond_signal(&disk.work);
    pthread_mutex_unlock(&disk.lock);
    pthread_join(disk.thread, NULL);
    disk.open = false;
    cache_index_close(&disk.index);
    close(disk.folder);
}
