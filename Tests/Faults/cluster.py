"""Where the faults happen: three brokers of our own behind a proxy, or a cluster of somebody else's, where nothing can be killed."""
import base64
import io
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import uuid

from confluent_kafka import Consumer, ElectionType, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from harness import Kafka, big_endian, end, free_port, kafka_home, variable_length, wait_until

BROKERS = (1, 2, 3)
INTERNAL = {"__transaction_state": 6, "__consumer_offsets": 6}
# A dead broker's partitions move on after this long.
BROKER_SESSION = 6_000
TRANSACTIONAL_ID_NOT_FOUND = 105


def patiently(ask, seconds=60):
    """What the brokers answer, however often a connection breaks in between."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class Remote(Kafka):
    """A running cluster. Topics get its own number of replicas."""

    replication = -1
    is_ours = False

    def __init__(self, servers, properties):
        self.servers, self.properties_of_clients = servers, properties
        self.proxied = servers
        self.groups = []
        self.admin = AdminClient({"bootstrap.servers": servers, "log_level": 0, **properties})
        wait_until(self.is_there, f"a broker of {servers} answers", 30)

    def is_there(self):
        try:
            return bool(self.admin.list_topics(timeout=5).brokers)
        except Exception:  # not there yet
            return False

    def client(self, **extra):
        return {"bootstrap.servers": self.servers, "log_level": 0, **self.properties_of_clients, **extra}

    def create(self, *names, partitions=12, config=None):
        for future in self.admin.create_topics([NewTopic(name, partitions, self.replication, config=config or {}) for name in names]).values():
            future.result(60)

        def led():
            topics = self.admin.list_topics(timeout=10).topics
            return all(name in topics and len(topics[name].partitions) == partitions and all(one.leader >= 0 for one in topics[name].partitions.values())
                       for name in names)
        wait_until(led, "the topics are there")

    def delete_all(self, names):
        for future in self.admin.delete_topics(list(names), operation_timeout=20).values():
            future.result(60)

    def partitions(self, topic):
        return patiently(lambda: sorted(self.admin.list_topics(topic, timeout=20).topics[topic].partitions))

    def ends(self, topic):
        """By partition: the offset after the last record."""
        def ask():
            reader = Consumer(self.client(**{"group.id": "unused"}))
            try:
                return {number: reader.get_watermark_offsets(TopicPartition(topic, number), timeout=20)[1] for number in self.partitions(topic)}
            finally:
                reader.close()
        return patiently(ask)

    def settle(self):
        """A place for what has to be so before a run."""

    def stop(self):
        """Topics are gone already; the group of the last run has members until their session is over."""
        for group in self.groups:
            try:
                patiently(lambda: self.delete_group(group))
            except KafkaException as error:
                print(f"the consumer group {group} is left behind: {error}", flush=True)

    def delete_group(self, group):
        try:
            self.admin.delete_consumer_groups([group], request_timeout=10)[group].result(15)
        except KafkaException as error:
            # Brokers forget an empty group whose topics are gone.
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise


class Cluster(Remote):
    """Three combined nodes with small heaps. Each is reached directly, or through a port of the proxy, by which one asked first."""

    replication = 3
    is_ours = True

    def __init__(self):
        self.home = kafka_home()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tripline-faults-kafka-"))
        self.properties_of_clients = {}
        self.groups = []
        self.direct = {node: free_port() for node in BROKERS}
        self.behind = {node: free_port() for node in BROKERS}
        self.proxies = {node: free_port() for node in BROKERS}
        controllers = {node: free_port() for node in BROKERS}
        self.servers = ",".join(f"127.0.0.1:{port}" for port in self.direct.values())
        self.proxied = ",".join(f"127.0.0.1:{port}" for port in self.proxies.values())
        self.voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in controllers.items())
        self.processes = {}
        # No hyphen in front: it would be taken for an option.
        identity = "T" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        formatting = []
        for node in BROKERS:
            file = self.folder / f"{node}.properties"
            file.write_text("".join(f"{key}={value}\n" for key, value in self.settings(node, controllers[node]).items()))
            formatting.append(subprocess.Popen(
                [self.home / "bin/kafka-storage.sh", "format", "-t", identity, "-c", file], stdout=subprocess.DEVNULL, env=self.environment(node)))
        for process in formatting:
            if process.wait() != 0:
                raise AssertionError("a broker's folder cannot be formatted")
        self.admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        for node in BROKERS:
            self.launch(node)
        self.wait_for(*BROKERS)

    def settings(self, node, controller):
        return {
            "process.roles": "broker,controller", "node.id": node, "controller.quorum.voters": self.voters,
            "listeners": f"DIRECT://127.0.0.1:{self.direct[node]},PROXIED://127.0.0.1:{self.behind[node]},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"DIRECT://127.0.0.1:{self.direct[node]},PROXIED://127.0.0.1:{self.proxies[node]}",
            "listener.security.protocol.map": "DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT", "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "DIRECT", "log.dirs": self.folder / f"data-{node}", "log.retention.ms": -1,
            "default.replication.factor": 3, "min.insync.replicas": 2, "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 3, "offsets.topic.num.partitions": INTERNAL["__consumer_offsets"],
            "transaction.state.log.replication.factor": 3, "transaction.state.log.min.isr": 2,
            "transaction.state.log.num.partitions": INTERNAL["__transaction_state"],
            "share.coordinator.state.topic.replication.factor": 3, "share.coordinator.state.topic.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0, "broker.session.timeout.ms": BROKER_SESSION, "broker.heartbeat.interval.ms": 1_000,
            # How often overlong transactions are looked for.
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
            "num.network.threads": 2, "num.io.threads": 4, "log.cleaner.enable": "false", "file.delete.delay.ms": 1_000,
        }

    def environment(self, node):
        return dict(os.environ, LOG_DIR=str(self.folder / f"log-{node}"), KAFKA_HEAP_OPTS="-Xmx384m -Xms128m",
                    KAFKA_OPTS="-XX:TieredStopAtLevel=1")

    def launch(self, node):
        with open(self.folder / f"broker-{node}.log", "ab") as log:
            self.processes[node] = subprocess.Popen(
                [self.home / "bin/kafka-server-start.sh", self.folder / f"{node}.properties"], env=self.environment(node), stdout=log, stderr=log,
                start_new_session=True)

    def wait_for(self, *nodes):
        """Until each of them answers itself, which it does once it is part of the cluster: others may count it in before it is, or after it died."""
        for node in nodes:
            client = AdminClient({"bootstrap.servers": f"127.0.0.1:{self.direct[node]}", "log_level": 0})

            def answers(node=node, client=client):
                if self.processes[node].poll() is not None:
                    raise AssertionError(f"broker {node} ended:\n" + (self.folder / f"broker-{node}.log").read_text(errors="replace")[-2000:])
                try:
                    return node in client.list_topics(timeout=2).brokers
                except KafkaException:
                    return False
            wait_until(answers, f"broker {node} answers", 120)

    def kill_broker(self, node):
        self.processes[node].kill()
        self.processes.pop(node).wait()

    def start_broker(self, node):
        """Comes back as a member of the cluster; its replicas may still catch up."""
        self.launch(node)
        self.wait_for(node)

    def signal_broker(self, node, number):
        os.kill(self.processes[node].pid, number)

    def coordinator_of_transactions(self, identity):
        """The node that answers for them, if only that it knows of none."""
        def answers(port):
            error, _ = self.describe(port, identity.encode())
            return error in (0, TRANSACTIONAL_ID_NOT_FOUND)
        return wait_until(lambda: next((node for node, port in self.direct.items() if answers(port)), None), f"a broker coordinates {identity}", 30)

    def coordinator_of_group(self, group):
        return patiently(lambda: self.admin.describe_consumer_groups([group], request_timeout=20)[group].result(30).coordinator.id)

    def settle(self):
        """All brokers are up, all replicas in sync, and each partition led by its first replica."""
        for node in BROKERS:
            if node not in self.processes or self.processes[node].poll() is not None:
                self.launch(node)
        self.wait_for(*BROKERS)

        def in_sync():
            topics = patiently(lambda: self.admin.list_topics(timeout=10)).topics
            return all(len(one.isrs) == len(one.replicas) for name in topics for one in topics[name].partitions.values())
        wait_until(in_sync, "all replicas are in sync", 120)
        try:
            self.admin.elect_leaders(ElectionType.PREFERRED, request_timeout=20).result(30)
        except Exception:  # where it is not needed it is an error
            return

    def ask(self, *arguments):
        """What the brokers' own tool says of transactions, for a report on a fault that went wrong."""
        environment = self.environment(0)
        done = subprocess.run([self.home / "bin/kafka-transactions.sh", "--bootstrap-server", self.servers, *arguments],
                              capture_output=True, text=True, env=environment, timeout=60)
        return done.stdout + done.stderr

    def transaction(self, identity):
        """The state of the last transaction under that id, as its coordinator has it; None while no broker is that."""
        for port in self.direct.values():
            error, state = self.describe(port, identity.encode())
            if error == 0:
                return state
        return None

    def describe(self, port, name):
        """Error and state (DescribeTransactions, version 0)."""
        request = struct.pack(">hhihb", 65, 0, 1, -1, 0) + bytes([2, len(name) + 1]) + name + bytes(1)
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as stream:
                answer = io.BytesIO(stream.read(big_endian(stream, 4)))
        # Correlation id, no tags, throttle time, one answer.
        answer.seek(4 + 1 + 4 + 1)
        error = big_endian(answer, 2)
        answer.read(variable_length(answer) - 1)
        return error, answer.read(variable_length(answer) - 1).decode()

    def evidence(self, folder):
        """Copies the brokers' logs and what they hold of transactions."""
        listed = self.ask("list")
        text = [listed]
        for line in listed.splitlines():
            words = line.split()
            if words and words[0].startswith("g-") and "CompleteCommit" not in line and "CompleteAbort" not in line and "Empty" not in line:
                text.append(self.ask("describe", "--transactional-id", words[0]))
        (folder / "transactions.txt").write_text("\n".join(text))
        for log in self.folder.glob("broker-*.log"):
            shutil.copy(log, folder)

    def stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.processes.values():
            end(process)
        shutil.rmtree(self.folder, ignore_errors=True)
