import Synchronization

/// A number that only grows, or a gauge; read and written from any thread.
final class MetricNumber: Sendable {
    private let number = Atomic<Int64>(0)

    func add(_ amount: Int64 = 1) { number.wrappingAdd(amount, ordering: .relaxed) }
    func set(_ value: Int64) { number.store(value, ordering: .relaxed) }
    var value: Int64 { number.load(ordering: .relaxed) }
}

/// Counters by their label values. For a few hundred updates a second and a bounded number of series.
final class CounterFamily: Sendable {
    private let counts: Mutex<[[String]: UInt64]>

    /// - Parameter known: series that are there from the start, at 0.
    init(_ known: [[String]] = []) {
        counts = Mutex(Dictionary(known.map { ($0, 0) }, uniquingKeysWith: { first, _ in first }))
    }

    func add(_ labels: [String], _ amount: UInt64 = 1) {
        counts.withLock { $0[labels, default: 0] &+= amount }
    }

    func remove(where isGone: ([String]) -> Bool) {
        counts.withLock { counts in counts = counts.filter { !isGone($0.key) } }
    }

    /// By label values, as bytes.
    var series: [(labels: [String], count: UInt64)] {
        counts.withLock { $0.map { (labels: $0.key, count: $0.value) } }.sorted { $0.labels.precedes($1.labels) }
    }
}

/// A histogram with fixed bounds, in seconds.
final class Histogram: Sendable {
    /// From 1 ms to 60 s: event latencies aim at tens of milliseconds, recoveries at a minute.
    static let bounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    /// By bucket, not added up; the last is above all bounds.
    private let buckets = (0...Histogram.bounds.count).map { _ in MetricNumber() }
    private let nanoseconds = MetricNumber()

    func observe(_ seconds: Double) {
        guard seconds.isFinite else { return }
        // Clocks of two machines: a negative latency is none.
        let seconds = min(max(0, seconds), 1e9)
        buckets[Histogram.bounds.firstIndex { seconds <= $0 } ?? Histogram.bounds.count].add()
        nanoseconds.add(Int64(seconds * 1e9))
    }

    struct Reading {
        /// Observations at or below each bound.
        var cumulative: [Int64]
        var count: Int64
        /// Seconds.
        var sum: Double
    }

    /// The count is the buckets' sum, so that a reading is consistent in itself.
    var reading: Reading {
        var total: Int64 = 0
        var cumulative: [Int64] = []
        for bucket in buckets {
            total += bucket.value
            cumulative.append(total)
        }
        return Reading(cumulative: cumulative.dropLast(), count: total, sum: Double(nanoseconds.value) / 1e9)
    }
}

/// Histograms by the value of one label.
final class HistogramFamily: Sendable {
    private let histograms = Mutex<[String: Histogram]>([:])

    func observe(_ label: String, _ seconds: Double) {
        let histogram = histograms.withLock { histograms in
            if let known = histograms[label] { return known }
            let new = Histogram()
            histograms[label] = new
            return new
        }
        histogram.observe(seconds)
    }

    /// By label value, as bytes.
    var series: [(label: String, reading: Histogram.Reading)] {
        histograms.withLock { $0.map { (label: $0.key, histogram: $0.value) } }
            .sorted { $0.label.utf8.lexicographicallyPrecedes($1.label.utf8) }
            .map { (label: $0.label, reading: $0.histogram.reading) }
    }
}

extension [String] {
    /// Element by element, as bytes.
    fileprivate func precedes(_ other: [String]) -> Bool {
        for (a, b) in zip(self, other) where a != b { return a.utf8.lexicographicallyPrecedes(b.utf8) }
        return count < other.count
    }
}
