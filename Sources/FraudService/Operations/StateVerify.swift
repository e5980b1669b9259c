import FraudEngine

/// `tripline state verify`: reads every checkpoint whole, and recovers each partition as a start would. Changes nothing, also while the service runs.
struct StateVerify {
    struct Finding {
        var partition: Int32
        /// A checkpoint's path; nil: it is about what is committed.
        var path: String?
        var isBad: Bool
        var text: String
    }

    private let context: OperationContext
    private var findings: [Finding] = []

    static func run(_ partitions: [Int32], _ settings: Settings, _ output: Invocation.OutputFormat) throws(StartFailure) -> ExitCode {
        let access = try GroupAccess(settings)
        defer { access.end() }
        var verify = StateVerify(context: try OperationContext(settings, access))
        for facts in try verify.context.facts(partitions) {
            for entry in facts.checkpoints { try verify.read(entry, facts) }
            try verify.recover(facts)
        }
        verify.show(output)
        return verify.findings.contains(where: \.isBad) ? .findings : .ok
    }

    // MARK: Checkpoints

    private mutating func read(_ entry: StoredCheckpoint, _ facts: PartitionFacts) throws(StartFailure) {
        var epoch: Int64?
        if case .success(let metadata) = facts.metadata { epoch = metadata.epoch }
        switch try context.read(entry) {
        // A service that runs removes the oldest.
        case .failure(.unreadable(let problem)) where problem.isMissing: break
        case .failure(.damaged(.state(.windowSize))) where entry.epoch != epoch: add(facts, entry, isBad: false, "of another fold and an earlier lineage")
        case .failure(let problem): add(facts, entry, isBad: true, problem.text)
        case .success(let read):
            let missing = try context.problems(ofRuleSets: read.header.history)
            guard missing.isEmpty else { return add(facts, entry, isBad: entry.epoch == epoch, missing.joined(separator: ", ")) }
            let isOtherFold = read.header.foldHash != context.worker.foldHash
            let fold = isOtherFold ? ", made by another fold" : ""
            let lineage = entry.epoch == epoch ? "" : ", of another lineage"
            add(facts, entry, isBad: isOtherFold && entry.epoch == epoch, "whole, digest \(hexadecimal(read.header.digest))\(fold)\(lineage)")
        }
    }

    private mutating func add(_ facts: PartitionFacts, _ entry: StoredCheckpoint, isBad: Bool, _ text: String) {
        findings.append(Finding(partition: facts.partition, path: entry.place, isBad: isBad, text: text))
    }

    // MARK: Recovery

    private mutating func recover(_ facts: PartitionFacts) throws(StartFailure) {
        guard let committed = facts.committed else {
            let orphan = facts.checkpoints.last.map { Refusal.checkpointWithoutOffset(checkpoint: $0.kept.offset, logEnd: facts.logEnd) }
            return findings.append(
                Finding(partition: facts.partition, path: nil, isBad: orphan != nil, text: orphan.map { describe($0, facts) } ?? "nothing is committed"))
        }
        do throws(OfflineRecovery.Trouble) {
            let reached = try context.recovery.recover(facts)
            findings.append(
                Finding(
                    partition: facts.partition, path: nil, isBad: false,
                    text: "the committed state at offset \(committed.offset) is reached from \(reached.source), \(reached.replayedCount) records replayed, "
                        + "digest \(hexadecimal(reached.metadata.digest))"))
        } catch {
            switch error {
            case .failed(let failure): throw failure
            case .refused(let why): findings.append(Finding(partition: facts.partition, path: nil, isBad: true, text: describe(why, facts)))
            }
        }
    }

    private func describe(_ why: Refusal, _ facts: PartitionFacts) -> String { "\(why.message); \(why.cure(context.cures, facts.partition))" }

    // MARK: Output

    private func show(_ output: Invocation.OutputFormat) {
        switch output {
        case .text:
            for finding in findings {
                let subject = finding.path.map { "checkpoint \($0)" } ?? "recovery"
                Terminal.data("partition \(finding.partition)  \(finding.isBad ? "BAD" : "ok ")  \(subject): \(finding.text)\n")
            }
        case .json:
            let rows = findings.map { finding in
                "{\"partition\":\(finding.partition),\"checkpoint\":\(finding.path.map(jsonQuoted) ?? "null"),\"ok\":\(!finding.isBad),"
                    + "\"text\":\(jsonQuoted(finding.text))}"
            }
            Terminal.data("{\"ok\":\(!findings.contains(where: \.isBad)),\"findings\":[\(rows.joined(separator: ","))]}\n")
        }
    }
}

extension OperationContext {
    func read(_ entry: StoredCheckpoint) throws(StartFailure) -> Result<ReadCheckpoint, CheckpointLoader.Unusable> {
        do throws(CheckpointLoader.Failure) { return try loader.read(entry) } catch {
            switch error {
            case .refused(let why): return .failure(.unreadable(.incomplete(why.message)))
            case .later(let problem): throw StartFailure(problem, store)
            }
        }
    }

    fileprivate func problems(ofRuleSets history: [RuleActivation]) throws(StartFailure) -> [String] {
        var found: [String] = []
        for entry in history {
            do throws(CheckpointLoader.Failure) { _ = try loader.ruleSet(entry.ruleSet) } catch {
                switch error {
                case .refused(let why): found.append(why.message)
                case .later(let problem): throw StartFailure(problem, store)
                }
            }
        }
        return found
    }
}
