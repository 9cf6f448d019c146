/** @file config_route.h The config's key `routes`, and what the routes of one endpoint must agree on. */
#pragma once

#include "config_read.h"

/** Used by config.c. */
bool config_read_routes(struct reader *r, const struct json *root);
