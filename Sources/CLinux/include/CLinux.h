// What Glibc's Swift module hides because it is compiled without _GNU_SOURCE, and prefetching.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Names the calling thread (at most 15 bytes; longer names are cut).
void tripline_name_thread(const char *name);

/// Asks for the cache line at `address` to be loaded; never faults.
static inline void tripline_prefetch(const void *address) {
    __builtin_prefetch(address, 1, 3);
}
