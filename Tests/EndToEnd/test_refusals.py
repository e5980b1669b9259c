"""State that cannot be gone on with: the partition is refused, says why, and what it says to do works."""
import collections
import json
import re
import shutil
import subprocess
import time

import payments
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import NewPartitions
from harness import EndToEnd, Group, rule, wait_done, wait_until, write_rules

ALWAYS = rule("always", "account.count_5m >= 1", once_per="payment")


class Refusals(EndToEnd):
    def setUp(self):
        super().setUp()
        self.topic = f"in-{self.random.randrange(1 << 30):x}"
        self.rules = write_rules(self.folder / "rules", ALWAYS)
        self.kafka.create(self.topic)
        # A short session: a stopped group's offsets can be changed soon.
        settings = {"kafka": {"consumer_properties": {"session.timeout.ms": 3000, "heartbeat.interval.ms": 1000}}}
        self.group = Group(self.kafka, "g-" + self.topic, self.folder, self.rules, topic=self.topic, settings=settings).create_outputs()

    def payments(self, count, first=0):
        now = int(time.time() * 1000)
        for number in range(first, first + count):
            value = {"payment_id": f"p-{number}", "account_id": f"a-{number % 20}", "amount": 1, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
            yield f"a-{number % 20}", json.dumps(value).encode(), now

    def checkpoints(self):
        """By partition, oldest first."""
        found = collections.defaultdict(list)
        for path in sorted((self.group.folder / "state" / self.group.name).rglob("*.checkpoint")):
            found[int(path.parent.name)].append(path)
        return found

    def run_once(self, count, total):
        """One life of a service: reads what is produced and leaves its checkpoints."""
        service, = self.start(self.group.service("a"))
        self.produce(self.payments(count, total), self.topic)
        wait_done([service], total + count)
        self.assertEqual(service.terminate(), 0, service.tail())
        return total + count

    def check_alerts(self, total, times=1):
        """Each payment's alert stands once; where partitions began anew, up to `times`."""
        alerts = collections.Counter(json.loads(message.value())["alert_id"] for message in self.group.alerts())
        self.assertEqual(len(alerts), total)
        self.assertEqual(max(alerts.values()), times)

    def refusals(self, name, words, count=4, **settings):
        """Starts the service, sees that many partitions refused for that reason, stops it. What they say."""
        service = self.group.service("a", **settings)
        self.addCleanup(lambda: service.process and service.kill())
        service.start()

        def refused():
            service.check_alive()
            found = [one for one in (service.status() or {}).get("partitions", []) if one["state"] == "refused"]
            return found if len(found) == count else None
        found = wait_until(refused, "refused")
        for one in found:
            self.assertEqual(one["refusal"]["reason"], name)
            self.assertIn(words, one["refusal"]["message"])
        self.assertEqual(service.terminate(), 0, service.tail())
        lines = service.logged("partition refused")[-count:]
        self.assertEqual({(line["reason"], line["cure"]) for line in lines}, {(name, one["refusal"]["cure"]) for one in found})
        return [one["refusal"]["cure"] for one in found]

    def succeeds(self, words):
        """Runs one of Kafka's tools; it says what it did, its exit code does not. Members are known until their session ends."""
        done = subprocess.run(
            [str(self.kafka.home / "bin" / words[0]), "--bootstrap-server", self.kafka.servers, *words[1:]], capture_output=True, text=True, timeout=60)
        return "Successful" in done.stdout

    def begin_anew(self, cures):
        """Does what the cures say: deletes the offsets where they name the command, moves the folder."""
        commands = [match[0].split() for match in (re.search(r"kafka-consumer-groups.sh [^,]+", cure) for cure in cures) if match]
        if commands:
            # The same command for each partition: Kafka's tool takes several topics in one run.
            topics = [word for command in commands for word in command[command.index("--topic"):]]
            wait_until(lambda: self.succeeds(commands[0][:commands[0].index("--topic")] + topics), "the offsets are deleted")
        for cure in cures:
            move = re.search(r"mv (\S+) (\S+), start", cure)
            shutil.move(move[1], move[2])

    # Checkpoints that cannot be used, where another can.

    def test_torn_checkpoint_an_older_one_serves(self):
        total = self.run_once(200, self.run_once(200, 0))
        for paths in self.checkpoints().values():
            paths[-1].write_bytes(paths[-1].read_bytes()[:-20])
        total = self.run_once(200, total)
        lines = self.group.service("a").logged("checkpoint not used")
        self.assertEqual(len(lines), 4)
        self.check_alerts(total)

    def test_foreign_checkpoint_is_not_used(self):
        total = self.run_once(400, 0)
        paths = self.checkpoints()
        shutil.copy(paths[1][-1], paths[0][-1])
        total = self.run_once(200, total)
        line, = self.group.service("a").logged("checkpoint not used")
        self.assertEqual((line["partition"], line["path"]), (0, str(paths[0][-1])))
        self.assertIn(f"it belongs to {self.group.name}/{self.topic}/1, offset ", line["error"])
        self.check_alerts(total)

    # The log is not the one that was read.

    def test_recreated_topic(self):
        self.run_once(400, 0)
        self.recreate()
        self.begin_anew(self.refusals("checkpoint_without_offset", "the topic was recreated"))
        self.run_once(100, 0)

    def test_log_that_is_another_than_the_offsets(self):
        self.run_once(400, 0)
        self.kafka.lose_log(self.topic)
        self.refusals("offset_beyond_log", "recreated or truncated")
        # The same a while later: by then the log has grown past the offsets.
        self.produce(self.payments(800, 1_000), self.topic)
        self.begin_anew(self.refusals("anchor_mismatch", "not the one that was read"))
        self.run_once(100, 800)

    def recreate(self):
        """The topic takes the group's offsets with it."""
        self.kafka.delete(self.topic)
        wait_until(lambda: self.topic not in self.kafka.admin.list_topics(timeout=10).topics, "the topic is gone")
        self.kafka.create(self.topic)

    def delete_records(self, keep=0):
        places = [TopicPartition(self.topic, number, end - keep) for number, end in enumerate(self.kafka.ends(self.topic))]
        for future in self.kafka.admin.delete_records(places).values():
            future.result(30)

    def test_records_deleted_before_they_were_read(self):
        total = self.run_once(400, 0)
        total += self.produce(self.payments(100, total), self.topic)
        self.delete_records()
        self.begin_anew(self.refusals("log_starts_later", "deleted before they were read"))
        self.run_once(40, total)
        self.check_alerts(440)

    # The state is not the one that this service would have made.

    def test_other_grace(self):
        total = self.run_once(200, 0)
        cures = self.refusals("fold_changed", "other windows, grace, mapping", time={"grace": "30s"})
        self.assertTrue(all("go back to the time.* and input.* settings" in cure for cure in cures))
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.group.settings["time"] = {"grace": "30s"}
        self.begin_anew(self.refusals("fold_changed", "other windows, grace, mapping"))
        total = self.run_once(200, total)
        self.check_alerts(total, times=2)

    def test_more_partitions(self):
        total = self.run_once(200, 0)
        for future in self.kafka.admin.create_partitions([NewPartitions(self.topic, 6)]).values():
            future.result(30)
        wait_until(lambda: len(self.kafka.partitions(self.topic)) == 6, "the topic has grown")
        cures = self.refusals("partition_count_changed", "had 4 partitions and now has 6")
        self.assertTrue(all("set another `group`" in cure for cure in cures))
        other = Group(
            self.kafka, "other-" + self.topic, self.folder, self.rules, topic=self.topic, settings={"output": self.group.outputs}).service("a")
        self.start(other)
        wait_done([other], total)
        self.assertEqual(other.terminate(), 0, other.tail())
        self.begin_anew(cures)
        self.run_once(200, total)

    # What belongs to the state is missing.

    def change_offsets(self, change):
        """Another tool at work: until the group's members are forgotten, the broker refuses it."""
        reader = Consumer({"bootstrap.servers": self.kafka.servers, "group.id": self.group.name, "enable.auto.commit": False})
        self.addCleanup(reader.close)

        def changed():
            try:
                change(reader)
                return True
            except KafkaException:
                return False
        wait_until(changed, "the offsets are changed")

    def test_offsets_set_by_another_tool(self):
        total = self.run_once(200, 0)
        places = [TopicPartition(self.topic, number, end) for number, end in enumerate(self.kafka.ends(self.topic))]
        self.change_offsets(lambda reader: reader.commit(offsets=places, asynchronous=False))
        self.begin_anew(self.refusals("metadata_unreadable", "set by another tool"))
        self.run_once(200, total)

    def test_offsets_that_are_gone(self):
        total = self.run_once(200, 0)
        self.change_offsets(lambda _: self.kafka.admin.delete_consumer_groups([self.group.name])[self.group.name].result(30))
        self.begin_anew(self.refusals("checkpoint_without_offset", "the group has no committed offset"))
        total = self.run_once(200, total)
        self.check_alerts(total, times=2)

    def test_no_checkpoint_and_no_log_to_replay(self):
        total = self.run_once(200, 0)
        state = self.group.folder / "state"
        shutil.copytree(state, self.folder / "backup")
        for paths in self.checkpoints().values():
            for path in paths:
                path.write_bytes(path.read_bytes()[:-20])
        self.delete_records(keep=1)
        cures = self.refusals("no_usable_checkpoint", "no usable checkpoint")
        self.assertTrue(all(f"bring back {state}" in cure for cure in cures))
        shutil.rmtree(state)
        shutil.copytree(self.folder / "backup", state)
        total = self.run_once(200, total)
        self.check_alerts(total)

    def test_rule_set_that_is_gone(self):
        total = self.run_once(200, 0)
        state = self.group.folder / "state"
        bundle, = (state / "rule-sets").iterdir()
        shutil.move(bundle, self.folder / "backup")
        write_rules(self.rules, ALWAYS, rule("second", "account.count_5m > 1000"))
        cures = self.refusals("rule_set_missing", bundle.stem)
        self.assertTrue(all(f"bring back {state}" in cure for cure in cures))
        shutil.move(self.folder / "backup", bundle)
        total = self.run_once(200, total)
        self.check_alerts(total)
