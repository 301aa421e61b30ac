/// Bytes that come in at one end and go out at the other. The owner gives the memory back.
struct WireBuffer {
    private var memory: UnsafeMutableRawBufferPointer
    private var start = 0
    private(set) var count = 0

    init(capacity: Int) {
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    func deallocate() {
        memory.deallocate()
    }

    var content: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[start..<start + count])
    }

    /// All the room behind the content, at least `size` bytes.
    mutating func room(_ size: Int) -> UnsafeMutableRawBufferPointer {
        if memory.count - start - count < size {
            if memory.count - count >= size {
                memory.copyMemory(from: content)
            } else {
                let larger = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: max(memory.count * 2, count + size), alignment: 16)
                larger.copyMemory(from: content)
                memory.deallocate()
                memory = larger
            }
            start = 0
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[(start + count)...])
    }

    mutating func grow(by size: Int) {
        count += size
    }

    mutating func append(_ bytes: [UInt8]) {
        room(bytes.count).copyBytes(from: bytes)
        grow(by: bytes.count)
    }

    mutating func remove(_ size: Int) {
        count -= size
        start = count == 0 ? 0 : start + size
    }
}
