"""One run: fresh topics and a fresh group, a backlog and live traffic, a fault or several, recovery, and the verdict on what stands in the outputs."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import oracle
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from harness import BINARY, ENVIRONMENT, Group, Postgres, Redis, end, free_port, rule, wait_until, write_rules
from proxy import KafkaProxy, SlowProxy
from traffic import Feed, Watch

PARTITIONS = 12
SESSION = 6
# The service's own: librdkafka aborts no later, the coordinator looks every second.
TRANSACTION = 10
INSTANCES = ("a", "b", "c")


class Stalled(AssertionError):
    """No progress within the stated bound."""


class Skipped(Exception):
    """It cannot run here; the text says why."""


class Lab:
    """What lives over many runs: the cluster, and the stores once a fault asks for them."""

    def __init__(self, cluster, library=None, properties=None, assignor=None):
        self.cluster, self.library, self.assignor = cluster, library, assignor
        # Of the services' Kafka clients, for a cluster that wants a password, say.
        self.properties = properties or {}
        self.started = {}
        self.proxy = None
        if cluster.is_ours:
            self.proxy = KafkaProxy([(cluster.proxies[node], cluster.behind[node]) for node in cluster.direct])

    def store(self, kind):
        if kind not in self.started:
            try:
                self.started[kind] = {"redis": Redis, "postgres": Postgres}[kind]()
            except unittest.SkipTest as missing:
                raise Skipped(str(missing)) from None
        return self.started[kind]

    def slow(self, kind):
        """A proxy before a store, and its port; both live as long as the store."""
        if "slow " + kind not in self.started:
            port = free_port()
            self.started["slow " + kind] = SlowProxy(port, self.store(kind).port)
            self.started["slow " + kind].port = port
        return self.started["slow " + kind]

    def stop(self):
        for one in [*reversed(self.started.values()), self.proxy, self.cluster]:
            if one:
                one.stop()


class Trial:
    def __init__(self, lab, faults, seed, backlog, evidence, plants=False):
        """`faults` are of one setting and happen one after the other; `plants`: puts a lost, a doubled and a changed alert into the outputs."""
        self.lab, self.cluster, self.faults, self.seed, self.evidence_folder, self.plants = lab, lab.cluster, faults, seed, evidence, plants
        fault = self.fault = faults[0]
        self.random = random.Random(seed)
        self.backlog = backlog
        self.name = f"{fault.name}-{seed:08x}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"tripline-fault-{fault.name}-"))
        self.topic = "in-" + self.name
        self.sets = 1
        self.services = {}
        # What a fault wants to have in the results.
        self.noted = {}
        self.cleanups = []
        self.feed = self.watch = None
        self.at = time.monotonic()

    def say(self, text):
        """With the time since the run began, for whoever reads the evidence."""
        with open(self.folder / "trial.log", "a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {time.monotonic() - self.at:6.1f} s  {text}\n")

    # What a fault may do.

    def pause(self, low, high=None):
        time.sleep(self.random.uniform(low, high or low))

    def is_brief(self):
        """Whether many faults share the run."""
        return len(self.faults) > 1

    def running(self):
        return [one for one in self.services.values() if one.process and one.process.poll() is None]

    def any(self):
        return self.random.choice(self.running())

    def kill(self, *services):
        for one in services:
            self.say(f"kill -9 of {one.instance}")
            one.process.kill()
        for one in services:
            one.process.wait()

    def launch(self, *services):
        for one in services:
            self.say(f"start of {one.instance}")
            with open(one.log, "ab") as log:
                one.process = subprocess.Popen([BINARY, "serve", "--config", str(one.config)], stdout=log, stderr=log, env=self.environment())

    def member(self, name, instance=None):
        """A process of that instance, which the brokers and the proxy know by its client.id."""
        kafka, instance = self.group.settings["kafka"], instance or name
        return self.group.service(name, instance=instance, kafka={**kafka, "properties": {**kafka["properties"], "client.id": instance}})

    def environment(self):
        return {**ENVIRONMENT, "LD_LIBRARY_PATH": self.lab.library} if self.lab.library else ENVIRONMENT

    def freeze(self, service, wait):
        self.say(f"SIGSTOP of {service.instance}")
        service.process.send_signal(signal.SIGSTOP)
        try:
            wait()
        finally:
            service.process.send_signal(signal.SIGCONT)
        self.say("SIGCONT")

    def terminate(self, service):
        self.say(f"SIGTERM of {service.instance}")
        code = end(service.process, seconds=60)
        if code != 0:
            raise AssertionError(f"{service.instance} ended with {code} after SIGTERM:\n{service.tail()}")

    def wait(self, condition, what, seconds=60):
        def alive():
            self.check_alive()
            return condition()
        return wait_until(alive, what, seconds)

    def check_alive(self):
        for one in self.services.values():
            if one.process:
                one.check_alive()

    def wait_ready(self, *services):
        self.wait(lambda: all(one.is_ready() for one in services), "instances are ready")

    def write_rules(self):
        write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", oracle.ALWAYS + self.sets - 1, once_per="payment"),
                    rule("count_over", f"account.count_5m > {oracle.OVER}", oracle.COUNT_OVER),
                    rule("daily", "account.count_5m >= 1", oracle.DAILY, once_per="24h"),
                    rule("shadow_over", f"account.count_5m > {oracle.SHADOW_OVER}", oracle.SHADOW, status="shadow"))

    def switch_rules(self):
        self.sets += 1
        self.say(f"rule set {self.sets}")
        self.write_rules()

    # The run.

    def settings(self):
        consumer = {"session.timeout.ms": SESSION * 1_000, "heartbeat.interval.ms": 1_500}
        if self.lab.assignor:
            consumer["partition.assignment.strategy"] = self.lab.assignor
        # The proxy reads which rule set an alert names.
        producer = {"compression.type": "none"} if "proxy" in self.fault.needs else {}
        return {
            "workers": self.random.choice([1, 2]), "checkpoint": {"max_age": "1s"},
            "kafka": {"bootstrap_servers": self.cluster.proxied if "proxy" in self.fault.needs else self.cluster.servers,
                      "properties": self.lab.properties, "consumer_properties": consumer,
                      "producer_properties": producer},
        }

    def run(self):
        """The row of results, without what names the run; under `faults` how long alerts paused in each."""
        row = {"verdict": "pass", "lost": 0, "duplicated": 0, "different": 0, "expected": 0, "faults": {}, "verify": None}
        try:
            self.prepare()
            for self.fault in self.faults:
                row["faults"][self.fault.name] = self.disturb()
            self.feed.finish()
            self.check(row)
        except Skipped as reason:
            row.update(verdict="skip", detail=str(reason))
        except Exception as error:  # whatever it is, the matrix goes on and tells of it
            row.update(verdict="stalled" if isinstance(error, Stalled) else "fail", detail=f"{type(error).__name__}: {error}"[:3000])
        except BaseException:  # asked to end
            self.clean_up()
            raise
        if row["verdict"] not in ("pass", "skip") and not self.plants:
            row["evidence"] = self.keep_evidence(row)
        self.clean_up()
        return row

    def prepare(self):
        for one in self.faults:
            if obstacle := one.obstacle(self.cluster.is_ours):
                raise Skipped(obstacle)
        self.cluster.settle()
        self.write_rules()
        self.group = Group(self.cluster, "g-" + self.name, self.folder, self.folder / "rules", topic=self.topic)
        for key, value in {**self.settings(), **self.fault.settings(self)}.items():
            self.group.settings[key] = {**self.group.settings[key], **value} if isinstance(value, dict) and key in self.group.settings else value
        self.cluster.create(self.topic, *self.group.outputs.values(), partitions=PARTITIONS)
        self.cleanups.append(lambda: self.cluster.delete_all([self.topic, *self.group.outputs.values()]))
        self.cluster.groups.append(self.group.name)
        self.feed = Feed(self.cluster, self.topic, self.seed, self.fault.aborts)
        self.feed.backlog(self.backlog)
        self.watch = Watch(self.cluster, self.group.outputs["alerts"], PARTITIONS)
        self.services = {name: self.member(name) for name in INSTANCES}
        self.launch(*[self.services[name] for name in INSTANCES[:self.fault.instances]])
        self.feed.begin()
        self.wait(lambda: min(self.watch.reached.values()) >= 0 and all(one.is_ready() for one in self.running()), "alerts of all partitions come", 120)

    def disturb(self):
        """Seconds: the longest pause, and from the fault's end until alerts of all partitions have come again."""
        self.watch.measure()
        self.pause(0.3, 0.8 if self.is_brief() else 2)
        if self.random.random() < 0.5:
            # Half of the faults strike while a backlog is worked off.
            self.noted["burst"] = self.feed.burst(1_500 if self.is_brief() else 4_000)
        self.say(f"the fault: {self.fault.description}")
        self.fault.run(self)
        ends = self.cluster.ends(self.topic)
        since = time.monotonic()
        self.say("the fault is over")

        def recovered():
            self.check_alive()
            return all(self.watch.reached[number] >= ends[number] for number in ends)
        try:
            wait_until(recovered, "alerts of all partitions come again", self.fault.bound)
        except AssertionError as error:
            if "not within" not in str(error):
                raise
            left = {number: (reached, ends[number]) for number, reached in self.watch.reached.items() if reached < ends[number]}
            raise Stalled(f"within {self.fault.bound} s after the fault no alerts of (partition: reached, then the end): {left}") from None
        recovered = round(time.monotonic() - since, 1)
        self.say("alerts of all partitions come again")
        self.pause(0.3, 0.4 if self.is_brief() else 1)
        pause = round(self.watch.measured(), 1)
        if pause > self.fault.longest:
            raise Stalled(f"some partition had no alerts for {pause} s, the fault included; {self.fault.longest} s are allowed")
        noted, self.noted = self.noted, {}
        return {"pause": pause, "recovered": recovered, **noted}

    def read(self, topic):
        """What is committed, partition by partition in the order of the log."""
        reader = Consumer(self.cluster.client(**{
            "group.id": "reader", "enable.auto.commit": False, "enable.partition.eof": True, "isolation.level": "read_committed",
            "auto.offset.reset": "earliest"}))
        numbers = self.cluster.partitions(topic)
        reader.assign([TopicPartition(topic, number, 0) for number in numbers])
        found = {number: [] for number in numbers}
        left = set(numbers)
        deadline = time.monotonic() + 120
        while left:
            for message in reader.consume(5_000, 0.5):
                if message.error() is None:
                    found[message.partition()].append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
            if time.monotonic() > deadline:
                raise AssertionError(f"{topic} cannot be read to its end: partitions {left}")
        reader.close()
        return [message for number in numbers for message in found[number]]

    def outputs(self):
        return {kind: self.read(self.group.outputs[kind]) for kind in oracle.OUTPUTS}

    def check(self, row):
        messages = self.read(self.topic)
        # The last payment of each partition is a good one.
        last = {message.partition(): message.offset() for message in messages}
        try:
            self.wait(lambda: all(self.watch.reached[number] >= offset for number, offset in last.items()), "the last payments' alerts", 60)
        except AssertionError as error:
            if "not within" not in str(error):
                raise
            row["detail"] = str(error)
        for one in self.running():
            self.terminate(one)
        if self.plants:
            self.plant()
        self.say("judging")
        outputs = self.outputs()
        verdict = oracle.judge(self.group.name, self.topic, messages, outputs, self.sets)
        row.update(expected=verdict.expected, lost=len(verdict.lost), duplicated=len(verdict.duplicated), different=len(verdict.different))
        if not verdict.is_clean():
            row.update(verdict="fail", detail=verdict.text()[:3000])
            return
        if "detail" in row:
            row["verdict"] = "stalled"
        for one in self.faults:
            one.judge(self, verdict)
        row["verify"] = self.verify(len(messages), verdict.expected)

    def plant(self):
        """One committed alert is deleted, one is written again, and one is replaced by another with a changed byte."""
        topic = self.group.outputs["alerts"]
        alerts = self.read(topic)
        lost, doubled, changed = (next(message for message in alerts if message.partition() == number and message.offset() == 0) for number in (0, 1, 2))
        for message in (lost, changed):
            place = TopicPartition(topic, message.partition(), 1)
            self.cluster.admin.delete_records([place])[place].result(30)
        producer = Producer(self.cluster.client())
        producer.produce(topic, doubled.value(), doubled.key(), 1, headers=doubled.headers())
        producer.produce(topic, changed.value().replace(b'"severity":"low"', b'"severity":"lot"'), changed.key(), 2, headers=changed.headers())
        if producer.flush(30):
            raise AssertionError("the planted alerts were not acknowledged")

    def verify(self, records, expected):
        """The service's own second opinion, 0: it has folded each record from the partitions' birth on, compared the totals, passed nothing over,
        and asks for as many rows as the oracle."""
        done = subprocess.run([BINARY, "verify", "-o", "json", "--config", str(self.services["a"].config)], capture_output=True, text=True,
                              timeout=180, env=self.environment())
        if done.returncode != 0:
            raise AssertionError(f"tripline verify ended with {done.returncode}:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
        report = json.loads(done.stdout)
        counts = [sum(one[key] for one in report["outputs"]) for key in ("expected", "matched")]
        if (sum(one["records"] for one in report["partitions"]) != records or counts != [expected] * 2 or any(report["passed_over"].values())
                or not all(one["from_birth"] and one["totals_compared"] for one in report["partitions"])):
            raise AssertionError(f"tripline verify has not compared all: {records} payments, {expected} rows, and its report is {done.stdout[:2000]}")
        return done.returncode

    def keep_evidence(self, row):
        """Statuses, the services' logs and configurations, the brokers' logs and what they hold of transactions, before anything is stopped."""
        kept = pathlib.Path(self.evidence_folder) / f"{self.name}-{int(time.time())}"
        kept.mkdir(parents=True, exist_ok=True)
        for one in self.services.values():
            if one.process and one.process.poll() is None:
                (kept / f"{one.instance}.status.json").write_text(json.dumps([one.get("/status"), one.get("/readyz?verbose")]))
        (kept / "row.json").write_text(json.dumps(row))
        for path in [*self.folder.glob("*.log"), *self.folder.glob("g-*/*.log"), *self.folder.glob("g-*/*.yaml")]:
            shutil.copy(path, kept)
        try:
            if self.cluster.is_ours:
                self.cluster.evidence(kept)
        except Exception as error:  # the rest is kept all the same
            (kept / "no-evidence-of-the-brokers.txt").write_text(str(error))
        return str(kept)

    def clean_up(self):
        for one in self.services.values():
            if one.process and one.process.poll() is None:
                one.process.send_signal(signal.SIGCONT)
                one.process.kill()
                one.process.wait()
        if self.lab.proxy:
            self.lab.proxy.calm()
        for one in (self.feed, self.watch):
            if one:
                one.stop()
        for cleanup in reversed(self.cleanups):
            try:
                cleanup()
            except Exception as error:  # the next run has topics of its own
                print(f"cleaning up after {self.name}: {error}", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def checkpoints(self):
        """By partition's folder, the newest first."""
        found = {}
        for path in sorted((self.group.folder / "state").rglob("*.checkpoint"), reverse=True):
            found.setdefault(path.parent, []).append(path)
        return found

    def rule_sets(self):
        """Hashes of all that were ever used; each is stored before."""
        return [re.search("[0-9a-f]{64}", path.name).group() for path in (self.group.folder / "state").rglob("*") if re.search("[0-9a-f]{64}", path.name)]

    def transactional_id(self, request):
        return re.search(rf"{re.escape(self.group.name)}\.\w+\.\d+".encode(), request[:512]).group().decode()

    def transactional_ids(self):
        text = "".join(one.log.read_text(errors="replace") for one in self.services.values() if one.log.exists())
        return sorted(set(re.findall(rf"{re.escape(self.group.name)}\.[abc]\.\d+", text))) or [
            f"{self.group.name}.{name}.{worker}" for name in INSTANCES for worker in range(self.group.settings["workers"])]

    def is_root(self):
        return os.getuid() == 0
