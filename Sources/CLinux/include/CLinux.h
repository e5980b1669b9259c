// What Glibc's Swift module hides because it is compiled without _GNU_SOURCE, and prefetching.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Names the calling thread (at most 15 bytes; longer names are cut).
void tripline_name_thread(const char *name);

/// Starts a thread with a stack of that size; 0 or an errno. `thread` may be joined with `tripline_join_thread`, once.
int tripline_start_thread(uint64_t *thread, size_t stack_bytes, void *(*body)(void *), void *context);

/// Waits for the thread's end.
void tripline_join_thread(uint64_t thread);

/// Lets the thread end without being joined.
void tripline_detach_thread(uint64_t thread);

/// Gives free memory of all arenas back to the system; some milliseconds, in which others may wait for memory.
void tripline_trim_memory(void);

/// From now on, a signal that ends the process while its thread is at work writes this note to stderr first; what handled the signal before still does.
/// The bytes 1 to 4 in it stand for partition, first offset, last offset and the offset after that. Once, with texts that are never freed.
void tripline_note_crashes(const char *note, const char *replay_note);

/// Lets the calling thread write its note even when its own stack has overflowed; 0 where there is no memory for that.
int tripline_use_alternate_stack(void);

/// Says what the calling thread is at work on, and whether it does it again: `replays` is 0 or 1.
void tripline_begin_work(int32_t partition, int64_t first, int64_t last, int replays);
void tripline_end_work(void);

/// Asks for the cache line at `address` to be loaded; never faults.
static inline void tripline_prefetch(const void *address) {
    __builtin_prefetch(address, 1, 3);
}
