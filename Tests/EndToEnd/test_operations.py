"""The commands that move offsets and states: what they print, what they refuse, what they change and what they leave alone."""
import json
import os
import pty
import subprocess

import payments
from harness import ALWAYS, BINARY, ENVIRONMENT, EndToEnd, Group, OneGroup, run_when_empty, tripline, wait_done, write_rules


class Operations(OneGroup):
    def setUp(self):
        super().setUp()
        self.service = self.group.service("a")
        self.config = ("--config", str(self.service.config))

    def instance(self):
        return self.service

    def show(self, *words):
        text, notes = tripline("offsets", "show", "-o", "json", *self.config, *words)
        self.assertEqual(notes, "")
        return json.loads(text)

    def partitions(self):
        return {one["partition"]: one for one in self.show()["partitions"]}

    def audit(self):
        file = self.group.folder / "state/audit.ndjson"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def alerts(self):
        """How often each payment's alert stands."""
        found = {}
        for message in self.group.alerts():
            payment = json.loads(message.value())["payment"]["payment_id"]
            found[payment] = found.get(payment, 0) + 1
        return found

    # What only looks.

    def test_offsets_show_tells_what_is_committed_and_who_is_there(self):
        before = self.show()
        self.assertEqual(before["group"], {"name": self.group.name, "state": None, "members": []})
        self.assertEqual([(one["committed"], one["metadata"], one["checkpoints"]) for one in before["partitions"]], [(None, None, [])] * 4)
        service, = self.start(self.service)
        self.produce(self.payments(400), self.topic)
        wait_done([service], 400)
        while_running = self.show()
        self.assertEqual(while_running["group"]["state"], "Stable")
        self.assertEqual(sorted(one["id"][:3] for one in while_running["group"]["members"]), ["a.0", "a.1"])
        self.assertEqual(service.terminate(), 0)
        status = self.partitions()
        ends = self.kafka.ends(self.topic)
        for number, one in status.items():
            self.assertEqual((one["committed"], one["log_start"], one["log_end"], one["lag"], one["problem"]), (ends[number], 0, ends[number], 0, None))
            totals = one["metadata"]["totals"]
            self.assertEqual(totals["folded"], {"records": ends[number], "amount": ends[number]})
            self.assertEqual(one["metadata"]["rules"]["sequence"], 1)
            self.assertEqual(one["metadata"]["partition_count"], 4)
            self.assertEqual(one["checkpoints"][0], {"epoch": one["metadata"]["epoch"], "offset": ends[number], "switches": 1})
        text, _ = tripline("offsets", "show", *self.config, "--partition", "2")
        self.assertIn(f"topic {self.topic}\npartition 2: committed {ends[2]}, log 0 to {ends[2]}, lag 0\n", text)
        self.assertIn(f"  read {ends[2]}: {ends[2]} folded, 0 late, 0 duplicate, 0 invalid, 0 ignored\n", text)
        self.assertNotIn("partition 1", text)
        self.assertIn("has no partition 4", tripline("offsets", "show", *self.config, "--partition", "4", code=2)[1])

    def test_state_list_and_verify_find_what_is_damaged(self):
        self.assertIn("no checkpoints of group", tripline("state", "list", *self.config)[1])
        self.run_once(400)
        rows = json.loads(tripline("state", "list", "-o", "json", *self.config)[0])["checkpoints"]
        status = self.partitions()
        self.assertEqual({row["partition"] for row in rows}, {0, 1, 2, 3})
        newest = {row["partition"]: row for row in reversed(rows)}
        for number, row in newest.items():
            metadata = status[number]["metadata"]
            self.assertEqual((row["offset"], row["epoch"], row["digest"], row["fold"]),
                             (status[number]["committed"], metadata["epoch"], metadata["digest"], metadata["fold"]))
            self.assertEqual(row["bytes"], os.stat(row["path"]).st_size)
            self.assertGreaterEqual(row["age_ms"], 0)
        text, _ = tripline("state", "list", *self.config, "--partition", "1")
        self.assertIn(f"partition 1  offset {newest[1]['offset']}  lineage {newest[1]['epoch']}  switches 1  digest {newest[1]['digest']}", text)
        text, _ = tripline("state", "verify", *self.config)
        self.assertEqual(text.count("ok   recovery: the committed state at offset"), 4)
        self.assertNotIn("BAD", text)
        with open(newest[2]["path"], "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"x")
        document = json.loads(tripline("state", "verify", "-o", "json", *self.config, code=1)[0])
        bad = [one for one in document["findings"] if not one["ok"]]
        text = "its checksum is wrong: it was cut short or changed since it was written"
        self.assertEqual([(one["partition"], one["checkpoint"], one["text"]) for one in bad], [(2, newest[2]["path"], text)])
        # The committed state is reached all the same, from an older checkpoint.
        self.assertEqual(sum(one["checkpoint"] is None and one["ok"] for one in document["findings"]), 4)

    def test_state_verify_finds_a_state_that_a_start_would_refuse(self):
        self.run_once(200)
        text, _ = tripline("state", "verify", *self.config, "--set", "time.grace=1s", code=1)
        self.assertIn("fold", text)
        self.assertIn("run: tripline state migrate --partition 0 " + " ".join(self.config), text)

    # What changes something.

    def test_members_stop_every_command_that_changes_something(self):
        self.start(self.service)
        for words in (("offsets", "reset", "--to-earliest"), ("offsets", "skip", "--partition", "0", "--to-offset", "1"), ("offsets", "accept-gap"),
                      ("state", "migrate")):
            for more in (("--yes",), ("--dry-run",)):
                _, notes = tripline(*words, *self.config, *more, code=3)
                self.assertRegex(notes, r"has members: a\.0-\S+ \(/127\.0\.0\.1\), a\.1-\S+ ")
        self.assertEqual(self.audit(), [])

    def test_without_a_terminal_it_does_not_ask(self):
        for words in (("offsets", "reset", "--to-earliest"), ("offsets", "accept-gap"), ("state", "migrate")):
            done = subprocess.run([BINARY, *words, *self.config], capture_output=True, text=True, timeout=60, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 2)
            self.assertIn("add --yes", done.stderr)

    def answer(self, text, *words):
        """Runs a command on a terminal where somebody types an answer: exit code and everything that was shown."""
        leader, follower = pty.openpty()
        with subprocess.Popen([BINARY, *words, *self.config], stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT) as process:
            os.write(leader, text.encode())
            shown = process.communicate(timeout=60)[0].decode()
        os.close(leader)
        os.close(follower)
        return process.returncode, shown

    def test_a_dry_run_and_a_no_change_nothing_and_a_yes_does(self):
        self.run_once(400)
        run_when_empty("offsets", "reset", "--to-earliest", "--dry-run", *self.config)
        before, folder = self.partitions(), sorted(self.group.folder.rglob("*"))
        text, _ = tripline("offsets", "reset", "--to-earliest", "--dry-run", *self.config)
        for number, one in before.items():
            self.assertRegex(text, rf"partition {number}: offset {one['committed']} -> offset 0, lineage {one['metadata']['epoch']} -> \d+\n  an empty state\n")
        self.assertIn("note: alerts that were sent for payments from the offset on are sent again, with the same alert_id\n", text)
        code, shown = self.answer("n\n", "offsets", "reset", "--to-earliest")
        self.assertEqual(code, 0)
        self.assertIn("Proceed? [y/N] nothing was changed", shown)
        self.assertEqual((self.partitions(), sorted(self.group.folder.rglob("*")), self.audit()), (before, folder, []))
        code, shown = self.answer("y\n", "offsets", "reset", "--to-earliest", "--partition", "1")
        self.assertEqual(code, 0, shown)
        self.assertTrue(shown.endswith("Proceed? [y/N] done\n"), shown)
        after = self.partitions()
        self.assertEqual(after[1]["committed"], 0)
        self.assertEqual({number: one for number, one in after.items() if number != 1}, {number: one for number, one in before.items() if number != 1})

    def test_a_reset_tells_what_it_passes_unread(self):
        self.run_once(200)
        before = self.partitions()
        self.produce(self.payments(100, 200), self.topic)
        ends = self.kafka.ends(self.topic)
        unread = {number: ends[number] - one["committed"] for number, one in before.items()}
        for target in (("--to-latest",), ("--to-datetime", payments.rfc3339(self.now + 3_600_000))):
            document = json.loads(run_when_empty("offsets", "reset", *target, "--dry-run", "-o", "json", *self.config)[0])
            self.assertEqual({one["partition"]: one["lost_records"] for one in document["partitions"]}, unread)
            self.assertFalse(any("sent again" in note for note in document["notes"]), document["notes"])
        text, notes = tripline("offsets", "reset", "--to-latest", "--dry-run", *self.config)
        for number, count in unread.items():
            first, last = ends[number] - count, ends[number] - 1
            self.assertIn(f"offsets {first} to {last} are passed unread: up to {count} payments are judged by nothing\n", text)
        self.assertTrue(notes.endswith("nothing was changed\n"), notes)
        text, _ = tripline("offsets", "reset", "--to-current", "--dry-run", *self.config)
        self.assertNotIn("judged by nothing", text)

    def test_offsets_reset_begins_a_new_lineage_where_it_is_told(self):
        self.run_once(400)
        before = self.partitions()
        run_when_empty("offsets", "reset", "--to-latest", "--partition", "0", "--yes", "--reason", "INC-42", *self.config)
        tripline("offsets", "reset", "--to-offset", "3", "--partition", "1", "--yes", *self.config)
        text, _ = tripline("offsets", "reset", "--to-datetime", payments.rfc3339(self.now - 1), "--partition", "2", "--yes", "-o", "json", *self.config)
        change, = json.loads(text)["partitions"]
        self.assertEqual(change["from"], {"offset": before[2]["committed"], "epoch": before[2]["metadata"]["epoch"]})
        self.assertEqual((change["to"]["offset"], change["to"]["stream_time"], change["to"]["checkpoint"]), (0, None, False))
        text, _ = tripline("offsets", "reset", "--to-datetime", payments.rfc3339(self.now + 3_600_000), "--partition", "3", "--yes", *self.config)
        self.assertIn("every record is older than", text)
        after = self.partitions()
        ends = self.kafka.ends(self.topic)
        self.assertEqual([after[number]["committed"] for number in range(4)], [ends[0], 3, 0, ends[3]])
        for number, one in after.items():
            self.assertGreater(one["metadata"]["epoch"], before[number]["metadata"]["epoch"])
            self.assertEqual(sum(total["records"] for total in one["metadata"]["totals"].values()), 0)
        _, notes = tripline("offsets", "reset", "--to-offset", "100000", "--partition", "0", "--yes", *self.config, code=3)
        self.assertIn(f"offset 100000 is outside of the log, which has 0 to {ends[0]}; run: tripline offsets reset --partition 0 --to-earliest", notes)
        _, notes = tripline("offsets", "reset", "--to-earliest", "--yes", *self.config, "--set", "rules.directory=/nowhere", code=2)
        self.assertIn("/nowhere", notes)
        first = self.audit()[0]
        detail = first["detail"]
        self.assertEqual((first["action"], detail["reason"], detail["group"], len(self.audit())), ("offsets reset", "INC-42", self.group.name, 4))
        self.assertRegex(first["actor"], r"^\S+@\S+$")
        self.assertEqual(detail["partitions"][0]["to"]["offset"], ends[0])
        # Each goes live; what is read again alerts again, with the same id, and nothing else does.
        service, = self.start(self.service)
        wait_done([service], sum(ends))
        self.assertEqual(service.terminate(), 0)
        alerts = self.alerts()
        self.assertEqual(len(alerts), 400)
        self.assertEqual(sum(count == 2 for count in alerts.values()), ends[1] - 3 + ends[2])
        self.assertEqual(max(alerts.values()), 2)

    def test_offsets_skip_passes_records_and_keeps_the_state(self):
        total = self.run_once(200)
        self.produce(self.payments(200, total), self.topic)
        before, ends = self.partitions(), self.kafka.ends(self.topic)
        at = before[0]["committed"]
        words = ("offsets", "skip", "--partition", "0", "--to-offset", str(at + 2), *self.config)
        text, _ = run_when_empty(*words, "--dry-run")
        self.assertRegex(text, rf"passed: offset {at}, {payments.rfc3339(self.now)}, key ac…\S\S, \d+ bytes\n  passed: offset {at + 1}, ")
        self.assertEqual(self.partitions(), before)
        tripline(*words, "--yes")
        after = self.partitions()
        self.assertEqual(after[0]["committed"], at + 2)
        for name in ("stream_time", "digest", "fold", "totals"):
            self.assertEqual(after[0]["metadata"][name], before[0]["metadata"][name])
        self.assertEqual(after[0]["metadata"]["anchor"], at + 1)
        self.assertEqual(after[0]["checkpoints"][0], {"epoch": after[0]["metadata"]["epoch"], "offset": at + 2, "switches": 1})
        change, = self.audit()[0]["detail"]["partitions"]
        self.assertEqual(([one["offset"] for one in change["passed"]], change["passed_records"]), ([at, at + 1], 2))
        self.assertEqual(len(change["passed"][0]["key"]), 5)
        for target in (at + 2, ends[0] + 1):
            _, notes = tripline("offsets", "skip", "--partition", "0", "--to-offset", str(target), *self.config, "--yes", code=3)
            self.assertIn(f"must lie behind the committed offset {at + 2} and at most at the log's end {ends[0]}", notes)
        tripline("state", "verify", *self.config)
        service, = self.start(self.service)
        wait_done([service], 400)
        self.assertEqual(service.terminate(), 0)
        alerts = self.alerts()
        self.assertEqual((len(alerts), max(alerts.values())), (398, 1))

    def test_what_is_well_is_left_as_it_is(self):
        self.run_once(200)
        before = self.partitions()
        text, _ = run_when_empty("offsets", "accept-gap", "--yes", *self.config)
        self.assertEqual(text.count("left as it is: nothing is missing\n"), 4)
        text, _ = tripline("state", "migrate", "--yes", *self.config)
        self.assertEqual(text.count("left as it is: its state was made with these settings and this version already\n"), 4)
        self.assertEqual((self.partitions(), self.audit()), (before, []))

    def test_a_state_is_carried_over_only_from_the_committed_offset(self):
        self.run_once(200)
        service, = self.start(self.service)
        self.produce(self.payments(40, 200), self.topic)
        wait_done([service], 240)
        service.kill()
        before = self.partitions()
        words = ("state", "migrate", *self.config, "--set", "time.grace=10s")
        _, notes = run_when_empty(*words, "--yes", code=3)
        self.assertIn("`tripline serve --drain`, which writes one", notes)
        self.assertEqual(self.partitions(), before)
        code, text = self.service.run("--drain")
        self.assertEqual(code, 0, text)
        text, _ = run_when_empty(*words, "--yes", "-o", "json")
        document = json.loads(text)
        self.assertEqual((document["done"], len(document["partitions"])), (True, 4))
        after = self.partitions()
        for number, one in after.items():
            self.assertEqual(one["committed"], before[number]["committed"])
            self.assertEqual(one["metadata"]["totals"], before[number]["metadata"]["totals"])
            self.assertNotEqual(one["metadata"]["fold"], before[number]["metadata"]["fold"])


class Audit(EndToEnd):
    needs = ("kafka", "postgres")

    def test_changes_are_audited_in_the_database_where_there_is_one(self):
        self.kafka.create("audited")
        self.postgres.create("audited")
        url = self.postgres.url("tripline_service", "audited")
        rules = write_rules(self.folder / "rules", ALWAYS)
        group = Group(self.kafka, "audited", self.folder, rules, topic="audited", settings={"postgres": {"url": url}})
        config = str(group.service("a").config)
        words = ("offsets", "reset", "--to-earliest", "--yes", "--reason", "it's a test", "--config", config)
        _, notes = tripline(*words, code=3)
        self.assertIn("the audit cannot be written", notes)
        text, _ = tripline("offsets", "show", "--config", config)
        self.assertEqual(text.count("nothing committed"), 4)
        self.postgres.migrate("audited")
        tripline(*words)
        row, = self.postgres.sql("SELECT action, detail->>'reason', jsonb_array_length(detail->'partitions'), actor FROM tripline.audit", "audited")
        self.assertEqual(row[:3], ["offsets reset", "it's a test", "4"])
        self.assertIn("@", row[3])
