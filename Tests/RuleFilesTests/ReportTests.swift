import FraudEngine
import RuleFiles
import Testing

struct ReportTests {
    private static let text = """
        version: 1
        rules:
          - id: large
            title: A large payment
            when: |
              payment.amount > 1000
            owner: fraud-ops@example.com
            status: STATUS

        """

    private func folder(status: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.yaml", Self.text.replacing("STATUS", with: status))
        return folder
    }

    @Test func `a folder without fault says what it holds`() throws {
        let folder = try folder(status: "shadow")
        let report = RuleCheckReport.check(directory: folder.path, baseWindowMilliseconds: 300_000)
        let hash = try #require(report.contents?.hash.hexadecimal)
        #expect(report.exitCode == 0)
        #expect(report.text == "1 rule (1 shadow), 0 features, 0 lists, 0 tests; sha256:\(hash)\n")
        #expect(
            report.json
                == "{\"rule_set\":\"sha256:\(hash)\",\"rules\":{\"active\":0,\"shadow\":1,\"disabled\":0},\"features\":0,\"lists\":0,\"tests\":[],\"diagnostics\":[]}\n")
    }

    @Test func `a warning is a finding`() throws {
        let folder = try folder(status: "active")
        let report = RuleCheckReport.check(directory: folder.path, baseWindowMilliseconds: 300_000)
        #expect(report.exitCode == 1)
        #expect(report.diagnostics.all.map(\.code) == ["W301"])
    }

    @Test func `a set that does not load has no name`() throws {
        let folder = try folder(status: "aktive")
        let report = RuleCheckReport.check(directory: folder.path, baseWindowMilliseconds: 300_000)
        #expect(report.exitCode == 2)
        #expect(report.text.hasSuffix("the rule set does not load: 1 error\n"))
        #expect(
            report.json == """
                {"rule_set":null,"rules":null,"features":null,"lists":null,"tests":[],"diagnostics":[{"severity":"error","code":"E013","file":"\(folder.path)/a.yaml",\
                "line":8,"column":13,"length":6,"message":"'status' can't be 'aktive'","hints":["did you mean 'active'?   it is one of: active, shadow, disabled"]}]}

                """)
    }

    @Test func `asking for tests that are not there is a finding`() throws {
        let folder = try folder(status: "shadow")
        let report = RuleCheckReport.test(directory: folder.path, baseWindowMilliseconds: 300_000, filter: "nothing")
        #expect(report.exitCode == 1)
        #expect(report.text.hasSuffix("no test was run\n"))
    }
}
