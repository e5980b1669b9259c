import FraudEngine
import Kafka
import ReferenceFold
import RuleFiles

/// `tripline verify`: folds the payments topic with the reference fold, and holds the outputs of the service and its committed totals against that.
///
/// Reads only, also while the service runs: what is committed when it begins is what is compared.
struct Verify {
    /// Where an earlier lineage has written all that is missing: until the marker of what was committed just before can be read; milliseconds.
    private static let lateMarker: Int64 = 2_000

    let plan: VerificationPlan
    private let settings: Settings
    private let reader: TopicReader
    private let configuration: ReferenceFold.Configuration
    private var comparison: OutputComparison
    private var partitions: [VerifiedPartition] = []
    private var uncommitted: [Int32] = []
    private var isInputEmpty = true
    private var ruleSets: [RuleSetHash: PlainRuleSet] = [:]
    private var progress = VerifyProgress()

    static func run(_ range: Invocation.Verification, _ settings: Settings, _ output: Invocation.OutputFormat) throws(StartFailure) -> ExitCode {
        let access = try GroupAccess(settings)
        defer { access.end() }
        let log = Log(level: settings.logLevel, format: settings.logFormat)
        let limits = try StartChecks.run(settings, log: log, describesTopics: true, isPatient: false)
        let reader = try TopicReader(settings)
        defer { reader.end() }
        let context = try OperationContext(settings, access)
        var verify = Verify(VerificationPlan(context: context, range: range), reader, limits)
        let report = try verify.report()
        Terminal.data(output == .json ? report.json : report.text)
        guard report.differences.isEmpty else { return .findings }
        if let why = report.emptiness { throw StartFailure(.refused, why) }
        return .ok
    }

    private init(_ plan: VerificationPlan, _ reader: TopicReader, _ limits: StartChecks.Findings) {
        self.plan = plan
        self.reader = reader
        settings = plan.context.settings
        var configuration = ReferenceFold.Configuration(
            group: settings.group, topic: settings.input.topic, mapping: settings.input.mapping, windows: settings.windows)
        configuration.deadLetterMaxBytes = limits.deadLetterMaxBytes
        configuration.lateMaxBytes = limits.lateMaxBytes
        self.configuration = configuration
        comparison = OutputComparison(
            group: settings.group, topic: settings.input.topic, names: settings.output.names, openTransaction: settings.openTransaction)
    }

    private mutating func report() throws(StartFailure) -> VerifyReport {
        for facts in try plan.context.facts([]) {
            if facts.logEnd > facts.logStart { isInputEmpty = false }
            if let partition = try plan.partition(facts) { try fold(partition) } else { uncommitted.append(facts.partition) }
        }
        try readOutputs()
        let positions = try positionsNow()
        comparison.judgeAhead(positions)
        try explainLeftovers(before: positions)
        comparison.finish()
        return VerifyReport(
            group: settings.group, topic: settings.input.topic, topics: settings.output.names, partitions: partitions, uncommitted: uncommitted,
            isInputEmpty: isInputEmpty, isRange: plan.range.from != nil || plan.range.to != nil, comparison: comparison)
    }

    // MARK: The input

    private mutating func fold(_ partition: VerifiedPartition) throws(StartFailure) {
        var partition = partition
        let number = partition.facts.partition
        let history = try plan.activations(partition, &ruleSets)
        var fold: ReferenceFold?
        comparison.begin(number, scope(partition, horizon(partition, first: nil)))
        try reader.read(settings.input.topic, from: [number: partition.start], until: [number: partition.compared.upperBound]) { _, record in
            if fold == nil {
                let horizon = horizon(partition, first: record)
                comparison.begin(number, scope(partition, horizon))
                fold = ReferenceFold(partition: number, configuration: configuration, history: history, horizon: horizon)
            }
            if plan.range.passed.contains(where: { $0.partition == number && $0.offsets.contains(record.offset) }) {
                partition.passedCount += 1
                return
            }
            guard let result = fold?.fold(record) else { return }
            comparison.expect(result, of: .init(partition: number, offset: record.offset), received: record.timestamp)
            partition.recordCount += 1
            if partition.compared.contains(record.offset), result.isCertain { partition.judgedCount += 1 }
            progress.show { "partition \(number): folded up to offset \(record.offset) of \(partition.compared.upperBound)" }
        }
        if partition.totalsGap == nil { compareTotals(partition, fold) }
        partitions.append(partition)
    }

    private func scope(_ partition: VerifiedPartition, _ horizon: PlainHorizon?) -> OutputComparison.Scope {
        let committed = partition.committed.offset
        return OutputComparison.Scope(
            offsets: partition.compared, epoch: partition.metadata.epoch, horizon: horizon,
            committed: partition.compared.upperBound == committed ? committed : nil)
    }

    /// What the fold cannot have seen; nil: there is nothing before what it sees.
    ///
    /// - Parameter first: the first record of the log, where the fold begins with that: what was deleted before is not newer, but for as much disorder
    ///   as the grace lets pass.
    private func horizon(_ partition: VerifiedPartition, first: PlainRecord?) -> PlainHorizon? {
        if partition.isFromBirth { return nil }
        let maxAhead = settings.input.mapping.maxAheadMilliseconds
        if let time = partition.startTime { return PlainHorizon(timestamp: time, maxAhead: maxAhead) }
        let time = max(first?.timestamp ?? partition.metadata.streamTime, 0)
        return PlainHorizon(timestamp: time + settings.windows.grace, maxAhead: maxAhead)
    }

