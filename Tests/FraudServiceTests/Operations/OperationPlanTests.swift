import FraudEngine
import RuleFiles
import Testing

@testable import FraudService

struct OperationPlanTests {
    private static let ruleSet = RuleSetHash(hexadecimal: String(repeating: "ab", count: 32))

    private static func facts(_ committed: CommittedPosition?, checkpoints: [StoredCheckpoint] = []) -> PartitionFacts {
        PartitionFacts(partition: 3, committed: committed, logStart: 0, logEnd: 90, partitionCount: 4, checkpoints: checkpoints)
    }

    private static func empty(at offset: Int64, epoch: Int64) throws -> CommitMetadata {
        Lineage.empty(
            at: offset, epoch: epoch, ruleSet: ruleSet, windows: try TumblingWindows(size: 300_000, grace: 60_000), foldHash: "f", partitionCount: 4)
    }

    private static func record(_ offset: Int64, key: [UInt8], _ body: (RawRecord) -> Void) {
        key.withUnsafeBytes { bytes in
            body(RawRecord(value: bytes.baseAddress, valueCount: key.count, key: bytes.baseAddress, keyCount: key.count, offset: offset, timestamp: 1_000))
        }
    }

    @Test func `a plan reads the same for people and programs`() throws {
        let before = CommittedPosition(offset: 40, metadata: try Self.empty(at: 40, epoch: 500).line)
        var change = PartitionChange(Self.facts(before), offset: 42, try Self.empty(at: 42, epoch: 501))
        Self.record(40, key: Array("account-77".utf8)) { change.passed.add($0) }
        change.notes = ["a \"note\""]
        var plan = OperationPlan(action: "offsets skip", group: "g", topic: "t")
        plan.changes = [change]
        plan.untouched = [(1, "nothing is missing")]
        plan.costs = ["a cost"]
        #expect(
            plan.text == """
                offsets skip: group g, topic t
                partition 3: offset 40 -> offset 42, lineage 500 -> 501
                  an empty state
                  a "note"
                  passed: offset 40, 1970-01-01T00:00:01.000Z, key ac…77, 20 bytes
                partition 1: left as it is: nothing is missing
                note: a cost

                """)
        let digest = hexadecimal(change.metadata.digest)
        #expect(
            plan.members == """
                "group":"g","topic":"t","partitions":[{"partition":3,"from":{"offset":40,"epoch":500},"to":{"offset":42,"epoch":501,"stream_time":null,\
                "digest":"\(digest)","fold":"f","rule_set":"sha256:\(Self.ruleSet.hexadecimal)","checkpoint":false},"lost_records":0,"passed_records":1,\
                "passed":[{"offset":40,"timestamp":"1970-01-01T00:00:01.000Z","key":"ac…77","bytes":20}],"notes":["a \\"note\\""]}],\
                "untouched":[{"partition":1,"why":"nothing is missing"}],"notes":["a cost"]
                """)
    }

    @Test func `of many passed records the first are listed and all are counted`() {
        var passed = PassedRecords()
        for offset in 0..<Int64(PassedRecords.listLimit + 5) { Self.record(offset, key: [0x61]) { passed.add($0) } }
        #expect(passed.count == PassedRecords.listLimit + 5)
        #expect(passed.listed.count == PassedRecords.listLimit)
        #expect(passed.listed.allSatisfy { $0.key == "…" })
    }

    @Test func `a lineage that begins is above the committed one and every checkpoint, whatever the clock says`() throws {
        let committed = CommittedPosition(offset: 40, metadata: try Self.empty(at: 40, epoch: 500).line)
        #expect(Self.facts(nil).nextEpoch(now: 7) == 7)
        #expect(Self.facts(committed).nextEpoch(now: 7) == 501)
        let entry = StoredCheckpoint(partition: 0, epoch: 800, kept: KeptCheckpoint(offset: 1, sequence: 1), place: "")
        #expect(Self.facts(committed, checkpoints: [entry]).nextEpoch(now: 7) == 801)
        #expect(Self.facts(CommittedPosition(offset: 1, metadata: "by another tool"), checkpoints: [entry]).nextEpoch(now: 900) == 900)
    }

    @Test func `the audit of a folder grows by one line of JSON for each entry`() throws {
        let folder = try FileSystem.makeTemporaryFolder("tripline-audit")
        defer { do throws(FileSystem.Problem) { try FileSystem.removeFolder(folder) } catch { Issue.record("\(error)") } }
        let log = AuditLog.file("\(folder)/state/audit.ndjson")
        for action in ["offsets reset", "offsets \"skip\""] {
            try log.append(AuditEntry(at: 1_000, actor: "root@host", action: action, detail: "{\"reason\":\"\"}"))
        }
        let text = String(decoding: try FileSystem.read("\(folder)/state/audit.ndjson"), as: UTF8.self)
        #expect(
            text == """
                {"at":"1970-01-01T00:00:01.000Z","actor":"root@host","action":"offsets reset","detail":{"reason":""}}
                {"at":"1970-01-01T00:00:01.000Z","actor":"root@host","action":"offsets \\"skip\\"","detail":{"reason":""}}

                """)
        #expect(throws: StartFailure.self) {
            try AuditLog.file("\(folder)/state/audit.ndjson/x").append(AuditEntry(at: 0, actor: "", action: "", detail: "{}"))
        }
    }
}
