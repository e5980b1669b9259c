/// Why a partition stays out: the service says so, names the cure, and the other partitions live on.
package enum Refusal: Error, Equatable, Sendable {
    /// Committed offset without metadata, or metadata that cannot be read.
    case metadataUnreadable(String)
    /// A checkpoint exists for a partition that has no committed offset; where the log ends.
    case checkpointWithoutOffset(checkpoint: Int64, logEnd: Int64)
    case partitionCountChanged(committed: Int, now: Int)
    /// Window, grace, mapping, exponents or the fold's code changed.
    case foldChanged(committed: String, now: String)
    /// The record at the anchor is another one, or none: the topic was recreated or truncated.
    case anchorMismatch(offset: Int64)
    case offsetBeyondLog(committed: Int64, end: Int64)
    /// The log starts behind the point from which the state would have to be replayed.
    case logStartsLater(needed: Int64, start: Int64)
    case noUsableCheckpoint(String)
    case ruleSetMissing(String)
    case digestMismatch(expected: UInt64, found: UInt64)
    /// The transaction that begins with the record at `offset` was aborted three times, the last time with the records before `end`.
    case abortedThrice(offset: Int64, end: Int64, cause: String)

    /// A replay without a checkpoint from the log's first record on does not reach the committed state.
    package static func logTooShort(start: Int64) -> Refusal {
        .noUsableCheckpoint("there is none that serves, and the log, which starts at \(start), no longer has all payments that are needed")
    }

    /// A stable word for logs, metrics and status.
    package var name: String {
        switch self {
        case .metadataUnreadable: "metadata_unreadable"
        case .checkpointWithoutOffset: "checkpoint_without_offset"
        case .partitionCountChanged: "partition_count_changed"
        case .foldChanged: "fold_changed"
        case .anchorMismatch: "anchor_mismatch"
        case .offsetBeyondLog: "offset_beyond_log"
        case .logStartsLater: "log_starts_later"
        case .noUsableCheckpoint: "no_usable_checkpoint"
        case .ruleSetMissing: "rule_set_missing"
        case .digestMismatch: "digest_mismatch"
        case .abortedThrice: "aborted_thrice"
        }
    }

    /// What is wrong, in one sentence.
    package var message: String {
        switch self {
        case .metadataUnreadable(let why): "the committed offset carries no metadata that Tripline can read (\(why)): the offset was set by another tool"
        case .checkpointWithoutOffset(let offset, let end) where offset > end:
            "a checkpoint at offset \(offset) exists, but the group has no committed offset, and the log ends at \(end): the topic was recreated"
        case .checkpointWithoutOffset(let offset, _):
            "a checkpoint at offset \(offset) exists, but the group has no committed offset: it expired or was deleted, or the topic was recreated"
        case .partitionCountChanged(let committed, let now): "the topic had \(committed) partitions and now has \(now): accounts have moved between partitions"
        case .foldChanged(let committed, let now): "the state was made with other windows, grace, mapping or code (fold \(committed), now \(now))"
        case .anchorMismatch(let offset): "the record at offset \(offset) is not the one that was read: the topic was recreated or truncated"
        case .offsetBeyondLog(let committed, let end):
            "the committed offset \(committed) lies beyond the log's end \(end): the topic was recreated or truncated"
        case .logStartsLater(let needed, let start):
            "offset \(needed) is needed next, but the log starts at \(start): records were deleted before they were read"
        case .noUsableCheckpoint(let why): "no usable checkpoint: \(why)"
        case .ruleSetMissing(let hash): "rule set sha256:\(hash), which judged records that must be replayed, is not in the store"
        case .digestMismatch(let expected, let found):
            "the recovered state has digest \(hexadecimal(found)), the committed one \(hexadecimal(expected))"
        case .abortedThrice(let offset, let end, let cause):
            (end > offset ? "the transaction of the records from offset \(offset) to \(end - 1)" : "the transaction at offset \(offset)")
                + " was aborted three times: \(cause)"
        }
    }
}
