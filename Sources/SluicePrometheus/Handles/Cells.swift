import Glibc
import Synchronization

/// A row of 64-bit atomics, kept once per stripe so that threads that update the same metric rarely share a cache line.
///
/// Each cell only grows (unless stored to), so a total over the stripes never falls between two reads of it.
///
/// `@unchecked`: the memory belongs to this value alone, is freed with it, and is touched only through its atomics.
struct Cells: ~Copyable, @unchecked Sendable {
    private static let cacheLine = 64

    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    /// Words from one stripe to the next: whole cache lines.
    private let stride: Int
    private let stripes: Int

    /// - Parameter striped: false for cells that are seldom written, and never with a stripe.
    init(count: Int, striped: Bool) {
        let wordsPerLine = Self.cacheLine / MemoryLayout<UInt64>.size
        stride = striped ? (count + wordsPerLine - 1) / wordsPerLine * wordsPerLine : count
        stripes = striped ? 4 : 1
        let total = stride * stripes
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: total * MemoryLayout<Atomic<UInt64>>.stride, alignment: Self.cacheLine)
        words = memory.bindMemory(to: Atomic<UInt64>.self, capacity: total)
        for index in 0..<total {
            (words + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        words.deinitialize(count: stride * stripes)
        UnsafeMutableRawPointer(words).deallocate()
    }

    /// The calling thread's stripe, to be passed to the functions below.
    ///
    /// Threads' descriptors lie a stack apart; the golden ratio's multiples of neighbours fall into different quarters.
    @inline(__always)
    var stripe: Int {
        let thread = pthread_self()
        return Int(bitPattern: ((thread >> 12) &* 0x9E37_79B9_7F4A_7C15) >> 62) &* stride
    }

    @inline(__always)
    func add(_ amount: UInt64, to cell: Int, in stripe: Int) {
        words[stripe &+ cell].wrappingAdd(amount, ordering: .relaxed)
    }

    /// Adds to a cell that holds the bits of a Double.
    @inline(__always)
    func accumulate(_ amount: Double, to cell: Int, in stripe: Int) {
        let word = words + (stripe &+ cell)
        var bits = word.pointee.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: bits) + amount).bitPattern
            let (exchanged, original) = word.pointee.weakCompareExchange(
                expected: bits, desired: sum, ordering: .relaxed)
            if exchanged { return }
            bits = original
        }
    }

    /// Raises the Double in a cell of the first stripe; a lower value changes nothing.
    func raise(_ cell: Int, to value: Double) {
        var bits = words[cell].load(ordering: .relaxed)
        while Double(bitPattern: bits) < value {
            let (exchanged, original) = words[cell].weakCompareExchange(
                expected: bits, desired: value.bitPattern, ordering: .relaxed)
            if exchanged { return }
            bits = original
        }
    }

    /// Puts `new` into a cell of the first stripe if it still holds `old`.
    func replace(_ cell: Int, _ old: UInt64, with new: UInt64) -> Bool {
        words[cell].compareExchange(expected: old, desired: new, ordering: .relaxed).exchanged
    }

    /// A cell of the first stripe.
    @inline(__always)
    func load(_ cell: Int) -> UInt64 {
        words[cell].load(ordering: .relaxed)
    }

    func total(of cell: Int) -> UInt64 {
        var sum: UInt64 = 0
        for stripe in 0..<stripes {
            sum &+= words[stripe * stride + cell].load(ordering: .relaxed)
        }
        return sum
    }

    func doubleTotal(of cell: Int) -> Double {
        var sum = 0.0
        for stripe in 0..<stripes {
            sum += Double(bitPattern: words[stripe * stride + cell].load(ordering: .relaxed))
        }
        return sum
    }

    func clear() {
        for index in 0..<stride * stripes {
            words[index].store(0, ordering: .relaxed)
        }
    }
}
