import Testing

@testable import FraudService

struct DoctorTests {
    private func found(_ info: [String: String]) -> [Finding] {
        var report = DoctorReport(.json)
        DoctorRedis.look(info: info, "h:1", &report)
        return report.findings
    }

    @Test func `a finding is one line: level, what, detail, cure`() {
        #expect(Finding.ok("kafka", "3 brokers answer").line == "ok    kafka — 3 brokers answer\n")
        #expect(Finding.warn("clock", "off", "run NTP").line == "warn  clock — off; run NTP\n")
        #expect(Finding.fail("rules", .usage, "bad", "mend").line == "fail  rules — bad; mend\n")
    }

    @Test func `the first failure decides the exit code, as a start would end with it`() {
        var report = DoctorReport(.json)
        #expect(report.exitCode == .ok)
        report.add(.ok("a", ""))
        report.add(.warn("b", "", ""))
        #expect(report.exitCode == .findings)
        report.add(.fail("c", .unreachable, "", ""))
        report.add(.fail("d", .usage, "", ""))
        report.add(.warn("e", "", ""))
        #expect(report.exitCode == .unreachable)
    }

    @Test(arguments: [("6.1.9", false), ("6.2.0", true), ("7.0.15", true), ("10.0.0", true)])
    func `Redis must be 6.2 or newer`(version: String, isGood: Bool) {
        #expect(found(["redis_version": version])[0].level == (isGood ? .ok : .fail(.refused)))
    }

    @Test func `a cluster, eviction and a full memory are named`() {
        #expect(found(["redis_version": "7.0.0", "cluster_enabled": "1"])[0].level == .fail(.refused))
        #expect(found(["redis_version": "7.0.0", "maxmemory": "1048576", "maxmemory_policy": "allkeys-lru"])[1].level == .warn)
        #expect(found(["redis_version": "7.0.0", "maxmemory": "1000", "used_memory": "950", "maxmemory_policy": "noeviction"])[1].level == .warn)
        #expect(found(["redis_version": "7.0.0", "maxmemory": "0", "maxmemory_policy": "allkeys-lru"])[1].level == .ok)
        #expect(DoctorRedis.fields("# Server\r\nredis_version:7.0.15\r\nos:Linux: x\r\n") == ["redis_version": "7.0.15", "os": "Linux: x"])
    }

    @Test func `a place that cannot be written is named`() {
        #expect(DoctorMachine.problem(writing: "/proc/self/status/x")?.contains("Not a directory") ?? false)
        #expect(DoctorMachine.problem(writing: "/dev/null")?.contains("is not a folder") ?? false)
        #expect(DoctorMachine.problem(writing: "/tmp/not-there/at/all") == nil)
    }

    @Test func `the rights name every topic, the group and the transactional ids`() throws {
        let settings = try Given(file: "{group: g, input: {topic: in}, output: {late: l}}").load().get()
        let text = AccessRights(settings: settings).text
        for word in [
            "--operation Read --operation Describe --operation DescribeConfigs --topic in\n", "--topic fraud-alerts\n", "--topic fraud-alerts-shadow\n",
            "--topic l\n", "--topic payments-dlq\n", "--group g\n", "--transactional-id g. --resource-pattern-type prefixed\n",
        ] { #expect(text.contains(word), "\(word)") }
        #expect(!text.contains("--operation All"))
    }
}
