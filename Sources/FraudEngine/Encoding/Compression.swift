import CZstd

/// Compresses bytes piece by piece into one zstd frame (RFC 8878). One owner; a second `finish` begins another frame.
struct Compressor: ~Copyable {
    private let context: OpaquePointer

    /// Fast rather than small: most of a state is fingerprints, which do not compress.
    private static let level: Int32 = 1

    init() {
        guard let context = ZSTD_createCCtx() else { preconditionFailure("zstd refuses a context only without memory") }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Self.level)
        self.context = context
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Takes the bytes into the frame.
    func append(_ bytes: UnsafeRawBufferPointer, to out: inout ByteWriter) { run(bytes, ZSTD_e_continue, to: &out) }

    /// Ends the frame.
    func finish(to out: inout ByteWriter) { run(UnsafeRawBufferPointer(start: nil, count: 0), ZSTD_e_end, to: &out) }

    private func run(_ bytes: UnsafeRawBufferPointer, _ end: ZSTD_EndDirective, to out: inout ByteWriter) {
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        while true {
            let rest = out.append(atMost: ZSTD_CStreamOutSize()) { room in
                var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                let rest = ZSTD_compressStream2(context, &output, &input, end)
                precondition(ZSTD_isError(rest) == 0, "zstd compresses whatever it is given")
                return (output.pos, rest)
            }
            if end == ZSTD_e_end ? rest == 0 : input.pos == input.size { return }
        }
    }
}

enum Compression {
    /// No frame holds more bytes for each of its own: a block of 128 KiB (RFC 8878, 3.1.1.2) takes four.
    private static let highestRatio = 1 << 15

    /// The content of a frame; nil if it is none, or its content has another size. A size that no such frame can have costs no memory.
    static func decompress(_ frame: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        guard count >= 0, count / highestRatio <= frame.count else { return nil }
        var size = 0
        let content = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            size = ZSTD_decompress(buffer.baseAddress, count, frame.baseAddress, frame.count)
            filled = ZSTD_isError(size) == 0 ? size : 0
        }
        return ZSTD_isError(size) == 0 && size == count ? content : nil
    }
}
