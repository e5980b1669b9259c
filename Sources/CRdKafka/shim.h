#pragma once
#include <stdint.h>
#include <string.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/* What Swift cannot import (variadic calls, closures on librdkafka's hot paths) and what would cost a call per record. */

/* One consumed record. The Swift struct KafkaRecord has the same fields in the same order. */
typedef struct tripline_kafka_record {
    const void *value;
    size_t value_count;
    const void *key;
    size_t key_count;
    int64_t offset;
    int64_t timestamp; /* milliseconds since the epoch, INT64_MIN: none */
    rd_kafka_message_t *handle;
    int32_t partition;
} tripline_kafka_record;

/* One record to produce. The Swift struct OutgoingRecord has the same fields in the same order. */
typedef struct tripline_kafka_outgoing {
    const void *value; /* NULL: tombstone */
    size_t value_count;
    const void *key; /* NULL: no key */
    size_t key_count;
    int64_t timestamp; /* 0: now */
    int32_t partition; /* RD_KAFKA_PARTITION_UA: by key */
} tripline_kafka_outgoing;

static inline void tripline_kafka_fill(tripline_kafka_record *record, rd_kafka_message_t *message) {
    rd_kafka_timestamp_type_t kind;
    int64_t timestamp = rd_kafka_message_timestamp(message, &kind);
    record->value = message->payload;
    record->value_count = message->len;
    record->key = message->key;
    record->key_count = message->key_len;
    record->offset = message->offset;
    record->timestamp = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp < 0 ? INT64_MIN : timestamp;
    record->handle = message;
    record->partition = message->partition;
}

/* Sorts `count` messages into records and errors (both with room for all of them). Returns the number of records. */
static inline size_t tripline_kafka_sort(rd_kafka_message_t **messages, size_t count,
                                         tripline_kafka_record *records, rd_kafka_message_t **errors, size_t *error_count) {
    size_t good = 0, bad = 0;
    for (size_t i = 0; i < count; i++) {
        if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            tripline_kafka_fill(&records[good++], messages[i]);
        else
            errors[bad++] = messages[i];
    }
    *error_count = bad;
    return good;
}

/* Takes up to `capacity` messages: what is queued now, or else waits for the first and takes what is queued then.
   A batch call with a timeout would wait for a full batch, hence the wait in the consumer poll.
   Rebalance and error callbacks run inside. Returns the number of messages in `messages`. */
static inline size_t tripline_kafka_take(rd_kafka_t *client, rd_kafka_queue_t *queue, int timeout_ms,
                                         rd_kafka_message_t **messages, size_t capacity) {
    ssize_t taken = rd_kafka_consume_batch_queue(queue, 0, messages, capacity);
    if (taken > 0)
        return (size_t)taken;
    if (timeout_ms == 0)
        return 0;
    rd_kafka_message_t *first = rd_kafka_consumer_poll(client, timeout_ms);
    if (!first)
        return 0;
    messages[0] = first;
    if (capacity == 1)
        return 1;
    taken = rd_kafka_consume_batch_queue(queue, 0, messages + 1, capacity - 1);
    return taken > 0 ? (size_t)taken + 1 : 1;
}

static inline void tripline_kafka_destroy_records(const tripline_kafka_record *records, size_t count) {
    for (size_t i = 0; i < count; i++)
        rd_kafka_message_destroy(records[i].handle);
}

/* Does nothing, but has to exist: with a delivery callback the flush inside a transaction's commit is woken by
   deliveries; without one it sleeps in steps of 10 ms. */
static inline void tripline_kafka_delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    (void)message;
    (void)opaque;
}

static inline void tripline_kafka_ignore_deliveries(rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_dr_msg_cb(conf, tripline_kafka_delivered);
}

/* Reads a header block: repeated (uint32 name count, name, int32 value count or -1, value), little endian, unaligned.
   NULL: the block is malformed. */
static inline rd_kafka_headers_t *tripline_kafka_headers(const uint8_t *block, size_t count) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    size_t at = 0;
    while (at < count) {
        uint32_t name_count;
        int32_t value_count;
        if (count - at < 4)
            goto malformed;
        memcpy(&name_count, block + at, 4);
        at += 4;
        if (count - at < name_count || count - at - name_count < 4)
            goto malformed;
        const char *name = (const char *)block + at;
        at += name_count;
        memcpy(&value_count, block + at, 4);
        at += 4;
        if (value_count < -1 || (value_count > 0 && count - at < (size_t)value_count))
            goto malformed;
        const void *value = value_count < 0 ? NULL : block + at;
        if (rd_kafka_header_add(headers, name, (ssize_t)name_count, value, value_count < 0 ? 0 : value_count))
            goto malformed;
        at += value_count < 0 ? 0 : (size_t)value_count;
    }
    return headers;
malformed:
    rd_kafka_headers_destroy(headers);
    return NULL;
}

/* Copies key, value and headers and queues the record. */
static inline rd_kafka_resp_err_t tripline_kafka_produce(rd_kafka_t *client, rd_kafka_topic_t *topic,
                                                         const tripline_kafka_outgoing *record,
                                                         const uint8_t *header_block, size_t header_count) {
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_resp_err_t error;
    if (header_count == 0)
        return rd_kafka_producev(client, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(record->partition),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_VALUE((void *)record->value, record->value_count),
                                 RD_KAFKA_V_KEY(record->key, record->key_count),
                                 RD_KAFKA_V_TIMESTAMP(record->timestamp), RD_KAFKA_V_END);
    headers = tripline_kafka_headers(header_block, header_count);
    if (!headers)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    error = rd_kafka_producev(client, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(record->partition),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE((void *)record->value, record->value_count),
                              RD_KAFKA_V_KEY(record->key, record->key_count),
                              RD_KAFKA_V_TIMESTAMP(record->timestamp), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (error) /* the headers are librdkafka's only after success */
        rd_kafka_headers_destroy(headers);
    return error;
}

/* Queues records until one fails. Returns how many were queued; `error` says why it stopped. */
static inline size_t tripline_kafka_produce_many(rd_kafka_t *client, rd_kafka_topic_t *topic,
                                                 const tripline_kafka_outgoing *records, size_t count,
                                                 rd_kafka_resp_err_t *error) {
    *error = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count; i++) {
        *error = tripline_kafka_produce(client, topic, &records[i], NULL, 0);
        if (*error)
            return i;
    }
    return count;
}
