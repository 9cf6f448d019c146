/** @file main.c Arguments, start and end of the process. */
#include <sys/resource.h>
#include <unistd.h>

#include "control.h"
#include "listener.h"

enum { EXIT_CONFIG = 2 };

static int usage(FILE *out) {
    fputs("usage: dharma-proxy --config FILE [--check]\n"
          "       dharma-proxy --version\n"
          "A reverse proxy that balances by measured wait. FILE is JSON, see native/README.md.\n",
          out);
    return EXIT_CONFIG;
}

static int config_failed(const char *file, const struct config_error *error) {
    fprintf(stderr, "dharma-proxy: %s: %s%s%s\n", file, error->path, *error->path ? ": " : "", error->message);
    return EXIT_CONFIG;
}

/** Every proxied request takes two descriptors; what the system allows is what we take. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/** Opens all listening sockets: fds[worker * count + listen]. */
static bool open_listeners(const struct config *config, int *fds, uint16_t *ports) {
    int one[64];
    for (unsigned i = 0; i < config->listen_count; i++) {
        const struct config_listen *l = &config->listens[i];
        if (!listener_open(l, config->workers, one, &ports[i])) {
            fprintf(stderr, "dharma-proxy: listen[%u]: cannot listen on %s port %u: %s\n", i, l->address, l->port, strerror(errno));
            return false;
        }
        for (unsigned w = 0; w < config->workers; w++) fds[w * config->listen_count + i] = one[w];
    }
    return true;
}

static void announce(const struct config *config, const uint16_t *ports) {
    for (unsigned i = 0; i < config->listen_count; i++)
        fprintf(stderr, "{\"event\":\"listening\",\"address\":\"%s\",\"port\":%u}\n", config->listens[i].address, ports[i]);
}

static int serve(const char *file, struct snapshot *snapshot) {
    const struct config *config = snapshot->config;
    unsigned count = config->listen_count, workers = config->workers;
    int *fds = base_alloc(count * workers * sizeof *fds);
    uint16_t *ports = base_alloc(count * sizeof *ports);
    struct control control = {.current = snapshot, .config_file = file, .worker_count = workers};
    char why[256];
    mailbox_init(&mailbox_control);
    if (!open_listeners(config, fds, ports)) return EXIT_FAILURE;
    if (config->control && !control_open(&control, config->control, why, sizeof why)) {
        fprintf(stderr, "dharma-proxy: control: %s\n", why);
        return EXIT_FAILURE;
    }
    // The path outlives the config it came from.
    control.socket_path = config->control ? base_dup(config->control, strlen(config->control)) : NULL;
    control_block_signals();
    control.workers = base_alloc(workers * sizeof *control.workers);
    for (unsigned i = 0; i < workers; i++) control.workers[i] = worker_new(i, snapshot, fds + i * count, count);
    for (unsigned i = 0; i < workers; i++) worker_start(control.workers[i]);
    announce(config, ports);
    control_run(&control);
    for (unsigned i = 0; i < workers; i++) worker_join(control.workers[i]);
    BUG_ON(account_wait_sum() != 0);
    snapshot_unref(control.current);
    close(mailbox_control.event);
    free(control.workers);
    free((void *)(uintptr_t)control.socket_path);
    free(fds);
    free(ports);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    const char *file = NULL;
    bool check = false;
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
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) file = argv[++i];
        else return usage(stderr);
    }
    if (!file) return usage(stderr);
    struct config_error error;
    struct config *config = config_load(file, &error);
    if (!config) return config_failed(file, &error);
    account_setup(config->workers);
    struct snapshot *snapshot = snapshot_build(config, 0, NULL, &error);
    if (!snapshot) return config_failed(file, &error);
    if (check) {
        snapshot_unref(snapshot);
        return EXIT_SUCCESS;
    }
    raise_descriptor_limit();
    return serve(file, snapshot);
}
