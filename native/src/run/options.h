/* The command line of dharma-run. */
#ifndef DHARMA_RUN_OPTIONS_H
#define DHARMA_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct port_path {
    uint16_t port;
    const char *path; /* pathname of a unix socket in the host's view */
};

/* Lists hold at most as many entries as there are arguments; they live as long as the process. */
struct options {
    bool die_with_parent;
    pid_t parent; /* the expected parent, 0: whoever it is at start */
    int nice;     /* 0: as the caller's */
    bool jail;
    bool probe;
    const char **writable;
    size_t writable_count;
    const char **readable;
    size_t readable_count;
    struct port_path *bridges;
    size_t bridge_count;
    struct port_path *inwards;
    size_t inward_count;
    char **command; /* NULL-terminated */
};

/* Ends the process on a wrong command line, and on --help and --version. */
void options_parse(struct options *options, int argc, char **argv);

#endif
