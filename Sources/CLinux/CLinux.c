#define _GNU_SOURCE
#include "CLinux.h"
#include <malloc.h>
#include <pthread.h>
#include <string.h>

void tripline_name_thread(const char *name) {
    char cut[16];
    strncpy(cut, name, sizeof cut - 1);
    cut[sizeof cut - 1] = 0;
    pthread_setname_np(pthread_self(), cut);
}

int tripline_start_thread(uint64_t *thread, size_t stack_bytes, void *(*body)(void *), void *context) {
    pthread_attr_t attributes;
    int code = pthread_attr_init(&attributes);
    if (code != 0) return code;
    code = pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_t started = 0;
    if (code == 0) code = pthread_create(&started, &attributes, body, context);
    pthread_attr_destroy(&attributes);
    *thread = (uint64_t)started;
    return code;
}

void tripline_join_thread(uint64_t thread) {
    pthread_join((pthread_t)thread, NULL);
}

void tripline_detach_thread(uint64_t thread) {
    pthread_detach((pthread_t)thread);
}

void tripline_trim_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
