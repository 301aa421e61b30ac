/// How much metadata a message may bring along, from wherever it comes.
///
/// Adapters read what is within these limits. A message with more is not handled: it goes through its route as a
/// failure (``Delivery/Origin/failure``), with the entries that came first, and so to the poison queue.
public enum MetadataLimits {
    /// How many entries there may be: 256.
    public static let count = 256
    /// How many bytes names and values may have in UTF-8, together: 65,536.
    public static let bytes = 65_536

    /// What `metadata` has too much of; nil when it is within the limits.
    public static func excess(of metadata: Metadata) -> MetadataError? {
        guard !metadata.isEmpty else { return nil }
        let size = metadata.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        return metadata.count > count || size > bytes ? MetadataError() : nil
    }
}

/// A message brings more metadata along than ``MetadataLimits`` allow.
public struct MetadataError: DispositionError, CustomStringConvertible, Equatable {
    public init() {}

    public var disposition: Disposition { .poison(reason) }
    public var reason: String { "metadata_too_large" }
    public var description: String {
        "the message has more than \(MetadataLimits.count) entries or \(MetadataLimits.bytes) bytes of metadata"
    }
}

/// Metadata in the making, entry by entry, from what others wrote: within ``MetadataLimits``, and in a time that
/// grows with the number of entries.
///
/// The first entry that goes beyond a limit is left out, and so is all that follows it.
public struct MetadataReader: Sendable {
    /// What was within the limits.
    public private(set) var metadata = Metadata()
    /// Whether something was left out.
    public private(set) var isCutOff = false
    private var byteCount = 0

    public init() {}

    /// Room for so many entries, as far as the limits allow.
    public mutating func reserveCapacity(_ count: Int) {
        metadata.reserveCapacity(min(count, MetadataLimits.count))
    }

    /// Takes an entry; of a name that comes twice, the last value counts.
    /// - Returns: false when it was left out: nothing that follows is taken either.
    @discardableResult
    public mutating func take(_ name: String, _ value: String) -> Bool {
        guard !isCutOff else { return false }
        byteCount += name.utf8.count + value.utf8.count
        // The count is looked at afterwards, because a name that comes again is no new entry.
        guard byteCount <= MetadataLimits.bytes else {
            isCutOff = true
            return false
        }
        if metadata.count == MetadataLimits.count, metadata[name] == nil {
            isCutOff = true
            return false
        }
        metadata[name] = value
        return true
    }

    /// All of it.
    /// - Throws: ``MetadataError`` when something was left out.
    public func finish() throws(MetadataError) -> Metadata {
        if isCutOff { throw MetadataError() }
        return metadata
    }
}
