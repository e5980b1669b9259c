// libmicrohttpd, and what Swift cannot reach by itself: its variadic start and its unions.
#pragma once
#include <microhttpd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

typedef void *(*tripline_uri_callback)(void *cls, const char *uri, struct MHD_Connection *connection);
typedef size_t (*tripline_unescape_callback)(void *cls, struct MHD_Connection *connection, char *text);

struct tripline_http_settings {
    int listen_socket;
    int is_ipv6;
    unsigned int threads;
    unsigned int connections;
    unsigned int connections_per_address;
    unsigned int idle_timeout_seconds;
    size_t connection_memory;
    void *context;
    MHD_AccessHandlerCallback handler;
    tripline_uri_callback request_line;
    tripline_unescape_callback unescape;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connection;
    MHD_LogCallback log;
};

/// Starts a daemon over a listening socket; every callback gets `context`. NULL: it did not start. Without a socket (-1) there is no thread
/// either: the caller adds connections and lets the daemon run.
static inline struct MHD_Daemon *tripline_http_start(const struct tripline_http_settings *s) {
    struct MHD_OptionItem options[14];
    int n = 0;
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)s->log, s->context};
    if (s->listen_socket >= 0) options[n++] = (struct MHD_OptionItem){MHD_OPTION_LISTEN_SOCKET, s->listen_socket, NULL};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_LIMIT, s->connections, NULL};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, s->connections_per_address, NULL};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_TIMEOUT, s->idle_timeout_seconds, NULL};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)s->connection_memory, NULL};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)s->request_line, s->context};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)s->unescape, s->context};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)s->completed, s->context};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)s->connection, s->context};
    // A pool of one is no pool to libmicrohttpd: leave the option out.
    if (s->threads > 1) options[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, s->threads, NULL};
    options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    if (s->listen_socket < 0) flags = MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;
    if (s->is_ipv6) flags |= MHD_USE_IPv6;
    return MHD_start_daemon(flags, 0, NULL, NULL, s->handler, s->context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/// The connection's socket, or -1.
static inline int tripline_http_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}
