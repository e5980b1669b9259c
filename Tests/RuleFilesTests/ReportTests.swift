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
                == "{\"rule_set\":\"sha256:\(hash)\",\"rules\":{\"active\":0,\"shadow\":1,\"disabled\":0},\"features\":0,\"lists\":0,\"tests\":[],\"diagnostics\":[]}\n"
        )
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
        #expect(report.text.hasSuffix("no test was run: no test's rule or name contains 'nothing'\n"))
    }
}

struct TestReportTests {
    private static let text = """
        version: 1
        rules:
          - id: large
            title: A large payment
            when: payment.amount > 1000
            owner: fraud-ops@example.com
            status: active
        tests:
          - name: above the limit
            given: [{at: "2026-02-02T10:00:00Z", account_id: A1, amount: 1000.01, currency: EUR}]
            expect: [{payment: 1, alerts: [large]}]
          - name: at the limit
            given: [{at: "2026-02-02T10:00:00Z", account_id: A1, amount: LIMIT, currency: EUR}]
            expect: [{payment: 1, alerts: []}]

        """

    private func folder(limit: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.yaml", Self.text.replacing("LIMIT", with: limit))
        return folder
    }

    @Test func `passing tests are listed by name`() throws {
        let folder = try folder(limit: "1000")
        let report = RuleCheckReport.test(directory: folder.path, baseWindowMilliseconds: 300_000)
        #expect(report.exitCode == 0)
        #expect(report.text.hasPrefix("ok     above the limit\nok     at the limit\n1 rule (1 active), 0 features, 0 lists, 2 tests; sha256:"))
        #expect(report.text.hasSuffix("\n2 tests run: 2 passed, 0 failed\n"))
        #expect(report.json.contains("\"tests\":[{\"name\":\"above the limit\",\"file\":\"\(folder.path)/a.yaml\",\"line\":9,\"passed\":true},"))
    }

    @Test func `a failing test is shown with the value of each term, and the others run all the same`() throws {
        let folder = try folder(limit: "1000.50")
        let report = RuleCheckReport.test(directory: folder.path, baseWindowMilliseconds: 300_000)
        #expect(report.exitCode == 1)
        #expect(report.passedCount == 1)
        #expect(
            report.text.hasPrefix(
                """
                \(folder.path)/a.yaml:14:14: test failed: at the limit, payment 1
                    expected alerts [], got [large]
                    large: payment.amount > 1000 is true (1000.5)
                ok     above the limit
                FAILED at the limit

                """))
        #expect(
            report.json.contains(
                """
                "diagnostics":[{"severity":"test_failure","code":"T001","file":"\(folder.path)/a.yaml","line":14,"column":14,"length":1,\
                "message":"at the limit, payment 1","hints":["expected alerts [], got [large]","large: payment.amount > 1000 is true (1000.5)"]}]
                """))
    }

    @Test func `a failing test keeps the set from loading`() throws {
        let folder = try folder(limit: "1000.50")
        switch RuleFiles.load(directory: folder.path, baseWindowMilliseconds: 300_000) {
        case .success: Issue.record("it loaded")
        case .failure(let errors): #expect(errors.all.map(\.code) == ["T001"])
        }
        #expect(throws: Never.self) { try RuleFiles.load(directory: folder.path, baseWindowMilliseconds: 300_000, runsTests: false).get() }
    }

    @Test func `a filter runs the tests whose name, or a rule that they expect, contains it`() throws {
        let folder = try folder(limit: "1000.50")
        let report = RuleCheckReport.test(directory: folder.path, baseWindowMilliseconds: 300_000, filter: "above")
        #expect(report.exitCode == 0)
        #expect(report.outcomes.map(\.test.name) == ["above the limit"])
        let byRule = RuleCheckReport.test(directory: folder.path, baseWindowMilliseconds: 300_000, filter: "larg")
        #expect(byRule.outcomes.map(\.test.name) == ["above the limit"])
    }
}
