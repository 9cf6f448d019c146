/**
 * @file control.h
 * The control thread (the process's first): signals, the control socket and its peers, publishing configs, the
 * telemetry interval, and the end of the process.
 */
#pragma once

#include "loop.h"
#include "snapshot.h"
#include "wheel.h"
#include "worker.h"

struct control {
    struct loop loop;
    struct wheel wheel;
    struct timer tick;           // telemetry interval
    struct timer drain_end;
    struct watch signals, mailbox, listener;
    struct list peers, dead;
    struct worker **workers;
    unsigned worker_count;
    struct snapshot *current;    // one reference
    const char *config_file;
    const char *socket_path;     // NULL: no control socket
    bool draining;
    bool yielded;                // another process has this one's place
    bool capture_wanted;         // some peer subscribes to exchanges, or one is awaited
    struct parcel **kept;        // records for the subscriber who is awaited; one reference each
    unsigned kept_count, kept_cap;
    uint64_t await_until;        // 0: nobody is awaited
};

/** Opens the control socket of the config. false: *why says what is wrong. */
bool control_open(struct control *c, const char *path, char *why, size_t size);
/** Blocks the signals the control thread reads; before any thread starts. */
void control_block_signals(void);
/** Runs until the process is to end; workers have ended and all records are sent or given up. */
void control_run(struct control *c);
/** Takes a new config over and puts it into force. @return its serial; 0: *error says why not */
uint64_t control_publish(struct control *c, struct config *config, uint64_t generation, struct config_error *error);
/** Whether every worker uses this snapshot or a newer one. */
bool control_in_force(const struct control *c, uint64_t serial);
/** Another process accepts in this one's place: lets go of the control socket's path and drains for as long as it takes. */
void control_hand_over(struct control *c, uint32_t pid);
/**
 * Captures before there is a subscriber, and keeps it all for the first that comes: the one of the process whose place
 * this one takes. Before the workers start.
 */
void control_await_subscriber(struct control *c);
/** A peer's subscriptions changed. */
void control_subscriptions_changed(struct control *c);
