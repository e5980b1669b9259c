import FraudEngine

/// What the commands of a cure need to find the same group, topic and store.
struct CureContext: Sendable {
    /// The checkpoint store, in words.
    let store: String
    /// `Settings.commandOptions`
    let options: String

    init(_ settings: Settings) {
        store = CheckpointStore(settings).place
        options = settings.commandOptions
    }
}

/// A command that mends a refused partition.
enum RefusalCommand: Equatable {
    case reset(Operation.Target)
    case acceptGap
    case skip(to: Int64)
    case migrate

    /// As a shell takes it.
    func text(_ context: CureContext, _ partition: Int32) -> String {
        let (words, rest) =
            switch self {
            case .reset(.earliest): ("offsets reset", " --to-earliest")
            case .reset(.latest): ("offsets reset", " --to-latest")
            case .reset(.current): ("offsets reset", " --to-current")
            case .reset(.offset(let offset)): ("offsets reset", " --to-offset \(offset)")
            case .reset(.time(let time)): ("offsets reset", " --to-datetime \(readable(time))")
            case .acceptGap: ("offsets accept-gap", "")
            case .skip(let offset): ("offsets skip", " --to-offset \(offset)")
            case .migrate: ("state migrate", "")
            }
        return "tripline \(words) --partition \(partition)\(rest)\(context.options)"
    }
}

extension Refusal {
    /// The command that mends it, and another where that one says that it cannot.
    var command: RefusalCommand {
        switch self {
        case .metadataUnreadable, .partitionCountChanged, .ruleSetMissing, .digestMismatch: .reset(.current)
        case .anchorMismatch, .offsetBeyondLog: .reset(.earliest)
        case .checkpointWithoutOffset(let offset, let end) where offset > end: .reset(.earliest)
        case .checkpointWithoutOffset, .logStartsLater, .noUsableCheckpoint: .acceptGap
        case .foldChanged: .migrate
        case .abortedThrice(let offset, let end, _): .skip(to: max(end, offset + 1))
        }
    }

    /// What a person can do about it: a way without loss where there is one, and a command that always helps, as a shell takes it after `run: `.
    func cure(_ context: CureContext, _ partition: Int32) -> String {
        let mended = mended(by: command, context, partition)
        let anew = "run instead: \(RefusalCommand.reset(.earliest).text(context, partition))"
        let anewAtStart = "to begin with an empty state at the start of the log, \(mended)"
        switch self {
        case .metadataUnreadable: return "to begin with an empty state at that offset, \(mended)"
        case .partitionCountChanged: return "set another `group`; or to go on with empty windows in every partition, \(mended)"
        case .foldChanged: return "go back to the time.* and input.* settings and the version it was made with; or to carry the state over, \(mended)"
        case .anchorMismatch, .offsetBeyondLog: return anewAtStart
        case .checkpointWithoutOffset(let offset, let end) where offset > end: return anewAtStart
        case .checkpointWithoutOffset: return "to go on from that checkpoint, \(mended); if the topic was recreated, \(anew)"
        case .logStartsLater: return "to go on without what is gone, \(mended)"
        case .noUsableCheckpoint:
            return "bring back \(context.store) as the last instance left it (all instances share one); or to go on with what the log still holds, \(mended)"
        case .ruleSetMissing:
            return "bring back \(context.store) as the last instance left it (all instances share one); or to go on with an empty state, \(mended)"
        case .digestMismatch: return "keep the checkpoints and the log for a report; to go on with an empty state, \(mended)"
        case .abortedThrice:
            return "mend what the broker says and restart: the partition goes on where it was; or to pass these records "
                + "(--dry-run lists them, a lower --to-offset passes fewer), \(mended)"
        }
    }

    /// The same where nothing is committed and `accept-gap` finds no checkpoint to go on from: only a new beginning helps then, and it cannot be
    /// `--to-current`.
    func cureWithoutOffset(_ context: CureContext, _ partition: Int32) -> String {
        let anew = "to begin with an empty state at the start of the log, \(mended(by: .reset(.earliest), context, partition))"
        switch self {
        case .partitionCountChanged: return "set another `group`; or \(anew)"
        case .foldChanged:
            return "to keep the state, run `offsets accept-gap` with the time.* and input.* settings and the version it was made with, then `state migrate` "
                + "with these; or \(anew)"
        case .noUsableCheckpoint, .ruleSetMissing:
            return "bring back \(context.store) as the last instance left it (all instances share one); or \(anew)"
        case .metadataUnreadable, .checkpointWithoutOffset, .anchorMismatch, .offsetBeyondLog, .logStartsLater, .digestMismatch, .abortedThrice: return anew
        }
    }

    private func mended(by command: RefusalCommand, _ context: CureContext, _ partition: Int32) -> String {
        "stop every instance of the group (a stopped one is a member until session.timeout.ms, 10 s, is over), run: \(command.text(context, partition)) "
            + "; then start them"
    }
}
