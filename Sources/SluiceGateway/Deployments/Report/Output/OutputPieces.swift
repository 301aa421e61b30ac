/// Hands text on in pieces: neither each line by itself, nor all at once.
struct OutputPieces {
    private static let size = 256 << 10

    private var bytes: [UInt8] = []
    private let output: ([UInt8]) throws -> Void

    init(_ output: @escaping ([UInt8]) throws -> Void) {
        self.output = output
        bytes.reserveCapacity(Self.size + 4_096)
    }

    mutating func add(_ text: some Sequence<UInt8>) throws {
        bytes.append(contentsOf: text)
        guard bytes.count >= Self.size else { return }
        try finish()
    }

    mutating func finish() throws {
        guard !bytes.isEmpty else { return }
        try output(bytes)
        bytes.removeAll(keepingCapacity: true)
    }
}
