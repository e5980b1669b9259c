/// Elements of one size in pages that never move, addressed by number; 0 means none.
///
/// While a snapshot is read elsewhere, a page is copied before its first change, so that taking a snapshot costs a copy of the page table only.
struct PagedPool: ~Copyable {
    let stride: Int
    private let pageShift: UInt32
    private let arena: PageArena
    private var pages: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var isShared: UnsafeMutablePointer<Bool>
    private var pageCount = 0
    private var pageCapacity = 16
    /// One past the highest number ever given out.
    private(set) var end: UInt32 = 1
    private var freeHead: UInt32 = 0
    private(set) var liveCount = 0

    init(stride: Int, pageShift: UInt32 = 8, arena: PageArena) {
        precondition(stride >= 8 && stride % 8 == 0)
        self.stride = stride
        self.pageShift = pageShift
        self.arena = arena
        pages = .allocate(capacity: pageCapacity)
        isShared = .allocate(capacity: pageCapacity)
    }

    deinit {
        pages.deallocate()
        isShared.deallocate()
    }

    private var pageMask: UInt32 { (1 << pageShift) - 1 }

    /// The element for reading.
    @inline(__always)
    func read(_ number: UInt32) -> UnsafeMutableRawPointer {
        pages[Int(number >> pageShift)] + Int(number & pageMask) * stride
    }

    /// The element for writing: its page is this state's alone.
    @inline(__always)
    mutating func write(_ number: UInt32) -> UnsafeMutableRawPointer {
        let page = Int(number >> pageShift)
        if isShared[page] { detach(page) }
        return pages[page] + Int(number & pageMask) * stride
    }

    @inline(never)
    private mutating func detach(_ page: Int) {
        let byteCount = stride << Int(pageShift)
        let copy = arena.allocate(byteCount: byteCount, isZeroed: false)
        copy.copyMemory(from: pages[page], byteCount: byteCount)
        arena.release(pages[page])
        pages[page] = copy
        isShared[page] = false
    }

    /// A zeroed element's number.
    mutating func allocate() -> UInt32 {
        liveCount += 1
        if freeHead != 0 {
            let number = freeHead
            let element = write(number)
            freeHead = element.load(as: UInt32.self)
            element.storeBytes(of: 0, as: UInt64.self)
            return number
        }
        let number = end
        if Int(number >> pageShift) >= pageCount { addPage() }
        end += 1
        if isShared[Int(number >> pageShift)] { detach(Int(number >> pageShift)) }
        return number
    }

    @inline(never)
    private mutating func addPage() {
        if pageCount == pageCapacity {
            pageCapacity *= 2
            let grownPages = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: pageCapacity)
            grownPages.update(from: pages, count: pageCount)
            pages.deallocate()
            pages = grownPages
            let grownShared = UnsafeMutablePointer<Bool>.allocate(capacity: pageCapacity)
            grownShared.update(from: isShared, count: pageCount)
            isShared.deallocate()
            isShared = grownShared
        }
        pages[pageCount] = arena.allocate(byteCount: stride << Int(pageShift))
        isShared[pageCount] = false
        pageCount += 1
    }

    /// Gives the element back; it reads as zeros but for its first four bytes.
    mutating func free(_ number: UInt32) {
        let element = write(number)
        element.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        element.storeBytes(of: freeHead, as: UInt32.self)
        freeHead = number
        liveCount -= 1
    }

    /// The pages as they are now; the arena's snapshot must be active for as long as they are read.
    mutating func shareWithSnapshot() -> PoolSnapshot {
        for page in 0..<pageCount { isShared[page] = true }
        return PoolSnapshot(pages: Array(UnsafeBufferPointer(start: pages, count: pageCount)), end: end, stride: stride, pageShift: pageShift)
    }

    mutating func snapshotEnded() {
        for page in 0..<pageCount { isShared[page] = false }
    }
}

/// A pool's pages at the moment of a snapshot; read-only.
struct PoolSnapshot {
    let pages: [UnsafeMutableRawPointer]
    let end: UInt32
    let stride: Int
    let pageShift: UInt32

    func read(_ number: UInt32) -> UnsafeMutableRawPointer {
        pages[Int(number >> pageShift)] + Int(number & ((1 << pageShift) - 1)) * stride
    }
}
