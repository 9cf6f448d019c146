#include "config_file.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

/** A chain or a key is a few KiB; a bundle of the world's CAs 250. */
#define FILE_MAX (4u << 20)

bool config_file_fault(struct config_error *error, const char *path, const char *what, const char *file) {
    *error = (struct config_error){0};
    snprintf(error->path, sizeof error->path, "%s", path);
    snprintf(error->message, sizeof error->message, "%.150s: %.90s", file, what);
    ERR_clear_error();
    return false;
}

/** What is secret is for its owner, and perhaps a group that may read it: nobody else. */
static bool is_private(const struct stat *st) { return (st->st_mode & (S_IRWXO | S_IWGRP | S_IXGRP)) == 0 && (st->st_uid == 0 || st->st_uid == geteuid()); }

char *config_file_read(const char *file, bool secret, const char *path, size_t *n, struct config_error *error) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    const char *why = NULL;
    if (fd < 0 || fstat(fd, &st) < 0) why = strerror(errno);
    else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) why = "not a file of at most 4 MiB";
    else if (secret && !is_private(&st)) why = "others than its owner can get at it: chmod 600, and owned by this user or root";
    char *text = why ? NULL : base_alloc((size_t)st.st_size + 1);
    ssize_t got = 0;
    for (*n = 0; text && *n < (size_t)st.st_size && (got = read(fd, text + *n, (size_t)st.st_size - *n)) > 0; *n += (size_t)got) {}
    if (fd >= 0) close(fd);
    if (text) return text;
    config_file_fault(error, path, why, file);
    return NULL;
}
