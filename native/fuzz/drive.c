/**
 * @file drive.c
 * Drives a fuzz target without libFuzzer: every corpus file, then RUNS deterministic mutations of them. The same targets
 * link with clang's -fsanitize=fuzzer instead of this file, for open-ended runs.
 *   fuzz-target RUNS CORPUS_DIR
 */
#include <dirent.h>

#include "base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES_MAX 256
#define BYTES_MAX 65536u

static struct {
    uint8_t *data;
    size_t size;
} files[FILES_MAX];
static unsigned file_count;
static uint64_t state = 0x2545f4914f6cdd1d;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void load(const char *folder) {
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) && file_count < FILES_MAX) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *f = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!f) continue;
        uint8_t *data = base_alloc(BYTES_MAX);
        files[file_count].size = fread(data, 1, BYTES_MAX, f);
        files[file_count++].data = data;
        fclose(f);
    }
    if (dir) closedir(dir);
}

/** Runs on memory of exactly the input's size, so that the sanitizer sees every byte read beyond it. */
static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = base_alloc(size);
    if (size) memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/** One edit: a byte changed, a run removed, repeated, or taken from another file; a telling byte put in. */
static size_t mutate(uint8_t *data, size_t size) {
    static const uint8_t telling[] = {0, '\r', '\n', ' ', '\t', ':', ',', ';', '0', '9', 'f', '"', '\\', '{', '[', 0x7f, 0x80, 0xff};
    size_t at = size ? next_random() % size : 0, n = size - at ? next_random() % (size - at) % 64 : 0;
    switch (next_random() % 6) {
        case 0:
            if (size) data[at] = (uint8_t)next_random();
            return size;
        case 1:
            if (size) data[at] = telling[next_random() % sizeof telling];
            return size;
        case 2: memmove(data + at, data + at + n, size - at - n); return size - n;
        case 3:
            if (size + n > BYTES_MAX) return size;
            memmove(data + at + n, data + at, size - at);
            return size + n;
        case 4:
            if (size + 1 > BYTES_MAX) return size;
            memmove(data + at + 1, data + at, size - at);
            data[at] = telling[next_random() % sizeof telling];
            return size + 1;
        default: {
            unsigned other = (unsigned)(next_random() % file_count);
            size_t from = files[other].size ? next_random() % files[other].size : 0, take = (files[other].size - from) % 64;
            if (at + take > BYTES_MAX) return size;
            memcpy(data + at, files[other].data + from, take);
            return at + take > size ? at + take : size;
        }
    }
}

int main(int argc, char **argv) {
    static uint8_t data[BYTES_MAX];
    if (argc != 3) return 2;
    load(argv[2]);
    if (!file_count) {
        fprintf(stderr, "no corpus in %s\n", argv[2]);
        return 1;
    }
    for (unsigned i = 0; i < file_count; i++) run(files[i].data, files[i].size);
    unsigned long runs = strtoul(argv[1], NULL, 10);
    for (unsigned long i = 0; i < runs; i++) {
        unsigned from = (unsigned)(next_random() % file_count);
        size_t size = files[from].size;
        memcpy(data, files[from].data, size);
        for (unsigned edits = 1 + (unsigned)(next_random() % 8); edits; edits--) size = mutate(data, size);
        run(data, size);
    }
    printf("ok %s: %u files, %lu mutations\n", argv[0], file_count, runs);
    for (unsigned i = 0; i < file_count; i++) free(files[i].data);
    return 0;
}
