import Sluice

/// Metadata as one compact blob: for each entry the name and the value, each behind its length (LEB128). Empty
/// metadata is NULL.
enum MetadataCoding {
    static func encode(_ metadata: Metadata) -> [UInt8]? {
        guard !metadata.isEmpty else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(metadata.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 })
        for entry in metadata {
            append(entry.name, to: &bytes)
            append(entry.value, to: &bytes)
        }
        return bytes
    }

    /// - Returns: what can be read; the rest of a blob that another program wrote wrongly is ignored.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> MetadataReader {
        var reader = MetadataReader()
        var position = 0
        while let name = text(bytes, &position), let value = text(bytes, &position), reader.take(name, value) {}
        return reader
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        VariableInteger.append(UInt64(text.utf8.count), to: &bytes)
        bytes.append(contentsOf: text.utf8)
    }

    private static func text(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> String? {
        guard let length = VariableInteger.read(bytes, &position), length <= UInt64(bytes.count - position) else {
            return nil
        }
        let end = position + Int(length)
        defer { position = end }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }
}
