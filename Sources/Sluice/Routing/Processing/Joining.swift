/// Which consecutive messages a serial route handles as one: those that wait in its buffer side by side and have the same key.
///
/// They take one pass through the chain and one attempt at the destination, and each of them is settled with its outcome.
/// Where they can never be handled as one, each is handled alone before any of them is poisoned or discarded.
///
/// ```swift
/// Route("orders-to-mail", from: log, "orders", ordering: .serial, joining: Joining(by: .metadata("customer"))) {
///     try await send($1.messages)
/// }
/// ```
///
/// The message that the chain is given is the first of them; ``HandlerContext/messages`` are all.
public struct Joining: Sendable {
    /// What those share that are joined. A message without a key stays alone.
    public var key: KeySelector
    /// How many are joined at most. At least 2; default 50.
    public var maximumCount: Int
    /// How many bytes of payload, metadata and keys they hold at most, with 256 bytes for each. At least 1; default 256 KiB.
    public var maximumBytes: Int

    public init(by key: KeySelector, maximumCount: Int = 50, maximumBytes: Int = 262_144) {
        self.key = key
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
    }

    func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "Joining") { check in
            check("maximumCount", maximumCount, in: 2...)
            check("maximumBytes", maximumBytes, in: 1...)
        }
    }

    /// Cuts a batch into what is handled as one, in order.
    func runs(of batch: [Delivery]) -> [ArraySlice<Delivery>] {
        var runs: [ArraySlice<Delivery>] = []
        var start = batch.startIndex
        while start < batch.endIndex {
            let end = end(of: batch, from: start)
            runs.append(batch[start..<end])
            start = end
        }
        return runs
    }

    private func end(of batch: [Delivery], from start: Int) -> Int {
        guard let key = joinableKey(batch[start]) else { return start + 1 }
        var (end, bytes) = (start + 1, batch[start].size)
        while end < batch.endIndex, end - start < maximumCount, joinableKey(batch[end]) == key,
            batch[end].origin.partition == batch[start].origin.partition
        {
            bytes = bytes.addingSaturated(batch[end].size)
            guard bytes <= maximumBytes else { break }
            end += 1
        }
        return end
    }

    /// Nil for what stays alone, such as what is no message, or is not ours any more.
    private func joinableKey(_ delivery: Delivery) -> [UInt8]? {
        guard delivery.origin.failure == nil, delivery.isOurs else { return nil }
        return key(delivery.message)
    }
}
