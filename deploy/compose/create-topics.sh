#!/usr/bin/env bash
# Creates the topics that are not there yet, with the settings of docs/deployment.md. A topic that exists is left as it is.
set -euo pipefail

bin=${KAFKA_BIN:-/opt/kafka/bin}
servers=${BOOTSTRAP_SERVERS:?the brokers, host:port}
partitions=${PARTITIONS:-12}
replicas=${REPLICATION_FACTOR:-3}
day=86400000

create() {
    local topic=$1 setting settings=()
    shift
    for setting in cleanup.policy=delete "$@"; do settings+=(--config "$setting"); done
    "$bin/kafka-topics.sh" --bootstrap-server "$servers" --create --if-not-exists --topic "$topic" \
        --partitions "$partitions" --replication-factor "$replicas" "${settings[@]}"
}

create payments "retention.ms=$((7 * day))"
create fraud-alerts "retention.ms=$((30 * day))"
create fraud-alerts-shadow "retention.ms=$((7 * day))"
create payments-late "retention.ms=$((30 * day))" max.message.bytes=1048588
create payments-dlq "retention.ms=$((30 * day))" max.message.bytes=1048588
