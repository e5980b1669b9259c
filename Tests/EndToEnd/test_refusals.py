"""State that cannot be gone on with: the partition is refused, says why, and what it says to do works."""
import collections
import json
import re
import shutil

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions
from harness import ALWAYS, Group, rule, run_when_empty, tripline, wait_done, wait_until, write_rules
from refused import RefusedGroup


class Refusals(RefusedGroup):
    def checkpoints(self):
        """By partition, oldest first."""
        found = collections.defaultdict(list)
        for path in sorted((self.group.folder / "state" / self.group.name).rglob("*.checkpoint")):
            found[int(path.parent.name)].append(path)
        return found

    # Checkpoints that cannot be used, where another can.

    def test_torn_checkpoint_an_older_one_serves(self):
        total = self.run_once(200, self.run_once(200, 0))
        for paths in self.checkpoints().values():
            paths[-1].write_bytes(paths[-1].read_bytes()[:-20])
        total = self.run_once(200, total)
        lines = self.group.service("a").logged("checkpoint not used")
        self.assertEqual(len(lines), 4)
        self.check_alerts(total)
        self.check_verified(total)

    def test_foreign_checkpoint_is_not_used(self):
        total = self.run_once(400, 0)
        paths = self.checkpoints()
        shutil.copy(paths[1][-1], paths[0][-1])
        total = self.run_once(200, total)
        line, = self.group.service("a").logged("checkpoint not used")
        self.assertEqual((line["partition"], line["path"]), (0, str(paths[0][-1])))
        self.assertIn(f"it belongs to {self.group.name}/{self.topic}/1, offset ", line["error"])
        self.check_alerts(total)
        self.check_verified(total)

    # The log is not the one that was read.

    def test_recreated_topic(self):
        self.run_once(400, 0)
        self.recreate()
        self.cure(self.refusals("checkpoint_without_offset", "the topic was recreated"), "offsets reset --to-earliest")
        self.run_once(100, 0)
        self.check_conserved(100)
        self.check_verified(100)

    def test_log_that_ends_before_the_offsets(self):
        self.run_once(400, 0)
        self.kafka.lose_log(self.topic)
        self.cure(self.refusals("offset_beyond_log", "recreated or truncated"), "offsets reset --to-earliest")
        self.run_once(100, 0)
        self.check_conserved(100)
        self.check_verified(100)

    def test_log_that_ends_before_the_offsets_while_the_service_runs(self):
        service, = self.start(self.instance())
        self.produce(self.payments(400), self.topic)
        wait_done([service], 400)
        self.kafka.lose_log(self.topic)
        cures = self.refused(service, "offset_beyond_log", "recreated or truncated").values()
        self.assertEqual(service.terminate(), 0, service.tail())
        self.cure(cures, "offsets reset --to-earliest")
        self.run_once(100, 0)
        self.check_conserved(100)
        self.check_verified(100)

    def test_other_records_below_the_offsets(self):
        self.run_once(400, 0)
        self.kafka.lose_log(self.topic)
        self.produce(self.payments(800, 1_000), self.topic)
        self.cure(self.refusals("anchor_mismatch", "not the one that was read"), "offsets reset --to-earliest")
        self.run_once(100, 800)
        self.check_conserved(900)
        self.check_verified(900)

    def recreate(self):
        """The topic takes the group's offsets with it."""
        self.kafka.delete(self.topic)
        wait_until(lambda: self.topic not in self.kafka.admin.list_topics(timeout=10).topics, "the topic is gone")
        self.kafka.create(self.topic)

    def grow(self):
        """From 4 partitions to 6."""
        for future in self.kafka.admin.create_partitions([NewPartitions(self.topic, 6)]).values():
            future.result(30)
        wait_until(lambda: len(self.kafka.partitions(self.topic)) == 6, "the topic has grown")

    def delete_records(self, keep=0):
        places = [TopicPartition(self.topic, number, end - keep) for number, end in enumerate(self.kafka.ends(self.topic))]
        for future in self.kafka.admin.delete_records(places).values():
            future.result(30)

    def test_records_deleted_before_they_were_read(self):
        total = self.run_once(400, 0)
        total += self.produce(self.payments(100, total), self.topic)
        self.delete_records()
        self.cure(self.refusals("log_starts_later", "deleted before they were read"), "offsets accept-gap")
        total = self.run_once(40, total)
        # The state is the committed one: nothing twice, and the totals go on.
        self.check_alerts(440)
        self.check_conserved(440)
        self.run_later(40, total)
        self.check_verified(80, judged=40)

    def test_records_deleted_that_a_crash_would_have_replayed(self):
        total = self.run_once(200, 0)
        service, = self.start(self.group.service("a"))
        total += self.produce(self.payments(200, total), self.topic)
        wait_done([service], total)
        service.kill()
        self.delete_records(keep=5)
        self.cure(self.refusals("log_starts_later", "records were deleted"), "offsets accept-gap")
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.check_conserved(total)
        # The windows are those of the checkpoint, ten payments an account, and what the log still held.
        counts = [json.loads(message.value())["window"]["count"] for message in self.group.alerts()]
        self.assertGreater(max(counts), 20)
        self.assertLess(max(counts), 30)
        self.run_later(40, total)
        self.check_verified(260, judged=40)

    # The state is not the one that this service would have made.

    def test_other_grace(self):
        total = self.run_once(200, 0)
        cures = self.refusals("fold_changed", "other windows, grace, mapping", time={"grace": "30s"})
        self.assertTrue(all("go back to the time.* and input.* settings" in cure for cure in cures))
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.check_verified(total)

    def test_other_grace_with_the_state_carried_over(self):
        total = self.run_once(200, 0)
        self.group.settings["time"] = {"grace": "30s", "max_ahead": "10s"}
        self.cure(self.refusals("fold_changed", "other windows, grace, mapping"), "state migrate")
        total = self.run_once(200, total)
        # Twenty accounts pay ten times each: the windows go on where they were.
        self.check_alerts(total)
        self.check_conserved(total)
        counts = [json.loads(message.value())["window"]["count"] for message in self.group.alerts()]
        self.assertGreater(max(counts), 10)
        self.check_verified(total)

    def test_other_mapping_with_the_state_carried_over(self):
        total = self.run_once(200, 0)
        self.group.settings["input"]["max_bytes"] = "64KiB"
        self.cure(self.refusals("fold_changed", "other windows, grace, mapping"), "state migrate")
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.check_conserved(total)
        self.check_verified(total)

    def test_another_window_cannot_be_carried_over(self):
        total = self.run_once(200, 0)
        self.group.settings["time"] = {"window": "10m"}
        write_rules(self.rules, rule("always", "payment.amount >= 0", once_per="payment"))
        (self.rules / "features.yaml").unlink()
        cures = self.refusals("fold_changed", "other windows, grace, mapping")
        words = self.command(cures[0])
        _, notes = run_when_empty(*words, "--yes", code=3)
        self.assertIn("its windows are 300000 ms long and are to be 600000 ms", notes)
        self.assertIn("nothing was changed", notes)
        for partition in range(4):
            command = f"offsets reset --partition {partition} --to-current --config {self.group.folder / 'a.yaml'}"
            if partition == int(words[words.index("--partition") + 1]):
                self.assertIn(f"run: tripline {command}\n", notes)
            tripline(*command.split(), "--yes")
        self.run_once(200, total)
        self.check_alerts(total + 200)
        self.check_conserved(200)
        self.check_verified(200)

    def test_more_partitions(self):
        total = self.run_once(200, 0)
        self.grow()
        cures = self.refusals("partition_count_changed", "had 4 partitions and now has 6")
        self.assertTrue(all("set another `group`" in cure for cure in cures))
        other = Group(
            self.kafka, "other-" + self.topic, self.folder, self.rules, topic=self.topic, settings={"output": self.group.outputs}).service("a")
        self.start(other)
        wait_done([other], total)
        self.assertEqual(other.terminate(), 0, other.tail())
        self.cure(cures, "offsets reset --to-current")
        self.run_once(200, total)
        # The new partitions were born at their start, the old ones go on where they were.
        self.check_conserved(200)
        self.check_verified(200)

    def test_more_partitions_and_records_deleted_before_they_were_read(self):
        total = self.run_once(200, 0)
        total += self.produce(self.payments(100, total), self.topic)
        self.delete_records()
        self.grow()
        told = self.cure(self.refusals("partition_count_changed", "had 4 partitions and now has 6"), "offsets reset --to-current")
        self.assertEqual(sum(int(count) for one in told for count in re.findall(r"up to (\d+) payments are lost", one)), 100)
        self.run_once(200, total)
        self.check_conserved(200)
        self.check_verified(200)

    def test_more_partitions_while_the_service_runs(self):
        service, = self.start(self.instance())
        self.produce(self.payments(200), self.topic)
        wait_done([service], 200)
        self.grow()
        self.produce(self.payments(200, 200), self.topic)
        cures = self.refused(service, "partition_count_changed", "had 4 partitions and now has 6", count=6).values()
        self.assertEqual(service.terminate(), 0, service.tail())
        passed = sum(offset for offset, _ in self.kafka.committed(self.group.name, self.topic).values())
        self.assertGreaterEqual(passed, 200)
        self.cure(cures, "offsets reset --to-current")
        self.run_once(200, 400)
        # The old partitions go on where they were, the new ones were born at their start.
        self.check_conserved(600 - passed)
        self.check_verified(600 - passed)

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
        for told in self.cure(self.refusals("metadata_unreadable", "set by another tool"), "offsets reset --to-current"):
            self.assertIn("whether payments are passed unread is not known", told)
            self.assertIn("are sent again", told)
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.check_conserved(200)
        self.check_verified(200)

    def test_offsets_that_are_gone(self):
        total = self.run_once(200, 0)
        self.lose_offsets()
        self.cure(self.refusals("checkpoint_without_offset", "the group has no committed offset"), "offsets accept-gap")
        total = self.run_once(200, total)
        # The newest checkpoint is the one of the stop: nothing is read again.
        self.check_alerts(total)
        self.check_conserved(total)
        self.check_verified(total)

    # The offsets are gone, and the checkpoints do not serve either.

    def lose_offsets(self):
        self.change_offsets(lambda _: self.kafka.admin.delete_consumer_groups([self.group.name])[self.group.name].result(30))

    def refused_again(self, cures, *words):
        """What the cures print cannot be done either: it says why, changes nothing, and prints other cures, which are returned."""
        others = []
        for cure in cures:
            _, notes = run_when_empty(*self.command(cure), "--yes", code=3)
            for one in (*words, "nothing was changed"):
                self.assertIn(one, notes)
            others += [line for line in notes.splitlines() if "run: tripline" in line]
        self.assertEqual(len(others), len(cures))
        return others

    def begin_anew(self, cures, total):
        """The partitions are live after what the cures print, and everything is judged again."""
        for told in self.cure(cures, "offsets reset --to-earliest"):
            self.assertIn("are sent again", told)
        total = self.run_once(200, total)
        self.check_alerts(total, times=2)
        self.check_conserved(total)
        self.check_verified(total)

    def test_offsets_that_are_gone_and_more_partitions(self):
        total = self.run_once(200, 0)
        self.lose_offsets()
        self.grow()
        cures = self.refusals("checkpoint_without_offset", "the group has no committed offset")
        self.begin_anew(self.refused_again(cures, "the topic had 4 partitions and now has 6", "set another `group`"), total)

    def test_offsets_that_are_gone_and_torn_checkpoints(self):
        total = self.run_once(200, 0)
        self.lose_offsets()
        for paths in self.checkpoints().values():
            for path in paths:
                path.write_bytes(path.read_bytes()[:-20])
        cures = self.refusals("checkpoint_without_offset", "the group has no committed offset")
        cures = self.refused_again(cures, "nothing is committed, and none of the", f"bring back {self.group.folder / 'state'}")
        self.begin_anew(cures, total)

    def test_offsets_that_are_gone_and_a_rule_set_too(self):
        total = self.run_once(200, 0)
        self.lose_offsets()
        bundle, = (self.group.folder / "state" / "rule-sets").iterdir()
        bundle.unlink()
        write_rules(self.rules, ALWAYS, rule("second", "account.count_5m > 1000"))
        cures = self.refusals("checkpoint_without_offset", "the group has no committed offset")
        self.begin_anew(self.refused_again(cures, bundle.stem), total)

    def lose_offsets_under_other_settings(self):
        total = self.run_once(200, 0)
        self.lose_offsets()
        old = self.group.service("old").config
        self.group.settings["time"] = {"grace": "30s", "max_ahead": "10s"}
        cures = self.refusals("checkpoint_without_offset", "the group has no committed offset")
        return total, old, self.refused_again(cures, "the state was made with other windows, grace, mapping or code", "then `state migrate` with these")

    def test_offsets_that_are_gone_and_other_settings(self):
        total, _, cures = self.lose_offsets_under_other_settings()
        self.begin_anew(cures, total)

    def test_offsets_that_are_gone_and_other_settings_with_the_state_carried_over(self):
        total, old, _ = self.lose_offsets_under_other_settings()
        run_when_empty("offsets", "accept-gap", "--yes", "--config", str(old))
        run_when_empty("state", "migrate", "--yes", "--config", str(self.group.folder / "a.yaml"))
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.check_conserved(total)
        self.check_verified(total)

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
        self.run_later(40, total)
        self.check_verified(244, judged=40)

    def test_no_checkpoint_and_no_log_to_replay_and_going_on_without(self):
        total = self.run_once(200, 0)
        shutil.rmtree(self.group.folder / "state" / self.group.name)
        self.delete_records()
        self.cure(self.refusals("no_usable_checkpoint", "no usable checkpoint"), "offsets accept-gap")
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.check_conserved(total)
        self.run_later(40, total)
        self.check_verified(240, judged=40)

    def test_half_of_the_log_to_replay(self):
        total = self.run_once(200, 0)
        shutil.rmtree(self.group.folder / "state" / self.group.name)
        places = [TopicPartition(self.topic, number, end // 2) for number, end in enumerate(self.kafka.ends(self.topic))]
        for future in self.kafka.admin.delete_records(places).values():
            future.result(30)
        self.cure(self.refusals("no_usable_checkpoint", "no usable checkpoint"), "offsets accept-gap")
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.check_conserved(total)
        counts = [json.loads(message.value())["window"]["count"] for message in self.group.alerts()]
        # What the log still held is in the windows again.
        self.assertGreater(max(counts), 10)
        self.run_later(40, total)
        self.check_verified(340, judged=40)

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
        self.check_verified(total)

    def test_rule_set_that_is_gone_and_an_empty_state(self):
        total = self.run_once(200, 0)
        bundle, = (self.group.folder / "state" / "rule-sets").iterdir()
        bundle.unlink()
        write_rules(self.rules, ALWAYS, rule("second", "account.count_5m > 1000"))
        self.cure(self.refusals("rule_set_missing", bundle.stem), "offsets reset --to-current")
        total = self.run_once(200, total)
        self.check_alerts(total)
        self.check_conserved(200)
        self.check_verified(200)

    def test_replay_that_gives_another_state(self):
        self.run_once(200, self.run_once(200, 0))
        for paths in self.checkpoints().values():
            paths[-1].unlink()
        self.kafka.lose_log(self.topic)
        # Other records behind the checkpoint, and the last ones, which the anchor knows, as they were.
        read = list(self.payments(400))
        read[200:300] = [(key, value.replace(b'"amount": 1,', b'"amount": 2,'), time) for key, value, time in read[200:300]]
        self.produce(read, self.topic)
        cures = self.refusals("digest_mismatch", "the recovered state has digest")
        # Nothing is missing: that is no gap.
        _, notes = run_when_empty("offsets", "accept-gap", "--yes", "--config", str(self.group.folder / "a.yaml"), code=3)
        self.assertIn("the recovered state has digest", notes)
        self.assertIn("nothing was changed", notes)
        self.cure(cures, "offsets reset --to-current")
        total = self.run_once(200, 400)
        self.check_conserved(200)
        self.check_alerts(total)
        self.check_verified(200)

    # The records cannot be processed.

    def refuse_one(self):
        """The broker takes the alert of the 201st payment for no record that it would store. The cure of its partition, and which that is."""
        service, = self.start(self.instance())
        self.produce(self.payments(200), self.topic)
        wait_done([service], 200)
        self.limit(self.group.outputs["alerts"], 100)
        self.produce(self.payments(1, 200), self.topic)
        (partition, cure), = self.refused(service, "aborted_thrice", "was aborted three times", 1).items()
        self.assertEqual(service.terminate(), 0, service.tail())
        self.limit(self.group.outputs["alerts"], 1_000_000)
        return partition, cure

    def test_transaction_that_the_broker_refuses_until_it_is_mended(self):
        _, cure = self.refuse_one()
        self.assertTrue(cure.startswith("mend what the broker says and restart: "), cure)
        total = self.run_once(200, 201)
        self.check_alerts(total)
        self.check_conserved(total)
        self.check_verified(total)

    def test_transaction_that_the_broker_refuses(self):
        partition, cure = self.refuse_one()
        before = self.totals()[partition]
        told, = self.cure([cure], "offsets skip --to-offset")
        self.assertEqual(self.totals()[partition], before)
        self.run_once(200, 201)
        # All but the passed one, each once, and the state went on: the totals too.
        self.check_alerts(400)
        self.check_conserved(400)
        self.check_verified(400, passed=re.findall(r"--passed (\S+)", told))

    def limit(self, topic, count):
        """Bytes of a batch that the topic takes."""
        change = ConfigResource(
            ConfigResource.Type.TOPIC, topic,
            incremental_configs=[ConfigEntry("max.message.bytes", str(count), incremental_operation=AlterConfigOpType.SET)])
        for future in self.kafka.admin.incremental_alter_configs([change]).values():
            future.result(30)