    private mutating func compareTotals(_ partition: VerifiedPartition, _ fold: ReferenceFold?) {
        let problems = partition.metadata.problems(against: fold?.totals ?? PlainTotals(), streamTime: fold?.streamTime)
        guard !problems.isEmpty else { return }
        comparison.differ(totalsOf: partition.facts.partition, "committed with offset \(partition.committed.offset): " + problems.joined(separator: "; "))
    }

    // MARK: The outputs

    private mutating func readOutputs() throws(StartFailure) {
        var positions: [PlainOutput.Kind: [Int32: Int64]] = [:]
        for (kind, topic) in settings.output.named {
            let starts = try reader.watermarks(topic).map(\.low)
            comparison.noteTopic(kind, starts: starts)
            positions[kind] = try read(kind, topic, Dictionary(uniqueKeysWithValues: starts.enumerated().map { (Int32($0), $1) }))
        }
        let start = Clock.monotonicMilliseconds()
        while comparison.missingCount > 0, Clock.monotonicMilliseconds() - start < (comparison.isIncomplete ? settings.openTransaction : Self.lateMarker) {
            progress.show { "something is missing: waiting for transactions that may still be open" }
            Clock.pause(milliseconds: 500)
            for (kind, topic) in settings.output.named { positions[kind] = try read(kind, topic, positions[kind] ?? [:]) }
        }
    }

    private mutating func read(_ kind: PlainOutput.Kind, _ topic: String, _ starts: [Int32: Int64]) throws(StartFailure) -> [Int32: Int64] {
        try reader.read(topic, from: starts) { partition, record in
            comparison.find(
                FoundOutput(
                    kind: kind, partition: partition, offset: record.offset, timestamp: record.timestamp ?? 0, key: record.key, value: record.value,
                    headers: record.headers))
            progress.show { "\(topic): read up to offset \(record.offset) of partition \(partition)" }
        }
    }

    /// What is committed now, of the partitions whose lineage is still the one that was folded.
    private func positionsNow() throws(StartFailure) -> [Int32: Int64] {
        let committed = try plan.context.access.committed(partitions.map(\.facts.partition))
        var positions: [Int32: Int64] = [:]
        for partition in partitions {
            var facts = partition.facts
            facts.committed = committed[facts.partition]
            guard let now = facts.committed, case .success(let metadata) = facts.metadata, metadata.epoch == partition.metadata.epoch else { continue }
            positions[facts.partition] = now.offset
        }
        return positions
    }

    /// Late payments do not say where they came from: those that no folded record explains may come from records that are not compared.
    ///
    /// - Parameter positions: by partition, what was committed after they were read; from there on none of them can come.
    private mutating func explainLeftovers(before positions: [Int32: Int64]) throws(StartFailure) {
        for partition in partitions where !comparison.leftovers.isEmpty {
            let number = partition.facts.partition
            let end = max(partition.compared.upperBound, positions[number] ?? .max)
            for offsets in [partition.facts.logStart..<partition.start, partition.compared.upperBound..<end] where !offsets.isEmpty {
                try reader.read(settings.input.topic, from: [number: offsets.lowerBound], until: [number: offsets.upperBound]) { _, record in
                    comparison.explain(record)
                    progress.show { "partition \(number): looking for late payments, at offset \(record.offset)" }
                }
            }
        }
    }
}

extension Settings.Output {
    /// In the order in which they are read.
    var named: [(PlainOutput.Kind, String)] { [(.alert, alerts), (.shadowAlert, shadow), (.late, late), (.deadLetter, deadLetters)] }

    var names: [PlainOutput.Kind: String] { Dictionary(uniqueKeysWithValues: named) }
}

extension CommitMetadata {
    /// What of the totals and of stream time (milliseconds) is not as the reference fold has it.
    func problems(against wanted: PlainTotals, streamTime: Int64?) -> [String] {
        var problems: [String] = []
        for outcome in Outcome.allCases {
            let (records, amount) = (totals[outcome], totals.amounts[Int(outcome.rawValue)])
            let (wantedRecords, wantedAmount) = (wanted.count(PlainOutcome(outcome)), wanted.amount(PlainOutcome(outcome)))
            if records != wantedRecords { problems.append("\(records) records \(outcome.name), must be \(wantedRecords)") }
            if amount != wantedAmount { problems.append("amounts \(outcome.name) of \(amount), must be \(wantedAmount)") }
        }
        let wantedTime = streamTime ?? StreamTime.none
        if self.streamTime != wantedTime { problems.append("stream time \(readable(self.streamTime)), must be \(readable(wantedTime))") }
        return problems
    }
}

extension PlainOutcome {
    init(_ outcome: Outcome) {
        switch outcome {
        case .folded: self = .folded
        case .late: self = .late
        case .duplicate: self = .duplicate
        case .invalid: self = .invalid
        case .ignored: self = .ignored
        }
    }
}

/// Tells on stderr every few seconds how far a long run is.
struct VerifyProgress {
    /// Milliseconds.
    private static let interval: Int64 = 3_000
    private var shownAt = Clock.monotonicMilliseconds()

    mutating func show(_ text: () -> String) {
        let now = Clock.monotonicMilliseconds()
        guard now - shownAt >= Self.interval else { return }
        shownAt = now
        Terminal.note("tripline: \(text())\n")
    }
}
