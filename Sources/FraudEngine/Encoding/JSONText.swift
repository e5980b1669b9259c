extension ByteWriter {
    /// A JSON string, escaped as RFC 8785 does.
    package mutating func append(jsonString: ByteSlice) {}

    package mutating func append(jsonString: String) {}
}
