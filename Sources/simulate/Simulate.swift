import FraudSimulation
import Glibc

/// Runs seeds of the deterministic simulation; the exit code is 0 only if all hold and, over 500 and more, every kind of event was met.
@main
enum Simulate {
    private static let usage = """
        usage: simulate [--seeds N] [--first S] [--brief]   N seeds (500) from S (1) on; --brief: a failing one is only named
               simulate --seed S                            one seed, with its history
        """

    static func main() {
        var (count, first, only, isBrief): (UInt64, UInt64, UInt64?, Bool) = (500, 1, nil, false)
        var arguments = CommandLine.arguments.dropFirst()
        while let name = arguments.popFirst() {
            if name == "--brief" {
                isBrief = true
                continue
            }
            guard let value = arguments.popFirst().flatMap({ UInt64($0) }) else { leave(usage, 2) }
            switch name {
            case "--seeds": count = value
            case "--first": first = value
            case "--seed": only = value
            default: leave(usage, 2)
            }
        }
        if let only { tell(only) }
        run(first..<(first + count), isBrief: isBrief)
    }

    private static func tell(_ seed: UInt64) -> Never {
        let result = Simulation.run(Scenario(seed: seed), tells: true)
        if result.violation != nil { leave(Simulation.report(seed), 1) }
        leave((result.history + ["seed \(seed) holds"]).joined(separator: "\n"), 0)
    }

    private static func run(_ seeds: Range<UInt64>, isBrief: Bool) -> Never {
        var coverage = Coverage()
        for seed in seeds {
            let result = Simulation.run(Scenario(seed: seed))
            coverage.add(result.coverage)
            if let violation = result.violation { leave(isBrief ? "seed \(seed): \(violation)" : Simulation.report(seed), 1) }
            let done = seed - seeds.lowerBound + 1
            if done.isMultiple(of: 1_000) { write(to: STDERR_FILENO, "simulate: \(done) of \(seeds.count) seeds hold\n") }
        }
        for kind in CoverageKind.allCases { print("\(kind.rawValue) \(coverage[kind])") }
        for (strike, count) in coverage.strikes.sorted(by: { $0.key < $1.key }) { print("\(strike) \(count)") }
        if !isBrief, seeds.count >= 500, !coverage.missing.isEmpty { leave("never met: \(coverage.missing.joined(separator: ", "))", 1) }
        leave("\(seeds.count) seeds hold", 0)
    }

    private static func write(to descriptor: Int32, _ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    private static func leave(_ text: String, _ code: Int32) -> Never {
        print(text)
        exit(code)
    }
}
