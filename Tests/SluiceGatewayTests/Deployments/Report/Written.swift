import Synchronization

/// What is written in pieces, as a whole.
enum Written {
    static func bytes(_ write: (@escaping ([UInt8]) throws -> Void) throws -> Void) throws -> [UInt8] {
        let whole = Mutex<[UInt8]>([])
        try write { piece in whole.withLock { $0 += piece } }
        return whole.withLock(\.self)
    }

    static func text(_ write: (@escaping ([UInt8]) throws -> Void) throws -> Void) throws -> String {
        String(decoding: try bytes(write), as: UTF8.self)
    }
}
