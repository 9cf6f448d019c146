#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "fail.h"

static const char usage[] =
    "usage: dharma-run [--die-with-parent[=PID]] [--nice N] [--jail [--writable DIR]... [--readable DIR]...\n"
    "                  [--bridge PATH:PORT]... [--inward PORT:PATH]...] -- CMD [ARG]...\n"
    "       dharma-run --probe-jail\n"
    "\n"
    "  --die-with-parent[=PID]  kill CMD and all it started when the caller (which must be PID) dies\n"
    "  --nice N                 CPU priority of CMD and all it starts: 1 (a little lower) to 19 (lowest)\n"
    "  --jail                   no network but loopback of its own, a read-only file system, private /tmp\n"
    "  --writable DIR           may be written inside the jail\n"
    "  --readable DIR           stays visible though it lies under /tmp or /run (the working directory does)\n"
    "  --bridge PATH:PORT       127.0.0.1:PORT inside leads to the host's unix socket PATH\n"
    "  --inward PORT:PATH       the host's unix socket PATH leads to 127.0.0.1:PORT inside,\n"
    "                           once CMD listens there\n"
    "  --probe-jail             exit 0 if --jail works here; else 1 and one line of JSON that says why not\n"
    "\n"
    "Exits as CMD does; 125 when the launcher fails, 126 and 127 when CMD cannot be run or found.\n";

static uint16_t parse_port(const char *text, size_t length, const char *whole)
{
    unsigned long port = 0;

    if (length == 0 || length > 5)
        failf(0, "%s: a port from 1 to 65535 is wanted", whole);
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            failf(0, "%s: a port from 1 to 65535 is wanted", whole);
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    if (port == 0 || port > 65535)
        failf(0, "%s: a port from 1 to 65535 is wanted", whole);
    return (uint16_t)port;
}

static const char *check_socket_path(const char *path, const char *whole)
{
    if (path[0] != '/')
        failf(0, "%s: the socket's path must be absolute", whole);
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        failf(0, "%s: the socket's path is over %zu bytes, use a shorter directory", whole,
              sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    return path;
}

/* PATH:PORT, split at the last colon. Not in place: the process list shows what the caller typed. */
static struct port_path parse_bridge(const char *text)
{
    const char *colon = strrchr(text, ':');
    struct port_path result;
    char *path;

    if (colon == NULL)
        failf(0, "--bridge %s: PATH:PORT is wanted", text);
    result.port = parse_port(colon + 1, strlen(colon + 1), text);
    path = strndup(text, (size_t)(colon - text));
    if (path == NULL)
        fail("memory", ENOMEM);
    result.path = check_socket_path(path, text);
    return result;
}

/* PORT:PATH, split at the first colon. */
static struct port_path parse_inward(const char *text)
{
    const char *colon = strchr(text, ':');

    if (colon == NULL)
        failf(0, "--inward %s: PORT:PATH is wanted", text);
    return (struct port_path){
        .port = parse_port(text, (size_t)(colon - text), text),
        .path = check_socket_path(colon + 1, text),
    };
}

static pid_t parse_pid(const char *text)
{
    char *end;
    long pid;

    errno = 0;
    pid = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || pid <= 0 || pid > INT32_MAX)
        failf(0, "--die-with-parent=%s: a process id is wanted", text);
    return (pid_t)pid;
}

static int parse_nice(const char *text)
{
    char *end;
    long nice;

    errno = 0;
    nice = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || nice < 1 || nice > 19)
        failf(0, "--nice %s: a number from 1 to 19 is wanted", text);
    return (int)nice;
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        fail("memory", ENOMEM);
    return memory;
}

static void check_combination(const struct options *options)
{
    bool jail_only =
        options->writable_count + options->readable_count + options->bridge_count + options->inward_count > 0;

    if (jail_only && !options->jail)
        fail("--writable, --readable, --bridge and --inward go with --jail", 0);
    if (options->command[0] == NULL && !options->probe)
        fail("no command; see dharma-run --help", 0);
}

void options_parse(struct options *options, int argc, char **argv)
{
    enum { DIE = 256, NICE, JAIL, WRITABLE, READABLE, BRIDGE, INWARD, PROBE, HELP };
    static const struct option table[] = {
        {"die-with-parent", optional_argument, NULL, DIE},
        {"nice", required_argument, NULL, NICE},
        {"jail", no_argument, NULL, JAIL},
        {"writable", required_argument, NULL, WRITABLE},
        {"readable", required_argument, NULL, READABLE},
        {"bridge", required_argument, NULL, BRIDGE},
        {"inward", required_argument, NULL, INWARD},
        {"probe-jail", no_argument, NULL, PROBE},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct options){0};
    options->writable = allocate((size_t)argc, sizeof *options->writable);
    options->readable = allocate((size_t)argc, sizeof *options->readable);
    options->bridges = allocate((size_t)argc, sizeof *options->bridges);
    options->inwards = allocate((size_t)argc, sizeof *options->inwards);
    opterr = 0; /* one line of our own instead */
    /* "+": the command's own options are not ours. */
    while ((option = getopt_long(argc, argv, "+", table, NULL)) != -1) {
        switch (option) {
        case DIE:
            options->die_with_parent = true;
            options->parent = optarg != NULL ? parse_pid(optarg) : 0;
            break;
        case NICE:
            options->nice = parse_nice(optarg);
            break;
        case JAIL:
            options->jail = true;
            break;
        case WRITABLE:
            options->writable[options->writable_count++] = optarg;
            break;
        case READABLE:
            options->readable[options->readable_count++] = optarg;
            break;
        case BRIDGE:
            options->bridges[options->bridge_count++] = parse_bridge(optarg);
            break;
        case INWARD:
            options->inwards[options->inward_count++] = parse_inward(optarg);
            break;
        case PROBE:
            options->probe = options->jail = true;
            break;
        case HELP:
            fputs(usage, stdout);
            exit(0);
        default:
            failf(0, "%s: unknown option or missing argument; see dharma-run --help", argv[optind - 1]);
        }
    }
    options->command = argv + optind;
    check_combination(options);
}
