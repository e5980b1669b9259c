import Synchronization
import Threads

/// A queue between threads: appending never blocks, taking waits.
final class BlockingQueue<Element: Sendable>: Sendable {
    private struct Contents {
        var elements: [Element] = []
        var isClosed = false
    }

    private let contents = Mutex(Contents())
    /// Counts elements, and one more for the closing.
    private let available = Semaphore()

    func append(_ element: Element) {
        contents.withLock { $0.elements.append(element) }
        available.signal()
    }

    /// Appends what was taken out once more; drops it where the queue is closed, which would otherwise never be empty.
    func putBack(_ element: Element) {
        let isOpen = contents.withLock { contents in
            if !contents.isClosed { contents.elements.append(element) }
            return !contents.isClosed
        }
        if isOpen { available.signal() }
    }

    var isClosed: Bool { contents.withLock { $0.isClosed } }

    /// Lets `next` return nil once everything was taken.
    func close() {
        contents.withLock { $0.isClosed = true }
        available.signal()
    }

    /// The oldest element; waits for one; nil once the queue is closed and empty.
    func next() -> Element? {
        while true {
            available.wait()
            let (element, isClosed) = contents.withLock { ($0.elements.isEmpty ? nil : $0.elements.removeFirst(), $0.isClosed) }
            if let element { return element }
            if isClosed { return nil }
        }
    }
}
