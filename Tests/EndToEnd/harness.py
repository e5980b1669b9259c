"""Real components for the end-to-end suites: Kafka, Redis and the service, on free ports of 127.0.0.1 with state in a temporary folder."""
import contextlib
import io
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import payments
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TRIPLINE_BIN", str(ROOT / ".build/release/tripline"))
PARTITIONS = 4
# The service reads TRIPLINE_… as settings.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("TRIPLINE_")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=90):
    """Polls until the condition is true; fails with what it saw last. The bound only ends a run that hangs."""
    deadline = time.monotonic() + seconds
    seen = None
    while time.monotonic() < deadline:
        seen = condition()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s (last seen: {seen!r})")


def end(process, how=signal.SIGTERM, seconds=30):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def kafka_home():
    candidates = [os.environ.get("KAFKA_HOME")] + sorted(str(path) for path in ROOT.glob(".kafka/kafka_*"))
    for home in candidates:
        if home and (pathlib.Path(home) / "bin/kafka-storage.sh").exists():
            return pathlib.Path(home)
    raise unittest.SkipTest("no Kafka: `make kafka` downloads it, or set KAFKA_HOME to an unpacked archive")


def big_endian(stream, size):
    return int.from_bytes(stream.read(size), "big")


def variable_length(stream):
    """Seven bits a byte, the lowest first."""
    number = shift = 0
    while True:
        byte = stream.read(1)[0]
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number


