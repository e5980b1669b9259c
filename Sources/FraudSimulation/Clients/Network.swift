/// Where a request goes.
enum Node { case broker, transactions, group }

/// Requests of processes to brokers and their answers: each takes its time, some are lost, and asked again, as a client library does it.
extension World {
    /// - Parameters:
    ///   - serve: What the broker does; it may answer later.
    ///   - refused: The answer where the fault `refuse` strikes.
    ///   - stranded: Called where the fault `strand` strikes: no answer will come.
    ///   - answered: Runs in the process.
    func request<Answer>(
        _ process: WorkerProcess, _ kind: RequestKind, _ node: Node, refused: Answer? = nil, stranded: (() -> Void)? = nil,
        serve: @escaping (_ reply: @escaping (Answer) -> Void) -> Void, answered: @escaping (Answer) -> Void
    ) {
        var exchange = Exchange(to: latency(), back: latency())
        if let effect = requestFault(process.host, kind) {
            trace("\(process) request \(kind.rawValue): \(effect)")
            exchange.take(effect)
        }
        if case .strand(let delay)? = exchange.effect, let stranded {
            // Too late for whoever asked.
            time.after(delay) { serve { _ in } }
            return stranded()
        }
        func again() {
            process.deliver { [unowned self] in
                request(process, kind, node, refused: refused, stranded: stranded, serve: serve, answered: answered)
            }
        }
        time.after(exchange.to) { [unowned self] in
            if case .cutOffBefore(let length)? = exchange.effect { take(node, down: length) }
            guard time.now >= downUntil(node) else { return time.after(.milliseconds(300), again) }
            if exchange.effect == .loseRequest {
                count(.requestLost)
                return time.after(.milliseconds(400), again)
            }
            if let side = exchange.effect, case .before(let effect) = side { strike(process, side, effect, of: kind) }
            func reply(_ answer: Answer) {
                if let side = exchange.effect, case .after(let effect) = side { strike(process, side, effect, of: kind) }
                if case .cutOff(let length)? = exchange.effect {
                    take(node, down: length)
                    return time.after(.milliseconds(400), again)
                }
                if exchange.effect == .loseAnswer {
                    count(.answerLost)
                    return time.after(.milliseconds(400), again)
                }
                time.after(exchange.back) { process.deliver { answered(answer) } }
            }
            if exchange.effect == .refuse, let refused { return reply(refused) }
            serve(reply)
        }
    }

    private struct Exchange {
        var to: Int64
        var back: Int64
        var effect: RequestEffect?

        mutating func take(_ effect: RequestEffect) {
            self.effect = effect
            if case .delayRequest(let delay) = effect { to += delay }
            if case .delayAnswer(let delay) = effect { back += delay }
        }
    }

    private func latency() -> Int64 { random.chance(3) ? random.among(5_000...250_000) : random.among(200...3_000) }
}
