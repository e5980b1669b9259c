"""What a platform engineer meets on a bad day: one clear message with the remedy, and the documented exit code."""
import json
import shlex
import socket
import struct
import subprocess
import threading
import time

import payments
from harness import EndToEnd, Group, free_port, rule, tripline, wait_done, write_rules


class OldBroker:
    """Speaks as much of Kafka's protocol as a client asks of a broker from before transactions: ApiVersions 0, Metadata 1."""

    def __init__(self, topics):
        self.topics = topics
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.servers = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as requests:
            while len(size := requests.read(4)) == 4:
                request = requests.read(struct.unpack(">i", size)[0])
                kind, version, correlation = struct.unpack(">hhi", request[:8])
                body = self.versions(version) if kind == 18 else self.metadata()
                connection.sendall(struct.pack(">ii", len(body) + 4, correlation) + body)

    def versions(self, version):
        """Produce, Fetch, ListOffsets, Metadata, the group's calls and ApiVersions; no InitProducerId, no AddPartitionsToTxn."""
        known = [(0, 0, 2), (1, 0, 3), (2, 0, 1), (3, 1, 1)] + [(kind, 0, 0) for kind in range(8, 19)]
        return struct.pack(">hi", 35 if version > 0 else 0, len(known)) + b"".join(struct.pack(">hhh", *one) for one in known)

    def metadata(self):
        def text(value):
            return struct.pack(">h", len(value)) + value.encode()
        partition = struct.pack(">hiiiiii", 0, 0, 1, 1, 1, 1, 1)
        topics = b"".join(struct.pack(">h", 0) + text(name) + b"\0" + struct.pack(">i", 1) + partition for name in self.topics)
        broker = struct.pack(">i", 1) + text("127.0.0.1") + struct.pack(">ih", self.port, -1)
        return struct.pack(">i", 1) + broker + struct.pack(">ii", 1, len(self.topics)) + topics

    def stop(self):
        self.listener.close()


class Trouble(EndToEnd):
    def setUp(self):
        super().setUp()
        self.topic = f"in-{self.random.randrange(1 << 30):x}"
        self.rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))

    def group(self, creates=True, **settings):
        group = Group(self.kafka, "g-" + self.topic, self.folder, self.rules, topic=self.topic, settings=settings)
        if creates:
            self.kafka.create(self.topic)
            group.create_outputs()
        return group

    def refused(self, group, code, *words):
        exit_code, text = group.service("a").run(seconds=100)
        self.assertEqual(exit_code, code, text)
        message = text[text.index("tripline: "):]
        for word in words:
            self.assertIn(word, message)
        unlogged = "\n".join(line for line in text.splitlines() if not line.startswith("{"))
        for trace in ("Fatal error", "Stack dump", " at /", "Thread 0 crashed"):
            self.assertNotIn(trace, unlogged)
        return message

    def test_broker_that_does_not_answer(self):
        group = self.group(creates=False, kafka={"bootstrap_servers": f"127.0.0.1:{free_port()}"})
        self.refused(group, 4, "no Kafka broker answers", "kafka.bootstrap_servers")

    def test_missing_topic(self):
        self.refused(self.group(creates=False), 3, self.topic, "not exist", "kafka-topics.sh", "--create")

    def test_compacted_topic(self):
        self.kafka.create(self.topic, config={"cleanup.policy": "compact"})
        group = self.group(creates=False).create_outputs()
        self.refused(group, 3, "compacted", "kafka-configs.sh", "cleanup.policy=delete")

    def mend(self, message):
        """Runs the one command of Kafka's that a refusal prints, as it is printed."""
        command, = [shlex.split(line) for line in message.splitlines() if line.startswith("  kafka-")]
        # What the scripts of that name run, in every archive.
        tools = {"kafka-topics.sh": "org.apache.kafka.tools.TopicCommand", "kafka-configs.sh": "kafka.admin.ConfigCommand"}
        words = [self.kafka.home / "bin/kafka-run-class.sh", tools[command[0]], *command[1:]]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_topics_are_mended_by_the_commands_that_are_printed(self):
        group = self.group(creates=False)
        self.kafka.create(self.topic, config={"cleanup.policy": "compact", "retention.ms": "60000"})
        self.kafka.create(group.outputs["alerts"], config={"max.message.bytes": "1000"})
        self.kafka.create(group.outputs["late"], group.outputs["dead_letters"])
        self.mend(self.refused(group, 3, f"the topic '{group.outputs['shadow']}' does not exist"))
        self.mend(self.refused(group, 3, f"the topic '{self.topic}' is compacted"))
        self.mend(self.refused(group, 3, f"the topic '{self.topic}' keeps records for 60000 ms"))
        self.mend(self.refused(group, 3, f"the topic '{group.outputs['alerts']}' takes records of 1000 bytes"))
        service, = self.start(group.service("a"))
        now = int(time.time() * 1000)
        value = {"payment_id": "p", "account_id": "account", "amount": 1, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
        self.produce([("account", json.dumps(value).encode(), now)], self.topic)
        wait_done([service], 1)
        text, _ = tripline("verify", "--config", str(service.config))
        self.assertIn(f"\n{group.outputs['alerts']}: 1 of 1 records that must be there are there\n", text)

    def test_checkpoint_folder_that_cannot_be_written(self):
        (self.folder / "file").write_text("")
        self.refused(self.group(checkpoint={"store": f"directory:{self.folder}/file/state"}), 3, f"{self.folder}/file", "checkpoint.store")

    def test_bad_setting(self):
        exit_code, text = self.group(creates=False, time={"grace": "soon"}).service("a").run()
        self.assertEqual(exit_code, 2, text)
        self.assertIn("time.grace", text)
        self.assertIn("a.yaml:1:", text)

    def test_unknown_setting_gets_a_suggestion(self):
        exit_code, text = self.group(creates=False, comit={"interval": "1s"}).service("a").run()
        self.assertEqual(exit_code, 2, text)
        self.assertIn("commit", text)

    def test_broken_rules(self):
        (self.rules / "rules.yaml").write_text("version: 1\nrules: 7\n")
        self.refused(self.group(), 2, "rules.yaml:2:", "do not load")

    def test_broker_without_transactions(self):
        group = self.group(creates=False)
        broker = OldBroker([self.topic, *group.outputs.values()])
        self.addCleanup(broker.stop)
        group.settings["kafka"] = {"bootstrap_servers": broker.servers}
        self.refused(group, 3, broker.servers, "do not support transactions", "Kafka 2.5 or newer is needed")

    def test_redis_that_does_not_answer_fails_the_check(self):
        address = f"127.0.0.1:{free_port()}"
        exit_code, text = self.group(redis={"url": f"redis://{address}"}).service("a").run("--check")
        self.assertEqual(exit_code, 4, text)
        self.assertIn(f"redis://{address} does not answer", text)
        self.assertIn("redis.url", text)

    def test_port_in_use(self):
        group = self.group()
        for setting in ("http", "admin"):
            with self.subTest(setting), socket.create_server(("127.0.0.1", 0)) as taken:
                address = f"127.0.0.1:{taken.getsockname()[1]}"
                exit_code, text = group.service("a", **{setting: {"listen": address}}).run()
                self.assertEqual(exit_code, 3, text)
                self.assertIn(address, text)
                self.assertIn(f"{setting}.listen", text)