class Kafka:
    """One broker with its own folder. Records keep their timestamps for ever, however old they are."""

    def __init__(self):
        self.home = kafka_home()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tripline-kafka-"))
        self.servers = f"127.0.0.1:{free_port()}"
        controller = f"127.0.0.1:{free_port()}"
        settings = {
            "process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.servers},CONTROLLER://{controller}", "advertised.listeners": f"PLAINTEXT://{self.servers}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT", "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / "data", "log.retention.ms": -1, "group.initial.rebalance.delay.ms": 0, "group.min.session.timeout.ms": 1000,
            # One that was killed leads its partitions again until its old session is over, then loses them and gets them anew; transactions that end
            # around that are left open for ever. So that is over before it answers.
            "broker.session.timeout.ms": 3000, "broker.heartbeat.interval.ms": 500,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 4, "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1, "transaction.state.log.num.partitions": 4, "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1, "auto.create.topics.enable": "false",
        }
        self.adjust(settings)
        self.properties = self.folder / "server.properties"
        self.properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        cluster = subprocess.run([self.home / "bin/kafka-storage.sh", "random-uuid"], capture_output=True, text=True, check=True).stdout.strip()
        subprocess.run(
            [self.home / "bin/kafka-storage.sh", "format", "-t", cluster, "-c", self.properties], check=True, stdout=subprocess.DEVNULL)
        self.process = None
        self.start()

    def adjust(self, settings):
        """A place for brokers of another kind."""

    def start(self):
        environment = dict(os.environ, LOG_DIR=str(self.folder), KAFKA_HEAP_OPTS="-Xmx640m -Xms256m")
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.home / "bin/kafka-server-start.sh", self.properties], env=environment, stdout=log, stderr=log, start_new_session=True)
        self.admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        wait_until(self.answers, "the broker answers")

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("the broker ended:\n" + (self.folder / "broker.log").read_text()[-2000:])
        try:
            return bool(self.admin.list_topics(timeout=2).brokers)
        except Exception:  # not there yet
            return False

    def halt(self, how=signal.SIGKILL):
        """Until `start`; what it holds stays. A lone broker that is asked to end skips the markers of transactions that end meanwhile, and leaves
        them open for ever ("these partitions are likely deleted already"): under traffic it dies instead."""
        end(self.process, how, seconds=60)

    def restart(self):
        self.halt()
        self.start()

    def lose_log(self, topic):
        """The broker comes back without the topic's records, but with everything else."""
        self.halt(signal.SIGTERM)
        for path in (self.folder / "data").glob(f"{topic}-[0-9]*"):
            shutil.rmtree(path)
        self.start()

    def stop(self):
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, *names, partitions=PARTITIONS, config=None):
        for future in self.admin.create_topics([NewTopic(name, partitions, 1, config=config or {}) for name in names]).values():
            future.result(30)
        wait_until(lambda: set(names) <= set(self.admin.list_topics(timeout=10).topics), "the topics are there")

    def delete(self, name):
        self.admin.delete_topics([name])[name].result(30)

    def producer(self, **extra):
        return Producer({"bootstrap.servers": self.servers, "partitioner": "murmur2_random", "linger.ms": 5, "compression.type": "lz4",
                         "queue.buffering.max.messages": 1000000, **extra})

    def ends(self, topic):
        """Sum over the partitions of the offset after the last record."""
        reader = Consumer({"bootstrap.servers": self.servers, "group.id": "unused", "isolation.level": "read_uncommitted"})
        try:
            return [reader.get_watermark_offsets(TopicPartition(topic, number), timeout=20)[1] for number in self.partitions(topic)]
        finally:
            reader.close()

    def partitions(self, topic):
        return sorted(self.admin.list_topics(topic, timeout=20).topics[topic].partitions)

    def committed(self, group, topic):
        """By partition: the group's committed offset and the text with it, from the broker's own topic: confluent-kafka does not cut the text at its length."""
        found = {}
        for message in self.read("__consumer_offsets"):
            key = io.BytesIO(message.key())
            # An offset's key: version 0 or 1, group, topic, partition.
            if big_endian(key, 2) > 1 or [key.read(big_endian(key, 2)).decode() for _ in range(2)] != [group, topic]:
                continue
            partition = big_endian(key, 4)
            found.pop(partition, None)
            if message.value() is not None:
                value = io.BytesIO(message.value())
                version, offset, _ = big_endian(value, 2), big_endian(value, 8), big_endian(value, 4)
                if version not in (3, 4):
                    raise AssertionError(f"an offset is stored in version {version}: {message.value()!r}")
                found[partition] = (offset, value.read(big_endian(value, 2) if version == 3 else variable_length(value) - 1).decode())
        return found

    def read(self, topic, committed=True):
        """All messages of a topic, partition by partition in offset order."""
        reader = Consumer({
            "bootstrap.servers": self.servers, "group.id": "reader", "enable.auto.commit": False, "enable.partition.eof": True,
            "isolation.level": "read_committed" if committed else "read_uncommitted", "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 262144})
        numbers = self.partitions(topic)
        reader.assign([TopicPartition(topic, number, 0) for number in numbers])
        found = {number: [] for number in numbers}
        open_partitions = set(numbers)
        while open_partitions:
            messages = reader.consume(5000, 1.0)
            for message in messages:
                if message.error() is None:
                    found[message.partition()].append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
                else:
                    raise AssertionError(message.error())
        reader.close()
        return [message for number in numbers for message in found[number]]


class Redis:
    """redis-server without persistence, and the few commands the oracles need."""

    def __init__(self):
        if shutil.which("redis-server") is None:
            raise unittest.SkipTest("redis-server is not installed: apt-get install redis-server")
        self.folder = tempfile.mkdtemp(prefix="tripline-redis-")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        """Empty, on the same port."""
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder],
            stdout=subprocess.DEVNULL)
        wait_until(self.answers, "Redis answers")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def answers(self):
        try:
            return self.call("PING") == "PONG"
        except OSError:
            return False

    def call(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
            with connection.makefile("rb") as stream:
                return self.value(stream)

    def value(self, stream):
        line = stream.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.value(stream) for _ in range(int(rest))]
        if kind == b"-":
            raise AssertionError(rest.decode())
        return int(rest) if kind == b":" else rest.decode()

    def hash(self, key):
        flat = self.call("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))

    def stop(self):
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres:
    """A PostgreSQL cluster; everybody's password is `secret`. It does not run as root: then it runs as the user postgres."""

    def __init__(self):
        self.programs = postgres_programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tripline-postgres-"))
        self.port = free_port()
        self.user = None
        if os.getuid() == 0:
            self.user = "postgres"
            shutil.chown(self.folder, "postgres", "postgres")
        (self.folder / "password").write_text("secret\n")
        self.run("initdb", "--pgdata", self.folder / "data", "--username=admin", "--auth=scram-sha-256", f"--pwfile={self.folder}/password",
                 "--encoding=UTF8", "--locale=C", "--no-sync")
        self.process = None
        self.start()

    def options(self):
        return {"user": self.user, "group": self.user, "extra_groups": [], "cwd": self.folder} if self.user else {"cwd": self.folder}

    def run(self, program, *arguments):
        done = subprocess.run([self.programs / program, *arguments], capture_output=True, text=True, **self.options())
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    def start(self, *settings):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c",
                 f"unix_socket_directories={self.folder}", *(word for setting in settings for word in ("-c", setting))],
                stdout=log, stderr=log, **self.options())
        wait_until(self.answers, "PostgreSQL answers")

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("PostgreSQL ended:\n" + (self.folder / "log").read_text()[-2000:])
        file = self.folder / "data/postmaster.pid"
        return file.exists() and file.read_text().splitlines()[7:8] == ["ready   "]

    def kill(self):
        """As a crash: nothing is written back, every connection breaks."""
        end(self.process, signal.SIGQUIT)

    def signal(self, number):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in [self.process.pid, *map(int, children)]:
            # A server's worker may have ended meanwhile.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self):
        """Takes connections and answers nothing, until `thaw`."""
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, user, database, password="secret"):
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement, database="postgres", user="admin"):
        """Rows as lists of text."""
        done = subprocess.run(
            [self.programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(user, database), "-c", statement],
            capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return [line.split("|") for line in done.stdout.splitlines()]

    def grants(self):
        """The statements in the migrations' comments."""
        files = sorted((ROOT / "migrations").glob("*.up.sql"))
        return [line[5:] for file in files for line in file.read_text().splitlines() if line.startswith("--   ") and line.endswith(";")]

    def create(self, database):
        """A database and the roles' rights on it, still without a schema."""
        self.sql(f"CREATE DATABASE {database}")
        for grant in self.grants():
            if grant.startswith("CREATE ROLE"):
                role = grant.split()[2]
                if not self.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
                    self.sql(grant)
                    self.sql(f"ALTER ROLE {role} PASSWORD 'secret'")
            elif " ON DATABASE " in grant:
                self.sql(grant.replace("DATABASE tripline ", f"DATABASE {database} "))

    def migrate(self, database):
        """The schema, and the roles' rights in it."""
        tripline("migrate", "up", "--set", "postgres.url=" + self.url("tripline_migrate", database))
        for grant in self.grants():
            if " ON DATABASE " not in grant and not grant.startswith("CREATE ROLE"):
                self.sql(grant, database, "tripline_migrate")


def postgres_programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found or not (found[-1] / "initdb").exists():
        raise unittest.SkipTest("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1]


def tripline(*arguments, code=0, binary=BINARY, environment=ENVIRONMENT):
    """Runs a command to its end and checks its exit code: stdout and stderr."""
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=120, env=environment)
    if done.returncode != code:
        raise AssertionError(f"tripline {' '.join(arguments)} ended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def run_when_empty(*arguments, code=0, binary=BINARY):
    """Runs an operators' command once the group's members are forgotten, and checks its exit code: stdout and stderr."""
    def ended():
        done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=ENVIRONMENT)
        return None if done.returncode == 3 and "has members: " in done.stderr else done
    done = wait_until(ended, "the group has no members")
    if done.returncode != code:
        raise AssertionError(f"tripline {' '.join(map(str, arguments))} ended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


FEATURES = """version: 1
features:
  account.count_5m: {aggregate: count, window: {tumbling: 5m}, description: Payments}
  account.sum_5m: {aggregate: sum, of: payment.amount, window: {tumbling: 5m}, description: Their sum}
"""


def rule(name, condition, score=10, once_per=None, status="active"):
    text = f"  - id: {name}\n    title: {name}\n    owner: tests@example.com\n    when: '{condition}'\n    score: {score}\n"
    text += f"    severity: low\n    action: review\n    status: {status}\n"
    return text + (f"    once_per: {once_per}\n" if once_per else "")


def write_rules(folder, *rules):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "features.yaml").write_text(FEATURES)
    write_whole(folder / "rules.yaml", "version: 1\nrules:\n" + "".join(rules))
    return folder


def write_whole(path, text):
    """A rename, so that nobody reads half of it."""
    temporary = path.with_name("." + path.name)
    temporary.write_text(text)
    temporary.rename(path)


class Group:
    """What the instances of one service share: topics, rules, checkpoints."""

    binary = BINARY
    environment = ENVIRONMENT

    def __init__(self, kafka, name, folder, rules, redis=None, topic="payments", settings=None):
        self.kafka, self.name, self.rules, self.topic = kafka, name, pathlib.Path(rules), topic
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.outputs = {kind: f"{name}-{kind}" for kind in ("alerts", "shadow", "late", "dead_letters")}
        self.settings = {
            "group": name, "workers": 2, "kafka": {"bootstrap_servers": kafka.servers}, "input": {"topic": topic},
            "output": self.outputs, "rules": {"directory": str(rules), "poll": "200ms"}, "checkpoint": {"store": f"directory:{self.folder}/state"},
            "log": {"level": "info", "format": "json"},
        }
        if redis:
            self.settings["redis"] = {"url": redis.url}
        for key, value in (settings or {}).items():
            self.settings[key] = {**self.settings.get(key, {}), **value} if isinstance(value, dict) else value

    def create_outputs(self):
        self.kafka.create(*self.outputs.values())
        return self

    def service(self, name="a", **settings):
        """A process of that instance; its configuration and log are called so even where `instance` is set otherwise."""
        return Service(self, name, settings)

    def alerts(self, committed=True):
        return self.kafka.read(self.outputs["alerts"], committed)


class Service:
    """A process of `tripline serve`."""

    def __init__(self, group, instance, settings=None):
        self.group, self.instance, self.binary = group, instance, group.binary
        self.admin, self.data = free_port(), free_port()
        self.config = group.folder / f"{instance}.yaml"
        merged = {**group.settings, "instance": instance, "http": {"listen": f"127.0.0.1:{self.data}"},
                  "admin": {"listen": f"127.0.0.1:{self.admin}"}, **(settings or {})}
        self.config.write_text(json.dumps(merged))
        self.log = group.folder / f"{instance}.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--config", str(self.config)], stdout=log, stderr=log, env=self.group.environment)
        return self

    def run(self, *arguments, seconds=120):
        """Runs to its end: exit code and stderr."""
        done = subprocess.run(
            [self.binary, "serve", "--config", str(self.config), *arguments], capture_output=True, text=True, timeout=seconds,
            env=self.group.environment)
        return done.returncode, done.stderr

    def get(self, path, port=None):
        """Status and body; None while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.admin}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None

    def check_alive(self):
        code = self.process.poll()
        if code is not None:
            raise AssertionError(f"{self.instance} of {self.group.name} ended with {code}:\n{self.tail()}")

    def status(self):
        answer = self.get("/status")
        return json.loads(answer[1]) if answer and answer[0] == 200 else None

    def is_ready(self):
        self.check_alive()
        answer = self.get("/readyz")
        return answer is not None and answer[0] == 200

    def wait_ready(self):
        try:
            wait_until(self.is_ready, f"{self.instance} is ready", 60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.get('/readyz?verbose')}\n{self.get('/status')}\n{self.tail()}") from error
        return self

    def metrics(self):
        found = {}
        for line in self.get("/metrics")[1].splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def risk(self, account):
        answer = self.get(f"/v1/accounts/{account}/risk", self.data)
        return answer and (answer[0], json.loads(answer[1]))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        return end(self.process, seconds=40)

    def tail(self, count=3000):
        """The log's end; of a crash what came before it, where its cause stands."""
        text = self.log.read_text(errors="replace")
        marks = [place for place in (text.find("swift-runtime: "), text.find("*** Signal")) if place >= 0]
        return text[max(0, min(marks) - count):min(marks) + 200] if marks else text[-count:]

    def logged(self, message):
        """The log's lines with that message, parsed, from all its lives."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.startswith("{")]
        return [entry for entry in map(json.loads, lines) if entry["message"] == message]


def wait_done(services, total, seconds=180):
    """Until the instances together have committed everything up to the given sum of offsets."""
    def committed():
        done = 0
        for service in services:
            service.check_alive()
            status = service.status()
            if status is None:
                return False
            for partition in status["partitions"]:
                if partition["state"] == "refused":
                    raise AssertionError(f"refused: {partition}")
                if partition["state"] != "live":
                    return False
                done += partition["committed"] or 0
        return done >= total
    wait_until(committed, f"{total} offsets committed", seconds)


def header(message, name):
    for key, value in message.headers() or []:
        if key == name:
            return value.decode()
    return None


class EndToEnd(unittest.TestCase):
    """Starts what a suite names in `needs` once, and gives each test a folder."""

    needs = ("kafka",)
    kafka = redis = postgres = None

    @classmethod
    def setUpClass(cls):
        if "redis" in cls.needs:
            cls.redis = Redis()
            cls.addClassCleanup(cls.redis.stop)
        if "postgres" in cls.needs:
            cls.postgres = Postgres()
            cls.addClassCleanup(cls.postgres.stop)
        if "kafka" in cls.needs:
            cls.kafka = Kafka()
            cls.addClassCleanup(cls.kafka.stop)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tripline-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.seed = int(os.environ.get("TRIPLINE_SEED", random.SystemRandom().randrange(1 << 32)))
        self.random = random.Random(self.seed)
        print(f"seed {self.seed} (TRIPLINE_SEED)", flush=True)

    def start(self, *services):
        """Starts services that end with the test."""
        for service in services:
            self.addCleanup(lambda one=service: one.process and end(one.process, signal.SIGKILL))
            service.start()
        for service in services:
            service.wait_ready()
        return services

    def produce(self, payments, topic="payments"):
        """Produces (account, value, timestamp[, headers]) and waits for the acknowledgements; how many."""
        producer = self.kafka.producer()
        failed = []
        count = 0
        for account, value, timestamp, *headers in payments:
            count += 1
            while True:
                try:
                    producer.produce(topic, key=account, value=value, timestamp=timestamp, headers=headers[0] if headers else None,
                                     on_delivery=lambda error, _: error and failed.append(error))
                    break
                except BufferError:
                    producer.poll(0.05)
            producer.poll(0)
        self.assertEqual(producer.flush(60), 0)
        self.assertEqual(failed, [])
        return count


ALWAYS = rule("always", "account.count_5m >= 1", once_per="payment")


class OneGroup(EndToEnd):
    """A topic and a group of its own for each test, with an alert for each payment and a short session: a stopped group's offsets can be changed soon."""

    def setUp(self):
        super().setUp()
        self.topic = f"in-{self.random.randrange(1 << 30):x}"
        self.rules = write_rules(self.folder / "rules", ALWAYS)
        self.kafka.create(self.topic)
        self.now = int(time.time() * 1000)
        settings = {"kafka": {"consumer_properties": {"session.timeout.ms": 3000, "heartbeat.interval.ms": 1000}}}
        self.group = Group(self.kafka, "g-" + self.topic, self.folder, self.rules, topic=self.topic, settings=settings).create_outputs()

    def payments(self, count, first=0):
        """All of the same moment, and so of the same window."""
        for number in range(first, first + count):
            value = {"payment_id": f"p-{number}", "account_id": f"account-{number % 20}", "amount": 1, "currency": "EUR",
                     "occurred_at": payments.rfc3339(self.now)}
            yield f"account-{number % 20}", json.dumps(value).encode(), self.now

    def instance(self):
        """The service as it is started next."""
        return self.group.service("a")

    def run_once(self, count, total=0):
        """One life of a service: reads what is produced and leaves its checkpoints."""
        service, = self.start(self.instance())
        self.produce(self.payments(count, total), self.topic)
        wait_done([service], total + count)
        self.assertEqual(service.terminate(), 0, service.tail())
        return total + count
