import FraudEngine

extension Refusal {
    func cure(_ shared: WorkerEnvironment, _ partition: Int32) -> String { cure(shared.store, partition) }

    /// What a person can do about it, as commands where there are any.
    func cure(_ store: CheckpointStore, _ partition: Int32) -> String {
        let group = store.group
        let topic = store.topic
        let remove = store.commandToRemove(partition)
        let anew =
            "to begin the partition anew (alerts of its open windows may come again): stop all instances, wait until the group is empty (session.timeout.ms, 10 s), kafka-consumer-groups.sh --group \(group) "
            + "--delete-offsets --topic \(topic):\(partition), \(remove), start"
        switch self {
        case .foldChanged: return "go back to the time.* and input.* settings and the version it was made with, or \(anew)"
        case .partitionCountChanged: return "a topic that grows moves accounts between partitions: set another `group`, or \(anew)"
        case .checkpointWithoutOffset:
            return
                "to begin the partition anew (what the topic still holds is read again, and its alerts come again): stop all instances, \(remove), start"
        case .noUsableCheckpoint, .ruleSetMissing:
            return "bring back \(store.place) as the last instance left it (all instances share one), or \(anew)"
        case .abortedThrice: return "mend what the broker says and restart; the partition goes on where it was"
        case .metadataUnreadable, .anchorMismatch, .offsetBeyondLog, .logStartsLater, .digestMismatch: return anew
        }
    }
}
