#include "cache_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_index.h"
#include "cache_store.h"
#include "loop.h"

/** First bytes of a file that are read to know it: enough for all but very long URLs and variants. */
#define PEEK_BYTES 2048
/** Files removed under one hold of the lock. */
#define PURGE_BATCH 64u

static struct {
    pthread_mutex_t lock;
    int fd;
    bool yielded;
    struct cache_index index;
    uint64_t taken;               // for files that are not published yet
    _Atomic uint64_t names;
    struct cache_disk_counts counts;
} folder = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock(void) { pthread_mutex_lock(&folder.lock); }
static void unlock(void) { pthread_mutex_unlock(&folder.lock); }

int cache_folder_fd(void) { return folder.fd; }

/** Under the lock. */
static void forget(struct cache_entry *e) {
    if (!folder.yielded) unlinkat(folder.fd, e->name, 0);
    cache_index_remove(&folder.index, e);
}

/** Under the lock. */
static void make_room(uint64_t bytes) {
    struct cache_entry *e;
    while ((e = cache_index_victim(&folder.index, bytes))) forget(e);
}

bool cache_folder_take_room(uint64_t bytes) {
    lock();
    bool fits = !folder.yielded && folder.taken <= folder.index.room && bytes <= folder.index.room - folder.taken;
    if (fits) folder.taken += bytes;
    if (fits) make_room(folder.taken);
    unlock();
    return fits;
}

void cache_folder_give_room_back(uint64_t bytes) {
    lock();
    folder.taken -= bytes;
    unlock();
}

void cache_folder_temporary(char name[64]) { snprintf(name, 64, "%d.%llu.new", (int)getpid(), (unsigned long long)folder.names++); }

bool cache_folder_publish(const struct cache_object *o, const char *temporary, const struct cache_file *file) {
    char name[CACHE_FILE_NAME + 1];
    cache_file_name(name, file->key, file->variant);
    lock();
    bool ok = !o->purged && !folder.yielded && renameat(folder.fd, temporary, folder.fd, name) == 0;
    if (ok) cache_index_add(&folder.index, o->hash, file);
    if (ok) folder.taken -= file->size;
    unlock();
    return ok;
}

void cache_folder_discard(const char *temporary, uint64_t room, bool failed) {
    // Also by who has yielded: the name is nobody else's.
    unlinkat(folder.fd, temporary, 0);
    lock();
    folder.taken -= room;
    folder.counts.failures += failed;
    unlock();
}

bool cache_folder_find(const struct cache_object *o, const struct http1_head *request, const struct cache_shown *shown, char name[CACHE_FILE_NAME + 1]) {
    lock();
    const struct cache_entry *e = cache_index_find(&folder.index, o->hash, (struct span){o->key, o->key_size}, request, shown);
    if (e) memcpy(name, e->name, sizeof e->name);
    unlock();
    return e != NULL;
}

int cache_folder_read(const char *name, uint64_t *size) {
    struct stat st;
    int fd = openat(folder.fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= folder.index.room) {
        *size = (uint64_t)st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

void cache_folder_was_read(uint64_t hash, const char *name, enum cache_folder_read what) {
    lock();
    struct cache_entry *e = cache_index_named(&folder.index, hash, name);
    if (e && (what == CACHE_FOLDER_GONE || what == CACHE_FOLDER_DAMAGED)) forget(e);
    folder.counts.damaged += what == CACHE_FOLDER_DAMAGED;
    folder.counts.hits += what == CACHE_FOLDER_HIT;
    unlock();
}

/** Whether a name is one of ours: hex digits, or what a crash left half-written. */
static bool is_name(const char *name) { return strspn(name, "0123456789abcdef") == CACHE_FILE_NAME && !name[CACHE_FILE_NAME]; }

static bool is_temporary(const char *name) {
    size_t digits = strspn(name, "0123456789.");
    return digits && strcmp(name + digits, "new") == 0;
}

/** Removes what a crash left half-written; a process that lives holds its lock. */
static void remove_leftover(const char *name) {
    int fd = openat(folder.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) unlinkat(folder.fd, name, 0);
    if (fd >= 0) close(fd);
}

/** Whether the index has the file, as large as it is. */
static bool is_known(uint64_t hash, const char *name, uint64_t size) {
    const struct cache_entry *e = cache_index_named(&folder.index, hash, name);
    return e && e->place.size == size;
}

/** Takes in a file by its first bytes; the rest is checked when it is read. */
static bool take_in(const char *name, int64_t since) {
    static unsigned char bytes[65536];
    char expected[CACHE_FILE_NAME + 1];
    struct cache_file file;
    struct stat st;
    int fd = openat(folder.fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (regular && since && st.st_mtime < since) {
        close(fd);
        return true;
    }
    ssize_t n = regular ? pread(fd, bytes, PEEK_BYTES, 0) : -1;
    bool known = n > 0 && cache_file_peek(bytes, (size_t)n, &file);
    if (n == PEEK_BYTES && !known && (n = pread(fd, bytes, sizeof bytes, 0)) > 0) known = cache_file_peek(bytes, (size_t)n, &file);
    close(fd);
    if (!known || file.size != (uint64_t)st.st_size) return false;
    cache_file_name(expected, file.key, file.variant);
    if (strcmp(expected, name) != 0) return false;
    uint64_t hash = cache_store_hash(file.key);
    if (!is_known(hash, name, file.size)) cache_index_add(&folder.index, hash, &file);
    return true;
}

void cache_folder_scan(int64_t since) {
    int fd = openat(folder.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        lock();
        if (is_temporary(name)) remove_leftover(name);
        else if (is_name(name) && !take_in(name, since) && unlinkat(folder.fd, name, 0) == 0) folder.counts.damaged++;
        make_room(folder.taken);
        unlock();
    }
    if (dir) closedir(dir);
    else if (fd >= 0) close(fd);
}

void cache_folder_yield(void) {
    lock();
    folder.yielded = true;
    unlock();
}

bool cache_folder_open(const char *path, uint64_t bytes, char *why, size_t size) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        snprintf(why, size, "cannot make %.150s: %s", path, strerror(errno));
        return false;
    }
    folder.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder.fd < 0 || faccessat(folder.fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        snprintf(why, size, "cannot use %.150s: %s", path, strerror(errno));
        if (folder.fd >= 0) close(folder.fd);
        return false;
    }
    folder.yielded = false;
    // Two processes in containers of their own may have one id.
    folder.names = loop_clock();
    cache_index_init(&folder.index, bytes);
    return true;
}

void cache_folder_invalidate(struct span key, uint64_t hash) {
    struct cache_entry *e;
    lock();
    while ((e = cache_index_of(&folder.index, hash, key))) forget(e);
    unlock();
}

uint64_t cache_folder_purge(struct span prefix) {
    uint64_t count = 0;
    bool more = true;
    for (unsigned at = 0; more;) {
        struct cache_entry *e = NULL;
        lock();
        for (unsigned i = 0; i < PURGE_BATCH && (e = cache_index_next(&folder.index, &at, prefix)); i++, count++) forget(e);
        unlock();
        more = e != NULL;
    }
    return count;
}

void cache_folder_counts(struct cache_disk_counts *out) {
    lock();
    *out = folder.counts;
    out->bytes = cache_evict_bytes(&folder.index.evict) + folder.taken;
    out->objects = folder.index.count;
    unlock();
}

void cache_folder_close(void) {
    cache_index_close(&folder.index);
    BUG_ON(folder.taken);
    close(folder.fd);
}
