"""Payments that keep coming, and an eye on the alerts they bring."""
import json
import random
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from oracle import origin
from payments import WINDOW, rfc3339

ACCOUNTS = 240
# Event time runs faster than the clock, so that windows close during a run.
STEP = 60
RATE = 1_000
# So many at once: more often costs the brokers of a small machine more than the payments themselves.
BATCH = 100
# Accounts that pay once, at the beginning: nothing that happens later writes their scores again by itself.
QUIET = 48


class Feed:
    """Makes payments from a seed: most are good; some are invalid, late, or shown before. Acknowledged by all replicas, in order, each once."""

    def __init__(self, cluster, topic, seed, aborts=0.0):
        """`aborts`: the share of transactions that are aborted; 0 is a producer without transactions."""
        self.topic, self.random, self.aborts = topic, random.Random(seed), aborts
        extra = {"transactional.id": f"upstream-{topic}", "transaction.timeout.ms": 60_000, "message.timeout.ms": 60_000} if aborts else {}
        self.producer = Producer(cluster.client(**{
            "enable.idempotence": True, "acks": "all", "partitioner": "murmur2_random", "linger.ms": 5, "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000, "message.timeout.ms": 300_000, **extra}))
        if aborts:
            self.producer.init_transactions(60)
        # A day back, at a window's start: no run is so long that its payments come from the future.
        self.start = (int(time.time() * 1000) - 86_400_000) // WINDOW * WINDOW
        self.number = 0
        self.sent = self.extra = 0
        self.problems = []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.flow, daemon=True)

    def payment(self, clean=False, account=None):
        number, chance = self.number, 1.0 if clean else self.random.random()
        self.number += 1
        account = account or f"acc-{number % ACCOUNTS if clean else int(self.random.triangular(0, ACCOUNTS, 0))}"
        occurred = self.start + number * STEP
        fields = {"payment_id": f"p-{number}", "account_id": account, "amount": self.random.randrange(1, 90_000),
                  "currency": self.random.choice(["EUR", "EUR", "USD"]), "occurred_at": rfc3339(occurred)}
        if chance < 0.004:
            fields["amount"] = -1
        elif chance < 0.009:
            fields["occurred_at"] = rfc3339(occurred - 2 * WINDOW)
        elif chance < 0.019 and number > 0:
            fields["payment_id"] = f"p-{number - 1}"
        value = json.dumps(fields).encode()
        if not clean and chance > 0.995:
            value = value[:self.random.randrange(1, len(value))]
        self.send(account, value)
        if not clean and 0.5 < chance < 0.51:
            # The same bytes again: a duplicate, where it is not late.
            self.send(account, value)

    def send(self, account, value):
        while True:
            try:
                self.producer.produce(self.topic, key=account, value=value, timestamp=int(time.time() * 1000), on_delivery=self.delivered)
                break
            except BufferError:
                self.producer.poll(0.05)
        self.producer.poll(0)

    def delivered(self, error, _):
        if error is None:
            self.sent += 1
        elif error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
            self.problems.append(error)

    def batch(self, count, clean=False, accounts=()):
        """A transaction of its own, where there are transactions; `accounts`: the payments' accounts, where they are not drawn."""
        if self.aborts:
            self.producer.begin_transaction()
        for number in range(count):
            self.payment(clean, accounts[number] if accounts else None)
        if self.aborts:
            if not clean and self.random.random() < self.aborts:
                # They are at the brokers by then.
                self.producer.flush(30)
                self.producer.abort_transaction(60)
            else:
                self.producer.commit_transaction(60)

    def backlog(self, count):
        self.batch(QUIET, clean=True, accounts=[f"quiet-{number}" for number in range(QUIET)])
        for _ in range(0, count, 500):
            self.batch(500)
        self.producer.flush(60)

    def flow(self):
        try:
            self.pace()
        except KafkaException as error:
            self.problems.append(error)

    def pace(self):
        due = time.monotonic()
        while not self.is_over.is_set():
            self.batch(BATCH)
            if self.extra > 0:
                self.extra -= BATCH
                continue
            due += BATCH / RATE
            # After a standstill of the producer the rate is the same again, not caught up.
            due = max(due, time.monotonic() - 0.5)
            self.is_over.wait(max(0, due - time.monotonic()))

    def burst(self, count):
        """So many payments at once; returns when half of them are under way."""
        self.extra = count
        deadline = time.monotonic() + 2
        while self.extra > count / 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        return count

    def begin(self):
        self.thread.start()

    def finish(self):
        """Ends with good payments for all accounts, and so for all partitions."""
        self.is_over.set()
        self.thread.join(120)
        if self.thread.is_alive():
            raise AssertionError("the producer of payments hangs")
        self.batch(ACCOUNTS, clean=True)
        left = self.producer.flush(120)
        if left or self.problems:
            raise AssertionError(f"payments were not acknowledged: {left} left, {self.problems[:1]}")

    def stop(self):
        self.is_over.set()
        self.thread.ident and self.thread.join(60)


class Watch:
    """Reads committed alerts as they come; by partition of the input: when the last one came, how far it reaches, and the longest wait for one."""

    def __init__(self, cluster, topic, partitions):
        self.consumer = Consumer(cluster.client(**{
            "group.id": "watch", "enable.auto.commit": False, "isolation.level": "read_committed", "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50, "reconnect.backoff.max.ms": 500}))
        self.consumer.assign([TopicPartition(topic, number, 0) for number in cluster.partitions(topic)])
        self.last = {}
        self.reached = dict.fromkeys(range(partitions), -1)
        self.count = 0
        self.pauses = {}
        self.is_measuring = False
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.is_over.is_set():
            messages = self.consumer.consume(1_000, 0.05)
            now = time.monotonic()
            for message in messages:
                if message.error() is not None:
                    continue
                partition, offset = origin(message.value())
                self.count += 1
                if self.is_measuring:
                    self.pauses[partition] = max(self.pauses.get(partition, 0), now - self.last[partition])
                self.last[partition] = now
                self.reached[partition] = max(self.reached[partition], offset)

    def measure(self):
        """Waits for alerts count from now on."""
        self.last = dict.fromkeys(self.reached, time.monotonic())
        self.pauses = {}
        self.is_measuring = True

    def measured(self):
        """The longest wait since `measure`, seconds; one that goes on counts too."""
        self.is_measuring = False
        now = time.monotonic()
        return max(max(now - last, self.pauses.get(partition, 0)) for partition, last in self.last.items())

    def stop(self):
        self.is_over.set()
        self.thread.join(10)
        self.consumer.close()
