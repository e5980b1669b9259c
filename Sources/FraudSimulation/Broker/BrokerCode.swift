/// What a broker answers: Kafka's error codes, as far as the model needs them.
enum BrokerCode: Sendable, Equatable {
    case none
    /// A transaction of this producer is still ending (`CONCURRENT_TRANSACTIONS`).
    case concurrent
    /// `INVALID_PRODUCER_EPOCH`, `PRODUCER_FENCED`
    case producerFenced
    case invalidTransactionState
    case unauthorized
    case illegalGeneration
    case unknownMember
    case instanceFenced
    case rebalanceInProgress
    /// An offset is part of a transaction that is still open (`UNSTABLE_OFFSET_COMMIT`).
    case unstable
    case outOfSequence
}
