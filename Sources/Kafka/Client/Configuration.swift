internal import CRdKafka

/// Owns a librdkafka configuration until a client takes it over.
struct Configuration: ~Copyable {
    private let pointer: OpaquePointer

    init() {
        pointer = rd_kafka_conf_new()
    }

    deinit {
        rd_kafka_conf_destroy(pointer)
    }

    /// Sets a user's property. Throws librdkafka's text for an unknown key or a bad value, with the key as the user wrote it:
    /// librdkafka names the property behind an alias.
    mutating func set(_ key: String, _ value: String) throws(KafkaError) {
        let outcome = apply(key, value)
        guard outcome.result != RD_KAFKA_CONF_OK else { return }
        throw KafkaError.invalid(outcome.text.contains("\"\(key)\"") ? outcome.text : "\(key): \(outcome.text)")
    }

    /// Sets one of our own defaults; a librdkafka too old (or too new) to know it goes without.
    mutating func setDefault(_ key: String, _ value: String) throws(KafkaError) {
        let outcome = apply(key, value)
        guard outcome.result != RD_KAFKA_CONF_INVALID else { throw KafkaError.invalid(outcome.text) }
    }

    private func apply(_ key: String, _ value: String) -> (result: rd_kafka_conf_res_t, text: String) {
        withTextBuffer { buffer, capacity in
            let result = rd_kafka_conf_set(pointer, key, value, buffer, capacity)
            return (result, String(cString: buffer))
        }
    }

    func value(of key: String) throws(KafkaError) -> String {
        var count = 0
        guard rd_kafka_conf_get(pointer, key, nil, &count) == RD_KAFKA_CONF_OK else {
            throw KafkaError.invalid("no such configuration property: \(key)")
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) { buffer in
            buffer.initialize(repeating: 0)
            rd_kafka_conf_get(pointer, key, buffer.baseAddress, &count)
            return buffer.withMemoryRebound(to: UInt8.self) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
        }
    }

    /// Lends the pointer, to register callbacks.
    func withPointer(_ body: (OpaquePointer) -> Void) { body(pointer) }

    /// Makes a client, which owns the configuration from then on.
    consuming func makeClient(_ kind: rd_kafka_type_t) throws(KafkaError) -> OpaquePointer {
        let (client, text) = withTextBuffer { (buffer, capacity) -> (OpaquePointer?, String) in
            let client = rd_kafka_new(kind, pointer, buffer, capacity)
            return (client, String(cString: buffer))
        }
        guard let client else {
            // On failure the configuration is still ours: this frees it.
            _ = consume self
            throw KafkaError.invalid(text)
        }
        discard self
        return client
    }
}

extension Configuration {
    /// Our defaults under the caller's properties under what may not be changed.
    init(defaults: KafkaProperties, properties: KafkaProperties, fixed: KafkaProperties) throws(KafkaError) {
        self.init()
        for entry in defaults.entries { try setDefault(entry.key, entry.value) }
        for entry in properties.entries { try set(entry.key, entry.value) }
        for entry in fixed.entries { try setDefault(entry.key, entry.value) }
    }
}
