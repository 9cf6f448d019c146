/** @file main.c Arguments, start and end of the process. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cache_disk.h"
#include "cache_store.h"
#include "control.h"
#include "handover.h"
#include "listener.h"

enum { EXIT_CONFIG = 2 };

static int usage(FILE *out) {
    fputs("usage: dharma-proxy --config FILE [--check | --take-over]\n"
          "       dharma-proxy --version\n"
          "A reverse proxy that balances by measured wait. FILE is JSON, see native/README.md.\n",
          out);
    return EXIT_CONFIG;
}

static int config_failed(const char *file, const struct config_error *error) {
    fprintf(stderr, "dharma-proxy: %s: %s%s%s\n", file, error->path, *error->path ? ": " : "", error->message);
    return EXIT_CONFIG;
}

/** Descriptors of a worker (loop, event, listens) and of the process (control socket, its peers, standard streams). */
enum { WORKER_DESCRIPTORS = 8, PROCESS_DESCRIPTORS = 32 };
/** One of so many is for a stored answer that is sent from its file: clients come first. */
#define CACHE_DESCRIPTORS 16u

/**
 * What the system allows is what we take. A proxied request takes two descriptors: clients get half of them, and who is one too
 * many waits in the backlog, or those inside would find none for their nodes.
 */
static void raise_descriptor_limit(const struct config *config) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    uint64_t own = PROCESS_DESCRIPTORS + (uint64_t)config->workers * (WORKER_DESCRIPTORS + config->listen_count);
    uint64_t left = limit.rlim_cur > own + 2 ? limit.rlim_cur - own : 2, files = config->cache.disk_path ? left / CACHE_DESCRIPTORS : 0, clients = (left - files) / 2;
    cache_body_bound_files(files < UINT_MAX ? (unsigned)files : UINT_MAX);
    if (clients < UINT_MAX) worker_connections_most = (unsigned)clients;
}

/** Opens all listening sockets that were not taken over. */
static bool open_listeners(struct listening_set *set, const struct config *config, struct handover *handover) {
    unsigned failed;
    if (listener_open_all(set, config, handover->fds, handover->fd_count, &failed)) return true;
    const struct config_listen *l = &config->listens[failed];
    fprintf(stderr, "dharma-proxy: listen[%u]: cannot listen on %s port %u: %s\n", failed, l->address, l->port, strerror(errno));
    return false;
}

static void announce(const struct config *config, const uint16_t *ports) {
    for (unsigned i = 0; i < config->listen_count; i++)
        fprintf(stderr, "{\"event\":\"listening\",\"address\":\"%s\",\"port\":%u}\n", config->listens[i].address, ports[i]);
}

/** Everything a running proxy owns beside its workers' own. */
struct process {
    struct control control;
    struct listening_set listening;
    bool take_over;
    struct handover handover;
};

static bool open_control(struct process *p, const struct config *config) {
    char why[256];
    // The path outlives the config it came from.
    char *path = base_dup(config->control, strlen(config->control));
    if (control_open(&p->control, path, why, sizeof why)) return true;
    free(path);
    fprintf(stderr, "dharma-proxy: control: %s\n", why);
    return false;
}

/** The listening sockets: those of the proxy that runs, where there is one and they are wanted. */
static bool open_or_take(struct process *p, const struct config *config) {
    char why[256];
    if (p->take_over && !handover_ask(&p->handover, config, why, sizeof why)) {
        fprintf(stderr, "dharma-proxy: take over: %s\n", why);
        return false;
    }
    return open_listeners(&p->listening, config, &p->handover);
}

/** Opens what can fail at start. false: said why on stderr. */
static bool open_all(struct process *p) {
    const struct config *config = p->control.current->config;
    if (!open_or_take(p, config)) return false;
    if (!config->control || p->handover.socket >= 0) return true;
    return open_control(p, config);
}

/** The workers accept: the old process goes, and its control socket becomes ours. */
static void finish_handover(struct process *p) {
    if (p->handover.socket < 0) return;
    if (!handover_ready(&p->handover)) fputs("dharma-proxy: take over: the old proxy did not say that it goes\n", stderr);
    // Before anybody can ask for a purge: what the old one wrote meanwhile must be known.
    cache_disk_taken_over();
    handover_close(&p->handover);
    // Without it the proxy serves, and can be told nothing: whoever owns it has to know.
    if (!open_control(p, p->control.current->config)) kill(getpid(), SIGTERM);
}

static void run_all(struct process *p) {
    struct control *c = &p->control;
    control_block_signals();
    c->workers = base_alloc(c->worker_count * sizeof *c->workers);
    for (unsigned i = 0; i < c->worker_count; i++) c->workers[i] = worker_new(i, c->current, p->listening.sockets, p->listening.count);
    if (p->handover.captured) control_await_subscriber(c);
    for (unsigned i = 0; i < c->worker_count; i++) worker_start(c->workers[i]);
    finish_handover(p);
    announce(c->current->config, p->listening.ports);
    control_run(c);
    for (unsigned i = 0; i < c->worker_count; i++) worker_join(c->workers[i]);
    BUG_ON(account_wait_sum() != 0);
    free(c->workers);
    free((void *)(uintptr_t)c->socket_path);
}

static bool open_cache(const struct config_cache *cache) {
    char why[256];
    cache_store_configure(cache->memory_bytes);
    if (!cache->disk_path || cache_disk_open(cache->disk_path, cache->disk_bytes, why, sizeof why)) return true;
    fprintf(stderr, "dharma-proxy: cache.diskPath: %s\n", why);
    return false;
}

static int serve(const char *file, struct snapshot *snapshot, bool take_over) {
    struct process p = {
        .control = {.current = snapshot, .config_file = file, .worker_count = snapshot->config->workers},
        .take_over = take_over,
        .handover = {.socket = -1},
    };
    mailbox_init(&mailbox_control);
    bool ok = open_cache(&snapshot->config->cache) && open_all(&p);
    if (ok) run_all(&p);
    cache_disk_stop();
    cache_store_close();
    cache_disk_close();
    snapshot_unref(p.control.current);
    close(mailbox_control.event);
    listener_forget(&p.listening);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    const char *file = NULL;
    bool check = false, take_over = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            puts("dharma-proxy " DHARMA_VERSION);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--check") == 0) check = true;
        else if (strcmp(argv[i], "--take-over") == 0) take_over = true;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) file = argv[++i];
        else return usage(stderr);
    }
    if (!file) return usage(stderr);
    struct config_error error;
    struct config *config = config_load(file, &error);
    if (!config) return config_failed(file, &error);
    account_setup(config->workers);
    limit_setup();
    struct snapshot *snapshot = snapshot_build(config, 0, NULL, &error);
    if (!snapshot) return config_failed(file, &error);
    if (check) {
        snapshot_unref(snapshot);
        return EXIT_SUCCESS;
    }
    raise_descriptor_limit(snapshot->config);
    return serve(file, snapshot, take_over);
}
