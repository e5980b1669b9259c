"""What operators see of a running service: metrics and the end of a drain."""
import concurrent.futures
import json
import re
import subprocess
import time
import unittest
import urllib.request

import payments
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from harness import BINARY, ENVIRONMENT, ROOT, EndToEnd, Group, free_port, rule, wait_until, write_rules


def documented_metrics():
    """Name to kind, as docs/metrics.md has them; a test of the Swift suite holds the document to the program's table."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    return dict(rows)


def exposed_metrics(text):
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))


class EmbeddedMetrics(unittest.TestCase):
    def test_every_documented_metric_is_exposed_by_a_running_service_and_no_other(self):
        process = subprocess.Popen(
            [BINARY, "demo", "--rate", "500", "--listen", f"127.0.0.1:{free_port()}"], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        address = next(found[0] for line in process.stderr if (found := re.findall(r"metrics: (\S+)", line)))
        seen = {}

        def is_complete():
            with urllib.request.urlopen(address, timeout=5) as answer:
                seen.update(exposed_metrics(answer.read().decode()))
            return set(seen) >= set(documented_metrics())

        try:
            wait_until(is_complete, "every metric is there", 60)
        except AssertionError:
            pass
        self.assertEqual(seen, documented_metrics())


class Interface(EndToEnd):
    def setUp(self):
        super().setUp()
        self.topic = f"in-{self.random.randrange(1 << 30):x}"
        self.rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))
        self.kafka.create(self.topic)
        self.group = Group(
            self.kafka, "g-" + self.topic, self.folder, self.rules, topic=self.topic,
            settings={"kafka": {"consumer_properties": {"session.timeout.ms": 6000, "statistics.interval.ms": 1000}}}).create_outputs()

    def payments(self, first, count):
        now = int(time.time() * 1000)
        for number in range(first, first + count):
            value = {"payment_id": f"p-{number}", "account_id": f"a-{number % 20}", "amount": 1, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
            yield f"a-{number % 20}", json.dumps(value).encode(), now

    def test_records_behind_an_open_transaction_are_counted_until_it_ends(self):
        service, = self.start(self.group.service("a"))
        name = 'tripline_partition_unstable_records{partition="0"}'
        wait_until(lambda: service.metrics().get(name) == 0, "nothing is unstable")
        producer = Producer({"bootstrap.servers": self.kafka.servers, "transactional.id": self.topic})
        producer.init_transactions(30)
        producer.begin_transaction()
        for _, value, _ in self.payments(0, 7):
            producer.produce(self.topic, key="a-1", value=value, partition=0)
        producer.flush(30)
        wait_until(lambda: service.metrics().get(name) == 7, "seven records wait")
        producer.commit_transaction(30)
        wait_until(lambda: service.metrics().get(name) == 0, "none waits")
        wait_until(lambda: service.metrics().get('tripline_records_total{outcome="folded"}', 0) >= 1, "they are read")
        metrics = service.metrics()
        # A rebalance between the two workers makes some go live twice.
        recoveries = sum(value for name, value in metrics.items() if name.startswith("tripline_recoveries_total{"))
        self.assertGreaterEqual(recoveries, 4)
        self.assertEqual(metrics["tripline_recovery_duration_seconds_count"], recoveries)
        self.assertEqual(metrics["tripline_rules_active_seq"], 1)
        self.assertEqual(metrics['tripline_rule_errors_total{rule="always"}'], 0)

    def commit_without_metadata(self):
        """What another tool does to a group's offset, once the broker has forgotten the last member."""
        consumer = Consumer({"bootstrap.servers": self.kafka.servers, "group.id": self.group.name})
        try:
            consumer.commit(offsets=[TopicPartition(self.topic, 0, 1)], asynchronous=False)
            return True
        except KafkaException:
            return False
        finally:
            consumer.close()

    def test_a_drain_reads_behind_transactions_to_the_end(self):
        """The log ends in records that were taken back and in markers, which no consumer is given."""
        producer = self.kafka.producer(**{"transactional.id": f"upstream-{self.topic}"})
        producer.init_transactions(30)
        for first, commits in ((0, True), (400, False)):
            producer.begin_transaction()
            for account, value, timestamp in self.payments(first, 400):
                producer.produce(self.topic, key=account, value=value, timestamp=timestamp)
            self.assertEqual(producer.flush(60), 0)
            producer.commit_transaction(30) if commits else producer.abort_transaction(30)
        for _ in range(2):
            # The second time it begins where nothing more comes.
            code, text = self.group.service("a").run("--drain")
            self.assertEqual(code, 0, text)
            self.assertEqual(len(self.group.alerts()), 400)

    def test_a_drain_waits_for_payments_behind_an_open_transaction(self):
        producer = self.kafka.producer(**{"transactional.id": f"upstream-{self.topic}"})
        producer.init_transactions(30)
        producer.begin_transaction()
        for account, value, _ in self.payments(0, 7):
            producer.produce(self.topic, key=account, value=value, partition=0)
        self.assertEqual(producer.flush(30), 0)
        self.produce(self.payments(7, 400), self.topic)
        service = self.group.service("a")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            drain = pool.submit(service.run, "--drain")

            def waits():
                """Nothing can be read any more, for longer than a hiccup lasts."""
                self.assertFalse(drain.done(), drain.done() and drain.result())
                rows = (service.status() or {}).get("partitions", [])
                done = len(rows) == 4 and all(one["state"] == "live" and one["committed"] == one["next"] for one in rows)
                still.append(time.monotonic()) if done else still.clear()
                return done and still[-1] - still[0] > 5
            still = []
            wait_until(waits, "the drain waits")
            producer.commit_transaction(30)
            code, text = drain.result()
        self.assertEqual(code, 0, text)
        self.assertEqual(len(self.group.alerts()), 407)

    def test_a_drain_ends_with_0_and_one_that_left_a_partition_out_with_3_and_the_cure(self):
        self.produce(self.payments(0, 400), self.topic)
        code, text = self.group.service("a").run("--drain")
        self.assertEqual(code, 0, text)
        self.assertEqual(len(self.group.alerts()), 400)
        wait_until(self.commit_without_metadata, "the group has no member")
        self.produce(self.payments(400, 400), self.topic)
        code, text = self.group.service("a").run("--drain")
        self.assertEqual(code, 3, text)
        cure = "tripline offsets reset --partition 0 --to-current --config "
        self.assertRegex(text, rf"tripline: partition 0 is refused: the committed offset carries no metadata .*\n  .*{cure}")
        self.assertNotIn("partition 1 is refused", text)
        # The others went to their ends.
        partitions = [message.partition() for message in self.group.alerts()]
        self.assertGreater(len(partitions), 400)
        code, text = self.group.service("a").run("--drain")
        self.assertEqual(code, 3, text)
        self.assertEqual(len(self.group.alerts()), len(partitions))
