#!/usr/bin/env bash
# Makes up payments, so many a second, until it is stopped: mostly honest ones, and every five seconds a burst that one of the shipped rules knows.
set -euo pipefail

bin=${KAFKA_BIN:-/opt/kafka/bin}
servers=${BOOTSTRAP_SERVERS:?the brokers, host:port}
topic=${TOPIC:-payments}
rate=${PAYMENTS_PER_SECOND:-100}

# One second's payments as `key|value`. Amounts are minor units: 1250 EUR is 12.50 €; VND has none.
second() {
    awk -v second="$1" -v time="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -v rate="$rate" '
        function pay(account, amount, currency, country) {
            printf "%s|{\"payment_id\":\"p-%d-%d\",\"account_id\":\"%s\",\"amount\":%d,\"currency\":\"%s\",\"occurred_at\":\"%s\",\"country\":\"%s\"}\n",
                account, second, ++number, account, amount, currency, time, country
        }
        BEGIN {
            srand(second)
            for (i = 0; i < rate; i++) pay(sprintf("acc-%05d", rand() * 50000), 500 + rand() * 20000, "EUR", "DE")
            thief = sprintf("acc-thief-%d", second / 20)
            if (second % 20 == 0)  for (i = 0; i < 21; i++) pay(thief, 4000 + i, "EUR", "FR")  # high_velocity: more than 20 payments
            if (second % 20 == 5)  for (i = 0; i < 6; i++) pay(thief, 100 + i, "USD", "US")    # card_testing: six very small ones
            if (second % 20 == 10) pay(thief, 60000000, "VND", "VN")                           # high_sum: more than 50 million
            if (second % 20 == 15) pay(thief, 90000, "EUR", "KP")                              # listed_country
        }'
}

started=$(date +%s)
while second $(($(date +%s) - started)); do sleep 1; done |
    "$bin/kafka-console-producer.sh" --bootstrap-server "$servers" --topic "$topic" --reader-config <(printf 'parse.key=true\nkey.separator=|\n')
