import Glibc

/// The program's two outputs: data on stdout, notes on stderr.
package enum Terminal {
    package static func data(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }

    package static func note(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }

    /// Whole, or as far as the other end takes it: a reader that went away has nobody to tell.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var at = 0
        while at < bytes.count {
            let rest = bytes.count - at
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + at, rest) }
            if count < 0, errno != EINTR { return }
            at += max(0, count)
        }
    }
}
