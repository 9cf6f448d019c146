#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"

/* The kernel's, not glibc's: they came to libc headers late, and clash with <sys/mount.h> in some. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
enum { TREE_CLONE = 1, MOVE_FROM_EMPTY_PATH = 4, WHOLE_TREE = 0x8000 };
enum { ATTRIBUTE_READONLY = 1, ATTRIBUTE_NO_SUID = 2, ATTRIBUTE_NO_DEVICES = 4 };
struct attributes {
    uint64_t set, clear, propagation, user_namespace;
};

struct place {
    const char *path;
    bool writable; /* a private place of the jail's own, else empty and read-only */
    const char *mount_options;
};

/* Where the host keeps sockets, locks and devices. What does not exist, or is a link to another, is left out. */
static const struct place hidden[] = {
    {"/run", false, "mode=755,size=64k"},
    {"/var/run", false, "mode=755,size=64k"},
    {"/tmp", true, "mode=1777"},
    {"/var/tmp", true, "mode=1777"},
    {"/dev", false, "mode=755,size=64k"},
};
static const char *const devices[] = {"null", "zero", "full", "random", "urandom"};

enum { HIDDEN = sizeof hidden / sizeof *hidden, DEVICES = sizeof devices / sizeof *devices };

/* A part of the host's tree, held so that it can be shown again after what is above it was hidden. */
struct held {
    int tree;
    bool writable;
    char path[PATH_MAX];
};

/* Whether `path` is `directory` or lies under it. */
static bool is_within(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    return strncmp(path, directory, length) == 0 &&
           (path[length] == '\0' || path[length] == '/' || strcmp(directory, "/") == 0);
}

static bool is_hidden(const char *path)
{
    for (int i = 0; i < HIDDEN; i++)
        if (is_within(path, hidden[i].path))
            return true;
    return false;
}

static void set_attributes(int tree, const char *path, uint64_t set, uint64_t clear)
{
    struct attributes attributes = {.set = set, .clear = clear};

    if (syscall(SYS_mount_setattr, tree, path, (path[0] == '\0' ? AT_EMPTY_PATH : 0) | WHOLE_TREE, &attributes,
                sizeof attributes) != 0)
        failf(errno, "mount attributes of %s (needs Linux 5.12 or later)", path[0] == '\0' ? "a directory" : path);
}

static int clone_tree(const char *path)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, TREE_CLONE | O_CLOEXEC | WHOLE_TREE);

    if (tree < 0)
        failf(errno, "hold %s", path);
    return tree;
}

static void attach(int tree, const char *path)
{
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_FROM_EMPTY_PATH) != 0)
        failf(errno, "show %s", path);
    close(tree);
}

static void hold(struct held *held, const char *directory, bool writable)
{
    static const char *const never[] = {"/proc", "/sys", "/dev"};
    struct stat status;

    if (realpath(directory, held->path) == NULL)
        failf(errno, "%s", directory);
    if (stat(held->path, &status) != 0 || !S_ISDIR(status.st_mode))
        failf(ENOTDIR, "%s", held->path);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (is_within(held->path, never[i]))
            failf(0, "%s: nothing under %s can be shown", held->path, never[i]);
    for (int i = 0; i < HIDDEN; i++)
        if (is_within(hidden[i].path, held->path))
            failf(0, "%s: would show %s again; name a directory below it", held->path, hidden[i].path);
    held->writable = writable;
    held->tree = clone_tree(held->path);
    set_attributes(held->tree, "", ATTRIBUTE_NO_SUID | ATTRIBUTE_NO_DEVICES | (writable ? 0 : ATTRIBUTE_READONLY),
                   writable ? ATTRIBUTE_READONLY : 0);
}

/* mkdir -p; what is there already is fine. */
static void make_directories(const char *path)
{
    char partial[PATH_MAX];
    size_t length = strlen(path);

    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, 0755) != 0 && errno != EEXIST)
            failf(errno, "make %s", partial);
    }
}

static bool is_real_directory(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void hide_places(void)
{
    for (int i = 0; i < HIDDEN; i++)
        if (is_real_directory(hidden[i].path) &&
            mount("tmpfs", hidden[i].path, "tmpfs", MS_NOSUID | MS_NODEV, hidden[i].mount_options) != 0)
            failf(errno, "hide %s", hidden[i].path);
}

/* Fills the jail's own /dev with what the later mounts and links need. */
static void prepare_devices(void)
{
    static const char *const links[][2] = {
        {"/proc/self/fd", "/dev/fd"},
        {"/proc/self/fd/0", "/dev/stdin"},
        {"/proc/self/fd/1", "/dev/stdout"},
        {"/proc/self/fd/2", "/dev/stderr"},
    };
    char path[64];

    for (int i = 0; i < DEVICES; i++) {
        snprintf(path, sizeof path, "/dev/%s", devices[i]);
        int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (file < 0)
            failf(errno, "make %s", path);
        close(file);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlink(links[i][0], links[i][1]) != 0)
            failf(errno, "make %s", links[i][1]);
    if (mkdir("/dev/shm", 01777) != 0 || mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") != 0)
        fail("private /dev/shm", errno);
}

static void hold_devices(int *trees)
{
    char path[64];

    for (int i = 0; i < DEVICES; i++) {
        snprintf(path, sizeof path, "/dev/%s", devices[i]);
        trees[i] = clone_tree(path);
    }
}

static void show_devices(const int *trees)
{
    char path[64];

    for (int i = 0; i < DEVICES; i++) {
        snprintf(path, sizeof path, "/dev/%s", devices[i]);
        attach(trees[i], path);
    }
}

/* Everything that must be visible or writable again: readable first, since writable may lie within. */
static size_t hold_directories(const struct options *options, const char *working, struct held *held)
{
    size_t count = 0;

    if (is_hidden(working))
        hold(&held[count++], working, false);
    for (size_t i = 0; i < options->readable_count; i++)
        hold(&held[count++], options->readable[i], false);
    for (size_t i = 0; i < options->writable_count; i++)
        hold(&held[count++], options->writable[i], true);
    return count;
}

void view_enter(const struct options *options)
{
    size_t most = options->writable_count + options->readable_count + 1;
    struct held *held = calloc(most, sizeof *held);
    char working[PATH_MAX];
    int device_trees[DEVICES];
    size_t count;

    if (held == NULL)
        fail("memory", ENOMEM);
    if (getcwd(working, sizeof working) == NULL)
        fail("working directory", errno);
    umask(0022);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        fail("private mounts", errno);
    count = hold_directories(options, working, held);
    hold_devices(device_trees);
    hide_places();
    prepare_devices();
    for (size_t i = 0; i < count; i++)
        if (is_hidden(held[i].path))
            make_directories(held[i].path);
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        fail("mount /proc", errno);
    set_attributes(AT_FDCWD, "/", ATTRIBUTE_READONLY | ATTRIBUTE_NO_SUID | ATTRIBUTE_NO_DEVICES, 0);
    for (int i = 0; i < HIDDEN; i++)
        if (hidden[i].writable && is_real_directory(hidden[i].path))
            set_attributes(AT_FDCWD, hidden[i].path, 0, ATTRIBUTE_READONLY);
    set_attributes(AT_FDCWD, "/dev/shm", 0, ATTRIBUTE_READONLY);
    show_devices(device_trees);
    for (size_t i = 0; i < count; i++)
        attach(held[i].tree, held[i].path);
    /* Not by the old way in: that leads to the mount as it was before. */
    if (chdir(working) != 0)
        failf(errno, "working directory %s", working);
    free(held);
}
