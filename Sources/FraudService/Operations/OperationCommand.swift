import FraudEngine

/// `tripline offsets …` and `tripline state …`.
enum OperationCommand {
    static func run(_ operation: Operation, _ settings: Settings, _ output: Invocation.OutputFormat) -> ExitCode {
        do throws(StartFailure) {
            switch operation {
            case .offsetsShow(let partitions): try OffsetsShow.run(partitions, settings, output)
            case .stateList(let partitions): try StateList.run(partitions, settings, output)
            case .stateVerify(let partitions): return try StateVerify.run(partitions, settings, output)
            case .offsetsReset(let target, let change):
                try OperationRun.run(change, settings, output) { (context) throws(StartFailure) in
                    try OffsetsReset.plan(target, change.partitions, context)
                }
            case .offsetsSkip(let offset, let change):
                try OperationRun.run(change, settings, output) { (context) throws(StartFailure) in
                    try OffsetsSkip.plan(to: offset, change.partitions, context)
                }
            case .offsetsAcceptGap(let change):
                try OperationRun.run(change, settings, output) { (context) throws(StartFailure) in try OffsetsAcceptGap.plan(change.partitions, context) }
            case .stateMigrate(let change):
                try OperationRun.run(change, settings, output) { (context) throws(StartFailure) in try StateMigrate.plan(change.partitions, context) }
            }
            return .ok
        } catch {
            return ServeCommand.fail(error)
        }
    }
}

/// Why single partitions cannot be changed: then none is.
struct PartitionObstacles {
    private var lines: [String] = []

    mutating func add(_ partition: Int32, _ why: String) { lines.append("partition \(partition): \(why)") }

    func throwIfAny() throws(StartFailure) {
        guard !lines.isEmpty else { return }
        throw StartFailure(.refused, lines.joined(separator: "\n") + "\nnothing was changed; --partition P chooses partitions")
    }
}
