/** @file config_fuzz.c Config documents: JSON, checks, trie. An error always says something. */
#include "route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config_error error;
    struct config *config = config_parse((const char *)data, size, &error);
    if (!config) {
        BUG_ON(!error.message[0]);
        return 0;
    }
    struct route_trie *trie = route_build(config, &error);
    BUG_ON(!trie && (!error.message[0] || !error.path[0]));
    for (unsigned i = 0; trie && i < config->route_count; i++) {
        int found = route_find(trie, SPAN("GET"), span_of(config->routes[i].pattern));
        BUG_ON(found >= (int)config->route_count);
    }
    if (trie) route_free(trie);
    config_free(config);
    return 0;
}
