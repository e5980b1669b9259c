import FraudEngine
import RuleFiles

/// The twenty rules of the benchmark: four that alert, as the shipped ones do, and sixteen of four terms whose last is never true.
enum BenchRules {
    static func write(into folder: String) throws(StartFailure) -> String {
        try Bench.withFiles { () throws(FileSystem.Problem) in
            try FileSystem.makeFolder(folder)
            for (name, text) in [("schema.yaml", schema), ("features.yaml", features), ("bench.yaml", rules)] {
                try Array(text.utf8).withUnsafeBufferPointer { (bytes) throws(FileSystem.Problem) in
                    try FileSystem.write(UnsafeRawBufferPointer(bytes), to: "\(folder)/\(name)")
                }
            }
        }
        return folder
    }

    private static let schema = """
        version: 1
        fields:
          country: {type: string, max_length: 2}
          merchant_id: {type: string, max_length: 32}
          category: {type: string, max_length: 32}
        """

    private static let features = """
        version: 1
        features:
          account.count_5m: {aggregate: count, window: {tumbling: 5m}, description: Payments}
          account.sum_5m: {aggregate: sum, of: payment.amount, window: {tumbling: 5m}, description: Their sum}
        """

    private static var rules: String {
        let alerting = [
            "account.count_5m > 20", "account.sum_5m > 50000000", #"account.count_5m >= 6 && payment.category == "digital" && account.sum_5m < 30"#,
            #"payment.country == "KP" && payment.amount > 400"#,
        ]
        let silent = (0..<16).map { number in
            #"payment.amount > \#(number) && payment.currency in ["EUR", "USD", "GBP"] && account.sum_5m >= \#(number) && account.count_5m > \#(1_000 + number)"#
        }
        let entries = (alerting + silent).enumerated().map { index, condition in
            """
              - id: bench_\(index)
                title: Rule \(index)
                owner: bench@example.com
                when: '\(condition)'
                score: 20
                severity: low
                action: review
                status: active
            """
        }
        return "version: 1\nrules:\n" + entries.joined(separator: "\n") + "\n"
    }
}

extension BenchRules {
    static func load(_ folder: String) throws(StartFailure) -> RuleSet {
        switch RuleFiles.load(directory: folder, baseWindowMilliseconds: 300_000) {
        case .success(let loaded): return loaded.set
        case .failure(let diagnostics): throw StartFailure(.usage, diagnostics.text + "the rules in '\(folder)' do not load")
        }
    }
}
