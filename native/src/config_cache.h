/** @file config_cache.h The config's cache. */
#pragma once

#include "config_read.h"

bool config_read_cache(struct reader *r, const struct json *root);
