import CRabbitMQ

/// Memory of librabbitmq's for what it decodes and is given to encode: taken piece by piece, given back all at once.
final class NativePool {
    private let pool: UnsafeMutablePointer<amqp_pool_t>

    init(pageSize: Int = 16_384) {
        pool = .allocate(capacity: 1)
        pool.initialize(to: amqp_pool_t())
        init_amqp_pool(pool, pageSize)
    }

    deinit {
        empty_amqp_pool(pool)
        pool.deallocate()
    }

    var handle: UnsafeMutablePointer<amqp_pool_t> { pool }

    func recycle() {
        recycle_amqp_pool(pool)
    }

    /// Memory for `count` values, which are not initialised; nil for none of them, and when there is no memory.
    func allocate<Value>(_ count: Int, of type: Value.Type) -> UnsafeMutablePointer<Value>? {
        amqp_pool_alloc(pool, count * MemoryLayout<Value>.stride)?.bindMemory(to: Value.self, capacity: count)
    }

    func copy(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }

    func copy(_ bytes: UnsafeRawBufferPointer) -> amqp_bytes_t {
        guard let source = bytes.baseAddress, let memory = amqp_pool_alloc(pool, bytes.count) else {
            return amqp_bytes_t(len: 0, bytes: nil)
        }
        memory.copyMemory(from: source, byteCount: bytes.count)
        return amqp_bytes_t(len: bytes.count, bytes: memory)
    }
}
