import FraudEngine
import Kafka
import Threads

/// Payments at a steady rate, and how long a process takes from each of them to its alert.
struct LiveLoad {
    /// Seconds: a broker that has just served its first long backlog compiles for nearly that long, with half of a core and more.
    static let warmUpAfterBacklog = 20
    /// Seconds, where the rate was the same before.
    static let shortWarmUp = 5

    let settings: Settings
    /// Payments per second.
    let rate: Int
    /// Seconds at the rate before anything counts, and what counts.
    let warmUp: Int
    let seconds: Int
    let accounts: Int
    let seed: UInt64
    let payments: String
    let alerts: String
    let log: Log

    func measure(_ process: ChildProcess) throws(StartFailure) -> BenchReport.Live {
        let reader = AlertReader(properties: settings.consumerProperties, topic: alerts, partitions: Bench.partitions, from: .end, log: log)
        let reading = DedicatedThread.start("alert-reader") { reader.run() }
        defer {
            reader.stop()
            reading.join()
        }
        while !reader.isReady { try Bench.pause(milliseconds: 10) }
        let feed = PaymentFeed(
            .generated(seed: seed, burstEvery: 200, accounts: accounts), rate: rate, topic: payments, properties: settings.clientProperties,
            headroom: Int64.max, readCount: { 0 })
        let producing = DedicatedThread.start("payments") { feed.run() }
        let span: Span
        do throws(StartFailure) { span = try wait(process) } catch {
            feed.stop()
            producing.join()
            throw error
        }
        let resident = process.residentBytes(peak: false) ?? 0
        feed.stop()
        producing.join()
        if let problem = feed.problem { throw StartFailure(.unreachable, "payments could not be produced: \(problem)") }
        // Alerts on the last payments are on their way.
        try Bench.pause(milliseconds: 1_000)
        return BenchReport.Live(
            sent: feed.sentCount, cores: span.cores, idleCores: span.idleCores, arrivals: reader.latest.arrivals, start: span.start, residentBytes: resident)
    }

    private struct Span {
        /// When it began to count, Unix milliseconds.
        var start: Int64
        /// The process's processor time per second from then on, and what nobody used.
        var cores: Double
        var idleCores: Double?
    }

    private func wait(_ process: ChildProcess) throws(StartFailure) -> Span {
        for _ in 0..<warmUp * 10 { try Bench.pause(milliseconds: 100) }
        let start = (wall: Clock.wallMilliseconds(), time: Clock.monotonicNanoseconds(), processor: process.processorSeconds ?? 0)
        let idle = MachineStatistics.idleSeconds
        for _ in 0..<seconds * 10 { try Bench.pause(milliseconds: 100) }
        let time = Double(Clock.monotonicNanoseconds() - start.time) / 1e9
        let idleCores = idle.flatMap { before in MachineStatistics.idleSeconds.map { ($0 - before) / time } }
        return Span(start: start.wall, cores: ((process.processorSeconds ?? 0) - start.processor) / time, idleCores: idleCores)
    }
}
